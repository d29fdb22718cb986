/** `veto files`, `delete veto files`, `hide files` and their like, through the whole server, as a client meets them. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  credentials,
  OTHER_USER,
  SHARE,
  startServer,
  type TestServer,
} from '../../test/support/in-process-server.ts';
import { StatusError } from '../client/client-error.ts';
import { changeNotifyRequest } from '../client/requests.ts';
import type { ClientTree } from '../client/tree.ts';
import { configure } from '../config/configuration.ts';
import type { ShareValues } from '../config/parameters.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_HIDDEN } from '../fscc/attributes.ts';
import { FileBasicInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { decodeNotifyInformation } from '../fscc/notify-information.ts';
import { encodeRenameInformation, FileDispositionInformation } from '../fscc/rename-information.ts';
import { shortNameOf } from '../fscc/short-name.ts';
import {
  decodeChangeNotifyResponse,
  FILE_NOTIFY_CHANGE_FILE_NAME,
  SMB2_WATCH_TREE,
} from '../smb2/change-notify.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../smb2/create-options.ts';
import { isErrno } from '../vfs/errno.ts';
import { createMemoryVfs, type MemoryVfs } from '../vfs/memory/memory.ts';

/** The same folder, without any of it. */
const EVERYTHING = 'everything';

const OTHER = { ...credentials, user: OTHER_USER };

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Shared {
  readonly vfs: MemoryVfs;
  readonly tree: ClientTree;
}

async function share(settings: Partial<ShareValues>): Promise<Shared> {
  const vfs = createMemoryVfs();
  server = await startServer({
    configuration: configure({
      shares: [
        { name: SHARE, path: '/', readOnly: false, ...settings },
        { name: EVERYTHING, path: '/', readOnly: false },
      ],
    }),
    shares: [
      { name: SHARE, vfs },
      { name: EVERYTHING, vfs },
    ],
  });
  return { vfs, tree: await server.mount() };
}

/** As a program on the host would. */
async function plant(
  vfs: MemoryVfs,
  path: readonly string[],
  what: { kind?: 'file' | 'directory'; mode?: number; uid?: number } = {},
): Promise<void> {
  const { kind = 'file', mode = 0o777, uid = 0 } = what;
  const tree = await vfs.attach({ uid, gid: uid, groups: [] });
  assert.ok(!isErrno(tree));
  const handle = await tree.create(path, { kind, attributes: 0, mode });
  assert.ok(!isErrno(handle), `${path.join('/')}: ${handle}`);
  handle.close();
  tree.close();
}

const names = async (tree: ClientTree, directory = '', pattern = '*'): Promise<string[]> =>
  (await tree.list(directory, pattern)).map(({ name }) => name).sort();

const refusedWith = (status: NtStatus) => (error: unknown) =>
  error instanceof StatusError && error.status === status;

const refuses = (work: Promise<unknown>, status: NtStatus): Promise<void> =>
  assert.rejects(work, refusedWith(status));

const rename = async (tree: ClientTree, from: string, fileName: string): Promise<void> => {
  const file = await tree.open(from, { access: DELETE });
  const info = encodeRenameInformation({ replaceIfExists: true, rootDirectory: 0, fileName });
  await file.setInfo(FileInformationClass.FileRenameInformation, info).finally(() => file.close());
};

test('veto files: neither listed nor opened, by no name', async () => {
  const { vfs, tree } = await share({ vetoFiles: ['*.secret', 'Private'] });
  for (const name of ['plain', 'a long name.secret', 'B.SECRET']) await plant(vfs, [name]);
  await plant(vfs, ['private'], { kind: 'directory' });
  await plant(vfs, ['private', 'below']);
  assert.deepEqual(await names(tree), ['.', '..', 'plain']);
  assert.deepEqual(await names(tree, '', 'b.secret'), []);
  const short = shortNameOf('a long name.secret');
  for (const name of ['a long name.secret', 'b.Secret', 'PRIVATE', short, 'b.secret::$DATA']) {
    await refuses(tree.open(name), STATUS_OBJECT_NAME_NOT_FOUND);
  }
  await refuses(tree.open('private\\below'), STATUS_OBJECT_PATH_NOT_FOUND);
  await refuses(tree.open('private\\x.secret'), STATUS_OBJECT_PATH_NOT_FOUND);
});

