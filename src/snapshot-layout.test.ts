import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configure } from './config/configuration.ts';
import { nativeSupport } from './native/support.ts';
import { missingSnapshots } from './snapshot-layout.ts';
import { createLocalVfs } from './vfs/local/local-vfs.ts';
import { createMemoryVfs } from './vfs/memory/memory.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'usmbd-layout-')));
after(() => rmSync(folder, { recursive: true }));

const shareWith = (vfsObjects: string[]) =>
  configure({ shares: [{ name: 's', path: folder, vfsObjects, snapshotMountPoint: folder }] })
    .shares[0]!;
const wants = shareWith(['acl_xattr', 'shadow_copy2']);

test('where there are no previous versions is said with what to do', {
  skip: nativeSupport().unavailable ?? false,
}, () => {
  const vfs = createLocalVfs({ root: folder });
  after(() => vfs.close());
  const reason = missingSnapshots(wants, vfs);
  assert.match(reason ?? '', new RegExp(`${folder}/.snapshots: make it, or change`));
  mkdirSync(join(folder, '.snapshots'));
  assert.equal(missingSnapshots(wants, vfs), undefined);
  assert.equal(missingSnapshots(shareWith(['acl_xattr']), createMemoryVfs()), undefined);
});

test('a back end that has none is said to have none', () => {
  const reason = missingSnapshots(wants, createMemoryVfs());
  assert.match(reason ?? '', /move the share, or take shadow_copy2 out/);
});
