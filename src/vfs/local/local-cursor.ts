/** A walk over one directory with getdents64(2). */
import assert from 'node:assert/strict';
import { clientName } from '../../fscc/private-names.ts';
import { O_DIRECTORY, O_RDONLY, X_OK } from '../../native/constants.ts';
import { hasEntries, type RawEntry, readEntries } from '../../native/directory.ts';
import { close, rewind } from '../../native/files.ts';
import { EACCES, ENOENT, type Errno, isErrno, type Result } from '../errno.ts';
import type { MaybePromise, VfsCursor, VfsDirectoryEntry, VfsStat } from '../vfs.ts';
import { actAs, type Credentials } from './credentials.ts';
import { statFound, statName } from './metadata.ts';
import { refusal } from './permissions.ts';
import { reopen } from './reopen.ts';
import { checkName } from './resolver.ts';
import { type LocalShare, type Running, whenNamed } from './share.ts';

/** All that a cursor is, in plain values. */
export interface CursorState {
  readonly fd: number;
  readonly isSearchable: boolean;
}

export class LocalCursor implements VfsCursor {
  readonly #share: LocalShare;
  readonly #credentials: Credentials;
  readonly #fd: number;
  /** The user may search here: seen once, so that each entry needs no change of identity. */
  readonly #isSearchable: boolean;
  #isClosed = false;

  private constructor(share: LocalShare, credentials: Credentials, directory: CursorState) {
    this.#share = share;
    this.#credentials = credentials;
    this.#fd = directory.fd;
    this.#isSearchable = directory.isSearchable;
  }

  /** Takes over `fd`, opened for reading as the user. Call with the identity entered. */
  static of(share: LocalShare, credentials: Credentials, fd: number): LocalCursor {
    const isSearchable = refusal(fd, X_OK, credentials) === 0;
    return new LocalCursor(share, credentials, { fd, isSearchable });
  }

  /** The cursor of another thread's `state`. */
  static from(share: LocalShare, credentials: Credentials, state: CursorState): LocalCursor {
    return new LocalCursor(share, credentials, state);
  }

  get state(): CursorState {
    return { fd: this.#fd, isSearchable: this.#isSearchable };
  }

  next(): Result<readonly VfsDirectoryEntry[]> {
    const { pace } = this.#share;
    const begun = pace.begin();
    const entries = this.#next();
    pace.end(begun);
    return entries;
  }

  #next(): Result<readonly VfsDirectoryEntry[]> {
    const raw: RawEntry[] = [];
    for (;;) {
      const state = readEntries(this.#fd, raw);
      // A directory that was removed reads as if it were missing.
      if (typeof state === 'number' && state !== ENOENT) return state;
      if (raw.length > 0 || state !== 'more') break;
    }
    const { isExact } = this.#share.resolver;
    return raw.map(({ name, inode }) => ({
      name: isExact ? name : clientName(name),
      fileId: inode,
    }));
  }

  stat(entry: VfsDirectoryEntry): Result<VfsStat> {
    const checked = checkName(entry.name);
    if (isErrno(checked)) return ENOENT;
    const disk = this.#share.resolver.isExact ? entry.name : checked;
    let name = disk;
    let refused = this.#find(disk);
    // A name whose private characters are so on disk.
    if (refused === ENOENT && disk !== entry.name) {
      name = entry.name;
      refused = this.#find(name);
    }
    return refused !== 0 ? refused : statFound(this.#share, this.#credentials, this.#fd, name);
  }

  #find(name: string): Errno | 0 {
    if (this.#isSearchable) {
      const refused = statName(this.#fd, name);
      if (refused === 0 || refused === ENOENT) return refused;
    }
    const refused = this.#credentials.enter();
    if (refused !== 0) return refused;
    try {
      return statName(this.#fd, name);
    } finally {
      this.#credentials.leave();
    }
  }

  rewind(): void {
    rewind(this.#fd);
  }

  close(): void {
    assert.ok(!this.#isClosed, 'a cursor is closed once');
    this.#isClosed = true;
    close(this.#fd);
  }
}

/** Of a directory that is open by its path; of a slow device its threads walk. Call with no identity entered. */
export function openCursor(
  share: LocalShare,
  credentials: Credentials,
  path: number,
): Result<VfsCursor> {
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  let cursor: LocalCursor;
  try {
    const fd = reopen(share, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return fd;
    cursor = LocalCursor.of(share, credentials, fd);
  } finally {
    credentials.leave();
  }
  const { pace, slowDevice } = share;
  if (!pace.isSlow || slowDevice === undefined) return cursor;
  return slowDevice.cursor(credentials.identity, cursor.state);
}

/** Of a directory that is open by its path. Call with no identity entered. */
export function isEmptyObject(
  share: LocalShare,
  credentials: Credentials,
  path: number,
): boolean | Errno {
  // As the server: to remove a directory nobody need be able to read it.
  let fd = reopen(share, path, O_RDONLY | O_DIRECTORY);
  if (fd === EACCES) fd = actAs(credentials, () => reopen(share, path, O_RDONLY | O_DIRECTORY));
  return fd < 0 ? fd : isEmptyDirectory(fd);
}

/** Takes over the descriptor. */
function isEmptyDirectory(fd: number): boolean | Errno {
  const has = hasEntries(fd);
  close(fd);
  // A directory that was removed reads as if it were missing.
  if (typeof has === 'number') return has === ENOENT ? true : has;
  return !has;
}

/** What the directory holds under a client's name. Call with no identity entered. */
export const childOf = (
  share: LocalShare,
  credentials: Credentials,
  directory: Running & { readonly fd: number },
  name: string,
): MaybePromise<Result<{ name: string; stat: VfsStat }>> =>
  whenNamed(share, directory, () => childNow(share, credentials, directory.fd, name));

function childNow(
  share: LocalShare,
  credentials: Credentials,
  fd: number,
  name: string,
): Result<{ name: string; stat: VfsStat }> {
  const disk = checkName(name);
  if (isErrno(disk)) return disk;
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  let found: string | Errno;
  try {
    found = share.resolver.existing(fd, name, disk, credentials);
  } finally {
    credentials.leave();
  }
  if (isErrno(found)) return found;
  const stat = statFound(share, credentials, fd, found);
  return { name: share.resolver.isExact ? found : clientName(found), stat };
}
