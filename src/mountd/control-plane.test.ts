import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInitiator } from '../auth/initiator.ts';
import type { Credentials } from '../auth/ntlm-initiator.ts';
import { createLogger } from '../base/log.ts';
import { readConfiguration } from '../config/load.ts';
import type { Account, ControlPlane, LoginStep, ShareDecision } from '../ipc/control-plane.ts';
import { ClientAssociation } from '../rpc/client-association.ts';
import { SRVSVC } from '../rpc/srvsvc.ts';
import { type ControlPlaneOptions, createControlPlane } from './control-plane.ts';
import { FIRST_DELAY_MS } from './login-throttle.ts';
import { systemAccounts } from './system-accounts.ts';

const SYSTEM = systemAccounts(
  ['nobody:x:65534:65534::/:', 'ann:x:1000:100::/:', 'eve:x:1234:1234::/:'],
  ['staff:x:50:ann', 'users:x:100:'],
);
const NOBODY = { uid: 65534, gid: 65534, groups: [] };
const ANN = { uid: 1000, gid: 100, groups: [50] };
const CLIENT = { address: '192.0.2.9' };
const PIPE_CLIENT = { ...CLIENT, sessionKey: undefined };
const USERS = [
  { name: 'ann', password: 'tiger' },
  { name: 'bob', password: 'lion' },
];

function plane(text: string, options: Partial<ControlPlaneOptions> = {}): ControlPlane {
  return createControlPlane({
    configuration: readConfiguration(text, 'f').configuration,
    users: USERS,
    switchesIdentity: true,
    systemAccounts: () => SYSTEM,
    ...options,
  });
}

async function login(control: ControlPlane, credentials: Credentials): Promise<LoginStep> {
  const client = createInitiator({ credentials });
  const exchange = control.beginLogin(CLIENT);
  let step = await exchange.step(client.start());
  while (step.kind === 'continue') {
    const answer = client.step(step.token);
    assert.equal(answer.kind, 'continue');
    step = await exchange.step((answer as { token: Buffer }).token);
  }
  exchange.close();
  if (step.kind === 'done') {
    // A guest's key is known to the client only, so nothing can be proved to it.
    if (step.account.kind !== 'guest') assert.equal(client.step(step.token).kind, 'done');
    if (step.account.kind === 'user') assert.deepEqual(step.sessionKey, client.sessionKey);
  }
  return step;
}

async function accountOf(control: ControlPlane, credentials: Credentials): Promise<Account> {
  const step = await login(control, credentials);
  assert.equal(step.kind, 'done');
  return (step as LoginStep & { kind: 'done' }).account;
}

/** In this process decisions come at once. */
function connect(
  control: ControlPlane,
  ...rest: Parameters<ControlPlane['connectShare']>
): Decision {
  const decision = control.connectShare(...rest) as ShareDecision;
  if (decision.kind !== 'granted') return decision;
  const { token: _, ...granted } = decision;
  return granted;
}

/** Without the token, which has tests of its own. */
type Decision =
  | Exclude<ShareDecision, { kind: 'granted' }>
  | Omit<ShareDecision & { kind: 'granted' }, 'token'>;

const ann = { user: 'ann', secret: 'tiger' };
const stranger = { user: 'stranger', secret: 'x' };
const granted = (readOnly: boolean, identity: Account['identity']): Decision => ({
  kind: 'granted',
  readOnly,
  identity,
});

test('a login gives the account under its own name and the key of both sides', async () => {
  const control = plane('');
  const step = await login(control, { user: 'ANN', secret: 'tiger' });
  assert.equal(step.kind, 'done');
  assert.ok(step.kind === 'done' && step.sessionKey?.length === 16);
  const asked = { user: 'ANN', machine: undefined };
  assert.deepEqual(step.account, { name: 'ann', kind: 'user', identity: ANN, asked });
});

