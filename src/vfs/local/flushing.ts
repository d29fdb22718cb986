/** Making durable what was written, and telling that it was not. */
import { O_RDONLY } from '../../native/constants.ts';
import { close } from '../../native/files.ts';
import type { Errno } from '../errno.ts';
import type { MaybePromise, VfsKind } from '../vfs.ts';
import { flushed, type OpenInode } from './open-inodes.ts';

export interface Flushable {
  readonly fd: number;
  readonly kind: VfsKind;
  readonly isData: boolean;
  readonly inode: OpenInode;
  reopen(flags: number): number;
  whileRunning<T>(operation: Promise<T>): Promise<T>;
}

export function flushLocal(
  object: Flushable,
  sync: (fd: number) => Promise<Errno | 0>,
): MaybePromise<Errno | 0> {
  const { inode, kind } = object;
  if (inode.error !== 0) return inode.error;
  if (object.isData) return object.whileRunning(synced(inode, sync(object.fd)));
  if (kind !== 'file' && kind !== 'directory') return 0;
  // A path descriptor cannot be synced; the server's own reading one can.
  const fd = object.reopen(O_RDONLY);
  if (fd < 0) return fd;
  return object.whileRunning(synced(inode, sync(fd)).finally(() => close(fd)));
}

async function synced(inode: OpenInode, outcome: Promise<Errno | 0>): Promise<Errno | 0> {
  return flushed(inode, await outcome);
}
