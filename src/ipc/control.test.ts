/** Both ends of the control socket, on a real one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import {
  MAX_CONTROL_CLIENTS,
  MAX_CONTROL_LISTINGS,
  MAX_CONTROL_REQUEST_BYTES,
} from '../base/limits.ts';
import { type Logger, SILENT_LOGGER } from '../base/log.ts';
import { missing } from '../native/library.ts';
import { ControlError, type ControlProblem, connectControl } from './control-client.ts';
import { type ControlListener, listenControl } from './control-listener.ts';
import type { ConnectionRecord, DataPlane, Listing } from './data-plane.ts';
import {
  CONTROL_VERSION,
  EVENTS,
  encodeFrame,
  FAILURE,
  type Frame,
  FrameBuffer,
  failure,
} from './events.ts';
import { decode } from './fields.ts';
import { SUMMARY } from './summary.support.test.ts';

const connectionOf = (connectionId: number): ConnectionRecord => ({
  connectionId,
  address: '192.0.2.1',
  port: 445,
  dialect: undefined,
  clientGuid: Buffer.alloc(16),
  signing: undefined,
  cipher: undefined,
  compression: undefined,
  idleMs: 0,
  sessions: 0,
  credits: 1,
  waitingRequests: 0,
  rdma: undefined,
});

/** `pages` pages of one connection each, the second of them empty. */
function pages(count: number): Listing<ConnectionRecord> {
  let page = 0;
  return {
    next() {
      page += 1;
      if (page > count) return undefined;
      return page === 2 ? [] : [connectionOf(page)];
    },
  };
}

const plane = (over: Partial<DataPlane> = {}): DataPlane => ({
  summary: () => SUMMARY,
  connections: () => pages(3),
  sessions: () => pages(0) as Listing<never>,
  opens: () => {
    throw new Error('this one is broken');
  },
  closeOpen: (openId) => openId === 7,
  closeSession: (sessionId) => Promise.resolve(sessionId === 8),
  ...over,
});

