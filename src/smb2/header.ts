/**
 * MS-SMB2 2.2.1 SMB2 Packet Header, both forms. Hand-written: every message passes here, and credits,
 * status and signature are patched in place after the body is known.
 */
import { ALL_ONES } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';

export const HEADER_SIZE = 64;

/** What the first four bytes of a message say it is, as little-endian numbers. */
export const PROTOCOL_ID = 0x424d53fe;
export const SMB1_PROTOCOL_ID = 0x424d53ff;
/** 2.2.41 */
export const TRANSFORM_PROTOCOL_ID = 0x424d53fd;
/** 2.2.42 */
export const COMPRESSION_PROTOCOL_ID = 0x424d53fc;

export type Protocol = 'smb2' | 'smb1' | 'transform' | 'compression' | 'unknown';

export const Command = {
  NEGOTIATE: 0x00,
  SESSION_SETUP: 0x01,
  LOGOFF: 0x02,
  TREE_CONNECT: 0x03,
  TREE_DISCONNECT: 0x04,
  CREATE: 0x05,
  CLOSE: 0x06,
  FLUSH: 0x07,
  READ: 0x08,
  WRITE: 0x09,
  LOCK: 0x0a,
  IOCTL: 0x0b,
  CANCEL: 0x0c,
  ECHO: 0x0d,
  QUERY_DIRECTORY: 0x0e,
  CHANGE_NOTIFY: 0x0f,
  QUERY_INFO: 0x10,
  SET_INFO: 0x11,
  OPLOCK_BREAK: 0x12,
} as const;
/** The 19 commands that a client may send. */
export type Command = (typeof Command)[keyof typeof Command];
export type CommandName = keyof typeof Command;

/** One-way, server to client, SMB 3.1.1 (2.2.44); never a request. */
export const SMB2_SERVER_TO_CLIENT_NOTIFICATION = 0x13;

const commandNames = Object.keys(Command) as CommandName[];

/** `CREATE` for 5; `0x0077` for what is no command. */
export const commandName = (command: number): string =>
  commandNames[command] ?? `0x${command.toString(16).padStart(4, '0')}`;

export const isCommand = (command: number): command is Command => command < commandNames.length;

export const SMB2_FLAGS_SERVER_TO_REDIR = 0x00000001;
export const SMB2_FLAGS_ASYNC_COMMAND = 0x00000002;
export const SMB2_FLAGS_RELATED_OPERATIONS = 0x00000004;
export const SMB2_FLAGS_SIGNED = 0x00000008;
export const SMB2_FLAGS_PRIORITY_MASK = 0x00000070;
export const SMB2_FLAGS_DFS_OPERATIONS = 0x10000000;
export const SMB2_FLAGS_REPLAY_OPERATION = 0x20000000;

/** The TreeId and the SessionId of a related request (3.2.4.1.4): all ones, "as the one before". */
export const RELATED_TREE_ID = 0xffffffff;
export const RELATED_SESSION_ID = ALL_ONES;

/** MessageId of what the server sends unasked: oplock and lease breaks (3.3.4.6). */
export const UNSOLICITED_MESSAGE_ID = ALL_ONES;

/** What both directions of a header need to be written. */
export interface HeaderFields {
  readonly creditCharge: number;
  /** Status in a response; in a request of SMB 3.x the ChannelSequence in the low half. */
  readonly status: number;
  readonly command: number;
  /** CreditRequest, in a response CreditResponse. */
  readonly creditRequest: number;
  readonly flags: number;
  readonly nextCommand: number;
  readonly messageId: number;
  /** Reserved since SMB2; in old captures the process id 0xFEFF. 0 in the async form. */
  readonly processId: number;
  /** 0 in the async form. */
  readonly treeId: number;
  /** 0 in the sync form. */
  readonly asyncId: number;
  readonly sessionId: number;
}

export interface Header extends HeaderFields {
  /** A view of the 16 bytes in the message. */
  readonly signature: Buffer;
}

/** Offsets of what is patched in place. */
const STATUS_AT = 8;
const CREDITS_AT = 14;
const FLAGS_AT = 16;
const NEXT_COMMAND_AT = 20;
const MESSAGE_ID_AT = 24;
const ASYNC_ID_AT = 32;
const TREE_ID_AT = 36;
const SESSION_ID_AT = 40;
const SIGNATURE_AT = 48;
export const SIGNATURE_SIZE = 16;

