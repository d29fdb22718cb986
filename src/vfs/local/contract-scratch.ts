/** Test code: a folder on a disk, shared, and gone after. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { nativeSupport } from '../../native/support.ts';
import { type Errno, isErrno, type Result } from '../errno.ts';
import type { Identity, MaybePromise, VfsTree } from '../vfs.ts';
import { createLocalVfs, type LocalVfsOptions } from './local-vfs.ts';
import { unhurried } from './pool/pace.ts';

/** Why tests of this back end cannot run here; false when they can. */
export const cannotRun: string | false = nativeSupport().unavailable ?? false;

export const NOBODY: Identity = { uid: 65534, gid: 65534, groups: [65534] };

export const isRoot: boolean = process.geteuid?.() === 0;

/** A disk in memory, where many small operations are quick. */
export const MEMORY_DISK = '/dev/shm';

export function now<T extends object>(result: MaybePromise<Result<T>>): T {
  if (result instanceof Promise) throw new Error('a promise where an answer was expected');
  if (isErrno(result)) throw new Error(`errno ${result}`);
  return result;
}

export interface Scratch {
  readonly root: string;
  readonly tree: VfsTree;
  as(identity: Identity): VfsTree;
  attach(identity: Identity): VfsTree | Errno;
}

/** For the tests of one file: removed when they are over. */
export function scratchShare(options: Partial<LocalVfsOptions> = {}, base = tmpdir()): Scratch {
  const root = mkdtempSync(join(base, 'usmbd-local-'));
  chmodSync(root, 0o777);
  // On a busy machine, too, the loop does what it does.
  const vfs = createLocalVfs({ root, pace: unhurried(), ...options });
  after(() => {
    vfs.close();
    rmSync(root, { recursive: true, force: true });
  });
  const attach = (identity: Identity): VfsTree | Errno => {
    const tree = vfs.attach(identity);
    if (tree instanceof Promise) throw new Error('a promise where a tree was expected');
    return tree;
  };
  return { root, tree: now(vfs.attach(undefined)), attach, as: (who) => now(attach(who)) };
}
