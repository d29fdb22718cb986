/** Signatures: whoever signs his requests waits a minute for an answer that is not signed, and drops it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientRequest } from '../../src/client/exchange.ts';
import {
  changeNotifyRequest,
  closeRequest,
  createRequest,
  flushRequest,
  ioctlRequest,
  lockRequest,
  queryDirectoryRequest,
  queryInfoRequest,
  RELATED,
  readRequest,
  setInfoRequest,
  treeConnectRequest,
  treeDisconnectRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_NETWORK_NAME,
  STATUS_BUFFER_OVERFLOW,
  STATUS_CANCELLED,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_NO_SUCH_FILE,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SHARING_VIOLATION,
} from '../../src/dtyp/ntstatus.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { FileDispositionInformation } from '../../src/fscc/rename-information.ts';
import {
  SMB2_NEGOTIATE_SIGNING_ENABLED,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
} from '../../src/smb2/capabilities.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN_IF,
} from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { Command, getCommand, isSigned, readHeader } from '../../src/smb2/header.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { credentials } from '../support/in-process-server.ts';
import {
  ENCRYPTED,
  GUEST,
  isGuarded,
  macos15,
  PROTECTIONS,
  type Protection,
  SIGNED,
  win11,
} from './personas.ts';
import { assertStatus, openStage, record } from './stage.ts';

const stage = await openStage();

type Provocation = readonly [name: string, expected: NtStatus, request: ClientRequest];

const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;

/** A request for each error that everyday work meets. */
async function provocations(tree: ClientTree): Promise<readonly Provocation[]> {
  await tree.writeFile('file', Buffer.from('content'));
  await tree.makeDirectory('directory').catch(() => undefined);
  await tree.writeFile('directory\\child', Buffer.from('x'));
  const exclusive = await tree.open('exclusive', { disposition: FILE_OPEN_IF, share: 0 });
  const file = await tree.open('file', { access: READ_WRITE });
  const readOnly = await tree.open('file');
  const directory = await tree.open('directory', {
    access: FILE_GENERIC_READ | DELETE,
    options: FILE_DIRECTORY_FILE,
  });
  const closed = await tree.open('file');
  await closed.close();
  const range = { offset: 0n, length: 8n };
  await file.lock([{ ...range, flags: 2 | 0x10 }]);
  const id = file.fileId;
  const gone = closed.fileId;
  const info = (one: number, outputBytes: number) =>
    queryInfoRequest(id, SMB2_0_INFO_FILE, one, { outputBytes });
  return [
    ['a name that is missing', STATUS_OBJECT_NAME_NOT_FOUND, createRequest('desktop.ini')],
    ['a path that is missing', STATUS_OBJECT_PATH_NOT_FOUND, createRequest('no\\desktop.ini')],
    [
      'a name that is taken',
      STATUS_OBJECT_NAME_COLLISION,
      createRequest('file', { disposition: FILE_CREATE }),
    ],
    [
      'a directory as a file',
      STATUS_FILE_IS_A_DIRECTORY,
      createRequest('directory', { options: FILE_NON_DIRECTORY_FILE }),
    ],
    [
      'a file as a directory',
      STATUS_NOT_A_DIRECTORY,
      createRequest('file', { options: FILE_DIRECTORY_FILE }),
    ],
    ['a bad name', STATUS_OBJECT_NAME_INVALID, createRequest('a?b')],
    ['a file that is in use', STATUS_SHARING_VIOLATION, createRequest(exclusive.name)],
    ['reading behind the end', STATUS_END_OF_FILE, readRequest(id, 100, 10)],
    ['reading what is closed', STATUS_FILE_CLOSED, readRequest(gone, 0, 10)],
    [
      'writing what is open for reading',
      STATUS_ACCESS_DENIED,
      writeRequest(readOnly.fileId, 0, Buffer.from('x')),
    ],
    ['flushing what is closed', STATUS_FILE_CLOSED, flushRequest(gone)],
    ['closing twice', STATUS_FILE_CLOSED, closeRequest(gone)],
    [
      'a pattern that matches nothing',
      STATUS_NO_SUCH_FILE,
      queryDirectoryRequest(directory.fileId, Class.FileIdBothDirectoryInformation, {
        pattern: 'zzz',
      }),
    ],
    ['a class that is none', STATUS_INVALID_INFO_CLASS, info(200, 1000)],
    [
      'a buffer that is too small',
      STATUS_INFO_LENGTH_MISMATCH,
      info(Class.FileStandardInformation, 4),
    ],
    ['a name cut short', STATUS_BUFFER_OVERFLOW, info(Class.FileNameInformation, 8)],
    [
      'deleting a directory that holds something',
      STATUS_DIRECTORY_NOT_EMPTY,
      setInfoRequest(
        directory.fileId,
        SMB2_0_INFO_FILE,
        Class.FileDispositionInformation,
        FileDispositionInformation.encode({ deletePending: true }),
      ),
    ],
    [
      'an FSCTL that is none',
      STATUS_INVALID_DEVICE_REQUEST,
      ioctlRequest(id, Fsctl.FSCTL_GET_INTEGRITY_INFORMATION),
    ],
    [
      'a referral without DFS',
      STATUS_FS_DRIVER_REQUIRED,
      ioctlRequest(RELATED, Fsctl.FSCTL_DFS_GET_REFERRALS, { maxOutput: 100 }),
    ],
    [
      'a lock that is taken',
      STATUS_LOCK_NOT_GRANTED,
      lockRequest(readOnly.fileId, [{ ...range, flags: 2 | 0x10 }]),
    ],
    [
      'unlocking what is not locked',
      STATUS_RANGE_NOT_LOCKED,
      lockRequest(readOnly.fileId, [{ ...range, flags: 4 }]),
    ],
    ['a request cut short', STATUS_INVALID_PARAMETER, { ...readRequest(id, 0, 1), body: NOTHING }],
    ['no such share', STATUS_BAD_NETWORK_NAME, treeConnectRequest('\\\\server\\nowhere')],
    [
      'no such tree',
      STATUS_NETWORK_NAME_DELETED,
      { ...treeDisconnectRequest(), header: { treeId: 4711 } },
    ],
    ['watching a file', STATUS_INVALID_PARAMETER, changeNotifyRequest(readOnly.fileId, 0x17)],
  ];
}
const NOTHING = Buffer.from([49, 0]);

