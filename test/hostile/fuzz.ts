/**
 * The long fuzzer: `npm run fuzz [-- --messages N --seed N]`; `-- --rpc` sends 100,000 changed stubs to each interface,
 * `-- --smb1` speaks SMB1. usmbd runs as a process of its own on a
 * folder with a FIFO in it; random and changed messages come from strangers and users, some peers
 * fall silent in mid-message, and a well-behaved client wants to be served meanwhile. It fails when that
 * client waits for more than two seconds, when the server dies, says "internal error", sends what real
 * clients refuse or does not answer, and when its memory grows.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { startUsmbd } from '../support/target.ts';
import { campaign } from './fuzz/campaign.ts';
import type { Findings } from './fuzz/findings.ts';
import { errorsIn } from './fuzz/server-log.ts';
import { fuzzStubs } from './fuzz/stubs.ts';

const { values } = commandLine({
  options: {
    /** The interfaces of DCE/RPC, and what the planes' processes send each other, in place of a server. */
    rpc: { type: 'boolean', default: false },
    /** Every command, subcommand and level of SMB1, in chains too, on a server that speaks it. */
    smb1: { type: 'boolean', default: false },
    messages: { type: 'string', default: '100000' },
    /** Sent before memory is watched: V8 lets its young generation grow for some 150,000 messages. */
    'warm-up': { type: 'string', default: '200000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
if (values.rpc) process.exit(await fuzzStubs(Number(values.messages)));
const warmUp = Number(values['warm-up']);
const messages = Number(values.messages) + warmUp;
const seed = Number(values.seed);

const PAGE_BYTES = 4096;
const SAMPLE_MS = 200;
const MAX_GROWTH = 1.05;
/** So that what the fuzzer makes neither fills the disk nor slows the listings down. */
const CLEAN_EVERY_MESSAGES = 2_000;
const KEPT = new Set(['fifo', 'witness', 'fuzz folder']);

console.log(`seed ${seed}, ${values.messages} messages after a warm-up of ${warmUp}`);
const target = await startUsmbd(
  values.smb1 ? ['server min protocol = NT1', 'server signing = auto'] : ['smb3 compression = yes'],
);
const folder = target.folder!;
execFileSync('mkfifo', [join(folder, 'fifo')]);

const samples: { sent: number; rss: number }[] = [];
let sentSoFar = 0;
const rssOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
const sampler = setInterval(() => {
  try {
    samples.push({ sent: sentSoFar, rss: rssOf(target.pid!) });
  } catch {
    // It has ended, which assertAlive tells.
  }
}, SAMPLE_MS);

let cleaned = 0;
function onProgress(findings: Findings): boolean {
  sentSoFar = findings.sent;
  if (findings.sent - cleaned > CLEAN_EVERY_MESSAGES) {
    cleaned = findings.sent;
    for (const name of readdirSync(folder)) {
      if (!KEPT.has(name)) rmSync(join(folder, name), { recursive: true, force: true });
    }
    console.log(`${findings.sent} sent, RSS ${(rssOf(target.pid!) / 2 ** 20).toFixed(0)} MiB`);
  }
  target.assertAlive();
  return true;
}

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length);
const MiB = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const failures: string[] = [];
try {
  const start = performance.now();
  const { findings, corpus, slowestMs, operations } = await campaign({
    target: {
      host: target.host,
      port: target.port,
      share: target.share,
      user: target.account.user,
      password: target.account.password,
    },
    messages,
    seed,
    smb1: values.smb1,
    onProgress,
  });
  target.assertAlive();
  const seconds = (performance.now() - start) / 1000;
  const watched = samples.filter(({ sent }) => sent >= warmUp);
  const quarter = (i: number): number => {
    const from = warmUp + ((messages - warmUp) * i) / 4;
    const to = warmUp + ((messages - warmUp) * (i + 1)) / 4;
    return mean(watched.filter(({ sent }) => sent >= from && sent < to).map(({ rss }) => rss));
  };
  const quarters = [0, 1, 2, 3].map(quarter);
  if (!values.smb1) {
    const { commands, strangers } = corpus;
    console.log(`corpus: ${commands.length} messages of users, ${strangers.length} of strangers`);
  }
  console.log(findings.summary());
  console.log(`${seconds.toFixed(0)} s, ${(findings.sent / seconds).toFixed(0)} messages a second`);
  console.log(`witness: ${operations} operations, the slowest ${slowestMs.toFixed(0)} ms`);
  console.log(`RSS by quarter: ${quarters.map(MiB).join(', ')}`);
  if (findings.problems.size > 0) failures.push('there are problems');
  if (operations === 0) failures.push('the witness did nothing');
  const growth = quarters[3]! / quarters[0]!;
  if (!(growth <= MAX_GROWTH)) failures.push(`memory grew by ${((growth - 1) * 100).toFixed(1)} %`);
  const log = readFileSync(join(dirname(folder), 'usmbd.log'), 'utf8');
  const bugs = errorsIn(log);
  if (bugs.length > 0) failures.push(`the log has ${bugs.length} errors, first: ${bugs[0]}`);
} finally {
  clearInterval(sampler);
  await target.stop();
}
for (const failure of failures) console.log(`FAILED: ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
