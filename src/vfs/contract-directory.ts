/** VFS contract: cursors, child and isEmpty. */
import assert from 'node:assert/strict';
import { at, type Check, entriesOf, gives, type Kit, must } from './contract-kit.ts';
import { ENOENT, ENOTDIR, isErrno } from './errno.ts';
import type { VfsCursor } from './vfs.ts';

/** More than one batch of any back end. */
const MANY = 1200;

const many = (prefix: string): string[] =>
  Array.from({ length: MANY }, (_, i) => `${prefix}${String(i).padStart(5, '0')}`);

export function directoryRules(check: Check): void {
  check('a cursor gives every entry of a big directory once, and no dots', async (kit) => {
    await kit.mkdir('d');
    const names = many('d/n');
    for (const name of names) await kit.put(name, '');
    await kit.mkdir('d/sub');
    const directory = await kit.lookup('d');
    const entries = await entriesOf(directory);
    const expected = [...names.map((name) => name.slice(2)), 'sub'].sort();
    assert.deepEqual(entries.map((entry) => entry.name).sort(), expected);
    const sub = entries.find((entry) => entry.name === 'sub');
    assert.equal(sub?.fileId, (await kit.stat('d/sub')).fileId);
    assert.equal(new Set(entries.map((entry) => entry.fileId)).size, entries.length);
    const cursor = await must(directory.cursor());
    await must(cursor.next());
    cursor.rewind();
    assert.equal(await countRest(cursor), MANY + 1);
    cursor.close();
    await emptied(kit, 'd');
  });

  check('a cursor ends with nothing, for good, until it is rewound', async (kit) => {
    await kit.put('a', '');
    await kit.put('b', '');
    const root = await kit.lookup('');
    const cursor = await must(root.cursor());
    const seen: string[] = [];
    for (;;) {
      const some = await must(cursor.next());
      if (some.length === 0) break;
      seen.push(...some.map((entry) => entry.name));
    }
    assert.deepEqual(seen.sort(), ['a', 'b']);
    assert.deepEqual(await must(cursor.next()), []);
    assert.deepEqual(await must(cursor.next()), []);
    await kit.put('c', '');
    cursor.rewind();
    const again: string[] = [];
    for (;;) {
      const some = await must(cursor.next());
      if (some.length === 0) break;
      again.push(...some.map((entry) => entry.name));
    }
    assert.deepEqual(again.sort(), ['a', 'b', 'c']);
    cursor.close();
  });

  check('two cursors of one handle walk on their own', async (kit) => {
    for (const name of ['a', 'b', 'c']) await kit.put(name, '');
    const root = await kit.lookup('');
    const first = await must(root.cursor());
    const second = await must(root.cursor());
    while ((await must(first.next())).length > 0);
    assert.equal(await countRest(second), 3);
    first.close();
    second.close();
  });

  check('an empty directory has an empty cursor', async (kit) => {
    const directory = await kit.create('d', 'directory');
    assert.deepEqual(await entriesOf(directory), []);
    assert.equal(await directory.isEmpty(), true);
    await kit.put('d/f', '');
    assert.equal(await directory.isEmpty(), false);
    assert.equal(await (await kit.lookup('')).isEmpty(), false);
  });

  check('what stays is seen exactly once while others come and go', async (kit) => {
    await kit.mkdir('d');
    const stay = many('stay');
    const leave = many('leave').slice(0, 300);
    for (const name of [...leave, ...stay]) await kit.put(`d/${name}`, '');
    const directory = await kit.lookup('d');
    const cursor = await must(directory.cursor());
    const seen: string[] = [];
    for (let round = 0; ; round++) {
      const some = await must(cursor.next());
      if (some.length === 0) break;
      seen.push(...some.map((entry) => entry.name));
      if (round >= leave.length) continue;
      const gone = await kit.lookup(`d/${leave[round]!}`);
      await gives(round % 2 === 0 ? gone.remove() : gone.rename(at(`d/moved${round}`), false), 0);
      await kit.put(`d/come${round}`, '');
    }
    cursor.close();
    assert.deepEqual(seen.filter((name) => name.startsWith('stay')).sort(), stay);
  });

  check('a cursor’s stat is what lookup would tell', async (kit) => {
    await kit.put('f', 'four');
    await kit.mkdir('d');
    const root = await kit.lookup('');
    const cursor = await must(root.cursor());
    for (const entry of await entriesOf(root)) {
      const stat = await must(cursor.stat(entry));
      const found = await kit.stat(entry.name);
      assert.equal(stat.fileId, entry.fileId);
      assert.deepEqual({ ...stat, lastAccessTime: 0n }, { ...found, lastAccessTime: 0n });
    }
    const [entry] = (await entriesOf(root)).filter(({ name }) => name === 'f');
    await gives((await kit.lookup('f')).remove(), 0);
    await gives(cursor.stat(entry!), ENOENT);
    cursor.close();
  });

  check('child finds by the rules of lookup', async (kit) => {
    await kit.mkdir('d');
    await kit.put('d/Name', 'four');
    const directory = await kit.lookup('d');
    const child = await must(directory.child('nAME'));
    assert.equal(child.name, 'Name');
    assert.deepEqual(
      { ...child.stat, lastAccessTime: 0n },
      { ...(await kit.stat('d/Name')), lastAccessTime: 0n },
    );
    await gives(directory.child('none'), ENOENT);
    const sub = await must((await kit.lookup('')).child('D'));
    assert.equal(sub.name, 'd');
    assert.equal(sub.stat.kind, 'directory');
  });

  check('only a directory is walked', async (kit) => {
    await kit.put('f', 'x');
    const file = await kit.lookup('f');
    await gives(file.cursor(), ENOTDIR);
    await gives(file.child('x'), ENOTDIR);
    await gives(file.isEmpty(), ENOTDIR);
    assert.ok(isErrno(await file.cursor()));
  });
}

/** How many entries are left. */
async function countRest(cursor: VfsCursor): Promise<number> {
  let count = 0;
  for (;;) {
    const some = await must(cursor.next());
    if (some.length === 0) return count;
    count += some.length;
  }
}

/** Removes all entries by one walk over them, as a recursive delete does. */
async function emptied(kit: Kit, path: string): Promise<void> {
  const directory = await kit.lookup(path);
  const cursor = await must(directory.cursor());
  for (;;) {
    const some = await must(cursor.next());
    if (some.length === 0) break;
    for (const entry of some) {
      const handle = await kit.lookup(`${path}/${entry.name}`);
      await gives(handle.remove(), 0);
      kit.close(handle);
    }
  }
  cursor.close();
  assert.equal(await directory.isEmpty(), true);
}
