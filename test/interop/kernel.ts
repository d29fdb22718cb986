/**
 * Mounts the share with the Linux kernel's own client (cifs.ko) in a QEMU guest: a tree of files is
 * copied in and out with equal checksums, renamed and deleted, at each version. With `posix` the disk
 * also has to be one of POSIX's: names, links, modes, files and folders that are open while their names go.
 *
 *     npm run interop:kernel                              5,000 files, all versions
 *     npm run interop:kernel -- --files 200 --mount vers=3.1.1,seal
 *     npm run interop:kernel -- --kernel /    the kernel that this machine has in /boot
 *
 * Needs qemu-system-x86_64 and busybox-static, and takes the kernel from Debian's package
 * (apt-get download). No KVM: the guest is emulated, so its seconds say nothing about speed.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { Tally } from '../support/tally.ts';
import { openTarget, targetOptions } from '../support/target.ts';
import { guestPrograms } from './guest.ts';
import { fetchKernel, kernelIn } from './guest-image.ts';
import { runGuest } from './kernel-guest.ts';

/** Mount options, one mount each. */
const MOUNTS = [
  ...['vers=2.0', 'vers=2.1', 'vers=3.0', 'vers=3.1.1', 'vers=3.1.1,seal'],
  'vers=3.1.1,posix',
] as const;

async function main(): Promise<void> {
  const { values } = commandLine({
    options: {
      ...targetOptions,
      kernel: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
      files: { type: 'string', default: '5000' },
      mount: { type: 'string', multiple: true, default: [...MOUNTS] },
      'budget-minutes': { type: 'string', default: '60' },
      json: { type: 'string' },
    },
  });
  mkdirSync(values.cache, { recursive: true });
  const tally = new Tally();
  const { qemu, busybox } = guestPrograms();
  const kernel = values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
  const files = Number(values.files);
  const limitMs = Number(values['budget-minutes']) * 60_000;
  console.log(`Linux ${kernel.release} in QEMU`);
  const target = await openTarget(values);
  if (target.folder === undefined) tally.leaveOut('the look at the folder on the server');
  for (const mount of MOUNTS) {
    if (!values.mount.includes(mount)) tally.leaveOut(`mount -o ${mount}`);
  }
  if (files < 5000) tally.leaveOut(`the tree of 5,000 files: this one has ${files}`);
  try {
    const mounts = values.mount;
    await runGuest({ target, kernel, qemu, busybox, files, mounts, limitMs }, tally);
    target.assertAlive();
  } finally {
    await target.stop();
  }
  tally.close(values.json);
}

await main();
