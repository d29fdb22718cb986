/**
 * How clients of others find usmbd: wsdd, which asks as Windows does (WS-Discovery), and python3-zeroconf (multicast DNS),
 * from another host on the same network. Both hosts are network namespaces of this runner's own; nobody else hears of it.
 *
 *     npm run interop:discovery
 *
 * As root. Needs wsdd, python3-zeroconf, smbclient, ip and unshare.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../support/command-line.ts';
import { end, findProgram, run, start, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { addAccount, usmbd } from '../support/target.ts';

/** Set within the server's namespace: how the client's is called. */
const INSIDE = 'USMBD_TEST_CLIENT_NETNS';
const CLIENT = process.env[INSIDE] ?? `usmbd-client-${process.pid}`;
const SERVER_ADDRESS = '10.77.0.1';
const LIMIT_MS = 30_000;
/** Debian's, which has python3-zeroconf; another one may come before it. */
const PYTHON = '/usr/bin/python3';

/** Prints what is found and lost, a line each. */
const BROWSER = `
import json, sys, threading, zeroconf
lock = threading.Lock()
zc = zeroconf.Zeroconf(interfaces=['10.77.0.2'])
class Listener:
    def tell(self, what, name, kind):
        info = zc.get_service_info(kind, name, 3000) if what != 'lost' else None
        line = json.dumps({'what': what, 'name': name, 'port': info and info.port,
            'server': info and info.server, 'addresses': info and info.parsed_addresses(),
            'txt': info and {k.decode(): v.decode() for k, v in info.properties.items() if v is not None}})
        with lock: print(line, flush=True)
    def add_service(self, zc, kind, name): self.tell('found', name, kind)
    def update_service(self, zc, kind, name): self.tell('changed', name, kind)
    def remove_service(self, zc, kind, name): self.tell('lost', name, kind)
kinds = ['_smb._tcp.local.', '_adisk._tcp.local.', '_device-info._tcp.local.']
browsers = [zeroconf.ServiceBrowser(zc, kind, Listener()) for kind in kinds]
sys.stdin.read()
`;

/** Another server that is there already, under the same name. */
const NAMESAKE = `
import socket, sys, zeroconf
zc = zeroconf.Zeroconf(interfaces=['10.77.0.2'])
zc.register_service(zeroconf.ServiceInfo('_smb._tcp.local.', 'OFFICE._smb._tcp.local.', port=445,
    addresses=[socket.inet_aton('10.77.0.2')], server='elsewhere.local.'))
print('registered', flush=True)
sys.stdin.read()
`;

interface Found {
  readonly what: 'found' | 'changed' | 'lost';
  readonly name: string;
  readonly port: number | null;
  readonly server: string | null;
  readonly addresses: readonly string[] | null;
  readonly txt: Readonly<Record<string, string>> | null;
}

/** A program on the other host, and all that it has said. */
class Listening {
  readonly #child: ChildProcess;
  said = '';

  constructor(command: string, args: readonly string[]) {
    const words = ['netns', 'exec', CLIENT, command, ...args];
    this.#child = start('ip', words, { stdio: 'pipe', stdin: 'pipe' });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (piece: Buffer) => {
        this.said += piece.toString();
      });
    }
  }

  async until(isThere: (said: string) => boolean): Promise<void> {
    const deadline = performance.now() + LIMIT_MS;
    while (!isThere(this.said)) {
      expect(performance.now() < deadline, tail(this.said, 20) || 'it has said nothing');
      await delay(50);
    }
  }

  async stop(): Promise<void> {
    await end(this.#child);
  }
}

const services = ({ said }: Listening): Found[] =>
  said
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Found);

async function toldService(browser: Listening, name: string, what: Found['what']): Promise<Found> {
  const match = () => services(browser).find((one) => one.name === name && one.what === what);
  await browser.until(() => match() !== undefined);
  return match()!;
}

async function smbService(browser: Listening): Promise<void> {
  const { port, addresses, server } = await toldService(
    browser,
    'OFFICE._smb._tcp.local.',
    'found',
  );
  expect(port === 445, `port ${port}`);
  expect(addresses?.includes(SERVER_ADDRESS) === true, `${server} ${addresses}`);
}

async function deviceInfo(browser: Listening): Promise<void> {
  const { txt } = await toldService(browser, 'OFFICE._device-info._tcp.local.', 'found');
  expect(txt?.model === 'MacSamba', JSON.stringify(txt));
}

async function backupDisk(browser: Listening): Promise<void> {
  const { txt } = await toldService(browser, 'OFFICE._adisk._tcp.local.', 'found');
  const wanted = { sys: 'waMa=0,adVF=0x100', dk0: 'adVN=backups,adVF=0x82' };
  expect(JSON.stringify(txt) === JSON.stringify(wanted), JSON.stringify(txt));
}

async function shareList(): Promise<void> {
  const words = ['netns', 'exec', CLIENT, 'smbclient', '-s', '/dev/null', '-N', '-g', '-L'];
  const { stdout, stderr } = await run('ip', [...words, SERVER_ADDRESS], { timeoutMs: LIMIT_MS });
  expect(/^Disk\|backups\|/m.test(stdout), stdout + stderr);
}

