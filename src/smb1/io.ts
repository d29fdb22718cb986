/**
 * MS-CIFS 2.2.4.42 and 2.2.4.43, MS-SMB 2.2.4.2 and 2.2.4.3: READ_ANDX and WRITE_ANDX; MS-CIFS 2.2.4.11, 2.2.4.12,
 * 2.2.4.13, 2.2.4.14, 2.2.4.18, 2.2.4.20, 2.2.4.21, 2.2.4.40: the older ways to read, write, lock and seek.
 */
import { i32, pad, struct, u16, u32 } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Block } from './block.ts';
import { BUFFER_FORMAT_DATA } from './strings.ts';

const ReadAndXWords = struct('SMB_COM_READ_ANDX Request', 'MS-CIFS 2.2.4.42.1', {
  andX: pad(4),
  fid: u16,
  offset: u32,
  maxCount: u16,
  minCount: u16,
  /** Timeout; its lower half is the upper one of MaxCount: MS-SMB 2.2.4.2.1. */
  maxCountHigh: u16,
  timeoutHigh: u16,
  remaining: u16,
});
const OFFSET_HIGH_AT = 20;

export interface ReadAndX {
  readonly fid: number;
  readonly offset: bigint;
  readonly count: number;
  /** Of a pipe, where the upper half belongs to the timeout: MS-SMB 3.3.5.7. */
  readonly pipeCount: number;
  readonly minCount: number;
}

/** `large`: MaxCountHigh counts, where the client knows of it. */
export function decodeReadAndX({ words }: Block, large: boolean): ReadAndX {
  const { fid, offset, maxCount, minCount, maxCountHigh } = ReadAndXWords.read(words);
  // 0xFFFF there is the timeout of those who wait for ever.
  const high = large && maxCountHigh !== 0xffff ? maxCountHigh : 0;
  return {
    fid,
    offset: BigInt(offset) + (highOf(words, OFFSET_HIGH_AT) << 32n),
    count: maxCount + high * 0x1_0000,
    pipeCount: maxCount,
    minCount,
  };
}

/** OffsetHigh, which not all clients send. */
const highOf = (words: Buffer, at: number): bigint =>
  words.length >= at + 4 ? BigInt(words.readUInt32LE(at)) : 0n;

const ReadAndXAnswer = struct('SMB_COM_READ_ANDX Response', 'MS-SMB 2.2.4.2.2', {
  andX: pad(4),
  available: u16,
  dataCompactionMode: pad(2),
  reserved1: pad(2),
  dataLength: u16,
  dataOffset: u16,
  dataLengthHigh: u16,
  reserved2: pad(8),
});
const NOT_KNOWN = 0xffff;
/** One byte before the data, so that they are even. */
export const READ_PAD = Buffer.alloc(1);

/**
 * `bytesAt`: where the data bytes of the block will be in the message. `available`: of a pipe, what there is left to read.
 */
export const encodeReadAndX = (count: number, bytesAt: number, available = NOT_KNOWN): Buffer =>
  ReadAndXAnswer.encode({
    available,
    dataLength: count & 0xffff,
    dataOffset: bytesAt + READ_PAD.length,
    dataLengthHigh: count >>> 16,
  });
export const READ_ANDX_WORDS_BYTES = ReadAndXAnswer.size;

const WriteAndXWords = struct('SMB_COM_WRITE_ANDX Request', 'MS-CIFS 2.2.4.43.1', {
  andX: pad(4),
  fid: u16,
  offset: u32,
  timeout: pad(4),
  writeMode: u16,
  remaining: u16,
  dataLengthHigh: u16,
  dataLength: u16,
  dataOffset: u16,
});
const WRITE_OFFSET_HIGH_AT = 24;
export const WRITE_MODE_THROUGH = 0x0001;
/** RAW_MODE and MSG_START: a message to a pipe begins, with its length in two bytes before it. */
export const WRITE_MODE_RAW_START = 0x000c;

export interface WriteAndX {
  readonly fid: number;
  readonly offset: bigint;
  readonly writeMode: number;
  /** Undefined where DataOffset is no place for it: 3.3.5.37 has the server look at the FID first. */
  readonly data: Buffer | undefined;
}

