/** VFS contract: paths, names and what `lookup` and `create` answer. */
import assert from 'node:assert/strict';
import { at, type Check, errnoName, gives, hasPath, isKind, must } from './contract-kit.ts';
import { EEXIST, EINVAL, EISDIR, ENAMETOOLONG, ENOENT, ENOPATH, isErrno } from './errno.ts';

const LONE_SURROGATES = ['a\ud83d', '\ude00b', '\ud83dx\ude00'];

/** 255 bytes of UTF-8 in 85 letters, whose other case is of another length in UTF-16 units never. */
const WIDE_255 = '漢'.repeat(85);

const FILE = { kind: 'file', attributes: 0 } as const;
const DIRECTORY = { kind: 'directory', attributes: 0 } as const;

export function lookupRules(check: Check): void {
  check('the root is a directory with an empty path', async (kit) => {
    const root = await kit.lookup('');
    isKind(root, 'directory');
    hasPath(root, '');
    await gives(kit.tree.create([], DIRECTORY), EEXIST);
    await gives(kit.tree.create([], FILE), EEXIST);
  });

  check('a name is found in any case and keeps the case on disk', async (kit) => {
    await kit.mkdir('Folder');
    await kit.put('Folder/ReadMe.TXT', 'x');
    await kit.put('Folder/Größe Ärger ñ λ ж', 'y');
    for (const path of ['Folder/ReadMe.TXT', 'FOLDER/README.txt', 'folder/readme.TXT']) {
      hasPath(await kit.lookup(path), 'Folder/ReadMe.TXT');
    }
    hasPath(await kit.lookup('fOLDER/GRÖßE äRGER Ñ Λ Ж'), 'Folder/Größe Ärger ñ λ ж');
    assert.deepEqual(await kit.list('FOLDER'), ['Größe Ärger ñ λ ж', 'ReadMe.TXT']);
    const folder = await kit.lookup('folder');
    assert.equal((await must(folder.child('readme.txt'))).name, 'ReadMe.TXT');
  });

  check('letters that only look alike stay apart', async (kit) => {
    await kit.put('strasse', '1');
    await kit.missing('straße', ENOENT);
    await kit.put('straße', '2');
    assert.equal(await kit.content('STRASSE'), '1');
    assert.equal(await kit.content('STRAßE'), '2');
  });

  check('composed and decomposed letters are the same name', async (kit) => {
    const [composed, decomposed] = ['\u00e9t\u00e9', 'e\u0301te\u0301'];
    await kit.put(composed, 'x');
    hasPath(await kit.lookup(decomposed), composed);
    hasPath(await kit.lookup(decomposed.toUpperCase()), composed);
    await gives(kit.tree.create([decomposed], FILE), EEXIST);
    assert.deepEqual(await kit.list(''), [composed]);
    await gives((await kit.lookup(composed)).rename([decomposed], false), 0);
    assert.deepEqual(await kit.list(''), [decomposed]);
    hasPath(await kit.lookup(composed), decomposed);
  });

  check('ENOENT is the last component, ENOPATH one before it', async (kit) => {
    await kit.mkdir('d');
    await kit.put('f', 'x');
    await kit.missing('no', ENOENT);
    await kit.missing('d/no', ENOENT);
    await kit.missing('no/x', ENOPATH);
    await kit.missing('d/no/x', ENOPATH);
    await kit.missing('f/x', ENOPATH);
    await kit.missing('f/x/y', ENOPATH);
    await gives(kit.tree.create(at('no/x'), FILE), ENOPATH);
    await gives(kit.tree.create(at('f/x'), DIRECTORY), ENOPATH);
    const file = await kit.lookup('f');
    await gives(file.rename(at('no/x'), false), ENOPATH);
    await gives(file.link(at('no/x'), false), ENOPATH);
    await gives(file.rename(at('f/x'), false), ENOPATH);
    assert.deepEqual(await kit.list(''), ['d', 'f']);
  });

  check('text that is no valid UTF-16 is EINVAL', async (kit) => {
    await kit.put('f', 'x');
    const file = await kit.lookup('f');
    const root = await kit.lookup('');
    for (const name of LONE_SURROGATES) {
      await gives(kit.tree.lookup([name]), EINVAL);
      await gives(kit.tree.create([name], FILE), EINVAL);
      await gives(kit.tree.create([name], DIRECTORY), EINVAL);
      await gives(file.rename([name], true), EINVAL);
      await gives(file.link([name], true), EINVAL);
      await gives(root.child(name), EINVAL);
      await gives(kit.tree.lookup([name, 'x']), EINVAL);
    }
    assert.deepEqual(await kit.list(''), ['f']);
  });

  check('surrogate pairs are letters like others', async (kit) => {
    await kit.mkdir('😀');
    await kit.put('😀/𝄞.txt', 'clef');
    hasPath(await kit.lookup('😀/𝄞.TXT'), '😀/𝄞.txt');
    assert.deepEqual(await kit.list('😀'), ['𝄞.txt']);
  });

  check('a name may have 255 bytes and not one more', async (kit) => {
    const root = await kit.lookup('');
    for (const name of ['n'.repeat(255), WIDE_255]) {
      await kit.put(name, 'long');
      assert.equal(await kit.content(name), 'long');
      assert.equal((await must(root.child(name))).name, name);
      const longer = `${name}x`;
      const file = await kit.lookup(name);
      await gives(kit.tree.create([longer], FILE), ENAMETOOLONG);
      await gives(kit.tree.create([longer], DIRECTORY), ENAMETOOLONG);
      await gives(kit.tree.lookup([longer]), ENAMETOOLONG);
      await gives(kit.tree.lookup([longer, 'x']), ENAMETOOLONG);
      await gives(file.rename([longer], false), ENAMETOOLONG);
      await gives(file.link([longer], false), ENAMETOOLONG);
      await gives(root.child(longer), ENAMETOOLONG);
    }
    hasPath(await kit.lookup('N'.repeat(255)), 'n'.repeat(255));
  });

  check('names that need care on some system are only names', async (kit) => {
    const careful = [
      'con',
      'a b',
      ' lead',
      'semi;colon',
      "quo'te",
      '$HOME',
      '-rf',
      '~',
      '...',
      '#',
    ];
    for (const name of careful) await kit.put(name, name);
    for (const name of careful) assert.equal(await kit.content(name), name);
    assert.deepEqual(await kit.list(''), [...careful].sort());
  });

  check('paths reach beyond 260 characters', async (kit) => {
    const path = await deepPath(kit.mkdir.bind(kit), 12, 50);
    await kit.put(`${path}/file`, 'deep');
    assert.equal(await kit.content(`${path.toUpperCase()}/FILE`), 'deep');
    hasPath(await kit.lookup(`${path}/file`), `${path}/file`);
  });

  check('paths reach beyond 4096 bytes where the back end can', async (kit, context) => {
    let path = '';
    for (let level = 0; level < 22; level++) {
      path += `${level === 0 ? '' : '/'}${String(level).padEnd(200, 'p')}`;
      const made = await kit.tree.create(at(path), DIRECTORY);
      if (isErrno(made)) {
        assert.equal(errnoName(made), 'ENAMETOOLONG');
        context.skip(`limited to ${path.length} bytes`);
        return;
      }
      made.close();
    }
    await kit.put(`${path}/file`, 'deep');
    assert.equal(await kit.content(`${path.toUpperCase()}/FILE`), 'deep');
    hasPath(await kit.lookup(`${path}/file`), `${path}/file`);
    await gives((await kit.lookup(`${path}/file`)).remove(), 0);
    assert.deepEqual(await kit.list(path), []);
  });

  check('create never takes what is there, in any case', async (kit) => {
    await kit.put('File', 'kept');
    await kit.mkdir('Dir');
    for (const path of ['File', 'FILE', 'file', 'Dir', 'DIR']) {
      await gives(kit.tree.create(at(path), FILE), EEXIST);
      await gives(kit.tree.create(at(path), DIRECTORY), EEXIST);
    }
    assert.equal(await kit.content('File'), 'kept');
    assert.deepEqual(await kit.list(''), ['Dir', 'File']);
  });

  check('of several who make one name at a time one succeeds', async (kit) => {
    const names = ['Race', 'race', 'RACE', 'Race', 'race'];
    const made = await Promise.all(names.map((name) => kit.tree.create([name], FILE)));
    for (const handle of made) if (!isErrno(handle)) kit.keep(handle);
    const answers = made.map((handle) => (isErrno(handle) ? errnoName(handle) : 'made'));
    assert.deepEqual(answers.sort(), ['EEXIST', 'EEXIST', 'EEXIST', 'EEXIST', 'made']);
    assert.equal((await kit.list('')).length, 1);
  });

  check('create gives an open file, empty and writable; a directory is never open', async (kit) => {
    const file = await kit.create('f');
    isKind(file, 'file');
    hasPath(file, 'f');
    assert.equal((await must(file.stat())).size, 0);
    await gives(file.write(Buffer.from('abc'), 0), 3);
    await gives(file.read(Buffer.alloc(3), 0), 3);
    const directory = await kit.create('d', 'directory');
    isKind(directory, 'directory');
    hasPath(directory, 'd');
    await gives(directory.open({ read: true, write: false }), EISDIR);
    await gives(directory.open({ read: false, write: true }), EISDIR);
  });

  check('create finds its parent in any case', async (kit) => {
    await kit.mkdir('Parent');
    hasPath(await kit.create('PARENT/Child'), 'Parent/Child');
  });
}

/** Makes `levels` directories, each `width` letters long, one in another. */
async function deepPath(
  mkdir: (path: string) => Promise<void>,
  levels: number,
  width: number,
): Promise<string> {
  let path = '';
  for (let level = 0; level < levels; level++) {
    path += `${level === 0 ? '' : '/'}${'d'.repeat(width)}`;
    await mkdir(path);
  }
  return path;
}