test('veto files: neither made nor renamed to', async () => {
  const { tree } = await share({ vetoFiles: ['*.exe'] });
  await refuses(tree.writeFile('x.EXE', Buffer.from('x')), STATUS_OBJECT_NAME_NOT_FOUND);
  await refuses(
    tree.open('x.exe:stream', { disposition: FILE_OPEN_IF }),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  await refuses(tree.makeDirectory('dir.exe'), STATUS_OBJECT_NAME_NOT_FOUND);
  await tree.writeFile('x.txt', Buffer.from('x'));
  await refuses(rename(tree, 'x.txt', 'x.exe'), STATUS_OBJECT_NAME_NOT_FOUND);
  await refuses(rename(tree, 'x.txt', 'd.exe\\x'), STATUS_OBJECT_PATH_NOT_FOUND);
  assert.deepEqual(await names(tree), ['.', '..', 'x.txt']);
});

test('veto files: `.*` does not take the dots away, `*.*` wants a period', async () => {
  const { vfs, tree } = await share({ vetoFiles: ['.*', '*.*'] });
  for (const name of ['.profile', 'a.b', 'plain']) await plant(vfs, [name]);
  assert.deepEqual(await names(tree), ['.', '..', 'plain']);
});

test('veto files: changes to them are not told', async () => {
  const { tree } = await share({ vetoFiles: ['*.tmp'] });
  await tree.makeDirectory('d');
  const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const request = changeNotifyRequest(root.fileId, FILE_NOTIFY_CHANGE_FILE_NAME, {
    flags: SMB2_WATCH_TREE,
    outputBytes: 4096,
  });
  const [waiting] = await tree.submit([request]);
  const everything = await tree.session.treeConnect(EVERYTHING);
  await everything.writeFile('d\\x.tmp', Buffer.from('x'));
  await everything.makeDirectory('d\\y.tmp');
  await everything.writeFile('d\\y.tmp\\plain', Buffer.from('x'));
  await tree.writeFile('d\\x.txt', Buffer.from('x'));
  const { message } = await tree.session.connection.answerOf(waiting!);
  const told = decodeNotifyInformation(decodeChangeNotifyResponse(message).outputBuffer);
  assert.deepEqual(
    told.map(({ fileName }) => fileName),
    ['d\\x.txt'],
  );
});

const dispose = async (tree: ClientTree, name: string): Promise<void> => {
  const file = await tree.open(name, { access: DELETE });
  try {
    const info = FileDispositionInformation.encode({ deletePending: true });
    await file.setInfo(FileInformationClass.FileDispositionInformation, info);
  } finally {
    await file.close();
  }
};

test('a directory with vetoed files in it goes only with `delete veto files`', async () => {
  for (const deleteVetoFiles of [false, true]) {
    const { vfs, tree } = await share({ vetoFiles: ['.AppleDouble'], deleteVetoFiles });
    const directory = { kind: 'directory' as const };
    await plant(vfs, ['d'], directory);
    await plant(vfs, ['d', '.AppleDouble'], directory);
    await plant(vfs, ['d', '.AppleDouble', 'deep'], directory);
    await plant(vfs, ['d', '.AppleDouble', 'deep', 'x']);
    await plant(vfs, ['seen'], directory);
    await plant(vfs, ['seen', '.AppleDouble'], directory);
    await plant(vfs, ['seen', 'file']);
    assert.deepEqual(await names(tree, 'd'), ['.', '..']);
    if (deleteVetoFiles) await dispose(tree, 'd');
    else await refuses(dispose(tree, 'd'), STATUS_DIRECTORY_NOT_EMPTY);
    // By FILE_DELETE_ON_CLOSE as well.
    await tree.remove('seen');
    const left = deleteVetoFiles ? ['.', '..', 'seen'] : ['.', '..', 'd', 'seen'];
    assert.deepEqual(await names(tree), left);
    assert.deepEqual(await names(tree, 'seen'), ['.', '..', 'file']);
    await server!.close();
  }
  server = undefined;
});

test('hide files, hide dot files: there, and hidden, in every answer', async () => {
  const { tree } = await share({ hideFiles: ['*.bak', 'Thumbs.db'], hideDotFiles: true });
  for (const name of ['a.BAK', 'thumbs.DB', '.rc', 'plain']) {
    await tree.writeFile(name, Buffer.from('x'));
  }
  const isHidden = (attributes: number): boolean => (attributes & FILE_ATTRIBUTE_HIDDEN) !== 0;
  const hidden = (await tree.list('')).filter(({ fileAttributes }) => isHidden(fileAttributes));
  assert.deepEqual(hidden.map(({ name }) => name).sort(), ['.rc', 'a.BAK', 'thumbs.DB']);
  for (const [name, expected] of [
    ['A.bak', true],
    ['plain', false],
  ] as const) {
    const file = await tree.open(name);
    assert.equal(isHidden(file.created.fileAttributes), expected);
    const basic = await file.queryInfo(FileInformationClass.FileBasicInformation);
    assert.equal(isHidden(FileBasicInformation.read(basic).fileAttributes), expected);
    assert.equal(isHidden((await file.close(true)).fileAttributes), expected);
  }
});

test('hide unreadable: listings have what the user may read, an open says what is wrong', async () => {
  const { vfs, tree } = await share({ hideUnreadable: true });
  await plant(vfs, ['mine'], { mode: 0o600, uid: 1001 });
  await plant(vfs, ['theirs'], { mode: 0o600, uid: 1002 });
  await plant(vfs, ['locked'], { kind: 'directory', mode: 0o700, uid: 1002 });
  await plant(vfs, ['all'], { mode: 0o644 });
  assert.deepEqual(await names(tree), ['.', '..', 'all', 'mine']);
  assert.deepEqual(await names(tree, '', 'theirs'), []);
  assert.deepEqual(await names(await server!.mount({}, OTHER)), [
    '.',
    '..',
    'all',
    'locked',
    'theirs',
  ]);
  await refuses(tree.open('theirs'), STATUS_ACCESS_DENIED);
});

test('hide unwriteable files: folders stay', async () => {
  const { vfs, tree } = await share({ hideUnwriteable: true });
  await plant(vfs, ['mine'], { mode: 0o600, uid: 1001 });
  await plant(vfs, ['all'], { mode: 0o644 });
  await plant(vfs, ['folder'], { kind: 'directory', mode: 0o755 });
  assert.deepEqual(await names(tree), ['.', '..', 'folder', 'mine']);
});

test('hide special files: no FIFO, no socket', async () => {
  const { vfs, tree } = await share({ hideSpecialFiles: true });
  vfs.plant.other(['fifo']);
  await tree.open('file', {
    access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
    disposition: FILE_CREATE,
  });
  assert.deepEqual(await names(tree), ['.', '..', 'file']);
});
