/** MS-CIFS 2.2.3.1 and MS-SMB 2.2.3.1: the header of an SMB1 message, and 2.2.2.1: the command codes. */
import { is, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';

export const SMB1_HEADER_SIZE = 32;
const PROTOCOL_ID = 0x424d53ff;
const SIGNATURE_BYTES = 8;
export const SIGNATURE_AT = 14;

export const Smb1Header = struct('SMB_Header', 'MS-CIFS 2.2.3.1', {
  protocol: is(u32, PROTOCOL_ID),
  command: u8,
  /** An NTSTATUS, or a DOS error class, a reserved byte and a code. */
  status: u32,
  flags: u8,
  flags2: u16,
  pidHigh: u16,
  /** SecurityFeatures: who signs puts it in its place. */
  signature: pad(SIGNATURE_BYTES),
  reserved: pad(2),
  tid: u16,
  pidLow: u16,
  uid: u16,
  mid: u16,
});
export type Smb1Header = Wire<typeof Smb1Header>;

/** Locks and opens know a process by the lower half alone: what LOCKING_ANDX has room for (raw.lock.pidhigh). */
export const processId = ({ pidLow }: Smb1Header): number => pidLow;

export const SMB_FLAGS_CASE_INSENSITIVE = 0x08;
export const SMB_FLAGS_CANONICALIZED_PATHS = 0x10;
export const SMB_FLAGS_REPLY = 0x80;

export const SMB_FLAGS2_LONG_NAMES = 0x0001;
export const SMB_FLAGS2_EAS = 0x0002;
export const SMB_FLAGS2_SECURITY_SIGNATURE = 0x0004;
export const SMB_FLAGS2_SECURITY_SIGNATURE_REQUIRED = 0x0010;
export const SMB_FLAGS2_IS_LONG_NAME = 0x0040;
export const SMB_FLAGS2_EXTENDED_SECURITY = 0x0800;
export const SMB_FLAGS2_DFS = 0x1000;
export const SMB_FLAGS2_PAGING_IO = 0x2000;
export const SMB_FLAGS2_NT_STATUS = 0x4000;
export const SMB_FLAGS2_UNICODE = 0x8000;

/** 2.2.2.1, without the prefix SMB_COM_. */
export const Smb1Command = {
  CREATE_DIRECTORY: 0x00,
  DELETE_DIRECTORY: 0x01,
  OPEN: 0x02,
  CREATE: 0x03,
  CLOSE: 0x04,
  FLUSH: 0x05,
  DELETE: 0x06,
  RENAME: 0x07,
  QUERY_INFORMATION: 0x08,
  SET_INFORMATION: 0x09,
  READ: 0x0a,
  WRITE: 0x0b,
  LOCK_BYTE_RANGE: 0x0c,
  UNLOCK_BYTE_RANGE: 0x0d,
  CREATE_TEMPORARY: 0x0e,
  CREATE_NEW: 0x0f,
  CHECK_DIRECTORY: 0x10,
  PROCESS_EXIT: 0x11,
  SEEK: 0x12,
  LOCK_AND_READ: 0x13,
  WRITE_AND_UNLOCK: 0x14,
  READ_RAW: 0x1a,
  READ_MPX: 0x1b,
  READ_MPX_SECONDARY: 0x1c,
  WRITE_RAW: 0x1d,
  WRITE_MPX: 0x1e,
  WRITE_MPX_SECONDARY: 0x1f,
  WRITE_COMPLETE: 0x20,
  QUERY_SERVER: 0x21,
  SET_INFORMATION2: 0x22,
  QUERY_INFORMATION2: 0x23,
  LOCKING_ANDX: 0x24,
  TRANSACTION: 0x25,
  TRANSACTION_SECONDARY: 0x26,
  IOCTL: 0x27,
  IOCTL_SECONDARY: 0x28,
  COPY: 0x29,
  MOVE: 0x2a,
  ECHO: 0x2b,
  WRITE_AND_CLOSE: 0x2c,
  OPEN_ANDX: 0x2d,
  READ_ANDX: 0x2e,
  WRITE_ANDX: 0x2f,
  NEW_FILE_SIZE: 0x30,
  CLOSE_AND_TREE_DISC: 0x31,
  TRANSACTION2: 0x32,
  TRANSACTION2_SECONDARY: 0x33,
  FIND_CLOSE2: 0x34,
  FIND_NOTIFY_CLOSE: 0x35,
  TREE_CONNECT: 0x70,
  TREE_DISCONNECT: 0x71,
  NEGOTIATE: 0x72,
  SESSION_SETUP_ANDX: 0x73,
  LOGOFF_ANDX: 0x74,
  TREE_CONNECT_ANDX: 0x75,
  SECURITY_PACKAGE_ANDX: 0x7e,
  QUERY_INFORMATION_DISK: 0x80,
  SEARCH: 0x81,
  FIND: 0x82,
  FIND_UNIQUE: 0x83,
  FIND_CLOSE: 0x84,
  NT_TRANSACT: 0xa0,
  NT_TRANSACT_SECONDARY: 0xa1,
  NT_CREATE_ANDX: 0xa2,
  NT_CANCEL: 0xa4,
  NT_RENAME: 0xa5,
  OPEN_PRINT_FILE: 0xc0,
  WRITE_PRINT_FILE: 0xc1,
  CLOSE_PRINT_FILE: 0xc2,
  GET_PRINT_QUEUE: 0xc3,
  READ_BULK: 0xd8,
  WRITE_BULK: 0xd9,
  WRITE_BULK_DATA: 0xda,
} as const;
export type Smb1CommandName = keyof typeof Smb1Command;

const names = new Map<number, string>(
  Object.entries(Smb1Command).map(([name, code]) => [code, name]),
);
/** Whether the code is a command's at all, performed by anybody or not; the others are unused or reserved. */
export const isSmb1Command = (command: number): boolean => names.has(command);
export const smb1CommandName = (command: number): string =>
  names.get(command) ?? `0x${command.toString(16).padStart(2, '0')}`;
