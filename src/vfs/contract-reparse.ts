/** VFS contract: reparse points that are kept with files, and objects that take another's place. */
import assert from 'node:assert/strict';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_REPARSE_POINT,
} from '../fscc/attributes.ts';
import { IO_REPARSE_TAG_MOUNT_POINT, IO_REPARSE_TAG_NFS } from '../fscc/reparse-tags.ts';
import { type Check, gives, hasPath, isKind, type Kit, must } from './contract-kit.ts';
import { ENODATA, ENOENT, ENOPATH, ENOTEMPTY, EOPNOTSUPP } from './errno.ts';

/** NFS_SPECFILE_FIFO, MS-FSCC 2.1.2.6. */
const FIFO = Buffer.from('14000080080000004649464f00000000', 'hex');
/** A mount point (2.1.2.5) without a name. */
const JUNCTION = Buffer.from('030000a0080000000000000000000000', 'hex');
const ID = Buffer.alloc(64, 7);

export function reparseRules(check: Check): void {
  const withReparse = (title: string, body: (kit: Kit) => Promise<void>): void =>
    check(title, async (kit, context) => {
      if (kit.under.vfs.features.reparsePoints) await body(kit);
      else context.skip('features.reparsePoints is false');
    });

  check('without reparse points the calls say so', async (kit, context) => {
    if (kit.under.vfs.features.reparsePoints) {
      context.skip('features.reparsePoints is true');
      return;
    }
    const file = await kit.create('f');
    await gives(file.kept('reparse'), ENODATA);
    await gives(file.keep('reparse', FIFO), EOPNOTSUPP);
    await gives(file.keep('objectId', ID), EOPNOTSUPP);
  });

  withReparse('a reparse point is kept with a file, beside its attributes', async (kit) => {
    const file = await kit.create('f', 'file', { attributes: FILE_ATTRIBUTE_ARCHIVE });
    await gives(file.kept('reparse'), ENODATA);
    await gives(file.keep('reparse', FIFO), 0);
    const kept = { tag: IO_REPARSE_TAG_NFS, fileType: 0o010000 };
    assert.deepEqual((await kit.stat('F')).reparse, kept);
    await gives(file.set({ attributes: FILE_ATTRIBUTE_HIDDEN }), 0);
    const stat = await must(file.stat());
    assert.deepEqual(stat.reparse, kept);
    assert.equal(stat.attributes & ~FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_HIDDEN);
    assert.deepEqual(await must(file.kept('reparse') as Buffer), FIFO);
    const root = await kit.lookup('');
    assert.deepEqual((await must(root.child('f'))).stat.reparse, kept);
    await gives(file.rename(['g'], false), 0);
    assert.deepEqual((await kit.stat('g')).reparse, kept);
    await gives(file.keep('reparse', undefined), 0);
    await gives(file.keep('reparse', undefined), 0);
    assert.equal((await kit.stat('g')).reparse, undefined);
    assert.equal((await kit.stat('g')).attributes, FILE_ATTRIBUTE_HIDDEN);
    await gives(file.kept('reparse'), ENODATA);
  });

  withReparse('a directory that has a reparse point takes nothing new', async (kit) => {
    const directory = await kit.create('d', 'directory');
    await gives(directory.keep('reparse', JUNCTION), 0);
    const kept = { tag: IO_REPARSE_TAG_MOUNT_POINT, fileType: 0 };
    const stat = await kit.stat('D');
    assert.deepEqual([stat.kind, stat.reparse], ['directory', kept]);
    assert.deepEqual(await must(directory.kept('reparse') as Buffer), JUNCTION);
    const root = await kit.lookup('');
    assert.deepEqual((await must(root.child('d'))).stat.reparse, kept);
    for (const kind of ['file', 'directory'] as const) {
      await gives(kit.tree.create(['d', 'x'], { kind, attributes: 0 }), ENOPATH);
    }
    assert.deepEqual(await kit.list('d'), []);
    await gives(directory.keep('reparse', undefined), 0);
    assert.equal((await kit.stat('d')).reparse, undefined);
    await kit.put('d/x', 'x');
  });

  withReparse('an object id is kept with files and directories, through renames', async (kit) => {
    for (const kind of ['file', 'directory'] as const) {
      const object = await kit.create(kind, kind);
      await gives(object.kept('objectId'), ENODATA);
      await gives(object.keep('objectId', ID), 0);
      assert.equal((await kit.stat(kind)).reparse, undefined);
      await gives(object.rename([`${kind}2`], false), 0);
      const again = await kit.lookup(`${kind}2`);
      assert.deepEqual(await must(again.kept('objectId') as Buffer), ID);
      assert.deepEqual(await must(again.eas()), []);
      await gives(again.keep('objectId', undefined), 0);
      await gives(again.keep('objectId', undefined), 0);
      await gives(object.kept('objectId'), ENODATA);
    }
  });

  withReparse(
    'a link takes the place of a file or directory, and a file that of a link',
    async (kit) => {
      await kit.mkdir('d');
      for (const kind of ['file', 'directory'] as const) {
        const before = await kit.create(`d/${kind}`, kind);
        const link = kit.keep(await must(before.replaceBy({ kind: 'symlink', target: '../x' })));
        isKind(link, 'symlink');
        hasPath(link, `d/${kind}`);
        assert.equal(await link.readLink(), '../x');
        assert.notEqual(link.fileId, before.fileId);
        await gives(before.path() as number, ENOENT);
        assert.equal(await (await kit.lookup(`D/${kind.toUpperCase()}`)).readLink(), '../x');
        const file = kit.keep(await must(link.replaceBy({ kind: 'file' })));
        isKind(file, 'file');
        isKind(await kit.lookup(`d/${kind}`), 'file');
        await gives(file.remove(), 0);
      }
      assert.deepEqual(await kit.list('d'), []);
    },
  );

  withReparse('a directory that holds something keeps its place', async (kit) => {
    const directory = await kit.create('d', 'directory');
    await kit.put('d/f', 'x');
    await gives(directory.replaceBy({ kind: 'symlink', target: 'x' }), ENOTEMPTY);
    assert.deepEqual(await kit.list(''), ['d']);
    assert.equal(await kit.content('d/f'), 'x');
    hasPath(directory, 'd');
  });
}
