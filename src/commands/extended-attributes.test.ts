/** Extended attributes as a client sets and reads them. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startServer } from '../../test/support/in-process-server.ts';
import type { ClientRequest } from '../client/exchange.ts';
import type { ClientFile } from '../client/file.ts';
import {
  createRequest,
  type QueryInfoOptions,
  queryInfoRequest,
  setInfoRequest,
} from '../client/requests.ts';
import {
  DELETE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_EA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  FILE_WRITE_EA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_EA_LIST_INCONSISTENT,
  STATUS_EA_TOO_LARGE,
  STATUS_EAS_NOT_SUPPORTED,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_EA_NAME,
  STATUS_NO_EAS_ON_FILE,
  STATUS_NO_MORE_EAS,
  STATUS_NONEXISTENT_EA_ENTRY,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_HIDDEN } from '../fscc/attributes.ts';
import {
  decodeFullEas,
  encodeFullEas,
  encodeGetEas,
  FILE_NEED_EA,
  type FullEa,
} from '../fscc/extended-attributes.ts';
import {
  decodeFileAllInformation,
  FileBasicInformation,
  FileEaInformation,
} from '../fscc/file-information.ts';
import { FILE_SUPPORTS_EXTENDED_ATTRIBUTES } from '../fscc/fs-attributes.ts';
import { decodeFileFsAttributeInformation } from '../fscc/fs-information.ts';
import { FileInformationClass as Class, FsInformationClass } from '../fscc/information-class.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_NO_EA_KNOWLEDGE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_SUPERSEDE,
} from '../smb2/create-options.ts';
import {
  SL_INDEX_SPECIFIED,
  SL_RESTART_SCAN,
  SL_RETURN_SINGLE_ENTRY,
  SMB2_0_INFO_FILE,
} from '../smb2/info-types.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const server = await startServer();
after(() => server.close());
const tree = await server.mount();

const ACCESS =
  FILE_READ_EA |
  FILE_WRITE_EA |
  FILE_READ_ATTRIBUTES |
  FILE_WRITE_ATTRIBUTES |
  FILE_WRITE_DATA |
  DELETE;

const ea = (name: string, value: string, flags = 0): FullEa => ({
  name,
  value: Buffer.from(value),
  flags,
});
const full = (...eas: FullEa[]): Buffer => encodeFullEas(eas).bytes;
const carrying = (data: Buffer) => [{ name: CreateContextName.EA_BUFFER, data }];

/** Statuses are compared as they are: some refusals are warnings (0x8…), which are no errors to a client. */
async function refuses(request: ClientRequest, status: NtStatus, on = tree): Promise<void> {
  assert.equal((await on.request(request)).status, status);
}

let files = 0;
const create = (how: Parameters<typeof tree.open>[1] = {}, name = `f${files++}`) =>
  tree.open(name, { access: ACCESS, disposition: FILE_CREATE, ...how });

/** `name=value` of each, or the status. */
async function ask(file: ClientFile, how: QueryInfoOptions = {}): Promise<string[] | NtStatus> {
  const { FileFullEaInformation } = Class;
  const request = queryInfoRequest(file.fileId, SMB2_0_INFO_FILE, FileFullEaInformation, how);
  const { status, message } = await tree.request(request);
  if (status !== STATUS_SUCCESS && status !== STATUS_BUFFER_OVERFLOW) return status;
  const { outputBuffer } = decodeQueryInfoResponse(message);
  return decodeFullEas(outputBuffer).map(({ name, value }) => `${name}=${value}`);
}

const setting = (file: ClientFile, buffer: Buffer) =>
  setInfoRequest(file.fileId, SMB2_0_INFO_FILE, Class.FileFullEaInformation, buffer);

const set = (file: ClientFile, ...eas: FullEa[]) =>
  file.setInfo(Class.FileFullEaInformation, full(...eas));

test('a CREATE brings them for files and directories, and its sizes tell', async () => {
  const contexts = carrying(full(ea('EAONE', 'VALUE1'), ea('SECONDEA', 'ValueTwo')));
  for (const options of [0, FILE_DIRECTORY_FILE]) {
    const file = await create({ contexts, options });
    assert.deepEqual(await ask(file), ['EAONE=VALUE1', 'SECONDEA=ValueTwo']);
    const { eaSize } = FileEaInformation.read(await file.queryInfo(Class.FileEaInformation));
    assert.equal(eaSize, 4 + 16 + 21);
    const all = decodeFileAllInformation(await file.queryInfo(Class.FileAllInformation));
    assert.equal(all.eaSize, eaSize);
    await file.close();
  }
  const none = await create();
  assert.equal(FileEaInformation.read(await none.queryInfo(Class.FileEaInformation)).eaSize, 0);
  assert.equal(await ask(none), STATUS_NO_EAS_ON_FILE);
});

