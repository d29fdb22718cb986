/** `mangled names` of a share: 8.3 names in listings and their patterns, for who asks, or none. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { credentials, SHARE, startServer } from '../../test/support/in-process-server.ts';
import type { ClientTree } from '../client/tree.ts';
import { configure } from '../config/configuration.ts';
import type { ShareValues } from '../config/parameters.ts';
import { DELETE } from '../dtyp/access-mask.ts';
import { STATUS_OBJECT_NAME_NOT_FOUND } from '../dtyp/ntstatus.ts';
import { decodeFileNameInformation, FileBasicInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { shortNameOf } from '../fscc/short-name.ts';
import { FILE_CREATE, FILE_DELETE_ON_CLOSE, FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function mount(shortNames: ShareValues['shortNames']): Promise<ClientTree> {
  const server = await startServer({
    configuration: configure({ shares: [{ name: SHARE, path: '/', readOnly: false, shortNames }] }),
    shares: [{ name: SHARE, vfs: createMemoryVfs() }],
  });
  open.push(server);
  const tree = await (await (await server.connect()).login(credentials)).treeConnect(SHARE);
  for (const name of ['plain.txt', 'Minutes of May.docx'])
    await tree.writeFile(name, Buffer.from(name));
  return tree;
}

const MINUTES = 'Minutes of May.docx';
const CLASSES_WITH_SHORT_NAMES = [
  Class.FileBothDirectoryInformation,
  Class.FileIdBothDirectoryInformation,
  Class.FileId64ExtdBothDirectoryInformation,
  Class.FileIdAllExtdBothDirectoryInformation,
];

async function listed(tree: ClientTree, informationClass: number, pattern = '*') {
  const directory = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const entries = await directory.listAll(pattern, informationClass);
  await directory.close();
  return new Map(entries.map(({ name, shortName }) => [name, shortName]));
}

test('yes: every class that has a short name tells what opens the file, and that alone', async () => {
  const tree = await mount('listed');
  for (const informationClass of CLASSES_WITH_SHORT_NAMES) {
    const names = await listed(tree, informationClass);
    assert.deepEqual(
      [...names].sort(),
      [
        ['.', ''],
        ['..', ''],
        [MINUTES, shortNameOf(MINUTES)],
        ['plain.txt', ''],
      ],
      `class ${informationClass}`,
    );
    assert.equal((await tree.readFile(names.get(MINUTES)!)).toString(), MINUTES);
  }
  for (const informationClass of [Class.FileFullDirectoryInformation, Class.FileNamesInformation]) {
    assert.equal((await listed(tree, informationClass)).get(MINUTES), '');
  }
});

test('yes: a pattern means short names, too', async () => {
  const tree = await mount('listed');
  const names = async (pattern: string) =>
    [...(await listed(tree, Class.FileBothDirectoryInformation, pattern)).keys()].sort();
  assert.deepEqual(await names('M~*.DOC'), [MINUTES]);
  assert.deepEqual(await names('*.do?'), [MINUTES]);
  assert.deepEqual(await names(shortNameOf(MINUTES)), [MINUTES]);
  assert.deepEqual(await names('p*'), ['plain.txt']);
});

async function alternateName(tree: ClientTree): Promise<string> {
  const file = await tree.open(MINUTES);
  try {
    return decodeFileNameInformation(await file.queryInfo(Class.FileAlternateNameInformation));
  } finally {
    await file.close();
  }
}

test('illegal, the default: for who asks, and not in listings', async () => {
  const tree = await mount('asked');
  for (const informationClass of CLASSES_WITH_SHORT_NAMES) {
    assert.equal((await listed(tree, informationClass)).get(MINUTES), '');
  }
  assert.equal((await listed(tree, Class.FileBothDirectoryInformation, 'M~*')).size, 0);
  assert.equal(await alternateName(tree), shortNameOf(MINUTES));
  assert.equal((await tree.readFile(shortNameOf(MINUTES))).toString(), MINUTES);
});

test('no: there are none', async () => {
  const tree = await mount('none');
  const refused = { status: STATUS_OBJECT_NAME_NOT_FOUND };
  assert.equal((await listed(tree, Class.FileBothDirectoryInformation)).get(MINUTES), '');
  assert.equal(
    (await listed(tree, Class.FileBothDirectoryInformation, shortNameOf(MINUTES))).size,
    0,
  );
  await assert.rejects(alternateName(tree), refused);
  await assert.rejects(tree.readFile(shortNameOf(MINUTES)), refused);
});

test('who saves a file by its short name keeps its long one and its creation time', async () => {
  const tree = await mount('asked');
  const short = shortNameOf(MINUTES);
  const birth = async (name: string) => {
    const file = await tree.open(name);
    const info = FileBasicInformation.read(await file.queryInfo(Class.FileBasicInformation));
    await file.close();
    return info.creationTime;
  };
  const before = await birth(MINUTES);
  const old = await tree.open(short, { access: DELETE, options: FILE_DELETE_ON_CLOSE });
  await old.close();
  const anew = await tree.open(short, { disposition: FILE_CREATE });
  await anew.close();
  assert.deepEqual([...(await listed(tree, Class.FileNamesInformation)).keys()].sort(), [
    '.',
    '..',
    MINUTES,
    'plain.txt',
  ]);
  assert.equal(await birth(MINUTES), before);
  // Deleted by its long name it is gone, and the short name is a name as any other.
  await tree.remove(MINUTES);
  await (await tree.open(short, { disposition: FILE_CREATE })).close();
  assert.ok((await listed(tree, Class.FileNamesInformation)).has(short));
});
