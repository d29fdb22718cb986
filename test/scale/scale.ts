/**
 * `npm run scale`: a usmbd of its own under 1,000 idle connections, 15,000 open files on disk, 100,000 in
 * memory, the same with leases, and 10,000 locks, notifications and breaks that wait at once. It
 * tells what a connection and an open cost, and fails where that is more than it may be, where another
 * client has to wait, and where something is still held after all are gone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../../src/smb2/lock.ts';
import { commandLine } from '../support/command-line.ts';
import {
  acknowledge,
  fileName,
  folderName,
  hangUp,
  inParallel,
  leased,
  makeFiles,
  mount,
  mountMany,
  openFiles,
  plain,
  range,
  type Waiting,
  waitForBreaks,
  waitForChanges,
  waitForLocks,
} from './load.ts';
import { DISK, MEMORY, type Memory } from './server.ts';
import { ServerProcess } from './server-process.ts';
import { type Latency, Witness } from './witness.ts';

const { values } = commandLine({
  options: {
    connections: { type: 'string', default: '1000' },
    disk: { type: 'string', default: '15000' },
    memory: { type: 'string', default: '100000' },
    waiting: { type: 'string', default: '10000' },
  },
});
const idleConnections = Number(values.connections);
const diskOpens = Number(values.disk);
const memoryOpens = Number(values.memory);
const waitingRequests = Number(values.waiting);

const KiB = 1024;
const MAX_OPEN_BYTES = 2 * KiB;
const MAX_CONNECTION_BYTES = 64 * KiB;
/** A witness waits for no operation longer, while requests of others wait; and while they are made. */
const MAX_WAIT_MS = 1_000;
const MAX_WAIT_UNDER_LOAD_MS = 2_000;
/** Code that was compiled meanwhile, and tables that shrink later than they grow. */
const MAX_LEFT_BYTES = 6 * KiB * KiB;
const SETTLE_LIMIT_MS = 60_000;
/** Connections that files are opened by, and that waiting requests come from. */
const OPENERS = 50;
const WAITERS = 100;
const HOLDERS = 10;

const failures: string[] = [];
const check = (holds: boolean, what: string): void => {
  if (!holds) {
    failures.push(what);
    console.log(`  FAILED: ${what}`);
  }
};

const scratch = mkdtempSync(join(tmpdir(), 'usmbd-scale-'));
const server = await ServerProcess.start({ folder: scratch, statePath: join(scratch, '.state') });
const { port } = server;

const bytes = (n: number): string =>
  Math.abs(n) < 10 * KiB
    ? `${n.toFixed(0)} B`
    : Math.abs(n) < 10 * KiB * KiB
      ? `${(n / KiB).toFixed(1)} KiB`
      : `${(n / KiB / KiB).toFixed(1)} MiB`;

/** What each of `count` things has cost since `before`. */
function cost(what: string, count: number, before: Memory, now: Memory, limit: number): void {
  const heap = (now.heap - before.heap) / count;
  const rss = (now.rss - before.rss) / count;
  const text = `${what}: ${bytes(heap)} of heap and buffers, ${bytes(rss)} of RSS each`;
  console.log(`  ${text}${limit === Infinity ? '' : ` (at most ${bytes(limit)})`}`);
  check(heap <= limit, `${what}: ${bytes(heap)} of heap and buffers`);
  check(rss <= limit, `${what}: ${bytes(rss)} of RSS`);
}

async function attend(witness: Witness, doing: string, limitMs: number): Promise<Latency> {
  const latency = await witness.latency();
  const { operations, median, p99, slowest } = latency;
  const ms = [median, p99, slowest].map((n) => n.toFixed(1)).join(' / ');
  console.log(`  witness, ${doing}: ${operations} operations, ${ms} ms (median / p99 / slowest)`);
  check(operations > 0, `the witness was served while ${doing}`);
  check(slowest <= limitMs, `the witness waited ${slowest.toFixed(0)} ms while ${doing}`);
  return latency;
}

type Counts = Awaited<ReturnType<typeof counts>>;

