/** VFS contract: what others put on the disk (links, FIFOs, names that clash). Needs a `plant`. */
import assert from 'node:assert/strict';
import {
  at,
  type Check,
  contentOf,
  entriesOf,
  gives,
  hasPath,
  isKind,
  type Kit,
  must,
  type Plant,
} from './contract-kit.ts';
import { EACCES, EEXIST, EINVAL, EIO, ENOENT, ENOPATH, isErrno } from './errno.ts';

const FILE = { kind: 'file', attributes: 0 } as const;

/** Registers a test that is skipped by name where the back end has no such hook. */
const planted =
  (check: Check) =>
  (need: keyof Plant, title: string, body: (kit: Kit, plant: Plant) => Promise<void>) =>
    check(title, async (kit, context) => {
      const { plant } = kit.under;
      if (plant?.[need] === undefined) context.skip(`no plant.${need}`);
      else await body(kit, plant);
    });

const LINKS = [
  ['toDirectory', 'inside'],
  ['toFile', 'inside/file'],
  ['outside', '/'],
  ['up', '../..'],
  ['dangling', 'nothing'],
  ['loop', 'loop'],
] as const;

export function plantedRules(plain: Check): void {
  const check = planted(plain);

  check('file', 'the exact name is preferred over one in another case', async (kit, plant) => {
    for (const name of ['Twin', 'twin', 'TWIN']) await plant.file([name], Buffer.from(name));
    for (const name of ['Twin', 'twin', 'TWIN']) {
      assert.equal(await kit.content(name), name);
      hasPath(await kit.lookup(name), name);
      const root = await kit.lookup('');
      assert.equal((await must(root.child(name))).name, name);
    }
    const other = await kit.content('tWIN');
    assert.ok(['Twin', 'twin', 'TWIN'].includes(other));
    // One of three that differ in case only is renamed: the other two are others.
    await gives((await kit.lookup('Twin')).rename(['twin'], false), EEXIST);
    await gives((await kit.lookup('Twin')).remove(), 0);
    assert.deepEqual(await kit.list(''), ['TWIN', 'twin']);
  });

  check('symlink', 'a link is itself and leads nowhere', async (kit, plant) => {
    await kit.mkdir('inside');
    await kit.put('inside/file', 'x');
    await gives((await kit.lookup('inside')).readLink(), EINVAL);
    for (const [name, target] of LINKS) {
      await plant.symlink([name], target);
      const link = await kit.lookup(name.toUpperCase());
      isKind(link, 'symlink');
      assert.equal(await link.readLink(), target);
      hasPath(link, name);
      assert.equal((await must(link.stat())).kind, 'symlink');
      await gives(link.open({ read: true, write: false }), EACCES);
      await gives(link.open({ read: false, write: true }), EACCES);
      for (const below of ['file', 'etc', 'tmp/x']) {
        await kit.missing(`${name}/${below}`, ENOPATH);
        await gives(kit.tree.create(at(`${name}/${below}`), FILE), ENOPATH);
      }
      await gives(kit.tree.create([name], FILE), EEXIST);
      await gives(kit.tree.create([name.toUpperCase()], FILE), EEXIST);
    }
    await gives((await kit.lookup('inside/file')).rename(['toDirectory', 'f'], true), ENOPATH);
    await gives((await kit.lookup('inside/file')).link(['toDirectory', 'f'], true), ENOPATH);
    assert.equal(await kit.content('inside/file'), 'x');
    assert.deepEqual(await kit.list('inside'), ['file']);
  });

  check(
    'symlink',
    'a link is listed, renamed, replaced and removed as itself',
    async (kit, plant) => {
      await kit.put('target', 'kept');
      await plant.symlink(['link'], 'target');
      const root = await kit.lookup('');
      assert.equal((await must(root.child('LINK'))).stat.kind, 'symlink');
      const cursor = await must(root.cursor());
      const entry = (await entriesOf(root)).find(({ name }) => name === 'link');
      assert.ok(entry !== undefined);
      assert.equal((await must(cursor.stat(entry))).kind, 'symlink');
      cursor.close();
      const link = await kit.lookup('link');
      await gives(link.rename(['moved'], false), 0);
      hasPath(link, 'moved');
      isKind(await kit.lookup('moved'), 'symlink');
      await kit.put('new', 'new');
      await gives((await kit.lookup('new')).rename(['moved'], true), 0);
      isKind(await kit.lookup('moved'), 'file');
      assert.equal(await kit.content('target'), 'kept');
      await plant.symlink(['again'], 'target');
      await gives((await kit.lookup('again')).remove(), 0);
      assert.deepEqual(await kit.list(''), ['moved', 'target']);
      assert.equal(await kit.content('target'), 'kept');
    },
  );

  check('other', 'a FIFO is listed and removed but never opened', async (kit, plant) => {
    await plant.other?.(['fifo']);
    const fifo = await kit.lookup('FIFO');
    isKind(fifo, 'other');
    assert.equal((await must(fifo.stat())).kind, 'other');
    await gives(fifo.open({ read: true, write: false }), EACCES);
    await gives(fifo.open({ read: false, write: true }), EACCES);
    await gives(fifo.open({ read: true, write: true }), EACCES);
    await kit.missing('fifo/x', ENOPATH);
    await gives(kit.tree.create(['fifo'], FILE), EEXIST);
    await must(fifo.permissions());
    await gives(fifo.rename(['renamed'], false), 0);
    hasPath(fifo, 'renamed');
    await gives(fifo.remove(), 0);
    assert.deepEqual(await kit.list(''), []);
  });

  check(
    'unspeakable',
    'a name that is no text hides and harms nothing, and is used as any other or not at all',
    async (kit, plant) => {
      await kit.put('plain', 'x');
      await plant.unspeakable?.();
      const root = await kit.lookup('');
      const cursor = await must(root.cursor());
      for (const entry of await entriesOf(root)) {
        const stat = await cursor.stat(entry);
        if (entry.name === 'plain') assert.ok(!isErrno(stat));
        else if (stat !== ENOENT) {
          assert.ok(!isErrno(stat));
          const named = await kit.lookup(entry.name);
          assert.equal(named.fileId, stat.fileId);
        }
      }
      cursor.close();
      await kit.missing('other', ENOENT);
      assert.equal(await kit.content('PLAIN'), 'x');
      await gives((await kit.lookup('plain')).remove(), 0);
      assert.equal(await root.isEmpty(), false);
    },
  );

  check(
    'breakFlush',
    'a failed write-back is told by every flush until close',
    async (kit, plant) => {
      await kit.put('f', 'x');
      const first = await kit.open('f');
      const second = await kit.open('f');
      await gives(first.write(Buffer.from('y'), 0), 1);
      await gives(first.flush(), 0);
      await plant.breakFlush?.(['f']);
      await gives(first.write(Buffer.from('z'), 0), 1);
      await gives(first.flush(), EIO);
      await gives(first.flush(), EIO);
      await gives(second.flush(), EIO);
      const third = await kit.open('f');
      await gives(third.flush(), EIO);
      kit.close(first);
      await gives(second.flush(), EIO);
      kit.close(second);
      kit.close(third);
      const later = await kit.open('f');
      await gives(later.flush(), 0);
      assert.equal(await contentOf(later), 'z');
    },
  );
}
