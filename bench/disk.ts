/**
 * A disk that only the bench uses: ext4 as mkfs makes it, in an image. What a machine has below its temporary folder may be
 * none that anybody shares: ext4 without a journal, as small virtual machines have it, looks for each new file at all inodes
 * that were given back within the last minute (`recently_deleted`), and then a server pays for how many files it and its
 * neighbour have deleted.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Sparse: it takes what is written to it. */
const IMAGE_BYTES = 6 * 1024 ** 3;

export interface Disk {
  /** Where it is mounted; anybody may go there. */
  readonly folder: string;
  remove(): void;
}

/** Below `scratch`, as root. Throws what mkfs.ext4 or mount said. */
export function makeDisk(scratch: string): Disk {
  const image = join(scratch, 'disk.img');
  const folder = join(scratch, 'disk');
  writeFileSync(image, '');
  truncateSync(image, IMAGE_BYTES);
  execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: ['ignore', 'ignore', 'pipe'] });
  mkdirSync(folder);
  execFileSync('mount', ['-o', 'loop,user_xattr,acl', image, folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  chmodSync(folder, 0o755);
  return { folder, remove: () => execFileSync('umount', ['--lazy', folder]) };
}
