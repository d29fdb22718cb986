/**
 * A disk that fails: each call of the file system fails with each errno that disks fail with, under every request
 * that makes the call. The request gets the status of that errno and no other, what has no need of the call goes
 * on without it (TOLERATED, each with its reason), and the server, the session and the file are as good as before.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { PASSWORD, SHARE, startServer, USER } from '../../test/support/in-process-server.ts';
import { StatusError } from '../client/client-error.ts';
import { succeed } from '../client/exchange.ts';
import type { ClientFile } from '../client/file.ts';
import { queryInfoRequest, setInfoRequest } from '../client/requests.ts';
import type { ClientTree } from '../client/tree.ts';
import { configure } from '../config/configuration.ts';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
} from '../dtyp/access-mask.ts';
import { allowedAce, makeAcl } from '../dtyp/acl.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DISK_FULL,
  STATUS_INVALID_TOKEN,
  STATUS_IO_DEVICE_ERROR,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  encodeSecurityDescriptor,
} from '../dtyp/security-descriptor.ts';
import { EVERYONE, type Sid, unixUserSid } from '../dtyp/sid.ts';
import { encodeFullEas } from '../fscc/extended-attributes.ts';
import {
  FileAllocationInformation,
  FileBasicInformation,
  FileEndOfFileInformation,
  FileInternalInformation,
} from '../fscc/file-information.ts';
import { FileAllocatedRange, FileZeroData } from '../fscc/file-ranges.ts';
import { FileInformationClass as Class, FsInformationClass } from '../fscc/information-class.ts';
import { OffloadReadInput, OffloadReadOutput, OffloadWriteInput } from '../fscc/offload.ts';
import { encodeQuotas } from '../fscc/quota-information.ts';
import { encodeRenameInformation, FileDispositionInformation } from '../fscc/rename-information.ts';
import { encodeEmptyReparseData, encodeSymbolicLinkReparseData } from '../fscc/reparse-data.ts';
import { IO_REPARSE_TAG_LX_FIFO } from '../fscc/reparse-tags.ts';
import { decodeAppleResolveAnswer, encodeAppleResolveRequest } from '../smb2/apple.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_REPARSE_POINT,
  FILE_OVERWRITE,
} from '../smb2/create-options.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { Command } from '../smb2/header.ts';
import {
  SMB2_0_INFO_FILESYSTEM,
  SMB2_0_INFO_QUOTA,
  SMB2_0_INFO_SECURITY,
} from '../smb2/info-types.ts';
import { decodeResumeKeyResponse, encodeSrvCopyChunkCopy } from '../smb2/ioctl-structures.ts';
import { encodeQueryQuotaInfo } from '../smb2/query-quota-info.ts';
import { EDQUOT, EIO, ENOSPC, EROFS, type Errno } from '../vfs/errno.ts';
import { createFaultyVfs, type FaultyMethod } from '../vfs/memory/faulty.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const ERRNOS: readonly (readonly [string, Errno, NtStatus])[] = [
  ['ENOSPC', ENOSPC, STATUS_DISK_FULL],
  ['EDQUOT', EDQUOT, STATUS_DISK_FULL],
  ['EIO', EIO, STATUS_IO_DEVICE_ERROR],
  ['EROFS', EROFS, STATUS_MEDIA_WRITE_PROTECTED],
];

/** How often each was called since the request began. */
const calls = new Map<FaultyMethod, number>();
let broken: FaultyMethod | undefined;
let errno: Errno = 0;
/** The first call that fails, counted from 1. */
let from = 1;
const CHIEF = 'chief';
const vfs = createFaultyVfs(createMemoryVfs({ quotas: true }), {
  fail: ({ method }) => {
    const count = (calls.get(method) ?? 0) + 1;
    calls.set(method, count);
    return method === broken && count >= from ? errno : undefined;
  },
});
const server = await startServer({
  configuration: configure({
    shares: [{ name: SHARE, path: '/', readOnly: false, appleZeroFileIds: false }],
  }),
  shares: [{ name: SHARE, vfs }],
  users: [
    { name: USER, password: PASSWORD, identity: { uid: 1001, gid: 1001, groups: [] } },
    { name: CHIEF, password: PASSWORD, identity: { uid: 0, gid: 0, groups: [] } },
  ],
});
after(() => server.close());
const tree = await server.mount();
/** An administrator. */
const chief = await server.mount({}, { user: CHIEF });
/** A client of Apple's. */
const mac = await server.mount();

