/** The VFS contract on a real folder, as each kind of user and with each way to resolve paths. */
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { vfsContract } from '../contract.ts';
import { diskPlant, type VfsUnderTest } from '../contract-kit.ts';
import { EIO } from '../errno.ts';
import { cannotRun, isRoot, MEMORY_DISK, NOBODY } from './contract-scratch.ts';
import { createLocalVfs, type LocalVfsOptions } from './local-vfs.ts';
import { Pace } from './pool/pace.ts';

/** A device that is slow and stays so. */
function slow(): Pace {
  const pace = new Pace(-1);
  pace.isSlow = true;
  return pace;
}

async function make(
  base: string,
  openat2: boolean,
  how: Partial<LocalVfsOptions> = {},
): Promise<VfsUnderTest> {
  const root = mkdtempSync(join(base, 'usmbd-local-'));
  chmodSync(root, 0o777);
  const broken = new Set<number>();
  const vfs = createLocalVfs({
    root,
    openat2,
    ...how,
    dataSync: async (fd) => (broken.delete(statSync(`/proc/self/fd/${fd}`).ino) ? EIO : 0),
  });
  return {
    vfs,
    profile: 'full',
    ...(isRoot ? { identity: NOBODY } : {}),
    plant: {
      ...diskPlant(root),
      breakFlush: (path) => {
        broken.add(statSync(join(root, ...path)).ino);
      },
    },
    cleanup: async () => rmSync(root, { recursive: true, force: true }),
  };
}

if (cannotRun !== false) {
  test('local', { skip: cannotRun }, () => {});
} else {
  vfsContract('local', () => make(tmpdir(), true));
  vfsContract('local, walking by component', () => make(MEMORY_DISK, false));
  vfsContract('local, by threads of the pool', () => make(tmpdir(), true, { threads: true }));
  vfsContract('local, on a disk that is slow', () => make(tmpdir(), true, { pace: slow() }));
}
