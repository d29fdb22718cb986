/** A walk over one directory of the memory back end. */
import { ENOENT, type Errno, isErrno, type Result } from '../errno.ts';
import type { Identity, VfsCursor, VfsDirectoryEntry, VfsStat } from '../vfs.ts';
import { type DirectoryNode, type Entry, statOf } from './node.ts';
import type { Volume } from './volume.ts';

/** Entries of one `next`. */
const BATCH_ENTRIES = 256;

export class MemoryCursor implements VfsCursor {
  readonly #volume: Volume;
  readonly #directory: DirectoryNode;
  readonly #identity: Identity | undefined;
  #rest: IterableIterator<Entry>;
  /** Names that are made later are not shown, so that the walk ends. */
  #end: number;

  constructor(volume: Volume, directory: DirectoryNode, identity: Identity | undefined) {
    this.#volume = volume;
    this.#directory = directory;
    this.#identity = identity;
    this.#rest = directory.names.entries();
    this.#end = volume.serial;
  }

  next(): Result<readonly VfsDirectoryEntry[]> {
    const batch: VfsDirectoryEntry[] = [];
    while (batch.length < BATCH_ENTRIES) {
      const { value, done } = this.#rest.next();
      if (done) break;
      if (value.serial < this.#end) batch.push({ name: value.name, fileId: value.node.fileId });
    }
    return batch;
  }

  stat({ name }: VfsDirectoryEntry): VfsStat | Errno {
    const entry = this.#volume.find({ parent: this.#directory, name }, this.#identity);
    if (isErrno(entry)) return ENOENT;
    return statOf(entry.node, this.#volume.volumeId);
  }

  rewind(): void {
    this.#rest = this.#directory.names.entries();
    this.#end = this.#volume.serial;
  }

  close(): void {}
}
