/**
 * `npm run bench:nbench`: SMB1 beside Samba, by a client of others: smbtorture's bench.nbench with the load of
 * nbench-load.ts, on both servers in turns. Ends with a failure below the goal. As root; needs samba and smbtorture.
 *
 *     npm run bench:nbench -- --rounds 5 --seconds 20 --clients 4 --goal 1.5
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../test/support/command-line.ts';
import { findProgram, run, tail } from '../test/support/process.ts';
import { officeLoad } from './nbench-load.ts';
import { cpuSeconds } from './process-tree.ts';
import { startSamba } from './samba.ts';
import { ACCOUNT, type Server } from './server.ts';
import { median } from './statistics.ts';
import { startUsmbd } from './usmbd.ts';

const { values } = commandLine({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '20' },
    clients: { type: 'string', default: '4' },
    /** How often Samba's throughput the median has to be. */
    goal: { type: 'string', default: '1.5' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const goal = Number(values.goal);

const SMB1 = ['server min protocol = NT1'];
/** A server is warm when a sample costs it hardly less than the one before; V8 compiles for minutes. */
const WARM_GAIN = 0.95;
const MAX_WARM_UPS = 6;
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
const scratch = mkdtempSync(join(tmpdir(), 'usmbd-nbench-'));
chmodSync(scratch, 0o755);
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

async function sample(server: Server): Promise<Sample> {
  const before = cpuSeconds(server.pid);
  const allBefore = cpuSeconds(process.pid) - serversSeconds();
  const { stdout, stderr } = await run(
    program!,
    [
      ...[`--configfile=${clientConfig}`, `--basedir=${scratch}`, '--target=samba3'],
      ...[`--option=torture:loadfile=${loadFile}`, `--option=torture:nprocs=${values.clients}`],
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

async function warmUp(server: Server): Promise<void> {
  let before = Number.POSITIVE_INFINITY;
  for (let i = 0; i < MAX_WARM_UPS; i++) {
    const { cpuSecondsPerGigabyte } = await sample(server);
    if (cpuSecondsPerGigabyte > before * WARM_GAIN) return;
    before = cpuSecondsPerGigabyte;
  }
}

try {
  servers.push(
    await startUsmbd(scratch, { settings: SMB1 }),
    await startSamba(scratch, undefined, SMB1),
  );
  // Code that has not run yet is slow, in one of them.
  for (const server of servers) await warmUp(server);
  const samples = servers.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, server] of servers.entries()) {
      const one = await sample(server);
      samples[i]!.push(one);
      console.log(
        `${server.name.padEnd(6)} ${one.megabytesPerSecond.toFixed(1)} MB/s, ` +
          `${one.cpuSecondsPerGigabyte.toFixed(2)} s of CPU a GB, the client ` +
          one.clientSecondsPerGigabyte.toFixed(2),
      );
    }
  }
  const [own, samba] = samples.map((of) => median(of.map((one) => one.megabytesPerSecond)));
  const [ownCpu, sambaCpu] = samples.map((of) =>
    median(of.map((one) => one.cpuSecondsPerGigabyte)),
  );
  const ratio = own! / samba!;
  const clientCpu = median(samples.flat().map((one) => one.clientSecondsPerGigabyte))!;
  // Where all processors are busy, and as much of one as usmbd's one thread can use.
  const most = (ofServer: number): number => availableParallelism() / (ofServer + clientCpu);
  const bound = Math.min(most(ownCpu!), 1 / ownCpu!) / most(sambaCpu!);
  console.log(
    `load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}, ${values.clients} clients`,
  );
  console.log(
    `usmbd ${own!.toFixed(1)} MB/s, Samba ${samba!.toFixed(1)} MB/s: ${ratio.toFixed(2)} times; ` +
      `CPU ${ownCpu!.toFixed(2)} and ${sambaCpu!.toFixed(2)} s a GB: ${(sambaCpu! / ownCpu!).toFixed(2)} times`,
  );
  console.log(
    `the client takes ${clientCpu.toFixed(2)} s a GB: with all processors busy no more than ` +
      `${bound.toFixed(2)} times by these figures`,
  );
  if (ratio < goal) {
    console.log(`below the goal, ${goal} times`);
    process.exitCode = 1;
  }
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(scratch, { recursive: true, force: true });
}
