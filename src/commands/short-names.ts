/**
 * Generated 8.3 names (fscc/short-name.ts) at work: MS-FSA 2.1.5.12.4 tells one, and a path may hold them
 * (2.1.5.1.2: "where Link.Name or Link.ShortName matches"). Nothing is stored: to find a file by its short
 * name its directory is read once, and only when no file has the name itself. A short name stands for a
 * file only while no other name in the directory is, or comes to, the same.
 */
import { setImmediate } from 'node:timers/promises';
import { type NtStatus, STATUS_OBJECT_NAME_NOT_FOUND } from '../dtyp/ntstatus.ts';
import { isGeneratedShortName, isShortNameOf, shortNameOf } from '../fscc/short-name.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { ENOENT, type Errno, isErrno } from '../vfs/errno.ts';
import type { MaybePromise, VfsHandle, VfsTree } from '../vfs/vfs.ts';
import { statusOfErrno } from './errno-status.ts';

/** A tree connect to a disk share. */
type Mounted = Pick<TreeConnect, 'share' | 'files'>;

/** In a larger directory there are no short names: one look-up would read it all. Some 100 ms. */
const MAX_SCANNED_ENTRIES = 100_000;
/** Others have their turn after so many. */
const ENTRIES_AT_A_TIME = 4096;

/**
 * The path with short names replaced by the names that they stand for. What no file has as its short
 * name stays as it is; the same array where nothing was replaced.
 */
export const longPath = (
  { share, files }: Mounted,
  path: readonly string[],
): MaybePromise<readonly string[]> =>
  share.shortNames !== 'none' && path.some(isGeneratedShortName) ? replaced(files!, path) : path;

async function replaced(files: VfsTree, path: readonly string[]): Promise<readonly string[]> {
  let long = path;
  for (const [index, name] of path.entries()) {
    if (!isGeneratedShortName(name)) continue;
    const parent = await files.lookup(long.slice(0, index));
    if (isErrno(parent)) return long;
    try {
      const found = await longName(parent, name);
      if (!isErrno(found) && found !== name) long = long.with(index, found);
    } finally {
      parent.close();
    }
  }
  return long;
}

/** The name of the file in `directory` whose short name this is; ENOENT where there is none. */
export async function longName(directory: VfsHandle, short: string): Promise<string | Errno> {
  if (!isGeneratedShortName(short)) return ENOENT;
  const child = await directory.child(short);
  if (child !== ENOENT) return isErrno(child) ? child : child.name;
  return (await onlyNameWith(directory, short)) ?? ENOENT;
}

/** 2.1.5.12.4: the 8.3 name by which the file can be opened. */
export async function alternateName(
  { share, files }: Mounted,
  handle: VfsHandle,
): Promise<string | NtStatus> {
  if (share.shortNames === 'none') return STATUS_OBJECT_NAME_NOT_FOUND;
  const path = handle.path();
  if (isErrno(path)) return statusOfErrno(path);
  const name = path.at(-1);
  if (name === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  const short = shortNameOf(name);
  if (short === name) return name;
  const parent = await files!.lookup(path.slice(0, -1));
  if (isErrno(parent)) return statusOfErrno(parent);
  try {
    return (await longName(parent, short)) === name ? short : STATUS_OBJECT_NAME_NOT_FOUND;
  } finally {
    parent.close();
  }
}

async function onlyNameWith(directory: VfsHandle, short: string): Promise<string | undefined> {
  const cursor = await directory.cursor();
  // Who may not list the directory knows no short names.
  if (isErrno(cursor)) return undefined;
  try {
    let found: string | undefined;
    let scanned = 0;
    let turn = 0;
    for (;;) {
      const entries = await cursor.next();
      if (isErrno(entries)) return undefined;
      if (entries.length === 0) return found;
      for (const { name } of entries) {
        if (!isShortNameOf(short, name)) continue;
        if (found !== undefined) return undefined;
        found = name;
      }
      scanned += entries.length;
      if (scanned > MAX_SCANNED_ENTRIES) return undefined;
      if (scanned >= turn + ENTRIES_AT_A_TIME) {
        turn = scanned;
        await setImmediate();
      }
    }
  } finally {
    cursor.close();
  }
}
