/**
 * What all handles of one inode share: the error of a write-back that failed, and the names of its open
 * streams. The kernel tells such an error once, and the next fsync succeeds though the data is lost. So it
 * is kept while any handle of the inode is open in this process, and every flush answers it.
 */
import { foldKey } from '../../fscc/upcase.ts';
import { EDQUOT, EIO, ENOSPC, type Errno } from '../errno.ts';

/** A named stream that some handle is of. */
export interface OpenStream {
  /** On disk. */
  name: string;
  isRemoved: boolean;
  handles: number;
}

export class OpenInode {
  readonly key: string;
  handles = 1;
  /** The first error of a write-back; 0 while all went well. */
  error: Errno | 0 = 0;
  /** By name; undefined while none is open. */
  #streams: Map<string, OpenStream> | undefined;

  constructor(key: string) {
    this.key = key;
  }

  openStream(name: string): OpenStream {
    this.#streams ??= new Map();
    const known = this.#streams.get(name);
    if (known !== undefined) {
      known.handles++;
      return known;
    }
    const stream = { name, isRemoved: false, handles: 1 };
    this.#streams.set(name, stream);
    return stream;
  }

  /** The one that is meant by `name`, also in another case. */
  findStream(name: string): OpenStream | undefined {
    const exact = this.#streams?.get(name);
    if (exact !== undefined || this.#streams === undefined) return exact;
    const key = foldKey(name);
    for (const stream of this.#streams.values()) if (foldKey(stream.name) === key) return stream;
    return undefined;
  }

  renameStream(stream: OpenStream, name: string): void {
    this.#streams?.delete(stream.name);
    stream.name = name;
    this.#streams?.set(name, stream);
  }

  removeStream(name: string): void {
    const stream = this.#streams?.get(name);
    if (stream === undefined) return;
    stream.isRemoved = true;
    this.#streams?.delete(name);
  }

  closeStream(stream: OpenStream): void {
    if (--stream.handles > 0 || stream.isRemoved) return;
    this.#streams?.delete(stream.name);
    if (this.#streams?.size === 0) this.#streams = undefined;
  }
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
    const inode = new OpenInode(key);
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
