/** What suites want to find on the disk: a snapshot, as Samba's own tests lay it down. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nativeSupport } from '../../src/native/support.ts';
import { setxattr } from '../../src/native/xattr.ts';
import type { Target } from '../support/target.ts';

export const SNAPSHOT_NAME = '@GMT-2015.10.31-19.40.30';

/** The server, with a snapshot beneath its share `twrp` where the runner started it. */
export function planted(target: Target): Target {
  if (target.state === undefined || target.folder === undefined) return target;
  const today = join(dirname(target.folder), 'twrp');
  const past = join(today, '.snapshots', SNAPSHOT_NAME);
  const isRoot = process.geteuid?.() === 0;
  const uid = Number(execFileSync('id', ['-u', ...(isRoot ? [target.account.user] : [])]));
  for (const folder of [today, past]) {
    mkdirSync(join(folder, 'subdir'), { recursive: true });
    writeFileSync(join(folder, 'foo'), folder);
    chmodSync(join(folder, 'foo'), 0o777);
    // Whoever asks owns it: smb2.twrp.write wants the rights that an owner has.
    if (isRoot) chownSync(join(folder, 'foo'), uid, -1);
    for (const one of [folder, join(folder, 'subdir')]) chmodSync(one, 0o777);
  }
  writeFileSync(join(today, 'subdir', 'hardlink'), '');
  chmodSync(join(today, 'subdir', 'hardlink'), 0o666);
  linkSync(join(today, 'subdir', 'hardlink'), join(past, 'subdir', 'hardlink'));
  if (nativeSupport().unavailable === undefined) {
    setxattr(join(past, 'foo'), 'user.DosStream.bar:$DATA', Buffer.from('baz\0'));
  }
  return target;
}
