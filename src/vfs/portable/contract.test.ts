/** The contract's core, both ways of addressing (see directory.ts), as a user who is not root. */
import { chmodSync, fstatSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vfsContract } from '../contract.ts';
import { diskPlant, type VfsUnderTest } from '../contract-kit.ts';
import { EIO } from '../errno.ts';
import { createPortableVfs } from './portable.ts';
import { dropPrivileges, isRoot } from './privileges.ts';

/** Nobody, by convention. */
const NOBODY = 65_534;

if (isRoot()) dropPrivileges({ uid: NOBODY, gid: NOBODY, groups: [] });

async function make(procfs: boolean, caselessHost: boolean): Promise<VfsUnderTest> {
  const root = mkdtempSync(join(tmpdir(), 'usmbd-portable-'));
  chmodSync(root, 0o700);
  const broken = new Set<number>();
  const vfs = createPortableVfs({
    root,
    procfs,
    caselessHost,
    fsync: async (fd) => (broken.delete(fstatSync(fd).ino) ? EIO : 0),
  });
  return {
    vfs,
    profile: 'core',
    plant: {
      ...diskPlant(root),
      breakFlush: (path) => {
        broken.add(statSync(join(root, ...path)).ino);
      },
    },
    cleanup: async () => rmSync(root, { recursive: true }),
  };
}

vfsContract('portable', () => make(true, false));
vfsContract('portable without /proc', () => make(false, false));
vfsContract('portable on a caseless host', () => make(false, true));
