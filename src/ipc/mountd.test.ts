/** Both ends between the planes, on a real socket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import { unixSidMap } from '../dtyp/unix-sids.ts';
import type { Account, ControlPlane, ExchangeSeed, LoginStep } from './control-plane.ts';
import { prepareSocketFolder, socketAddress } from './control-socket.ts';
import type { DataPlane } from './data-plane.ts';
import { encodeFrame } from './events.ts';
import { Link, type LinkError } from './link.ts';
import { connectMountd, MountdClient, type MountdClientOptions } from './mountd-client.ts';
import { MOUNTD_EVENTS, MOUNTD_VERSION } from './mountd-events.ts';
import { listenMountd, type MountdListener } from './mountd-listener.ts';
import { SUMMARY } from './summary.support.test.ts';

const ended: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-mountd-'));
  ended.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

const ANN: Account = { name: 'ann', kind: 'user', identity: { uid: 7, gid: 8, groups: [9] } };
const CLIENT = { address: '192.0.2.1' };
const token = (text: string): Buffer => Buffer.from(text);

/** Answers a login's tokens by its seed, so that whoever answers must have been given the same one. */
function plane(over: Partial<ControlPlane> = {}): ControlPlane & { readonly log: string[] } {
  const log: string[] = [];
  return {
    log,
    negotiateToken: token('offer'),
    sids: unixSidMap,
    beginLogin({ address }, serverChallenge, seed) {
      log.push(`begin ${address} ${serverChallenge?.toString('hex')}`);
      let steps = 0;
      return {
        step: (given): LoginStep => step(given, ++steps, seed!),
        close: () => void log.push('login closed'),
      };
    },
    connectShare: (account, share, { address }) => {
      log.push(`connect ${account.name} ${share} ${address}`);
      if (share !== 'files') return { kind: 'no-such-share' };
      const access = { user: 'S-1-22-1-7', primaryGroup: 'S-1-22-2-8', privileges: 0 } as const;
      const sids = [access.user, access.primaryGroup];
      return {
        kind: 'granted',
        readOnly: true,
        identity: ANN.identity,
        token: { ...access, sids },
      };
    },
    shareUsed: (share, uses) => void log.push(`${share} ${uses}`),
    openPipe: (account, name, { sessionKey }) => {
      log.push(`open ${account.name} ${name} ${sessionKey?.toString()}`);
      const answers: Buffer[] = [];
      return {
        write(message) {
          if (message.toString() === 'wrong') return false;
          const pieces = message.toString() === 'much' ? 40 : 2;
          for (let i = 0; i < pieces; i++) answers.push(Buffer.alloc(60_000, i));
          return true;
        },
        read(limit) {
          const bytes = answers.shift();
          return bytes && { bytes: bytes.subarray(0, limit), more: false };
        },
        close: () => void log.push('pipe closed'),
      };
    },
    rap: async (_, parameters) => ({ parameters, data: token('data') }),
    ...over,
  };
}

function step(given: Buffer, steps: number, { challenge, time }: ExchangeSeed): LoginStep {
  const answer = token(`${given} ${steps} ${challenge.toString('hex')} ${time}`);
  if (given.toString() === 'bad') return { kind: 'refused', reason: 'logon-failure' };
  if (steps < 3) return { kind: 'continue', token: answer };
  return { kind: 'done', token: answer, account: ANN, sessionKey: Buffer.alloc(16, 1) };
}

