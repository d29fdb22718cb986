/**
 * MS-SMB2 3.3.5.15.17 and 3.3.5.15.18, MS-FSA 2.1.5.10.4 and 2.1.5.10.5: a part of one file becomes a part of another, of
 * which the file system keeps one copy. As Windows, without a look at byte-range locks (smb2.ioctl.dup_extents_src_lock).
 */
import { FILE_APPEND_DATA, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_SPARSE_FILE } from '../fscc/attributes.ts';
import { DuplicateExtents, DuplicateExtentsEx, isNegative } from '../fscc/file-ranges.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import { overlap } from '../vfs/copy-bytes.ts';
import { EINVAL, EXDEV, isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import { readId64 } from '../wire/struct.ts';
import { breakFor, whileChanging } from './caching.ts';
import type { Outcome } from './command.ts';
import { holding } from './copy-chunk.ts';
import { statusOfErrno } from './errno-status.ts';
import { respond } from './ioctl-reply.ts';
import { keepUserTimes } from './user-times.ts';
import { noteWritten } from './write.ts';

/** No data are moved, however long it is; and nobody writes to the source meanwhile (SOURCE_ATOMIC). */
export async function duplicateExtents(
  body: IoctlRequest,
  request: Request,
  target: Open,
): Promise<Outcome> {
  const isEx = body.ctlCode === Fsctl.FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX;
  const asked = isEx ? DuplicateExtentsEx.read(body.input) : DuplicateExtents.read(body.input);
  const source = request.session!.opens.get(readId64(asked.sourceFileId, 8));
  if (source === undefined) return STATUS_INVALID_HANDLE;
  if (!request.tree!.share.vfs!.features.cloning) return STATUS_INVALID_DEVICE_REQUEST;
  const status = await holding(source, () => clone(request, source, target, asked));
  return status === STATUS_SUCCESS ? respond(body, target) : status;
}

async function clone(
  request: Request,
  source: Open,
  target: Open,
  { sourceFileOffset, targetFileOffset, byteCount }: Omit<DuplicateExtents, 'sourceFileId'>,
): Promise<NtStatus> {
  if ((target.access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0) return STATUS_ACCESS_DENIED;
  const refused = await refuse(request, [sourceFileOffset, targetFileOffset, byteCount]);
  if (refused !== undefined) return refused;
  if (byteCount === 0) return STATUS_SUCCESS;
  const [from, to] = [unnamedOf(source), unnamedOf(target)];
  if (to === undefined) return STATUS_NOT_SUPPORTED;
  if (from === undefined || (source.access & FILE_READ_DATA) === 0) {
    return STATUS_INVALID_PARAMETER;
  }
  const isSame = source.file === target.file;
  if (isSame && overlap(sourceFileOffset, targetFileOffset, byteCount)) {
    return STATUS_NOT_SUPPORTED;
  }
  const beyond = await refuseSizes(
    from,
    sourceFileOffset + byteCount,
    to,
    targetFileOffset + byteCount,
  );
  if (beyond !== undefined) return beyond;
  const given = await breakFor(request, target.file!, { kind: 'write' }, target);
  if (given !== undefined) return given;
  if (target.closed || source.closed) return STATUS_FILE_CLOSED;
  const cloning = keepUserTimes(target, to, () =>
    to.cloneRange(from.snapshot?.source ?? from, sourceFileOffset, targetFileOffset, byteCount),
  );
  const result = await whileChanging(request, target.file!, Promise.resolve(cloning));
  if (result === EXDEV || result === EINVAL) return STATUS_INVALID_PARAMETER;
  if (isErrno(result)) return statusOfErrno(result);
  noteWritten(target);
  return STATUS_SUCCESS;
}

/** A file's own data, no stream's. */
const unnamedOf = ({ handle }: Open): VfsHandle | undefined =>
  handle?.kind === 'file' && handle.base === undefined ? handle : undefined;

/** All of them whole clusters. */
async function refuse(
  { tree }: Request,
  offsets: readonly number[],
): Promise<NtStatus | undefined> {
  const volume = await tree!.files!.volume();
  if (isErrno(volume)) return statusOfErrno(volume);
  const isWrong = (offset: number): boolean =>
    isNegative(offset) || offset % volume.blockSize !== 0;
  return offsets.some(isWrong) ? STATUS_INVALID_PARAMETER : undefined;
}

/** Neither file ends before; what is sparse goes only to what is. */
async function refuseSizes(
  source: VfsHandle,
  sourceEnd: number,
  target: VfsHandle,
  targetEnd: number,
): Promise<NtStatus | undefined> {
  const [from, to] = [await source.stat(), await target.stat()];
  if (isErrno(from)) return statusOfErrno(from);
  if (isErrno(to)) return statusOfErrno(to);
  if (sourceEnd > from.size || targetEnd > to.size) return STATUS_NOT_SUPPORTED;
  const onlySource = from.attributes & ~to.attributes & FILE_ATTRIBUTE_SPARSE_FILE;
  return onlySource === 0 ? undefined : STATUS_NOT_SUPPORTED;
}