test('each disposition, on a file that has some', async () => {
  const contexts = carrying(full(ea('NEW', '2'), ea('both', '2')));
  const expected = new Map([
    [FILE_OPEN, ['OLD=1', 'Both=1']],
    [FILE_OPEN_IF, ['OLD=1', 'Both=1']],
    [FILE_OVERWRITE, ['Both=2', 'NEW=2']],
    [FILE_OVERWRITE_IF, ['Both=2', 'NEW=2']],
    [FILE_SUPERSEDE, ['Both=2', 'NEW=2']],
  ]);
  for (const [disposition, eas] of expected) {
    const name = `d${disposition}`;
    const first = await create({ contexts: carrying(full(ea('OLD', '1'), ea('Both', '1'))) }, name);
    await first.close();
    const again = await tree.open(name, { access: ACCESS, disposition, contexts });
    assert.deepEqual(await ask(again), eas);
    await again.close();
  }
  const emptied = await tree.open(`d${FILE_SUPERSEDE}`, {
    access: ACCESS,
    disposition: FILE_OVERWRITE_IF,
  });
  assert.equal(await ask(emptied), STATUS_NO_EAS_ON_FILE);
});

test('a CREATE whose attributes are refused makes nothing and changes nothing', async () => {
  const cut = full(ea('A', '1')).subarray(0, -1);
  const large = [0, 1].map((n) => ea(`L${n}`, 'x'.repeat(33_000)));
  const refusals: readonly [Buffer, NtStatus][] = [
    [cut, STATUS_EA_LIST_INCONSISTENT],
    [full(ea('a:b', '1')), STATUS_INVALID_EA_NAME],
    [full(ea('A', '1', 0x01)), STATUS_INVALID_EA_NAME],
    [full(ea('x'.repeat(251), '1')), STATUS_INVALID_EA_NAME],
    [full(ea('DOSATTRIB', '1')), STATUS_ACCESS_DENIED],
    [full(...large), STATUS_EA_TOO_LARGE],
  ];
  const old = await create({ contexts: carrying(full(ea('OLD', '1'))) }, 'kept');
  await old.write(0, Buffer.from('content'));
  for (const [data, status] of refusals) {
    const contexts = carrying(data);
    const how = { access: ACCESS, contexts };
    await refuses(createRequest('refused', { ...how, disposition: FILE_CREATE }), status);
    await refuses(createRequest('refused'), STATUS_OBJECT_NAME_NOT_FOUND);
    await refuses(createRequest('kept', { ...how, disposition: FILE_OVERWRITE }), status);
  }
  assert.deepEqual(await ask(old), ['OLD=1']);
  assert.equal((await tree.readFile('kept')).toString(), 'content');
});

test('FILE_NO_EA_KNOWLEDGE and attributes exclude each other', async () => {
  const options = FILE_NO_EA_KNOWLEDGE;
  const contexts = carrying(full(ea('A', '1')));
  const how = { access: ACCESS, disposition: FILE_CREATE, contexts, options };
  await refuses(createRequest('knows none', how), STATUS_ACCESS_DENIED);
  await (await create({ options })).close();
});

test('SET_INFO sets, replaces and removes, all or nothing', async () => {
  const file = await create();
  await set(file, ea('One', '1', FILE_NEED_EA), ea('Two', '2'), ea('Three', '3'));
  await set(file, ea('TWO', 'two'), ea('one', ''), ea('missing', ''));
  assert.deepEqual(await ask(file), ['Two=two', 'Three=3']);
  await refuses(setting(file, full(ea('Two', 'x'), ea('a*b', '1'))), STATUS_INVALID_EA_NAME);
  await refuses(setting(file, full(ea('Two', 'x'), ea('DosStream.x', '1'))), STATUS_ACCESS_DENIED);
  await refuses(
    setting(file, full(ea('Two', 'x'), ea('L', 'x'.repeat(65_535)))),
    STATUS_EA_TOO_LARGE,
  );
  const cut = full(ea('Two', 'x'), ea('B', '1')).subarray(0, -1);
  await refuses(setting(file, cut), STATUS_EA_LIST_INCONSISTENT);
  assert.deepEqual(await ask(file, { flags: SL_RESTART_SCAN }), ['Two=two', 'Three=3']);
});

test('setting sets FILE_ATTRIBUTE_ARCHIVE and keeps the other attributes', async () => {
  const file = await create();
  const times = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };
  const hidden = FileBasicInformation.encode({ ...times, fileAttributes: FILE_ATTRIBUTE_HIDDEN });
  await file.setInfo(Class.FileBasicInformation, hidden);
  await set(file, ea('A', '1'));
  const basic = FileBasicInformation.read(await file.queryInfo(Class.FileBasicInformation));
  assert.equal(basic.fileAttributes, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE);
});

