/** Apple's extensions: what macOS learns from AAPL, and the listings that it gets then. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { queryDirectoryRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
  SYNCHRONIZE,
} from '../../src/dtyp/access-mask.ts';
import {
  STATUS_END_OF_FILE,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { decodeAppleAttributes, decodeDirectory } from '../../src/fscc/directory-information.ts';
import { FileInternalInformation } from '../../src/fscc/file-information.ts';
import { FileFsSizeInformation } from '../../src/fscc/fs-information.ts';
import {
  FileInformationClass as Class,
  FsInformationClass as FsClass,
} from '../../src/fscc/information-class.ts';
import { AppleCapability, encodeAppleServerQuery } from '../../src/smb2/apple.ts';
import { decodeQueryOnDiskIdResponse } from '../../src/smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../../src/smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeQueryDirectoryResponse } from '../../src/smb2/query-directory.ts';
import { appleQuery, macos15, win11 } from './personas.ts';
import { assertStatus, LENIENT, opening, openStage } from './stage.ts';

const stage = await openStage();
const BOTH = Class.FileIdBothDirectoryInformation;
const CLIENT = 0x3fn;
const READING = { access: FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | SYNCHRONIZE };

async function ask(tree: ClientTree, data: Buffer): Promise<Buffer | undefined> {
  const contexts = [{ name: CreateContextName.AAPL, data }];
  const root = await tree.open('', { ...READING, contexts, options: FILE_DIRECTORY_FILE });
  await root.close();
  return findCreateContext(root.created.createContexts, CreateContextName.AAPL);
}

/** Of a client that knows READ_DIR_ATTR_V2: that, and not READ_DIR_ATTR. */
const SERVER = '1c00000000000000';
const VOLUME = '0400000000000000';
const MODEL = '000000000c000000580073006500720076006500' + '00000000';
const ANSWERS = [
  '',
  SERVER,
  VOLUME,
  SERVER + VOLUME,
  MODEL,
  SERVER + MODEL,
  VOLUME + MODEL,
  SERVER + VOLUME + MODEL,
];

test('A23 AAPL: each question its exact answer, on a second share, after a new connection', async () => {
  for (let round = 0; round < 2; round++) {
    const tree = await stage.enter(macos15);
    for (const [bits, expected] of ANSWERS.entries()) {
      const data = encodeAppleServerQuery({
        requestBitmap: BigInt(bits),
        clientCapabilities: CLIENT,
      });
      const answer = await ask(tree, data);
      const head = `0100000000000000${bits.toString(16).padStart(2, '0')}00000000000000`;
      assert.equal(answer?.toString('hex'), head + expected, `bitmap ${bits}`);
    }
    await tree.session.logoff();
  }
});

test('A23 AAPL that does not parse is refused, and no file is made', async () => {
  const tree = await stage.enter(macos15);
  const unknown = Buffer.from(appleQuery.data);
  unknown.writeUInt32LE(3, 0);
  const longer = Buffer.from(appleQuery.data);
  longer.writeUInt32LE(2, 0);
  for (const data of [Buffer.alloc(0), Buffer.alloc(16), Buffer.alloc(25), unknown, longer]) {
    const contexts = [{ name: CreateContextName.AAPL, data }];
    const answer = await tree.request(opening(macos15, 'unmade', { contexts, disposition: 2 }));
    assertStatus(answer, STATUS_INVALID_PARAMETER, data.toString('hex'));
  }
  assert.equal(await exists(tree, 'unmade'), false);
});

async function exists(tree: ClientTree, name: string): Promise<boolean> {
  const { status } = await tree.request(opening(macos15, name, { contexts: [] }));
  return status === STATUS_SUCCESS;
}

/** "AFP", version 1.0, and in FinderInfo type, creator, flags, the day it was added, extended flags. */
function afpInfo(): Buffer {
  const info = Buffer.alloc(60);
  info.write('AFP\0', 0, 'latin1');
  info.writeUInt32BE(0x0001_0000, 4);
  info.write('TEXTttxt', 16, 'latin1');
  info.writeUInt16BE(0x0400, 24);
  info.writeUInt32BE(0x6543_2100, 36);
  info.writeUInt16BE(0x8001, 40);
  return info;
}

async function browse(tree: ClientTree, folder: string) {
  const directory = await tree.open(folder, { ...READING, options: FILE_DIRECTORY_FILE });
  const answer = await tree.request(queryDirectoryRequest(directory.fileId, BOTH));
  assertStatus(answer, STATUS_SUCCESS);
  const bytes = decodeQueryDirectoryResponse(answer.message).outputBuffer;
  await directory.close();
  return { bytes, names: nameAndId(bytes) };
}

/** Of what may not be taken for an entry's: only names and ids are where they were. */
function nameAndId(bytes: Buffer) {
  const plain = Buffer.from(bytes);
  for (let at = 0, next = -1; next !== 0; at += next) {
    next = plain.readUInt32LE(at);
    plain.fill(0, at + 68, at + 96);
  }
  return decodeDirectory(BOTH, plain).map(({ name, fileId }) => ({ name, fileId }));
}

