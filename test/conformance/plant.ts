/** What suites want to find on the disk: a snapshot, as Samba's own tests lay it down. */
import { chmodSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
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
  for (const folder of [today, past]) {
    mkdirSync(join(folder, 'subdir'), { recursive: true });
    writeFileSync(join(folder, 'foo'), folder);
    chmodSync(join(folder, 'foo'), 0o777);
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