async function listening(statePath: string, controlPlane = plane()): Promise<MountdListener> {
  const listener = await listenMountd({
    statePath,
    serverGuid: Buffer.alloc(16, 3),
    machineSid: 'S-1-5-21-1-2-3',
    controlPlane: () => controlPlane,
    pipes: ['srvsvc'],
    idBlocks: () => [],
    accountIds: () => [7],
    log: SILENT_LOGGER,
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= listener.close();
    return closing;
  };
  ended.push(close);
  return {
    close,
    get dataPlane() {
      return listener.dataPlane;
    },
    get administration() {
      return listener.administration;
    },
  };
}

async function connected(
  statePath: string,
  over: Partial<MountdClientOptions> = {},
): Promise<MountdClient> {
  const client = await connectMountd({
    statePath,
    log: SILENT_LOGGER,
    sids: () => unixSidMap,
    ...over,
  });
  ended.push(() => client.close());
  return client;
}

test('every call of the control plane, by the socket', async () => {
  const statePath = stateFolder();
  const controlPlane = plane();
  await listening(statePath, controlPlane);
  assert.equal(statSync(join(statePath, 'mountd')).mode & 0o777, 0o700);
  let facts: { accountIds: () => ReadonlySet<number> } | undefined;
  const client = await connected(statePath, {
    sids: (told) => {
      facts = told;
      return unixSidMap;
    },
  });
  assert.equal(client.negotiateToken.toString(), 'offer');
  assert.equal(client.machineSid, 'S-1-5-21-1-2-3');
  assert.deepEqual(client.serverGuid, Buffer.alloc(16, 3));
  assert.equal(client.sids, unixSidMap);
  assert.deepEqual([...facts!.accountIds()], [7]);

  const login = client.beginLogin(CLIENT, Buffer.alloc(8, 2));
  const steps = [await login.step(token('a')), await login.step(token('b'))];
  assert.deepEqual(
    steps.map(({ kind }) => kind),
    ['continue', 'continue'],
  );
  const done = await login.step(token('c'));
  assert.ok(done.kind === 'done');
  assert.deepEqual([done.account, done.sessionKey], [ANN, Buffer.alloc(16, 1)]);
  assert.equal('expiresAtMs' in done, false);
  login.close();
  const failed = await client.beginLogin(CLIENT).step(token('bad'));
  assert.deepEqual(failed, { kind: 'refused', reason: 'logon-failure' });

  const decision = await client.connectShare(ANN, 'files', CLIENT);
  assert.ok(decision.kind === 'granted');
  assert.deepEqual([decision.readOnly, decision.token.sids.length], [true, 2]);
  assert.deepEqual(await client.connectShare(ANN, 'none', CLIENT), { kind: 'no-such-share' });
  client.shareUsed('files', 2);
  const rap = await client.rap(ANN, token('enum'));
  assert.deepEqual(rap, { parameters: token('enum'), data: token('data') });
  assert.deepEqual(controlPlane.log, [
    'begin 192.0.2.1 0202020202020202',
    'login closed',
    'begin 192.0.2.1 undefined',
    'connect ann files 192.0.2.1',
    'connect ann none 192.0.2.1',
    'files 2',
  ]);
});

test('a pipe: its answers in pieces, more than one event holds', async () => {
  const statePath = stateFolder();
  const controlPlane = plane();
  await listening(statePath, controlPlane);
  const client = await connected(statePath);
  const by = { ...CLIENT, sessionKey: token('key') };
  assert.equal(client.openPipe(ANN, 'winreg', by), undefined);
  const pipe = client.openPipe(ANN, 'srvsvc', by)!;
  assert.equal(await pipe.write(token('call')), true);
  assert.deepEqual(pipe.read(10), { bytes: Buffer.alloc(10), more: true });
  assert.equal(pipe.read(70_000)!.bytes.length, 59_990);
  assert.deepEqual(pipe.read(70_000)!.bytes, Buffer.alloc(60_000, 1));
  assert.equal(pipe.read(1), undefined);
  const [first, second] = [pipe.write(token('much')), pipe.write(token('call'))];
  assert.deepEqual(await Promise.all([first, second]), [true, true]);
  let count = 0;
  while (pipe.read(70_000) !== undefined) count++;
  assert.equal(count, 42);
  assert.equal(await pipe.write(token('wrong')), false);
  pipe.close();
  await client.rap(ANN, token(''));
  assert.deepEqual(controlPlane.log, ['open ann srvsvc key', 'pipe closed']);
});

test('another control plane takes over: a login goes on, a pipe is broken, uses are told anew', async () => {
  const statePath = stateFolder();
  const first = await listening(statePath);
  const client = await connected(statePath);
  client.shareUsed('files', 3);
  const login = client.beginLogin(CLIENT);
  const before = await login.step(token('a'));
  const pipe = client.openPipe(ANN, 'srvsvc', { ...CLIENT, sessionKey: undefined })!;
  assert.equal(await pipe.write(token('call')), true);
  await first.close();
  const waiting = login.step(token('b'));
  const broken = pipe.write(token('call'));
  const controlPlane = plane();
  await listening(statePath, controlPlane);
  const after = await waiting;
  assert.ok(before.kind === 'continue' && after.kind === 'continue');
  const seed = (step: { readonly token: Buffer }) => step.token.toString().split(' ').slice(2);
  assert.deepEqual(seed(after), seed(before));
  assert.equal(after.token.toString().split(' ')[1], '2');
  assert.equal((await login.step(token('c'))).kind, 'done');
  assert.equal(await broken, false);
  assert.deepEqual(controlPlane.log, ['files 3', 'begin 192.0.2.1 undefined']);
});

test('nobody there: logins and tree connects fail after their time', async () => {
  const statePath = stateFolder();
  const listener = await listening(statePath);
  const client = await connected(statePath, { waitMs: 50 });
  await listener.close();
  const refused = await client.beginLogin(CLIENT).step(token('a'));
  assert.deepEqual(refused, { kind: 'refused', reason: 'unavailable' });
  assert.deepEqual(await client.connectShare(ANN, 'files', CLIENT), { kind: 'unavailable' });
  assert.equal(await client.rap(ANN, token('')), undefined);
});

test('it asks all processes of the data plane as if they were one', async () => {
  const statePath = stateFolder();
  const controlPlane = plane();
  const listener = await listening(statePath, controlPlane);
  assert.equal(listener.dataPlane, undefined);
  const dataPlane = (closes: number): DataPlane => ({
    summary: () => SUMMARY,
    connections: () => ({ next: () => undefined }),
    sessions: () => {
      let pages = closes;
      return { next: () => (pages-- > 0 ? [] : undefined) };
    },
    opens: () => ({ next: () => undefined }),
    closeOpen: (id) => id === closes,
    closeSession: () => false,
  });
  const [one, two] = [await connected(statePath), await connected(statePath)];
  await assert.rejects(async () => listener.dataPlane!.summary(), { problem: 'not-ready' });
  one.dataPlane = () => dataPlane(1);
  two.dataPlane = () => dataPlane(2);
  const all = listener.dataPlane!;
  assert.deepEqual(await all.summary(), {
    ...SUMMARY,
    ...{ connections: 6, sessions: 8, treeConnects: 10, opens: 12, disconnectedOpens: 14 },
    ...{ files: 16, locks: 18, waitingRequests: 20, bufferBytes: 22 },
    ...{ opensCreated: 24, sessionsEstablished: 26, loginFailures: 28, accessesDenied: 30 },
    ...{ readBytes: 32, writtenBytes: 34 },
  });
  const sessions = all.sessions({ user: undefined, share: undefined });
  let pages = 0;
  while ((await sessions.next()) !== undefined) pages++;
  assert.equal(pages, 3);
  assert.deepEqual(await Promise.all([1, 2, 3].map((id) => all.closeOpen(id))), [
    true,
    true,
    false,
  ]);
  one.shareUsed('files', 2);
  two.shareUsed('files', 3);
  await Promise.all([one, two].map((each) => each.rap(ANN, token(''))));
  assert.equal(controlPlane.log.at(-1), 'files 5');
  one.close();
  while (controlPlane.log.at(-1) !== 'files 3') await new Promise((go) => setTimeout(go, 5));
});

/** What is at the other end of a socket is up to the test. */
async function stranger(statePath: string, talk: (socket: Socket) => void): Promise<void> {
  prepareSocketFolder(statePath, 'mountd');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    talk(socket);
  }).listen(socketAddress(statePath, 'mountd').path);
  await once(server, 'listening');
  ended.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