test('identities: chosen, system user, none, and the process itself', async () => {
  const identity = { uid: 7, gid: 8, groups: [] };
  const chosen = plane('', { users: [{ ...USERS[0]!, identity }] });
  assert.deepEqual((await accountOf(chosen, ann)).identity, identity);
  const unknown = await accountOf(plane('[a]\npath = /a\n'), { user: 'bob', secret: 'lion' });
  assert.deepEqual(unknown.identity, NOBODY);
  const control = plane('[a]\npath = /a\n[b]\npath = /b\nforce user = eve\n');
  assert.deepEqual(connect(control, unknown, 'a', CLIENT), { kind: 'denied' });
  assert.deepEqual(
    connect(control, unknown, 'b', CLIENT),
    granted(true, { uid: 1234, gid: 1234, groups: [] }),
  );
  const unprivileged = plane('', { switchesIdentity: false });
  assert.equal((await accountOf(unprivileged, ann)).identity, undefined);
});

test('a wrong password and an unknown user are refused alike, after the delay', async () => {
  for (const credentials of [{ user: 'ann', secret: 'lion' }, stranger]) {
    const start = performance.now();
    const step = await login(plane(''), credentials);
    assert.deepEqual(step, { kind: 'refused', reason: 'logon-failure' });
    assert.ok(performance.now() - start >= FIRST_DELAY_MS - 5);
  }
});

test('a connection that goes ends its delay', async () => {
  const control = plane('');
  const client = createInitiator({ credentials: stranger });
  const exchange = control.beginLogin(CLIENT);
  const first = await exchange.step(client.start());
  assert.equal(first.kind, 'continue');
  const second = client.step((first as { token: Buffer }).token) as { token: Buffer };
  const start = performance.now();
  const refusal = exchange.step(second.token);
  exchange.close();
  assert.deepEqual(await refusal, { kind: 'refused', reason: 'logon-failure' });
  assert.ok(performance.now() - start < FIRST_DELAY_MS / 2);
});

test('who guesses one account waits for a turn, right or wrong; nobody else does', async () => {
  const now = 1000;
  const control = createControlPlane({
    configuration: readConfiguration('', 'f').configuration,
    users: USERS,
    systemAccounts: () => SYSTEM,
    now: () => now,
  });
  const timed = async (credentials: typeof ann, client = CLIENT) => {
    const exchange = control.beginLogin(client);
    const initiator = createInitiator({ credentials });
    const challenge = (await exchange.step(initiator.start())) as { token: Buffer };
    const answer = initiator.step(challenge.token) as { token: Buffer };
    const step = exchange.step(answer.token);
    const isAtOnce = !(step instanceof Promise);
    if (!isAtOnce) exchange.close();
    return isAtOnce ? 'at once' : 'later';
  };
  for (let i = 0; i < 10; i++) await timed({ ...ann, secret: 'lion' });
  assert.equal(await timed(ann), 'later');
  assert.equal(await timed({ ...ann, user: 'bob', secret: 'lion' }), 'at once');
  assert.equal(await timed(ann, { address: '192.0.2.10' }), 'at once');
  const [{ user, failures, waitMs } = assert.fail()] = control.loginFailures();
  assert.deepEqual([user, failures], ['ann', 10]);
  assert.ok(waitMs > 0);
  assert.equal(control.forgetLoginFailures({ user: 'ANN', address: undefined }), 1);
  assert.equal(await timed(ann), 'at once');
});

test('map to guest = bad password: a wrong one makes a guest, late, and counts', async () => {
  const control = createControlPlane({
    configuration: readConfiguration('[global]\nmap to guest = bad password\n', 'f').configuration,
    users: USERS,
    systemAccounts: () => SYSTEM,
    switchesIdentity: true,
  });
  const start = performance.now();
  const guest = await accountOf(control, { ...ann, secret: 'lion' });
  assert.deepEqual(guest, { name: 'nobody', kind: 'guest', identity: NOBODY });
  assert.ok(performance.now() - start >= FIRST_DELAY_MS - 5);
  assert.equal(control.loginFailures()[0]?.failures, 1);
  assert.equal((await accountOf(control, stranger)).kind, 'guest');
  assert.equal((await accountOf(control, ann)).kind, 'user');
});

