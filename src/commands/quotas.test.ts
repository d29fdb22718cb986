/** Quotas through the whole server: MS-SMB2 3.3.5.20.4, 3.3.5.21.4, MS-FSA 2.1.5.21, 2.1.5.22. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
  OTHER_USER,
  PASSWORD,
  SHARE,
  startServer,
  type TestServer,
  USER,
} from '../../test/support/in-process-server.ts';
import { StatusError } from '../client/client-error.ts';
import type { ClientFile } from '../client/file.ts';
import { queryInfoRequest, setInfoRequest } from '../client/requests.ts';
import type { ClientTree } from '../client/tree.ts';
import { FILE_GENERIC_READ, FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MATCH,
  STATUS_NO_MORE_ENTRIES,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_SUCCESS,
  STATUS_VOLUME_NOT_UPGRADED,
} from '../dtyp/ntstatus.ts';
import { BUILTIN_ADMINISTRATORS, type Sid, unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_SYSTEM,
} from '../fscc/attributes.ts';
import { FILE_VOLUME_QUOTAS } from '../fscc/fs-attributes.ts';
import {
  decodeFileFsAttributeInformation,
  FILE_VC_QUOTA_TRACK,
  FileFsControlInformation,
  FileFsFullSizeInformation,
} from '../fscc/fs-information.ts';
import { FsInformationClass } from '../fscc/information-class.ts';
import {
  decodeQuotas,
  encodeQuotas,
  type FileQuotaInformation,
  NO_QUOTA_LIMIT,
  QUOTA_IS_DELETED,
} from '../fscc/quota-information.ts';
import { FILE_CREATE, FILE_OPEN, FILE_OVERWRITE_IF } from '../smb2/create-options.ts';
import { SMB2_0_INFO_FILESYSTEM, SMB2_0_INFO_QUOTA } from '../smb2/info-types.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { encodeQueryQuotaInfo, type QueryQuotaInfo } from '../smb2/query-quota-info.ts';
import { isErrno } from '../vfs/errno.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';
import type { Vfs } from '../vfs/vfs.ts';

const ADMIN = 'chief';
const ANN: Sid = unixUserSid(1001);
const BOB: Sid = unixUserSid(1002);
const QUOTA_STREAM = '$Extend\\$Quota:$Q:$INDEX_ALLOCATION';
const KIB = 1024n;

const identity = (uid: number) => ({ uid, gid: uid, groups: [] });
const users = [
  { name: ADMIN, password: PASSWORD, identity: identity(0) },
  { name: USER, password: PASSWORD, identity: identity(1001) },
  { name: OTHER_USER, password: PASSWORD, identity: identity(1002) },
];

let server: TestServer;
let chief: ClientTree;
let ann: ClientTree;

async function serve(vfs: Vfs): Promise<void> {
  server = await startServer({ shares: [{ name: SHARE, vfs }], users });
  chief = await server.mount({}, { user: ADMIN });
  ann = await server.mount();
}
beforeEach(() => serve(createMemoryVfs({ quotas: true })));
afterEach(() => server.close());

const openStream = (tree: ClientTree): Promise<ClientFile> =>
  tree.open(QUOTA_STREAM, { access: FILE_GENERIC_READ, disposition: FILE_OPEN });

const ALL: QueryQuotaInfo = {
  returnSingle: false,
  restartScan: false,
  sids: undefined,
  startSid: undefined,
};

interface Asked {
  readonly status: NtStatus;
  readonly quotas: readonly FileQuotaInformation[];
}

async function ask(
  file: ClientFile,
  how: Partial<QueryQuotaInfo> = {},
  outputBytes = 4096,
): Promise<Asked> {
  const input = encodeQueryQuotaInfo({ ...ALL, ...how });
  const request = queryInfoRequest(file.fileId, SMB2_0_INFO_QUOTA, 0, { input, outputBytes });
  const { status, message } = await file.tree.request(request);
  if (status !== STATUS_SUCCESS) return { status, quotas: [] };
  return { status, quotas: decodeQuotas(decodeQueryInfoResponse(message).outputBuffer) };
}

const owners = ({ quotas }: Asked): (Sid | undefined)[] => quotas.map(({ sid }) => sid);

const limits = (sid: Sid, quotaLimit: bigint, quotaThreshold = NO_QUOTA_LIMIT) => ({
  changeTime: 0n,
  quotaUsed: 0n,
  quotaThreshold,
  quotaLimit,
  sid,
});

async function set(file: ClientFile, ...quotas: FileQuotaInformation[]): Promise<NtStatus> {
  const { bytes } = encodeQuotas(quotas, 65_536);
  const request = setInfoRequest(file.fileId, SMB2_0_INFO_QUOTA, 0, bytes);
  return (await file.tree.request(request)).status;
}

async function control(file: ClientFile): Promise<FileFsControlInformation> {
  return FileFsControlInformation.read(
    await file.queryFsInfo(FsInformationClass.FileFsControlInformation),
  );
}

const attributesOf = async (tree: ClientTree): Promise<number> => {
  const root = await tree.open('', { access: FILE_READ_ATTRIBUTES });
  const told = await root.queryFsInfo(FsInformationClass.FileFsAttributeInformation);
  await root.close();
  return decodeFileFsAttributeInformation(told).fileSystemAttributes;
};

test('the quota stream opens, by any case, for whoever has the share, and is neither made nor overwritten', async () => {
  const file = await openStream(ann);
  assert.equal(
    file.created.fileAttributes,
    FILE_ATTRIBUTE_HIDDEN |
      FILE_ATTRIBUTE_SYSTEM |
      FILE_ATTRIBUTE_DIRECTORY |
      FILE_ATTRIBUTE_ARCHIVE,
  );
  await file.close();
  await (await ann.open(QUOTA_STREAM.toLowerCase(), { disposition: FILE_OPEN })).close();
  const refused = (disposition: number, status: NtStatus) =>
    assert.rejects(ann.open(QUOTA_STREAM, { disposition }), (error: StatusError) => {
      return error.status === status;
    });
  await refused(FILE_CREATE, STATUS_OBJECT_NAME_COLLISION);
  await refused(FILE_OVERWRITE_IF, STATUS_ACCESS_DENIED);
});

test('an administrator sees what everybody takes', async () => {
  await ann.writeFile('of ann', Buffer.alloc(8192));
  const file = await openStream(chief);
  const { quotas } = await ask(file, { sids: [ANN, unixUserSid(4711)] });
  assert.deepEqual(quotas, [
    { ...limits(ANN, NO_QUOTA_LIMIT), quotaUsed: 8192n },
    limits(unixUserSid(4711), NO_QUOTA_LIMIT),
  ]);
  assert.deepEqual(owners(await ask(file)), [unixUserSid(0), ANN]);
});

test('SIDs of nobody have an entry of zeros; ReturnSingle looks at the first alone', async () => {
  const file = await openStream(chief);
  const sids: Sid[] = [BUILTIN_ADMINISTRATORS, unixGroupSid(5), ANN];
  const { quotas } = await ask(file, { sids });
  assert.deepEqual(owners({ status: 0, quotas }), [undefined, undefined, ANN]);
  assert.equal(quotas[0]!.quotaLimit, 0n);
  assert.deepEqual(owners(await ask(file, { sids: [ANN, BOB], returnSingle: true })), [ANN]);
});

test('a list goes on where the last answer ended, begins anew, or behind a SID', async () => {
  const file = await openStream(chief);
  await set(file, limits(ANN, 100n * KIB), limits(BOB, 200n * KIB));
  const root = unixUserSid(0);
  assert.deepEqual(owners(await ask(file, { returnSingle: true })), [root]);
  assert.deepEqual(owners(await ask(file, {}, 60)), [ANN], 'room for one');
  assert.deepEqual(owners(await ask(file)), [BOB]);
  assert.equal((await ask(file)).status, STATUS_NO_MORE_ENTRIES);
  assert.deepEqual(owners(await ask(file, { restartScan: true })), [root, ANN, BOB]);
  assert.deepEqual(owners(await ask(file, { startSid: ANN })), [BOB]);
  assert.equal((await ask(file, { startSid: unixGroupSid(1) })).status, STATUS_INVALID_PARAMETER);
  const other = await openStream(chief);
  assert.deepEqual(owners(await ask(other)), [root, ANN, BOB], 'each open has its place');
});

test('too small a buffer has no entry, and the place stays', async () => {
  const file = await openStream(chief);
  assert.equal((await ask(file, {}, 20)).status, STATUS_BUFFER_TOO_SMALL);
  assert.equal((await ask(file, { sids: [ANN, BOB] }, 60)).status, STATUS_BUFFER_TOO_SMALL);
  assert.deepEqual(owners(await ask(file)), [unixUserSid(0)]);
});

test('limits are set, and taken away by -1 and by -2', async () => {
  const file = await openStream(chief);
  assert.equal(await set(file, limits(ANN, 100n * KIB, 80n * KIB)), STATUS_SUCCESS);
  const now = async () => (await ask(file, { sids: [ANN] })).quotas[0];
  assert.deepEqual(await now(), limits(ANN, 100n * KIB, 80n * KIB));
  assert.equal(await set(file, limits(ANN, NO_QUOTA_LIMIT, 80n * KIB)), STATUS_SUCCESS);
  assert.deepEqual(await now(), limits(ANN, NO_QUOTA_LIMIT, 80n * KIB));
  assert.equal(await set(file, limits(ANN, QUOTA_IS_DELETED)), STATUS_SUCCESS);
  assert.deepEqual(await now(), limits(ANN, NO_QUOTA_LIMIT));
  const nobody = unixGroupSid(7);
  assert.equal(await set(file, limits(nobody, QUOTA_IS_DELETED)), STATUS_NO_MATCH);
  assert.equal(await set(file, limits(nobody, 5n)), STATUS_INVALID_PARAMETER);
  assert.equal(await set(file, limits(BUILTIN_ADMINISTRATORS, 5n)), STATUS_ACCESS_DENIED);
  assert.equal(await set(file, limits(BUILTIN_ADMINISTRATORS, NO_QUOTA_LIMIT)), STATUS_SUCCESS);
});

test('others see their own and set nothing', async () => {
  const admin = await openStream(chief);
  await set(admin, limits(ANN, 100n * KIB), limits(BOB, 200n * KIB));
  const file = await openStream(ann);
  assert.deepEqual((await ask(file)).quotas, [limits(ANN, 100n * KIB)]);
  assert.equal((await ask(file)).status, STATUS_NO_MORE_ENTRIES);
  assert.deepEqual(owners(await ask(file, { sids: [ANN] })), [ANN]);
  assert.equal((await ask(file, { sids: [ANN, BOB] })).status, STATUS_ACCESS_DENIED);
  assert.equal(await set(file, limits(ANN, NO_QUOTA_LIMIT)), STATUS_ACCESS_DENIED);
  const wanted = FileFsControlInformation.encode({
    ...(await control(file)),
    defaultQuotaLimit: 1n,
  });
  const request = setInfoRequest(
    file.fileId,
    SMB2_0_INFO_FILESYSTEM,
    FsInformationClass.FileFsControlInformation,
    wanted,
  );
  assert.equal((await ann.request(request)).status, STATUS_ACCESS_DENIED);
});

test('any open of the volume answers as the quota stream does', async () => {
  await ann.writeFile('file', Buffer.alloc(4096));
  const file = await ann.open('file');
  assert.deepEqual(owners(await ask(file)), [ANN]);
});

test('FileFsControlInformation: whether quotas are kept, and the limits of who has none', async () => {
  const file = await openStream(chief);
  const before = await control(file);
  assert.equal(before.fileSystemControlFlags, FILE_VC_QUOTA_TRACK);
  assert.equal(before.defaultQuotaLimit, NO_QUOTA_LIMIT);
  const wanted = { ...before, defaultQuotaThreshold: 5n * KIB, defaultQuotaLimit: 6n * KIB };
  const setControl = (bytes: Buffer) =>
    chief.request(
      setInfoRequest(
        file.fileId,
        SMB2_0_INFO_FILESYSTEM,
        FsInformationClass.FileFsControlInformation,
        bytes,
      ),
    );
  const encoded = FileFsControlInformation.encode(wanted);
  assert.equal((await setControl(encoded)).status, STATUS_SUCCESS);
  assert.deepEqual(await control(file), wanted);
  assert.deepEqual((await ask(file, { sids: [BOB] })).quotas, [limits(BOB, 6n * KIB, 5n * KIB)]);
  assert.equal((await setControl(encoded.subarray(0, 47))).status, STATUS_INFO_LENGTH_MISMATCH);
  assert.equal((await attributesOf(ann)) & FILE_VOLUME_QUOTAS, FILE_VOLUME_QUOTAS);
});

test('what is no structure is INVALID_PARAMETER', async () => {
  const file = await openStream(chief);
  const query = (input: Buffer) =>
    chief.request(queryInfoRequest(file.fileId, SMB2_0_INFO_QUOTA, 0, { input }));
  const whole = encodeQueryQuotaInfo({ ...ALL, sids: [ANN] });
  for (let length = 0; length < whole.length; length++) {
    const { status } = await query(whole.subarray(0, length));
    assert.equal(status, STATUS_INVALID_PARAMETER, `${length} bytes`);
  }
  const bytes = encodeQuotas([limits(ANN, 5n)], 4096).bytes;
  const request = setInfoRequest(file.fileId, SMB2_0_INFO_QUOTA, 0, bytes.subarray(0, 44));
  assert.equal((await chief.request(request)).status, STATUS_INVALID_PARAMETER);
});

test('the quota stream is nothing else: no data, no listing, no name, no locks, no changes', async () => {
  const stream = await chief.open(QUOTA_STREAM, { disposition: FILE_OPEN });
  const refused = async (work: Promise<unknown>) =>
    assert.rejects(work, (error: unknown) => error instanceof StatusError);
  await refused(stream.read(0, 10));
  await refused(stream.write(0, Buffer.from('x')));
  await refused(stream.listAll());
  await refused(stream.lock([{ offset: 0n, length: 1n, flags: 1 }]));
  for (let level = 1; level < 80; level++) {
    await refused(stream.queryInfo(level));
    await refused(stream.setInfo(level, Buffer.alloc(104)));
  }
  await stream.flush();
  await stream.close();
});

test('a share whose file system keeps none says so, and knows no such stream', async () => {
  await server.close();
  await serve(createMemoryVfs());
  await assert.rejects(openStream(chief), (error: StatusError) => {
    return error.status === STATUS_INVALID_PARAMETER;
  });
  const root = await chief.open('', { access: FILE_READ_ATTRIBUTES });
  assert.equal((await ask(root)).status, STATUS_NOT_SUPPORTED);
  assert.equal(await set(root, limits(ANN, 5n)), STATUS_NOT_SUPPORTED);
  const told = await control(root);
  assert.equal(told.fileSystemControlFlags, 0);
  const request = setInfoRequest(
    root.fileId,
    SMB2_0_INFO_FILESYSTEM,
    FsInformationClass.FileFsControlInformation,
    FileFsControlInformation.encode(told),
  );
  assert.equal((await chief.request(request)).status, STATUS_VOLUME_NOT_UPGRADED);
  assert.equal((await attributesOf(ann)) & FILE_VOLUME_QUOTAS, 0);
});

test('sizes are those of the quota where it is less than the disk', async () => {
  await server.close();
  const inner = createMemoryVfs();
  await serve({
    features: inner.features,
    close: () => inner.close(),
    attach: async (user) => {
      const tree = await inner.attach(user);
      if (isErrno(tree)) return tree;
      const disk = await tree.volume();
      assert.ok(!isErrno(disk));
      const limited = { ...disk, limitBytes: 1 << 20, availableBytes: 1 << 19 };
      return {
        lookup: (path, reads) => tree.lookup(path, reads),
        create: (path, what) => tree.create(path, what),
        volume: () => limited,
        close: () => tree.close(),
      };
    },
  });
  const root = await ann.open('', { access: FILE_READ_ATTRIBUTES });
  const size = FileFsFullSizeInformation.read(
    await root.queryFsInfo(FsInformationClass.FileFsFullSizeInformation),
  );
  const unit = size.sectorsPerAllocationUnit * size.bytesPerSector;
  assert.equal(size.totalAllocationUnits * unit, 1 << 20);
  assert.equal(size.callerAvailableAllocationUnits * unit, 1 << 19);
  assert.ok(size.actualAvailableAllocationUnits * unit > 1 << 20);
});
