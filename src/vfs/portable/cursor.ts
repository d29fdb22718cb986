/** A walk over one directory by node:fs. */
import fs, { type Dir } from 'node:fs';
import { ENOENT, type Errno, isErrno, type Result } from '../errno.ts';
import type { VfsCursor, VfsDirectoryEntry, VfsStat } from '../vfs.ts';
import { attempt } from './attempt.ts';
import type { Directory } from './directory.ts';
import { lstat, type Share } from './share.ts';
import { vfsStat } from './stat.ts';

/** Entries of one `next`, and what node:fs reads ahead. */
const BATCH_ENTRIES = 256;

export class PortableCursor implements VfsCursor {
  readonly #share: Share;
  /** Where the directory is now; ENOENT when it is gone. */
  readonly #find: () => Directory | Errno;
  readonly #end: () => void;
  #entries: Dir | undefined;
  #isAtEnd = false;

  constructor(share: Share, find: () => Directory | Errno, end: () => void) {
    this.#share = share;
    this.#find = find;
    this.#end = end;
  }

  /** Opens the directory; 0, or why the cursor cannot be. */
  start(): Errno | 0 {
    const directory = this.#find();
    if (isErrno(directory)) return directory;
    const entries = attempt(() => fs.opendirSync(directory.self, { bufferSize: BATCH_ENTRIES }));
    // Checked again: the name could have been another's while it was opened.
    const isTrue = directory.isTrue();
    directory.close();
    if (isErrno(entries)) return entries;
    if (isTrue) this.#entries = entries;
    else entries.closeSync();
    return isTrue ? 0 : ENOENT;
  }

  next(): Result<readonly VfsDirectoryEntry[]> {
    if (this.#isAtEnd) return [];
    if (this.#entries === undefined) {
      const refusal = this.start();
      if (refusal !== 0) return refusal;
    }
    const directory = this.#find();
    if (isErrno(directory)) return directory;
    const batch = attempt(() => this.#read(directory));
    directory.close();
    return batch;
  }

  stat(entry: VfsDirectoryEntry): Result<VfsStat> {
    const directory = this.#find();
    if (isErrno(directory)) return directory;
    const found = this.#share.find(directory, entry.name);
    directory.close();
    return isErrno(found) ? ENOENT : vfsStat(found.stat);
  }

  rewind(): void {
    this.#entries?.closeSync();
    this.#entries = undefined;
    this.#isAtEnd = false;
  }

  close(): void {
    this.rewind();
    this.#end();
  }

  #read(directory: Directory): VfsDirectoryEntry[] {
    const batch: VfsDirectoryEntry[] = [];
    while (batch.length < BATCH_ENTRIES) {
      const entry = this.#entries!.readSync();
      if (entry === null) {
        this.#isAtEnd = true;
        break;
      }
      // What is gone meanwhile, or has a name that is no text, is not found again and not shown.
      const stat = lstat(directory.at(entry.name));
      if (!isErrno(stat)) batch.push({ name: entry.name, fileId: stat.ino });
    }
    return batch;
  }
}

/** A directory that was removed: nothing is in it, and nothing will be. */
export class EmptyCursor implements VfsCursor {
  next(): readonly VfsDirectoryEntry[] {
    return [];
  }

  stat(): Errno {
    return ENOENT;
  }

  rewind(): void {}

  close(): void {}
}