async function counts() {
  const {
    connections,
    sessions,
    treeConnects,
    opens,
    files,
    locks,
    waitingRequests: waiting,
  } = await server.summary();
  const watches = await server.watches();
  const descriptors = server.descriptors();
  return {
    connections,
    sessions,
    treeConnects,
    opens,
    files,
    locks,
    waiting,
    watches,
    descriptors,
  };
}

/** Waits until the server holds what it should. */
async function settled(wanted: Partial<Counts>, when: string): Promise<void> {
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  const off = (now: Counts): string[] =>
    Object.entries(wanted)
      .filter(([name, n]) => now[name as keyof Counts] !== n)
      .map(([name, n]) => `${name} ${now[name as keyof Counts]}, not ${n}`);
  for (;;) {
    const now = await counts();
    const wrong = off(now);
    if (wrong.length === 0) return;
    if (performance.now() > deadline) return check(false, `${when}: ${wrong.join(', ')}`);
    await sleep(100);
  }
}

/** Compiles what is used later, and lets tables and pools have their size. */
async function warmUp(): Promise<void> {
  for (const share of [DISK, MEMORY]) {
    const trees = await mountMany(port, share, 20);
    const count = share === DISK ? diskOpens : memoryOpens + waitingRequests;
    await makeFiles(trees[0]!, count);
    for (const how of [plain, leased]) {
      const files = await openFiles(trees, Math.min(2_000, count), how);
      await inParallel(files, 40, (file) => file.close());
    }
    await hangUp(trees);
  }
}

async function measureConnections(base: Memory): Promise<() => Promise<unknown>> {
  console.log(`${idleConnections} idle connections, each with a session and a tree connect`);
  const idle = await mountMany(port, MEMORY, idleConnections);
  await settled({ connections: idleConnections }, 'idle connections');
  cost('a connection', idleConnections, base, await server.memory(), MAX_CONNECTION_BYTES);
  return () => hangUp(idle);
}

async function measureOpens(
  what: string,
  share: string,
  count: number,
  how: typeof plain | typeof leased,
): Promise<() => Promise<unknown>> {
  console.log(`${count} ${what}`);
  const trees = await mountMany(port, share, OPENERS);
  const start = await server.summary();
  const before = await server.memory();
  await openFiles(trees, count, how);
  await settled({ opens: start.opens + count, files: start.files + count }, what);
  cost('an open', count, before, await server.memory(), MAX_OPEN_BYTES);
  return () => hangUp(trees);
}

async function measureListing(): Promise<void> {
  const { opens } = await server.summary();
  const listing = await server.list();
  console.log(`a listing of ${listing.opens} opens: ${listing.tookMs.toFixed(0)} ms`);
  // The witness opens and closes its file meanwhile.
  check(Math.abs(listing.opens - opens) <= 1, `${listing.opens} opens listed, not ${opens}`);
}

const part = (of: number): number => Math.floor(waitingRequests / WAITERS / of);

