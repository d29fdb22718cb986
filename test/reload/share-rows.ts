/** The parameters of a share: what shows that another value counts. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, lstatSync, openSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ioctlRequest } from '../../src/client/requests.ts';
import type { shareParameters } from '../../src/config/parameters.ts';
import { allowedAce, makeAcl } from '../../src/dtyp/acl.ts';
import { statusName } from '../../src/dtyp/ntstatus.ts';
import { SE_DACL_AUTO_INHERITED, SE_SELF_RELATIVE } from '../../src/dtyp/security-descriptor.ts';
import {
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
} from '../../src/fscc/attributes.ts';
import { encodeFullEas } from '../../src/fscc/extended-attributes.ts';
import { FileFsSizeInformation } from '../../src/fscc/fs-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import {
  ACL_GROUP_OBJ,
  ACL_OTHER,
  ACL_USER_OBJ,
  encodePosixAcl,
} from '../../src/fscc/posix-acl.ts';
import { RecordLock, setRecordLock } from '../../src/native/record-locks.ts';
import { getxattr, listxattr, setxattr } from '../../src/native/xattr.ts';
import { encodePosixCreateRequest } from '../../src/smb2/create-context-values.ts';
import { CreateContextName } from '../../src/smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { encodeReferralRequest } from '../../src/smb2/dfs-referral.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
} from '../../src/smb2/lock.ts';
import {
  CompressionAlgorithm,
  NegotiateContextType,
  POSIX_EXTENSIONS_TAG,
} from '../../src/smb2/negotiate-contexts.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../../src/smb2/oplock-levels.ts';
import { SMB2_SHAREFLAG_COMPRESS_DATA } from '../../src/smb2/share-flags.ts';
import {
  ALL_ACCESS,
  appears,
  asApple,
  connects,
  descriptorOf,
  hasAttribute,
  isListed,
  keptAttributes,
  listed,
  modeWith,
  newDirectoryMode,
  newFile,
  newGroup,
  newMode,
  newOwner,
  notices,
  reads,
  remark,
  setDescriptor,
  shareFlags,
  snapshots,
  stays,
  throughLink,
  where,
  writes,
} from './looks.ts';
import type { Elsewhere, Nothing, Row } from './row.ts';
import { FOLDER, isRoot, OTHER_ID, told, type World } from './world.ts';

const USER_ID = isRoot ? OTHER_ID + 1 : process.geteuid!();
const GUESTS = ['map to guest = bad user', 'server signing = auto'];
const MAPPED = ['store dos attributes = no', 'create mask = 0777'];
const WITH_SNAPSHOTS = [
  'vfs objects = streams_xattr acl_xattr shadow_copy2',
  `shadow:mountpoint = ${FOLDER}`,
  `shadow:basedir = ${FOLDER}`,
];

/** A guest's session, with what it says of the share. */
const guestConnects = (world: World) =>
  told(async () => {
    const session = await world.login({ user: 'stranger', guest: 'accept' });
    return session.treeConnect('data');
  });

/** Whom a new file of a stranger's belongs to. */
async function guestsFile(world: World): Promise<number | string> {
  const session = await world.login({ user: 'stranger', guest: 'accept' });
  const tree = await session.treeConnect('data');
  const name = world.name();
  await tree.writeFile(name, Buffer.from('x'));
  return lstatSync(world.path(name)).uid;
}

/** The mode of a file in a directory with a default ACL that gives everybody everything. */
async function underDefaultAcl(world: World): Promise<string> {
  const folder = world.name();
  const path = world.path(folder);
  await newDirectory(world, folder);
  const acl = ([ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER] as const).map((tag) => ({
    tag,
    permissions: 7,
    id: undefined,
  }));
  setxattr(path, 'system.posix_acl_default', encodePosixAcl(acl));
  await world.tree.writeFile(`${folder}\\f`, Buffer.from('x'));
  return (lstatSync(join(path, 'f')).mode & 0o777).toString(8);
}

const newDirectory = (world: World, name: string) => world.tree.makeDirectory(name);

