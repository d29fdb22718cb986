/** MS-SMB2 2.2.13.1 access masks, MS-DTYP 2.4.3: the rights to a file, a pipe or a directory. */

export const FILE_READ_DATA = 0x00000001;
export const FILE_WRITE_DATA = 0x00000002;
export const FILE_APPEND_DATA = 0x00000004;
export const FILE_READ_EA = 0x00000008;
export const FILE_WRITE_EA = 0x00000010;
export const FILE_EXECUTE = 0x00000020;
export const FILE_DELETE_CHILD = 0x00000040;
export const FILE_READ_ATTRIBUTES = 0x00000080;
export const FILE_WRITE_ATTRIBUTES = 0x00000100;

/** 2.2.13.1.2: what the same bits mean on a directory. */
export const FILE_LIST_DIRECTORY = FILE_READ_DATA;
export const FILE_ADD_FILE = FILE_WRITE_DATA;
export const FILE_ADD_SUBDIRECTORY = FILE_APPEND_DATA;
export const FILE_TRAVERSE = FILE_EXECUTE;

export const DELETE = 0x00010000;
export const READ_CONTROL = 0x00020000;
export const WRITE_DAC = 0x00040000;
export const WRITE_OWNER = 0x00080000;
export const SYNCHRONIZE = 0x00100000;
export const ACCESS_SYSTEM_SECURITY = 0x01000000;
export const MAXIMUM_ALLOWED = 0x02000000;
export const GENERIC_ALL = 0x10000000;
export const GENERIC_EXECUTE = 0x20000000;
export const GENERIC_WRITE = 0x40000000;
export const GENERIC_READ = 0x80000000;

/** What the generic rights stand for on a file or directory. */
export const FILE_GENERIC_READ =
  FILE_READ_DATA | FILE_READ_ATTRIBUTES | FILE_READ_EA | SYNCHRONIZE | READ_CONTROL;
export const FILE_GENERIC_WRITE =
  FILE_WRITE_DATA |
  FILE_APPEND_DATA |
  FILE_WRITE_ATTRIBUTES |
  FILE_WRITE_EA |
  SYNCHRONIZE |
  READ_CONTROL;
export const FILE_GENERIC_EXECUTE =
  FILE_READ_ATTRIBUTES | FILE_EXECUTE | SYNCHRONIZE | READ_CONTROL;
/** Every right there is, less MAXIMUM_ALLOWED and ACCESS_SYSTEM_SECURITY. */
export const FILE_ALL_ACCESS = 0x001f01ff;

/** The bits that mean something in a DesiredAccess; a request with others is invalid. */
export const VALID_ACCESS_MASK = 0xf31f01ff;

/** Generic rights replaced by what they stand for; other bits stay. */
export function mapGenericAccess(mask: number): number {
  let mapped = mask & 0x0fffffff;
  if ((mask & GENERIC_READ) !== 0) mapped |= FILE_GENERIC_READ;
  if ((mask & GENERIC_WRITE) !== 0) mapped |= FILE_GENERIC_WRITE;
  if ((mask & GENERIC_EXECUTE) !== 0) mapped |= FILE_GENERIC_EXECUTE;
  if ((mask & GENERIC_ALL) !== 0) mapped |= FILE_ALL_ACCESS;
  return mapped;
}
