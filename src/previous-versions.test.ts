/**
 * MS-SMB2 3.3.5.9.4 and 3.3.5.15.1 through the whole server: previous versions of a share's files, from a folder
 * of snapshots beside it as Samba's shadow_copy2 has it.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StatusError } from './client/client-error.ts';
import { connect } from './client/connect.ts';
import { ClientFile } from './client/file.ts';
import { changeNotifyRequest, createRequest, type OpenOptions } from './client/requests.ts';
import type { ClientTree } from './client/tree.ts';
import { configure } from './config/configuration.ts';
import { createServer } from './create-server.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_DATA,
  MAXIMUM_ALLOWED,
} from './dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_NOT_IMPLEMENTED,
  STATUS_NOT_SAME_DEVICE,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from './dtyp/ntstatus.ts';
import { FileInternalInformation } from './fscc/file-information.ts';
import { FileInformationClass as Class } from './fscc/information-class.ts';
import { encodeRenameInformation } from './fscc/rename-information.ts';
import { nativeSupport } from './native/support.ts';
import { encodeTimewarpToken } from './smb2/create-context-values.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_SUPERSEDE,
} from './smb2/create-options.ts';
import { Fsctl } from './smb2/fsctl.ts';
import { decodeSnapshotArray, timeOfToken } from './smb2/snapshots.ts';

const skip = nativeSupport().unavailable ?? false;
const folder = mkdtempSync(join(tmpdir(), 'usmbd-past-'));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true, force: true }));

const OLD = '@GMT-2015.10.31-19.40.30';
const NEWER = '@GMT-2020.02.29-00.00.00';
const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const VFS_OBJECTS = ['streams_xattr', 'acl_xattr', 'shadow_copy2'];

type ShareInput = NonNullable<Parameters<typeof configure>[0]['shares']>[number];

/** A share of the folder `name`, and a user of it; both end with the test file. */
async function mount(name: string, over: Partial<ShareInput> = {}): Promise<ClientTree> {
  const share = { name: 's', path: join(folder, name), readOnly: false, ...over };
  const server = createServer({
    configuration: configure({ shares: [{ vfsObjects: VFS_OBJECTS, ...share }] }),
    users: [{ name: 'u', password: 'p', identity }],
    hostChanges: 'off',
  });
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const connection = await connect({ host: '127.0.0.1', port });
  after(async () => {
    await connection.close();
    await server.close();
  });
  const session = await connection.login({ user: 'u', secret: 'p' });
  return session.treeConnect('s');
}

/** A disk as it is today, and two snapshots of it. */
function lay(name: string): string {
  const base = join(folder, name);
  for (const when of [OLD, NEWER]) {
    mkdirSync(join(base, '.snapshots', when, 'data', 'sub'), { recursive: true });
    writeFileSync(join(base, '.snapshots', when, 'data', 'sub', 'file.txt'), `of ${when}`);
  }
  writeFileSync(join(base, '.snapshots', OLD, 'data', 'gone'), 'deleted since');
  mkdirSync(join(base, '.snapshots', 'not one of them'));
  mkdirSync(join(base, 'data', 'sub'), { recursive: true });
  writeFileSync(join(base, 'data', 'sub', 'file.txt'), 'of today');
  return base;
}

const layout = (base: string) => ({
  snapshotFolder: join(base, '.snapshots'),
  snapshotBase: base,
});

const then = (token: string, how: OpenOptions = {}): OpenOptions => ({
  ...how,
  contexts: [{ name: 'TWrp', data: encodeTimewarpToken(timeOfToken(token)!) }],
});

async function statusOf(work: Promise<unknown>): Promise<NtStatus> {
  try {
    const done = await work;
    if (done instanceof ClientFile) await done.close();
    return STATUS_SUCCESS;
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  }
}

const READ = { access: FILE_GENERIC_READ };
const ALL = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE };

const base = lay('disk');
const tree = skip ? undefined : await mount('disk/data', layout(base));
const its = (name: string, run: (mounted: ClientTree) => Promise<void>) =>
  test(name, { skip }, () => run(tree!));

async function textOf(mounted: ClientTree, name: string, how: OpenOptions): Promise<string> {
  const file = await mounted.open(name, how);
  try {
    return (await file.readAll()).toString();
  } finally {
    await file.close();
  }
}