const ALL = FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE;
const CONTENT = Buffer.from('what was there before');
/** As much as is copied by a token. */
const LARGE = Buffer.alloc(4096, 'l');
const FIFO = encodeEmptyReparseData(IO_REPARSE_TAG_LX_FIFO);
const LINK = encodeSymbolicLinkReparseData({
  substituteName: 'there',
  printName: 'there',
  flags: 1,
});
const QUOTA_STREAM = '$Extend\\$Quota:$Q:$INDEX_ALLOCATION';
const descriptor = encodeSecurityDescriptor({
  control: 0,
  owner: undefined,
  group: undefined,
  sacl: undefined,
  dacl: makeAcl([allowedAce(EVERYONE, FILE_ALL_ACCESS)]),
});

/** A request, on a file and a directory that are there already; `opened` is the file, open for everything. */
interface Case {
  readonly file: string;
  readonly directory: string;
  readonly tree: ClientTree;
}
type Act = (where: Case, opened: ClientFile) => Promise<unknown>;

const set = (informationClass: number, info: Buffer): Act => {
  return (_, opened) => opened.setInfo(informationClass, info);
};
const query = (informationClass: number): Act => {
  return (_, opened) => opened.queryInfo(informationClass);
};
const rename = (fileName: string): Buffer =>
  encodeRenameInformation({ replaceIfExists: false, rootDirectory: 0, fileName });
const open = (name: string, how: Parameters<ClientTree['open']>[1]): Promise<unknown> =>
  tree.open(name, how).then((file) => file.close());
const untouched = {
  creationTime: 0n,
  lastAccessTime: 0n,
  changeTime: 0n,
  lastWriteTime: 0n,
  fileAttributes: 0,
};
const times = FileBasicInformation.encode({
  ...untouched,
  lastWriteTime: 132_000_000_000_000_000n,
});
const hidden = FileBasicInformation.encode({ ...untouched, fileAttributes: 2 });
const eas = encodeFullEas([{ flags: 0, name: 'A', value: Buffer.from('1') }], 4096).bytes;
const dispose = FileDispositionInformation.encode({ deletePending: true });

/** What has become one is none to begin with. */
let links = 0;

