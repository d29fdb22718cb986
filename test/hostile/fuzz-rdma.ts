/**
 * The long fuzzer of SMB Direct: `npm run fuzz:rdma [-- --streams N --seed N]`. usmbd runs as a process of its own, with
 * the port of SMB Direct open; strangers send it 100,000 streams before anything is negotiated, and a client that
 * behaves wants to be served over RDMA meanwhile. It fails when the server works for more than two seconds while that client
 * waits, when it does not answer at all, when a connection stays, when the server dies or says "internal error", and when
 * its memory grows. A busy machine makes it longer, and nothing else: patience counts the server's time on the processor.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/connect.ts';
import { RdmaSocket } from '../../src/client/rdma-socket.ts';
import { commandLine } from '../support/command-line.ts';
import { connectionsLeft, errorsOf, HANG_MS, startDirect } from './fuzz/direct-server.ts';
import { createRandom } from './fuzz/random.ts';
import { sendStreams } from './fuzz/rdma-streams.ts';

const { values } = commandLine({
  options: {
    streams: { type: 'string', default: '100000' },
    /** Sent before memory is watched: V8 lets its young generation grow, and code is compiled. */
    'warm-up': { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const streams = Number(values.streams);
const warmUp = Number(values['warm-up']);
const seed = Number(values.seed);

const PAGE_BYTES = 4096;
const AT_ONCE = 40;
/** The server's time on the processor, while the witness waits for one round. */
const PATIENCE_MS = 2_000;
const TICK_MS = 10;
const PAUSE_MS = 50;
/** From the second quarter to the last: in the first memory is laid out. */
const MAX_GROWTH = 1.05;
const QUARTERS = 4;

console.log(`seed ${seed}, ${streams} streams after a warm-up of ${warmUp}`);
const { target, port } = await startDirect();
const rssOf = (): number =>
  Number(readFileSync(`/proc/${target.pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
/** proc_pid_stat(5): utime and stime, behind the name, which may have spaces in it. */
function cpuMsOf(): number {
  const fields = readFileSync(`/proc/${target.pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
const MiB = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const failures: string[] = [];

interface Witnessed {
  rounds: number;
  slowestMs: number;
  /** What the server worked meanwhile, in the round in which it worked most. */
  mostMs: number;
}

/** Logs in over RDMA and asks for something, again and again. */
async function witness(isOver: () => boolean): Promise<Witnessed> {
  const found = { rounds: 0, slowestMs: 0, mostMs: 0 };
  const how = { host: '127.0.0.1', port, open: RdmaSocket.open, timeoutMs: HANG_MS };
  while (!isOver()) {
    const [begun, worked] = [performance.now(), cpuMsOf()];
    const client = await connect(how);
    const { user, password } = target.account;
    const session = await client.login({ user, secret: password });
    await session.treeConnect(target.share);
    await client.close();
    found.rounds += 1;
    found.slowestMs = Math.max(found.slowestMs, performance.now() - begun);
    found.mostMs = Math.max(found.mostMs, cpuMsOf() - worked);
    await sleep(PAUSE_MS);
  }
  return found;
}

try {
  const random = createRandom(seed);
  let over = false;
  const watching = witness(() => over).catch((error: unknown) => {
    failures.push(`the witness: ${String(error)}`);
    return { rounds: 0, slowestMs: 0, mostMs: 0 };
  });
  const begun = performance.now();
  await sendStreams({ random, port, streams: warmUp, atOnce: AT_ONCE });
  const rss: number[] = [];
  let stuck = 0;
  for (let quarter = 0; quarter < QUARTERS; quarter++) {
    const samples: number[] = [];
    const onProgress = (): void => {
      target.assertAlive();
      samples.push(rssOf());
    };
    const some = Math.ceil(streams / QUARTERS);
    stuck += await sendStreams({ random, port, streams: some, atOnce: AT_ONCE, onProgress });
    samples.push(rssOf());
    rss.push(samples.reduce((a, b) => a + b) / samples.length);
    console.log(`${(quarter + 1) * some} sent, RSS ${MiB(rss.at(-1)!)}`);
  }
  const seconds = (performance.now() - begun) / 1000;
  over = true;
  const { rounds, slowestMs, mostMs } = await watching;
  console.log(
    `${seconds.toFixed(0)} s, ${((streams + warmUp) / seconds).toFixed(0)} streams a second`,
  );
  console.log(
    `witness: ${rounds} rounds, the slowest ${slowestMs.toFixed(0)} ms; the server worked for ${mostMs} ms of one at most`,
  );
  if (rounds === 0) failures.push('the witness did nothing');
  if (mostMs > PATIENCE_MS) failures.push(`the server worked for ${mostMs} ms of a round`);
  if (stuck > 0) failures.push(`${stuck} connections did not end`);
  const growth = rss.at(-1)! / rss[1]!;
  if (growth > MAX_GROWTH) failures.push(`memory grew by ${((growth - 1) * 100).toFixed(1)} %`);
  const left = await connectionsLeft(target);
  if (left > 0) failures.push(`${left} connections are left`);
  target.assertAlive();
  const bugs = errorsOf(target);
  if (bugs.length > 0) failures.push(`the log has ${bugs.length} errors, first: ${bugs[0]}`);
} finally {
  await target.stop();
}
for (const failure of failures) console.log(`FAILED: ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
