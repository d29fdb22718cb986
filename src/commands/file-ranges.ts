/**
 * MS-FSA 2.1.5.10: FSCTLs about what of a file is there and takes space: sparse files, zeros, allocated ranges, trim
 * and compression.
 */
import { MAX_TOLD_FILE_RANGES, MAX_TRIM_RANGES, ZERO_PIECE_BYTES } from '../base/limits.ts';
import {
  FILE_APPEND_DATA,
  FILE_READ_DATA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_CANCELLED,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_RANGES_PROCESSED,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_SPARSE_FILE } from '../fscc/attributes.ts';
import {
  COMPRESSION_FORMAT_NONE,
  CompressionState,
  decodeFileLevelTrim,
  encodeFileAllocatedRanges,
  encodeFileRegion,
  FILE_REGION_OUTPUT_BYTES,
  FILE_REGION_USAGE_VALID_CACHED_DATA,
  FileAllocatedRange,
  FileLevelTrimOutput,
  FileRegionInput,
  FileZeroData,
  isNegative,
} from '../fscc/file-ranges.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import { FILE_NOTIFY_CHANGE_ATTRIBUTES } from '../smb2/change-notify.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import { EOPNOTSUPP, type Errno, isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsRange, VfsStat } from '../vfs/vfs.ts';
import { breakFor, whileChanging } from './caching.ts';
import type { Outcome } from './command.ts';
import { isRangeLocked } from './copy-chunk.ts';
import { statusOfErrno } from './errno-status.ts';
import { reply, respond } from './ioctl-reply.ts';
import { ALLOCATION, keepUserTimes } from './user-times.ts';
import { noteWritten } from './write.ts';

/** An open of a file's data; its VFS handle. */
const fileOf = ({ handle }: Open): VfsHandle | undefined =>
  handle?.kind === 'file' ? handle : undefined;

const isSparse = ({ attributes }: VfsStat): boolean =>
  (attributes & FILE_ATTRIBUTE_SPARSE_FILE) !== 0;

/** 2.1.5.10.38; the attribute is the file's, also where the open is of a stream. */
export async function setSparse(body: IoctlRequest, request: Request, open: Open) {
  const handle = fileOf(open);
  if (handle === undefined) return STATUS_INVALID_PARAMETER;
  const needed = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_ATTRIBUTES;
  if ((open.access & needed) === 0) return STATUS_ACCESS_DENIED;
  const sparse = body.input.length === 0 || body.input[0] !== 0;
  const before = await handle.stat();
  if (isErrno(before)) return statusOfErrno(before);
  if (isSparse(before) === sparse) return respond(body, open);
  const filled = sparse ? 0 : await fill(handle, before.size);
  if (isErrno(filled)) return statusOfErrno(filled);
  const set = await handle.set({ sparse });
  if (isErrno(set)) return statusOfErrno(set);
  open.file!.note(FILE_NOTIFY_CHANGE_ATTRIBUTES);
  request.server.changes.described(handle, open);
  return respond(body, open);
}

/** "The object store MUST fully allocate": what has no space yet gets it. */
async function fill(handle: VfsHandle, size: number): Promise<Errno | 0> {
  if (size === 0) return 0;
  const refused = await handle.open({ read: false, write: true });
  if (isErrno(refused)) return refused;
  const reserved = await keepUserTimes(ALLOCATION, handle, () => handle.allocate(size));
  return reserved === EOPNOTSUPP ? 0 : reserved;
}

