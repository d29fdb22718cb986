/** QUERY_INFO and SET_INFO, READ and WRITE at their edges: what shells, copies and Office ask of a file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientFile } from '../../src/client/file.ts';
import {
  ioctlRequest,
  queryInfoRequest,
  readRequest,
  setInfoRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { TIME_FREEZE, TIME_THAW } from '../../src/dtyp/filetime.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_END_OF_FILE,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
} from '../../src/fscc/attributes.ts';
import {
  FileAllocationInformation,
  FileBasicInformation,
  FileEndOfFileInformation,
  FileModeInformation,
  FilePositionInformation,
  FileStandardInformation,
  FileValidDataLengthInformation,
} from '../../src/fscc/file-information.ts';
import {
  FileInformationClass as Class,
  FsInformationClass,
} from '../../src/fscc/information-class.ts';
import { fileQueryRules, fsQueryRules } from '../../src/fscc/information-rules.ts';
import {
  encodeRenameInformation,
  encodeRenameInformationEx,
  FILE_DISPOSITION_DELETE,
  FileDispositionInformation,
  FileDispositionInformationEx,
} from '../../src/fscc/rename-information.ts';
import { decodeStreamInformation } from '../../src/fscc/stream-information.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { SMB2_0_INFO_FILE, SMB2_0_INFO_FILESYSTEM } from '../../src/smb2/info-types.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import { decodeQueryInfoResponse } from '../../src/smb2/query-info.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { decodeWriteResponse } from '../../src/smb2/write.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { cifs, libsmbclient, macos15, PERSONAS, scanner, win11 } from './personas.ts';
import { assertStatus, openStage } from './stage.ts';

const stage = await openStage();

const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
const made = { access: READ_WRITE | DELETE, disposition: FILE_OPEN_IF };

const OBJECT_ID_CODES = [Fsctl.FSCTL_GET_OBJECT_ID, Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID];

async function objectIds(tree: ClientTree, name: string): Promise<Buffer> {
  const file = await tree.open(name);
  const ids: Buffer[] = [];
  for (const code of OBJECT_ID_CODES) {
    const answer = await tree.request(ioctlRequest(file.fileId, code, { maxOutput: 64 }));
    assertStatus(answer, STATUS_SUCCESS);
    ids.push(Buffer.from(decodeIoctlResponse(answer.message).output));
    const short = await tree.request(ioctlRequest(file.fileId, code, { maxOutput: 63 }));
    assertStatus(short, STATUS_BUFFER_TOO_SMALL);
  }
  await file.close();
  assert.ok(ids[0]!.equals(ids[1]!), 'the two questions have two answers');
  return ids[0]!;
}

const volumeId = async (tree: ClientTree): Promise<Buffer> => {
  const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const id = await root.queryFsInfo(FsInformationClass.FileFsObjectIdInformation);
  await root.close();
  return Buffer.from(id);
};

test('A12 object ids of files and volumes are there, 64 bytes, stable and different: else the shell asks on', async () => {
  const tree = await stage.enter(win11);
  await tree.writeFile('id a', Buffer.from('a'));
  await tree.writeFile('id b', Buffer.from('b'));
  const [a, b, root] = [
    await objectIds(tree, 'id a'),
    await objectIds(tree, 'id b'),
    await objectIds(tree, ''),
  ];
  const volume = await volumeId(tree);
  for (const one of [a, b, root, volume]) assert.equal(one.length, 64);
  const ids = [a, b, root].map((one) => one.subarray(0, 16).toString('hex'));
  assert.equal(new Set([...ids, '0'.repeat(32)]).size, 4);
  // BirthVolumeId is the volume that FileFsObjectIdInformation names.
  for (const one of [a, b]) assert.ok(one.subarray(16, 32).equals(volume.subarray(0, 16)));

  const file = await tree.open('id a', made);
  const rename = encodeRenameInformation({
    replaceIfExists: false,
    rootDirectory: 0,
    fileName: 'id c',
  });
  await file.setInfo(Class.FileRenameInformation, rename);
  await file.close();
  const again = await stage.enter(libsmbclient);
  assert.ok((await objectIds(again, 'id c')).equals(a));
  assert.ok((await volumeId(again)).equals(volume));
});

test('A12 another volume has other ids', async () => {
  const tree = await stage.enter();
  const other = await openStage({ vfs: createMemoryVfs({ volumeId: 4711 }) });
  const there = await other.enter();
  assert.ok(!(await volumeId(there)).equals(await volumeId(tree)));
  assert.ok(!(await objectIds(there, '')).equals(await objectIds(tree, '')));
});

const TIMES = ['creationTime', 'lastAccessTime', 'lastWriteTime', 'changeTime'] as const;
/** A hundred nanoseconds matter: what was set is what is told. */
const LAST_YEAR = 133_000_000_123_456_789n;