// Plain byte accesses, a third of the cost of Buffer's own readers; callers have checked the length.
function get16(b: Buffer, at: number): number {
  return b[at]! | (b[at + 1]! << 8);
}

function get32(b: Buffer, at: number): number {
  return (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;
}

function get64(b: Buffer, at: number): number {
  return get32(b, at) + get32(b, at + 4) * 0x1_0000_0000;
}

function put16(b: Buffer, value: number, at: number): void {
  b[at] = value;
  b[at + 1] = value >>> 8;
}

function put32(b: Buffer, value: number, at: number): void {
  b[at] = value;
  b[at + 1] = value >>> 8;
  b[at + 2] = value >>> 16;
  b[at + 3] = value >>> 24;
}

function put64(b: Buffer, value: number, at: number): void {
  if (value >= ALL_ONES) {
    put32(b, 0xffffffff, at);
    put32(b, 0xffffffff, at + 4);
  } else {
    put32(b, value % 0x1_0000_0000, at);
    put32(b, Math.floor(value / 0x1_0000_0000), at + 4);
  }
}

/** What the message claims to be; 'unknown' also for fewer than four bytes. */
export function protocolOf(message: Buffer): Protocol {
  if (message.length < 4) return 'unknown';
  switch (get32(message, 0)) {
    case PROTOCOL_ID:
      return 'smb2';
    case SMB1_PROTOCOL_ID:
      return 'smb1';
    case TRANSFORM_PROTOCOL_ID:
      return 'transform';
    case COMPRESSION_PROTOCOL_ID:
      return 'compression';
    default:
      return 'unknown';
  }
}

/** Of a message that says it has none; what stands there means nothing. */
const NO_SIGNATURE = Buffer.alloc(SIGNATURE_SIZE);

/** Reads the header; a WireError when ProtocolId or StructureSize are wrong or bytes are missing. */
export function readHeader(message: Buffer, offset = 0): Header {
  if (offset < 0 || message.length - offset < HEADER_SIZE) {
    throw new WireError('SMB2 header', `${message.length - offset} bytes at ${offset}`);
  }
  if (get32(message, offset) !== PROTOCOL_ID) throw new WireError('SMB2 header', 'ProtocolId');
  const structureSize = get16(message, offset + 4);
  if (structureSize !== HEADER_SIZE) {
    throw new WireError('SMB2 header', `structureSize is ${structureSize}`);
  }
  const flags = get32(message, offset + FLAGS_AT);
  const isAsync = (flags & SMB2_FLAGS_ASYNC_COMMAND) !== 0;
  return {
    creditCharge: get16(message, offset + 6),
    status: get32(message, offset + STATUS_AT),
    command: get16(message, offset + 12),
    creditRequest: get16(message, offset + CREDITS_AT),
    flags,
    nextCommand: get32(message, offset + NEXT_COMMAND_AT),
    messageId: get64(message, offset + MESSAGE_ID_AT),
    processId: isAsync ? 0 : get32(message, offset + ASYNC_ID_AT),
    treeId: isAsync ? 0 : get32(message, offset + TREE_ID_AT),
    asyncId: isAsync ? get64(message, offset + ASYNC_ID_AT) : 0,
    sessionId: get64(message, offset + SESSION_ID_AT),
    signature:
      (flags & SMB2_FLAGS_SIGNED) === 0
        ? NO_SIGNATURE
        : message.subarray(offset + SIGNATURE_AT, offset + HEADER_SIZE),
  };
}

/** Writes all 64 bytes, the signature as zeros, and returns the offset behind them. */
export function writeHeader(b: Buffer, h: HeaderFields, offset = 0): number {
  put32(b, PROTOCOL_ID, offset);
  put16(b, HEADER_SIZE, offset + 4);
  put16(b, h.creditCharge, offset + 6);
  put32(b, h.status, offset + STATUS_AT);
  put16(b, h.command, offset + 12);
  put16(b, h.creditRequest, offset + CREDITS_AT);
  put32(b, h.flags, offset + FLAGS_AT);
  put32(b, h.nextCommand, offset + NEXT_COMMAND_AT);
  put64(b, h.messageId, offset + MESSAGE_ID_AT);
  if ((h.flags & SMB2_FLAGS_ASYNC_COMMAND) !== 0) {
    put64(b, h.asyncId, offset + ASYNC_ID_AT);
  } else {
    put32(b, h.processId, offset + ASYNC_ID_AT);
    put32(b, h.treeId, offset + TREE_ID_AT);
  }
  put64(b, h.sessionId, offset + SESSION_ID_AT);
  for (let at = offset + SIGNATURE_AT; at < offset + HEADER_SIZE; at++) b[at] = 0;
  return offset + HEADER_SIZE;
}

/** A new 64-byte header; what is left out is 0. */
export function encodeHeader(h: Partial<HeaderFields> & Pick<HeaderFields, 'command'>): Buffer {
  const b = Buffer.allocUnsafe(HEADER_SIZE);
  writeHeader(b, { ...emptyHeader, ...h });
  return b;
}

const emptyHeader: Omit<HeaderFields, 'command'> = {
  creditCharge: 0,
  status: 0,
  creditRequest: 0,
  flags: 0,
  nextCommand: 0,
  messageId: 0,
  processId: 0,
  treeId: 0,
  asyncId: 0,
  sessionId: 0,
};

/** 2.2.1: the first half of what is Status in a response (SMB 3.x requests only). */
export const channelSequenceOf = (header: HeaderFields): number => header.status & 0xffff;

export const isResponse = (header: HeaderFields): boolean =>
  (header.flags & SMB2_FLAGS_SERVER_TO_REDIR) !== 0;
export const isAsync = (header: HeaderFields): boolean =>
  (header.flags & SMB2_FLAGS_ASYNC_COMMAND) !== 0;
export const isRelated = (header: HeaderFields): boolean =>
  (header.flags & SMB2_FLAGS_RELATED_OPERATIONS) !== 0;
export const isSigned = (header: HeaderFields): boolean => (header.flags & SMB2_FLAGS_SIGNED) !== 0;

// In-place access; each expects a whole header at the start of `message`.

export const getCommand = (message: Buffer): number => get16(message, 12);
export const getStatus = (message: Buffer): number => get32(message, STATUS_AT);
export const getFlags = (message: Buffer): number => get32(message, FLAGS_AT);
export const getNextCommand = (message: Buffer): number => get32(message, NEXT_COMMAND_AT);
export const getMessageId = (message: Buffer): number => get64(message, MESSAGE_ID_AT);
export const getSessionId = (message: Buffer): number => get64(message, SESSION_ID_AT);
export const getSignature = (message: Buffer): Buffer =>
  message.subarray(SIGNATURE_AT, HEADER_SIZE);

export const setStatus = (message: Buffer, value: number): void => put32(message, value, STATUS_AT);
export const setCredits = (message: Buffer, value: number): void =>
  put16(message, value, CREDITS_AT);
export const setFlags = (message: Buffer, value: number): void => put32(message, value, FLAGS_AT);
/** Adds flags to those that are set. */
export const addFlags = (message: Buffer, flags: number): void =>
  put32(message, get32(message, FLAGS_AT) | flags, FLAGS_AT);
export const setNextCommand = (message: Buffer, value: number): void =>
  put32(message, value, NEXT_COMMAND_AT);
export const setMessageId = (message: Buffer, value: number): void =>
  put64(message, value, MESSAGE_ID_AT);
export const setAsyncId = (message: Buffer, value: number): void =>
  put64(message, value, ASYNC_ID_AT);
export const setTreeId = (message: Buffer, value: number): void =>
  put32(message, value, TREE_ID_AT);
export const setSessionId = (message: Buffer, value: number): void =>
  put64(message, value, SESSION_ID_AT);

/** Copies 16 bytes into the signature field. */
export function setSignature(message: Buffer, signature: Uint8Array): void {
  message.set(signature.length === SIGNATURE_SIZE ? signature : signature.subarray(0, 16), 48);
}

export const clearSignature = (message: Buffer): void => {
  message.fill(0, SIGNATURE_AT, HEADER_SIZE);
};