const folders: string[] = [];
const listeners: ControlListener[] = [];
afterEach(async () => {
  for (const one of listeners.splice(0)) await one.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const stateFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-control-'));
  folders.push(folder);
  return folder;
};

async function listening(
  dataPlane: () => DataPlane | undefined = () => plane(),
  { statePath = stateFolder(), log = SILENT_LOGGER as Logger } = {},
): Promise<{ statePath: string; listener: ControlListener }> {
  const listener = await listenControl({ statePath, dataPlane, log });
  listeners.push(listener);
  return { statePath, listener };
}

const problem = (wanted: ControlProblem) => (error: unknown) =>
  error instanceof ControlError && error.problem === wanted;

async function all<T>(listing: Listing<T>): Promise<T[]> {
  const records: T[] = [];
  for (;;) {
    const page = await listing.next();
    if (page === undefined) return records;
    records.push(...page);
  }
}

test('questions are answered, listings in pages', async () => {
  const { statePath } = await listening();
  const server = await connectControl(statePath);
  assert.deepEqual(await server.summary(), SUMMARY);
  const listing = server.connections();
  const found = await all(listing);
  assert.deepEqual(
    found.map(({ connectionId }) => connectionId),
    [1, 3],
  );
  assert.deepEqual(found[0], connectionOf(1));
  assert.equal(await listing.next(), undefined);
  assert.deepEqual(await all(server.sessions({ user: undefined, share: undefined })), []);
  server.close();
});

test('the folder is its owner’s alone, and nothing stays behind', async () => {
  const { statePath, listener } = await listening();
  assert.equal(statSync(join(statePath, 'control')).mode & 0o777, 0o700);
  const server = await connectControl(statePath);
  listeners.splice(0);
  await listener.close();
  await assert.rejects(server.summary(), problem('lost'));
  assert.equal(existsSync(join(statePath, 'control')), false);
  await assert.rejects(connectControl(statePath), problem('no-server'));
});

test('what a killed server left is taken over', async () => {
  const statePath = stateFolder();
  mkdirSync(join(statePath, 'control'), { mode: 0o755 });
  const code = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', code, join(statePath, 'control', 'socket')]);
  assert.ok(statSync(join(statePath, 'control', 'socket')).isSocket());
  await assert.rejects(connectControl(statePath), problem('no-server'));
  await listening(undefined, { statePath });
  assert.equal(statSync(join(statePath, 'control')).mode & 0o777, 0o700);
  (await connectControl(statePath)).close();
});

test('a state folder with a long path', { skip: process.platform !== 'linux' }, async () => {
  const statePath = join(stateFolder(), 'n'.repeat(200), 'state');
  mkdirSync(statePath, { recursive: true });
  const { listener } = await listening(undefined, { statePath });
  const server = await connectControl(statePath);
  assert.deepEqual(await server.summary(), SUMMARY);
  server.close();
  listeners.splice(0);
  await listener.close();
  assert.equal(existsSync(join(statePath, 'control')), false);
});

test('no folder, a file in its place, a server that is not ready, one with a bug', async () => {
  const statePath = stateFolder();
  await assert.rejects(connectControl(join(statePath, 'none')), problem('no-server'));
  writeFileSync(join(statePath, 'file'), '');
  await assert.rejects(connectControl(join(statePath, 'file')), problem('no-server'));
  await listening(() => undefined, { statePath });
  const server = await connectControl(statePath);
  await assert.rejects(server.summary(), problem('not-ready'));
  server.close();
  const errors: string[] = [];
  const log = { ...SILENT_LOGGER, error: (message: string) => void errors.push(message) };
  const broken = await connectControl((await listening(undefined, { log })).statePath);
  const opens = broken.opens({ filter: { user: undefined, share: undefined }, ranges: false });
  await assert.rejects(async () => opens.next(), problem('internal-error'));
  assert.equal(errors.length, 1);
  assert.deepEqual(await broken.summary(), SUMMARY);
  broken.close();
});

/** Bytes of one's own; gives the frames that come back until the server ends it. */
async function rawClient(statePath: string) {
  const socket = connect(join(statePath, 'control', 'socket'));
  socket.on('error', () => {});
  const buffer = new FrameBuffer(1 << 20);
  const frames: Frame[] = [];
  socket.on('data', (chunk: Buffer) => frames.push(...buffer.push(chunk)));
  await once(socket, 'connect');
  return {
    socket,
    frames,
    async answer(request: Buffer): Promise<Frame> {
      socket.write(request);
      while (frames.length === 0) await once(socket, 'data');
      return frames.shift()!;
    },
  };
}

const reasonOf = ({ event, body }: Frame): string =>
  event === FAILURE ? decode(failure, body, 'failure').reason : `event ${event}`;

test('a client of another version, or one that talks rubbish', async () => {
  const { statePath } = await listening();
  const { socket, answer } = await rawClient(statePath);
  const summary = encodeFrame(EVENTS.summary.number, 9, EVENTS.summary.request, {});
  const other = Buffer.from(summary);
  other.writeUInt16LE(CONTROL_VERSION + 1, 4);
  const told = await answer(other);
  assert.deepEqual([reasonOf(told), told.version, told.sequence], ['version', CONTROL_VERSION, 9]);
  const unknown = Buffer.from(summary);
  unknown.writeUInt16LE(77, 6);
  assert.equal(reasonOf(await answer(unknown)), 'unknown-event');
  const long = Buffer.concat([summary, Buffer.alloc(1)]);
  long.writeUInt32LE(1, 0);
  assert.equal(reasonOf(await answer(long)), 'malformed');
  const nowhere = encodeFrame(EVENTS.connections.number, 1, EVENTS.connections.request, {
    cursor: 5,
    query: {},
  });
  assert.equal(reasonOf(await answer(nowhere)), 'cursor');
  assert.equal(reasonOf(await answer(summary)), `event ${EVENTS.summary.number}`);
  const endless = Buffer.from(summary);
  endless.writeUInt32LE(MAX_CONTROL_REQUEST_BYTES + 1, 0);
  socket.write(endless);
  await once(socket, 'close');
});

test('listings that are begun and left make room for new ones', async () => {
  const { statePath } = await listening();
  const { socket, answer } = await rawClient(statePath);
  const ask = async (cursor: number): Promise<string | number> => {
    const { request, response, number } = EVENTS.connections;
    const frame = await answer(encodeFrame(number, 1, request, { cursor, query: {} }));
    return frame.event === FAILURE
      ? reasonOf(frame)
      : decode(response, frame.body, 'answer').cursor;
  };
  const cursors: (string | number)[] = [];
  for (let n = 0; n <= MAX_CONTROL_LISTINGS; n++) cursors.push(await ask(0));
  assert.equal(new Set(cursors).size, MAX_CONTROL_LISTINGS + 1);
  assert.equal(await ask(Number(cursors[0])), 'cursor');
  assert.equal(await ask(Number(cursors[1])), cursors[1]);
  socket.destroy();
});

test('a server of another version, and one that answers what was not asked', async () => {
  const { statePath, listener } = await listening();
  listeners.splice(0);
  const { createServer } = await import('node:net');
  await listener.close();
  mkdirSync(join(statePath, 'control'));
  const reply = encodeFrame(EVENTS.summary.number, 1, EVENTS.summary.response, SUMMARY);
  const answers = [
    (() => {
      const other = Buffer.from(reply);
      other.writeUInt16LE(7, 4);
      return other;
    })(),
    encodeFrame(EVENTS.summary.number, 2, EVENTS.summary.response, SUMMARY),
    encodeFrame(EVENTS.opens.number, 1, EVENTS.summary.response, SUMMARY),
    Buffer.concat([reply, reply]),
    Buffer.alloc(12, 0xff),
    reply.subarray(0, 20),
  ];
  const server = createServer((socket) => {
    socket.once('data', () => {
      const next = answers.shift()!;
      if (next.length === 20) socket.end(next);
      else socket.write(next);
    });
  }).listen(join(statePath, 'control', 'socket'));
  await once(server, 'listening');
  const asked = async (): Promise<unknown> => {
    const client = await connectControl(statePath);
    return client.summary().finally(() => client.close());
  };
  await assert.rejects(
    asked(),
    (error) => problem('version')(error) && (error as ControlError).version === 7,
  );
  await assert.rejects(asked(), problem('malformed'));
  await assert.rejects(asked(), problem('malformed'));
  assert.deepEqual(await asked(), SUMMARY);
  await assert.rejects(asked(), problem('malformed'));
  await assert.rejects(asked(), problem('lost'));
  server.close();
});

test('only so many at once', async () => {
  const warnings: string[] = [];
  const log = { ...SILENT_LOGGER, warn: (message: string) => void warnings.push(message) };
  const { statePath } = await listening(undefined, { log });
  const clients = [];
  for (let n = 0; n < MAX_CONTROL_CLIENTS; n++) {
    const client = await connectControl(statePath);
    assert.deepEqual(await client.summary(), SUMMARY);
    clients.push(client);
  }
  const late = await connectControl(statePath);
  await assert.rejects(late.summary(), problem('lost'));
  assert.equal(warnings.length, 1);
  clients.pop()!.close();
  for (const client of clients) client.close();
});

const isRoot = process.geteuid?.() === 0;

test('another user is turned away, even where the folder lets it in', {
  skip: !isRoot || missing !== undefined,
}, async () => {
  const reasons: unknown[] = [];
  const log = {
    ...SILENT_LOGGER,
    warn: (_: string, details: unknown) => void reasons.push(details),
  };
  const { statePath } = await listening(undefined, { log });
  const code = `
    const socket = require('node:net').connect(process.argv[1], () => console.log('in'));
    socket.on('error', (error) => console.log(error.code)).on('close', () => console.log('out'));`;
  const stranger = async (): Promise<string> => {
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['-e', code, join(statePath, 'control', 'socket')], {
      uid: 65_534,
      cwd: '/',
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    await once(child, 'close');
    return text;
  };
  assert.equal(await stranger(), 'EACCES\nout\n');
  chmodSync(statePath, 0o755);
  chmodSync(join(statePath, 'control'), 0o755);
  chmodSync(join(statePath, 'control', 'socket'), 0o666);
  assert.equal(await stranger(), 'in\nout\n');
  assert.match(JSON.stringify(reasons), /user 65534, process/);
});
