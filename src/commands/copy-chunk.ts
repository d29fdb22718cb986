/** MS-SMB2 3.3.5.15.5 and 3.3.5.15.6: copies on the server, from one open to another. */
import { MAX_COPY_BYTES, MAX_COPY_CHUNK_BYTES, MAX_COPY_CHUNKS } from '../base/limits.ts';
import {
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_VIEW_SIZE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import { FILE_WRITE_THROUGH } from '../smb2/create-options.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import {
  decodeSrvCopyChunkCopy,
  encodeResumeKeyResponse,
  encodeSrvCopyChunkResponse,
  type SrvCopyChunk,
  type SrvCopyChunkResponse,
} from '../smb2/ioctl-structures.ts';
import { isErrno } from '../vfs/errno.ts';
import { ALL_ONES } from '../wire/struct.ts';
import { copyWholeFile } from './apple-copy.ts';
import { breakFor, whileChanging } from './caching.ts';
import type { MaybePromise, Outcome } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import { reply } from './ioctl-reply.ts';
import { meetsLock } from './locked.ts';
import { keepUserTimes } from './user-times.ts';
import { MAX_FILE_SIZE, noteWritten } from './write.ts';

const RESPONSE_BYTES = 12;
/** TargetOffset: behind what is there. */
const AT_THE_END = ALL_ONES;