test('A24 READ_DIR_ATTR: a listing holds what each entry would be opened for', async () => {
  const tree = await stage.enter(macos15);
  await tree.makeDirectory('finder');
  await tree.makeDirectory('finder\\folder');
  await tree.writeFile('finder\\letter', Buffer.from('Dear'));
  await tree.writeFile('finder\\letter:AFP_AfpInfo', afpInfo());
  await tree.writeFile('finder\\letter:AFP_Resource', Buffer.alloc(300));
  await ask(tree, appleQuery.data);
  const { bytes, names } = await browse(tree, 'finder');
  assert.deepEqual(
    names.map(({ name }) => name),
    ['.', '..', 'folder', 'letter'],
  );
  const [dot, , folder, letter] = names.map((_, index) => decodeAppleAttributes(bytes, index));
  assert.equal(letter!.resourceForkBytes, 300);
  assert.equal(
    letter!.finderInfo.toString('hex'),
    '5445585474747874' + '0400' + '8001' + '65432100',
  );
  assert.equal(letter!.mode & 0o170000, 0o100000);
  assert.equal(folder!.mode & 0o170000, 0o040000);
  assert.equal(folder!.resourceForkBytes, 0);
  for (const entry of [dot!, folder!, letter!]) assert.notEqual(entry.maximalAccess & 0x89, 0);
});

test('A24 without the question, or the capability, a listing is as it was', async () => {
  const plain = await stage.enter(win11);
  await plain.makeDirectory('plain');
  await plain.writeFile('plain\\a:AFP_Resource', Buffer.alloc(10));
  const requestBitmap = 7n;
  const { READ_DIR_ATTR, READ_DIR_ATTR_V2 } = AppleCapability;
  const clientCapabilities = CLIENT & ~(READ_DIR_ATTR | READ_DIR_ATTR_V2);
  const modest = await stage.enter(macos15);
  await ask(modest, encodeAppleServerQuery({ requestBitmap, clientCapabilities }));
  for (const tree of [plain, modest]) {
    const { bytes } = await browse(tree, 'plain');
    const entry = decodeDirectory(BOTH, bytes).at(-1)!;
    assert.deepEqual([entry.name, entry.eaSize, entry.shortName], ['a', 0, '']);
  }
});

test('A24 READ_DIR_ATTR_V2: what has no streams is asked for none; an older client reads what it knows', async () => {
  const mac = await stage.enter(macos15);
  await mac.makeDirectory('tagged');
  await mac.makeDirectory('tagged\\bare');
  await mac.writeFile('tagged\\fork:AFP_Resource', Buffer.alloc(10));
  await mac.writeFile('tagged\\tag:com.apple.metadata\uf022_kMDItemUserTags', Buffer.from('red'));
  await mac.writeFile('tagged\\text', Buffer.from('text'));
  const older = await stage.enter(macos15);
  const { READ_DIR_ATTR } = AppleCapability;
  const ofOlder = encodeAppleServerQuery({ requestBitmap: 7n, clientCapabilities: READ_DIR_ATTR });
  for (const [tree, question, caps, bare, others] of [
    [mac, appleQuery.data, 0x1cn, 1, 0],
    [older, ofOlder, 0xdn, 24, 24],
  ] as const) {
    assert.equal((await ask(tree, question))!.readBigUInt64LE(16), caps);
    const { bytes, names } = await browse(tree, 'tagged');
    const flags = names.map(({ name }, i) => [name, decodeAppleAttributes(bytes, i).flags]);
    assert.deepEqual(flags.slice(2), [
      ['bare', bare],
      ['fork', others],
      ['tag', others],
      ['text', bare],
    ]);
  }
});

test('A24 file ids are 0 for a client that asked AAPL, everywhere, and others have theirs', async () => {
  const mac = await stage.enter(macos15);
  const windows = await stage.enter(win11);
  await mac.makeDirectory('ids');
  await mac.writeFile('ids\\a', Buffer.from('a'));
  await ask(mac, appleQuery.data);
  for (const [tree, isZero] of [
    [mac, true],
    [windows, false],
  ] as const) {
    const file = await tree.open('ids\\a', {
      contexts: [{ name: CreateContextName.QUERY_ON_DISK_ID, data: Buffer.alloc(0) }],
    });
    const { createContexts } = file.created;
    const onDisk = findCreateContext(createContexts, CreateContextName.QUERY_ON_DISK_ID)!;
    const internal = await file.queryInfo(Class.FileInternalInformation);
    const told = [
      decodeQueryOnDiskIdResponse(onDisk).diskFileId,
      FileInternalInformation.read(internal).indexNumber,
      (await browse(tree, 'ids')).names.at(-1)!.fileId,
    ];
    assert.deepEqual(
      told.map((id) => id === 0n),
      [isZero, isZero, isZero],
    );
    await file.close();
  }
});

const withIds = await openStage({ share: { appleZeroFileIds: false } });