export function decodeWriteAndX({ words, bytesAt }: Block, message: Buffer): WriteAndX {
  const v = WriteAndXWords.read(words);
  const length = v.dataLength + v.dataLengthHigh * 0x1_0000;
  return {
    fid: v.fid,
    offset: BigInt(v.offset) + (highOf(words, WRITE_OFFSET_HIGH_AT) << 32n),
    writeMode: v.writeMode,
    data: writtenData(message, v.dataOffset, length, bytesAt),
  };
}

/**
 * Of no data it matters to nobody where they are: senders leave rubbish there. How much stands before them is the sender's
 * choice, too: 3.3.5.37 has no more padding than data, which Windows does not look at (<301>), and who aligns a write of
 * one byte has it.
 */
function writtenData(
  message: Buffer,
  offset: number,
  length: number,
  bytesAt: number,
): Buffer | undefined {
  if (length === 0) return message.subarray(0, 0);
  return offset < bytesAt || length > message.length - offset
    ? undefined
    : message.subarray(offset, offset + length);
}

const WriteAndXAnswer = struct('SMB_COM_WRITE_ANDX Response', 'MS-SMB 2.2.4.3.2', {
  andX: pad(4),
  count: u16,
  available: u16,
  countHigh: u16,
  reserved: pad(2),
});
/** `available`: of a pipe, what there is to read. */
export const encodeWriteAndX = (count: number, available = NOT_KNOWN): Buffer =>
  WriteAndXAnswer.encode({
    count: count & 0xffff,
    available,
    countHigh: count >>> 16,
  });

/** Of READ and LOCK_AND_READ. */
export const ReadWords = struct('SMB_COM_READ Request', 'MS-CIFS 2.2.4.11.1', {
  fid: u16,
  count: u16,
  offset: u32,
  remaining: u16,
});
export const ReadAnswer = struct('SMB_COM_READ Response', 'MS-CIFS 2.2.4.11.2', {
  count: u16,
  reserved: pad(8),
});

/** 2.2.4.11.2: BufferFormat, its length, then the data. */
export function readDataHead(count: number): Buffer {
  const head = Buffer.alloc(3);
  head[0] = BUFFER_FORMAT_DATA;
  head.writeUInt16LE(count, 1);
  return head;
}

/** Of WRITE, WRITE_AND_UNLOCK and, with more behind it, WRITE_AND_CLOSE. */
const WriteWords = struct('SMB_COM_WRITE Request', 'MS-CIFS 2.2.4.12.1', {
  fid: u16,
  count: u16,
  offset: u32,
});

/** The data that are there; MS-CIFS 3.3.5.14: CountOfBytesToWrite tells what is written of them. */
export function decodeWrite({ words, bytes }: Block) {
  const v = WriteWords.read(words);
  if (bytes.length < 3) throw new WireError(WriteWords.name, `${bytes.length} bytes of data`);
  return { ...v, data: slice(bytes, 3, v.count, 3, WriteWords.name) };
}

const WriteCloseWords = struct('SMB_COM_WRITE_AND_CLOSE Request', 'MS-CIFS 2.2.4.40.1', {
  fid: u16,
  count: u16,
  offset: u32,
  lastWriteTime: u32,
});

export function decodeWriteAndClose({ words, bytes }: Block) {
  const v = WriteCloseWords.read(words);
  return { ...v, data: slice(bytes, 1, v.count, 1, WriteCloseWords.name) };
}
export const CountAnswer = struct('SMB_COM_WRITE Response', 'MS-CIFS 2.2.4.12.2', { count: u16 });

export const LockRangeWords = struct('SMB_COM_LOCK_BYTE_RANGE Request', 'MS-CIFS 2.2.4.13.1', {
  fid: u16,
  count: u32,
  offset: u32,
});

export const SeekWords = struct('SMB_COM_SEEK Request', 'MS-CIFS 2.2.4.19.1', {
  fid: u16,
  mode: u16,
  offset: i32,
});
export const SeekAnswer = struct('SMB_COM_SEEK Response', 'MS-CIFS 2.2.4.19.2', { offset: u32 });

export const FidWords = struct('a request that names a FID', 'MS-CIFS 2.2.4.6.1', { fid: u16 });