for (const protection of [...SIGNED, ...ENCRYPTED]) {
  test(`A01 errors on a session that ${protection.guards}: each is guarded (${protection.name})`, async () => {
    const tree = await stage.enter(win11, protection);
    const commands = new Set<number>();
    const errors = new Set<NtStatus>();
    for (const [name, expected, request] of await provocations(tree)) {
      const answer = await tree.request(request);
      assertStatus(answer, expected, name);
      assert.ok(isGuarded(protection, answer), name);
      commands.add(request.command);
      errors.add(expected);
    }
    assert.ok(commands.size >= 10, `${commands.size} commands`);
    assert.ok(errors.size >= 15, `${errors.size} statuses`);
    await tree.session.connection.close();
  });
}

for (const protection of PROTECTIONS) {
  test(`A02 what is answered late: interim and last response are guarded (${protection.name})`, async () => {
    const tree = await stage.enter(win11, protection);
    const { session } = tree;
    const tape = record(session.connection);
    const pipe = await (await session.treeConnect('IPC$')).open('srvsvc', { access: READ_WRITE });
    const [waiting] = await pipe.tree.submit([readRequest(pipe.fileId, 0, 1024)]);
    const interim = await waiting!.interim;
    assert.ok(interim !== undefined, 'no interim response');
    // What is encrypted bears no signature, and was decrypted by the client.
    assert.equal(isSigned(interim), protection.guards === 'signs');
    await session.connection.cancel(waiting!);
    const last = await session.connection.answerOf(waiting!);
    assertStatus(last, STATUS_CANCELLED);
    assert.ok(isGuarded(protection, last));
    if (protection.guards !== 'encrypts') verifyAll(tape, tree, protection);

    const directory = await tree.open('', { options: FILE_DIRECTORY_FILE });
    const [watch] = await tree.submit([changeNotifyRequest(directory.fileId, 0x17)]);
    assert.equal(isSigned((await watch!.interim)!), protection.guards === 'signs');
    await session.connection.cancel(watch!);
    assert.ok(isGuarded(protection, await session.connection.answerOf(watch!)));
    await session.connection.close();
  });
}

