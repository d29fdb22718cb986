/** Generated 8.3 names: what is told opens the file that it was told of, and no other. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { startServer } from '../../test/support/in-process-server.ts';
import { queryInfoRequest, setInfoRequest } from '../client/requests.ts';
import type { ClientTree } from '../client/tree.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { decodeFileNameInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { encodeRenameInformation } from '../fscc/rename-information.ts';
import { isGeneratedShortName, shortNameOf } from '../fscc/short-name.ts';
import type { Share } from '../objects/share.ts';
import { FILE_CREATE, FILE_OPEN_IF, FILE_OPENED } from '../smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../smb2/info-types.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { ENOENT, isErrno } from '../vfs/errno.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';
import type { VfsTree } from '../vfs/vfs.ts';
import { alternateName, longName, longPath } from './short-names.ts';

const server = await startServer();
after(() => server.close());
const tree = await server.mount();

async function asked(name: string, on: ClientTree = tree): Promise<string | NtStatus> {
  const file = await on.open(name);
  const { FileAlternateNameInformation } = Class;
  const request = queryInfoRequest(file.fileId, SMB2_0_INFO_FILE, FileAlternateNameInformation);
  const { status, message } = await on.request(request);
  await file.close();
  if (status !== STATUS_SUCCESS) return status;
  return decodeFileNameInformation(decodeQueryInfoResponse(message).outputBuffer);
}

const write = (name: string) => tree.writeFile(name, Buffer.from(name));
const read = async (name: string) => (await tree.readFile(name)).toString();

test('an 8.3 name is its own; another gets one that opens the file', async () => {
  await write('Readme.txt');
  assert.equal(await asked('README.TXT'), 'Readme.txt');
  await write('Minutes of May.docx');
  const short = await asked('Minutes of May.docx');
  assert.equal(short, 'M~N89M8I.DOC');
  assert.equal(await read('M~N89M8I.DOC'), 'Minutes of May.docx');
  assert.equal(await read('m~n89m8i.doc'), 'Minutes of May.docx');
  assert.equal(await asked('M~N89M8I.DOC'), short);
  assert.equal(await asked(''), STATUS_OBJECT_NAME_NOT_FOUND);
});

test('directories on the way may be told by their short names', async () => {
  await tree.makeDirectory('Annual reports');
  await tree.makeDirectory('Annual reports\\Last year’s');
  await write('Annual reports\\Last year’s\\summary.text');
  const path = ['Annual reports', 'Last year’s', 'summary.text'].map(shortNameOf).join('\\');
  assert.equal(await read(path), 'Annual reports\\Last year’s\\summary.text');
  const parent = path.slice(0, path.lastIndexOf('\\'));
  await write(`${parent}\\new.file.of.ours`);
  const names = (await tree.list('Annual reports\\Last year’s')).map(({ name }) => name);
  assert.deepEqual(names.sort(), ['.', '..', 'new.file.of.ours', 'summary.text']);
});

test('a listing by short name gives the file, and no listing shows one', async () => {
  await write('A picture.jpeg');
  const short = shortNameOf('A picture.jpeg');
  const [entry, ...others] = await tree.list('', short);
  assert.equal(entry?.name, 'A picture.jpeg');
  assert.deepEqual(others, []);
  assert.ok((await tree.list('')).every(({ name }) => !isGeneratedShortName(name)));
});

test('FILE_CREATE and FILE_OPEN_IF find the file that has the name', async () => {
  await write('long name one.txt');
  const short = shortNameOf('long name one.txt');
  await assert.rejects(tree.open(short, { disposition: FILE_CREATE }), {
    status: STATUS_OBJECT_NAME_COLLISION,
  });
  const file = await tree.open(short, { disposition: FILE_OPEN_IF });
  assert.equal(file.created.createAction, FILE_OPENED);
  await file.close();
});

test('a file that is really so named has the name; the other one has none then', async () => {
  const plain = await server.mount();
  const short = shortNameOf('taken by another.txt');
  await write(short);
  await write('taken by another.txt');
  assert.equal(await asked(short, plain), short);
  assert.equal(await read(short), short);
  assert.equal(await asked('taken by another.txt', plain), STATUS_OBJECT_NAME_NOT_FOUND);
  await plain.remove(short);
  assert.equal(await asked('taken by another.txt', plain), short);
});

test('removing and renaming by short name meet the file', async () => {
  await write('to be removed.txt');
  await tree.remove(shortNameOf('to be removed.txt'));
  await assert.rejects(tree.open('to be removed.txt'), { status: STATUS_OBJECT_NAME_NOT_FOUND });

  await write('the old version.txt');
  await write('new.txt');
  const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE;
  const file = await tree.open('new.txt', { access });
  const fileName = shortNameOf('the old version.txt');
  const rename = (replaceIfExists: boolean) => {
    const target = encodeRenameInformation({ replaceIfExists, rootDirectory: 0, fileName });
    return setInfoRequest(file.fileId, SMB2_0_INFO_FILE, Class.FileRenameInformation, target);
  };
  assert.equal((await tree.request(rename(false))).status, STATUS_OBJECT_NAME_COLLISION);
  assert.equal((await tree.request(rename(true))).status, STATUS_SUCCESS);
  await file.close();
  assert.equal(await read('the old version.txt'), 'new.txt');
});

test('a buffer without room for one letter is refused', async () => {
  const file = await tree.open('Readme.txt');
  const { FileAlternateNameInformation } = Class;
  const how = { outputBytes: 7 };
  const request = queryInfoRequest(
    file.fileId,
    SMB2_0_INFO_FILE,
    FileAlternateNameInformation,
    how,
  );
  assert.equal((await tree.request(request)).status, STATUS_INFO_LENGTH_MISMATCH);
});

const mounted = (files: VfsTree) => ({ share: { name: 'files' } as Share, files });

/** Two names of one short name, found by trying. */
function twins(): readonly [string, string] {
  const seen = new Map<string, string>();
  for (let i = 0; ; i++) {
    const name = `twin ${i}`;
    const other = seen.get(shortNameOf(name));
    if (other !== undefined) return [other, name];
    seen.set(shortNameOf(name), name);
  }
}