const keep = (value: bigint) => ({
  creationTime: value,
  lastAccessTime: value,
  lastWriteTime: value,
  changeTime: value,
});

const basicOf = async (file: ClientFile): Promise<FileBasicInformation> =>
  FileBasicInformation.read(await file.queryInfo(Class.FileBasicInformation));

const setBasic = (file: ClientFile, value: FileBasicInformation): Promise<void> =>
  file.setInfo(Class.FileBasicInformation, FileBasicInformation.encode(value));

for (const persona of PERSONAS) {
  test(`A13 each of four times is kept to 100 ns, and 0, -1, -2 change none (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const file = await tree.open(`times ${persona.name}`, made);
    for (const [i, time] of TIMES.entries()) {
      const before = await basicOf(file);
      const value = LAST_YEAR + BigInt(i);
      await setBasic(file, { ...keep(0n), fileAttributes: 0, [time]: value });
      const { changeTime: _, ...expected } = { ...before, [time]: value };
      const { changeTime, ...told } = await basicOf(file);
      assert.deepEqual(told, expected, time);
      if (time === 'changeTime') assert.equal(changeTime, value);
    }
    const { lastAccessTime, lastWriteTime, creationTime } = await basicOf(file);
    for (const none of [0n, TIME_FREEZE, TIME_THAW]) {
      await setBasic(file, { ...keep(none), fileAttributes: 0 });
      const told = await basicOf(file);
      assert.deepEqual(
        [told.creationTime, told.lastAccessTime, told.lastWriteTime],
        [creationTime, lastAccessTime, lastWriteTime],
      );
    }
    await file.close();
    const reopened = await tree.open(`times ${persona.name}`);
    assert.deepEqual(
      [reopened.created.creationTime, reopened.created.lastWriteTime],
      [LAST_YEAR, LAST_YEAR + 2n],
    );
  });

  test(`A13 attributes come back by QUERY_INFO, CREATE, CLOSE and in listings (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const all =
      FILE_ATTRIBUTE_READONLY |
      FILE_ATTRIBUTE_HIDDEN |
      FILE_ATTRIBUTE_SYSTEM |
      FILE_ATTRIBUTE_ARCHIVE;
    for (const fileAttributes of [
      FILE_ATTRIBUTE_READONLY,
      FILE_ATTRIBUTE_HIDDEN,
      FILE_ATTRIBUTE_SYSTEM,
      FILE_ATTRIBUTE_ARCHIVE,
      all,
      FILE_ATTRIBUTE_NORMAL,
    ]) {
      const name = `attributes ${persona.name} ${fileAttributes}`;
      const file = await tree.open(name, made);
      await setBasic(file, { ...keep(0n), fileAttributes });
      assert.equal((await basicOf(file)).fileAttributes, fileAttributes);
      assert.equal((await file.close(true)).fileAttributes, fileAttributes);
      const [entry] = await tree.list('', name);
      assert.equal(entry?.fileAttributes, fileAttributes);
      const again = await tree.open(name);
      assert.equal(again.created.fileAttributes, fileAttributes);
      await again.close();
    }
  });
}

