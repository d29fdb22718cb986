/**
 * `delete veto files`: a directory in which there is nothing but vetoed files is empty to clients, and goes
 * with what they do not see. All of it is done as the user.
 */
import { ENOTEMPTY, type Errno, isErrno, type Result } from '../vfs/errno.ts';
import type { MaybePromise, VfsHandle, VfsTree } from '../vfs/vfs.ts';
import type { Visibility } from './visibility.ts';

/** Whether a directory holds nothing that stands in the way of its deletion. */
export function isEmptyToClients(
  handle: VfsHandle,
  visibility: Visibility | undefined,
): MaybePromise<boolean | Errno> {
  return visibility?.deletesVetoed === true
    ? holdsVetoedOnly(handle, visibility)
    : handle.isEmpty();
}

async function holdsVetoedOnly(handle: VfsHandle, visibility: Visibility) {
  const empty = await handle.isEmpty();
  if (empty !== false) return empty;
  const names = await namesIn(handle);
  return isErrno(names) ? names : names.every((name) => visibility.vetoes(name));
}

/** Removes a directory, with the vetoed files in it; anything else is removed as it is. */
export async function removeWithVetoed(
  handle: VfsHandle,
  files: VfsTree | undefined,
  visibility: Visibility | undefined,
): Promise<Errno | 0> {
  const result = await handle.remove();
  if (result !== ENOTEMPTY || visibility?.deletesVetoed !== true || files === undefined) {
    return result;
  }
  const path = handle.path();
  if (isErrno(path)) return path;
  const names = await namesIn(handle);
  if (isErrno(names)) return names;
  if (!names.every((name) => visibility.vetoes(name))) return ENOTEMPTY;
  for (const name of names) {
    const removed = await removeTree(files, [...path, name]);
    if (removed !== 0) return removed;
  }
  return handle.remove();
}

/** What lies below a vetoed directory is out of sight as well, whatever it is called. */
async function removeTree(files: VfsTree, path: readonly string[]): Promise<Errno | 0> {
  const handle = await files.lookup(path);
  if (isErrno(handle)) return handle;
  try {
    if (handle.kind === 'directory') {
      const names = await namesIn(handle);
      if (isErrno(names)) return names;
      for (const name of names) {
        const removed = await removeTree(files, [...path, name]);
        if (removed !== 0) return removed;
      }
    }
    return await handle.remove();
  } finally {
    handle.close();
  }
}

async function namesIn(directory: VfsHandle): Promise<Result<string[]>> {
  const cursor = await directory.cursor();
  if (isErrno(cursor)) return cursor;
  try {
    const names: string[] = [];
    for (;;) {
      const batch = await cursor.next();
      if (isErrno(batch)) return batch;
      if (batch.length === 0) return names;
      for (const { name } of batch) names.push(name);
    }
  } finally {
    cursor.close();
  }
}