test('garbage is malformed at once', async () => {
  const step = await plane('').beginLogin(CLIENT).step(Buffer.from('nonsense'));
  assert.deepEqual(step, { kind: 'refused', reason: 'malformed' });
});

test('guest and anonymous only where configured', async () => {
  const anonymous = await login(plane(''), 'anonymous');
  assert.deepEqual(anonymous, { kind: 'refused', reason: 'logon-failure' });

  const open = plane(
    '[global]\nmap to guest = bad user\n[pub]\npath = /p\nguest ok = yes\n[own]\npath = /o\n',
  );
  const guest = await accountOf(open, stranger);
  assert.deepEqual(guest, { name: 'nobody', kind: 'guest', identity: NOBODY });
  const nobody = await accountOf(open, 'anonymous');
  assert.deepEqual(nobody, { name: '', kind: 'anonymous', identity: NOBODY });
  for (const account of [guest, nobody]) {
    assert.deepEqual(connect(open, account, 'pub', CLIENT), granted(true, NOBODY));
    assert.deepEqual(connect(open, account, 'own', CLIENT), { kind: 'denied' });
    assert.equal(connect(open, account, 'IPC$', CLIENT).kind, 'granted');
    assert.notEqual(open.openPipe(account, 'srvsvc', PIPE_CLIENT), undefined);
  }
  // Even so a wrong password is no guest.
  assert.equal((await login(open, { user: 'ann', secret: 'x' })).kind, 'refused');

  const closed = plane(
    '[global]\nmap to guest = bad user\nrestrict anonymous = 2\n[pub]\npath=/p\npublic=yes\n',
  );
  assert.deepEqual(connect(closed, guest, 'ipc$', CLIENT), { kind: 'denied' });
  assert.equal(connect(closed, guest, 'pub', CLIENT).kind, 'granted');
  assert.equal(closed.openPipe(guest, 'srvsvc', PIPE_CLIENT), undefined);
  const listing = plane('[global]\nrestrict anonymous = 0\n');
  assert.equal((await accountOf(listing, 'anonymous')).kind, 'anonymous');
});

test('shares are found without case; others are not there', () => {
  const control = plane('[Data]\npath = /d\nread only = no\n');
  const account: Account = { name: 'ann', kind: 'user', identity: ANN };
  assert.deepEqual(connect(control, account, 'dATA', CLIENT), granted(false, ANN));
  assert.deepEqual(connect(control, account, 'global', CLIENT), { kind: 'no-such-share' });
  assert.deepEqual(connect(control, account, 'data2', CLIENT), { kind: 'no-such-share' });
  assert.deepEqual(connect(control, account, 'ipc$', CLIENT), granted(false, ANN));
});

test('the uses of a share are told to administrators', () => {
  const control = plane('[Data]\npath = /d\nmax connections = 7\n');
  const root: Account = { name: 'r', kind: 'user', identity: { uid: 0, gid: 0, groups: [] } };
  const uses = (name: string) => {
    const pipe = control.openPipe(root, 'srvsvc', PIPE_CLIENT)!;
    const client = new ClientAssociation(SRVSVC);
    pipe.write(client.bind());
    client.bound(pipe.read(4280)!.bytes);
    const { NetrShareGetInfo } = SRVSVC.operations;
    const input = { serverName: null, netName: name, level: 2 };
    for (const fragment of client.request(NetrShareGetInfo, input)) pipe.write(fragment);
    const answer = client.answer(NetrShareGetInfo, pipe.read(4280)!.bytes);
    assert.ok(answer.kind === 'result' && answer.output.infoStruct.tag === 2);
    const { currentUses, maxUses } = answer.output.infoStruct.value!;
    return { currentUses, maxUses };
  };
  assert.deepEqual(uses('data'), { currentUses: 0, maxUses: 7 });
  control.shareUsed('Data', 3);
  control.shareUsed('IPC$', 1);
  assert.deepEqual(uses('data'), { currentUses: 3, maxUses: 7 });
  assert.deepEqual(uses('ipc$'), { currentUses: 1, maxUses: 0xffff_ffff });
  control.shareUsed('Data', 2);
  assert.equal(uses('data').currentUses, 2);
});