/** "New text document": what Windows sends before it lets go of what it made. */
test('A20 SET_INFO knows every class that shells use: no error 0x80070032', async () => {
  const tree = await stage.enter(win11);
  await tree.writeFile('set me', Buffer.from('12345678'));
  const file = await tree.open('set me', made);
  const to = { rootDirectory: 0, fileName: 'set me too' };
  const zero = Buffer.alloc(8);
  const steps: readonly [number, Buffer, number][] = [
    [
      Class.FileBasicInformation,
      FileBasicInformation.encode({ ...keep(0n), fileAttributes: 0 }),
      STATUS_SUCCESS,
    ],
    [
      Class.FileRenameInformation,
      encodeRenameInformation({ ...to, replaceIfExists: false }),
      STATUS_SUCCESS,
    ],
    [
      Class.FileLinkInformation,
      encodeRenameInformation({ ...to, fileName: 'set a link', replaceIfExists: false }),
      STATUS_SUCCESS,
    ],
    [Class.FilePositionInformation, FilePositionInformation.encode({ currentByteOffset: 3 }), 0],
    [Class.FileModeInformation, FileModeInformation.encode({ mode: 2 }), 0],
    [Class.FileAllocationInformation, FileAllocationInformation.encode({ allocationSize: 4 }), 0],
    [Class.FileAllocationInformation, zero, STATUS_SUCCESS],
    [Class.FileEndOfFileInformation, FileEndOfFileInformation.encode({ endOfFile: 100 }), 0],
    // Exposes what lay on the disk before: nobody has the privilege.
    [
      Class.FileValidDataLengthInformation,
      FileValidDataLengthInformation.encode({ validDataLength: 50 }),
      STATUS_ACCESS_DENIED,
    ],
    [
      Class.FileDispositionInformation,
      FileDispositionInformation.encode({ deletePending: true }),
      STATUS_SUCCESS,
    ],
    [
      Class.FileDispositionInformation,
      FileDispositionInformation.encode({ deletePending: false }),
      STATUS_SUCCESS,
    ],
    [
      Class.FileRenameInformationEx,
      encodeRenameInformationEx({ ...to, fileName: 'set me thrice', flags: 0 }),
      STATUS_SUCCESS,
    ],
    [
      Class.FileDispositionInformationEx,
      FileDispositionInformationEx.encode({ flags: FILE_DISPOSITION_DELETE }),
      STATUS_SUCCESS,
    ],
  ];
  for (const [one, buffer, status] of steps) {
    const answer = await tree.request(setInfoRequest(file.fileId, SMB2_0_INFO_FILE, one, buffer));
    assertStatus(answer, status, `class ${one}`);
  }
  const { endOfFile } = FileStandardInformation.read(
    await file.queryInfo(Class.FileStandardInformation),
  );
  assert.equal(endOfFile, 100);
});

