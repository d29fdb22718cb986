/**
 * MS-SMB2 3.3.5.9 as Apple's AAPL has it: which file has this id. macOS keeps ids in aliases and documents, and asks for the
 * path of one that it has no file of. No file system of Linux finds a file by its number for somebody, so the share is
 * looked through from its root, as the user and by what the user may list: who could not find a name gets none told.
 */
import { MAX_RESOLVED_DIRECTORIES, MAX_RESOLVED_NAMES } from '../base/limits.ts';
import { FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Session } from '../objects/session.ts';
import { EACCES, ENOENT, type Errno, isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsTree } from '../vfs/vfs.ts';
import { maximalAccess } from './access.ts';
import type { TreeRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';

export interface Resolved {
  readonly status: NtStatus;
  /** From the share's root, with backslashes between; empty where the status is none of success. */
  readonly path: string;
}

/** One at a time: each may take a processor for a second. */
const searching = new WeakSet<Session>();

const refused = (status: NtStatus): Resolved => ({ status, path: '' });

export async function resolvedPath(
  { session, tree }: TreeRequest,
  open: Open,
  fileId: bigint,
): Promise<Resolved> {
  const files = tree.files;
  // Whose ids are told as zeros has none to ask for.
  if (files === undefined || tree.share.appleFileIds !== true) return refused(STATUS_NOT_SUPPORTED);
  if (searching.has(session)) return refused(STATUS_INSUFFICIENT_RESOURCES);
  searching.add(session);
  try {
    const search = new Search(files, open, fileId);
    const path = await search.path();
    // An alias is not to be called broken because the disk is.
    if (path === undefined) {
      return refused(statusOfErrno(search.failure === 0 ? ENOENT : search.failure));
    }
    return { status: STATUS_SUCCESS, path: path.join('\\') };
  } finally {
    searching.delete(session);
  }
}

type Path = readonly string[];

/** Through the directories, the nearest to the root first. */
class Search {
  readonly #files: VfsTree;
  readonly #open: Open;
  readonly #fileId: bigint;
  readonly #directories: Path[] = [[]];
  #namesLeft = MAX_RESOLVED_NAMES;
  /** The first of what could not be looked at, though it is there and the user may. */
  failure: Errno = 0;

  constructor(files: VfsTree, open: Open, fileId: bigint) {
    this.#files = files;
    this.#open = open;
    this.#fileId = fileId;
  }

  async path(): Promise<Path | undefined> {
    for (let at = 0; at < this.#directories.length && this.#namesLeft > 0; at++) {
      const found = await this.#within(this.#directories[at]!);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #within(path: Path): Promise<Path | undefined> {
    const directory = await this.#files.lookup(path);
    if (isErrno(directory)) return this.#failed(directory);
    try {
      const access = await maximalAccess(this.#open.tree!, directory, 0);
      if ((access & FILE_LIST_DIRECTORY) === 0) return undefined;
      return await this.#listed(path, directory);
    } finally {
      directory.close();
    }
  }

  async #listed(path: Path, directory: VfsHandle): Promise<Path | undefined> {
    const cursor = await directory.cursor();
    if (isErrno(cursor)) return this.#failed(cursor);
    const { visibility } = this.#open.home;
    try {
      while (this.#namesLeft > 0) {
        const entries = await cursor.next();
        if (isErrno(entries)) return this.#failed(entries);
        if (entries.length === 0) return undefined;
        this.#namesLeft -= entries.length;
        for (const entry of entries) {
          if (visibility?.vetoes(entry.name) === true) continue;
          const child = [...path, entry.name];
          if (entry.fileId === this.#fileId)
            return (await this.#mayBeTold(child)) ? child : undefined;
          const stat = await cursor.stat(entry);
          if (isErrno(stat)) this.#failed(stat);
          if (isErrno(stat) || stat.kind !== 'directory') continue;
          if (this.#directories.length < MAX_RESOLVED_DIRECTORIES) this.#directories.push(child);
        }
        // A large share is not the only one that is asked for something.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return undefined;
    } finally {
      cursor.close();
    }
  }

  #failed(errno: Errno): undefined {
    if (errno !== ENOENT && errno !== EACCES && this.failure === 0) this.failure = errno;
    return undefined;
  }

  /** An open of this path for its attributes would be granted; with `hide unreadable` it has to be readable. */
  async #mayBeTold(path: Path): Promise<boolean> {
    const handle = await this.#files.lookup(path);
    if (isErrno(handle)) {
      this.#failed(handle);
      return false;
    }
    try {
      if (handle.fileId !== this.#fileId) return false;
      const access = await maximalAccess(this.#open.tree!, handle, 0);
      const wanted =
        this.#open.home.visibility?.unreadable === true ? READABLE : FILE_READ_ATTRIBUTES;
      return (access & wanted) === wanted;
    } finally {
      handle.close();
    }
  }
}

/** Of a file FILE_READ_DATA, of a directory FILE_LIST_DIRECTORY: the same bit. */
const READABLE = FILE_READ_ATTRIBUTES | FILE_LIST_DIRECTORY;