test('an enumeration goes on where it stood, each open for itself', async () => {
  const file = await create({ contexts: carrying(full(ea('A', '1'), ea('B', '2'), ea('C', '3'))) });
  const other = await tree.open(file.name, { access: ACCESS });
  const entry = 8 + 2 + 1;
  assert.deepEqual(await ask(file, { outputBytes: entry }), ['A=1']);
  assert.equal(await ask(file, { outputBytes: entry - 1 }), STATUS_BUFFER_TOO_SMALL);
  assert.deepEqual(await ask(file, { flags: SL_RETURN_SINGLE_ENTRY }), ['B=2']);
  assert.deepEqual(await ask(file), ['C=3']);
  assert.equal(await ask(file), STATUS_NO_MORE_EAS);
  assert.deepEqual(await ask(other), ['A=1', 'B=2', 'C=3']);
  assert.deepEqual(await ask(file, { flags: SL_RESTART_SCAN }), ['A=1', 'B=2', 'C=3']);
  assert.equal(await ask(file, { outputBytes: 7 }), STATUS_INFO_LENGTH_MISMATCH);
});

test('what does not fit is STATUS_BUFFER_OVERFLOW with whole entries', async () => {
  const file = await create({ contexts: carrying(full(ea('A', '1'), ea('B', '2'))) });
  const { FileFullEaInformation } = Class;
  const request = queryInfoRequest(file.fileId, SMB2_0_INFO_FILE, FileFullEaInformation, {
    outputBytes: 12 + 10,
  });
  const { status, message } = await tree.request(request);
  assert.equal(status, STATUS_BUFFER_OVERFLOW);
  const { outputBuffer } = decodeQueryInfoResponse(message);
  assert.deepEqual(decodeFullEas(outputBuffer), [ea('A', '1')]);
});

test('by index, from 1, without moving the enumeration', async () => {
  const file = await create({ contexts: carrying(full(ea('A', '1'), ea('B', '2'))) });
  const index = (additionalInformation: number, flags = 0) =>
    ask(file, { additionalInformation, flags: SL_INDEX_SPECIFIED | SL_RESTART_SCAN | flags });
  assert.deepEqual(await ask(file, { flags: SL_RETURN_SINGLE_ENTRY }), ['A=1']);
  assert.deepEqual(await index(1), ['A=1', 'B=2']);
  assert.deepEqual(await index(2), ['B=2']);
  assert.deepEqual(await index(1, SL_RETURN_SINGLE_ENTRY), ['A=1']);
  for (const wrong of [0, 3, 0xffff_ffff]) {
    assert.equal(await index(wrong), STATUS_NONEXISTENT_EA_ENTRY);
  }
  assert.deepEqual(await ask(file), ['B=2']);
});

test('by name: each once, those that are missing without a value', async () => {
  const file = await create({ contexts: carrying(full(ea('Color', 'blue'), ea('B', '2'))) });
  const named = (...names: string[]) => ask(file, { input: encodeGetEas(names) });
  assert.deepEqual(await named('b', 'missing', 'COLOR', 'B'), ['B=2', 'missing=', 'Color=blue']);
  assert.equal(await named('a/b'), STATUS_INVALID_EA_NAME);
  assert.equal(await ask(file, { input: Buffer.alloc(3) }), STATUS_EA_LIST_INCONSISTENT);
  assert.deepEqual(await ask(file), ['Color=blue', 'B=2']);
});

test('the rights that the open needs', async () => {
  const contexts = carrying(full(ea('A', '1')));
  const blind = await create({ contexts, access: FILE_WRITE_EA | FILE_READ_ATTRIBUTES });
  assert.equal(await ask(blind), STATUS_ACCESS_DENIED);
  const reading = await tree.open(blind.name, { access: FILE_READ_EA });
  await refuses(setting(reading, full(ea('A', '2'))), STATUS_ACCESS_DENIED);
  assert.deepEqual(await ask(reading), ['A=1']);
});

test('the file system says whether it has them; one without refuses them', async () => {
  const flags = async (file: ClientFile) => {
    const answer = await file.queryFsInfo(FsInformationClass.FileFsAttributeInformation);
    return decodeFileFsAttributeInformation(answer).fileSystemAttributes;
  };
  const file = await create();
  assert.ok((await flags(file)) & FILE_SUPPORTS_EXTENDED_ATTRIBUTES);
  const memory = createMemoryVfs();
  const bare = {
    ...memory,
    features: { ...memory.features, extendedAttributes: false },
  };
  const plain = await startServer({ shares: [{ name: 'files', vfs: bare }] });
  try {
    const there = await plain.mount();
    const contexts = carrying(full(ea('A', '1')));
    const how = { access: ACCESS, disposition: FILE_CREATE };
    await refuses(createRequest('f', { ...how, contexts }), STATUS_EAS_NOT_SUPPORTED, there);
    const made = await there.open('f', how);
    assert.equal((await flags(made)) & FILE_SUPPORTS_EXTENDED_ATTRIBUTES, 0);
    await made.close();
    await (await there.open('f', { contexts })).close();
  } finally {
    await plain.close();
  }
});