test('a short name that two files would have belongs to neither', async () => {
  const vfs = createMemoryVfs();
  const files = vfs.attach(undefined);
  assert.ok(!isErrno(files) && !(files instanceof Promise));
  const [one, other] = twins();
  const make = (name: string) => {
    const handle = files.create([name], { kind: 'file', attributes: 0 });
    assert.ok(!isErrno(handle) && !(handle instanceof Promise));
    return handle;
  };
  const first = make(one);
  const short = shortNameOf(one);
  assert.equal(await alternateName(mounted(files), first), short);
  assert.deepEqual(await longPath(mounted(files), [short.toLowerCase()]), [one]);
  const second = make(other);
  assert.equal(await alternateName(mounted(files), first), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(await alternateName(mounted(files), second), STATUS_OBJECT_NAME_NOT_FOUND);
  const path = [short];
  assert.equal(await longPath(mounted(files), path), path);
});

test('whatever the names, an answer opens its file', async () => {
  const name = fc.string({ unit: fc.constantFrom(...'aA0.~_ é'), minLength: 1, maxLength: 12 });
  const names = fc.array(
    name.filter((one) => !/^\.+$/.test(one)),
    { maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(names, async (list) => {
      const vfs = createMemoryVfs();
      const files = await vfs.attach(undefined);
      assert.ok(!isErrno(files));
      const root = await files.lookup([]);
      assert.ok(!isErrno(root));
      for (const one of list) {
        const handle = await files.create([one], { kind: 'file', attributes: 0 });
        if (isErrno(handle)) continue;
        const short = await alternateName(mounted(files), handle);
        assert.ok(typeof short === 'string');
        const found = await files.lookup(await longPath(mounted(files), [short]));
        assert.ok(!isErrno(found));
        assert.equal(found.fileId, handle.fileId);
        assert.equal(await longName(root, short), isGeneratedShortName(short) ? one : ENOENT);
      }
    }),
    { numRuns: 50 },
  );
});
