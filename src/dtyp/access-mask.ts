/**
 * MS-DTYP 2.4.3: the rights that all objects share, and MS-SMB2 2.2.13.1: those of files, pipes and
 * directories in the lower half.
 */

/** An unsigned 32-bit set of rights. */
export type AccessMask = number;

export const GENERIC_READ = 0x80000000;
export const GENERIC_WRITE = 0x40000000;
export const GENERIC_EXECUTE = 0x20000000;
export const GENERIC_ALL = 0x10000000;
export const MAXIMUM_ALLOWED = 0x02000000;
export const ACCESS_SYSTEM_SECURITY = 0x01000000;
export const SYNCHRONIZE = 0x00100000;
export const WRITE_OWNER = 0x00080000;
export const WRITE_DAC = 0x00040000;
export const READ_CONTROL = 0x00020000;
export const DELETE = 0x00010000;

// MS-SMB2 2.2.13.1.1 File_Pipe_Printer_Access_Mask
export const FILE_READ_DATA = 0x00000001;
export const FILE_WRITE_DATA = 0x00000002;
export const FILE_APPEND_DATA = 0x00000004;
export const FILE_READ_EA = 0x00000008;
export const FILE_WRITE_EA = 0x00000010;
export const FILE_EXECUTE = 0x00000020;
export const FILE_DELETE_CHILD = 0x00000040;
export const FILE_READ_ATTRIBUTES = 0x00000080;
export const FILE_WRITE_ATTRIBUTES = 0x00000100;

// MS-SMB2 2.2.13.1.2 Directory_Access_Mask, where the names differ
export const FILE_LIST_DIRECTORY = FILE_READ_DATA;
export const FILE_ADD_FILE = FILE_WRITE_DATA;
export const FILE_ADD_SUBDIRECTORY = FILE_APPEND_DATA;
export const FILE_TRAVERSE = FILE_EXECUTE;

/** Every right of a file without the generic ones: what GENERIC_ALL stands for. */
export const FILE_ALL_ACCESS = 0x001f01ff;

/** What the generic rights stand for on files (winnt.h FILE_GENERIC_READ and its like). */
export const FILE_GENERIC_READ = 0x00120089;
export const FILE_GENERIC_WRITE = 0x00120116;
export const FILE_GENERIC_EXECUTE = 0x001200a0;

/** `mask` with the generic rights replaced by the file rights that they stand for. */
export function mapGenericRights(mask: AccessMask): AccessMask {
  let mapped = mask & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
  if ((mask & GENERIC_READ) !== 0) mapped |= FILE_GENERIC_READ;
  if ((mask & GENERIC_WRITE) !== 0) mapped |= FILE_GENERIC_WRITE;
  if ((mask & GENERIC_EXECUTE) !== 0) mapped |= FILE_GENERIC_EXECUTE;
  if ((mask & GENERIC_ALL) !== 0) mapped |= FILE_ALL_ACCESS;
  return mapped >>> 0;
}
