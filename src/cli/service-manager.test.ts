/** What systemd hears, by a receiver of datagrams in Python, which Node.js has none of. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import { missing } from '../native/library.ts';
import { ServiceManager } from './service-manager.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-notify-'));
after(() => rmSync(folder, { recursive: true }));
const hasPython = spawnSync('python3', ['--version']).status === 0;
const skip = missing !== undefined || !hasPython;

const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
told = ""
while not told.startswith("STOPPING"):
    told = s.recv(4096).decode()
    print(repr(told), flush=True)
`;

test('ready, watched over, reloading, stopping', { skip, timeout: 60_000 }, async () => {
  const path = join(folder, 'socket');
  const receiver = spawn('python3', ['-c', RECEIVER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let heard = '';
  receiver.stdout.on('data', (chunk) => {
    heard += chunk;
  });
  const said = async (text: string): Promise<void> => {
    while (!heard.includes(text)) await new Promise((go) => setTimeout(go, 10));
  };
  await said('bound');
  const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '20000', OTHER: 'x' };
  const manager = new ServiceManager(environment, SILENT_LOGGER);
  assert.deepEqual(environment, { OTHER: 'x' });
  manager.tell('ready', 'serves');
  await said("'READY=1\\nSTATUS=serves'");
  await said("'WATCHDOG=1'");
  manager.close();
  manager.tell('reloading');
  manager.tell('stopping');
  await once(receiver, 'close');
  assert.match(heard, /'RELOADING=1\\nMONOTONIC_USEC=\d+'\n'STOPPING=1'/);
});

test('without systemd nothing is said', () => {
  const manager = new ServiceManager({}, SILENT_LOGGER);
  manager.tell('ready');
  manager.close();
});
