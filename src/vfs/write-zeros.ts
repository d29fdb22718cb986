/** Zeros for a file system that cannot make them by itself. */
import { MAX_COPY_CHUNK_BYTES } from '../base/limits.ts';
import { type Errno, isErrno } from './errno.ts';
import type { VfsHandle, VfsRange } from './vfs.ts';

const zeros = Buffer.alloc(MAX_COPY_CHUNK_BYTES);

/** See VfsHandle.zero; others have their turn after each piece. */
export async function writeZeros(
  handle: Pick<VfsHandle, 'write'>,
  { position, length }: VfsRange,
): Promise<Errno | 0> {
  for (let done = 0; done < length; ) {
    const piece = zeros.subarray(0, Math.min(zeros.length, length - done));
    const count = await handle.write(piece, position + done);
    if (isErrno(count)) return count;
    done += count;
    if (done < length) await new Promise((resolve) => setImmediate(resolve));
  }
  return 0;
}

/** All of the range that is within the size, for a file system that knows of no holes. */
export const wholeRange = ({ position, length }: VfsRange, size: number): readonly VfsRange[] =>
  length === 0 || position >= size ? [] : [{ position, length: Math.min(length, size - position) }];
