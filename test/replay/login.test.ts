/** Logins: nobody becomes a guest by mistake, and a slow one is not answered in part. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '../../src/client/client-error.ts';
import type { LoginOptions } from '../../src/client/login.ts';
import {
  createRequest,
  treeConnectRequest,
  treeDisconnectRequest,
} from '../../src/client/requests.ts';
import { configure } from '../../src/config/configuration.ts';
import { DELETE, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import {
  addFlags,
  Command,
  getCommand,
  getFlags,
  getStatus,
  SMB2_FLAGS_ASYNC_COMMAND,
  SMB2_FLAGS_SIGNED,
  setSignature,
} from '../../src/smb2/header.ts';
import { encodeLogoffRequest } from '../../src/smb2/logoff.ts';
import { createFaultyVfs } from '../../src/vfs/memory/faulty.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { credentials, SHARE, startServer } from '../support/in-process-server.ts';
import { GUEST, macos15, type Persona, scanner, win11 } from './personas.ts';
import { assertStatus, gate, LENIENT, openStage, record, timed } from './stage.ts';

/** What a login comes to, on a server that nobody has guessed at. */
async function outcome(
  mapToGuest: 'never' | 'bad user',
  persona: Persona,
  login: LoginOptions,
): Promise<number | string> {
  const server = await startServer({
    configuration: configure({
      global: { ...LENIENT, mapToGuest },
      shares: [{ name: SHARE, path: '/', guestOk: true, readOnly: false }],
    }),
    shares: [{ name: SHARE, vfs: createMemoryVfs() }],
  });
  try {
    const connection = await server.connect(persona.connect);
    return (await connection.login({ guest: 'accept', ...login })).identity;
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  } finally {
    await server.close();
  }
}

const WRONG = { ...credentials, secret: 'Passw0rd?' };
const UNKNOWN = { user: 'passer-by', secret: 'x' };

for (const persona of [win11, macos15, scanner]) {
  test(`A17 a wrong password is LOGON_FAILURE, never a silent guest whom Windows blocks (${persona.name})`, async () => {
    const outcomes = await Promise.all([
      outcome('never', persona, WRONG),
      outcome('bad user', persona, WRONG),
      outcome('never', persona, UNKNOWN),
      outcome('bad user', persona, UNKNOWN),
      outcome('bad user', persona, credentials),
    ]);
    const refused = STATUS_LOGON_FAILURE;
    assert.deepEqual(outcomes, [refused, refused, refused, 'guest', 'user']);
  });
}

test('A19 a guest at 3.1.1 connects to the share unsigned', async () => {
  const stage = await openStage();
  const tree = await stage.enter(win11, GUEST);
  assert.equal(tree.session.connection.negotiated?.dialect, Dialect.SMB3_11);
  assert.equal(tree.session.identity, 'guest');
  const answer = await tree.request(createRequest(''));
  assertStatus(answer, STATUS_SUCCESS);
  assert.equal(answer.isSigned, false);
});

test('A19 what a guest signs with a key that he cannot have is taken as it is, and answered unsigned', async () => {
  const stage = await openStage();
  const tree = await stage.enter(win11, GUEST);
  const path = `\\\\server\\${SHARE}`;
  for (const fill of [0, 0x5a]) {
    const answer = await tree.session.request({
      ...treeConnectRequest(path),
      tamper: (message) => {
        addFlags(message, SMB2_FLAGS_SIGNED);
        setSignature(message, Buffer.alloc(16, fill));
        return message;
      },
    });
    assertStatus(answer, STATUS_SUCCESS);
    assert.equal(answer.isSigned, false);
  }
});

const isInterim = (frame: Buffer): boolean =>
  (getFlags(frame) & SMB2_FLAGS_ASYNC_COMMAND) !== 0 || getStatus(frame) === 0x103;

/** Longer than after which any other request is told to wait. */
const SLOW_MS = 1_300;

test('A42 a slow SESSION_SETUP has one answer: an interim response ends the login of some clients', async () => {
  const server = await startServer();
  const attempt = async () => {
    const connection = await server.connect({ ...win11.connect, timeoutMs: 5_000 });
    const tape = record(connection);
    const { ms } = await timed(() => connection.login(WRONG).catch(() => undefined));
    const frames = tape.filter((frame) => getCommand(frame) === Command.SESSION_SETUP);
    assert.deepEqual(
      frames.map((frame) => [getStatus(frame), isInterim(frame)]),
      [
        [STATUS_MORE_PROCESSING_REQUIRED, false],
        [STATUS_LOGON_FAILURE, false],
      ],
    );
    return ms;
  };
  try {
    // A wrong password is held for half a second, the next one behind it for another.
    const slowest = Math.max(...(await Promise.all([attempt(), attempt()])));
    assert.ok(slowest > SLOW_MS, `${slowest} ms: not slow enough to show anything`);
  } finally {
    await server.close();
  }
});

test('A42 a slow LOGOFF has one answer too', async () => {
  const slow = gate();
  const memory = createMemoryVfs();
  const vfs = createFaultyVfs(memory, {
    gate: ({ method }) => (method === 'remove' ? slow.opened : undefined),
  });
  const stage = await openStage({ vfs });
  const tree = await stage.enter();
  await tree.open('goes with the session', {
    access: DELETE | FILE_GENERIC_READ,
    disposition: FILE_OPEN_IF,
    options: FILE_DELETE_ON_CLOSE,
  });
  const tape = record(tree.session.connection);
  const logoff = tree.session.request({ command: Command.LOGOFF, body: encodeLogoffRequest() });
  setTimeout(() => slow.open(), SLOW_MS);
  assertStatus(await logoff, STATUS_SUCCESS);
  assert.deepEqual(tape.map(isInterim), [false]);
});

for (const persona of [win11, macos15, scanner]) {
  test(`B45 the answers to the end name their session and tree (${persona.name})`, async () => {
    const stage = await openStage();
    const tree = await stage.enter(persona);
    const { session, treeId } = tree;
    const disconnected = await tree.request(treeDisconnectRequest());
    assertStatus(disconnected, STATUS_SUCCESS);
    assert.deepEqual(
      [disconnected.header.sessionId, disconnected.header.treeId],
      [session.sessionId, treeId],
    );
    const ended = await session.request({
      command: Command.LOGOFF,
      body: encodeLogoffRequest(),
    });
    assertStatus(ended, STATUS_SUCCESS);
    assert.equal(ended.header.sessionId, session.sessionId);
    await session.connection.close();
  });
}
