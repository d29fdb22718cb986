/**
 * The folder of snapshots beside a share, laid out as Samba's shadow_copy2 expects it: in it one folder for each,
 * whose name tells the time, with what the file system had then. Snapshots of btrfs, LVM, ZFS and copies by rsync
 * can all be put so. A share has those that its user may list; within them its files' own rights hold.
 */
import type { TimeFormat } from '../../base/time-format.ts';
import { type FileTime, fromUnix } from '../../dtyp/filetime.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
} from '../../native/constants.ts';
import { type RawEntry, readEntries } from '../../native/directory.ts';
import { close, openat } from '../../native/files.ts';
import { fsuid } from '../../native/identity.ts';
import { statx, stx } from '../../native/stat.ts';
import { ENOENT, ENOPATH, ENOTDIR, type Errno, isErrno, type Result } from '../errno.ts';
import type { Credentials } from './credentials.ts';
import { kindOf } from './metadata.ts';
import type { Resolver } from './resolver.ts';

export interface SnapshotLayout {
  /** The folder of snapshots. */
  readonly folder: string;
  /** Where the share is in a snapshot. */
  readonly sharePath: readonly string[];
  readonly format: TimeFormat;
  /** What names have before the part that `format` reads; the first `delimiter` is where that begins. */
  readonly prefix?: { readonly matches: (prefix: string) => boolean; readonly delimiter: string };
  readonly order: 'desc' | 'asc' | 'none';
}

/** SRV_SNAPSHOT_ARRAY of them is 200 kB; Windows itself keeps 512 of a volume. */
const MAX_SNAPSHOTS = 4096;

interface Named {
  readonly name: string;
  readonly time: FileTime;
}

/** A snapshot's share, opened; to be closed. */
export interface OpenSnapshot {
  readonly root: number;
  readonly name: string;
}

export class Snapshots {
  readonly #layout: SnapshotLayout;

  constructor(layout: SnapshotLayout) {
    this.#layout = layout;
  }

  times(credentials: Credentials): Result<readonly FileTime[]> {
    const found = this.#list(credentials);
    if (isErrno(found)) return found === ENOENT || found === ENOTDIR ? [] : found;
    const times = [...new Set(found.map(({ time }) => time))];
    const { order } = this.#layout;
    if (order === 'none') return times;
    times.sort((a, b) => (a < b ? -1 : 1));
    return order === 'asc' ? times : times.reverse();
  }

  /** The share as it was then; ENOENT where there is no such snapshot, or the share was not in it. */
  open(resolver: Resolver, credentials: Credentials, time: FileTime): OpenSnapshot | Errno {
    const found = this.#list(credentials);
    if (isErrno(found)) return found;
    const named = found.find((one) => one.time === time);
    if (named === undefined) return ENOENT;
    const root = this.#openNamed(named.name, resolver);
    if (root < 0) return root === ENOPATH || root === ENOTDIR ? ENOENT : root;
    return { root, name: named.name };
  }

  /** Read as the user; the folder itself is where the configuration says, whoever may go there. */
  #list(credentials: Credentials): Result<readonly Named[]> {
    const folder = openat(AT_FDCWD, this.#layout.folder, O_PATH | O_DIRECTORY);
    if (folder < 0) return folder;
    const refused = credentials.enter();
    if (refused !== 0) {
      close(folder);
      return refused;
    }
    try {
      const fd = openat(folder, '.', O_RDONLY | O_DIRECTORY);
      if (fd < 0) return fd;
      try {
        return this.#namesIn(fd);
      } finally {
        close(fd);
      }
    } finally {
      credentials.leave();
      close(folder);
    }
  }

  #namesIn(fd: number): Result<readonly Named[]> {
    const found: Named[] = [];
    for (;;) {
      const raw: RawEntry[] = [];
      const state = readEntries(fd, raw);
      if (typeof state === 'number') return state;
      for (const { name } of raw) {
        const time = this.#timeOf(name);
        if (time !== undefined && found.length < MAX_SNAPSHOTS) found.push({ name, time });
      }
      if (state === 'end') return found;
    }
  }

  #timeOf(name: string): FileTime | undefined {
    const { format, prefix } = this.#layout;
    let stamp = name;
    if (prefix !== undefined) {
      const at = name.indexOf(prefix.delimiter);
      if (at < 0 || !prefix.matches(name.slice(0, at))) return undefined;
      stamp = name.slice(at);
    }
    const seconds = format.parse(stamp);
    return seconds === undefined ? undefined : fromUnix(seconds);
  }

  #openNamed(name: string, resolver: Resolver): number {
    const folder = openat(AT_FDCWD, this.#layout.folder, O_PATH | O_DIRECTORY);
    if (folder < 0) return folder;
    try {
      const snapshot = openTrusted(folder, name);
      const { sharePath } = this.#layout;
      if (snapshot < 0 || sharePath.length === 0) return snapshot;
      try {
        return resolver.at(snapshot).exactDirectory(sharePath);
      } finally {
        close(snapshot);
      }
    } finally {
      close(folder);
    }
  }
}

/** A folder; through a link only where the server's own user made it, for others might lead anywhere. */
function openTrusted(folder: number, name: string): number {
  const fd = openat(folder, name, O_PATH | O_NOFOLLOW);
  if (fd < 0) return fd;
  const unknown = statx(fd, '', AT_EMPTY_PATH);
  const kind = unknown === 0 ? kindOf(stx.mode()) : 'other';
  if (kind === 'directory') return fd;
  close(fd);
  const isOurs = stx.uid() === 0 || stx.uid() === fsuid();
  if (kind !== 'symlink' || !isOurs) return ENOTDIR;
  return openat(folder, name, O_PATH | O_DIRECTORY);
}