const REQUESTS: Readonly<Record<string, Act>> = {
  'tree connect': async () => (await tree.session.treeConnect(SHARE)).disconnect(),
  'create a file': ({ file }) => open(`${file}.new`, { access: ALL, disposition: FILE_CREATE }),
  'create a directory': ({ file }) =>
    open(`${file}.dir`, { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE }),
  'open to read': ({ file }) => open(file, { access: FILE_GENERIC_READ, disposition: FILE_OPEN }),
  'open to write': ({ file }) => open(file, { access: ALL, disposition: FILE_OPEN }),
  'open a directory': ({ directory }) => open(directory, { options: FILE_DIRECTORY_FILE }),
  overwrite: ({ file }) => open(file, { access: ALL, disposition: FILE_OVERWRITE }),
  read: (_, opened) => opened.read(0, 10),
  write: (_, opened) => opened.write(0, Buffer.from('anew')),
  flush: (_, opened) => opened.flush(),
  'set size': set(
    Class.FileEndOfFileInformation,
    FileEndOfFileInformation.encode({ endOfFile: 5 }),
  ),
  'set allocation': set(
    Class.FileAllocationInformation,
    FileAllocationInformation.encode({ allocationSize: 65_536 }),
  ),
  'set times': set(Class.FileBasicInformation, times),
  'set attributes': set(Class.FileBasicInformation, hidden),
  'set EAs': set(Class.FileFullEaInformation, eas),
  'query all': query(Class.FileAllInformation),
  'query EAs': async (_, opened) => {
    await opened.queryInfo(Class.FileFullEaInformation);
  },
  'query streams': query(Class.FileStreamInformation),
  'query volume': (_, opened) => opened.queryFsInfo(FsInformationClass.FileFsFullSizeInformation),
  'make a stream': ({ file }) => open(`${file}:new`, { access: ALL, disposition: FILE_CREATE }),
  'write a stream': ({ file }) => tree.writeFile(`${file}:stream`, CONTENT),
  'read a stream': ({ file }) => tree.readFile(`${file}:stream`),
  'rename a stream': async ({ file }) => {
    const stream = await tree.open(`${file}:stream`, { access: ALL });
    const info = rename(':other');
    await stream.setInfo(Class.FileRenameInformation, info).finally(() => stream.close());
  },
  list: ({ directory }) => tree.list(directory),
  'list one': ({ directory }) => tree.list(directory, 'inside'),
  rename: ({ file }, opened) => opened.setInfo(Class.FileRenameInformation, rename(`${file}.2`)),
  link: ({ file }, opened) => opened.setInfo(Class.FileLinkInformation, rename(`${file}.3`)),
  'mark for deletion': set(Class.FileDispositionInformation, dispose),
  'mark a directory for deletion': async ({ file }) => {
    const directory = await tree.open(`${file}.empty`, { access: DELETE });
    const { FileDispositionInformation: disposition } = Class;
    await directory.setInfo(disposition, dispose).finally(() => directory.close());
  },
  'delete on close': ({ file }) =>
    open(`${file}.old`, { access: DELETE, options: FILE_DELETE_ON_CLOSE }),
  'remove a stream': ({ file }) =>
    open(`${file}:stream`, { access: DELETE, options: FILE_DELETE_ON_CLOSE }),
  'query security': (_, opened) => securityOf(opened),
  'set security': async (_, opened) => {
    const request = setInfoRequest(opened.fileId, SMB2_0_INFO_SECURITY, 0, descriptor);
    succeed(await tree.request(request));
  },
  'copy on the server': async ({ file }, opened) => {
    const source = await tree.open(`${file}.old`, { access: ALL });
    const key = decodeResumeKeyResponse(
      await source.ioctl(Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, { maxOutput: 64 }),
    );
    const chunk = { sourceOffset: 0, targetOffset: 0, length: 5 };
    const input = encodeSrvCopyChunkCopy(key, [chunk]);
    await opened
      .ioctl(Fsctl.FSCTL_SRV_COPYCHUNK, { input, maxOutput: 64 })
      .finally(() => source.close());
  },
  'copy by a token': async ({ file }, opened) => {
    const source = await tree.open(`${file}.large`, { access: ALL });
    try {
      const reading = {
        size: OffloadReadInput.size,
        flags: 0,
        tokenTimeToLive: 0,
        fileOffset: 0,
        copyLength: LARGE.length,
      };
      const read = await source.ioctl(Fsctl.FSCTL_OFFLOAD_READ, {
        input: OffloadReadInput.encode(reading),
        maxOutput: 1024,
      });
      const { token } = OffloadReadOutput.read(read);
      const writing = {
        size: OffloadWriteInput.size,
        flags: 0,
        fileOffset: 0,
        copyLength: LARGE.length,
        transferOffset: 0,
        token,
      };
      const input = OffloadWriteInput.encode(writing);
      await opened.ioctl(Fsctl.FSCTL_OFFLOAD_WRITE, { input, maxOutput: 64 });
    } finally {
      await source.close();
    }
  },
  'make zeros': async (_, opened) => {
    const input = FileZeroData.encode({ fileOffset: 0, beyondFinalZero: 5 });
    await opened.ioctl(Fsctl.FSCTL_SET_ZERO_DATA, { input });
  },
  'query ranges': async (_, opened) => {
    await opened.ioctl(Fsctl.FSCTL_SET_SPARSE);
    const input = FileAllocatedRange.encode({ fileOffset: 0, length: 5 });
    await opened.ioctl(Fsctl.FSCTL_QUERY_ALLOCATED_RANGES, { input, maxOutput: 64 });
  },
  'reparse point': async ({ file }) => {
    const empty = await tree.open(`${file}.reparse`, {
      access: ALL,
      options: FILE_OPEN_REPARSE_POINT,
    });
    try {
      await empty.ioctl(Fsctl.FSCTL_SET_REPARSE_POINT, { input: FIFO });
      await empty.ioctl(Fsctl.FSCTL_GET_REPARSE_POINT, { maxOutput: 64 });
      await empty.ioctl(Fsctl.FSCTL_DELETE_REPARSE_POINT, { input: FIFO });
    } finally {
      await empty.close();
    }
  },
  'symbolic link': async ({ file }) => {
    const name = `${file}.link${++links}`;
    const how = { access: ALL, options: FILE_OPEN_REPARSE_POINT };
    const made = await tree.open(name, { ...how, disposition: FILE_CREATE });
    try {
      await made.ioctl(Fsctl.FSCTL_SET_REPARSE_POINT, { input: LINK });
      await made.ioctl(Fsctl.FSCTL_GET_REPARSE_POINT, { maxOutput: 64 });
    } finally {
      await made.close();
    }
  },
  'resolve an id': async ({ file }, opened) => {
    const info = await opened.queryInfo(Class.FileInternalInformation);
    const { indexNumber: fileId } = FileInternalInformation.read(info);
    const data = encodeAppleResolveRequest({ fileId });
    const contexts = [{ name: CreateContextName.AAPL, data }];
    const root = await mac.open('', { options: FILE_DIRECTORY_FILE, contexts });
    await root.close();
    const answer = findCreateContext(root.created.createContexts, CreateContextName.AAPL)!;
    const { status, path } = decodeAppleResolveAnswer(answer);
    if (status !== STATUS_SUCCESS) throw new StatusError(Command.CREATE, status);
    assert.equal(path, file);
  },
  'own quota': () => quotas(tree, undefined),
  'all quotas': () => quotas(chief, undefined),
  'quotas of some': () => quotas(chief, [unixUserSid(1001)]),
  'quotas behind one': () => quotas(chief, undefined, unixUserSid(0)),
  'set quotas': async () => {
    const none = { changeTime: 0n, quotaUsed: 0n, quotaThreshold: 0n, quotaLimit: 0n };
    const { bytes } = encodeQuotas([{ ...none, sid: unixUserSid(1001) }], 4096);
    const stream = await chief.open(QUOTA_STREAM);
    const request = setInfoRequest(stream.fileId, SMB2_0_INFO_QUOTA, 0, bytes);
    succeed(await chief.request(request).finally(() => stream.close()));
  },
  'set default quotas': async () => {
    const { FileFsControlInformation: control } = FsInformationClass;
    const stream = await chief.open(QUOTA_STREAM);
    try {
      const bytes = await stream.queryFsInfo(control);
      const request = setInfoRequest(stream.fileId, SMB2_0_INFO_FILESYSTEM, control, bytes);
      succeed(await chief.request(request));
    } finally {
      await stream.close();
    }
  },
};

