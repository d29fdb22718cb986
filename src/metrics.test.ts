/** `metrics port`: what is counted, and what strangers get there. */
import assert from 'node:assert/strict';
import { createServer as createHttpServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { SetupError } from './base/setup-error.ts';
import { connect } from './client/connect.ts';
import { createServer } from './create-server.ts';
import { createMemoryVfs } from './vfs/memory/memory.ts';

const ADDRESS = '127.0.0.1';
const PASSWORD = 'tiger';

/** Somebody holds it meanwhile, and then nobody. */
async function freePort(): Promise<{ port: number; release(): Promise<void> }> {
  const holder = createHttpServer().listen(0, ADDRESS);
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as AddressInfo;
  return { port, release: () => new Promise((resolve) => holder.close(() => resolve())) };
}

const serverAt = (metricsPort: number) =>
  createServer({
    shares: [{ name: 'photos', vfs: createMemoryVfs() }],
    users: [{ name: 'ann', password: PASSWORD, identity: { uid: 1000, gid: 1000, groups: [] } }],
    global: { metricsPort },
  });

interface Answer {
  readonly status: number;
  readonly text: string;
}

function ask(port: number, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: ADDRESS, port, path, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const { port: metricsPort, release } = await freePort();
await release();
const server = serverAt(metricsPort);
const listening = await server.listen({ port: 0, address: ADDRESS });
after(() => server.close());

async function figure(line: string): Promise<number | undefined> {
  const { text } = await ask(metricsPort, '/metrics');
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

test('requests by command and result, bytes by share, and what is there now', async () => {
  assert.equal(listening.metricsPort, metricsPort);
  const connection = await connect({ host: ADDRESS, port: listening.port });
  const tree = await (await connection.login({ user: 'ann', secret: PASSWORD })).treeConnect(
    'photos',
  );
  await tree.writeFile('a', Buffer.alloc(70_000));
  await tree.readFile('a');
  const file = await tree.open('a');
  await assert.rejects(tree.open('nowhere'));
  assert.equal(await figure('usmbd_written_bytes_total{share="photos"}'), 70_000);
  assert.equal(await figure('usmbd_read_bytes_total{share="photos"}'), 70_000);
  assert.equal(await figure('usmbd_requests_total{command="CREATE",result="error"}'), 1);
  assert.equal(await figure('usmbd_requests_total{command="CREATE",result="ok"}'), 3);
  // The first answer of a login is no failure.
  assert.equal(await figure('usmbd_requests_total{command="SESSION_SETUP",result="error"}'), 0);
  assert.equal(await figure('usmbd_connections'), 1);
  assert.equal(await figure('usmbd_sessions'), 1);
  assert.equal(await figure('usmbd_opens'), 1);
  await assert.rejects(connection.login({ user: 'ann', secret: 'lion' }));
  assert.equal(await figure('usmbd_requests_total{command="SESSION_SETUP",result="error"}'), 1);
  await file.close();
  await connection.close();
  assert.ok((await figure('process_resident_memory_bytes'))! > 1e6);
});

test('names of users and files are not told', async () => {
  const { text } = await ask(metricsPort, '/metrics');
  assert.doesNotMatch(text, /\bann\b|nowhere/);
});

test('nothing but /metrics is there, and nothing is done', async () => {
  assert.equal((await ask(metricsPort, '/')).status, 404);
  assert.equal((await ask(metricsPort, '/metrics', 'POST')).status, 405);
  assert.equal((await ask(metricsPort, '/metrics?x=1')).status, 200);
});

test('a port that somebody has: the server does not start, and says which parameter to change', async () => {
  const { port, release: giveUp } = await freePort();
  const other = serverAt(port);
  await assert.rejects(other.listen({ port: 0, address: ADDRESS }), (error) => {
    assert.ok(error instanceof SetupError);
    assert.match(error.message, /EADDRINUSE.*change "metrics port"/);
    return true;
  });
  await giveUp();
  await other.close();
});
