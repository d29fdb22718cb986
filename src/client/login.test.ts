/** Logins of all kinds, and what a client refuses of them. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  credentials,
  OTHER_USER,
  PASSWORD,
  SHARE,
  startServer,
  USER,
} from '../../test/support/in-process-server.ts';
import { Mechanism } from '../auth/spnego.ts';
import { configure } from '../config/configuration.ts';
import { STATUS_LOGON_FAILURE, STATUS_USER_SESSION_DELETED } from '../dtyp/ntstatus.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';
import { ProtocolViolation, StatusError } from './client-error.ts';
import { echoRequest, treeConnectRequest } from './requests.ts';

const strict = await startServer();
const welcoming = await startServer({
  configuration: configure({
    global: { mapToGuest: 'bad user', signing: 'auto', restrictAnonymous: 0 },
    shares: [{ name: SHARE, path: '/', readOnly: false, guestOk: true }],
  }),
  shares: [{ name: SHARE, vfs: createMemoryVfs() }],
});
after(() => Promise.all([strict.close(), welcoming.close()]));

const status = (expected: number) => (error: Error) =>
  error instanceof StatusError && error.status === expected;

test('a wrong password, an unknown user, nobody', async () => {
  for (const wrong of [{ secret: 'wrong' }, { user: 'nobody' }]) {
    const connection = await strict.connect({ timeoutMs: 10_000 });
    const login = connection.login({ ...credentials, ...wrong });
    await assert.rejects(login, status(STATUS_LOGON_FAILURE));
  }
  const connection = await strict.connect({ timeoutMs: 10_000 });
  await assert.rejects(connection.login({}), status(STATUS_LOGON_FAILURE));
});

test('without SPNEGO', async () => {
  const tree = await strict.mount({}, { raw: true });
  assert.equal((await tree.list('')).length, 2);
});

test('NTLM as the second choice, the MIC of the mechanisms late', async () => {
  const mechTypes = [Mechanism.KRB5, Mechanism.NTLMSSP];
  for (const initiator of [{ mechTypes }, { mechTypes, mechListMic: 'omit' as const }]) {
    const tree = await strict.mount({}, { initiator });
    assert.equal((await tree.list('')).length, 2);
  }
});

test('a guest is refused unless wished for', async () => {
  const guest = { user: 'passer-by', secret: 'x' };
  const refusing = (await welcoming.connect()).login(guest);
  await assert.rejects(refusing, /made a guest/);
  const connection = await welcoming.connect();
  const session = await connection.login({ ...guest, guest: 'accept' });
  assert.equal(session.identity, 'guest');
  assert.equal(session.signer, undefined);
  const tree = await session.treeConnect(SHARE);
  assert.equal((await tree.list('')).length, 2);
});

test('anonymous, where it may be', async () => {
  const session = await (await welcoming.connect()).login({});
  assert.equal(session.identity, 'anonymous');
  assert.equal((await session.request(echoRequest())).status, 0);
});

test('at 3.1.1 the end of a login is signed though signing is not required', async () => {
  const connection = await welcoming.connect();
  assert.equal(connection.negotiated.signingRequired, false);
  const session = await connection.login({ user: USER, secret: PASSWORD, sign: false });
  assert.equal((await session.request(echoRequest())).isSigned, false);
  // TREE_CONNECT is signed by the client whatever the policy.
  await session.treeConnect(SHARE);
});

test('login anew: the same user goes on, another does not', async () => {
  const tree = await strict.mount();
  await tree.writeFile('kept', Buffer.from('kept'));
  const file = await tree.open('kept');
  await tree.session.reauthenticate();
  assert.equal((await file.read(0, 4)).toString(), 'kept');
  await assert.rejects(tree.session.reauthenticate({ user: OTHER_USER }));
});

test('LOGOFF', async () => {
  const tree = await strict.mount();
  const { session } = tree;
  await session.logoff();
  const answer = await session.request(treeConnectRequest(`\\\\x\\${SHARE}`));
  assert.equal(answer.status, STATUS_USER_SESSION_DELETED);
});

test('PreviousSessionId ends the session of a connection that was lost', async () => {
  const before = await strict.mount();
  const now = await strict.mount({}, { previousSessionId: before.session.sessionId });
  const answer = await before.session.request(treeConnectRequest('\\\\x\\files'));
  assert.equal(answer.status, STATUS_USER_SESSION_DELETED);
  assert.ok((await now.list('')).length >= 2);
});

test('VALIDATE_NEGOTIATE_INFO with another SecurityMode ends the connection', async () => {
  const connection = await strict.connect({ dialects: [0x0300] });
  const session = await connection.login(credentials);
  const { request } = connection.negotiated;
  Object.assign(request, { securityMode: request.securityMode ^ 2 });
  await assert.rejects(session.treeConnect(SHARE), /closed|ended|reset/i);
});

test('a server that cannot prove the password is refused', async () => {
  // A login as the user, to a server that takes everybody for a guest.
  const login = (await welcoming.connect()).login({ user: 'tester2', secret: PASSWORD });
  await assert.rejects(login, ProtocolViolation);
});
