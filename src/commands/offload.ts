/**
 * MS-FSA 2.1.5.10.20 and 2.1.5.10.21: FSCTL_OFFLOAD_READ and FSCTL_OFFLOAD_WRITE, copies by a token. The data stay
 * where they are until the token is written, and a token is good only while they are as they were.
 */
import { MAX_COPY_BYTES, MAX_COPY_CHUNK_BYTES } from '../base/limits.ts';
import { FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_END_OF_FILE,
  STATUS_FILE_DELETED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_TOKEN,
  STATUS_INVALID_VIEW_SIZE,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED,
  STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_SPARSE_FILE } from '../fscc/attributes.ts';
import {
  decodeOffloadToken,
  encodeOffloadToken,
  OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE,
  OffloadReadInput,
  OffloadReadOutput,
  OffloadWriteInput,
  OffloadWriteOutput,
} from '../fscc/offload.ts';
import { isSameContent, type OffloadRange } from '../objects/offload-tokens.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import type { SrvCopyChunk } from '../smb2/ioctl-structures.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsStat } from '../vfs/vfs.ts';
import type { Outcome } from './command.ts';
import { copyChunks, isRangeLocked } from './copy-chunk.ts';
import { statusOfErrno } from './errno-status.ts';
import { zeroRange } from './file-ranges.ts';
import { respond } from './ioctl-reply.ts';

/** Volume.LogicalBytesPerSector, as query-fs-info.ts tells it. */
const SECTOR_BYTES = 512;
const U64 = 2 ** 64;

const isAligned = (offset: number): boolean => offset % SECTOR_BYTES === 0;
const aligned = (length: number): number => Math.ceil(length / SECTOR_BYTES) * SECTOR_BYTES;

/** "If Open.Stream.IsSparse is TRUE"; the open's file, if such copies are for it. */
async function fileFor(
  open: Open,
  unfit: NtStatus,
): Promise<{ handle: VfsHandle; stat: VfsStat } | NtStatus> {
  const { handle } = open;
  if (handle?.kind !== 'file') return unfit;
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  if ((stat.attributes & FILE_ATTRIBUTE_SPARSE_FILE) !== 0) return unfit;
  return open.file!.isDoomed(handle) ? STATUS_FILE_DELETED : { handle, stat };
}

export async function offloadRead(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  // FILE_READ_ACCESS stands in the code itself.
  if ((open.access & FILE_READ_DATA) === 0) return STATUS_ACCESS_DENIED;
  if (body.input.length < OffloadReadInput.size) return STATUS_BUFFER_TOO_SMALL;
  if (body.maxOutputResponse < OffloadReadOutput.size) return STATUS_BUFFER_TOO_SMALL;
  const { size, tokenTimeToLive, fileOffset, copyLength } = OffloadReadInput.read(body.input);
  if (![fileOffset, copyLength].every(isAligned)) return STATUS_INVALID_PARAMETER;
  if (size !== OffloadReadInput.size || fileOffset + copyLength >= U64) {
    return STATUS_INVALID_PARAMETER;
  }
  if (copyLength === 0) return respond(body, open);
  const found = await fileFor(open, STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED);
  if (typeof found === 'number') return found;
  if (isRangeLocked(open, fileOffset, copyLength, false)) return STATUS_FILE_LOCK_CONFLICT;
  const { stat } = found;
  if (fileOffset >= stat.size) return STATUS_END_OF_FILE;
  const isToTheEnd = fileOffset + copyLength > stat.size;
  const length = isToTheEnd ? aligned(stat.size - fileOffset) : copyLength;
  const range: OffloadRange = { open, position: fileOffset, length, stamp: stat };
  const id = request.server.offloadTokens.idOf(range, request.session!, tokenTimeToLive);
  const output = OffloadReadOutput.encode({
    size: OffloadReadOutput.size,
    flags: isToTheEnd ? OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE : 0,
    transferLength: length,
    token: encodeOffloadToken(id),
  });
  return respond(body, open, output);
}

