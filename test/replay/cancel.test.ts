/** CANCEL, and what waits for a notification: a folder window that cannot be closed, a client that asks on. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Answer, Exchange } from '../../src/client/exchange.ts';
import {
  changeNotifyRequest,
  echoRequest,
  readRequest,
  setInfoRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { configure } from '../../src/config/configuration.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_CANCELLED,
  STATUS_NOT_IMPLEMENTED,
  STATUS_NOTIFY_CLEANUP,
  STATUS_NOTIFY_ENUM_DIR,
  STATUS_PENDING,
} from '../../src/dtyp/ntstatus.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { decodeNotifyInformation } from '../../src/fscc/notify-information.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import { decodeChangeNotifyResponse } from '../../src/smb2/change-notify.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import {
  type HeaderFields,
  isAsync,
  readHeader,
  SMB2_FLAGS_ASYNC_COMMAND,
} from '../../src/smb2/header.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { SHARE, startServer } from '../support/in-process-server.ts';
import { PERSONAS, PROTECTIONS, win11 } from './personas.ts';
import { assertStatus, LENIENT, openStage, record, timed } from './stage.ts';

const stage = await openStage();

/** Half a second is no freeze yet, and more than a busy machine needs. */
const AT_ONCE_MS = 500;

/** A READ on a pipe that nobody has written to: it waits until it is cancelled. */
async function waitOnPipe(tree: ClientTree): Promise<Exchange> {
  const ipc = await tree.session.treeConnect('IPC$');
  const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
  const pipe = await ipc.open('srvsvc', { access });
  const [exchange] = await ipc.submit([readRequest(pipe.fileId, 0, 1024)]);
  assert.equal((await exchange!.interim)?.status, STATUS_PENDING);
  return exchange!;
}

async function assertCancelled(
  tree: ClientTree,
  exchange: Exchange,
  header: Partial<HeaderFields>,
): Promise<void> {
  const { connection } = tree.session;
  const { ms, result } = await timed(async () => {
    await connection.cancel(exchange, header);
    return connection.answerOf(exchange);
  });
  assertStatus(result, STATUS_CANCELLED);
  assert.ok(isAsync(result.header));
  assert.ok(ms < AT_ONCE_MS, `${ms} ms`);
}

for (const protection of PROTECTIONS) {
  test(`A04 CANCEL by AsyncId with MessageId 0 ends the wait at once, no freeze of 65 s (${protection.name})`, async () => {
    const tree = await stage.enter(win11, protection);
    const exchange = await waitOnPipe(tree);
    const { asyncId } = exchange;
    const header = { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId, messageId: 0 };
    await assertCancelled(tree, exchange, header);
    await tree.session.connection.close();
  });
}

test('A04 CANCEL by MessageId, as older clients send it, finds the request too', async () => {
  const tree = await stage.enter();
  const exchange = await waitOnPipe(tree);
  const { messageId } = exchange;
  await assertCancelled(tree, exchange, { flags: 0, asyncId: 0, messageId });
});

test('A04 CANCEL with AsyncId and a MessageId of its own', async () => {
  const tree = await stage.enter();
  const exchange = await waitOnPipe(tree);
  const { asyncId } = exchange;
  const header = { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId, messageId: 99_999 };
  await assertCancelled(tree, exchange, header);
});

test('A04 CANCEL of something unknown is not answered, and the session goes on', async () => {
  const tree = await stage.enter();
  const { session } = tree;
  const exchange = await waitOnPipe(tree);
  const tape = record(session.connection);
  for (const header of [
    { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId: 4711, messageId: 0 },
    { flags: 0, asyncId: 0, messageId: 1 },
    { flags: 0, asyncId: 0, messageId: 1_000_000 },
  ]) {
    await session.connection.cancel(exchange, header);
  }
  assertStatus(await session.request(echoRequest()), 0);
  assert.equal(tape.length, 1, 'nothing but the answer to ECHO');
  await assertCancelled(tree, exchange, {});
});

test('A04 only the request that is meant is cancelled', async () => {
  const tree = await stage.enter();
  const [first, second] = [await waitOnPipe(tree), await waitOnPipe(tree)];
  await assertCancelled(tree, second, {});
  await assertCancelled(tree, first, {});
});

