/** MS-SMB2 3.3.5.2.1.2 and 3.3.4.1.5: compressed messages, as they come and as they leave. */
import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';
import { COMPRESSION_PORTION_BYTES, MIN_COMPRESSED_BYTES } from '../base/limits.ts';
import type { Connection } from '../objects/connection.ts';
import type { Request } from '../objects/request.ts';
import {
  COMPRESSION_TRANSFORM_HEADER_SIZE,
  type CompressionTerms,
  type Declared,
  MessageCompressor,
  MessageDecompressor,
  readCompressed,
} from '../smb2/compression.ts';
import { Command, HEADER_SIZE } from '../smb2/header.ts';
import { SMB2_READFLAG_REQUEST_COMPRESSED } from '../smb2/read.ts';
import { inPortions } from './portions.ts';

/** 3.3.5.2.1.2: what OriginalCompressedSegmentSize may be beside the largest payload. */
const SEGMENT_OVERHEAD_BYTES = 256 + COMPRESSION_TRANSFORM_HEADER_SIZE;
/** Of READ's request, 2.2.19. */
const READ_FLAGS_AT = HEADER_SIZE + 3;
/** Before the data of READ's response, 2.2.20. */
const READ_DATA_AT = HEADER_SIZE + 16;

/** What this process has done; of workers each counts its own. */
export interface CompressionTally {
  /** Messages, the bytes that they took on the wire, and those that they stand for. */
  received: number;
  receivedBytes: number;
  receivedPlainBytes: number;
  sent: number;
  sentBytes: number;
  sentPlainBytes: number;
}

/** Of the server's whole life. */
export const compressionTally: CompressionTally = {
  received: 0,
  receivedBytes: 0,
  receivedPlainBytes: 0,
  sent: 0,
  sentBytes: 0,
  sentPlainBytes: 0,
};

/**
 * Long messages of one connection that are being decompressed, and those that wait for room: one after the other, so that the
 * first has room whatever is behind it.
 */
interface Queue {
  last: Promise<void>;
  length: number;
  /** Of those that have room and have not been begun. */
  bytes: number;
}
const queues = new WeakMap<Connection, Queue>();

/** The plain message. Throws or rejects with WireError, which ends the connection; so does what is no SMB2 then. */
export function decompress(
  connection: Connection,
  message: Buffer,
  maxMessage: number,
): Buffer | Promise<Buffer> {
  const { dialect } = connection;
  const { maxReadSize, maxWriteSize, maxTransactSize } = dialect!;
  const maxSegment = Math.max(maxReadSize, maxWriteSize, maxTransactSize) + SEGMENT_OVERHEAD_BYTES;
  const declared = readCompressed(message, connection.compression!, { maxSegment, maxMessage });
  if (isDoneAtOnce(connection, declared)) return decompressNow(message, declared);
  const queue = queues.get(connection) ?? { last: Promise.resolve(), length: 0, bytes: 0 };
  queues.set(connection, queue);
  queue.length++;
  const room = queue.last.then(() => roomFor(connection, queue));
  const plain = room.then(async () => {
    queue.bytes += declared.length;
    const output = bufferPool.take(declared.length);
    await inPortions(new MessageDecompressor(declared, output), declared.length);
    return received(message, output);
  });
  queue.last = room;
  return plain.finally(() => {
    queue.length--;
    // What happens to it now has begun when the next one asks.
    setImmediate(() => {
      queue.bytes -= declared.length;
      bufferPool.look();
    });
  });
}

/** What would wait behind others has to wait for room as well: a small message may become a large one. */
const isDoneAtOnce = (connection: Connection, { length }: Declared): boolean =>
  length <= COMPRESSION_PORTION_BYTES &&
  connection.held.length === 0 &&
  connection.waitingBytes <= bufferPool.sharedBytes;

function decompressNow(message: Buffer, declared: Declared): Buffer {
  const output = bufferPool.take(declared.length);
  inPortions(new MessageDecompressor(declared, output), declared.length);
  return received(message, output);
}

function received(message: Buffer, plain: Buffer): Buffer {
  compressionTally.received++;
  compressionTally.receivedBytes += message.length;
  compressionTally.receivedPlainBytes += plain.length;
  if (message.length >= MIN_POOLED_BYTES) bufferPool.give(message);
  return plain;
}

/**
 * Requests that are under way end without this message, so they may be waited for; those that came behind it do not, and
 * while none before it is about to begin it has to have its room.
 */
async function roomFor(connection: Connection, queue: Queue): Promise<void> {
  const { sharedBytes } = bufferPool;
  const hasRoom = (): boolean =>
    connection.state === 'closed' ||
    (connection.waitingBytes - connection.heldBytes <= sharedBytes &&
      (queue.bytes === 0 || (!bufferPool.isFull && queue.bytes <= sharedBytes)));
  if (hasRoom()) return;
  await new Promise<void>((resolve) => bufferPool.whenRoom(hasRoom, resolve));
}

/** 3.3.5.12: Request.CompressReply. Only who asks is answered so: Linux compresses what it writes, and reads none. */
export const compressesReply = ({ connection, header, message }: Request): boolean =>
  connection.compression !== undefined &&
  connection.transport.worker === undefined &&
  header.command === Command.READ &&
  message.length > READ_FLAGS_AT &&
  (message[READ_FLAGS_AT]! & SMB2_READFLAG_REQUEST_COMPRESSED) !== 0;

/**
 * 3.3.4.1.5: the message, made of these parts and signed if it is to be, compressed where that gains anything; `isAlone`: it is one
 * answer, whose head stays as it is. The parts are its own, or those that were given.
 */
export function compressReply(
  { compression }: Connection,
  parts: readonly Buffer[],
  isAlone: boolean,
): readonly Buffer[] | Promise<readonly Buffer[]> {
  let length = 0;
  for (const part of parts) length += part.length;
  const headBytes = isAlone ? READ_DATA_AT : 0;
  if (length - headBytes < MIN_COMPRESSED_BYTES) return parts;
  const { head, data } = divide(parts, headBytes);
  const output = bufferPool.take(data.length);
  const work = new MessageCompressor(head, data, compression as CompressionTerms, output);
  const finish = (): readonly Buffer[] => {
    const made = work.parts;
    if (made === undefined) {
      bufferPool.give(output);
      return parts;
    }
    compressionTally.sent++;
    compressionTally.sentPlainBytes += length;
    for (const part of made) compressionTally.sentBytes += part.length;
    for (const part of parts) if (part.buffer.byteLength >= MIN_POOLED_BYTES) bufferPool.give(part);
    return made;
  };
  const later = inPortions(work, data.length);
  return later === undefined ? finish() : later.then(finish);
}

/** Without a copy where the head is a part of its own. */
function divide(parts: readonly Buffer[], headBytes: number): { head: Buffer; data: Buffer } {
  const [first, second] = parts;
  if (parts.length === 2 && first!.length === headBytes) return { head: first!, data: second! };
  const whole = parts.length === 1 ? first! : Buffer.concat(parts);
  return { head: whole.subarray(0, headBytes), data: whole.subarray(headBytes) };
}
