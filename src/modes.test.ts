/**
 * Whose new files are, and with which mode: `create mask` and its family, `inherit permissions`, `inherit owner`,
 * `force user`, `force group`, `map archive` and its kin, through the whole server on a disk.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { connect } from './client/connect.ts';
import type { ClientTree } from './client/tree.ts';
import { configure } from './config/configuration.ts';
import type { ShareValues } from './config/parameters.ts';
import { createServer } from './create-server.ts';
import {
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_WRITE_ATTRIBUTES,
} from './dtyp/access-mask.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
} from './fscc/attributes.ts';
import { FileBasicInformation } from './fscc/file-information.ts';
import { FileInformationClass } from './fscc/information-class.ts';
import { nativeSupport } from './native/support.ts';
import { FILE_CREATE } from './smb2/create-options.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-modes-'));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));
const isRoot = process.geteuid?.() === 0;
const skip = nativeSupport().unavailable ?? false;
/** A user and a group of this machine that the process may become. */
const ANN = {
  uid: isRoot ? 12_345 : process.geteuid!(),
  gid: isRoot ? 12_346 : process.getegid!(),
};

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

let shares = 0;

async function share(settings: Partial<ShareValues>): Promise<{ root: string; tree: ClientTree }> {
  const root = join(folder, `share-${++shares}`);
  mkdirSync(root);
  chmodSync(root, 0o777);
  const server = createServer({
    configuration: configure({
      shares: [{ name: 'files', path: root, readOnly: false, ...settings }],
    }),
    users: [{ name: 'ann', password: 'tiger', identity: { ...ANN, groups: [] } }],
  });
  open.push(server);
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const client = await connect({ host: '127.0.0.1', port });
  open.push(client);
  return {
    root,
    tree: await (await client.login({ user: 'ann', secret: 'tiger' })).treeConnect('files'),
  };
}

const octal = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

test('create mask, directory mask, force create mode, force directory mode', { skip }, async () => {
  const cases: readonly [Partial<ShareValues>, string, string][] = [
    [{}, '644', '755'],
    [{ createMask: 0o600, directoryMask: 0o700 }, '600', '700'],
    [{ createMask: 0o777, directoryMask: 0o777 }, '666', '777'],
    [{ forceCreateMode: 0o111, forceDirectoryMode: 0o2070 }, '755', '2775'],
    [{ createMask: 0, forceCreateMode: 0o440 }, '440', '755'],
  ];
  for (const [settings, file, directory] of cases) {
    const { root, tree } = await share(settings);
    await tree.writeFile('file', Buffer.from('x'));
    await tree.makeDirectory('directory');
    assert.equal(octal(join(root, 'file')), file, JSON.stringify(settings));
    assert.equal(octal(join(root, 'directory')), directory, JSON.stringify(settings));
  }
});

test('inherit permissions: the mode of the directory, whatever the masks say', {
  skip,
}, async () => {
  const { root, tree } = await share({ inheritPermissions: true, createMask: 0o600 });
  chmodSync(root, 0o2777);
  mkdirSync(join(root, 'group'));
  chmodSync(join(root, 'group'), 0o2771);
  if (isRoot) chownSync(join(root, 'group'), ANN.uid, ANN.gid);
  chmodSync(join(root, 'group'), 0o6771);
  await tree.writeFile('group\\file', Buffer.from('x'));
  await tree.makeDirectory('group\\below');
  assert.equal(octal(join(root, 'group/file')), '660');
  // Never the set-user-id bit.
  assert.equal(octal(join(root, 'group/below')), '2771');
});

test('inherit owner: to whom the directory belongs', { skip: skip || !isRoot }, async () => {
  for (const inheritOwner of [false, true]) {
    const { root, tree } = await share({ inheritOwner });
    const theirs = join(root, 'theirs');
    mkdirSync(theirs);
    chownSync(theirs, 23_456, 23_457);
    chmodSync(theirs, 0o777);
    await tree.writeFile('theirs\\file', Buffer.from('x'));
    await tree.makeDirectory('theirs\\below');
    for (const name of ['file', 'below']) {
      const { uid, gid } = statSync(join(theirs, name));
      assert.deepEqual([uid, gid], [inheritOwner ? 23_456 : ANN.uid, ANN.gid], name);
    }
    assert.equal((await tree.readFile('theirs\\file')).toString(), 'x');
  }
});

