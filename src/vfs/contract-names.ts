/** VFS contract: rename, link, remove and what a handle knows of its own name. */
import assert from 'node:assert/strict';
import { at, bytes, type Check, contentOf, gives, hasPath, must, refused } from './contract-kit.ts';
import { EACCES, EEXIST, EINVAL, ENOENT, ENOTDIR, ENOTEMPTY } from './errno.ts';
import type { VfsHandle } from './vfs.ts';

export function nameRules(check: Check): void {
  parentRules(check);
  renameRules(check);
  treeRenameRules(check);
  linkRules(check);
  removeRules(check);
}

function parentRules(check: Check): void {
  check('parent is the directory that holds the name, now', async (kit) => {
    await kit.mkdir('d');
    await kit.mkdir('d/e');
    await kit.mkdir('other');
    const isIn = async (handle: VfsHandle, path: string): Promise<void> => {
      const { fileId, volumeId } = await kit.lookup(path);
      assert.deepEqual({ ...(await must(handle.parent())) }, { fileId, volumeId });
    };
    await gives((await kit.lookup('')).parent(), ENOENT);
    await isIn(await kit.lookup('D'), '');
    await isIn(await kit.lookup('d/e'), 'd');
    const made = await kit.create('d/f');
    const found = await kit.lookup('d/f');
    await isIn(made, 'd');
    await gives((await kit.lookup('d')).rename(at('other/g'), false), 0);
    await isIn(made, 'other/g');
    await gives(made.rename(at('other/f'), false), 0);
    for (const handle of [made, found]) await isIn(handle, 'other');
    await gives(found.remove(), 0);
    for (const handle of [made, found]) await gives(handle.parent(), ENOENT);
  });

  check('parent follows the name that the handle was opened by', async (kit) => {
    await kit.mkdir('a');
    await kit.mkdir('b');
    const first = await kit.create('a/one');
    if ((await first.link(at('b/two'), false)) !== 0) return;
    const second = await kit.lookup('b/two');
    assert.equal(second.fileId, first.fileId);
    assert.equal((await must(first.parent())).fileId, (await kit.lookup('a')).fileId);
    assert.equal((await must(second.parent())).fileId, (await kit.lookup('b')).fileId);
  });
}

function renameRules(check: Check): void {
  check('rename moves the object and every handle follows', async (kit) => {
    await kit.mkdir('d');
    await kit.put('f', 'x');
    const handle = await kit.open('f');
    const other = await kit.lookup('F');
    await gives(handle.rename(at('D/New'), false), 0);
    await kit.missing('f', ENOENT);
    hasPath(handle, 'd/New');
    hasPath(other, 'd/New');
    assert.equal((await kit.lookup('d/new')).fileId, handle.fileId);
    await gives(handle.write(bytes('yz'), 0), 2);
    assert.equal(await kit.content('d/New'), 'yz');
    await gives(other.rename(['back'], false), 0);
    hasPath(handle, 'back');
    assert.deepEqual(await kit.list('d'), []);
  });

  check('rename without replace takes no name that is there', async (kit) => {
    await kit.put('a', 'a');
    await kit.put('B', 'b');
    await kit.mkdir('d');
    await kit.mkdir('e');
    const file = await kit.lookup('a');
    for (const taken of ['B', 'b', 'd', 'D']) await gives(file.rename([taken], false), EEXIST);
    const directory = await kit.lookup('e');
    for (const taken of ['B', 'b', 'd', 'D']) await gives(directory.rename([taken], false), EEXIST);
    assert.deepEqual(await kit.list(''), ['B', 'a', 'd', 'e']);
    assert.equal(await kit.content('b'), 'b');
    hasPath(file, 'a');
    hasPath(directory, 'e');
  });

  check('rename with replace takes the place of a file', async (kit) => {
    await kit.put('a', 'new');
    await kit.put('B', 'old');
    const old = await kit.open('b');
    const file = await kit.lookup('a');
    await gives(file.rename(['B'], true), 0);
    assert.deepEqual(await kit.list(''), ['B']);
    assert.equal(await kit.content('b'), 'new');
    hasPath(file, 'B');
    hasPathGone(old);
    assert.equal(await contentOf(old), 'old');
    await gives(old.remove(), ENOENT);
    assert.equal(await kit.content('b'), 'new');
    // Nothing to replace is no obstacle.
    await gives(file.rename(['c'], true), 0);
    assert.deepEqual(await kit.list(''), ['c']);
  });

  check('rename replaces a file of another case, and only one name is left', async (kit) => {
    await kit.put('a', 'new');
    await kit.put('Victim', 'old');
    await gives((await kit.lookup('a')).rename(['vICTIM'], true), 0);
    const names = await kit.list('');
    assert.equal(names.length, 1);
    assert.equal(names[0]!.toUpperCase(), 'VICTIM');
    assert.equal(await kit.content('victim'), 'new');
  });

  check('an object may always take its own name, in any case', async (kit) => {
    await kit.put('file', 'x');
    await kit.mkdir('dir');
    for (const replace of [false, true]) {
      const file = await kit.lookup('file');
      for (const name of ['file', 'FILE', 'File', 'file']) {
        await gives(file.rename([name], replace), 0);
        hasPath(file, name);
        assert.deepEqual(await kit.list(''), ['dir', name].sort());
      }
      const directory = await kit.lookup('dir');
      for (const name of ['dir', 'DIR', 'dir']) {
        await gives(directory.rename([name], replace), 0);
        hasPath(directory, name);
        assert.deepEqual(await kit.list(''), [name, 'file'].sort());
      }
    }
    assert.equal(await kit.content('file'), 'x');
  });

  check('a directory is never replaced', async (kit) => {
    await kit.put('f', 'x');
    await kit.mkdir('empty');
    await kit.mkdir('full');
    await kit.put('full/x', 'x');
    await kit.mkdir('mover');
    for (const target of ['empty', 'full', 'EMPTY']) {
      await gives((await kit.lookup('f')).rename([target], true), EACCES);
      await gives((await kit.lookup('mover')).rename([target], true), EACCES);
      await gives((await kit.lookup('f')).link([target], true), EACCES);
    }
    await gives((await kit.lookup('full/x')).rename(['full'], true), EACCES);
    await gives((await kit.lookup('full/x')).rename(['full'], false), EEXIST);
    await gives((await kit.lookup('f')).rename([], true), EACCES);
    await gives((await kit.lookup('f')).rename([], false), EEXIST);
    assert.deepEqual(await kit.list(''), ['empty', 'f', 'full', 'mover']);
  });

  check('a directory does not take the place of a file', async (kit) => {
    await kit.put('f', 'x');
    await kit.mkdir('d');
    const directory = await kit.lookup('d');
    await gives(directory.rename(['f'], false), EEXIST);
    await gives(directory.rename(['f'], true), ENOTDIR);
    assert.equal(await kit.content('f'), 'x');
    hasPath(directory, 'd');
  });

  check('the root keeps its place', async (kit) => {
    const root = await kit.lookup('');
    await refused(root.remove());
    await refused(root.removable());
    await refused(root.rename(['x'], false));
    await refused(root.rename(['x'], true));
    await refused(root.link(['x'], false));
    assert.deepEqual(await kit.list(''), []);
  });
}

