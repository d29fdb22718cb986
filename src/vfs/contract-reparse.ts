/** VFS contract: reparse points that are kept with files, and objects that take another's place. */
import assert from 'node:assert/strict';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_REPARSE_POINT,
} from '../fscc/attributes.ts';
import { IO_REPARSE_TAG_NFS } from '../fscc/reparse-tags.ts';
import { type Check, gives, hasPath, isKind, type Kit, must } from './contract-kit.ts';
import { ENODATA, ENOENT, ENOTEMPTY, EOPNOTSUPP } from './errno.ts';

/** NFS_SPECFILE_FIFO, MS-FSCC 2.1.2.6. */
const FIFO = Buffer.from('14000080080000004649464f00000000', 'hex');

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
    await gives(file.reparse(), ENODATA);
    await gives(file.setReparse(FIFO), EOPNOTSUPP);
  });

  withReparse('a reparse point is kept with a file, beside its attributes', async (kit) => {
    const file = await kit.create('f', 'file', { attributes: FILE_ATTRIBUTE_ARCHIVE });
    await gives(file.reparse(), ENODATA);
    await gives(file.setReparse(FIFO), 0);
    const kept = { tag: IO_REPARSE_TAG_NFS, fileType: 0o010000 };
    assert.deepEqual((await kit.stat('F')).reparse, kept);
    await gives(file.set({ attributes: FILE_ATTRIBUTE_HIDDEN }), 0);
    const stat = await must(file.stat());
    assert.deepEqual(stat.reparse, kept);
    assert.equal(stat.attributes & ~FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_HIDDEN);
    assert.deepEqual(await must(file.reparse() as Buffer), FIFO);
    const root = await kit.lookup('');
    assert.deepEqual((await must(root.child('f'))).stat.reparse, kept);
    await gives(file.rename(['g'], false), 0);
    assert.deepEqual((await kit.stat('g')).reparse, kept);
    await gives(file.setReparse(undefined), 0);
    await gives(file.setReparse(undefined), 0);
    assert.equal((await kit.stat('g')).reparse, undefined);
    assert.equal((await kit.stat('g')).attributes, FILE_ATTRIBUTE_HIDDEN);
    await gives(file.reparse(), ENODATA);
    await gives((await kit.create('d', 'directory')).setReparse(FIFO), EOPNOTSUPP);
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
