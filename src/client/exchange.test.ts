/** Compounds, interim responses, CANCEL, credits: how requests travel. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startServer } from '../../test/support/in-process-server.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import {
  STATUS_CANCELLED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../smb2/create-options.ts';
import { Command, isAsync } from '../smb2/header.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import { AnswerTimeout, ConnectionEnded } from './client-error.ts';
import {
  changeNotifyRequest,
  closeRequest,
  createRequest,
  echoRequest,
  queryInfoRequest,
  RELATED,
  readRequest,
  writeRequest,
} from './requests.ts';

const server = await startServer();
after(() => server.close());

const { FileStandardInformation } = FileInformationClass;
const readWrite = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };
const statuses = (answers: readonly { status: number }[]) => answers.map(({ status }) => status);

for (const encrypt of [false, true]) {
  test(`a related compound${encrypt ? ', encrypted' : ''}`, async () => {
    const tree = await server.mount({}, { encrypt });
    const answers = await tree.compound([
      createRequest('compound', readWrite),
      writeRequest(RELATED, 0, Buffer.from('together')),
      readRequest(RELATED, 0, 100),
      queryInfoRequest(RELATED, 1, FileStandardInformation),
      closeRequest(RELATED),
    ]);
    assert.deepEqual(statuses(answers), [0, 0, 0, 0, 0]);
    assert.equal(decodeReadResponse(answers[2]!.message).data.toString(), 'together');
    assert.ok(answers.every((one) => (encrypt ? one.isEncrypted : one.isSigned)));
  });
}

test('a related compound that fails at its start fails to its end', async () => {
  const tree = await server.mount();
  const answers = await tree.compound([
    createRequest('not there'),
    queryInfoRequest(RELATED, 1, FileStandardInformation),
    closeRequest(RELATED),
  ]);
  const status = STATUS_OBJECT_NAME_NOT_FOUND;
  assert.deepEqual(statuses(answers), [status, status, status]);
});

test('an unrelated compound', async () => {
  const tree = await server.mount();
  await tree.writeFile('unrelated', Buffer.from('x'));
  const file = await tree.open('unrelated');
  const answers = await tree.compound(
    [createRequest('not there'), echoRequest(), readRequest(file.fileId, 0, 1)],
    { related: false },
  );
  assert.deepEqual(statuses(answers), [STATUS_OBJECT_NAME_NOT_FOUND, 0, 0]);
});

test('an interim response, then the answer', async () => {
  const tree = await server.mount();
  const directory = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const [exchange] = await tree.submit([changeNotifyRequest(directory.fileId, 0xfff)]);
  const interim = await exchange!.interim;
  assert.equal(interim?.status, STATUS_PENDING);
  assert.equal(interim?.asyncId, exchange!.asyncId);
  await tree.session.connection.cancel(exchange!);
  const answer = await tree.session.connection.answerOf(exchange!);
  assert.ok(isAsync(answer.header));
  assert.equal(answer.status, STATUS_CANCELLED);
});

test('a CANCEL of nothing is not answered, and harms nobody', async () => {
  const tree = await server.mount();
  const { connection } = tree.session;
  const [echo] = await connection.submit([echoRequest()], { security: tree.session });
  await connection.answerOf(echo!);
  for (const header of [{}, { messageId: 0 }, { flags: 2, asyncId: 12345, messageId: 0 }]) {
    await connection.cancel(echo!, header);
  }
  assert.equal((await tree.session.request(echoRequest())).status, STATUS_SUCCESS);
});

test('credits: NEGOTIATE and the login leave enough for the clients that ask for few', async () => {
  const connection = await server.connect({ creditTarget: 32 });
  assert.ok(connection.credits.available >= 1);
  const session = await connection.login({ user: 'tester', secret: 'Passw0rd!' });
  assert.ok(connection.credits.available >= 5, `${connection.credits.available} credits`);
  await session.logoff();
});

test('ids may be used in any order, and each once', async () => {
  const tree = await server.mount();
  const { connection } = tree.session;
  const early = connection.credits.skip(4);
  assert.equal((await tree.session.request(echoRequest())).status, STATUS_SUCCESS);
  for (const messageId of [early + 3, early + 1, early, early + 2]) {
    const header = { messageId, creditRequest: 1 };
    assert.equal((await tree.session.request({ ...echoRequest(), header })).status, STATUS_SUCCESS);
  }
  const again = tree.session.request({ ...echoRequest(), header: { messageId: early } });
  await assert.rejects(again, ConnectionEnded);
});

test('who waits for what never comes is told so', async () => {
  const connection = await server.connect({ timeoutMs: 50 });
  const session = await connection.login({ user: 'tester', secret: 'Passw0rd!' });
  const lost = { command: Command.CANCEL, body: Buffer.from([4, 0, 0, 0]) };
  await assert.rejects(session.request(lost), AnswerTimeout);
});

test('files: rename and delete by information class, close with attributes', async () => {
  const tree = await server.mount();
  await tree.writeFile('old name', Buffer.from('12345'));
  const file = await tree.open('old name', { access: FILE_GENERIC_READ | DELETE });
  const name = Buffer.from('new name', 'utf16le');
  const rename = Buffer.alloc(20);
  rename.writeUInt32LE(name.length, 16);
  await file.setInfo(FileInformationClass.FileRenameInformation, Buffer.concat([rename, name]));
  await file.flush().catch(() => undefined);
  assert.equal((await file.close(true)).endOfFile, 5);
  assert.deepEqual(await tree.readFile('new name'), Buffer.from('12345'));
  await tree.makeDirectory('folder');
  await tree.remove('folder');
  await tree.remove('new name');
});
