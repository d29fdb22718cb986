/**
 * NetBIOS by clients of others: Samba's nmblookup and nbtscan ask usmbd on UDP port 137, and smbclient, which finds the
 * server by its name there, has its sessions on TCP port 139. In a network namespace of its own, so that the ports are
 * free and nobody else hears of it.
 *
 *     npm run interop:netbios
 *
 * As root. Needs nmblookup (samba-common-bin), nbtscan, smbclient, ip and unshare.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../support/command-line.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { startUsmbd, type Target } from '../support/target.ts';
import { noise } from './sample-tree.ts';

const LIMIT_MS = 60_000;
const INSIDE = 'USMBD_TEST_NETNS';
const SETTINGS = [
  ...['disable netbios = no', 'netbios name = OFFICE', 'workgroup = ATELIER'],
  ...['server min protocol = NT1', 'server signing = auto'],
];
const DATA = noise(300_000, 'netbios');
const HERE = '127.0.0.1';
/** RFC 1002 4.3: of NetBIOS sessions. */
const SESSION_PORT = 139;
/** What smbclient would ask of a WINS server it asks of the one that has the name. */
const CLIENT = ['--option=name resolve order=wins', '--option=wins server=127.0.0.1'];

async function told(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(program, [...args], { timeoutMs: LIMIT_MS });
  return stdout + stderr;
}

/** `-s /dev/null`: none of this machine's settings. */
const nmblookup = (...args: readonly string[]) => told('nmblookup', '-s', '/dev/null', ...args);

async function nameIsTold(): Promise<void> {
  const answer = await nmblookup('-U', HERE, 'office');
  expect(/^127\.0\.0\.1 office<00>$/m.test(answer), tail(answer, 5));
}

async function strangersNameIsNot(): Promise<void> {
  const answer = await nmblookup('-U', HERE, 'elsewhere');
  expect(/name_query failed to find name elsewhere/.test(answer), tail(answer, 5));
}

async function nodeStatus(): Promise<void> {
  const answer = await nmblookup('-A', HERE);
  expect(/OFFICE\s+<20> -\s+\S/.test(answer), tail(answer, 10));
  expect(/ATELIER\s+<00> - <GROUP>/.test(answer), tail(answer, 10));
}

async function scan(): Promise<void> {
  const answer = await told('nbtscan', '-v', HERE);
  expect(/OFFICE\s+<20>\s+UNIQUE/.test(answer), tail(answer, 10));
  expect(/ATELIER\s+<00>\s+GROUP/.test(answer), tail(answer, 10));
}

/** Its first packet asks for a session with *SMBSERVER or OFFICE<20>; what is behind it is SMB as ever. */
async function session({ share, account }: Target, where: string, ...args: readonly string[]) {
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-netbios-'));
  try {
    const sent = join(scratch, 'sent');
    writeFileSync(sent, DATA);
    const who = ['-U', `${account.user}%${account.password}`];
    const commands = `lcd ${scratch}; put sent f; get f back; del f`;
    const how = [...CLIENT, '-p', String(SESSION_PORT), ...args, ...who];
    const said = await told(
      'smbclient',
      '-s',
      '/dev/null',
      ...how,
      `//${where}/${share}`,
      '-c',
      commands,
    );
    const back = join(scratch, 'back');
    expect(existsSync(back) && readFileSync(back).equals(DATA), tail(said, 8));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function inside(): Promise<void> {
  const tally = new Tally();
  const server = await startUsmbd(SETTINGS, {}, undefined, process.env, SESSION_PORT);
  try {
    await tally.check('nmblookup: the name', nameIsTold);
    await tally.check('nmblookup: the name of somebody else', strangersNameIsNot);
    await tally.check('nmblookup: the status of the node', nodeStatus);
    await tally.check('nbtscan', scan);
    await tally.check('smbclient on port 139, by address', () => session(server, HERE));
    await tally.check('smbclient on port 139, by name', () => session(server, 'OFFICE'));
    await tally.check('smbclient on port 139, by name, SMB1', () =>
      session(server, 'OFFICE', '-m', 'NT1', '--option=client min protocol=NT1'),
    );
  } finally {
    await server.stop();
  }
  tally.close();
}

commandLine({});
if (process.env[INSIDE] === '1') await inside();
else {
  for (const program of ['nmblookup', 'nbtscan', 'smbclient', 'ip', 'unshare']) {
    if (findProgram(program) !== undefined) continue;
    console.error(`${program} is not installed`);
    process.exit(2);
  }
  const script = 'ip link set lo up && exec "$0" "$@"';
  const self = [process.execPath, fileURLToPath(import.meta.url)];
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', script, ...self], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  process.exitCode = status ?? 1;
}