async function vetoedInside(world: World): Promise<string> {
  const name = world.name();
  await newDirectory(world, name);
  writeFileSync(join(world.path(name), 'x.tmp'), '');
  await told(() => world.tree.remove(name));
  return existsSync(world.path(name)) ? 'stays' : 'goes';
}

async function shortName(world: World): Promise<string> {
  const file = await world.tree.open('a name that is long', {
    access: ALL_ACCESS,
    disposition: FILE_OPEN_IF,
  });
  const answer = await told(() => file.queryInfo(Class.FileAlternateNameInformation));
  await file.close();
  return answer;
}

async function listedEaSize(world: World): Promise<boolean> {
  const file = await world.tree.open('rich', { access: ALL_ACCESS, disposition: FILE_OPEN_IF });
  const ea = { flags: 0, name: 'AUTHOR', value: Buffer.from('Ann') };
  await file.setInfo(Class.FileFullEaInformation, encodeFullEas([ea], 4096).bytes);
  await file.close();
  return (await listed(world, 'rich'))!.eaSize > 0;
}

/** A FIFO is neither a file nor a directory. */
async function special(world: World): Promise<boolean> {
  spawnSync('mkfifo', [world.path('pipe')]);
  return isListed('pipe')(world);
}

export async function posixContext(world: World): Promise<boolean> {
  const contexts = [{ name: CreateContextName.POSIX, data: encodePosixCreateRequest(0o600) }];
  const file = await world.tree.open('where', { contexts });
  await file.close();
  return file.created.createContexts.some(({ name }) => name === CreateContextName.POSIX);
}

export const speaksPosix: Row['how'] = {
  craftNegotiate: (request) => ({
    ...request,
    negotiateContexts: [
      ...request.negotiateContexts,
      { type: NegotiateContextType.POSIX_EXTENSIONS, data: POSIX_EXTENSIONS_TAG },
    ],
  }),
};

/** As Windows Server 2022 offers it. */
export const compresses: Row['how'] = {
  compression: {
    algorithms: [
      CompressionAlgorithm.PATTERN_V1,
      CompressionAlgorithm.LZ77,
      CompressionAlgorithm.LZ77_HUFFMAN,
      CompressionAlgorithm.LZNT1,
    ],
    chained: true,
  },
};

export const agreesOnCompression = async (world: World): Promise<boolean> =>
  world.session.connection.negotiated?.compression !== undefined;

const asksForCompression = async (world: World): Promise<boolean> =>
  ((await shareFlags(world)) & SMB2_SHAREFLAG_COMPRESS_DATA) !== 0;

const offlineCaching = async (world: World): Promise<number> => (await shareFlags(world)) & 0x30;

async function referral(world: World): Promise<string> {
  const ipc = await world.session.treeConnect('IPC$');
  const input = encodeReferralRequest({ maxReferralLevel: 4, requestFileName: '\\s\\data' });
  const noFile = Buffer.alloc(16, 0xff);
  const answer = await ipc.request(
    ioctlRequest(noFile, Fsctl.FSCTL_DFS_GET_REFERRALS, { input, maxOutput: 8192 }),
  );
  await ipc.disconnect();
  if (answer.status !== 0) return statusName(answer.status);
  const text = decodeIoctlResponse(answer.message).output.toString('utf16le');
  return text.includes('\\far\\away') ? 'far' : 'here';
}