const settings = (name: string, folder: string): string =>
  [
    '[global]',
    `netbios name = ${name}`,
    ...['workgroup = ATELIER', 'ws discovery = yes', 'multicast dns register = yes'],
    ...['fruit:model = MacSamba', 'restrict anonymous = 0'],
    '[backups]',
    ...[`path = ${folder}`, 'time machine = yes', 'guest ok = yes', 'read only = yes'],
    '',
  ].join('\n');

async function inside(): Promise<void> {
  const tally = new Tally();
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-discovery-'));
  const folder = join(scratch, 'backups');
  mkdirSync(folder);
  const config = join(scratch, 'usmbd.conf');
  const accounts = join(scratch, 'accounts.db');
  writeFileSync(config, settings('OFFICE', folder));
  await addAccount(config, accounts, 'root', 'Passw0rd!1');
  const state = join(scratch, 'state');
  const windows = new Listening(findProgram('wsdd')!, ['-D', '-o', '-v', '-s']);
  const finder = new Listening(PYTHON, ['-c', BROWSER]);
  await delay(2000);
  const words = [usmbd, 'serve', '--config', config, '--pwddb', accounts, '--state', state];
  let log = '';
  const serve = (): ChildProcess => {
    const served = start(process.execPath, words, { stdio: 'pipe' });
    for (const stream of [served.stdout, served.stderr]) {
      stream?.on('data', (piece: Buffer) => {
        log += piece.toString();
      });
    }
    return served;
  };
  let server = serve();
  let namesake: Listening | undefined;
  const discovered = (name: string, at: string) => () =>
    windows.until((said) => said.includes(`discovered ${name} in Workgroup:ATELIER on ${at}`));
  try {
    await tally.check('WS-Discovery by IPv4', discovered('OFFICE', SERVER_ADDRESS));
    await tally.check('WS-Discovery by IPv6', discovered('OFFICE', '[fe80::'));
    await tally.check('multicast DNS: _smb', () => smbService(finder));
    await tally.check('multicast DNS: _device-info', () => deviceInfo(finder));
    await tally.check('multicast DNS: a disk for Time Machine', () => backupDisk(finder));
    await tally.check('smbclient at the address that was told', shareList);
    await tally.check('another name, by "usmbd reload"', async () => {
      writeFileSync(config, settings('STUDIO', folder));
      const reload = [usmbd, 'reload', '--state', state];
      const { stdout, stderr, code } = await run(process.execPath, reload, { timeoutMs: LIMIT_MS });
      expect(code === 0, stdout + stderr);
      await discovered('STUDIO', SERVER_ADDRESS)();
      await toldService(finder, 'STUDIO._smb._tcp.local.', 'found');
      await toldService(finder, 'OFFICE._smb._tcp.local.', 'lost');
    });
    await tally.check('the end, with goodbyes', async () => {
      const before = windows.said.length;
      await end(server);
      await windows.until((said) => said.slice(before).includes('"Bye urn:uuid:'));
      await toldService(finder, 'STUDIO._smb._tcp.local.', 'lost');
    });
    await tally.check('another server has the name already', async () => {
      namesake = new Listening(PYTHON, ['-c', NAMESAKE]);
      await namesake.until((said) => said.includes('registered'));
      writeFileSync(config, settings('OFFICE', folder));
      server = serve();
      const { port } = await toldService(finder, 'OFFICE (2)._smb._tcp.local.', 'found');
      expect(port === 445, `port ${port}`);
      expect(log.includes('another server has this name'), tail(log, 5));
    });
  } finally {
    await Promise.all([end(server), windows.stop(), finder.stop(), namesake?.stop()]);
    rmSync(scratch, { recursive: true, force: true });
  }
  if (tally.failed > 0) console.log(tail(log, 30));
  tally.close();
}

const NETWORK = `
set -e
ip netns add ${CLIENT}
ip link add server type veth peer name client netns ${CLIENT}
ip addr add ${SERVER_ADDRESS}/24 dev server
ip -n ${CLIENT} addr add 10.77.0.2/24 dev client
for n in "ip" "ip -n ${CLIENT}"; do
  $n link set lo up
done
ip link set server up
ip -n ${CLIENT} link set client up
ip -n ${CLIENT} route add 224.0.0.0/4 dev client
# An address of IPv6 is asked about first.
sleep 3
exec "$0" "$@"`;

commandLine({});
if (process.env[INSIDE] !== undefined) await inside();
else {
  for (const program of ['wsdd', 'smbclient', 'ip', 'unshare']) {
    if (findProgram(program) !== undefined) continue;
    console.error(`${program} is not installed`);
    process.exit(2);
  }
  if (spawnSync(PYTHON, ['-c', 'import zeroconf']).status !== 0) {
    console.error('python3-zeroconf is not installed');
    process.exit(2);
  }
  const self = [process.execPath, fileURLToPath(import.meta.url)];
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', NETWORK, ...self], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: CLIENT },
  });
  spawnSync('ip', ['netns', 'del', CLIENT]);
  process.exitCode = status ?? 1;
}
