/**
 * `npm run bench:nbench`: SMB1 beside Samba, by a client of others: smbtorture's bench.nbench with the load of
 * nbench-load.ts, on both servers in turns, by so many clients at once, on an ext4 of its own or in --folder as it is. A
 * ratio is the median of the rounds' own: what else the machine does changes from one round to the next. Ends with a
 * failure where one is below the goal. As root; needs samba, smbtorture and mkfs.ext4.
 *
 *     npm run bench:nbench -- --rounds 9 --seconds 10 --clients 4,16 --goal 1.5
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../test/support/command-line.ts';
import { findProgram, run, tail } from '../test/support/process.ts';
import { type Disk, makeDisk } from './disk.ts';
import { officeLoad } from './nbench-load.ts';
import { cpuSeconds } from './process-tree.ts';
import { startSamba } from './samba.ts';
import { ACCOUNT, type Server } from './server.ts';
import { median } from './statistics.ts';
import { startUsmbd } from './usmbd.ts';

const { values } = commandLine({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '10' },
    clients: { type: 'string', default: '16' },
    /** How often Samba's throughput the median has to be. */
    goal: { type: 'string', default: '1.5' },
    folder: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const goal = Number(values.goal);

const SMB1 = ['server min protocol = NT1'];
/** A server is warm when two samples cost it hardly less than the best before; V8 compiles for a minute. */
const WARM_GAIN = 0.95;
const MAX_WARM_UPS = 10;
/**
 * Of the client, whichever server it loads: glibc gives the pages of each 60 KiB that it writes back to the kernel and
 * takes them anew, since two such buffers are above M_TRIM_THRESHOLD. Where a page fault is dear, as in virtual
 * machines, that was 600 µs a write, ten times what either server takes for it, and most of what was measured.
 */
const CLIENT_MEMORY = { MALLOC_TRIM_THRESHOLD_: '268435456', MALLOC_TOP_PAD_: '1048576' };
/** What a run may take beside its seconds: folders are made and removed. */
const GRACE_MS = 120_000;

interface Sample {
  readonly megabytesPerSecond: number;
  readonly cpuSecondsPerGigabyte: number;
  /** Of smbtorture, whichever server it loads: what it takes of the machine no server can have. */
  readonly clientSecondsPerGigabyte: number;
}

const program = findProgram('smbtorture');
if (program === undefined) {
  console.error('smbtorture is not installed (Debian: apt-get install samba-testsuite)');
  process.exit(2);
}
const scratch = mkdtempSync(join(values.folder ?? tmpdir(), 'usmbd-nbench-'));
chmodSync(scratch, 0o755);
const disk = values.folder === undefined ? diskIn(scratch) : undefined;
const place = disk?.folder ?? scratch;
const loadFile = join(scratch, 'office.txt');
writeFileSync(loadFile, officeLoad());
const state = join(scratch, 'client');
mkdirSync(state, { mode: 0o700 });
const folders = ['private dir', 'lock directory', 'state directory', 'cache directory'];
const clientConfig = join(scratch, 'client.conf');
writeFileSync(
  clientConfig,
  `[global]\n\tclient min protocol = NT1\n${folders.map((key) => `\t${key} = ${state}\n`).join('')}`,
);

function diskIn(folder: string): Disk {
  try {
    return makeDisk(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    console.error(`no disk can be made here: ${(error as Error).message.trim()}`);
    console.error('run it as root with mkfs.ext4 (Debian: e2fsprogs), or say --folder FOLDER');
    process.exit(2);
  }
}

async function sample(server: Server, clients: number): Promise<Sample> {
  const before = cpuSeconds(server.pid);
  const allBefore = cpuSeconds(process.pid) - serversSeconds();
  const { stdout, stderr } = await run(
    program!,
    [
      ...[`--configfile=${clientConfig}`, `--basedir=${scratch}`, '--target=samba3'],
      ...[`--option=torture:loadfile=${loadFile}`, `--option=torture:nprocs=${clients}`],
      ...[`--option=torture:timelimit=${seconds}`, '--option=torture:progress=no'],
      ...['-p', String(server.port), '-m', 'NT1', '-U', `${ACCOUNT.user}%${ACCOUNT.password}`],
      ...[`//127.0.0.1/${server.share}`, 'bench.nbench'],
    ],
    {
      timeoutMs: seconds * 1000 + GRACE_MS,
      cwd: scratch,
      env: { ...process.env, ...CLIENT_MEMORY },
    },
  );
  server.assertAlive();
  const [, told] = /Throughput ([0-9.e+]+) MB\/sec/.exec(stdout) ?? [];
  // The load says what is expected of each operation: smbtorture tells what came instead, and goes on.
  const wrong = /^.*(?:NT_STATUS|failed|expected|not handled).*$/m.exec(
    stdout.replace(/^Running.*$/m, ''),
  );
  if (told === undefined || wrong !== null) {
    throw new Error(`${server.name}: ${wrong?.[0] ?? tail(stdout + stderr, 10)}`);
  }
  const megabytesPerSecond = Number(told);
  const spent = cpuSeconds(server.pid) - before;
  const spentByClient = cpuSeconds(process.pid) - serversSeconds() - allBefore;
  const gigabytes = (megabytesPerSecond * seconds) / 1000;
  return {
    megabytesPerSecond,
    cpuSecondsPerGigabyte: spent / gigabytes,
    clientSecondsPerGigabyte: spentByClient / gigabytes,
  };
}

const servers: Server[] = [];
const serversSeconds = (): number => servers.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);

