/** Compounds, which macOS, Linux and Windows build everything of, and the shape of what answers them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changeNotifyRequest,
  closeRequest,
  createRequest,
  echoRequest,
  flushRequest,
  ioctlRequest,
  lockRequest,
  queryDirectoryRequest,
  queryInfoRequest,
  RELATED,
  readRequest,
  setInfoRequest,
  treeDisconnectRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  isError,
  STATUS_BUFFER_OVERFLOW,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
} from '../../src/dtyp/ntstatus.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { Command, HEADER_SIZE, type Header, readHeader } from '../../src/smb2/header.ts';
import { SMB2_0_INFO_FILE, SMB2_0_INFO_FILESYSTEM } from '../../src/smb2/info-types.ts';
import { encodeLogoffRequest } from '../../src/smb2/logoff.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { credentials, SHARE } from '../support/in-process-server.ts';
import { cifs, isGuarded, libsmbclient, macos15, PROTECTIONS, win11 } from './personas.ts';
import { assertStatuses, opening, openStage, record } from './stage.ts';

const stage = await openStage();

const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
const made = { access: READ_WRITE, disposition: FILE_OPEN_IF };
const standard = queryInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileStandardInformation);
const UNRELATED = { related: false };

for (const protection of PROTECTIONS) {
  for (const persona of [win11, macos15, cifs]) {
    test(`A34 members with ids of all ones take those of the request before (${persona.name}, ${protection.name})`, async () => {
      const tree = await stage.enter(persona, protection);
      const answers = await tree.compound([
        opening(persona, `related ${protection.name}`, made),
        writeRequest(RELATED, 0, Buffer.from('content')),
        standard,
        readRequest(RELATED, 0, 100),
        closeRequest(RELATED),
      ]);
      assertStatuses(answers, [0, 0, 0, 0, 0]);
      assert.equal(decodeReadResponse(answers[3]!.message).data.toString(), 'content');
      for (const answer of answers) {
        assert.ok(isGuarded(protection, answer));
        // What is told are the real ids, never the placeholders.
        assert.equal(answer.header.sessionId, tree.session.sessionId);
        assert.equal(answer.header.treeId, tree.treeId);
      }
      await tree.session.connection.close();
    });
  }
}

test('A34 related members that name the real ids of session and tree', async () => {
  const tree = await stage.enter();
  const header = { treeId: tree.treeId, sessionId: tree.session.sessionId };
  const answers = await tree.compound(
    [createRequest('real ids', made), standard, closeRequest(RELATED)].map((one) => ({
      ...one,
      header,
    })),
  );
  assertStatuses(answers, [0, 0, 0]);
});

test('A34 a failed CREATE fails what is related to it with its own status', async () => {
  const tree = await stage.enter(macos15);
  const answers = await tree.compound([createRequest('missing'), standard, closeRequest(RELATED)]);
  const status = STATUS_OBJECT_NAME_NOT_FOUND;
  assertStatuses(answers, [status, status, status]);
});

test('A34 behind a CLOSE the file is closed', async () => {
  const tree = await stage.enter();
  const answers = await tree.compound([
    createRequest('closed', made),
    closeRequest(RELATED),
    standard,
    closeRequest(RELATED),
  ]);
  assertStatuses(answers, [0, 0, STATUS_FILE_CLOSED, STATUS_FILE_CLOSED]);
});

test('A34 a warning does not end the chain, nor does an error keep it from closing', async () => {
  const tree = await stage.enter();
  const name = queryInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileNameInformation, {
    outputBytes: 8,
  });
  const answers = await tree.compound([
    createRequest('long name', made),
    name,
    readRequest(RELATED, 100, 1),
    closeRequest(RELATED),
    closeRequest(RELATED),
  ]);
  assertStatuses(answers, [0, STATUS_BUFFER_OVERFLOW, STATUS_END_OF_FILE, 0, STATUS_FILE_CLOSED]);
});

test('A34 a second chain in the same frame starts anew', async () => {
  const tree = await stage.enter();
  const start = { treeId: tree.treeId, sessionId: tree.session.sessionId, flags: 0 };
  const answers = await tree.compound([
    createRequest('missing'),
    closeRequest(RELATED),
    { ...createRequest('second', made), header: start },
    standard,
    closeRequest(RELATED),
  ]);
  const missing = STATUS_OBJECT_NAME_NOT_FOUND;
  assertStatuses(answers, [missing, missing, 0, 0, 0]);
});

test('A34 unrelated requests share a frame and nothing else', async () => {
  const tree = await stage.enter();
  await tree.writeFile('unrelated', Buffer.from('x'));
  const file = await tree.open('unrelated');
  const answers = await tree.compound(
    [
      createRequest('missing'),
      { ...readRequest(file.fileId, 0, 1), header: { treeId: 4711 } },
      readRequest(file.fileId, 0, 1),
      echoRequest(),
    ],
    UNRELATED,
  );
  assertStatuses(answers, [STATUS_OBJECT_NAME_NOT_FOUND, STATUS_NETWORK_NAME_DELETED, 0, 0]);
});

test('A34 a chain that begins with a related request is refused, and the session goes on', async () => {
  const tree = await stage.enter();
  const file = await tree.open('unrelated 2', made);
  const related = { flags: 4 };
  const answers = await tree.compound([
    { ...readRequest(file.fileId, 0, 1), header: related, craft: (message) => message },
    { ...closeRequest(RELATED), craft: (message) => message },
  ]);
  assertStatuses(answers, [STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER]);
  await file.close();
});

/** What a frame holds, taken apart by nothing but NextCommand. */
function membersOf(frame: Buffer): { header: Header; bytes: Buffer }[] {
  const members: { header: Header; bytes: Buffer }[] = [];
  for (let at = 0; ; ) {
    const header = readHeader(frame, at);
    const end = header.nextCommand === 0 ? frame.length : at + header.nextCommand;
    members.push({ header, bytes: frame.subarray(at, end) });
    if (header.nextCommand === 0) return members;
    assert.equal(header.nextCommand % 8, 0, 'NextCommand is not a multiple of 8');
    at = end;
  }
}