test('one that hangs is told of, and one of another version is not spoken with', async () => {
  const hanging = stateFolder();
  await stranger(hanging, () => {});
  await new Promise<void>((resolve) => {
    const options = { statePath: hanging, log: SILENT_LOGGER, sids: () => unixSidMap };
    const onSilence = (): void => resolve();
    const client = new MountdClient({ ...options, heartbeatLimitMs: 20, onSilence });
    ended.push(() => client.close());
  });
  const other = stateFolder();
  const { hello } = MOUNTD_EVENTS;
  await stranger(other, (socket) => {
    socket.once('data', () =>
      socket.write(encodeFrame(hello.number, 1, hello.request, { processId: 1 }, 99)),
    );
  });
  await assert.rejects(connected(other), (error) => (error as LinkError).problem === 'version');
});

test("'ipc timeout' of another configuration counts for the control plane that is there", async () => {
  const statePath = stateFolder();
  const { hello } = MOUNTD_EVENTS;
  await stranger(statePath, (socket) => {
    const link = new Link(socket, { version: MOUNTD_VERSION, log: SILENT_LOGGER });
    link.serve(hello, () => ({
      processId: process.pid,
      serverGuid: Buffer.alloc(16),
      machineSid: 'S-1-5-21-1-2-3' as const,
      pipes: [],
      idBlocks: [],
      facts: { accountIds: [], negotiateToken: Buffer.alloc(0) },
    }));
    // Whoever is asked for a sign of life never has one.
    link.serve(MOUNTD_EVENTS.heartbeat, () => new Promise<never>(() => {}));
  });
  let isSilent = false;
  const onSilence = (): void => {
    isSilent = true;
  };
  const client = await connected(statePath, { onSilence });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(isSilent, false, 'within the limit of before');
  client.heartbeatLimitMs = 1_000;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(isSilent, true);
});

test('what is not understood ends the link, what is not known is refused', async () => {
  const statePath = stateFolder();
  await stranger(statePath, (socket) => {
    const link = new Link(socket, { version: MOUNTD_VERSION, log: SILENT_LOGGER });
    const { heartbeat } = MOUNTD_EVENTS;
    link.ask({ ...heartbeat, number: 77 }, {}).catch((error: unknown) => {
      socket.write(Buffer.from(`${(error as LinkError).problem}`.padEnd(40, '\xff'), 'latin1'));
    });
  });
  const { connect } = await import('node:net');
  const socket = connect(socketAddress(statePath, 'mountd').path);
  const link = new Link(socket, { version: MOUNTD_VERSION, log: SILENT_LOGGER });
  assert.equal((await link.ended)?.problem, 'malformed');
  await assert.rejects(link.ask(MOUNTD_EVENTS.heartbeat, {}), { problem: 'lost' });
});