async function oplock(world: World): Promise<number> {
  const file = await world.tree.open('where', { oplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
  await file.close();
  return file.created.oplockLevel;
}

async function appleFileId(world: World): Promise<boolean> {
  await asApple(world);
  return (await listed(world, 'where'))!.fileId !== 0n;
}

/** Whether an ACL without an entry is set by a client of Apple's. */
async function emptyAcl(world: World): Promise<boolean> {
  await asApple(world);
  const path = await newFile(world);
  const name = basename(path);
  const empty = { control: SE_SELF_RELATIVE, owner: undefined, group: undefined, sacl: undefined };
  await setDescriptor(world, name, { ...empty, dacl: makeAcl([]) });
  return (await told(() => world.tree.readFile(name))) !== 'ok';
}

async function volumeBytes(world: World): Promise<number> {
  const root = await world.tree.open('', { options: FILE_DIRECTORY_FILE });
  const size = FileFsSizeInformation.read(await root.queryFsInfo(3));
  await root.close();
  return size.totalAllocationUnits * size.sectorsPerAllocationUnit * size.bytesPerSector;
}
const isSmall = async (world: World) => (await volumeBytes(world)) <= 2 ** 20;

const streams = (world: World) => told(() => world.tree.writeFile('f:s', Buffer.from('x')));

/** How a stream of one byte lies on the disk: Samba adds one. */
async function streamBytes(world: World): Promise<number | string> {
  const name = world.name();
  await world.tree.writeFile(name, Buffer.alloc(0));
  await world.tree.writeFile(`${name}:s`, Buffer.from('x'));
  const value = getxattr(world.path(name), 'user.DosStream.s:$DATA');
  return typeof value === 'number' ? `errno ${value}` : value.length;
}

/** Where a descriptor is kept that a client sets. */
async function aclPlace(world: World): Promise<string[]> {
  const path = await newFile(world);
  const descriptor = { control: SE_SELF_RELATIVE, owner: undefined, group: undefined };
  const dacl = makeAcl([allowedAce('S-1-1-0', 0x001f_01ff)]);
  const name = basename(path);
  await setDescriptor(world, name, { ...descriptor, sacl: undefined, dacl });
  const names = listxattr(path);
  return typeof names === 'number' ? [] : names.filter((one) => one.endsWith('NTACL'));
}

/** What the DACL of a new file is like, in a directory that hands nothing on. */
async function newAcl(world: World): Promise<string> {
  const folder = world.name();
  await newDirectory(world, folder);
  const dacl = makeAcl([allowedAce('S-1-1-0', 0x001f_01ff)]);
  const none = { owner: undefined, group: undefined, sacl: undefined };
  await setDescriptor(world, folder, { control: SE_SELF_RELATIVE, ...none, dacl });
  await world.tree.writeFile(`${folder}\\f`, Buffer.from('x'));
  const { dacl: made } = await descriptorOf(world, `${folder}\\f`);
  const sids = made?.aces.map((ace) => (ace.kind === 'sid' ? ace.sid : '')) ?? [];
  if (sids.includes('S-1-5-18')) return 'windows';
  return sids.length === 1 && sids[0] === 'S-1-1-0' ? 'everyone' : 'posix';
}

/** SE_DACL_AUTO_INHERITED given without being asked for. */
async function inheritedFlag(world: World): Promise<boolean> {
  const path = await newFile(world);
  const name = basename(path);
  const control = SE_SELF_RELATIVE | SE_DACL_AUTO_INHERITED;
  const dacl = makeAcl([allowedAce('S-1-1-0', 0x001f_01ff)]);
  await setDescriptor(world, name, {
    ...{ control, owner: undefined, group: undefined, sacl: undefined, dacl },
  });
  return ((await descriptorOf(world, name)).control & SE_DACL_AUTO_INHERITED) !== 0;
}

/** By another process: its own changes a server knows by itself. */
const hostChange = (world: World) =>
  notices(world, () => void spawnSync('touch', [world.path(world.name())]));
const refusesNotify = (world: World) => notices(world, () => {});

/** Of previous versions, those that a row shows. */
const OF_DEFAULT = ['@GMT-2026.06.01-00.00.00', '@GMT-2026.01.01-00.00.00', 'data'];

/** A range that another program of the host has locked. */
async function locksWhatIsLocked(world: World): Promise<string> {
  const name = world.name();
  const file = await world.tree.open(name, { access: ALL_ACCESS, disposition: FILE_OPEN_IF });
  const other = openSync(world.path(name), 'r+');
  setRecordLock(other, RecordLock.WRITE, 0n, 0n);
  const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  const answer = await told(() => file.lock([{ flags, offset: 0n, length: 1n }]));
  closeSync(other);
  await file.close();
  return answer;
}

/** A resource fork that lies in a file beside it. */
async function unpacks(world: World): Promise<string> {
  const name = world.name();
  const packed = Buffer.alloc(39, 1);
  Buffer.from('00051607000200004d6163204f53205820202020202020200001', 'hex').copy(packed);
  packed.writeUInt32BE(2, 26);
  packed.writeUInt32BE(38, 30);
  packed.writeUInt32BE(1, 34);
  await world.tree.writeFile(name, Buffer.from('x'));
  await world.tree.writeFile(`._${name}`, packed);
  return told(() => world.tree.readFile(`${name}:AFP_Resource`));
}

export const shareRows: Readonly<Record<keyof typeof shareParameters, Row | Nothing | Elsewhere>> =
  {
    path: { value: join(FOLDER, 'data2'), look: where, before: 'data', after: 'data2' },
    comment: { value: 'other', look: remark, before: '', after: 'other' },
    available: { value: 'no', look: stays, before: 'ok', after: 'STATUS_NETWORK_NAME_DELETED' },
    browseable: { value: 'no', look: appears, before: true, after: false },
    readOnly: { value: 'yes', look: writes, before: 'ok', after: 'STATUS_ACCESS_DENIED' },
    guestOk: {
      ...{ value: 'yes', global: GUESTS, look: guestConnects },
      ...{ before: 'STATUS_ACCESS_DENIED', after: 'ok' },
    },
    guestOnly: {
      ...{ value: 'yes', global: GUESTS, share: ['guest ok = yes'], look: newOwner },
      ...{ before: USER_ID, after: 65_534, needsRoot: true },
    },
    guestAccount: {
      ...{ value: 'daemon', global: GUESTS, share: ['guest ok = yes'], look: guestsFile },
      ...{ before: 65_534, after: 1, needsRoot: true },
    },
    validUsers: { value: 'bob', look: stays, before: 'ok', after: 'STATUS_NETWORK_NAME_DELETED' },
    invalidUsers: { value: 'ann', look: stays, before: 'ok', after: 'STATUS_NETWORK_NAME_DELETED' },
    readList: { value: 'ann', look: writes, before: 'ok', after: 'STATUS_ACCESS_DENIED' },
    writeList: {
      ...{ value: 'ann', share: ['read only = yes'], look: writes },
      ...{ before: 'STATUS_ACCESS_DENIED', after: 'ok' },
    },
    hostsAllow: {
      ...{ value: '192.0.2.1', share: ['hosts allow = 127.0.0.1', 'hosts deny = ALL'] },
      ...{ look: stays, before: 'ok', after: 'STATUS_NETWORK_NAME_DELETED' },
    },
    hostsDeny: { value: 'ALL', look: stays, before: 'ok', after: 'STATUS_NETWORK_NAME_DELETED' },
    forceUser: { value: 'root', look: newOwner, before: USER_ID, after: 0, needsRoot: true },
    forceGroup: { value: 'root', look: newGroup, before: USER_ID, after: 0, needsRoot: true },
    createMask: { value: '0600', look: newMode, before: '644', after: '600' },
    directoryMask: { value: '0700', look: newDirectoryMode, before: '755', after: '700' },
    forceCreateMode: { value: '0111', look: newMode, before: '644', after: '755' },
    forceDirectoryMode: { value: '0022', look: newDirectoryMode, before: '755', after: '777' },
    inheritPermissions: { value: 'yes', look: newMode, before: '644', after: '666' },
    inheritOwner: { value: 'yes', look: newOwner, before: USER_ID, after: 0, needsRoot: true },
    mapArchive: { value: 'yes', share: MAPPED, look: newMode, before: '666', after: '766' },
    mapHidden: {
      ...{ value: 'yes', share: MAPPED, look: modeWith(FILE_ATTRIBUTE_HIDDEN) },
      ...{ before: 'STATUS_NOT_SUPPORTED', after: '667' },
    },
    mapSystem: {
      ...{ value: 'yes', share: MAPPED, look: modeWith(FILE_ATTRIBUTE_SYSTEM) },
      ...{ before: 'STATUS_NOT_SUPPORTED', after: '676' },
    },
    mapReadonly: {
      ...{ value: 'yes', share: MAPPED, look: modeWith(FILE_ATTRIBUTE_READONLY) },
      ...{ before: 'STATUS_NOT_SUPPORTED', after: '444' },
    },
    hideDotFiles: {
      ...{ value: 'no', look: hasAttribute('.dotted', FILE_ATTRIBUTE_HIDDEN) },
      ...{ before: true, after: false },
    },
    hideFiles: {
      ...{ value: '/*.tmp/', look: hasAttribute('plain.tmp', FILE_ATTRIBUTE_HIDDEN) },
      ...{ before: false, after: true },
    },
    hideSpecialFiles: { value: 'yes', look: special, before: true, after: false },
    hideUnreadable: { value: 'yes', look: isListed('shut'), before: true, after: false },
    hideUnwriteable: { value: 'yes', look: isListed('sealed'), before: true, after: false },
    vetoFiles: {
      ...{ value: '/*.tmp/', look: reads('plain.tmp') },
      ...{ before: 'ok', after: 'STATUS_OBJECT_NAME_NOT_FOUND' },
    },
    deleteVetoFiles: {
      ...{ value: 'yes', share: ['veto files = /*.tmp/'], look: vetoedInside },
      ...{ before: 'stays', after: 'goes' },
    },
    shortNames: {
      ...{ value: 'no', look: shortName },
      ...{ before: 'ok', after: 'STATUS_OBJECT_NAME_NOT_FOUND' },
    },
    listEaSizes: { value: 'yes', look: listedEaSize, before: false, after: true },
    changeNotify: {
      ...{ value: 'no', look: refusesNotify, before: 'waits', after: 'STATUS_NOT_IMPLEMENTED' },
    },
    kernelChangeNotify: { value: 'no', look: hostChange, before: 'ok', after: 'waits' },
    compressData: {
      ...{ value: 'yes', global: ['smb3 compression = yes'], how: compresses },
      ...{ look: asksForCompression, before: false, after: true },
    },
    cscPolicy: { value: 'disable', look: offlineCaching, before: 0, after: 0x30 },
    posixExtensions: {
      ...{ value: 'no', how: speaksPosix, look: posixContext, before: true, after: false },
    },
    msdfsRoot: {
      ...{ value: 'yes', look: async (world) => world.tree.response.capabilities !== 0 },
      ...{ before: false, after: true },
    },
    msdfsProxy: {
      ...{ value: '\\\\far\\away', share: ['msdfs root = yes'], look: referral },
      ...{ before: 'here', after: 'far' },
    },
    oplocks: { value: 'no', look: oplock, before: SMB2_OPLOCK_LEVEL_BATCH, after: 0 },
    posixLocking: {
      ...{ value: 'no', look: locksWhatIsLocked },
      ...{ before: 'STATUS_LOCK_NOT_GRANTED', after: 'ok' },
    },
    storeDosAttributes: {
      ...{ value: 'no', look: keptAttributes(FILE_ATTRIBUTE_HIDDEN), before: true, after: false },
    },
    maxConnections: {
      ...{ value: '1', look: connects, before: 'ok', after: 'STATUS_REQUEST_NOT_ACCEPTED' },
    },
    encryption: {
      ...{ value: 'required', look: stays, before: 'ok', after: 'STATUS_NETWORK_NAME_DELETED' },
    },
    adminUsers: { value: 'ann', look: newOwner, before: USER_ID, after: 0, needsRoot: true },
    crossMounts: { value: 'no', shownBy: 'src/vfs/local/crossing.test.ts' },
    followSymlinks: {
      ...{ value: 'yes', look: throughLink, before: 'STATUS_STOPPED_ON_SYMLINK', after: 'ok' },
    },
    wideLinks: { value: 'yes' },
    appleConvertsDouble: {
      ...{ value: 'no', share: ['vfs objects = fruit streams_xattr acl_xattr'], look: unpacks },
      ...{ before: 'ok', after: 'STATUS_OBJECT_NAME_NOT_FOUND' },
    },
    appleZeroFileIds: { value: 'no', look: appleFileId, before: false, after: true },
    appleIgnoresEmptyAcls: { value: 'no', look: emptyAcl, before: false, after: true },
    appleMetadata: { value: 'netatalk' },
    appleResource: { value: 'file' },
    appleEncoding: { value: 'native' },
    timeMachine: {
      ...{ value: 'yes', share: ['fruit:time machine max size = 1M'], look: isSmall },
      ...{ before: false, after: true },
    },
    timeMachineMaxSize: {
      ...{ value: '1M', share: ['time machine = yes'], look: isSmall, before: false, after: true },
    },
    // What is kept needs a state folder.
    continuousAvailability: { value: 'yes', shownBy: 'src/server/persistent.test.ts' },
    vfsObjects: {
      ...{ value: 'acl_xattr', look: streams, before: 'ok', after: 'STATUS_OBJECT_NAME_INVALID' },
    },
    streamFormat: { value: 'ksmbd', look: streamBytes, before: 2, after: 1 },
    ntAclName: {
      ...{ value: 'user.NTACL', look: aclPlace, needsRoot: true },
      ...{ before: ['security.NTACL'], after: ['user.NTACL'] },
    },
    canonicalInheritedFlag: { value: 'no', look: inheritedFlag, before: false, after: true },
    ignoresSystemAcls: { value: 'yes', look: newMode, before: '644', after: '666' },
    defaultAclStyle: { value: 'everyone', look: newAcl, before: 'windows', after: 'everyone' },
    inheritAcls: { value: 'yes', look: underDefaultAcl, before: '644', after: '666' },
    snapshotFolder: {
      ...{ value: 'other', share: WITH_SNAPSHOTS, look: snapshots, before: OF_DEFAULT },
      after: ['@GMT-2026.06.01-12.00.00', '@GMT-2026.01.01-12.00.00', 'data'],
    },
    snapshotBase: {
      ...{ value: join(FOLDER, 'data'), share: WITH_SNAPSHOTS, look: snapshots },
      ...{ before: OF_DEFAULT, after: [...OF_DEFAULT.slice(0, 2), '.'] },
    },
    snapshotSharePath: {
      ...{ value: 'data2', share: WITH_SNAPSHOTS, look: snapshots },
      ...{ before: OF_DEFAULT, after: [...OF_DEFAULT.slice(0, 2), 'data2'] },
    },
    snapshotMountPoint: {
      ...{ value: join(FOLDER, 'other'), share: WITH_SNAPSHOTS, look: snapshots },
      ...{ before: OF_DEFAULT, after: [] },
    },
    snapshotFormat: {
      ...{ value: 'day_%Y.%m.%d', share: WITH_SNAPSHOTS, look: snapshots, before: OF_DEFAULT },
      after: ['@GMT-2026.03.01-00.00.00', 'data'],
    },
    snapshotNumbers: {
      ...{ value: 'yes', share: WITH_SNAPSHOTS, also: ['shadow:format = %lu'], look: snapshots },
      ...{ before: OF_DEFAULT, after: ['@GMT-2023.11.14-22.13.20', 'data'] },
    },
    snapshotLocalTime: {
      ...{ value: 'yes', share: WITH_SNAPSHOTS, look: snapshots, before: OF_DEFAULT },
      after: ['@GMT-2026.06.01-04.00.00', '@GMT-2026.01.01-05.00.00', 'data'],
    },
    snapshotOrder: {
      ...{ value: 'asc', share: WITH_SNAPSHOTS, look: snapshots, before: OF_DEFAULT },
      after: [OF_DEFAULT[1], OF_DEFAULT[0], 'data'],
    },
    snapshotPrefix: {
      ...{ value: 'day', share: [...WITH_SNAPSHOTS, 'shadow:format = _GMT%Y.%m.%d'] },
      ...{ look: snapshots, before: [], after: ['@GMT-2026.02.01-00.00.00', 'data'] },
    },
    snapshotDelimiter: {
      ...{ value: '_', look: snapshots, before: [], after: ['@GMT-2026.03.01-00.00.00', 'data'] },
      share: [...WITH_SNAPSHOTS, 'shadow:snapprefix = day', 'shadow:format = _%Y.%m.%d'],
    },
    snapshotFixInodes: { value: 'no' },
    snapshotsEverywhere: { value: 'yes' },
    snapshotsCrossMounts: { value: 'yes' },
  };
