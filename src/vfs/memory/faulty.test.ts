import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vfsContract } from '../contract.ts';
import { gives, must } from '../contract-kit.ts';
import { EIO, ENOSPC } from '../errno.ts';
import { createFaultyVfs, type FaultPoint } from './faulty.ts';
import { createMemoryVfs } from './memory.ts';

const FILE = { kind: 'file', attributes: 0 } as const;

vfsContract('memory behind gates', async () => {
  const inner = createMemoryVfs();
  return {
    vfs: createFaultyVfs(inner, { gate: () => Promise.resolve() }),
    profile: 'full',
    identity: { uid: 1000, gid: 1000, groups: [] },
    plant: inner.plant,
    cleanup: async () => {},
  };
});

test('faulty: an operation fails with the errno that is injected, and is not done', async () => {
  const points: FaultPoint[] = [];
  const vfs = createFaultyVfs(createMemoryVfs(), {
    fail: (point) => {
      points.push(point);
      return point.method === 'write' ? ENOSPC : point.path[0] === 'bad' ? EIO : 0;
    },
  });
  const tree = await must(vfs.attach(undefined));
  await gives(tree.create(['bad'], FILE), EIO);
  const file = await must(tree.create(['good'], FILE));
  await gives(file.write(Buffer.from('x'), 0), ENOSPC);
  assert.equal((await must(file.stat())).size, 0);
  assert.deepEqual(points.at(-1), { method: 'stat', path: ['good'] });
  const root = await must(tree.lookup([]));
  const cursor = await must(root.cursor());
  assert.deepEqual(
    (await must(cursor.next())).map(({ name }) => name),
    ['good'],
  );
  assert.deepEqual(points.at(-1), { method: 'cursor.next', path: [] });
});

test('faulty: without a gate an answer is there at once', async () => {
  const vfs = createFaultyVfs(createMemoryVfs(), {});
  const tree = vfs.attach(undefined);
  assert.ok(!(tree instanceof Promise) && typeof tree === 'object');
  assert.ok(!(tree.create(['f'], FILE) instanceof Promise));
});

test('faulty: a closed handle lives until what waits at the gate is done', async () => {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const vfs = createFaultyVfs(createMemoryVfs(), {
    gate: ({ method }) => (method === 'write' ? gate : undefined),
  });
  const tree = await must(vfs.attach(undefined));
  const file = await must(tree.create(['f'], FILE));
  const writing = file.write(Buffer.from('late'), 0);
  file.close();
  const again = await must(tree.lookup(['f']));
  assert.equal((await must(again.stat())).size, 0);
  open();
  await gives(writing, 4);
  assert.equal((await must(again.stat())).size, 4);
});