test('A35 error bodies are 9 bytes and padded to 8, alone they are 9 and no more: libsmb2 and smbj count them', async () => {
  const tree = await stage.enter(libsmbclient);
  const tape = record(tree.session.connection);
  const missing = createRequest('missing');
  await tree.compound([missing, closeRequest(RELATED), missing], UNRELATED);
  await tree.compound([missing, standard, closeRequest(RELATED)]);
  await tree.request(missing);
  assert.equal(tape.length, 3);
  for (const frame of tape) {
    const members = membersOf(frame);
    for (const { header, bytes } of members) {
      assert.ok(isError(header.status));
      assert.equal(bytes.readUInt16LE(HEADER_SIZE), 9);
      assert.equal(bytes[HEADER_SIZE + 2], 0, 'ErrorContextCount');
      assert.equal(bytes.readUInt32LE(HEADER_SIZE + 4), 0, 'ByteCount');
      assert.equal(bytes.length, HEADER_SIZE + (members.length === 1 ? 9 : 16));
    }
  }
});

test('A35 odd payloads are padded to 8 in a compound, the last by no more than that, and not alone', async () => {
  const tree = await stage.enter(libsmbclient);
  await tree.writeFile('odd', Buffer.alloc(100, 'odd'));
  const file = await tree.open('odd');
  const tape = record(tree.session.connection);
  const reads = [1, 7, 8, 13].map((length) => readRequest(file.fileId, 0, length));
  await tree.compound(reads, UNRELATED);
  await tree.compound(reads.slice(0, 3), UNRELATED);
  for (const read of reads) await tree.request(read);
  assert.deepEqual(
    tape.map((frame) => membersOf(frame).map(({ bytes }) => bytes.length - HEADER_SIZE)),
    [[24, 24, 24, 32], [24, 24, 24], [16 + 1], [16 + 7], [16 + 8], [16 + 13]],
  );
  const last = membersOf(tape[0]!)[3]!.bytes;
  assert.equal(last.readUInt32LE(HEADER_SIZE + 4), 13, 'DataLength');
  assert.ok(last.subarray(HEADER_SIZE + 16 + 13).equals(Buffer.alloc(3)), 'padding is zero');
});

/** 2.2, by command: StructureSize of a success. */
const STRUCTURE_SIZES: Readonly<Record<number, number>> = {
  [Command.NEGOTIATE]: 65,
  [Command.SESSION_SETUP]: 9,
  [Command.LOGOFF]: 4,
  [Command.TREE_CONNECT]: 16,
  [Command.TREE_DISCONNECT]: 4,
  [Command.CREATE]: 89,
  [Command.CLOSE]: 60,
  [Command.FLUSH]: 4,
  [Command.READ]: 17,
  [Command.WRITE]: 17,
  [Command.LOCK]: 4,
  [Command.IOCTL]: 49,
  [Command.ECHO]: 4,
  [Command.QUERY_DIRECTORY]: 9,
  [Command.QUERY_INFO]: 9,
  [Command.SET_INFO]: 2,
};