async function quotas(by: ClientTree, sids: Sid[] | undefined, startSid?: Sid): Promise<void> {
  const asked = { returnSingle: false, restartScan: true, sids, startSid };
  const input = encodeQueryQuotaInfo(asked);
  const stream = await by.open(QUOTA_STREAM);
  const request = queryInfoRequest(stream.fileId, SMB2_0_INFO_QUOTA, 0, { input });
  succeed(await by.request(request).finally(() => stream.close()));
}

async function securityOf({ fileId }: ClientFile): Promise<void> {
  const how = { additionalInformation: DACL_SECURITY_INFORMATION };
  succeed(await tree.request(queryInfoRequest(fileId, SMB2_0_INFO_SECURITY, 0, how)));
}

/** What a request may answer as well when a call fails that it has no need of; `*`: any request. */
const TOLERATED: Readonly<Record<string, Readonly<Record<string, readonly NtStatus[]>>>> = {
  // Who may do what cannot be found out: nobody may, nor is told a path, which is no matter to whoever does not ask.
  permissions: {
    '*': [STATUS_ACCESS_DENIED],
    'resolve an id': [STATUS_ACCESS_DENIED, STATUS_OBJECT_NAME_NOT_FOUND],
  },
  removable: { '*': [STATUS_ACCESS_DENIED, STATUS_SUCCESS] },
  storedSecurity: {
    '*': [STATUS_ACCESS_DENIED],
    'resolve an id': [STATUS_ACCESS_DENIED, STATUS_OBJECT_NAME_NOT_FOUND],
  },
  parentSecurity: { '*': [STATUS_ACCESS_DENIED, STATUS_SUCCESS] },
  // The close that is to delete is done; the file stays, and the log says so.
  remove: {
    'delete on close': [STATUS_SUCCESS],
    'remove a stream': [STATUS_SUCCESS],
    'mark a directory for deletion': [STATUS_SUCCESS],
  },
  // One broken file does not hide the others, as with ls(1).
  'cursor.stat': { list: [STATUS_SUCCESS], 'resolve an id': [STATUS_SUCCESS] },
  // To whoever may not read them there are none: EaSize says so.
  eas: { 'query all': [STATUS_SUCCESS] },
  // They are set; only the archive attribute could not be looked at.
  stat: {
    'set EAs': [STATUS_SUCCESS],
    // A token for what cannot be looked at is worth nothing.
    'copy by a token': [STATUS_INVALID_TOKEN],
    // Likewise the times.
    'set allocation': [STATUS_SUCCESS],
    // A listing without `..`.
    list: [STATUS_SUCCESS],
  },
  lookup: { list: [STATUS_SUCCESS] },
  // Where nobody can tell whether something would be lost nothing is replaced: it is kept beside the file.
  streams: { 'symbolic link': [STATUS_SUCCESS] },
  // It is allocated; only the times are not what they were.
  set: { 'set allocation': [STATUS_SUCCESS] },
};