test('force user, force group: who acts', { skip: skip || !isRoot }, async () => {
  const forced = await share({ forceUser: 'daemon', forceGroup: 'sys' });
  chownSync(forced.root, 0, 0);
  chmodSync(forced.root, 0o777);
  await forced.tree.writeFile('file', Buffer.from('x'));
  const daemon = statSync(join(forced.root, 'file'));
  assert.deepEqual([daemon.uid, daemon.gid], [1, 3]);
});

const attributesOf = async (tree: ClientTree, name: string): Promise<number> => {
  const file = await tree.open(name);
  const info = await file.queryInfo(FileInformationClass.FileBasicInformation);
  await file.close();
  return FileBasicInformation.read(info).fileAttributes;
};

const setAttributes = async (tree: ClientTree, name: string, fileAttributes: number) => {
  const file = await tree.open(name, { access: FILE_WRITE_ATTRIBUTES | FILE_GENERIC_READ });
  const times = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };
  const info = FileBasicInformation.encode({ ...times, fileAttributes });
  await file.setInfo(FileInformationClass.FileBasicInformation, info);
  await file.close();
};

test('map archive, system, hidden, readonly: attributes in mode bits', { skip }, async () => {
  const { root, tree } = await share({
    storeDosAttributes: false,
    mapArchive: true,
    mapSystem: true,
    mapHidden: true,
    mapReadonly: 'mode',
    createMask: 0o777,
  });
  const path = join(root, 'file');
  const attributes = FILE_ATTRIBUTE_HIDDEN;
  const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
  const file = await tree.open('file', { access, attributes, disposition: FILE_CREATE });
  await file.close();
  // New files are to be archived.
  assert.equal(octal(path), '767');
  assert.equal(await attributesOf(tree, 'file'), FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_HIDDEN);
  await setAttributes(tree, 'file', FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_READONLY);
  assert.equal(octal(path), '454');
  assert.equal(await attributesOf(tree, 'file'), FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_READONLY);
  chmodSync(path, 0o654);
  await setAttributes(tree, 'file', FILE_ATTRIBUTE_NORMAL);
  assert.equal(octal(path), '644');
  assert.equal(await attributesOf(tree, 'file'), FILE_ATTRIBUTE_NORMAL);
  // As other programs on the host set them, in listings too.
  chmodSync(path, 0o755);
  const [entry] = await tree.list('', 'file');
  assert.equal(
    entry?.fileAttributes,
    FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_HIDDEN,
  );
});

test('map archive: x bits that create mask leaves out are not set', { skip }, async () => {
  const { root, tree } = await share({
    storeDosAttributes: false,
    mapArchive: true,
    createMask: 0o644,
  });
  await tree.writeFile('file', Buffer.from('x'));
  assert.equal(octal(join(root, 'file')), '644');
});

test('map readonly = permissions: what the user may not write is read-only', {
  skip: skip || !isRoot,
}, async () => {
  const { root, tree } = await share({ storeDosAttributes: false, mapReadonly: 'permissions' });
  await tree.writeFile('file', Buffer.from('x'));
  assert.equal((await attributesOf(tree, 'file')) & FILE_ATTRIBUTE_READONLY, 0);
  chownSync(join(root, 'file'), 0, 0);
  assert.notEqual((await attributesOf(tree, 'file')) & FILE_ATTRIBUTE_READONLY, 0);
});

test('store dos attributes = yes: mode bits mean nothing', { skip }, async () => {
  const { root, tree } = await share({ mapHidden: true, mapReadonly: 'mode' });
  await tree.writeFile('file', Buffer.from('x'));
  chmodSync(join(root, 'file'), 0o755);
  assert.equal(await attributesOf(tree, 'file'), FILE_ATTRIBUTE_ARCHIVE);
});