its('TWrp opens what was there then', async (mounted) => {
  assert.equal(await textOf(mounted, 'sub\\file.txt', READ), 'of today');
  assert.equal(await textOf(mounted, 'sub\\file.txt', then(OLD, READ)), `of ${OLD}`);
  assert.equal(await textOf(mounted, 'SUB\\FILE.TXT', then(NEWER, READ)), `of ${NEWER}`);
  assert.equal(await textOf(mounted, 'gone', then(OLD, READ)), 'deleted since');
  assert.equal(
    await statusOf(mounted.open('gone', then(NEWER, READ))),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  const never = then('@GMT-2015.10.31-19.40.31', READ);
  assert.equal(await statusOf(mounted.open('', never)), STATUS_OBJECT_NAME_NOT_FOUND);
});

its('an @GMT token among the components of a name does the same', async (mounted) => {
  for (const name of [`${OLD}\\sub\\file.txt`, `sub\\${OLD}\\file.txt`, `sub\\file.txt\\${OLD}`]) {
    assert.equal(await textOf(mounted, name, READ), `of ${OLD}`, name);
  }
  const missing = ['@GMT-2015.10.31-19.40.31', `${NEWER}\\gone`, `x\\${OLD}`];
  for (const name of missing) {
    assert.equal(await statusOf(mounted.open(name, READ)), STATUS_OBJECT_NAME_NOT_FOUND, name);
  }
});

its('listings, and identities that are not those of today', async (mounted) => {
  linkSync(join(base, 'data', 'sub', 'file.txt'), join(base, '.snapshots', OLD, 'data', 'linked'));
  const idOf = async (name: string, how: OpenOptions) => {
    const file = await mounted.open(name, how);
    const { indexNumber } = FileInternalInformation.read(
      await file.queryInfo(Class.FileInternalInformation),
    );
    await file.close();
    return indexNumber;
  };
  const today = await idOf('sub\\file.txt', READ);
  const past = await idOf('linked', then(OLD, READ));
  assert.notEqual(past, today);
  const directory = await mounted.open('', then(OLD, { ...READ, options: FILE_DIRECTORY_FILE }));
  const listed = await directory.listAll('*', Class.FileIdBothDirectoryInformation);
  await directory.close();
  assert.deepEqual(listed.map(({ name }) => name).sort(), ['.', '..', 'gone', 'linked', 'sub']);
  assert.equal(listed.find(({ name }) => name === 'linked')!.fileId, past);
  rmSync(join(base, '.snapshots', OLD, 'data', 'linked'));
});

its('what would change the past is refused, as by Samba', async (mounted) => {
  const status = (name: string, disposition: number, options = 0) =>
    statusOf(mounted.open(name, then(OLD, { ...READ, disposition, options })));
  const file = 'sub\\file.txt';
  assert.equal(await status(file, FILE_OPEN), STATUS_SUCCESS);
  assert.equal(await status(file, FILE_OPEN_IF), STATUS_SUCCESS);
  assert.equal(await status(file, FILE_CREATE), STATUS_OBJECT_NAME_COLLISION);
  assert.equal(await status('new', FILE_OVERWRITE), STATUS_OBJECT_NAME_NOT_FOUND);
  for (const disposition of [FILE_OVERWRITE, FILE_OVERWRITE_IF, FILE_SUPERSEDE]) {
    assert.equal(await status(file, disposition), STATUS_MEDIA_WRITE_PROTECTED);
  }
  for (const disposition of [FILE_CREATE, FILE_OPEN_IF, FILE_OVERWRITE_IF, FILE_SUPERSEDE]) {
    assert.equal(await status('new', disposition), STATUS_MEDIA_WRITE_PROTECTED);
    assert.equal(await status(`${file}:new`, disposition), STATUS_MEDIA_WRITE_PROTECTED);
  }
  const deletes = then(OLD, { ...ALL, disposition: FILE_OPEN, options: FILE_DELETE_ON_CLOSE });
  assert.equal(await statusOf(mounted.open(file, deletes)), STATUS_MEDIA_WRITE_PROTECTED);

  // Whoever opens for writing gets the file, and is refused when it writes.
  const open = await mounted.open(file, then(OLD, { ...ALL, disposition: FILE_OPEN }));
  const refused = (work: Promise<unknown>) => statusOf(work);
  assert.equal(await refused(open.write(0, Buffer.from('x'))), STATUS_MEDIA_WRITE_PROTECTED);
  const basic = Buffer.alloc(40);
  basic.writeUInt32LE(2, 32);
  for (const [informationClass, buffer] of [
    [Class.FileBasicInformation, basic],
    [Class.FileDispositionInformation, Buffer.from([1])],
    [Class.FileEndOfFileInformation, Buffer.alloc(8)],
    [Class.FileAllocationInformation, Buffer.alloc(8)],
  ] as const) {
    assert.equal(
      await refused(open.setInfo(informationClass, buffer)),
      STATUS_MEDIA_WRITE_PROTECTED,
    );
  }
  const name = { replaceIfExists: true, rootDirectory: 0, fileName: 'gone' };
  for (const informationClass of [Class.FileRenameInformation, Class.FileLinkInformation]) {
    const renaming = open.setInfo(informationClass, encodeRenameInformation(name));
    assert.equal(await refused(renaming), STATUS_NOT_SAME_DEVICE);
  }
  const zero = Buffer.alloc(16);
  zero.writeUInt32LE(4, 8);
  for (const [code, input] of [
    [Fsctl.FSCTL_SET_ZERO_DATA, zero],
    [Fsctl.FSCTL_SET_SPARSE, Buffer.alloc(0)],
  ] as const) {
    assert.equal(await refused(open.ioctl(code, { input })), STATUS_MEDIA_WRITE_PROTECTED);
  }
  assert.equal((await open.readAll()).toString(), `of ${OLD}`);
  await open.close();
  assert.deepEqual(readdirSync(join(base, '.snapshots', OLD, 'data')).sort(), ['gone', 'sub']);
  const path = join(base, '.snapshots', OLD, 'data', 'sub', 'file.txt');
  assert.equal(readFileSync(path, 'utf8'), `of ${OLD}`);
});

its('a file of then does not stand in the way of that of today', async (mounted) => {
  const past = await mounted.open('sub\\file.txt', then(OLD, { ...READ, share: 0 }));
  const today = await mounted.open('sub\\file.txt', { ...ALL, share: 0, disposition: FILE_OPEN });
  const again = mounted.open('sub\\file.txt', then(OLD, READ));
  assert.equal(await statusOf(again), STATUS_SHARING_VIOLATION);
  await past.close();
  await today.close();
});

its('the snapshots are told, in as much room as there is', async (mounted) => {
  const root = await mounted.open('', { ...READ, options: FILE_DIRECTORY_FILE });
  const enumerate = (maxOutput: number) =>
    root.ioctl(Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS, { maxOutput });
  const arrayBytes = 2 * 50 + 2;
  assert.equal(await statusOf(enumerate(15)), STATUS_INVALID_PARAMETER);
  for (const room of [16, 12 + arrayBytes - 1]) {
    const output = await enumerate(room);
    assert.equal(output.length, 16);
    assert.deepEqual(decodeSnapshotArray(output), { count: 2, arrayBytes, tokens: [] });
  }
  const output = await enumerate(12 + arrayBytes);
  assert.equal(output.length, 12 + arrayBytes);
  const expected = { count: 2, arrayBytes, tokens: [NEWER, OLD] };
  assert.deepEqual(decodeSnapshotArray(output), expected);
  await root.close();
});

its('nothing changes there, so there is nothing to wait for', async (mounted) => {
  const root = await mounted.open('', then(OLD, { ...READ, options: FILE_DIRECTORY_FILE }));
  const answer = await mounted.request(changeNotifyRequest(root.fileId, 1));
  assert.equal(answer.status, STATUS_NOT_IMPLEMENTED);
  await root.close();
});

its('rights are those of the files of then', async (mounted) => {
  const context = then(OLD, { access: MAXIMUM_ALLOWED });
  const contexts = [...context.contexts!, { name: 'MxAc', data: Buffer.alloc(0) }];
  const answer = await mounted.request(createRequest('sub\\file.txt', { ...context, contexts }));
  assert.equal(answer.status, STATUS_SUCCESS);
  await mounted.fileOf(answer).close();
});

test('other users see what they may list and read', {
  skip: skip || identity.uid !== 0,
}, async () => {
  const own = lay('private');
  chmodSync(join(own, '.snapshots', OLD, 'data', 'gone'), 0o600);
  const nobody = {
    users: [{ name: 'n', password: 'p', identity: { uid: 65534, gid: 65534, groups: [] } }],
  };
  const server = createServer({
    configuration: configure({
      shares: [
        {
          name: 's',
          path: join(own, 'data'),
          readOnly: false,
          vfsObjects: VFS_OBJECTS,
          ...layout(own),
        },
      ],
    }),
    ...nobody,
  });
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const connection = await connect({ host: '127.0.0.1', port });
  const mounted = await (await connection.login({ user: 'n', secret: 'p' })).treeConnect('s');
  assert.equal(await textOf(mounted, 'sub\\file.txt', then(OLD, READ)), `of ${OLD}`);
  const open = () => statusOf(mounted.open('gone', then(OLD, { access: FILE_READ_DATA })));
  assert.equal(await open(), STATUS_ACCESS_DENIED);
  chmodSync(join(own, '.snapshots'), 0o711);
  const listing = mounted.open('sub\\file.txt', then(OLD, READ));
  assert.equal(await statusOf(listing), STATUS_ACCESS_DENIED);
  const root = await mounted.open('', { ...READ, options: FILE_DIRECTORY_FILE });
  const enumerate = root.ioctl(Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS, { maxOutput: 4096 });
  assert.equal(await statusOf(enumerate), STATUS_ACCESS_DENIED);
  await connection.close();
  await server.close();
});

test('a folder of snapshots within the share can be opened by its names', { skip }, async () => {
  const own = lay('within');
  const mounted = await mount('within', { snapshotMountPoint: own, snapshotSharePath: '' });
  const name = `.snapshots\\${OLD}\\data\\gone`;
  assert.equal(await textOf(mounted, name, READ), 'deleted since');
  assert.equal(await textOf(mounted, `${OLD}\\data\\gone`, READ), 'deleted since');
});

test('other names, other order, links of the server itself', { skip }, async () => {
  const own = lay('vanity');
  const snapshots = join(own, 'kept');
  mkdirSync(join(snapshots, 'elsewhere', 'data'), { recursive: true });
  writeFileSync(join(snapshots, 'elsewhere', 'data', 'one'), 'linked to');
  symlinkSync('elsewhere', join(snapshots, 'daily_GMT-2001.02.03-04.05.06'));
  mkdirSync(join(snapshots, 'weekly_GMT-2001.02.04-04.05.06'));
  mkdirSync(join(snapshots, 'yearly_GMT-2001.02.05-04.05.06'));
  const mounted = await mount('vanity/data', {
    snapshotFolder: snapshots,
    snapshotBase: own,
    snapshotFormat: '_GMT-%Y.%m.%d-%H.%M.%S',
    snapshotPrefix: '^\\(dai\\|week\\)ly$',
    snapshotOrder: 'asc',
  });
  const root = await mounted.open('', { ...READ, options: FILE_DIRECTORY_FILE });
  const output = await root.ioctl(Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS, { maxOutput: 4096 });
  const tokens = ['@GMT-2001.02.03-04.05.06', '@GMT-2001.02.04-04.05.06'];
  assert.deepEqual(decodeSnapshotArray(output).tokens, tokens);
  assert.equal(await textOf(mounted, 'one', then(tokens[0]!, READ)), 'linked to');
  // The share was not there then.
  const before = mounted.open('', then(tokens[1]!, READ));
  assert.equal(await statusOf(before), STATUS_OBJECT_NAME_NOT_FOUND);
});

test('without snapshots there are none', { skip }, async () => {
  lay('plain');
  const mounted = await mount('plain/data', { vfsObjects: ['streams_xattr', 'acl_xattr'] });
  assert.equal(await statusOf(mounted.open('', then(OLD, READ))), STATUS_OBJECT_NAME_NOT_FOUND);
  for (const name of [OLD, `${OLD}\\sub`, `sub\\${OLD}\\file.txt`]) {
    assert.equal(await statusOf(mounted.open(name, READ)), STATUS_OBJECT_NAME_NOT_FOUND, name);
  }
  const root = await mounted.open('', { ...READ, options: FILE_DIRECTORY_FILE });
  const enumerate = root.ioctl(Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS, { maxOutput: 16 });
  assert.equal(await statusOf(enumerate), STATUS_INVALID_DEVICE_REQUEST);
  // A name as any other, for who makes one.
  await mounted.makeDirectory(OLD);
  await mounted.remove(OLD);
});