test('A24 fruit:zero_file_id = no: they have the ids of all', async () => {
  const tree = await withIds.enter(macos15);
  await tree.writeFile('a', Buffer.from('a'));
  await ask(tree, appleQuery.data);
  const { names } = await browse(tree, '');
  assert.notEqual(names.at(-1)!.fileId, 0n);
});

const backups = await openStage({ share: { timeMachine: true, timeMachineMaxSize: 1 << 20 } });

async function freeBytes(tree: ClientTree): Promise<readonly [total: number, free: number]> {
  const root = await tree.open('', { ...READING, options: FILE_DIRECTORY_FILE });
  const size = FileFsSizeInformation.read(await root.queryFsInfo(FsClass.FileFsSizeInformation));
  await root.close();
  const unit = size.sectorsPerAllocationUnit * size.bytesPerSector;
  return [size.totalAllocationUnits * unit, size.availableAllocationUnits * unit];
}

test('C16 a disk for Time Machine is as large as its limit, less the bands of its images', async () => {
  const tree = await backups.enter(macos15);
  const plist = '<dict>\n <key>band-size</key>\n <integer>65536</integer>\n</dict>';
  await tree.makeDirectory('Mac.sparsebundle');
  await tree.makeDirectory('Mac.sparsebundle\\bands');
  await tree.writeFile('Mac.sparsebundle\\Info.plist', Buffer.from(plist));
  await tree.makeDirectory('notes');
  await tree.writeFile('notes\\Info.plist', Buffer.from(plist));
  for (let i = 0; i < 3; i++)
    await tree.writeFile(`Mac.sparsebundle\\bands\\${i}`, Buffer.from('b'));
  assert.deepEqual(await freeBytes(tree), [1 << 20, (1 << 20) - 3 * 65_536]);
  // A few bands are counted whenever it is asked.
  await tree.writeFile('Mac.sparsebundle\\bands\\3', Buffer.from('b'));
  assert.deepEqual(await freeBytes(tree), [1 << 20, (1 << 20) - 4 * 65_536]);
});

const copying = await openStage({ global: { ...LENIENT, appleCopyFile: true } });

test('A23 OSX_COPYFILE: a copy without chunks is of the whole file, streams too; without AAPL of nothing', async () => {
  for (const [tree, name, isWhole] of [
    [await copying.enter(macos15), 'whole', true],
    [await copying.enter(win11), 'nothing', false],
    [await stage.enter(macos15), 'off', false],
  ] as const) {
    if (name !== 'nothing') {
      const caps = (await ask(tree, appleQuery.data))!.readBigUInt64LE(16);
      assert.equal((caps & AppleCapability.OSX_COPYFILE) !== 0n, isWhole);
    }
    const content = randomBytes(3_000_000);
    await tree.writeFile('original', content);
    await tree.writeFile('original:AFP_Resource', Buffer.alloc(1000, 'r'));
    await tree.writeFile('original:AFP_AfpInfo', afpInfo());
    await tree.writeFile(name, Buffer.alloc(0));
    const from = await tree.open('original', { access: FILE_GENERIC_READ });
    const to = await tree.open(name, { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE });
    const key = await from.ioctl(Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, { maxOutput: 32 });
    const input = Buffer.concat([key.subarray(0, 24), Buffer.alloc(8)]);
    const done = await to.ioctl(Fsctl.FSCTL_SRV_COPYCHUNK, { input, maxOutput: 12 });
    assert.equal(done.toString('hex', 0, 8), '0000000000000000');
    assert.equal(done.readUInt32LE(8), isWhole ? content.length : 0);
    await from.close();
    await to.close();
    assert.ok((await tree.readFile(name)).equals(isWhole ? content : Buffer.alloc(0)));
    if (!isWhole) continue;
    assert.deepEqual(await tree.readFile(`${name}:AFP_Resource`), Buffer.alloc(1000, 'r'));
    const info = await tree.open(`${name}:AFP_AfpInfo`, { access: FILE_GENERIC_READ });
    assert.deepEqual(await info.read(0, 60), afpInfo());
    await info.close();
  }
});

test("a stream of Apple's name is bytes to Windows, and to macOS only where it is one of Apple's", async () => {
  const windows = await stage.enter(win11);
  const mac = await stage.enter(macos15);
  await ask(mac, appleQuery.data);
  const info = 'carried:AFP_AfpInfo';
  await windows.writeFile('carried', Buffer.from('x'));
  await windows.writeFile(info, Buffer.from('foo'));
  assert.equal((await windows.readFile(info)).toString(), 'foo');
  const answer = await mac.request(opening(macos15, info, { disposition: FILE_OPEN }));
  assertStatus(answer, STATUS_OBJECT_NAME_NOT_FOUND);
  await windows.writeFile(info, afpInfo());
  const seen = await mac.open(info, { access: FILE_GENERIC_READ });
  assert.deepEqual(await seen.read(60, 60), afpInfo());
  await seen.close();
  // A copy by reading to the end finds the end.
  const file = await windows.open(info, { access: FILE_GENERIC_READ });
  assert.deepEqual(await file.read(0, 100), afpInfo());
  await assert.rejects(file.read(60, 60), { status: STATUS_END_OF_FILE });
  await file.close();
});
