/** What is told of an open without being asked again is what would be answered. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../../native/library.ts';
import { isErrno } from '../errno.ts';
import type { VfsHandle, VfsTree } from '../vfs.ts';
import { createLocalVfs } from './local-vfs.ts';

const USER = { uid: 54_321, gid: 54_322, groups: [] };
const isRoot = process.getuid?.() === 0;
const options = { skip: missing ?? (isRoot ? false : 'only root acts for users') };

async function withShare(act: (tree: VfsTree, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-plain-'));
  chmodSync(folder, 0o777);
  const vfs = createLocalVfs({ root: folder });
  try {
    const tree = await vfs.attach(USER);
    assert.ok(!isErrno(tree));
    await act(tree, folder);
  } finally {
    vfs.close();
    rmSync(folder, { recursive: true });
  }
}

const lookup = async (tree: VfsTree): Promise<VfsHandle> => {
  const found = await tree.lookup(['name'], 'open');
  assert.ok(!isErrno(found));
  return found;
};

test('what the lookup has found is what permissions() tells', options, async () => {
  await withShare(async (tree, folder) => {
    const path = join(folder, 'name');
    writeFileSync(path, '');
    for (const [uid, mode] of [
      [USER.uid, 0o600],
      [USER.uid, 0o455],
      [USER.uid, 0o177],
      [0, 0o644],
      [0, 0o607],
    ] as const) {
      chownSync(path, uid, 0);
      chmodSync(path, mode);
      const handle = await lookup(tree);
      assert.ok(handle.takeFound?.() !== undefined);
      assert.equal(await handle.storedSecurity(), undefined);
      const plain = handle.plainPermissions?.();
      if (plain !== undefined) assert.deepEqual(plain, await handle.permissions());
      handle.close();
    }
  });
});

test('a file with a security descriptor has none of them', options, async () => {
  await withShare(async (tree, folder) => {
    writeFileSync(join(folder, 'name'), '');
    chmodSync(join(folder, 'name'), 0o666);
    const setter = await lookup(tree);
    assert.equal(await setter.setSecurity((current) => current), 0);
    setter.close();
    const handle = await lookup(tree);
    assert.ok(handle.takeFound?.() !== undefined);
    assert.notEqual(await handle.storedSecurity(), undefined);
    assert.equal(handle.plainPermissions?.(), undefined);
    handle.close();
  });
});

test('of what was made they are its owner’s, until it changes', options, async () => {
  await withShare(async (tree) => {
    for (const mode of [0o644, 0o755, 0o666]) {
      const made = await tree.create(['made'], { kind: 'file', attributes: 0x20, mode });
      assert.ok(!isErrno(made));
      const plain = made.plainPermissions?.();
      assert.ok(plain !== undefined);
      assert.deepEqual(plain, await made.permissions());
      assert.equal(await made.set({ mode: 0o400 }), 0);
      assert.ok(!isErrno(await made.stat()));
      assert.equal(made.plainPermissions?.(), undefined);
      assert.equal(await made.remove(), 0);
      made.close();
    }
  });
});
