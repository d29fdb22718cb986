/**
 * What all handles of one inode share: the error of a write-back that failed. The kernel tells such an
 * error once, and the next fsync succeeds though the data is lost. So it is kept while any handle of the
 * inode is open in this process, and every flush answers it.
 */
import { EDQUOT, EIO, ENOSPC, type Errno } from '../errno.ts';

export interface OpenInode {
  readonly key: string;
  handles: number;
  /** The first error of a write-back; 0 while all went well. */
  error: Errno | 0;
}

/** Errors that say that data was lost, not that the call was wrong. */
const WRITE_BACK_ERRORS: readonly Errno[] = [EIO, ENOSPC, EDQUOT];

export class OpenInodes {
  readonly #inodes = new Map<string, OpenInode>();

  get size(): number {
    return this.#inodes.size;
  }

  /** One more handle of the inode. */
  retain(key: string): OpenInode {
    const known = this.#inodes.get(key);
    if (known !== undefined) {
      known.handles++;
      return known;
    }
    const inode: OpenInode = { key, handles: 1, error: 0 };
    this.#inodes.set(key, inode);
    return inode;
  }

  release(inode: OpenInode): void {
    if (--inode.handles === 0) this.#inodes.delete(inode.key);
  }
}

/** Takes the outcome of a sync and answers what the flush has to. */
export function flushed(inode: OpenInode, outcome: Errno | 0): Errno | 0 {
  if (inode.error === 0 && WRITE_BACK_ERRORS.includes(outcome)) inode.error = outcome;
  return inode.error === 0 ? outcome : inode.error;
}