/** Not by the client's own check. */
function verifyAll(tape: readonly Buffer[], { session }: ClientTree, { guards }: Protection): void {
  assert.ok(tape.length > 0);
  for (const frame of tape) {
    assert.equal(isSigned(readHeader(frame)), guards === 'signs');
    if (guards === 'signs') assert.equal(session.signer!.verify(frame), true);
  }
}

for (const [who, persona] of [
  ['win11', win11],
  ['macos15', macos15],
] as const) {
  test(`A03 the last SESSION_SETUP is signed though nobody requires it (${who})`, async () => {
    const connect = { ...persona.connect, securityMode: SMB2_NEGOTIATE_SIGNING_ENABLED };
    const connection = await stage.server.connect(connect);
    const { securityMode } = connection.negotiated.response;
    assert.equal(securityMode & SMB2_NEGOTIATE_SIGNING_REQUIRED, 0);
    const tape = record(connection);
    const session = await connection.login({ ...credentials, sign: false });
    const logins = tape.filter((frame) => getCommand(frame) === Command.SESSION_SETUP);
    assert.deepEqual(
      logins.map((frame) => isSigned(readHeader(frame))),
      [false, true],
    );
    assert.equal(session.signer!.verify(logins[1]!), true);
  });
}

for (const [who, login] of [
  ['guest', GUEST.login],
  ['anonymous', {}],
] as const) {
  test(`A03 the last SESSION_SETUP of ${who} is not signed: there is no key`, async () => {
    const connection = await stage.server.connect(GUEST.connect);
    const tape = record(connection);
    const session = await connection.login(login);
    assert.equal(session.identity, who);
    for (const frame of tape) {
      const header = readHeader(frame);
      assert.equal(isSigned(header), false);
      assert.ok(header.signature.equals(Buffer.alloc(16)));
    }
  });
}

/** One byte, the edges of blocks and credits, and the largest there is. */
const LENGTHS = [1, 15, 16, 17, 4095, 65_535, 65_536, 65_537, 1 << 20, (8 << 20) - 1, 8 << 20];

const LARGE = Buffer.alloc(8 << 20);
for (let at = 0; at < LARGE.length; at += 4) LARGE.writeUInt32LE(at, at);
stage.memory.plant.file(['large'], LARGE);

for (const protection of [...SIGNED, ...ENCRYPTED]) {
  test(`A43 answers of every length and place verify (${protection.name})`, async () => {
    const tree = await stage.enter(win11, protection);
    const content = LARGE;
    const file = await tree.open('large');
    for (const length of LENGTHS) {
      const answer = await tree.request(readRequest(file.fileId, 0, length));
      const { data } = decodeReadResponse(answer.message);
      assert.ok(data.equals(content.subarray(0, length)), `${length} bytes`);
      assert.ok(isGuarded(protection, answer), `${length} bytes`);
    }
    // Odd lengths are padded in each place of a compound: the padding is signed, too.
    for (const lengths of [
      [1, 3, 5],
      [7, 65_535, 2],
      [13, 1, 65_529],
    ]) {
      const requests = lengths.map((length) => readRequest(file.fileId, 1, length));
      const answers = await tree.compound(requests, { related: false });
      for (const [i, answer] of answers.entries()) {
        assert.equal(decodeReadResponse(answer.message).data.length, lengths[i]);
        assert.ok(isGuarded(protection, answer));
      }
    }
    const related = await tree.compound([
      createRequest('large'),
      queryInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileNameInformation, { outputBytes: 8 }),
      readRequest(RELATED, 0, 11),
      readRequest(RELATED, 9 << 20, 1),
      closeRequest(RELATED),
    ]);
    assert.deepEqual(
      related.map(({ status }) => status),
      [0, STATUS_BUFFER_OVERFLOW, 0, STATUS_END_OF_FILE, 0],
    );
    assert.ok(related.every((answer) => isGuarded(protection, answer)));
    await tree.session.connection.close();
  });
}
