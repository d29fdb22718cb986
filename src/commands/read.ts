/** MS-SMB2 3.3.5.12: READ. */
import { bufferPool } from '../base/buffer-pool.ts';
import { FILE_EXECUTE, FILE_READ_DATA } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_CANCELLED,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_PIPE_DISCONNECTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Pipe, PipeRead } from '../objects/pipe.ts';
import { hasRoom, whileWaiting } from '../objects/waiting-data.ts';
import { SMB2_CHANNEL_NONE } from '../smb2/channel.ts';
import { HEADER_SIZE } from '../smb2/header.ts';
import {
  encodeReadResponse,
  encodeReadResponseHeader,
  type ReadRequest,
  SMB2_READFLAG_READ_UNBUFFERED,
  SMB2_READFLAG_RESPONSE_RDMA_TRANSFORM,
} from '../smb2/read.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import {
  type MaybePromise,
  type OpenRequest,
  type Outcome,
  SMALL_PAYLOAD_BYTES,
} from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import { meetsLock } from './locked.ts';
import { protect } from './rdma-transform.ts';
import { remoteBuffers } from './remote-memory.ts';

/** Offsets beyond cannot be in a file: Linux's off_t ends at 2^63, our numbers are exact to 2^53. */
export const MAX_FILE_OFFSET = 2 ** 53 - 1;

export function read(body: ReadRequest, request: OpenRequest): MaybePromise<Outcome> {
  const { open, connection } = request;
  const dialect = connection.dialect!;
  if ((open.access & (FILE_READ_DATA | FILE_EXECUTE)) === 0) return STATUS_ACCESS_DENIED;
  if (body.length > dialect.maxReadSize) return STATUS_INVALID_PARAMETER;
  if (dialect.smb3 && body.channel !== SMB2_CHANNEL_NONE) return readRemote(body, request);
  if (open.pipe !== undefined) {
    const unbuffered = (body.flags & SMB2_READFLAG_READ_UNBUFFERED) !== 0;
    if (dialect.smb3 && unbuffered) return STATUS_INVALID_PARAMETER;
    return readPipe(open.pipe, body, request);
  }
  if (open.handle?.kind !== 'file') return STATUS_INVALID_DEVICE_REQUEST;
  if (body.offset > MAX_FILE_OFFSET) return readBeyond(body, request);
  if (open.file!.locks.size > 0 && readLocked(BigInt(body.offset), body, request)) {
    return STATUS_FILE_LOCK_CONFLICT;
  }
  const { handle } = open;
  if (hasRoom(handle.volumeId, body.length)) return readNow(handle, body, open);
  return new Promise((resolve) => {
    bufferPool.whenRoom(
      () => open.closed || hasRoom(handle.volumeId, body.length),
      () => resolve(open.closed ? STATUS_FILE_CLOSED : copied(readNow(handle, body, open))),
    );
  });
}

function readNow(handle: VfsHandle, body: ReadRequest, open: Open): MaybePromise<Outcome> {
  const isSmall = body.length <= SMALL_PAYLOAD_BYTES;
  const data = isSmall ? lent.subarray(0, body.length) : bufferPool.take(body.length);
  const count = handle.read(data, body.offset);
  if (typeof count === 'number') return answerRead(body, open, data, count, isSmall);
  // One that has to wait keeps the buffer.
  if (isSmall) lent = Buffer.allocUnsafeSlow(SMALL_PAYLOAD_BYTES);
  const bytes = Math.max(SMALL_PAYLOAD_BYTES, body.length);
  return whileWaiting(handle.volumeId, bytes, count).then((later) =>
    answerRead(body, open, data, later),
  );
}

/** What small READs are read into, one after the other. */
let lent = Buffer.allocUnsafeSlow(SMALL_PAYLOAD_BYTES);

/** Where others may read before it is answered. */
const copied = (outcome: MaybePromise<Outcome>): MaybePromise<Outcome> =>
  typeof outcome === 'object' && 'isLent' in outcome && outcome.isLent === true
    ? { ...outcome, payload: Buffer.from(outcome.payload!), isLent: false }
    : outcome;

