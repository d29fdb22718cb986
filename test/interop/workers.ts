/**
 * A worker is killed while smbclient copies by way of another: the copy notices nothing, and another worker takes the
 * place of the one that was killed. Then the process that owns all opens is killed while a client holds durable ones.
 *
 *     npm run interop:workers
 *     npm run interop:workers -- --rounds 3 --megabytes 64
 */
import { randomBytes } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine } from '../support/command-line.ts';
import { findProgram, run } from '../support/process.ts';
import { startUsmbd, type Target } from '../support/target.ts';
import { ownerOf, ownerRound } from './workers-owner.ts';

const { values } = commandLine({
  options: {
    rounds: { type: 'string', default: '5' },
    'owner-rounds': { type: 'string', default: '3' },
    megabytes: { type: 'string', default: '256' },
  },
});

const WORKERS = 2;
const START_LIMIT_MS = 120_000;

/** Processes that are workers of the server with this keeper. */
function workersOf(keeper: number): number[] {
  const pid = ownerOf(keeper);
  if (pid === undefined) return [];
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
  return children
    .filter((child) => child !== '')
    .map(Number)
    .filter((child) => {
      try {
        return readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('worker');
      } catch {
        return false;
      }
    });
}

/** Connections of the server's port that this process has. */
function connectionsOf(pid: number, port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = new Set<string>();
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, address, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (address?.endsWith(local) && state === '01' && inode !== undefined) inodes.add(inode);
  }
  let count = 0;
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) count += 1;
    } catch {
      // Closed meanwhile.
    }
  }
  return count;
}

async function until<T>(what: string, look: () => T | undefined): Promise<T> {
  const endMs = performance.now() + START_LIMIT_MS;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`it did not come to this: ${what}`);
    await sleep(20);
  }
}

async function round(target: Target, smbclient: string, folder: string, n: number): Promise<void> {
  const { host, port, account, share, pid } = target;
  const all = await until('all workers are there', () => {
    const pids = workersOf(pid!);
    return pids.length === WORKERS ? pids : undefined;
  });
  const [sent, back] = [join(folder, 'sent'), join(folder, 'back')];
  writeFileSync(sent, randomBytes(Number(values.megabytes) << 20));
  const commands = `put ${sent} copied; get copied ${back}`;
  const copying = run(
    smbclient,
    [
      ...[`//${host}/${share}`, '-p', String(port)],
      ...['-U', `${account.user}%${account.password}`, '-c', commands],
    ],
    { timeoutMs: 300_000 },
  );
  const busy = await until('a worker has the connection', () =>
    all.find((worker) => connectionsOf(worker, port) > 0),
  );
  const idle = all.find((worker) => worker !== busy)!;
  await sleep(100 * n);
  process.kill(idle, 'SIGKILL');
  const { code, stdout, stderr } = await copying;
  if (code !== 0) throw new Error(`smbclient: exit ${code}\n${stdout}${stderr}`);
  if (!readFileSync(sent).equals(readFileSync(back))) throw new Error('the copy differs');
  target.assertAlive();
  await until('another worker takes its place', () => {
    const pids = workersOf(pid!);
    return pids.length === WORKERS && !pids.includes(idle) ? pids : undefined;
  });
  console.log(`round ${n}: worker ${idle} killed, the copy by way of ${busy} is whole`);
}

const smbclient = findProgram('smbclient');
if (smbclient === undefined) throw new Error('smbclient is missing: install it');
const folder = mkdtempSync(join(tmpdir(), 'usmbd-workers-'));
const target = await startUsmbd([`workers = ${WORKERS}`]);
try {
  const rounds = Number(values.rounds);
  for (let n = 1; n <= rounds; n++) await round(target, smbclient, folder, n);
  const ownerRounds = Number(values['owner-rounds']);
  for (let n = 1; n <= ownerRounds; n++) await ownerRound(target, n);
  console.log(`${rounds + ownerRounds} passed, 0 failed`);
} finally {
  await target.stop();
  rmSync(folder, { recursive: true });
}