test('the lists of a share', () => {
  const decide = (lines: string, name = 'ann', address = CLIENT.address): string => {
    const control = plane(`[s]\npath = /s\n${lines}\n`, { switchesIdentity: false });
    const decision = connect(control, { name, kind: 'user', identity: undefined }, 's', {
      address,
    });
    if (decision.kind !== 'granted') return decision.kind;
    return decision.readOnly ? 'read-only' : 'read-write';
  };
  assert.equal(decide(''), 'read-only');
  assert.equal(decide('read only = no'), 'read-write');
  assert.equal(decide('valid users = bob'), 'denied');
  assert.equal(decide('valid users = ANN'), 'read-only');
  assert.equal(decide('valid users = @staff'), 'read-only');
  assert.equal(decide('valid users = @users'), 'read-only');
  assert.equal(decide('valid users = @users', 'bob'), 'denied');
  assert.equal(decide('valid users = ann\ninvalid users = @staff'), 'denied');
  assert.equal(decide('write list = ann'), 'read-write');
  assert.equal(decide('write list = ann\nread list = ann'), 'read-only');
  assert.equal(decide('read only = no\nread list = ann'), 'read-only');
  // Not past "valid users", as ksmbd has it.
  assert.equal(decide('write list = ann\nvalid users = bob'), 'denied');
  assert.equal(decide('hosts allow = 10.'), 'denied');
  assert.equal(decide('hosts allow = 10.', 'ann', '10.0.0.1'), 'read-only');
});

test('a server-wide list of hosts holds for every share and IPC$', () => {
  const control = plane('[global]\nhosts deny = 192.0.2.0/24\n[s]\npath = /s\nhosts allow = ALL\n');
  const account: Account = { name: 'ann', kind: 'user', identity: ANN };
  for (const share of ['s', 'IPC$']) {
    assert.deepEqual(connect(control, account, share, CLIENT), { kind: 'denied' });
    assert.equal(connect(control, account, share, { address: '::1' }).kind, 'granted');
  }
});

test('force user and force group', () => {
  const account: Account = { name: 'ann', kind: 'user', identity: ANN };
  const decide = (lines: string, options = {}) =>
    connect(plane(`[s]\npath = /s\n${lines}\n`, options), account, 's', CLIENT);
  assert.deepEqual(decide('guest ok = yes\nguest only = yes'), granted(true, NOBODY));
  assert.deepEqual(decide('guest only = yes'), granted(true, ANN));
  assert.deepEqual(decide('force group = staff'), granted(true, { ...ANN, gid: 50 }));
  assert.deepEqual(
    decide('force user = eve\nforce group = users'),
    granted(true, { uid: 1234, gid: 100, groups: [] }),
  );
  assert.deepEqual(decide('force user = none'), { kind: 'denied' });
  assert.deepEqual(decide('force group = none'), { kind: 'denied' });
  assert.deepEqual(
    decide('force user = eve', { switchesIdentity: false }),
    granted(true, undefined),
  );
});

test('no log line holds a secret', async () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ destination, debug: new Set(['auth']) });
  const control = plane('', { log });
  await login(control, ann);
  await login(control, { user: 'ann', secret: 'lion' });
  const text = lines.join('');
  assert.match(text, /login failed/);
  // The NT hash of "tiger" in hex and base64 as well.
  assert.doesNotMatch(text, /tiger|lion"|hash|[0-9a-f]{32}|[A-Za-z0-9+/]{22}==/);
});

