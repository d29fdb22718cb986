/** MS-SMB2 3.3.5.13: WRITE. */
import { bufferPool } from '../base/buffer-pool.ts';
import { FILE_APPEND_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_PIPE_DISCONNECTED,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Pipe } from '../objects/pipe.ts';
import { whileWaiting } from '../objects/waiting-data.ts';
import { FILE_NOTIFY_CHANGE_LAST_WRITE, FILE_NOTIFY_CHANGE_SIZE } from '../smb2/change-notify.ts';
import { SMB2_CHANNEL_NONE, SMB2_CHANNEL_RDMA_TRANSFORM } from '../smb2/channel.ts';
import { FILE_WRITE_THROUGH } from '../smb2/create-options.ts';
import { HEADER_SIZE } from '../smb2/header.ts';
import {
  encodeWriteResponse,
  SMB2_WRITEFLAG_WRITE_THROUGH,
  SMB2_WRITEFLAG_WRITE_UNBUFFERED,
  type WriteRequest,
} from '../smb2/write.ts';
import { isErrno } from '../vfs/errno.ts';
import { archive } from './archive.ts';
import { breakFor, whileChanging } from './caching.ts';
import type { MaybePromise, OpenRequest, Outcome } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import { meetsLock } from './locked.ts';
import { takeTransform, unprotect } from './rdma-transform.ts';
import { isBeyondInt64 } from './read.ts';
import { remoteBuffers } from './remote-memory.ts';
import { keepUserTimes } from './user-times.ts';

/** MS-FSA 2.1.5.4, MAXFILESIZE: 16 TiB - 64 KiB, as on NTFS. */
export const MAX_FILE_SIZE = 0xfff_ffff_0000;
const emptyWrite = { body: encodeWriteResponse({ count: 0 }) };

export function write(body: WriteRequest, request: OpenRequest): MaybePromise<Outcome> {
  const { open, connection } = request;
  const dialect = connection.dialect!;
  const length = body.data.length;
  if ((open.access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0) return STATUS_ACCESS_DENIED;
  if (length > dialect.maxWriteSize) return STATUS_INVALID_PARAMETER;
  if (dialect.smb3 && body.channel !== SMB2_CHANNEL_NONE) return writeRemote(body, request);
  if (open.pipe !== undefined) return writePipe(open.pipe, body, dialect.smb3);
  if (open.handle?.kind !== 'file') return STATUS_INVALID_DEVICE_REQUEST;
  if (body.offset + length > MAX_FILE_SIZE) {
    // Writing nothing is legal wherever an offset is.
    const refused = length > 0 || isBeyondInt64(request.message, length);
    return refused ? STATUS_INVALID_PARAMETER : emptyWrite;
  }
  if (writeLocked(body, request)) return STATUS_FILE_LOCK_CONFLICT;
  if (length === 0) return emptyWrite;
  const waiting = breakFor(request, open.file!, { kind: 'write' }, open);
  if (waiting === undefined) return perform(body, request);
  return Promise.resolve(waiting).then((given) => given ?? performLater(body, request));
}

/** DataOffset, 2.2.21: "Length or DataOffset are not equal to 0" is refused of data that come by RDMA. */
const DATA_OFFSET_AT = HEADER_SIZE + 2;

/** By RDMA: the data are fetched from the client's memory; then it is a WRITE like any other. */
function writeRemote(body: WriteRequest, request: OpenRequest): MaybePromise<Outcome> {
  const { channel, writeChannelInfo: info, remainingBytes: length, data } = body;
  const { connection, open } = request;
  const hasData = data.length > 0 || request.message.readUInt16LE(DATA_OFFSET_AT) !== 0;
  if (hasData || length > connection.dialect!.maxWriteSize) return STATUS_INVALID_PARAMETER;
  const transform =
    channel === SMB2_CHANNEL_RDMA_TRANSFORM ? takeTransform(request, info) : undefined;
  if (typeof transform === 'number') return transform;
  const source =
    transform === undefined
      ? remoteBuffers(connection, channel, info, length)
      : remoteBuffers(connection, transform.channel, transform.descriptors, length);
  if (typeof source === 'number') return source;
  const writeFetched = (fetched: Buffer): MaybePromise<Outcome> => {
    const given = transform === undefined ? fetched : unprotect(request, transform, fetched);
    if (typeof given === 'number') return given;
    return write({ ...body, channel: SMB2_CHANNEL_NONE, data: given }, request);
  };
  return source.memory.read(source.buffers, length).then(async (fetched) => {
    if (fetched === undefined) return STATUS_CONNECTION_DISCONNECTED;
    const outcome = open.closed ? STATUS_FILE_CLOSED : await writeFetched(fetched);
    bufferPool.give(fetched);
    return outcome;
  });
}

/** Behind a break: others may have locked the range meanwhile, or this open may be closed. */
function performLater(body: WriteRequest, request: OpenRequest): MaybePromise<Outcome> {
  if (request.open.closed) return STATUS_FILE_CLOSED;
  if (writeLocked(body, request)) return STATUS_FILE_LOCK_CONFLICT;
  return perform(body, request);
}

function perform(body: WriteRequest, request: OpenRequest): MaybePromise<Outcome> {
  const { open } = request;
  const through =
    (body.flags & SMB2_WRITEFLAG_WRITE_THROUGH) !== 0 || (open.mode & FILE_WRITE_THROUGH) !== 0;
  if (open.archives) void archive(open);
  const written = keepUserTimes(open, open.handle!, () =>
    open.handle!.write(body.data, body.offset),
  );
  if (typeof written === 'number') {
    return through ? finishWrite(request, written, through) : answerWrite(written, open);
  }
  const counted = whileWaiting(open.handle!.volumeId, body.data.length, written);
  return finishWrite(request, whileChanging(request, open.file!, counted), through);
}

function writeLocked(body: WriteRequest, { open, lockOwner }: OpenRequest): boolean {
  if (open.file!.locks.size === 0) return false;
  const range = { offset: BigInt(body.offset), length: BigInt(body.data.length) };
  return meetsLock(open, lockOwner ?? open, range, true);
}

/** The size may have changed: asking what it was would cost more than telling it in vain. */
const WRITTEN = FILE_NOTIFY_CHANGE_LAST_WRITE | FILE_NOTIFY_CHANGE_SIZE;

/** Data have been written through this open. */
export function noteWritten(open: Open): void {
  open.file!.note(WRITTEN);
  open.wrote = true;
}

function answerWrite(count: number, open: Open): Outcome {
  if (count < 0) return statusOfErrno(count);
  noteWritten(open);
  return { body: encodeWriteResponse({ count }) };
}

/** Write-through: on disk before the reply. */
async function finishWrite(
  { open }: OpenRequest,
  written: MaybePromise<number>,
  through: boolean,
): Promise<Outcome> {
  const count = await written;
  if (count >= 0 && through) {
    const flushed = await open.handle!.flush();
    if (isErrno(flushed)) return statusOfErrno(flushed);
  }
  return answerWrite(count, open);
}

async function writePipe(pipe: Pipe, body: WriteRequest, smb3: boolean): Promise<Outcome> {
  const unbuffered = SMB2_WRITEFLAG_WRITE_THROUGH | SMB2_WRITEFLAG_WRITE_UNBUFFERED;
  if (smb3 && (body.flags & unbuffered) !== 0) return STATUS_INVALID_PARAMETER;
  // The view is the transport's; the pipe may keep what it is given.
  const taken = await pipe.write(Buffer.from(body.data));
  if (!taken) return STATUS_PIPE_DISCONNECTED;
  return { body: encodeWriteResponse({ count: body.data.length }) };
}