/** 2.1.5.10.39; the size stays as it is. */
export async function setZeroData(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const handle = fileOf(open);
  if (handle === undefined) return STATUS_INVALID_PARAMETER;
  if ((open.access & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  const { fileOffset, beyondFinalZero } = FileZeroData.read(body.input);
  if (isNegative(fileOffset) || isNegative(beyondFinalZero) || fileOffset > beyondFinalZero) {
    return STATUS_INVALID_PARAMETER;
  }
  const status = await zeroRange(request, open, fileOffset, beyondFinalZero);
  return status === STATUS_SUCCESS ? respond(body, open) : status;
}

/** Of an open of a file, whose rights the caller has looked at. */
export async function zeroRange(
  request: Request,
  open: Open,
  from: number,
  to: number,
): Promise<NtStatus> {
  const given = await breakFor(request, open.file!, { kind: 'write' }, open);
  if (given !== undefined) return given;
  return whileChanging(request, open.file!, zero(request, open, open.handle!, from, to));
}

/** In pieces: others may lock meanwhile, the client may lose its patience. */
async function zero(
  request: Request,
  open: Open,
  handle: VfsHandle,
  from: number,
  to: number,
): Promise<NtStatus> {
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  const end = Math.min(to, stat.size);
  for (let position = from; position < end; ) {
    if (request.cancelled) return STATUS_CANCELLED;
    if (open.closed) return STATUS_FILE_CLOSED;
    const length = Math.min(end - position, ZERO_PIECE_BYTES);
    if (isRangeLocked(open, position, length, true)) return STATUS_FILE_LOCK_CONFLICT;
    const result = await zeroPiece(open, handle, { position, length }, stat);
    if (isErrno(result)) return statusOfErrno(result);
    position += length;
  }
  return STATUS_SUCCESS;
}

/** What is sparse gives its space back. */
async function zeroPiece(
  open: Open,
  handle: VfsHandle,
  range: VfsRange,
  stat: VfsStat,
): Promise<Errno | 0> {
  const result = await keepUserTimes(open, handle, () => handle.zero(range, !isSparse(stat)));
  if (result === 0) noteWritten(open);
  return result;
}

/** 2.1.5.10.22; what is not sparse is there, whatever the disk has made of it. */
export async function queryAllocatedRanges(body: IoctlRequest, open: Open): Promise<Outcome> {
  const handle = fileOf(open);
  if (handle === undefined) return STATUS_INVALID_PARAMETER;
  if ((open.access & FILE_READ_DATA) === 0) return STATUS_ACCESS_DENIED;
  const { fileOffset, length } = FileAllocatedRange.read(body.input);
  if (isNegative(fileOffset) || isNegative(length) || isNegative(fileOffset + length)) {
    return STATUS_INVALID_PARAMETER;
  }
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  const range = { position: fileOffset, length: Math.min(length, stat.size - fileOffset) };
  if (range.length <= 0) return respond(body, open);
  const room = Math.floor(body.maxOutputResponse / FileAllocatedRange.size);
  const most = Math.min(room, MAX_TOLD_FILE_RANGES);
  const found = isSparse(stat) ? await handle.dataRanges(range, most + 1) : [range];
  if (isErrno(found)) return statusOfErrno(found);
  if (found.length > 0 && room === 0) return STATUS_BUFFER_TOO_SMALL;
  const told = found
    .slice(0, most)
    .map((one) => ({ fileOffset: one.position, length: one.length }));
  const status = found.length > most ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
  return reply(body, open, encodeFileAllocatedRanges(told), status);
}

/** 2.1.5.10.24: all up to the end is valid, since nothing else can be read. */
export async function queryFileRegions(body: IoctlRequest, open: Open): Promise<Outcome> {
  const handle = fileOf(open);
  if (handle === undefined) return STATUS_INVALID_PARAMETER;
  const { input } = body;
  if (input.length > 0 && input.length < FileRegionInput.size) return STATUS_BUFFER_TOO_SMALL;
  const asked = input.length === 0 ? WHOLE_FILE : FileRegionInput.read(input);
  const { fileOffset, length, desiredUsage } = asked;
  const isRange = length > 0 && !isNegative(fileOffset) && !isNegative(fileOffset + length);
  if (!isRange || (desiredUsage & FILE_REGION_USAGE_VALID_CACHED_DATA) === 0) {
    return STATUS_INVALID_PARAMETER;
  }
  if (body.maxOutputResponse < FILE_REGION_OUTPUT_BYTES) return STATUS_BUFFER_TOO_SMALL;
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  if (fileOffset > stat.size || (fileOffset === stat.size && stat.size > 0)) {
    return respond(body, open);
  }
  const region = { fileOffset, length: Math.min(length, stat.size - fileOffset) };
  const usage = stat.size === 0 ? 0 : desiredUsage;
  return respond(body, open, encodeFileRegion({ ...region, desiredUsage: usage }));
}

const WHOLE_FILE = {
  fileOffset: 0,
  length: 2 ** 62,
  desiredUsage: FILE_REGION_USAGE_VALID_CACHED_DATA,
};

/** What a page is to Windows; ranges are cut to whole ones. */
const PAGE_BYTES = 4096;

/** MS-SMB2 3.3.5.15.14 and 2.1.5.10.6: nobody needs what is there any more, and it reads as zeros from now on. */
export async function fileLevelTrim(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const handle = fileOf(open);
  if (handle === undefined) return STATUS_INVALID_PARAMETER;
  const { key, ranges } = decodeFileLevelTrim(body.input, MAX_TRIM_RANGES);
  if (key !== 0 || ranges.length === 0) return STATUS_INVALID_PARAMETER;
  if ((open.access & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  const { maxOutputResponse } = body;
  if (maxOutputResponse !== 0 && maxOutputResponse < FileLevelTrimOutput.size) {
    return STATUS_INVALID_PARAMETER;
  }
  const given = await breakFor(request, open.file!, { kind: 'write' }, open);
  if (given !== undefined) return given;
  const done = await whileChanging(request, open.file!, trim(request, open, handle, ranges));
  if (typeof done !== 'object') return done;
  if (done.count === 0) return STATUS_NO_RANGES_PROCESSED;
  const output = FileLevelTrimOutput.encode({ numRangesProcessed: done.count });
  return respond(body, open, maxOutputResponse === 0 ? undefined : output);
}

async function trim(
  request: Request,
  open: Open,
  handle: VfsHandle,
  ranges: readonly FileAllocatedRange[],
): Promise<NtStatus | { count: number }> {
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  let count = 0;
  for (const { fileOffset, length } of ranges) {
    if (request.cancelled) return STATUS_CANCELLED;
    if (open.closed) return STATUS_FILE_CLOSED;
    const position = Math.ceil(fileOffset / PAGE_BYTES) * PAGE_BYTES;
    const end = Math.min(fileOffset + length, stat.size);
    const whole = Math.floor((end - position) / PAGE_BYTES) * PAGE_BYTES;
    if (whole <= 0) continue;
    if (isRangeLocked(open, position, whole, true)) return STATUS_FILE_LOCK_CONFLICT;
    const result = await zeroPiece(open, handle, { position, length: whole }, stat);
    if (isErrno(result)) return statusOfErrno(result);
    count += 1;
  }
  return { count };
}

/** 2.1.5.10.9: nothing is compressed. */
export function getCompression(body: IoctlRequest, open: Open): Outcome {
  if (open.handle === undefined) return STATUS_INVALID_PARAMETER;
  if (body.maxOutputResponse < CompressionState.size) return STATUS_INVALID_PARAMETER;
  const compressionState = COMPRESSION_FORMAT_NONE;
  return respond(body, open, CompressionState.encode({ compressionState }));
}

/** 2.1.5.10.30: nor can be, which FileFsAttributeInformation says as well. */
export function setCompression(body: IoctlRequest, open: Open): Outcome {
  if (open.handle === undefined) return STATUS_INVALID_PARAMETER;
  const { compressionState } = CompressionState.read(body.input);
  return compressionState === COMPRESSION_FORMAT_NONE ? respond(body, open) : STATUS_NOT_SUPPORTED;
}