export async function offloadWrite(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  if ((open.access & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  if (open.handle?.snapshot !== undefined) return STATUS_MEDIA_WRITE_PROTECTED;
  if (body.input.length < OffloadWriteInput.size) return STATUS_BUFFER_TOO_SMALL;
  if (body.maxOutputResponse < OffloadWriteOutput.size) return STATUS_BUFFER_TOO_SMALL;
  const wanted = OffloadWriteInput.read(body.input);
  const { size, fileOffset, copyLength, transferOffset } = wanted;
  if (![fileOffset, copyLength, transferOffset].every(isAligned)) return STATUS_INVALID_PARAMETER;
  if (size !== OffloadWriteInput.size || fileOffset + copyLength >= U64) {
    return STATUS_INVALID_PARAMETER;
  }
  if (copyLength === 0) return respond(body, open);
  const found = await fileFor(open, STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED);
  if (typeof found === 'number') return found;
  if (isRangeLocked(open, fileOffset, copyLength, true)) return STATUS_FILE_LOCK_CONFLICT;
  if (fileOffset >= found.stat.size) return STATUS_END_OF_FILE;
  const id = decodeOffloadToken(wanted.token);
  const range = id === 'zeros' ? id : id && request.server.offloadTokens.find(id, request.session!);
  if (range === undefined) return STATUS_INVALID_TOKEN;
  // The end of a file may lie within a sector.
  const room = Math.min(found.stat.size - fileOffset, MAX_COPY_BYTES, copyLength);
  const written =
    range === 'zeros'
      ? await zeros(request, open, fileOffset, room)
      : await copy(request, range, transferOffset, { open, fileOffset, room });
  if (typeof written === 'number') return written;
  const output = OffloadWriteOutput.encode({
    size: OffloadWriteOutput.size,
    flags: 0,
    lengthWritten: Math.min(aligned(written.bytes), copyLength),
  });
  return respond(body, open, output);
}

interface Written {
  readonly bytes: number;
}

async function zeros(
  request: Request,
  open: Open,
  fileOffset: number,
  length: number,
): Promise<Written | NtStatus> {
  const status = await zeroRange(request, open, fileOffset, fileOffset + length);
  return status === STATUS_SUCCESS ? { bytes: length } : status;
}

interface Target {
  readonly open: Open;
  readonly fileOffset: number;
  readonly room: number;
}

async function copy(
  request: Request,
  { open: source, position, length, stamp }: OffloadRange,
  transferOffset: number,
  target: Target,
): Promise<Written | NtStatus> {
  if (transferOffset >= length) return STATUS_INVALID_PARAMETER;
  const from = position + transferOffset;
  const bytes = Math.min(length - transferOffset, target.room, stamp.size - from);
  const isUnchanged = async (): Promise<boolean> => {
    const now = await source.handle!.stat();
    return !isErrno(now) && isSameContent(now, stamp);
  };
  if (source.closed || bytes <= 0 || !(await isUnchanged())) return STATUS_INVALID_TOKEN;
  const chunks = chunksOf(from, target.fileOffset, bytes);
  const { status } = await copyChunks(request, source, target.open, chunks);
  if (status === STATUS_INVALID_VIEW_SIZE) return STATUS_INVALID_TOKEN;
  if (status !== STATUS_SUCCESS) return status;
  // What was copied is what the token stands for, or the client copies it another way. Within one file it has changed.
  const isOther = source.file !== target.open.file;
  return isOther && (source.closed || !(await isUnchanged())) ? STATUS_INVALID_TOKEN : { bytes };
}

function chunksOf(from: number, to: number, bytes: number): SrvCopyChunk[] {
  const chunks: SrvCopyChunk[] = [];
  for (let done = 0; done < bytes; done += MAX_COPY_CHUNK_BYTES) {
    const length = Math.min(MAX_COPY_CHUNK_BYTES, bytes - done);
    chunks.push({ sourceOffset: from + done, targetOffset: to + done, length });
  }
  return chunks;
}
