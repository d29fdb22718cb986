/** What the memory back end offers beyond the contract. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errnoName, gives, must } from '../contract-kit.ts';
import { EACCES, EFBIG, ENOSPC, EPERM, isErrno } from '../errno.ts';
import type { Identity, VfsHandle, VfsTree } from '../vfs.ts';
import { createMemoryVfs, type MemoryVfs } from './memory.ts';

const FILE = { kind: 'file', attributes: 0 } as const;
const MIB = 2 ** 20;

function attach(vfs: MemoryVfs, identity?: Identity): VfsTree {
  const tree = vfs.attach(identity);
  assert.ok(!(tree instanceof Promise) && !isErrno(tree));
  return tree;
}

function make(tree: VfsTree, name: string, mode?: number): VfsHandle {
  const what = mode === undefined ? FILE : { ...FILE, mode };
  const handle = tree.create([name], what);
  assert.ok(!(handle instanceof Promise) && !isErrno(handle), errnoName(handle));
  return handle;
}

test('memory: every answer is there at once', async () => {
  const file = make(attach(createMemoryVfs()), 'f');
  const answers = [
    file.stat(),
    file.write(Buffer.from('x'), 0),
    file.read(Buffer.alloc(1), 0),
    file.flush(),
    file.permissions(),
    file.rename(['g'], false),
  ];
  for (const answer of answers) assert.ok(!(answer instanceof Promise));
});

test('memory: the clock that is given tells every time', async () => {
  let time = 1000n;
  const tree = attach(createMemoryVfs({ clock: () => time }));
  const file = make(tree, 'f');
  time = 2000n;
  await gives(file.write(Buffer.from('x'), 0), 1);
  time = 3000n;
  await gives(file.set({ lastAccessTime: 77n }), 0);
  const stat = await must(file.stat());
  assert.equal(stat.creationTime, 1000n);
  assert.equal(stat.lastWriteTime, 2000n);
  assert.equal(stat.changeTime, 3000n);
  assert.equal(stat.lastAccessTime, 77n);
  await gives(file.set({ changeTime: 5n }), 0);
  assert.equal((await must(file.stat())).changeTime, 5n);
  time = 4000n;
  const root = await must(tree.lookup([]));
  await gives(file.rename(['g'], false), 0);
  assert.equal((await must(root.stat())).lastWriteTime, 4000n);
});

test('memory: a full volume is ENOSPC, and what was written before stays', async () => {
  const tree = attach(createMemoryVfs({ capacityBytes: MIB }));
  const file = make(tree, 'f');
  await gives(file.write(Buffer.alloc(MIB / 2, 1), 0), MIB / 2);
  await gives(file.write(Buffer.alloc(MIB, 2), MIB / 2), ENOSPC);
  const { size } = await must(file.stat());
  assert.equal(size, MIB);
  const buffer = Buffer.alloc(1);
  await gives(file.read(buffer, MIB - 1), 1);
  assert.equal(buffer[0], 2);
  const volume = await must(tree.volume());
  assert.equal(volume.totalBytes, MIB);
  assert.equal(volume.freeBytes, 0);
  await gives(make(tree, 'g').write(Buffer.from('x'), 0), ENOSPC);
  await gives(make(tree, 'h').allocate(1), ENOSPC);
});

test('memory: space comes back when a file is cut, and when it is gone', async () => {
  const tree = attach(createMemoryVfs({ capacityBytes: MIB }));
  const free = async () => (await must(tree.volume())).freeBytes;
  const file = make(tree, 'f');
  await gives(file.write(Buffer.alloc(MIB, 1), 0), MIB);
  await gives(file.truncate(MIB / 2), 0);
  assert.equal(await free(), MIB / 2);
  await gives(file.allocate(MIB), 0);
  assert.equal(await free(), 0);
  await gives(file.remove(), 0);
  assert.equal(await free(), 0);
  file.close();
  assert.equal(await free(), MIB);
  const replaced = make(tree, 'a');
  await gives(replaced.write(Buffer.alloc(4096, 1), 0), 4096);
  replaced.close();
  await gives(make(tree, 'b').rename(['a'], true), 0);
  assert.equal(await free(), MIB);
});

test('memory: a hole takes no space', async () => {
  const tree = attach(createMemoryVfs({ capacityBytes: MIB }));
  const file = make(tree, 'f');
  await gives(file.write(Buffer.from('x'), 2 ** 45), 1);
  assert.ok((await must(file.stat())).allocationSize <= 65_536);
  await gives(file.write(Buffer.from('x'), Number.MAX_SAFE_INTEGER), EFBIG);
});

test('memory: owner, group and others have what the mode gives them', async () => {
  const vfs = createMemoryVfs();
  const owner = { uid: 1000, gid: 1000, groups: [] };
  const member = { uid: 1001, gid: 1001, groups: [1000] };
  const other = { uid: 1002, gid: 1002, groups: [] };
  make(attach(vfs, owner), 'f', 0o640).close();
  const answers: string[] = [];
  for (const identity of [owner, member, other]) {
    const file = await must(attach(vfs, identity).lookup(['f']));
    for (const access of [
      { read: true, write: false },
      { read: true, write: true },
    ]) {
      answers.push(errnoName(await file.open(access)));
    }
  }
  assert.deepEqual(answers, ['0', '0', '0', 'EACCES', 'EACCES', 'EACCES']);
});

test('memory: in a sticky directory each removes only what is theirs', async () => {
  const vfs = createMemoryVfs({ rootMode: 0o1777 });
  const one = { uid: 1000, gid: 1000, groups: [] };
  const two = { uid: 1001, gid: 1001, groups: [] };
  make(attach(vfs, one), 'f').close();
  await gives((await must(attach(vfs, two).lookup(['f']))).remove(), EPERM);
  await gives((await must(attach(vfs, one).lookup(['f']))).remove(), 0);
});

test('memory: a root that others may not write refuses them', async () => {
  const vfs = createMemoryVfs({ rootMode: 0o755 });
  const tree = attach(vfs, { uid: 1000, gid: 1000, groups: [] });
  await gives(tree.create(['f'], FILE), EACCES);
  make(attach(vfs), 'f').close();
});

test('memory: a directory of 100,000 entries', async () => {
  const tree = attach(createMemoryVfs());
  const count = 100_000;
  for (let i = 0; i < count; i++) make(tree, `File${i}`).close();
  const root = await must(tree.lookup([]));
  const cursor = await must(root.cursor());
  const seen = new Set<bigint>();
  for (;;) {
    const entries = await must(cursor.next());
    if (entries.length === 0) break;
    for (const { fileId } of entries) seen.add(fileId);
  }
  assert.equal(seen.size, count);
  assert.equal((await must(root.child('fILE99999'))).name, 'File99999');
});

test('memory: using what is closed is a bug', () => {
  const tree = attach(createMemoryVfs());
  const file = make(tree, 'f');
  file.close();
  assert.throws(() => file.stat(), /closed handle/);
  assert.throws(() => file.close(), /closed handle/);
  tree.close();
  assert.throws(() => tree.lookup([]), /closed tree/);
});

test('memory: files of two file systems are two files', () => {
  const [one, other] = [make(attach(createMemoryVfs()), 'f'), make(attach(createMemoryVfs()), 'f')];
  assert.notEqual(one.volumeId, other.volumeId);
});
