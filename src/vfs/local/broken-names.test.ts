/** Names that are no UTF-8 (base/disk-names.ts): seen, opened, renamed, removed, and told of. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lgetxattr } from '../../native/xattr.ts';
import { ENAMETOOLONG, ENODATA, isErrno } from '../errno.ts';
import type { VfsHandle, VfsTree } from '../vfs.ts';
import { cannotRun as skip } from './contract-scratch.ts';
import { createLocalVfs } from './local-vfs.ts';

const root = mkdtempSync(join(tmpdir(), 'usmbd-names-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** In ISO 8859-1. */
const onDisk = (...names: string[]): Buffer =>
  Buffer.concat([Buffer.from(`${root}/`), Buffer.from(names.join('/'), 'latin1')]);
const FOLDER = 'Caf\uefe9';
const FILE = '\uefe9t\uefe9.txt';

async function opened(tree: VfsTree, ...path: string[]): Promise<VfsHandle> {
  const handle = await tree.lookup(path);
  assert.ok(!isErrno(handle), `${path.join('/')}: ${handle}`);
  return handle;
}

async function listed(tree: VfsTree, ...path: string[]): Promise<string[]> {
  const directory = await opened(tree, ...path);
  const cursor = await directory.cursor();
  assert.ok(!isErrno(cursor));
  const entries = await cursor.next();
  assert.ok(!isErrno(entries));
  for (const entry of entries) assert.ok(!isErrno(await cursor.stat(entry)), entry.name);
  cursor.close();
  directory.close();
  return entries.map(({ name }) => name).sort();
}

for (const threads of [false, true]) {
  test(`what has such a name is used as any other, ${threads ? 'by threads' : 'in the loop'}`, {
    skip,
  }, async () => {
    mkdirSync(onDisk('Café'));
    writeFileSync(onDisk('Café', 'été.txt'), 'summer');
    const vfs = createLocalVfs({ root, threads });
    const tree = await vfs.attach(undefined);
    assert.ok(!isErrno(tree));
    assert.deepEqual(await listed(tree), [FOLDER]);
    assert.deepEqual(await listed(tree, FOLDER), [FILE]);

    const file = await opened(tree, FOLDER.toUpperCase(), FILE.toUpperCase());
    assert.deepEqual(file.path(), [FOLDER, FILE]);
    assert.equal(await file.open({ read: true, write: false }), 0);
    const content = Buffer.alloc(6);
    assert.equal(await file.read(content, 0), 6);
    assert.equal(String(content), 'summer');
    assert.equal(await file.rename([FOLDER, 'été.txt'], false), 0);
    assert.deepEqual(readdirSync(onDisk('Café')), ['été.txt']);
    assert.equal(await file.rename([FOLDER, FILE], false), 0);
    assert.ok(existsSync(onDisk('Café', 'été.txt')));
    assert.equal(await file.remove(), 0);
    file.close();

    // 200 bytes on disk, 600 as UTF-8 has these characters.
    const long = '\uefe4'.repeat(200);
    const made = await tree.create([FOLDER, long], { kind: 'file', attributes: 0 });
    assert.ok(!isErrno(made));
    assert.ok(existsSync(onDisk('Café', 'ä'.repeat(200))));
    assert.equal(await made.remove(), 0);
    made.close();
    const tooLong = await tree.create([FOLDER, '\uefe4'.repeat(256)], {
      ...{ kind: 'file', attributes: 0 },
    });
    assert.equal(tooLong, ENAMETOOLONG);

    const folder = await opened(tree, FOLDER);
    assert.equal(await folder.isEmpty(), true);
    assert.equal(await folder.remove(), 0);
    folder.close();
    assert.deepEqual(readdirSync(root), []);
    tree.close();
    await vfs.close?.();
  });
}

/** As attributes are read by the name on kernels without getxattrat(2). */
test('what has such a name is found by its path as well', { skip }, () => {
  const place = onDisk('Stra\xdfe');
  writeFileSync(place, '');
  assert.equal(lgetxattr(join(root, 'Stra\uefdfe'), 'user.none'), ENODATA);
  rmSync(place);
});