function treeRenameRules(check: Check): void {
  check('no directory moves into itself', async (kit) => {
    await kit.mkdir('d');
    await kit.mkdir('d/e');
    await kit.mkdir('dd');
    const directory = await kit.lookup('d');
    for (const path of ['d/x', 'D/X', 'd/e/x']) {
      await gives(directory.rename(at(path), false), EINVAL);
      await gives(directory.rename(at(path), true), EINVAL);
    }
    hasPath(directory, 'd');
    // A name that only begins alike is elsewhere.
    await gives(directory.rename(at('dd/d'), false), 0);
    hasPath(directory, 'dd/d');
    hasPath(await kit.lookup('dd/d/e'), 'dd/d/e');
  });

  check('what is below a renamed directory moves along', async (kit) => {
    await kit.mkdir('a');
    await kit.mkdir('a/b');
    await kit.put('a/b/f', 'x');
    const file = await kit.open('a/b/f');
    const middle = await kit.lookup('a/b');
    await gives((await kit.lookup('a')).rename(['A2'], false), 0);
    hasPath(file, 'A2/b/f');
    hasPath(middle, 'A2/b');
    await gives(middle.rename(['top'], false), 0);
    hasPath(file, 'top/f');
    await gives(file.rename(at('A2/moved'), false), 0);
    hasPath(file, 'A2/moved');
    await gives(file.write(bytes('y'), 0), 1);
    assert.equal(await kit.content('A2/moved'), 'y');
    assert.deepEqual(await kit.list('top'), []);
    await gives((await kit.lookup('A2')).rename(['a2'], false), 0);
    hasPath(file, 'a2/moved');
    await gives(file.remove(), 0);
    assert.deepEqual(await kit.list('a2'), []);
  });

  check('a handle of a renamed directory still finds what is in it', async (kit) => {
    await kit.mkdir('d');
    const directory = await kit.lookup('d');
    await kit.put('d/f', 'x');
    await gives((await kit.lookup('d')).rename(['e'], false), 0);
    assert.equal((await must(directory.child('F'))).name, 'f');
    assert.equal(await directory.isEmpty(), false);
    await kit.put('e/g', 'x');
    assert.equal((await must(directory.child('g'))).name, 'g');
  });
}