export function requestResumeKey(body: IoctlRequest, request: Request, open: Open): Outcome {
  if (open.handle === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const output = encodeResumeKeyResponse(request.server.resumeKeys.keyOf(open));
  if (body.maxOutputResponse < output.length) return STATUS_INVALID_PARAMETER;
  return reply(body, open, output, STATUS_SUCCESS);
}

export function copyChunk(
  body: IoctlRequest,
  request: Request,
  target: Open,
): MaybePromise<Outcome> {
  const { sourceKey, chunks } = decodeSrvCopyChunkCopy(body.input, MAX_COPY_CHUNKS);
  const source = request.server.resumeKeys.find(sourceKey, request.session!);
  if (source === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  if (body.maxOutputResponse < RESPONSE_BYTES) return STATUS_INVALID_PARAMETER;
  if (chunks === undefined || !areWithinLimits(chunks) || target.handle === undefined) {
    return limits(body, target);
  }
  const refused = refuseAccess(body.ctlCode, source, target);
  if (refused !== undefined) return refused;
  const copy = (list: readonly SrvCopyChunk[]) => new Copy(request, source, target, list).run();
  if (chunks.length === 0 && request.session!.apple?.copiesFiles === true) {
    return copyWholeFile(request, source, target, copy).then(({ status, done }) =>
      reply(body, target, encodeSrvCopyChunkResponse(done), status),
    );
  }
  return copy(chunks).then(({ status, ...done }) =>
    reply(body, target, encodeSrvCopyChunkResponse(done), status),
  );
}

function areWithinLimits(chunks: readonly SrvCopyChunk[]): boolean {
  let total = 0;
  for (const { length, targetOffset } of chunks) {
    if (length === 0 || length > MAX_COPY_CHUNK_BYTES) return false;
    if (targetOffset !== AT_THE_END && targetOffset + length > MAX_FILE_SIZE) return false;
    total += length;
  }
  return total <= MAX_COPY_BYTES;
}

/** 3.3.5.15.6.2: by these a client makes its next requests. */
function limits(body: IoctlRequest, target: Open): Outcome {
  const output = encodeSrvCopyChunkResponse({
    chunksWritten: MAX_COPY_CHUNKS,
    chunkBytesWritten: MAX_COPY_CHUNK_BYTES,
    totalBytesWritten: MAX_COPY_BYTES,
  });
  return reply(body, target, output, STATUS_INVALID_PARAMETER);
}

/** Reading to execute is reading, here as in READ (smb2.ioctl.copy_chunk_bad_access). */
function refuseAccess(ctlCode: number, source: Open, target: Open): NtStatus | undefined {
  const readsTarget = ctlCode === Fsctl.FSCTL_SRV_COPYCHUNK;
  if ((source.access & (FILE_READ_DATA | FILE_EXECUTE)) === 0) return STATUS_ACCESS_DENIED;
  if ((target.access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0) return STATUS_ACCESS_DENIED;
  if (readsTarget && (target.access & FILE_READ_DATA) === 0) return STATUS_ACCESS_DENIED;
  const areFiles = source.handle?.kind === 'file' && target.handle?.kind === 'file';
  return areFiles ? undefined : STATUS_INVALID_DEVICE_REQUEST;
}

/** Copies between two opens of one session, whose rights the caller has looked at. */
export const copyChunks = (
  request: Request,
  source: Open,
  target: Open,
  chunks: readonly SrvCopyChunk[],
): Promise<Copied> => new Copy(request, source, target, chunks).run();

export type Copied = SrvCopyChunkResponse & { readonly status: NtStatus };

/** One request's chunks, one after another; others have their turn in between. */
class Copy {
  readonly #request: Request;
  readonly #source: Open;
  readonly #target: Open;
  readonly #chunks: readonly SrvCopyChunk[];
  /** Whole chunks; bytes of the one that failed; bytes of all. */
  #chunksDone = 0;
  #partBytes = 0;
  #bytes = 0;

  constructor(request: Request, source: Open, target: Open, chunks: readonly SrvCopyChunk[]) {
    this.#request = request;
    this.#source = source;
    this.#target = target;
    this.#chunks = chunks;
  }

  /** The chain holds the target. */
  async run(): Promise<Copied> {
    const status = await holding(this.#source, () => this.#perform());
    return {
      status,
      chunksWritten: this.#chunksDone,
      chunkBytesWritten: this.#partBytes,
      totalBytesWritten: this.#bytes,
    };
  }

  async #perform(): Promise<NtStatus> {
    const file = this.#target.file!;
    if (this.#chunks.some((chunk) => this.#isLocked(chunk))) return STATUS_FILE_LOCK_CONFLICT;
    if (this.#chunks.length === 0) return STATUS_SUCCESS;
    const given = await breakFor(this.#request, file, { kind: 'write' }, this.#target);
    if (given !== undefined) return given;
    const status = await whileChanging(this.#request, file, this.#copyAll());
    if (this.#bytes > 0) noteWritten(this.#target);
    return status === STATUS_SUCCESS ? this.#flushThrough() : status;
  }

  /** Not of where the end is: that is looked at when its turn comes. */
  #isLocked({ sourceOffset, targetOffset, length }: SrvCopyChunk): boolean {
    if (isRangeLocked(this.#source, sourceOffset, length, false)) return true;
    return targetOffset !== AT_THE_END && isRangeLocked(this.#target, targetOffset, length, true);
  }

  async #copyAll(): Promise<NtStatus> {
    for (const chunk of this.#chunks) {
      const status = await this.#copyOne(chunk);
      if (status !== STATUS_SUCCESS) return status;
      this.#chunksDone += 1;
    }
    return STATUS_SUCCESS;
  }

  async #copyOne({ sourceOffset, targetOffset, length }: SrvCopyChunk): Promise<NtStatus> {
    const source = this.#source.handle!;
    const target = this.#target.handle!;
    const from = await source.stat();
    if (isErrno(from)) return statusOfErrno(from);
    if (sourceOffset + length > from.size) return STATUS_INVALID_VIEW_SIZE;
    const to = targetOffset === AT_THE_END ? await target.stat() : { size: targetOffset };
    if (isErrno(to)) return statusOfErrno(to);
    if (to.size + length > MAX_FILE_SIZE) return STATUS_INVALID_PARAMETER;
    for (let done = 0; done < length; ) {
      const chunk = {
        sourceOffset: sourceOffset + done,
        targetOffset: to.size + done,
        length: length - done,
      };
      const refused = this.#refuse(chunk);
      if (refused !== undefined) return refused;
      const count = await keepUserTimes(this.#target, target, () =>
        target.copyRange(
          source.snapshot?.source ?? source,
          chunk.sourceOffset,
          chunk.targetOffset,
          chunk.length,
        ),
      );
      if (count < 0) return statusOfErrno(count);
      // Somebody has cut the source off.
      if (count === 0) return STATUS_INVALID_VIEW_SIZE;
      done += count;
      this.#bytes += count;
      this.#partBytes = done === length ? 0 : done;
    }
    return STATUS_SUCCESS;
  }

  /** What may have changed since the last piece. */
  #refuse(chunk: SrvCopyChunk): NtStatus | undefined {
    if (this.#request.cancelled) return STATUS_CANCELLED;
    if (this.#source.closed || this.#target.closed) return STATUS_FILE_CLOSED;
    return this.#isLocked(chunk) ? STATUS_FILE_LOCK_CONFLICT : undefined;
  }

  async #flushThrough(): Promise<NtStatus> {
    if ((this.#target.mode & FILE_WRITE_THROUGH) === 0) return STATUS_SUCCESS;
    const flushed = await this.#target.handle!.flush();
    return isErrno(flushed) ? statusOfErrno(flushed) : STATUS_SUCCESS;
  }
}

/** Runs `act` with an open that is not the request's own: its handle, and its files, stay until the end. */
export async function holding<T>(open: Open, act: () => Promise<T>): Promise<T> {
  const { lifetime, tree, filesOf } = open;
  const used = [lifetime, filesOf ?? tree!.lifetime];
  for (const one of used) one.hold();
  try {
    return await act();
  } finally {
    for (const one of used) one.release();
  }
}

/** Offsets beyond 2^53 are inexact, and beyond the end of any file. */
export function isRangeLocked(open: Open, offset: number, length: number, write: boolean): boolean {
  const { locks } = open.file!;
  if (locks.size === 0) return false;
  return meetsLock(open, open, { offset: BigInt(offset), length: BigInt(length) }, write);
}
