/**
 * MS-SMB2 3.3.5.15.6 as Apple's OSX_COPYFILE has it: FSCTL_SRV_COPYCHUNK without chunks copies the whole file,
 * its named streams with it. A stream that cannot be copied fails the copy: the client copies on its own then.
 */
import { type NtStatus, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import type { SrvCopyChunk, SrvCopyChunkResponse } from '../smb2/ioctl-structures.ts';
import { EEXIST, type Errno, isErrno, type Result } from '../vfs/errno.ts';
import type { VfsHandle, VfsStream } from '../vfs/vfs.ts';
import type { Copied } from './copy-chunk.ts';
import { statusOfErrno } from './errno-status.ts';

export async function copyWholeFile(
  request: Request,
  source: Open,
  target: Open,
  copy: (chunks: readonly SrvCopyChunk[]) => Promise<Copied>,
): Promise<{ readonly status: NtStatus; readonly done: SrvCopyChunkResponse }> {
  const answer = (status: NtStatus, totalBytesWritten: number) => ({
    status,
    done: { chunksWritten: 0, chunkBytesWritten: 0, totalBytesWritten },
  });
  const from = source.handle!;
  const stat = await from.stat();
  if (isErrno(stat)) return answer(statusOfErrno(stat), 0);
  const { size: length } = stat;
  const copied = await copy(length === 0 ? [] : [{ sourceOffset: 0, targetOffset: 0, length }]);
  if (copied.status !== STATUS_SUCCESS) return answer(copied.status, copied.totalBytesWritten);
  const failed = await copyStreams(request, source, target);
  return answer(failed, copied.totalBytesWritten);
}

async function copyStreams(request: Request, source: Open, target: Open): Promise<NtStatus> {
  if (source.handle!.base !== undefined || target.handle!.base !== undefined) return STATUS_SUCCESS;
  const streams = await source.handle!.streams('apple');
  // A file system without streams has none to copy.
  if (isErrno(streams)) return STATUS_SUCCESS;
  for (const stream of streams) {
    const bytes = await readStream(source, stream);
    if (isErrno(bytes)) return statusOfErrno(bytes);
    const result = await writeStream(request, target, stream.name, bytes);
    if (isErrno(result)) return statusOfErrno(result);
  }
  return STATUS_SUCCESS;
}

/** A handle of its own: a stream's closes that of its file with itself. */
async function another(open: Open): Promise<Result<VfsHandle>> {
  const path = open.handle!.path();
  return isErrno(path) ? path : open.tree!.files!.lookup(path);
}

async function readStream(source: Open, { name, size }: VfsStream): Promise<Result<Buffer>> {
  const file = await another(source);
  if (isErrno(file)) return file;
  const stream = await file.stream(name, 'apple');
  if (isErrno(stream)) {
    file.close();
    return stream;
  }
  try {
    const opened = await stream.open({ read: true, write: false });
    if (isErrno(opened)) return opened;
    const bytes = Buffer.alloc(size);
    const count = await stream.read(bytes, 0);
    return isErrno(count) ? count : bytes.subarray(0, count);
  } finally {
    stream.close();
  }
}

async function writeStream(
  request: Request,
  target: Open,
  name: string,
  bytes: Buffer,
): Promise<Errno | 0> {
  const file = await another(target);
  if (isErrno(file)) return file;
  let stream = await file.createStream(name, 'apple');
  const isNew = !isErrno(stream);
  if (stream === EEXIST) stream = await file.stream(name, 'apple');
  if (isErrno(stream)) {
    file.close();
    return stream;
  }
  try {
    const opened = await stream.open({ read: false, write: true });
    if (isErrno(opened)) return opened;
    const emptied = isNew ? 0 : await stream.truncate(0);
    if (isErrno(emptied)) return emptied;
    const count = bytes.length === 0 ? 0 : await stream.write(bytes, 0);
    if (isErrno(count)) return count;
    if (isNew) request.server.changes.streamAdded(target.home, stream);
    return 0;
  } finally {
    stream.close();
  }
}