function linkRules(check: Check): void {
  check('link gives a file a further name', async (kit, context) => {
    if (!kit.under.vfs.features.hardLinks) {
      context.skip('features.hardLinks is false');
      return;
    }
    await kit.mkdir('d');
    await kit.put('a', 'x');
    const file = await kit.lookup('A');
    await gives(file.link(at('d/b'), false), 0);
    hasPath(file, 'a');
    const other = await kit.open('d/B');
    hasPath(other, 'd/b');
    assert.equal(other.fileId, file.fileId);
    assert.equal((await must(file.stat())).linkCount, 2);
    await gives(other.write(bytes('shared'), 0), 6);
    assert.equal(await kit.content('a'), 'shared');
    // Each handle knows the name that it was opened by.
    await gives(file.remove(), 0);
    hasPathGone(file);
    hasPath(other, 'd/b');
    assert.equal((await must(other.stat())).linkCount, 1);
    await gives(file.remove(), ENOENT);
    assert.equal(await kit.content('d/b'), 'shared');
  });

  check('link replaces as rename does', async (kit, context) => {
    if (!kit.under.vfs.features.hardLinks) {
      context.skip('features.hardLinks is false');
      return;
    }
    await kit.put('a', 'new');
    await kit.put('B', 'old');
    const file = await kit.lookup('a');
    for (const taken of ['B', 'b']) await gives(file.link([taken], false), EEXIST);
    assert.equal(await kit.content('b'), 'old');
    const old = await kit.open('b');
    await gives(file.link(['B'], true), 0);
    assert.deepEqual(await kit.list(''), ['B', 'a']);
    assert.equal(await kit.content('b'), 'new');
    assert.equal(await contentOf(old), 'old');
    assert.equal((await must(file.stat())).linkCount, 2);
    await gives(file.link(['c'], true), 0);
    assert.deepEqual(await kit.list(''), ['B', 'a', 'c']);
  });

  check('rename onto another name of the same file leaves one name', async (kit, context) => {
    if (!kit.under.vfs.features.hardLinks) {
      context.skip('features.hardLinks is false');
      return;
    }
    await kit.put('a', 'x');
    const file = await kit.lookup('a');
    await gives(file.link(['b'], false), 0);
    await gives(file.rename(['b'], false), EEXIST);
    await gives(file.rename(['b'], true), 0);
    assert.deepEqual(await kit.list(''), ['b']);
    assert.equal(await kit.content('b'), 'x');
    assert.equal((await kit.stat('b')).linkCount, 1);
  });

  check('a directory has one name', async (kit) => {
    await kit.mkdir('d');
    await refused((await kit.lookup('d')).link(['e'], false));
    assert.deepEqual(await kit.list(''), ['d']);
  });
}

function removeRules(check: Check): void {
  check('remove takes the name that the handle was opened by', async (kit) => {
    await kit.put('f', 'x');
    const handle = await kit.lookup('f');
    await gives((await kit.lookup('f')).rename(['g'], false), 0);
    await kit.put('f', 'other');
    await gives(handle.remove(), 0);
    assert.deepEqual(await kit.list(''), ['f']);
    assert.equal(await kit.content('f'), 'other');
  });

  check('a name that is gone, or another’s now, is ENOENT', async (kit) => {
    await kit.put('f', 'x');
    const handle = await kit.open('f');
    await gives((await kit.lookup('f')).remove(), 0);
    hasPathGone(handle);
    await gives(handle.remove(), ENOENT);
    await kit.put('f', 'other');
    hasPathGone(handle);
    await gives(handle.remove(), ENOENT);
    await gives(handle.rename(['g'], false), ENOENT);
    await refused(handle.removable());
    assert.equal(await kit.content('f'), 'other');
    assert.deepEqual(await kit.list(''), ['f']);
  });

  check('only an empty directory is removed', async (kit) => {
    await kit.mkdir('d');
    await kit.put('d/f', 'x');
    const directory = await kit.lookup('d');
    await gives(directory.remove(), ENOTEMPTY);
    assert.equal(await directory.isEmpty(), false);
    await gives((await kit.lookup('d/f')).remove(), 0);
    assert.equal(await directory.isEmpty(), true);
    await gives(directory.remove(), 0);
    await kit.missing('d', ENOENT);
    hasPathGone(directory);
    await gives(directory.remove(), ENOENT);
  });

  check('a removed directory stays what it was', async (kit) => {
    await kit.mkdir('d');
    const directory = await kit.lookup('d');
    await gives((await kit.lookup('d')).remove(), 0);
    await kit.mkdir('d');
    await kit.put('d/f', 'x');
    assert.equal((await must(directory.stat())).kind, 'directory');
    await gives(directory.child('f'), ENOENT);
    assert.equal(await directory.isEmpty(), true);
    const cursor = await must(directory.cursor());
    assert.deepEqual(await must(cursor.next()), []);
    cursor.close();
    hasPathGone(directory);
  });

  check('rename works after other names of the object went', async (kit, context) => {
    if (!kit.under.vfs.features.hardLinks) {
      context.skip('features.hardLinks is false');
      return;
    }
    await kit.put('a', 'x');
    await gives((await kit.lookup('a')).link(['b'], false), 0);
    const second = await kit.lookup('b');
    await gives((await kit.lookup('a')).remove(), 0);
    await gives(second.rename(['c'], false), 0);
    hasPath(second, 'c');
    assert.deepEqual(await kit.list(''), ['c']);
  });
}

function hasPathGone(handle: { path(): readonly string[] | number }): void {
  assert.equal(handle.path(), ENOENT);
}