for (const persona of [win11, macos15, libsmbclient]) {
  test(`A30 a plain file has its one stream, a directory none: the copy goes on (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const name = `streams ${persona.name}`;
    await tree.writeFile(name, Buffer.alloc(5000));
    const file = await tree.open(name);
    const request = (one: ClientFile, outputBytes: number) =>
      queryInfoRequest(one.fileId, SMB2_0_INFO_FILE, Class.FileStreamInformation, { outputBytes });
    const whole = await tree.request(request(file, 1000));
    assertStatus(whole, STATUS_SUCCESS);
    const { outputBuffer } = decodeQueryInfoResponse(whole.message);
    const [stream, ...more] = decodeStreamInformation(outputBuffer);
    assert.deepEqual(more, []);
    assert.equal(stream?.streamName, '::$DATA');
    assert.equal(stream?.streamSize, 5000);
    assert.ok(stream!.streamAllocationSize >= 5000);
    // Entries are whole or not there.
    const cut = await tree.request(request(file, outputBuffer.length - 1));
    assertStatus(cut, STATUS_BUFFER_OVERFLOW);
    assert.ok([9, 0].includes(cut.message.readUInt16LE(64)));
    const directory = await tree.open('', { options: FILE_DIRECTORY_FILE });
    const none = await tree.request(request(directory, 1000));
    assertStatus(none, STATUS_SUCCESS);
    assert.equal(decodeQueryInfoResponse(none.message).outputBuffer.length, 0);
  });
}

/** Classes whose fixed part a name or a list follows; others are told whole or not at all. */
const MAY_BE_CUT: ReadonlySet<number> = new Set([
  Class.FileNameInformation,
  Class.FileAllInformation,
  Class.FileAlternateNameInformation,
  Class.FileNormalizedNameInformation,
  Class.FileStreamInformation,
  Class.FileFullEaInformation,
]);
const FS_MAY_BE_CUT: ReadonlySet<number> = new Set([
  FsInformationClass.FileFsVolumeInformation,
  FsInformationClass.FileFsAttributeInformation,
]);
/** Of pipes, which a file is not; of extended attributes, of which this file has none. */
const OTHER_SUBJECTS: ReadonlySet<number> = new Set([
  Class.FilePipeInformation,
  Class.FilePipeLocalInformation,
  Class.FilePipeRemoteInformation,
  Class.FileFullEaInformation,
]);

for (const persona of [win11, cifs, scanner]) {
  for (const [what, infoType, rules, cuttable] of [
    ['files', SMB2_0_INFO_FILE, fileQueryRules, MAY_BE_CUT],
    ['file systems', SMB2_0_INFO_FILESYSTEM, fsQueryRules, FS_MAY_BE_CUT],
  ] as const) {
    test(`A31 no more is told than was asked for, in any class of ${what} (${persona.name})`, async () => {
      const tree = await stage.enter(persona);
      const file = await tree.open('a long enough name.text', made);
      for (const [key, { fixedSize }] of Object.entries(rules)) {
        const one = Number(key);
        if (infoType === SMB2_0_INFO_FILE && OTHER_SUBJECTS.has(one)) continue;
        if (one === Class.FileNormalizedNameInformation && persona === scanner) continue;
        const ask = async (outputBytes: number) => {
          const request = queryInfoRequest(file.fileId, infoType, one, { outputBytes });
          const { status, message } = await tree.request(request);
          if (status !== STATUS_SUCCESS && status !== STATUS_BUFFER_OVERFLOW) return { status };
          const { outputBuffer } = decodeQueryInfoResponse(message);
          assert.ok(outputBuffer.length <= outputBytes, `class ${one}, ${outputBytes} bytes`);
          return { status, bytes: outputBuffer.length };
        };
        for (const few of [0, 1, fixedSize - 1]) {
          const { status } = await ask(few);
          assert.equal(status, STATUS_INFO_LENGTH_MISMATCH, `class ${one}, ${few} bytes`);
        }
        const whole = await ask(65_536);
        assert.equal(whole.status, STATUS_SUCCESS, `class ${one}`);
        const exact = await ask(whole.bytes!);
        if (whole.bytes! >= fixedSize) assert.deepEqual(exact, whole, `class ${one}`);
        const fixed = await ask(fixedSize);
        const isCut = cuttable.has(one) && whole.bytes! > fixedSize;
        const expected = isCut ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
        assert.equal(fixed.status, expected, `class ${one}, ${fixedSize} bytes`);
      }
    });
  }
}

/** 3.3.5.12 for a file of 10 bytes: offset, length, MinimumCount, status or bytes. */
const READS: readonly [number, number, number, number][] = [
  [0, 0, 0, 0],
  [10, 0, 0, 0],
  [100, 0, 0, 0],
  [0, 0, 1, -STATUS_END_OF_FILE],
  [0, 10, 0, 10],
  [0, 10, 10, 10],
  [0, 11, 10, 10],
  [0, 11, 11, -STATUS_END_OF_FILE],
  [5, 100, 5, 5],
  [5, 100, 6, -STATUS_END_OF_FILE],
  [9, 1, 0, 1],
  [10, 1, 0, -STATUS_END_OF_FILE],
  [11, 1, 0, -STATUS_END_OF_FILE],
  [2 ** 40, 1, 0, -STATUS_END_OF_FILE],
  [10, 1, 1, -STATUS_END_OF_FILE],
];

for (const persona of PERSONAS) {
  test(`A44 READ of nothing, at the end and with a MinimumCount (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const name = `ten bytes ${persona.name}`;
    await tree.writeFile(name, Buffer.from('0123456789'));
    const file = await tree.open(name, { access: READ_WRITE });
    for (const [offset, length, minimumCount, expected] of READS) {
      const about = `${length} at ${offset}, at least ${minimumCount}`;
      const request = readRequest(file.fileId, offset, length, minimumCount);
      const answer = await tree.request(request);
      assertStatus(answer, expected < 0 ? -expected : STATUS_SUCCESS, about);
      if (expected < 0) continue;
      const { data } = decodeReadResponse(answer.message);
      assert.equal(data.toString(), '0123456789'.slice(offset, offset + expected), about);
    }
    for (const offset of [0, 10, 1000]) {
      const answer = await tree.request(writeRequest(file.fileId, offset, Buffer.alloc(0)));
      assertStatus(answer, STATUS_SUCCESS);
      assert.equal(decodeWriteResponse(answer.message).count, 0);
    }
    assert.deepEqual(await tree.readFile(name), Buffer.from('0123456789'));
    const most = tree.session.connection.negotiated!.maxReadSize;
    const tooMuch = { ...readRequest(file.fileId, 0, most + 1), payloadBytes: 0 };
    assertStatus(await tree.request(tooMuch), STATUS_INVALID_PARAMETER);
  });
}