/** By RDMA: the same READ, whose data go into the client's memory before the answer. */
function readRemote(body: ReadRequest, request: OpenRequest): MaybePromise<Outcome> {
  const { channel, readChannelInfo, length } = body;
  const target = remoteBuffers(request.connection, channel, readChannelInfo, length);
  if (typeof target === 'number') return target;
  const place = (outcome: Outcome): Outcome => {
    if (typeof outcome !== 'object' || !('payload' in outcome)) return outcome;
    const { payload, ...reply } = outcome;
    const dataRemaining = payload!.length;
    const safe = protect(request, payload!);
    target.memory.write(target.buffers, safe?.data ?? payload!);
    // Without the one byte of an empty buffer: Linux's client would take it for its next message.
    if (safe === undefined) return { ...reply, body: encodeReadResponseHeader(0, dataRemaining) };
    const { transform } = safe;
    const flags = SMB2_READFLAG_RESPONSE_RDMA_TRANSFORM;
    const body = encodeReadResponseHeader(transform.length, dataRemaining, flags);
    return { ...reply, body, payload: transform };
  };
  const outcome = copied(read({ ...body, channel: SMB2_CHANNEL_NONE }, request));
  return outcome instanceof Promise
    ? outcome.then((later) => place(copied(later) as Outcome))
    : place(outcome);
}

/** Where Offset stands in the bodies of READ and WRITE. */
const OFFSET_AT = HEADER_SIZE + 8;

const exactOffset = (message: Buffer): bigint => message.readBigUInt64LE(OFFSET_AT);

/**
 * MS-FSA 2.1.5.3 and 2.1.5.4: ranges are those of a signed 64-bit number, whose last byte is at
 * 2^63 - 2. The decoded offset is not exact here, so it is read again.
 */
export function isBeyondInt64(message: Buffer, length: number): boolean {
  return exactOffset(message) + BigInt(length) > 0x7fff_ffff_ffff_ffffn;
}

/** No file reaches that far, but the offset may still be a legal one. */
function readBeyond(body: ReadRequest, request: OpenRequest): Outcome {
  const { message } = request;
  if (isBeyondInt64(message, body.length)) return STATUS_INVALID_PARAMETER;
  if (readLocked(exactOffset(message), body, request)) return STATUS_FILE_LOCK_CONFLICT;
  return body.length === 0 ? emptyRead : STATUS_END_OF_FILE;
}

const emptyRead = {
  body: encodeReadResponse({ data: Buffer.alloc(0), dataRemaining: 0, flags: 0 }),
};

function readLocked(offset: bigint, { length }: ReadRequest, request: OpenRequest): boolean {
  const { open, lockOwner } = request;
  return meetsLock(open, lockOwner ?? open, { offset, length: BigInt(length) }, false);
}

function answerRead(
  body: ReadRequest,
  open: Open,
  data: Buffer,
  count: number,
  isLent = false,
): Outcome {
  if (count <= 0 || count < body.minimumCount) bufferPool.give(data);
  if (count < 0) return statusOfErrno(count);
  open.position = body.offset + count;
  // "fewer bytes than specified by the MinimumCount field": and nothing at all is the end, too.
  if (count < body.minimumCount || (count === 0 && body.length > 0)) return STATUS_END_OF_FILE;
  if (count === 0) return emptyRead;
  return {
    status: STATUS_SUCCESS,
    body: encodeReadResponseHeader(count, 0),
    payload: count === data.length ? data : data.subarray(0, count),
    isLent,
  };
}

function readPipe(pipe: Pipe, body: ReadRequest, request: OpenRequest): MaybePromise<Outcome> {
  const now = pipe.readNow(body.length);
  if (now !== undefined) return answerPipe(now);
  if (!request.mayPend) return STATUS_INSUFFICIENT_RESOURCES;
  return pipe.read(body.length, request.pend()).then((later) => {
    if (later !== undefined) return answerPipe(later);
    return request.cancelled ? STATUS_CANCELLED : STATUS_PIPE_DISCONNECTED;
  });
}

const answerPipe = ({ bytes, more }: PipeRead): Outcome => ({
  status: more ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
  body: encodeReadResponseHeader(bytes.length, 0),
  payload: bytes,
});
