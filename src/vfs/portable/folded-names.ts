/**
 * The names in directories by what they are without case, so that a name which is not there exactly does
 * not cost a walk over its directory each time.
 *
 * What is kept of a directory holds while its time of change does, if that time was long past when the
 * directory was read: a later change would show. Else it holds for a moment only, through
 * the changes that this server makes itself. So a name that others make may be overlooked for that
 * moment, and only in another case than its own; exact names are always asked of the disk.
 */
import fs from 'node:fs';
import { foldKey } from '../../fscc/upcase.ts';
import { type Errno, isErrno } from '../errno.ts';
import { attempt } from './attempt.ts';
import type { Directory } from './directory.ts';

/** How long a directory that is changing is remembered. */
const MOMENT_MS = 1000;

/** Older than any coarse clock of a file system: FAT has ticks of two seconds. */
const LONG_PAST_NS = 3_000_000_000n;

/** Directories that are remembered; the one that was read first goes first. */
const MAX_DIRECTORIES = 64;

/** Names of all of them together, to bound the memory. */
const MAX_NAMES = 500_000;

interface Remembered {
  readonly names: Map<string, string[]>;
  nameCount: number;
  changed: bigint;
  isSettled: boolean;
  readonly readAtMs: number;
}

export class FoldedNames {
  readonly #directories = new Map<string, Remembered>();
  #nameCount = 0;

  /** The names that differ from `name` in case only, or not at all. They may be gone meanwhile. */
  alike(directory: Directory, name: string): readonly string[] | Errno {
    const seen = look(directory);
    if (isErrno(seen)) return seen;
    const remembered = this.#directories.get(seen.key);
    const holds =
      remembered?.changed === seen.changed &&
      (remembered.isSettled || performance.now() < remembered.readAtMs + MOMENT_MS);
    const names = holds ? remembered : this.#read(directory, seen);
    return isErrno(names) ? names : (names.names.get(foldKey(name)) ?? []);
  }

  /** This server has made a name. */
  added(directory: Directory, name: string): void {
    this.#update(directory, (remembered) => {
      remember(remembered, name);
      this.#nameCount++;
    });
  }

  /** This server has taken a name away. */
  removed(directory: Directory, name: string): void {
    this.#update(directory, (remembered) => {
      const key = foldKey(name);
      const before = remembered.names.get(key) ?? [];
      const after = before.filter((other) => other !== name);
      if (after.length > 0) remembered.names.set(key, after);
      else remembered.names.delete(key);
      remembered.nameCount -= before.length - after.length;
      this.#nameCount -= before.length - after.length;
    });
  }

  #update(directory: Directory, change: (remembered: Remembered) => void): void {
    const seen = look(directory);
    if (isErrno(seen)) return;
    const remembered = this.#directories.get(seen.key);
    if (remembered === undefined) return;
    change(remembered);
    remembered.changed = seen.changed;
    remembered.isSettled = false;
    this.#shrink();
  }

  #read(directory: Directory, { key, changed }: Seen): Remembered | Errno {
    const names = attempt(() => fs.readdirSync(directory.self));
    if (isErrno(names)) return names;
    this.#forget(key);
    const isSettled = BigInt(Date.now()) * 1_000_000n - changed > LONG_PAST_NS;
    const readAtMs = performance.now();
    const fresh: Remembered = { names: new Map(), nameCount: 0, changed, isSettled, readAtMs };
    for (const name of names) remember(fresh, name);
    this.#directories.set(key, fresh);
    this.#nameCount += fresh.nameCount;
    this.#shrink();
    return fresh;
  }

  #shrink(): void {
    for (const key of this.#directories.keys()) {
      if (this.#directories.size <= MAX_DIRECTORIES && this.#nameCount <= MAX_NAMES) return;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    this.#nameCount -= this.#directories.get(key)?.nameCount ?? 0;
    this.#directories.delete(key);
  }
}

interface Seen {
  readonly key: string;
  readonly changed: bigint;
}

function look(directory: Directory): Seen | Errno {
  const stat = attempt(() => fs.statSync(directory.self, { bigint: true }));
  return isErrno(stat) ? stat : { key: `${stat.dev}:${stat.ino}`, changed: stat.mtimeNs };
}

function remember(remembered: Remembered, name: string): void {
  const key = foldKey(name);
  const alike = remembered.names.get(key);
  if (alike === undefined) remembered.names.set(key, [name]);
  else alike.push(name);
  remembered.nameCount++;
}