let count = 0;

async function prepared(): Promise<{ where: Case; opened: ClientFile }> {
  const name = `case-${++count}`;
  const where = { file: `${name}.txt`, directory: name, tree };
  await tree.writeFile(where.file, CONTENT);
  await tree.writeFile(`${where.file}:stream`, CONTENT);
  await tree.writeFile(`${where.file}.old`, CONTENT);
  await tree.writeFile(`${where.file}.large`, LARGE);
  await tree.writeFile(`${where.file}.reparse`, Buffer.alloc(0));
  await tree.makeDirectory(name);
  await tree.makeDirectory(`${where.file}.empty`);
  await tree.writeFile(`${name}\\inside`, CONTENT);
  const opened = await tree.open(where.file, { access: ALL });
  await opened.setInfo(Class.FileFullEaInformation, eas);
  return { where, opened };
}

async function statusOf(work: () => Promise<unknown>): Promise<NtStatus> {
  try {
    await work();
    return STATUS_SUCCESS;
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  }
}

/** What a request calls when nothing fails. */
async function callsOf(act: Act): Promise<[FaultyMethod, number][]> {
  const { where, opened } = await prepared();
  calls.clear();
  await act(where, opened);
  const made = [...calls];
  await opened.close();
  return made;
}

const hex = (status: NtStatus): string => `0x${status.toString(16)}`;
const reached = new Set<FaultyMethod>();

for (const [name, act] of Object.entries(REQUESTS)) {
  test(`${name}: each of its calls fails in each way`, async () => {
    for (const [method, count] of await callsOf(act)) {
      reached.add(method);
      const { where, opened } = await prepared();
      // From the first call on, then the last one alone.
      for (const [index, [error, value, status]] of [...ERRNOS, ...ERRNOS].entries()) {
        if (index >= ERRNOS.length && count === 1) break;
        [broken, errno, from] = [method, value, index < ERRNOS.length ? 1 : count];
        calls.clear();
        const got = await statusOf(() => act(where, opened)).finally(() => {
          broken = undefined;
        });
        const excused = TOLERATED[method]?.[name] ?? TOLERATED[method]?.['*'] ?? [];
        const expected = [status, ...excused];
        assert.ok(expected.includes(got), `${method}, ${error}: ${hex(got)}`);
      }
      // The disk works again, and so does the request; nobody has anything open that he did not before.
      assert.equal(hex(await statusOf(() => act(where, opened))), hex(STATUS_SUCCESS), method);
      await opened.close();
      await (await tree.open(where.directory, { access: ALL, share: 0 })).close();
      assert.deepEqual(await tree.readFile(`${where.directory}\\inside`), CONTENT);
    }
  });
}

/** Not called by a request on a disk in memory, each with the reason. */
const UNREACHED: Readonly<Record<string, string>> = {
  cloneRange: 'its files share no blocks',
  base: 'tells what is known',
  streamName: 'likewise',
  path: 'likewise',
  toldPath: 'likewise',
  parent: 'likewise',
  takeFound: 'likewise',
  plainPermissions: 'likewise',
  posixAcls: 'it has none',
  setPosixAcls: 'likewise',
  hostLocks: 'no other program sees it',
  permitRemoval: 'tells what is known',
  exactly: 'it has no POSIX opens',
  close: 'gives back',
  adopt: 'there are no descriptors in it',
};

const methodsOf = (file: string, name: string): string[] => {
  const source = readFileSync(new URL(`../vfs/${file}`, import.meta.url), 'utf8');
  const declaration = new RegExp(`^export interface ${name}\\b.*?\\{\n(.*?)^\\}`, 'ms');
  const body = declaration.exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}(\w+)\??\(/gm)].map((match) => match[1]!);
};

test('every call of the file system was among them', () => {
  const all = [
    'attach',
    ...methodsOf('vfs.ts', 'VfsTree'),
    ...methodsOf('vfs.ts', 'VfsHandle'),
    ...['cursor.next', 'cursor.stat'],
    ...methodsOf('quotas.ts', 'VfsQuotas').map((name) => `quotas.${name}`),
  ];
  assert.ok(all.length > 45, `only ${all.length} methods were found`);
  const met: ReadonlySet<string> = reached;
  const missed = all.filter((method) => !met.has(method) && UNREACHED[method] === undefined);
  assert.deepEqual(missed, []);
});
