/** copy_file_range(2), on this thread and off it, and FICLONERANGE of ioctl_ficlonerange(2). A count or a negative errno; never a throw. */
import { FICLONERANGE } from './constants.ts';
import { addressOf, bind, bindInPool, lastErrno } from './library.ts';

const SIGNATURE = ['int', 'uint64', 'int', 'uint64', 'size_t', 'uint32'] as const;

const now = bind<
  (from: number, fromAt: number, to: number, toAt: number, length: number, flags: number) => number
>('copy_file_range', 'int64', SIGNATURE);
const inPool = bindInPool('copy_file_range', 'int64', SIGNATURE);

export interface CopyRange {
  readonly source: number;
  readonly from: number;
  readonly target: number;
  readonly position: number;
  readonly length: number;
}

/** Two loff_t. */
const OFFSETS_BYTES = 16;
const offsets = Buffer.alloc(OFFSETS_BYTES);

function setOffsets(into: Buffer, { from, position }: CopyRange): number {
  into.writeBigInt64LE(BigInt(from), 0);
  into.writeBigInt64LE(BigInt(position), 8);
  return addressOf(into);
}

/** How much of the range was copied by one call; 0 where the source ends. */
export function copyFileRange(range: CopyRange): number {
  const at = setOffsets(offsets, range);
  const count = now(range.source, at, range.target, at + 8, range.length, 0);
  return count < 0 ? -lastErrno() : count;
}

/** What the kernel may write to. */
const inUse = new Set<Buffer>();

/** The same in the pool. */
export async function copyFileRangeInPool(range: CopyRange): Promise<number> {
  const own = Buffer.alloc(OFFSETS_BYTES);
  inUse.add(own);
  const at = setOffsets(own, range);
  const count = await inPool(range.source, at, range.target, at + 8, range.length, 0);
  inUse.delete(own);
  return count;
}

const clone = bind<(fd: number, request: number, range: Buffer) => number>('ioctl', 'int', [
  'int',
  'uint64',
  'void *',
]);

/** struct file_clone_range: s64 src_fd; u64 src_offset, src_length, dest_offset. */
const cloneArgument = Buffer.alloc(32);

/** Makes the target share the blocks of the source. */
export function cloneFileRange(range: CopyRange): number {
  cloneArgument.writeBigInt64LE(BigInt(range.source), 0);
  cloneArgument.writeBigUInt64LE(BigInt(range.from), 8);
  cloneArgument.writeBigUInt64LE(BigInt(range.length), 16);
  cloneArgument.writeBigUInt64LE(BigInt(range.position), 24);
  return clone(range.target, FICLONERANGE, cloneArgument) < 0 ? -lastErrno() : 0;
}
