/**
 * VFS contract: others change the disk while the back end works on it. Needs a `plant` that tells where
 * the root is (diskPlant does).
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { at, type Check, contentOf, gives, hasPath, type Kit, must } from './contract-kit.ts';
import { ENOENT, isErrno } from './errno.ts';
import type { VfsTree } from './vfs.ts';

/** How long the attack goes on, and how often the loop is looked at. */
const ATTACK_MS = 400;

/** Keeps replacing the directory `d` of the root by a link to `outside`. */
const ATTACKER = `
const { workerData: { root, outside, stop } } = require('node:worker_threads');
const fs = require('node:fs');
const flag = new Int32Array(stop);
while (Atomics.load(flag, 0) === 0) {
  fs.renameSync(root + '/d', root + '/real');
  fs.symlinkSync(outside, root + '/d');
  fs.unlinkSync(root + '/d');
  fs.renameSync(root + '/real', root + '/d');
}
`;

export function diskRules(plain: Check): void {
  const check = (title: string, body: (kit: Kit, root: string) => Promise<void>): void =>
    plain(title, async (kit, context) => {
      const root = kit.under.plant?.root;
      if (root === undefined) context.skip('no plant.root');
      else await body(kit, root);
    });

  check('a handle follows its object through renames by others', async (kit, root) => {
    await kit.mkdir('d');
    await kit.put('d/f', 'x');
    const file = await kit.open('d/f');
    fs.renameSync(join(root, 'd/f'), join(root, 'd/g'));
    follows(kit, file, 'd/g');
    fs.renameSync(join(root, 'd'), join(root, 'e'));
    follows(kit, file, 'e/g');
    assert.equal(await contentOf(file), 'x');
    if (!kit.full) return;
    await gives(file.rename(['h'], false), 0);
    assert.deepEqual(fs.readdirSync(root).sort(), ['e', 'h']);
    await gives(file.remove(), 0);
    assert.deepEqual(fs.readdirSync(root), ['e']);
  });

  check('a name that others gave to another object is not touched', async (kit, root) => {
    await kit.put('f', 'old');
    const file = await kit.open('f');
    fs.writeFileSync(join(root, 'new'), 'new');
    fs.renameSync(join(root, 'new'), join(root, 'f'));
    assert.equal(file.path(), ENOENT);
    await gives(file.remove(), ENOENT);
    await gives(file.rename(['g'], true), ENOENT);
    assert.equal(await contentOf(file), 'old');
    assert.equal(fs.readFileSync(join(root, 'f'), 'utf8'), 'new');
    assert.equal(await kit.content('f'), 'new');
    assert.deepEqual(fs.readdirSync(root), ['f']);
  });

  check('what others removed is gone, and the handle stays', async (kit, root) => {
    await kit.put('f', 'old');
    const file = await kit.open('f');
    fs.unlinkSync(join(root, 'f'));
    assert.equal(file.path(), ENOENT);
    await gives(file.remove(), ENOENT);
    await kit.missing('f', ENOENT);
    assert.equal(await contentOf(file), 'old');
    assert.equal((await must(file.stat())).linkCount, 0);
  });

  check('what others moved out of the share has no path', async (kit, root) => {
    const outside = besides(root);
    try {
      await kit.mkdir('d');
      await kit.put('d/f', 'x');
      const file = await kit.open('d/f');
      const directory = await kit.lookup('d');
      fs.renameSync(join(root, 'd'), join(outside, 'd'));
      for (const handle of [file, directory]) {
        assert.equal(handle.path(), ENOENT);
        await gives(handle.remove(), ENOENT);
        await gives(handle.rename(['back'], false), ENOENT);
      }
      assert.deepEqual(fs.readdirSync(join(outside, 'd')), ['f']);
      assert.deepEqual(fs.readdirSync(root), []);
    } finally {
      fs.rmSync(outside, { recursive: true });
    }
  });

  check('a directory that others fill is found to hold what they put there', async (kit, root) => {
    const directory = await kit.create('d', 'directory');
    assert.equal(await directory.isEmpty(), true);
    await kit.missing('d/name', ENOENT);
    fs.writeFileSync(join(root, 'd/name'), 'x');
    assert.equal(await directory.isEmpty(), false);
    assert.equal(await kit.content('d/name'), 'x');
    fs.unlinkSync(join(root, 'd/name'));
    await kit.missing('d/name', ENOENT);
    // In another case it may take a back end a moment to see, not more.
    fs.writeFileSync(join(root, 'd/Other'), 'x');
    const end = Date.now() + 5000;
    while (isErrno(await directory.child('oTHER')) && Date.now() < end) await sleep(20);
    hasPath(await kit.lookup('d/oTHER'), 'd/Other');
  });

  check('no race with a link leads out of the share', async (kit, root) => {
    const outside = besides(root);
    fs.writeFileSync(join(outside, 'f'), 'secret');
    await kit.mkdir('d');
    await kit.put('d/f', 'inside');
    await kit.put('mover', '');
    const stop = new SharedArrayBuffer(4);
    const attacker = new Worker(ATTACKER, { eval: true, workerData: { root, outside, stop } });
    try {
      const end = Date.now() + ATTACK_MS;
      for (let round = 0; Date.now() < end; round++) {
        await readOnce(kit);
        // The core may lose this race, see its back end; it must not lose the one above.
        if (kit.full) await changeOnce(kit.tree, round);
        if (round % 64 === 0) await sleep(0);
      }
      assert.deepEqual(fs.readdirSync(outside), ['f']);
      assert.equal(fs.readFileSync(join(outside, 'f'), 'utf8'), 'secret');
    } finally {
      Atomics.store(new Int32Array(stop), 0, 1);
      await new Promise((resolve) => attacker.once('exit', resolve));
      fs.rmSync(outside, { recursive: true });
    }
  });
}

/** A directory that is not in the share but on the same disk. */
const besides = (root: string): string => fs.mkdtempSync(join(dirname(root), 'usmbd-outside-'));

/** Core: it may not know the new name, but tells no wrong one. */
function follows(kit: Kit, handle: { path(): readonly string[] | number }, path: string): void {
  const found = handle.path();
  if (kit.full || !isErrno(found)) assert.deepEqual(found, at(path));
  else assert.equal(found, ENOENT);
}

async function readOnce({ full, tree }: Kit): Promise<void> {
  const file = await tree.lookup(['d', 'f']);
  if (isErrno(file)) return;
  if ((await file.open({ read: true, write: true })) === 0) {
    // The core may have nothing but the path to ask by, where nothing stands meanwhile; what is read is what was opened.
    if (full) assert.equal(await contentOf(file), 'inside');
    const buffer = Buffer.alloc(16);
    const count = await file.read(buffer, 0);
    assert.equal(isErrno(count) ? count : buffer.toString('utf8', 0, count), 'inside');
  }
  file.close();
}

async function changeOnce(tree: VfsTree, round: number): Promise<void> {
  const made = await tree.create(['d', `made${round}`], { kind: 'file', attributes: 0 });
  if (!isErrno(made)) {
    await made.remove();
    made.close();
  }
  const mover = await tree.lookup(['mover']);
  if (isErrno(mover)) return;
  await mover.link(['d', `linked${round}`], true);
  await mover.rename(['d', 'moved'], true);
  await mover.rename(['mover'], true);
  mover.close();
}