const NAMES = 0x3;

test('A04 A15 CANCEL of a CHANGE_NOTIFY by AsyncId with MessageId 0, as Explorer closes a window', async () => {
  const tree = await stage.enter();
  const directory = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const [exchange] = await tree.submit([changeNotifyRequest(directory.fileId, NAMES)]);
  assert.equal((await exchange!.interim)?.status, STATUS_PENDING);
  const { asyncId } = exchange!;
  const header = { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId, messageId: 0 };
  await assertCancelled(tree, exchange!, header);
  await directory.close();
});

test('A15 nothing is lost between requests: the second is answered at once, a rename as a pair', async () => {
  const [tree, other] = [await stage.enter(), await stage.enter()];
  const directory = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const [exchange] = await tree.submit([changeNotifyRequest(directory.fileId, NAMES)]);
  await exchange!.interim;
  const file = await other.open('a15', { disposition: FILE_CREATE, access: DELETE });
  assert.deepEqual(changes(await tree.session.connection.answerOf(exchange!)), ['1 a15']);
  const target = { replaceIfExists: false, rootDirectory: 0, fileName: 'a15 later' };
  const rename = encodeRenameInformation(target);
  await other.request(
    setInfoRequest(
      file.fileId,
      SMB2_0_INFO_FILE,
      FileInformationClass.FileRenameInformation,
      rename,
    ),
  );
  const { ms, result } = await timed(() =>
    tree.request(changeNotifyRequest(directory.fileId, NAMES)),
  );
  assert.deepEqual(changes(result), ['4 a15', '5 a15 later']);
  assert.ok(ms < AT_ONCE_MS, `${ms} ms`);
  await file.close();
  await (await other.open('a15 again', { disposition: FILE_CREATE })).close();
  const small = changeNotifyRequest(directory.fileId, NAMES, { outputBytes: 8 });
  assertStatus(await tree.request(small), STATUS_NOTIFY_ENUM_DIR);
  const [last] = await tree.submit([changeNotifyRequest(directory.fileId, NAMES)]);
  await last!.interim;
  await directory.close();
  assertStatus(await tree.session.connection.answerOf(last!), STATUS_NOTIFY_CLEANUP);
});

const changes = (answer: Answer): string[] =>
  decodeNotifyInformation(decodeChangeNotifyResponse(answer.message).outputBuffer).map(
    ({ action, fileName }) => `${action} ${fileName}`,
  );

const deaf = await startServer({
  configuration: configure({
    global: LENIENT,
    shares: [{ name: SHARE, path: '/', readOnly: false, changeNotify: false }],
  }),
  shares: [{ name: SHARE, vfs: createMemoryVfs() }],
});
after(() => deaf.close());

for (const persona of PERSONAS) {
  test(`A16 a refused CHANGE_NOTIFY is asynchronous, else Windows asks for ever (${persona.name})`, async () => {
    const tree = await deaf.mount(persona.connect, persona.login);
    const directory = await tree.open('', { options: FILE_DIRECTORY_FILE });
    const tape = record(tree.session.connection);
    const asks = await askUntilTaken(tree, directory.fileId);
    assert.equal(asks, 1, 'asked again');
    const headers = tape.map((frame) => readHeader(frame));
    assert.deepEqual(
      headers.map((header) => [header.status, isAsync(header)]),
      [
        [STATUS_PENDING, true],
        [STATUS_NOT_IMPLEMENTED, true],
      ],
    );
    assert.equal(headers[0]!.asyncId, headers[1]!.asyncId);
  });
}

/** What Windows 7 to 10 do: a refusal without the flag is taken for an accident, and asked again. */
async function askUntilTaken(tree: ClientTree, fileId: Buffer): Promise<number> {
  for (let asked = 1; asked < 20; asked++) {
    const answer = await tree.request(changeNotifyRequest(fileId, 0x17));
    assertStatus(answer, STATUS_NOT_IMPLEMENTED);
    if (isAsync(answer.header)) return asked;
  }
  return 20;
}