/** What smbclient calls NT_STATUS_INVALID_NETWORK_RESPONSE. */
function assertWellFormed(frame: Buffer): number {
  const { command, status } = readHeader(frame);
  assert.ok(frame.length >= HEADER_SIZE + 2, 'no body');
  const size = frame.readUInt16LE(HEADER_SIZE);
  const isBody =
    status === 0 || status === STATUS_MORE_PROCESSING_REQUIRED || status === STATUS_BUFFER_OVERFLOW;
  assert.equal(size, isBody ? STRUCTURE_SIZES[command] : 9, `command ${command}`);
  // "StructureSize … regardless of how large Buffer is": an odd size counts one byte of it.
  assert.ok(frame.length >= HEADER_SIZE + (isBody ? size - (size % 2) : 9), `command ${command}`);
  if (isBody && command === Command.SESSION_SETUP) {
    assert.equal(frame.readUInt16LE(HEADER_SIZE + 4), HEADER_SIZE + 8, 'SecurityBufferOffset');
    const length = frame.readUInt16LE(HEADER_SIZE + 6);
    assert.equal(frame.length, HEADER_SIZE + 8 + Math.max(1, length));
  }
  return command;
}

for (const raw of [false, true]) {
  test(`A36 every answer has its fixed part, and every error its body (${raw ? 'raw NTLMSSP' : 'SPNEGO'})`, async () => {
    const connection = await stage.server.connect(libsmbclient.connect);
    const tape = record(connection);
    const session = await connection.login({ ...credentials, raw });
    const tree = await session.treeConnect(SHARE);
    const file = await tree.open('tour', made);
    const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
    const id = file.fileId;
    const [watch] = await tree.submit([changeNotifyRequest(root.fileId, 0x17)]);
    await watch!.interim;
    await connection.cancel(watch!);
    await connection.answerOf(watch!);
    const range = { offset: 0n, length: 1n, flags: 2 | 0x10 };
    const { FileIdBothDirectoryInformation, FileStreamInformation, FilePositionInformation } =
      Class;
    for (const request of [
      writeRequest(id, 0, Buffer.from('12345')),
      writeRequest(id, 0, Buffer.alloc(0)),
      readRequest(id, 0, 5),
      readRequest(id, 0, 0),
      readRequest(id, 5, 5),
      flushRequest(id),
      lockRequest(id, [range]),
      lockRequest(id, [{ ...range, flags: 4 }]),
      lockRequest(id, []),
      queryDirectoryRequest(root.fileId, FileIdBothDirectoryInformation),
      queryDirectoryRequest(root.fileId, FileIdBothDirectoryInformation),
      queryInfoRequest(id, SMB2_0_INFO_FILE, FileStreamInformation),
      queryInfoRequest(id, SMB2_0_INFO_FILESYSTEM, 3),
      queryInfoRequest(id, SMB2_0_INFO_FILE, Class.FileNameInformation, { outputBytes: 8 }),
      setInfoRequest(id, SMB2_0_INFO_FILE, FilePositionInformation, Buffer.alloc(8)),
      setInfoRequest(id, SMB2_0_INFO_FILE, 200, Buffer.alloc(8)),
      ioctlRequest(id, Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID, { maxOutput: 64 }),
      ioctlRequest(id, Fsctl.FSCTL_OFFLOAD_READ, { maxOutput: 64 }),
      changeNotifyRequest(id, 0x17),
      createRequest('missing'),
      echoRequest(),
      closeRequest(id, true),
      closeRequest(id),
      { command: Command.OPLOCK_BREAK, body: Buffer.alloc(24, 0).fill(24, 0, 1) },
      treeDisconnectRequest(),
      { command: Command.LOGOFF, body: encodeLogoffRequest() },
    ]) {
      await tree.request(request);
    }
    const commands = new Set(tape.map(assertWellFormed));
    assert.deepEqual(
      [...commands].sort((a, b) => a - b),
      // All but NEGOTIATE, which came before, and CANCEL, which is not answered.
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18],
    );
    assert.ok(tape.some((frame) => readHeader(frame).status === STATUS_PENDING));
  });
}
