/** What the portable back end does beyond the contract's core; begins as root where it can. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bytes, gives, must } from '../contract-kit.ts';
import { EINVAL, ENOENT, ENOPATH, EOPNOTSUPP, EPERM, isErrno } from '../errno.ts';
import type { Identity, VfsTree } from '../vfs.ts';
import { createPortableVfs, type PortableVfsOptions } from './portable.ts';
import { assertPortableMayRun, dropPrivileges, isRoot } from './privileges.ts';

const NOBODY: Identity = { uid: 65_534, gid: 65_534, groups: [65_534] };
const FILE = { kind: 'file', attributes: 0 } as const;
const DIRECTORY = { kind: 'directory', attributes: 0 } as const;
const BOTH = [{ procfs: true }, { procfs: false }];

// The order of these tests matters: the privileges are gone for all that follow.
const asRoot = { skip: isRoot() ? false : 'only as root' };

test('portable: root is refused', asRoot, () => {
  assert.throws(() => createPortableVfs({ root: tmpdir() }), /must not run as root/);
});

test('portable: dropped privileges do not come back', asRoot, () => {
  dropPrivileges(NOBODY);
  assert.equal(process.getuid?.(), NOBODY.uid);
  assert.equal(process.geteuid?.(), NOBODY.uid);
  assert.equal(process.getgid?.(), NOBODY.gid);
  assert.deepEqual(process.getgroups?.(), [NOBODY.gid]);
  assert.throws(() => process.seteuid?.(0));
  assert.throws(() => process.setgroups?.([0]));
  assert.throws(() => dropPrivileges({ uid: 1, gid: 1, groups: [] }));
});

test('portable: root may run only where all shares force one user', () => {
  const one = { name: 'a', forceUser: NOBODY };
  const run = (...shares: { name: string; forceUser?: Identity }[]) =>
    assertPortableMayRun({ shares }, true);
  assert.equal(run(one), NOBODY);
  assert.equal(run(one, { name: 'b', forceUser: { ...NOBODY } }), NOBODY);
  assert.throws(() => run(), /no share/);
  assert.throws(() => run(one, { name: 'b' }), /share b has no force user/);
  assert.throws(() => run({ name: 'c', forceUser: { uid: 0, gid: 0, groups: [] } }), /root/);
  assert.throws(
    () => run(one, { name: 'd', forceUser: { uid: 1000, gid: 1000, groups: [] } }),
    /another force user/,
  );
  assert.equal(assertPortableMayRun({ shares: [{ name: 'a' }] }, false), undefined);
});

async function share(
  context: TestContext,
  options: Omit<PortableVfsOptions, 'root'> = {},
): Promise<{ root: string; tree: VfsTree }> {
  const root = fs.mkdtempSync(join(tmpdir(), 'usmbd-portable-'));
  const vfs = createPortableVfs({ root, ...options });
  context.after(() => {
    vfs.close();
    fs.rmSync(root, { recursive: true });
  });
  return { root, tree: await must(vfs.attach(undefined)) };
}

test('portable: it acts as nobody but the process', async (context) => {
  const { root } = await share(context);
  const vfs = createPortableVfs({ root });
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  await must(vfs.attach({ uid, gid, groups: [] }));
  await gives(vfs.attach({ uid: uid + 1, gid, groups: [] }), EPERM);
  await gives(vfs.attach({ uid, gid: gid + 1, groups: [] }), EPERM);
  await gives(vfs.attach({ uid: 0, gid: 0, groups: [] }), EPERM);
  vfs.close();
});

test('portable: a root that is no directory is an error', (context) => {
  const file = join(fs.mkdtempSync(join(tmpdir(), 'usmbd-portable-')), 'f');
  context.after(() => fs.rmSync(join(file, '..'), { recursive: true }));
  fs.writeFileSync(file, '');
  for (const procfs of [true, false]) {
    assert.throws(() => createPortableVfs({ root: file, procfs }), /no directory|ENOTDIR/);
    assert.throws(() => createPortableVfs({ root: `${file}-missing`, procfs }), /ENOENT/);
  }
});

test('portable: no component leads up or elsewhere', async (context) => {
  for (const options of BOTH) {
    const { root, tree } = await share(context, options);
    await must(tree.create(['d'], DIRECTORY));
    const file = await must(tree.create(['f'], FILE));
    for (const bad of ['..', '.', '', 'a/b', '/etc', '../x', 'nul\0', 'd/../../x']) {
      await gives(tree.lookup([bad]), EINVAL);
      await gives(tree.lookup(['d', bad]), EINVAL);
      await gives(tree.lookup([bad, 'f']), EINVAL);
      await gives(tree.create([bad], FILE), EINVAL);
      await gives(tree.create(['d', bad], DIRECTORY), EINVAL);
      await gives(file.rename([bad], true), EINVAL);
      await gives(file.link(['d', bad], true), EINVAL);
    }
    assert.deepEqual(fs.readdirSync(root).sort(), ['d', 'f']);
  }
});

test('portable: what cannot be kept is refused, not forgotten', async (context) => {
  const { tree } = await share(context);
  const file = await must(tree.create(['f'], FILE));
  await gives(file.set({ lastWriteTime: 132_223_104_000_000_000n }), 0);
  const before = await must(file.stat());
  assert.equal(before.attributes, 0x20);
  await gives(file.set({ creationTime: 1n, lastWriteTime: 1n }), EOPNOTSUPP);
  await gives(file.set({ attributes: 0x2 }), EOPNOTSUPP);
  await gives(file.set({ attributes: 0x21 }), EOPNOTSUPP);
  await gives(file.allocate(100), EOPNOTSUPP);
  assert.deepEqual(await must(file.stat()), before);
  for (const attributes of [0, 0x20, 0x80, 0x10]) await gives(file.set({ attributes }), 0);
});

test('portable: a pinned handle is opened again after its name is gone', async (context) => {
  const { root, tree } = await share(context, { procfs: true });
  fs.writeFileSync(join(root, 'f'), 'kept');
  const file = await must(tree.lookup(['f']));
  fs.unlinkSync(join(root, 'f'));
  await gives(file.open({ read: true, write: true }), 0);
  await gives(file.write(bytes('K'), 0), 1);
  const buffer = Buffer.alloc(4);
  await gives(file.read(buffer, 0), 4);
  assert.equal(buffer.toString(), 'Kept');
});

test('portable: a file that may not be read can still be removed', async (context) => {
  for (const options of BOTH) {
    const { root, tree } = await share(context, options);
    fs.writeFileSync(join(root, 'f'), 'x', { mode: 0o200 });
    const file = await must(tree.lookup(['F']));
    assert.equal((await must(file.stat())).size, 1);
    const { read, write, owns } = await must(file.permissions());
    assert.deepEqual({ read, write, owns }, { read: false, write: true, owns: true });
    await gives(file.set({ lastWriteTime: 132_223_104_000_000_000n }), 0);
    assert.equal((await must(file.stat())).lastWriteTime, 132_223_104_000_000_000n);
    await gives(file.rename(['g'], false), 0);
    assert.deepEqual(file.path(), ['g']);
    await gives(file.open({ read: false, write: true }), 0);
    await gives(file.write(bytes('yy'), 0), 2);
    await gives(file.remove(), 0);
    assert.deepEqual(fs.readdirSync(root), []);
  }
});

test('portable: a directory that was replaced by a link is no way any more', async (context) => {
  for (const options of BOTH) {
    const { root, tree } = await share(context, options);
    const outside = fs.mkdtempSync(join(tmpdir(), 'usmbd-outside-'));
    context.after(() => fs.rmSync(outside, { recursive: true }));
    fs.writeFileSync(join(outside, 'f'), 'secret');
    fs.mkdirSync(join(root, 'd'));
    fs.writeFileSync(join(root, 'd/f'), 'inside');
    const file = await must(tree.lookup(['d', 'f']));
    const directory = await must(tree.lookup(['d']));
    const cursor = await must(directory.cursor());
    fs.renameSync(join(root, 'd'), join(root, 'moved'));
    fs.symlinkSync(outside, join(root, 'd'));
    await gives(tree.lookup(['d', 'f']), ENOPATH);
    await gives(tree.create(['d', 'g'], FILE), ENOPATH);
    assert.equal((await must(tree.lookup(['d']))).kind, 'symlink');
    const child = await directory.child('f');
    if (options.procfs) assert.equal((await must(directory.child('f'))).stat.size, 6);
    else assert.equal(child, ENOENT);
    const entries = await cursor.next();
    if (!isErrno(entries))
      assert.deepEqual(
        entries.map(({ name }) => name),
        ['f'],
      );
    const opened = await file.open({ read: true, write: true });
    if (options.procfs) assert.equal(opened, 0);
    else assert.equal(opened, ENOENT);
    cursor.close();
    assert.equal(await file.remove(), options.procfs ? 0 : ENOENT);
    assert.equal(fs.readFileSync(join(outside, 'f'), 'utf8'), 'secret');
    assert.deepEqual(fs.readdirSync(outside), ['f']);
  }
});

test('portable: descriptors are given back', async (context) => {
  const count = () => fs.readdirSync('/proc/self/fd').length;
  for (const options of BOTH) {
    const { tree } = await share(context, options);
    const before = count();
    const directory = await must(tree.create(['d'], DIRECTORY));
    const file = await must(tree.create(['d', 'f'], FILE));
    const again = await must(tree.lookup(['D', 'F']));
    await gives(again.open({ read: true, write: false }), 0);
    await gives(again.open({ read: false, write: true }), 0);
    const writing = again.write(bytes('x'), 0);
    const cursor = await must(directory.cursor());
    await must(cursor.next());
    cursor.rewind();
    await must(cursor.next());
    await gives(tree.lookup(['d', 'none', 'x']), ENOPATH);
    await gives(file.rename(['d', 'g'], true), 0);
    await gives(file.link(['h'], false), 0);
    await gives(file.link(['d', 'G'], true), 0);
    await directory.isEmpty();
    await directory.child('g');
    file.path();
    file.removable();
    await tree.volume();
    for (const handle of [directory, file, again]) handle.close();
    cursor.close();
    await gives(writing, 1);
    assert.equal(count(), before);
  }
});

for (const how of BOTH) {
  test(`portable: the location is that of the folder (procfs: ${how.procfs})`, () => {
    const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'usmbd-portable-')));
    const vfs = createPortableVfs({ root: folder, ...how });
    assert.equal(vfs.location?.(), folder);
    vfs.close();
    fs.rmSync(folder, { recursive: true });
    const root = createPortableVfs({ root: '/', ...how });
    assert.equal(root.location?.(), '');
    root.close();
  });
}
