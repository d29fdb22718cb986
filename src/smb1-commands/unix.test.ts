/** The CIFS Unix extensions, by a client of SMB1 on a folder of this machine: names, modes, links, special files. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SHARE, startServer } from '../../test/support/in-process-server.ts';
import {
  ntCreate,
  ofPath,
  type Smb1Answer,
  Smb1Client,
  transact2,
  utf16,
} from '../../test/support/smb1-client.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_LEVEL,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_USER,
  ACL_USER_OBJ,
  type PosixAclTag,
} from '../fscc/posix-acl.ts';
import { PosixFileType } from '../fscc/posix-information.ts';
import { nativeSupport } from '../native/support.ts';
import { Smb1Command } from '../smb1/header.ts';
import { CAP_UNIX, Smb1NegotiateWords } from '../smb1/negotiate.ts';
import { Trans2 } from '../smb1/transaction.ts';
import {
  CIFS_UNIX_POSIX_PATH_OPERATIONS_CAP,
  CIFS_UNIX_POSIX_PATHNAMES_CAP,
  CifsUnixInfo,
  decodePosixAcls,
  encodePosixAcls,
  NO_CHANGE,
  NO_LEVEL,
  NO_TYPE,
  POSIX_LOCK_FLAG_WAIT,
  type PosixLists,
  PosixLock,
  PosixLockType,
  PosixOpen,
  PosixOpened,
  SMB_O_CREAT,
  SMB_O_DIRECTORY,
  SMB_O_EXCL,
  SMB_O_RDONLY,
  SMB_O_RDWR,
  UnixBasic,
  UnixFsLevel,
  UnixInfo2,
  UnixLevel,
} from '../smb1/unix.ts';

const skip = nativeSupport().unavailable ?? false;

interface Mounted {
  readonly client: Smb1Client;
  readonly folder: string;
  readonly negotiated: Smb1Answer;
}

function unix(name: string, body: (mounted: Mounted) => Promise<void>, speaks = true): void {
  test(name, { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'usmbd-unix-'));
    chmodSync(folder, 0o777);
    const server = await startServer({
      shares: [{ name: SHARE, path: folder }],
      global: { minProtocol: 0x0100, signing: 'auto', smb1UnixExtensions: speaks },
    });
    try {
      const client = await Smb1Client.open(server);
      const negotiated = await client.negotiate();
      assert.equal((await client.login()).status, STATUS_SUCCESS);
      assert.equal((await client.treeConnect(SHARE)).status, STATUS_SUCCESS);
      await body({ client, folder, negotiated });
      await client.close();
    } finally {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

function fsLevel(level: number, fid?: number): Buffer {
  const b = Buffer.alloc(fid === undefined ? 2 : 4);
  if (fid !== undefined) b.writeUInt16LE(fid);
  b.writeUInt16LE(level, b.length - 2);
  return b;
}

async function takePosixNames(
  client: Smb1Client,
  capabilities = CIFS_UNIX_POSIX_PATHNAMES_CAP | CIFS_UNIX_POSIX_PATH_OPERATIONS_CAP,
): Promise<void> {
  const info = CifsUnixInfo.encode({
    majorVersion: 1,
    minorVersion: 0,
    capabilities: BigInt(capabilities),
  });
  const parameters = fsLevel(UnixFsLevel.CIFS_UNIX, 0);
  const answer = await transact2(client, Trans2.SET_FS_INFORMATION, parameters, info);
  assert.equal(answer.status, STATUS_SUCCESS);
}

async function open(
  client: Smb1Client,
  path: string,
  flags: number,
  mode: number,
  level = NO_LEVEL,
) {
  const data = PosixOpen.encode({
    openFlags: 0,
    posixOpenFlags: flags,
    permissions: BigInt(mode),
    level,
  });
  const parameters = ofPath(UnixLevel.OPEN, path);
  const answer = await transact2(client, Trans2.SET_PATH_INFORMATION, parameters, data);
  return { ...answer, opened: answer.status === 0 ? PosixOpened.read(answer.data) : undefined };
}

const set = async (client: Smb1Client, level: number, path: string, data: Buffer) =>
  (await transact2(client, Trans2.SET_PATH_INFORMATION, ofPath(level, path), data)).status;

async function basic(client: Smb1Client, path: string): Promise<UnixBasic> {
  const parameters = ofPath(UnixLevel.BASIC, path);
  const { status, data } = await transact2(client, Trans2.QUERY_PATH_INFORMATION, parameters);
  assert.equal(status, STATUS_SUCCESS, path);
  return UnixBasic.read(data);
}

const UNCHANGED: UnixBasic = {
  endOfFile: NO_CHANGE,
  numBytes: NO_CHANGE,
  changeTime: NO_CHANGE,
  lastAccessTime: NO_CHANGE,
  lastWriteTime: NO_CHANGE,
  uid: NO_CHANGE,
  gid: NO_CHANGE,
  type: NO_TYPE,
  deviceMajor: 0n,
  deviceMinor: 0n,
  uniqueId: 0n,
  permissions: NO_CHANGE,
  linkCount: NO_CHANGE,
};
const CREATES = SMB_O_CREAT | SMB_O_RDWR;

unix('names and modes are what POSIX has', async ({ client, folder, negotiated }) => {
  const { capabilities } = Smb1NegotiateWords.read(negotiated.words);
  assert.notEqual(capabilities & CAP_UNIX, 0);
  const told = await transact2(client, Trans2.QUERY_FS_INFORMATION, fsLevel(UnixFsLevel.CIFS_UNIX));
  assert.equal(CifsUnixInfo.read(told.data).majorVersion, 1);
  await takePosixNames(client);
  const made = await open(client, '/dir', SMB_O_CREAT | SMB_O_DIRECTORY, 0o750);
  assert.deepEqual([made.status, made.opened?.fid], [STATUS_SUCCESS, 0xffff]);
  for (const name of ['a\\b:c?', 'File', 'file']) {
    const file = await open(client, `/dir/${name}`, CREATES | SMB_O_EXCL, 0o640, UnixLevel.BASIC);
    assert.equal(file.status, STATUS_SUCCESS, name);
    assert.equal(UnixBasic.read(file.data, PosixOpened.size).permissions, 0o640n);
  }
  assert.deepEqual(readdirSync(join(folder, 'dir')).sort(), ['File', 'a\\b:c?', 'file']);
  assert.equal(lstatSync(join(folder, 'dir')).mode & 0o7777, 0o750);
  const again = await open(client, '/dir/file', CREATES | SMB_O_EXCL, 0o640);
  assert.equal(again.status, STATUS_OBJECT_NAME_COLLISION);
  assert.equal(
    (await open(client, '/dir/FILE', SMB_O_RDWR, 0)).status,
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  const mode = UnixBasic.encode({ ...UNCHANGED, permissions: 0o400n });
  assert.equal(await set(client, UnixLevel.BASIC, '/dir/file', mode), STATUS_SUCCESS);
  assert.equal(lstatSync(join(folder, 'dir/file')).mode & 0o7777, 0o400);
  const { permissions, type, endOfFile } = await basic(client, '/dir/file');
  assert.deepEqual([permissions, type, endOfFile], [0o400n, PosixFileType.FILE, 0n]);
});

unix('links, on the disk where they stay in the share', async ({ client, folder }) => {
  await takePosixNames(client);
  await open(client, '/file', CREATES, 0o644);
  for (const [name, target] of [
    ['/inner', 'file'],
    ['/outer', '/etc/passwd'],
  ] as const) {
    assert.equal(await set(client, UnixLevel.LINK, name, utf16(target)), STATUS_SUCCESS);
    assert.equal((await basic(client, name)).type, PosixFileType.SYMLINK);
    const parameters = ofPath(UnixLevel.LINK, name);
    const { data } = await transact2(client, Trans2.QUERY_PATH_INFORMATION, parameters);
    assert.deepEqual(data, utf16(target));
  }
  assert.equal(readlinkSync(join(folder, 'inner')), 'file');
  // One that somebody on the server has made leads there by a path of the share.
  symlinkSync(join(folder, 'file'), join(folder, 'absolute'));
  const ofAbsolute = ofPath(UnixLevel.LINK, '/absolute');
  const told = await transact2(client, Trans2.QUERY_PATH_INFORMATION, ofAbsolute);
  assert.deepEqual(told.data, utf16('file'));
  unlinkSync(join(folder, 'absolute'));
  assert.ok(lstatSync(join(folder, 'outer')).isFile());
  const isLink = ofPath(UnixLevel.LINK, '/file');
  const refused = await transact2(client, Trans2.QUERY_PATH_INFORMATION, isLink);
  assert.equal(refused.status, STATUS_INVALID_PARAMETER);
  assert.equal(await set(client, UnixLevel.HARD_LINK, '/hard', utf16('/file')), STATUS_SUCCESS);
  assert.equal((await basic(client, '/file')).linkCount, 2n);
  assert.equal(await set(client, UnixLevel.UNLINK, '/file', Buffer.from([0, 0])), STATUS_SUCCESS);
  assert.equal((await basic(client, '/hard')).linkCount, 1n);
  assert.equal(await set(client, UnixLevel.UNLINK, '/inner', Buffer.from([0, 0])), STATUS_SUCCESS);
  assert.deepEqual(readdirSync(folder).sort(), ['hard', 'outer']);
});

unix(
  'who has not said that he uses these extensions deletes nothing by them',
  async ({ client, folder }) => {
    writeFileSync(join(folder, 'kept'), '');
    chmodSync(join(folder, 'kept'), 0o666);
    const status = await set(client, UnixLevel.UNLINK, '\\kept', Buffer.from([0, 0]));
    assert.equal(status, STATUS_INVALID_LEVEL);
    assert.deepEqual(readdirSync(folder), ['kept']);
  },
);

unix(
  'Linux says PATHNAMES alone, and makes, opens and deletes by path all the same',
  async ({ client, folder }) => {
    await takePosixNames(client, CIFS_UNIX_POSIX_PATHNAMES_CAP);
    await open(client, '/d', SMB_O_CREAT | SMB_O_DIRECTORY, 0o755);
    assert.ok(lstatSync(join(folder, 'd')).isDirectory());
    await open(client, '/d/file', CREATES, 0o644);
    assert.equal(
      await set(client, UnixLevel.UNLINK, '/d/file', Buffer.from([0, 0])),
      STATUS_SUCCESS,
    );
    assert.deepEqual(readdirSync(join(folder, 'd')), []);
  },
);

unix('special files are what the client says they are', async ({ client }) => {
  await takePosixNames(client);
  const make = (path: string, type: number) => {
    const node = { ...UNCHANGED, type, permissions: 0o600n, deviceMajor: 7n, deviceMinor: 9n };
    return set(client, UnixLevel.BASIC, path, UnixBasic.encode(node));
  };
  assert.equal(await make('/fifo', PosixFileType.FIFO), STATUS_SUCCESS);
  assert.equal(await make('/device', PosixFileType.CHARACTER_DEVICE), STATUS_SUCCESS);
  assert.equal((await basic(client, '/fifo')).type, PosixFileType.FIFO);
  const { type, deviceMajor, deviceMinor, permissions } = await basic(client, '/device');
  assert.deepEqual([type, deviceMajor, deviceMinor], [PosixFileType.CHARACTER_DEVICE, 7n, 9n]);
  assert.equal(permissions, 0o600n);
  assert.equal(
    await set(client, UnixLevel.BASIC, '/none', UnixBasic.encode(UNCHANGED)),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
});

unix('a listing tells owner and mode, and names as they are', async ({ client }) => {
  await takePosixNames(client);
  await open(client, '/a|b', CREATES, 0o604);
  const head = Buffer.from('16000a000000020200000000', 'hex');
  const parameters = Buffer.concat([head, utf16('/*')]);
  const { status, data } = await transact2(client, Trans2.FIND_FIRST2, parameters);
  assert.equal(status, STATUS_SUCCESS);
  const entries = new Map<string, UnixBasic>();
  for (let at = 0; ; at += data.readUInt32LE(at)) {
    const text = data.toString('utf16le', at + 8 + UnixBasic.size);
    entries.set(text.slice(0, text.indexOf('\0')), UnixBasic.read(data, at + 8));
    if (data.readUInt32LE(at) === 0) break;
  }
  assert.deepEqual([...entries.keys()].sort(), ['.', '..', 'a|b']);
  assert.equal(entries.get('a|b')?.permissions, 0o604n);
  assert.equal(entries.get('.')?.type, PosixFileType.DIRECTORY);
});

unix('flags are none, and none can be set', async ({ client }) => {
  // ATTR_POSIX_SEMANTICS, as Linux sends it.
  const made = await ntCreate(client, { name: '\\file', attributes: 0x0100_0000 });
  assert.equal(made.status, STATUS_SUCCESS);
  const parameters = ofPath(UnixLevel.INFO2, '\\file');
  const { data } = await transact2(client, Trans2.QUERY_PATH_INFORMATION, parameters);
  const known = UnixInfo2.read(data);
  assert.deepEqual([known.fileFlags, known.flagsMask], [0, 0]);
  const wanted = { ...known, ...UNCHANGED, fileFlags: 1 };
  const flags = (flagsMask: number) =>
    set(client, UnixLevel.INFO2, '\\file', UnixInfo2.encode({ ...wanted, flagsMask }));
  assert.equal(await flags(1), STATUS_INVALID_PARAMETER);
  assert.equal(await flags(0), STATUS_SUCCESS);
});

const lockOf = (type: number, pid: number, start: bigint, length: bigint, flags = 0): Buffer =>
  PosixLock.encode({ type, flags, pid, start, length });

const byFid = (fid: number, level: number): Buffer => {
  const b = Buffer.alloc(6);
  b.writeUInt16LE(fid, 0);
  b.writeUInt16LE(level, 2);
  return b;
};

const { READ, WRITE, UNLOCK } = PosixLockType;

unix('locks are what fcntl(2) makes of them', async ({ client }) => {
  await takePosixNames(client);
  const { opened } = await open(client, '/file', CREATES, 0o644);
  const other = await open(client, '/file', SMB_O_RDWR, 0o644);
  const parameters = byFid(opened!.fid, UnixLevel.LOCK);
  const ask = async (...of: Parameters<typeof lockOf>) =>
    (await transact2(client, Trans2.SET_FILE_INFORMATION, parameters, lockOf(...of))).status;
  const query = async (...of: Parameters<typeof lockOf>) => {
    const asked = lockOf(...of);
    const { status, data } = await transact2(
      client,
      Trans2.QUERY_FILE_INFORMATION,
      parameters,
      asked,
    );
    return status === STATUS_SUCCESS ? PosixLock.read(data) : status;
  };
  const [mine, theirs] = [71, 72];
  assert.equal(await ask(WRITE, mine, 10n, 20n), STATUS_SUCCESS);
  // Its own is in nobody's way, also by another open, and changes its kind.
  assert.equal(await ask(READ, mine, 15n, 5n), STATUS_SUCCESS);
  const byOther = byFid(other.opened!.fid, UnixLevel.LOCK);
  const again = lockOf(WRITE, mine, 25n, 10n);
  const joined = await transact2(client, Trans2.SET_FILE_INFORMATION, byOther, again);
  assert.equal(joined.status, STATUS_SUCCESS);
  assert.equal(await ask(READ, theirs, 15n, 5n), STATUS_SUCCESS);
  assert.equal(await ask(WRITE, theirs, 15n, 5n), STATUS_FILE_LOCK_CONFLICT);
  assert.equal(await ask(READ, theirs, 14n, 2n), STATUS_FILE_LOCK_CONFLICT);
  const found = await query(WRITE, theirs, 20n, 100n);
  assert.deepEqual(found, { type: WRITE, flags: 0, pid: mine, start: 20n, length: 15n });
  const free = await query(WRITE, theirs, 100n, 1n);
  assert.deepEqual(free, { type: UNLOCK, flags: 0, pid: theirs, start: 100n, length: 1n });
  assert.equal(await ask(UNLOCK, mine, 12n, 2n), STATUS_SUCCESS);
  assert.equal(await ask(WRITE, theirs, 12n, 2n), STATUS_SUCCESS);
  assert.equal(await ask(UNLOCK, theirs, 1000n, 1n), STATUS_SUCCESS);
  // What waits gets it when it is free.
  const waiting = ask(WRITE, theirs, 0n, 15n, POSIX_LOCK_FLAG_WAIT);
  assert.equal(await ask(UNLOCK, mine, 0n, 0x8000_0000_0000_0000n), STATUS_SUCCESS);
  assert.equal(await waiting, STATUS_SUCCESS);
  assert.equal(await ask(READ, mine, 11n, 1n), STATUS_FILE_LOCK_CONFLICT);
});

unix('a lock that cannot be is refused, and goes with the open', async ({ client }) => {
  await takePosixNames(client);
  const first = await open(client, '/file', CREATES, 0o644);
  const reader = await open(client, '/file', SMB_O_RDONLY, 0o644);
  const ask = async (fid: number, data: Buffer) =>
    (await transact2(client, Trans2.SET_FILE_INFORMATION, byFid(fid, UnixLevel.LOCK), data)).status;
  const [one, two] = [first.opened!.fid, reader.opened!.fid];
  assert.equal(await ask(two, lockOf(WRITE, 1, 0n, 1n)), STATUS_INVALID_HANDLE);
  for (const wrong of [
    lockOf(WRITE, 1, 0n, 0n),
    lockOf(WRITE, 1, 2n, 0xffff_ffff_ffff_ffffn),
    lockOf(3, 1, 0n, 1n),
    lockOf(READ, 1, 0n, 1n, 2),
    lockOf(READ, 1, 0n, 1n).subarray(1),
  ]) {
    assert.equal(await ask(one, wrong), STATUS_INVALID_PARAMETER);
  }
  assert.equal(await ask(one, lockOf(WRITE, 1, 0n, 10n)), STATUS_SUCCESS);
  assert.equal(await ask(two, lockOf(READ, 2, 0n, 10n)), STATUS_FILE_LOCK_CONFLICT);
  const words = Buffer.alloc(6);
  words.writeUInt16LE(one);
  const closed = await client.request({ command: Smb1Command.CLOSE, words });
  assert.equal(closed.status, STATUS_SUCCESS);
  assert.equal(await ask(two, lockOf(READ, 2, 0n, 10n)), STATUS_SUCCESS);
});

unix('access control lists are those of the disk', async ({ client, folder }) => {
  await takePosixNames(client);
  await open(client, '/d', SMB_O_CREAT | SMB_O_DIRECTORY, 0o755);
  await open(client, '/d/file', CREATES, 0o640);
  const get = async (path: string): Promise<Partial<PosixLists>> => {
    const parameters = ofPath(UnixLevel.ACL, path);
    const { status, data } = await transact2(client, Trans2.QUERY_PATH_INFORMATION, parameters);
    assert.equal(status, STATUS_SUCCESS);
    return decodePosixAcls(data);
  };
  const entry = (tag: PosixAclTag, permissions: number, id?: number) => ({ tag, permissions, id });
  const [owner, others] = [entry(ACL_USER_OBJ, 6), entry(ACL_OTHER, 0)];
  const plain = [owner, entry(ACL_GROUP_OBJ, 4), others];
  assert.deepEqual(await get('/d/file'), { access: plain, default: [] });
  const access = [
    ...[owner, entry(ACL_USER, 7, 12_345)],
    ...[entry(ACL_GROUP_OBJ, 4), entry(ACL_MASK, 7), others],
  ];
  const put = (path: string, lists: PosixLists) =>
    set(client, UnixLevel.ACL, path, encodePosixAcls(lists));
  assert.equal(await put('/d/file', { access, default: [] }), STATUS_SUCCESS);
  assert.deepEqual(await get('/d/file'), { access, default: [] });
  assert.equal(lstatSync(join(folder, 'd/file')).mode & 0o777, 0o670);
  // A list that is to stay as it is.
  const keep = encodePosixAcls({ access: [], default: access });
  keep.writeUInt16LE(0xffff, 2);
  const before = (await get('/d')).access;
  assert.equal(await set(client, UnixLevel.ACL, '/d', keep), STATUS_SUCCESS);
  assert.deepEqual(await get('/d'), { access: before, default: access });
  const searched = [entry(ACL_USER_OBJ, 7), ...plain.slice(1)];
  assert.equal(await put('/d', { access: searched, default: [] }), STATUS_SUCCESS);
  assert.deepEqual(await get('/d'), { access: searched, default: [] });
  assert.equal(await put('/d/file', { access: [], default: [] }), STATUS_SUCCESS);
  assert.deepEqual((await get('/d/file')).access?.length, 3);
  assert.equal(await put('/d/file', { access: [], default: access }), STATUS_ACCESS_DENIED);
  const wrong = encodePosixAcls({ access, default: [] });
  for (const at of [0, 2, 6, 7]) {
    const bytes = Buffer.from(wrong);
    bytes[at] = 0x55;
    assert.equal(await set(client, UnixLevel.ACL, '/d/file', bytes), STATUS_INVALID_PARAMETER);
  }
});

unix(
  'where they are switched off nothing is told of them',
  async ({ client, negotiated }) => {
    assert.equal(Smb1NegotiateWords.read(negotiated.words).capabilities & CAP_UNIX, 0);
    for (const level of Object.values(UnixFsLevel)) {
      const told = await transact2(client, Trans2.QUERY_FS_INFORMATION, fsLevel(level));
      assert.equal(told.status, STATUS_INVALID_LEVEL);
    }
    await ntCreate(client, { name: '\\file' });
    assert.equal(
      await set(client, UnixLevel.LINK, '\\link', utf16('file')),
      STATUS_OBJECT_NAME_NOT_FOUND,
    );
    const query = ofPath(UnixLevel.BASIC, '\\file');
    const { status } = await transact2(client, Trans2.QUERY_PATH_INFORMATION, query);
    assert.equal(status, STATUS_INVALID_LEVEL);
  },
  false,
);
