/**
 * Files that are either the old one or the new one, whenever the power fails: written beside the old
 * one, synchronised, renamed over it, and the folder synchronised.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Throws what `node:fs` throws; the old file is untouched then and nothing is left beside it. */
export function replaceFile(
  path: string,
  contents: string | Uint8Array,
  options: { readonly mode: number },
): void {
  const target = resolveLinks(path);
  const temporary = join(
    dirname(target),
    `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`,
  );
  const file = openSync(temporary, 'wx', 0o600);
  try {
    try {
      keepOwner(file, target);
      fchmodSync(file, options.mode);
      writeAll(file, typeof contents === 'string' ? Buffer.from(contents) : contents);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
  syncFolder(dirname(target));
}

/** Makes what happened to a folder's names durable. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** A link to the file stays a link. */
function resolveLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function keepOwner(file: number, target: string): void {
  if (process.getuid?.() !== 0) return;
  const old = statSync(target, { throwIfNoEntry: false });
  if (old !== undefined) fchownSync(file, old.uid, old.gid);
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