async function warmUp(server: Server, clients: number): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  let since = 0;
  for (let i = 0; i < MAX_WARM_UPS && since < 2; i++) {
    const { cpuSecondsPerGigabyte } = await sample(server, clients);
    since = cpuSecondsPerGigabyte > least * WARM_GAIN ? since + 1 : 0;
    least = Math.min(least, cpuSecondsPerGigabyte);
  }
}

type Round = Readonly<Record<'usmbd' | 'samba', Sample>>;

const shown = ({ megabytesPerSecond: speed, cpuSecondsPerGigabyte: cpu }: Sample): string =>
  `${speed.toFixed(1)} MB/s, ${cpu.toFixed(2)} s of CPU a GB`;

/** Both servers, the first of them now the one and now the other. */
async function measure(usmbd: Server, samba: Server, clients: number): Promise<Round[]> {
  // Code that has not run yet is slow, in one of them.
  for (const server of [usmbd, samba]) await warmUp(server, clients);
  const all: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const early = i % 2 === 0 ? undefined : await sample(samba, clients);
    const own = await sample(usmbd, clients);
    const round = { usmbd: own, samba: early ?? (await sample(samba, clients)) };
    all.push(round);
    console.log(`usmbd ${shown(round.usmbd)}; Samba ${shown(round.samba)}`);
  }
  return all;
}

const medianOf = (all: readonly Round[], value: (round: Round) => number): number =>
  median(all.map(value))!;

/** The ratio of the throughputs. */
function report(all: readonly Round[], clients: number): number {
  const of = (name: keyof Round): Sample => ({
    megabytesPerSecond: medianOf(all, (round) => round[name].megabytesPerSecond),
    cpuSecondsPerGigabyte: medianOf(all, (round) => round[name].cpuSecondsPerGigabyte),
    clientSecondsPerGigabyte: medianOf(all, (round) => round[name].clientSecondsPerGigabyte),
  });
  const [own, samba] = [of('usmbd'), of('samba')];
  const times = (value: (one: Sample) => number): number =>
    medianOf(all, (round) => value(round.usmbd) / value(round.samba));
  const ratio = times((one) => one.megabytesPerSecond);
  const frugality = 1 / times((one) => one.cpuSecondsPerGigabyte);
  // Where all processors are busy, and as much of one as usmbd's one thread can use.
  const most = (one: Sample): number =>
    availableParallelism() / (one.cpuSecondsPerGigabyte + one.clientSecondsPerGigabyte);
  const bound = Math.min(most(own), 1 / own.cpuSecondsPerGigabyte) / most(samba);
  console.log(
    `${clients} clients, load ${loadavg()[0]!.toFixed(1)}: usmbd ${shown(own)}; Samba ${shown(samba)}: ` +
      `${ratio.toFixed(2)} times, ${frugality.toFixed(2)} times as much for its CPU; with all processors ` +
      `busy ${bound.toFixed(2)} would be the most, the client takes ${samba.clientSecondsPerGigabyte.toFixed(2)} s a GB`,
  );
  return ratio;
}

try {
  const usmbd = await startUsmbd(place, { settings: SMB1 });
  servers.push(usmbd);
  const samba = await startSamba(place, undefined, SMB1);
  servers.push(samba);
  for (const clients of values.clients.split(',').map(Number)) {
    if (report(await measure(usmbd, samba, clients), clients) >= goal) continue;
    console.log(`below the goal, ${goal} times`);
    process.exitCode = 1;
  }
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  disk?.remove();
  rmSync(scratch, { recursive: true, force: true });
}