test('bad users are a bug of the caller', () => {
  const make = (user: object) => () => plane('', { users: [user as never] });
  assert.throws(make({ name: 'a' }), TypeError);
  assert.throws(make({ name: 'a', password: 'x', ntHash: Buffer.alloc(16) }), TypeError);
  assert.throws(make({ name: 'a:b', password: 'x' }), TypeError);
  assert.throws(make({ name: 'a', ntHash: Buffer.alloc(15) }), TypeError);
  assert.throws(() => plane('', { users: [USERS[0]!, USERS[0]!] }), /twice/);
});

test('users are known by the SIDs of this machine, whoever a share makes of them', async () => {
  const control = plane('[own]\npath = /srv\n[forced]\npath = /srv\nforce user = eve\n', {
    machineSid: 'S-1-5-21-1-2-3',
  });
  const account = await accountOf(control, ann);
  const userOn = (share: string): string | undefined => {
    const decision = control.connectShare(account, share, CLIENT) as ShareDecision;
    return decision.kind === 'granted' ? decision.token.user : undefined;
  };
  assert.equal(userOn('own'), 'S-1-5-21-1-2-3-3000');
  // A system user without an account.
  assert.equal(userOn('forced'), 'S-1-22-1-1234');
  assert.equal(control.sids.userSid(1000), 'S-1-5-21-1-2-3-3000');
  assert.deepEqual(control.sids.groupsOf(1000), [100, 50]);
});

test('administrators of a share act as root there, where the server may', async () => {
  const text =
    '[s]\npath = /srv\nread only = no\nadmin users = @staff, stranger\nforce user = eve\nguest ok = yes\n';
  const root = { uid: 0, gid: 0, groups: [] };
  const control = plane(`[global]\nmap to guest = bad user\nguest account = nobody\n${text}`);
  const account = await accountOf(control, ann);
  assert.deepEqual(connect(control, account, 's', CLIENT), granted(false, root));
  const decision = control.connectShare(account, 's', CLIENT) as ShareDecision;
  assert.notEqual(decision.kind === 'granted' && decision.token.privileges, 0);
  // A guest is nobody's administrator, whatever name it comes by.
  const guest = await accountOf(control, stranger);
  const eve = { uid: 1234, gid: 1234, groups: [] };
  assert.deepEqual(connect(control, guest, 's', CLIENT), granted(false, eve));
  const plain = plane(text, { switchesIdentity: false });
  const same = await accountOf(plain, ann);
  assert.deepEqual(connect(plain, same, 's', CLIENT), granted(false, undefined));
});

test('"admin users" of [global] administer the server, and guests never do', () => {
  const control = plane(
    '[global]\nrestrict anonymous = 0\nadmin users = ann, @staff\n[Data]\npath = /d\n',
  );
  const pathOf = (account: Account) => {
    const pipe = control.openPipe(account, 'srvsvc', PIPE_CLIENT)!;
    const client = new ClientAssociation(SRVSVC);
    pipe.write(client.bind());
    client.bound(pipe.read(4280)!.bytes);
    const { NetrShareGetInfo } = SRVSVC.operations;
    const input = { serverName: null, netName: 'data', level: 2 };
    for (const fragment of client.request(NetrShareGetInfo, input)) pipe.write(fragment);
    const answer = client.answer(NetrShareGetInfo, pipe.read(4280)!.bytes);
    return answer.kind === 'result' ? answer.output.status : answer.kind;
  };
  assert.equal(pathOf({ name: 'ann', kind: 'user', identity: ANN }), 0);
  assert.equal(pathOf({ name: 'bob', kind: 'user', identity: NOBODY }), 5);
  assert.equal(pathOf({ name: 'ann', kind: 'guest', identity: ANN }), 5);
});
