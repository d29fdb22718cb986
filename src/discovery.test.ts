/**
 * How the network hears of a server, by the processes that tell it. Ports of WS-Discovery are everybody's: this is the
 * only file of tests that has them.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SILENT_LOGGER } from './base/log.ts';
import { SetupError } from './base/setup-error.ts';
import { type ConfigurationInput, configure } from './config/configuration.ts';
import { createServer } from './create-server.ts';
import type { Announcement } from './discovery/announcement.ts';
import { DiscoveryProcess } from './discovery/discovery-process.ts';
import { DnsType, encodeDns } from './discovery/dns-message.ts';
import { MDNS_GROUP, MDNS_PORT } from './discovery/mdns-service.ts';
import { WSD_HTTP_PORT, WSD_PORT } from './discovery/wsd-service.ts';
import { announcementOf, Discovery } from './discovery.ts';

const HERE = '127.0.0.1';
const GUID = Buffer.from('a1f23b0aeed38e4a9d2c8c6b5a1f0e77', 'hex');
const UUID = '0a3bf2a1-d3ee-4a8e-9d2c-8c6b5a1f0e77';
const DISCOVERY = 'http://schemas.xmlsoap.org/ws/2005/04/discovery';
const ADDRESSING = 'http://schemas.xmlsoap.org/ws/2004/08/addressing';

const question = (action: string, to: string, body: string): Buffer =>
  Buffer.from(
    `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="${ADDRESSING}" xmlns:d="${DISCOVERY}">` +
      `<s:Header><a:To>${to}</a:To><a:Action>${action}</a:Action>` +
      `<a:MessageID>urn:uuid:${randomUUID()}</a:MessageID></s:Header><s:Body>${body}</s:Body></s:Envelope>`,
  );

/** What is answered to a Probe; undefined: nothing, for long enough. */
async function probe(): Promise<string | undefined> {
  const socket = createSocket('udp4');
  try {
    return await new Promise<string | undefined>((resolve) => {
      socket.on('error', () => resolve(undefined));
      socket.on('message', (packet) => resolve(packet.toString()));
      const asked = question(`${DISCOVERY}/Probe`, 'urn:x', '<d:Probe/>');
      socket.send(asked, WSD_PORT, HERE);
      setTimeout(() => resolve(undefined), 2500);
    });
  } finally {
    socket.close();
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly length: string | undefined;
}

function post(path: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const type = { 'content-type': 'application/soap+xml', ...headers };
    const where = { host: HERE, port: WSD_HTTP_PORT, path, method: 'POST', agent: false };
    const asked = request({ ...where, headers: type }, (response: IncomingMessage) => {
      let text = '';
      response.on('data', (piece: Buffer) => {
        text += piece.toString();
      });
      const { statusCode: status = 0, headers } = response;
      response.on('end', () => resolve({ status, text, length: headers['content-length'] }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const get = (uuid: string): Buffer =>
  question('http://schemas.xmlsoap.org/ws/2004/09/transfer/Get', `urn:uuid:${uuid}`, '');

const shownName = ({ text }: Answer): string | undefined =>
  /<pub:Computer>(.*)<\/pub:Computer>/.exec(text)?.[1];

const announced = { guid: GUID, port: 445, addresses: [HERE] };
const settings = (
  global: ConfigurationInput['global'],
  shares: ConfigurationInput['shares'] = [],
) => configure({ global: { netbiosName: 'OFFICE', workgroup: 'ATELIER', ...global }, shares });
const announcement = (...wanted: Parameters<typeof settings>): Announcement | undefined =>
  announcementOf(settings(...wanted), announced, { instance: 7, log: SILENT_LOGGER });

test('nothing is announced unless it is asked for', () => {
  assert.equal(announcement({}), undefined);
});

test('wsDiscovery, multicastDnsRegister and mdnsName say what is announced', () => {
  const wsd = announcement({ wsDiscovery: true });
  assert.equal(wsd?.services, null);
  assert.deepEqual(wsd?.device && { ...wsd.device, version: '' }, {
    ...{ uuid: UUID, name: 'OFFICE', workgroup: 'ATELIER', version: '', instance: 7 },
  });
  const shares = ['backups', 'photos', 'more'].map((name) => ({
    ...{ name, path: '/', readOnly: false, timeMachine: name !== 'photos' },
  }));
  const mdns = announcement({ multicastDnsRegister: true, appleModel: 'Xserve' }, shares);
  assert.equal(mdns?.device, null);
  assert.deepEqual(mdns?.services, {
    ...{ instance: 'OFFICE', port: 445, model: 'Xserve', backupDisks: ['backups', 'more'] },
  });
  const [host] = hostname().split('.');
  const named = announcement({ multicastDnsRegister: true, mdnsName: 'mdns' });
  assert.equal(named?.services?.instance, host);
});

test('a server that runs follows wsDiscovery and its name', async () => {
  const base = { signing: 'auto', netbiosName: 'ONE', workgroup: 'ATELIER' } as const;
  const server = createServer({ configuration: settings(base) });
  after(() => server.close());
  await server.listen({ port: 0, address: HERE });
  assert.equal(await probe(), undefined, 'off');

  await server.reload(settings({ ...base, wsDiscovery: true }));
  const match = await probe();
  const url = /<wsd:XAddrs>http:\/\/127\.0\.0\.1:5357(\/([^<]*))</.exec(match ?? '');
  assert.ok(url, match);
  const [, path = '', uuid = ''] = url;
  const answer = await post(path, get(uuid));
  assert.equal(shownName(answer), 'ONE/Workgroup:ATELIER');
  assert.equal(answer.length, String(Buffer.byteLength(answer.text)));

  await server.reload(settings({ ...base, wsDiscovery: true, netbiosName: 'TWO' }));
  assert.equal(shownName(await post(path, get(uuid))), 'TWO/Workgroup:ATELIER');

  assert.equal((await post('/other', get(uuid))).status, 404);
  assert.equal((await post(path, get(UUID))).status, 400, "another's");
  assert.equal((await post(path, Buffer.from('<a>'))).status, 400);
  assert.equal((await post(path, get(uuid), { 'content-type': 'text/plain' })).status, 415);
  await assert.rejects(post(path, Buffer.alloc(20_000, 0x20)), 'too long');

  await server.reload(settings(base));
  assert.equal(await probe(), undefined, 'off again');
  await assert.rejects(post(path, get(uuid)));
});

/** All that is answered to one who asks everybody on the loopback for servers. */
async function browse(): Promise<string> {
  const socket = createSocket('udp4');
  let said = '';
  socket.on('message', (packet) => {
    said += packet.toString('latin1');
  });
  await new Promise<void>((resolve) => socket.bind(0, HERE, resolve));
  socket.setMulticastInterface(HERE);
  const questions = [{ name: ['_smb', '_tcp', 'local'], type: DnsType.PTR, unicast: false }];
  socket.send(encodeDns({ questions }), MDNS_PORT, MDNS_GROUP);
  await delay(700);
  socket.close();
  return said;
}

test('a server that runs follows multicastDnsRegister and mdnsName', async () => {
  const base = { netbiosName: 'RELOADED', multicastDnsRegister: true } as const;
  const [host = ''] = hostname().split('.');
  const discovery = new Discovery(announced, SILENT_LOGGER);
  after(() => discovery.close());
  const shown = async (isThere: (said: string) => boolean): Promise<void> => {
    const deadline = performance.now() + 30_000;
    while (!isThere(await browse())) assert.ok(performance.now() < deadline);
  };
  await discovery.update(settings(base));
  await shown((said) => said.includes('RELOADED'));
  await discovery.update(settings({ ...base, mdnsName: 'mdns' }));
  await shown((said) => said.includes(`${host}\x04_smb`) && !said.includes('RELOADED'));
  await discovery.update(settings({}));
  const said = await browse();
  assert.ok(!said.includes('RELOADED') && !said.includes(`${host}\x04_smb`));
});

test('the process is nobody, and comes back when it is killed', async () => {
  const wanted = announcement({ wsDiscovery: true });
  const discovery = new DiscoveryProcess(wanted!, SILENT_LOGGER);
  after(() => discovery.close());
  await discovery.start();
  const pid = discovery.processId!;
  if (process.geteuid?.() === 0) {
    const ids = /^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    assert.equal(ids, [65_534, 65_534, 65_534, 65_534].join('\t'));
  }
  process.kill(pid, 'SIGKILL');
  const deadline = performance.now() + 30_000;
  while (discovery.processId === undefined || discovery.processId === pid) {
    assert.ok(performance.now() < deadline, 'another one is started');
    await delay(100);
  }
  assert.match((await probe()) ?? '', /ProbeMatches/);
});

test('one that is killed with its server is no hindrance to the next', async () => {
  const first = new DiscoveryProcess(announcement({ wsDiscovery: true })!, SILENT_LOGGER);
  await first.start();
  const leaving = first.close();
  const second = new DiscoveryProcess(announcement({ wsDiscovery: true })!, SILENT_LOGGER);
  after(() => second.close());
  await second.start();
  await leaving;
  assert.match((await probe()) ?? '', /ProbeMatches/);
  await second.close();
});

/** Serves, and has debug output of connections on from the first line it reads. */
const SWITCHED = `
  import { createLogger } from './src/base/log.ts';
  import { configure } from './src/config/configuration.ts';
  import { createServer } from './src/create-server.ts';
  const debug = new Set();
  const configuration = configure(JSON.parse(process.env.CONFIGURATION));
  const server = createServer({ configuration, log: createLogger({ debug, part: 'server' }) });
  await server.listen({ port: 0, address: '${HERE}' });
  console.log('announced');
  process.stdin.once('data', async () => {
    debug.add('conn');
    await server.debugChanged();
    console.log('switched');
  });
  process.stdin.once('end', () => server.close());
`;

test('debug output is switched while it runs, and nothing is started anew', async () => {
  const input: ConfigurationInput = { global: { signing: 'auto', wsDiscovery: true } };
  const server = spawn(process.execPath, ['--input-type=module', '--eval', SWITCHED], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, CONFIGURATION: JSON.stringify(input) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lines = createInterface({ input: server.stdout });
  const said = async (): Promise<string> => (await once(lines, 'line'))[0];
  let log = '';
  server.stderr.on('data', (piece: Buffer) => {
    log += piece.toString();
  });
  const isLogged = () => log.includes('malformed message');
  try {
    assert.equal(await said(), 'announced');
    const path = /5357(\/[^<]*)</.exec((await probe()) ?? '')?.[1] ?? '';
    assert.equal((await post(path, Buffer.from('<a>'))).status, 400);
    server.stdin.write('on');
    assert.equal(await said(), 'switched');
    assert.ok(!isLogged(), log);
    const deadline = performance.now() + 10_000;
    while (!isLogged()) {
      assert.ok(performance.now() < deadline, log);
      assert.equal((await post(path, Buffer.from('<a>'))).status, 400);
      await delay(50);
    }
    assert.match(log, /"part":"usmbd\/discovery"/);
  } finally {
    server.stdin.end();
    await once(server, 'exit');
  }
});

test('who listens again is announced, though a port was taken before', async () => {
  const holder = createTcpServer().listen(WSD_HTTP_PORT, HERE);
  await new Promise((resolve) => holder.once('listening', resolve));
  const server = createServer({ configuration: settings({ wsDiscovery: true }) });
  after(() => server.close());
  await assert.rejects(server.listen({ port: 0, address: HERE }), SetupError);
  await new Promise((resolve) => holder.close(resolve));
  await server.listen({ port: 0, address: HERE });
  assert.match((await probe()) ?? '', /ProbeMatches/);
  await server.close();
});

test('a port that another program has is a SetupError that says so', async () => {
  const holder = createTcpServer().listen(WSD_HTTP_PORT, HERE);
  await new Promise((resolve) => holder.once('listening', resolve));
  try {
    const discovery = new Discovery(announced, SILENT_LOGGER);
    const refused = discovery.update(settings({ wsDiscovery: true }));
    await assert.rejects(refused, (error: Error) => {
      assert.ok(error instanceof SetupError);
      return /EADDRINUSE.*wsdd/.test(error.message);
    });
    await discovery.close();
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
});