/** A third each of locks, notifications and breaks, all of them unanswered at once. */
async function measureWaiting(witness: Witness): Promise<void> {
  const [locks, folders] = [part(3), part(3)];
  const breaks = waitingRequests / WAITERS - locks - folders;
  console.log(`${waitingRequests} requests that wait: locks, notifications, breaks of leases`);
  const holders = await mountMany(port, MEMORY, HOLDERS);
  const first = holders[0]!;
  const access = plain().access;
  // Nobody else has these files open: whoever had a lease on one would be waited for.
  const leasedName = (n: number): string => fileName(memoryOpens + n);
  const lockedName = (n: number): string => leasedName(breaks * WAITERS + n);
  const held = await inParallel(range(locks), 8, (n) => first.open(lockedName(n), { access }));
  const whole = { offset: 0n, length: BigInt(WAITERS), flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
  for (const file of held) await file.lock([whole]);
  await inParallel(range(breaks * WAITERS), 80, (n) =>
    holders[n % HOLDERS]!.open(leasedName(n), leased(n)),
  );
  const trees = await mountMany(port, MEMORY, WAITERS);
  const waiters = trees.map((tree): Waiting => ({ tree, exchanges: [] }));
  const before = await server.memory();
  const { waitingRequests: waitingBefore } = await server.summary();
  await witness.latency();
  await inParallel(waiters, 20, async (waiter, i) => {
    await waitForLocks(waiter, range(locks).map(lockedName), i);
    await waitForChanges(waiter, range(folders).map(folderName));
  });
  await inParallel(waiters, 20, (waiter, i) =>
    waitForBreaks(
      waiter,
      range(breaks).map((n) => leasedName(i * breaks + n)),
    ),
  );
  await settled({ waiting: waitingBefore + waitingRequests }, 'waiting');
  await attend(witness, 'requests that wait are made', MAX_WAIT_UNDER_LOAD_MS);
  await sleep(3_000);
  await settled({ waiting: waitingBefore + waitingRequests }, 'waiting still');
  await attend(witness, 'all of them wait', MAX_WAIT_MS);
  cost('a request that waits', waitingRequests, before, await server.memory(), Infinity);

  // Half of them lose their connection, the others get what they wait for.
  const half = WAITERS / 2;
  await hangUp(trees.slice(0, half));
  await settled({ waiting: waitingBefore + waitingRequests / 2 }, 'half of them gone');
  await Promise.all(holders.map(acknowledge));
  await Promise.all(held.map((file) => file.close()));
  for (const n of range(folders)) {
    const name = `${folderName(n)}\\new`;
    await (await first.open(name, { access, disposition: FILE_OPEN_IF })).close();
  }
  const answers = await Promise.all(
    waiters.slice(half).flatMap(({ exchanges }) => exchanges.map(({ answer }) => answer)),
  );
  const granted = answers.filter(({ status }) => status === STATUS_SUCCESS).length;
  check(granted === waitingRequests / 2, `${granted} of ${waitingRequests / 2} were granted`);
  await settled({ waiting: waitingBefore, locks: granted > 0 ? locks * half : 0 }, 'granted');
  await hangUp([...trees.slice(half), ...holders]);
}

async function run(): Promise<void> {
  await warmUp();
  await settled({ connections: 0, opens: 0, locks: 0 }, 'after the warm-up');
  const start = await counts();
  const base = await server.memory();
  console.log(`at rest: ${bytes(base.heap)} of heap and buffers, ${bytes(base.rss)} of RSS`);

  const ends = [await measureConnections(base)];
  const witness = await Witness.start(port);
  await sleep(1_000);
  await attend(witness, 'nothing happens', MAX_WAIT_MS);
  ends.push(await measureOpens('opens on disk', DISK, diskOpens, plain));
  await attend(witness, 'files are opened on disk', MAX_WAIT_UNDER_LOAD_MS);
  const end = await measureOpens('opens in memory', MEMORY, memoryOpens, plain);
  await attend(witness, 'files are opened in memory', MAX_WAIT_UNDER_LOAD_MS);
  await end();
  await settled({ opens: diskOpens }, 'opens in memory gone');
  ends.push(await measureOpens('opens in memory with leases', MEMORY, memoryOpens, leased));
  await attend(witness, 'others go and files are opened with leases', MAX_WAIT_UNDER_LOAD_MS);
  await measureListing();
  await attend(witness, 'all of it is listed', MAX_WAIT_UNDER_LOAD_MS);
  await measureWaiting(witness);
  await attend(witness, 'they are answered', MAX_WAIT_UNDER_LOAD_MS);

  console.log('all of them go');
  await Promise.all(ends.map((end) => end()));
  await settled({ connections: 1, sessions: 1, locks: 0, waiting: 0, watches: 0 }, 'gone');
  await attend(witness, 'they go', MAX_WAIT_UNDER_LOAD_MS);
  await witness.stop();
  await settled(start, 'at rest again');
  const now = await server.memory();
  const left = now.heap - base.heap;
  console.log(`  ${bytes(left)} of heap and buffers more than before, RSS ${bytes(now.rss)}`);
  check(left <= MAX_LEFT_BYTES, `${bytes(left)} of heap and buffers are not given back`);
}

try {
  await run();
  await mountAgain();
} finally {
  await server.stop();
  rmSync(scratch, { recursive: true });
}

/** It serves as before. */
async function mountAgain(): Promise<void> {
  const tree = await mount(port, DISK);
  await (await tree.open(fileName(0))).close();
  await hangUp([tree]);
}

console.log(failures.length === 0 ? 'ok' : `${failures.length} failed`);
process.exit(failures.length === 0 ? 0 : 1);
