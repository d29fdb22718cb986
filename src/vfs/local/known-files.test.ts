import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missing } from '../../native/library.ts';
import { EACCES, EBADF, ENOENT, isErrno } from '../errno.ts';
import type { VfsHandle, VfsPurpose, VfsTree } from '../vfs.ts';
import { createLocalVfs } from './local-vfs.ts';

const options = { skip: missing ?? false };

async function withShare(act: (tree: VfsTree, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-files-'));
  const vfs = createLocalVfs({ root: folder });
  try {
    const tree = await vfs.attach(undefined);
    assert.ok(!isErrno(tree));
    await act(tree, folder);
  } finally {
    vfs.close();
    rmSync(folder, { recursive: true });
  }
}

async function find(tree: VfsTree, name: string, purpose: VfsPurpose = 'read'): Promise<VfsHandle> {
  const handle = await tree.lookup([name], purpose);
  assert.ok(!isErrno(handle));
  return handle;
}

for (const purpose of ['read', 'write'] as const) {
  test(`what was a file and is none any more is not opened to ${purpose}`, options, async () => {
    await withShare(async (tree, folder) => {
      const path = join(folder, 'name');
      const others: readonly [string, () => void][] = [
        ['other', () => execFileSync('mkfifo', [path])],
        ['symlink', () => symlinkSync('/etc/hostname', path)],
        ['directory', () => mkdirSync(path)],
      ];
      for (const [kind, make] of others) {
        writeFileSync(path, 'data');
        for (let i = 0; i < 3; i++) {
          const file = await find(tree, 'name', purpose);
          assert.equal(file.kind, 'file');
          assert.equal(file.isReadable, true);
          assert.equal(file.takeFound?.()?.size, 4);
          assert.equal(file.takeFound?.(), undefined);
          const written = await file.write(Buffer.from('more'), 0);
          assert.equal(written, purpose === 'write' ? 4 : EBADF);
          file.close();
        }
        unlinkSync(path);
        assert.equal(await tree.lookup(['name'], purpose), ENOENT);
        make();
        const found = await find(tree, 'name', purpose);
        assert.equal(found.kind, kind);
        assert.equal(found.isReadable, false);
        found.close();
        rmSync(path, { recursive: true });
      }
    });
  });
}

const isRoot = process.getuid?.() === 0;

test('who may not write a known file has it found all the same, and not open', {
  skip: options.skip || (!isRoot && 'needs root, to be another user'),
}, async () => {
  await withShare(async (_, folder) => {
    chmodSync(folder, 0o755);
    const path = join(folder, 'name');
    writeFileSync(path, 'data', { mode: 0o644 });
    const vfs = createLocalVfs({ root: folder });
    const tree = await vfs.attach({ uid: 12_345, gid: 12_345, groups: [] });
    assert.ok(!isErrno(tree));
    for (let i = 0; i < 3; i++) {
      (await find(tree, 'name')).close();
      const file = await find(tree, 'name', 'write');
      assert.equal(file.isReadable, false);
      const permissions = await file.permissions();
      assert.deepEqual(permissions, { read: true, write: false, execute: false, owns: false });
      assert.equal(await file.open({ read: true, write: true }), EACCES);
      assert.equal(await file.open({ read: true, write: false }), 0);
      file.close();
    }
    chmodSync(path, 0o4767);
    for (let i = 0; i < 2; i++) {
      const file = await find(tree, 'name', 'write');
      assert.equal(file.isReadable, true);
      const permissions = await file.permissions();
      assert.deepEqual(permissions, { read: true, write: true, execute: true, owns: false });
      file.close();
    }
    // As whoever is no superuser writes it.
    const file = await find(tree, 'name', 'write');
    assert.equal(await file.write(Buffer.from('x'), 0), 1);
    assert.equal(statSync(path).mode & 0o7777, 0o767);
    file.close();
    tree.close();
    vfs.close();
  });
});

test('another file at a known path is that one', options, async () => {
  await withShare(async (tree, folder) => {
    const path = join(folder, 'name');
    writeFileSync(path, 'one');
    (await find(tree, 'name')).close();
    writeFileSync(`${path}.new`, 'other');
    const first = await find(tree, 'name');
    execFileSync('mv', [`${path}.new`, path]);
    const second = await find(tree, 'name');
    assert.notEqual(second.fileId, first.fileId);
    assert.equal(second.takeFound?.()?.size, 5);
    assert.equal(first.takeFound?.()?.size, 3);
    for (const handle of [first, second]) handle.close();
  });
});

/** From then on an st_ctime is relied upon. */
const SETTLED_MS = 2_200;

test('that a file has no security descriptor is known until it gets one', {
  skip: missing ?? (isRoot ? false : 'only root stores security descriptors'),
}, async () => {
  await withShare(async (tree, folder) => {
    writeFileSync(join(folder, 'name'), 'x');
    await sleep(SETTLED_MS);
    const stored = async (): Promise<unknown> => {
      const file = await find(tree, 'name');
      assert.ok(file.takeFound?.() !== undefined);
      const security = await file.storedSecurity();
      file.close();
      return security;
    };
    for (let i = 0; i < 3; i++) assert.equal(await stored(), undefined);
    const setter = await find(tree, 'name');
    assert.equal(await setter.setSecurity((current) => current), 0);
    setter.close();
    assert.equal(typeof (await stored()), 'object');
  });
});
