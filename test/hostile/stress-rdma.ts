/**
 * Clients of SMB Direct that come and go: `npm run stress:rdma [-- --connects N --seed N]`. usmbd runs as a process of its
 * own; 20,000 connections begin iWARP in each way in which it can begin, in segments of any size and with pauses, negotiate,
 * ask, and end by FIN or RST, at rest or with an answer under way, on ports that are taken again at once; strangers send
 * rubbish beside them. It fails when one of them is not served, when a connection stays, and when the server dies or says
 * "internal error". On a busy machine it takes longer.
 *
 *     npm run stress:rdma -- --connects 2000 --at-once 200
 */
import { commandLine } from '../support/command-line.ts';
import { connectionsLeft, errorsOf, startDirect } from './fuzz/direct-server.ts';
import { createRandom } from './fuzz/random.ts';
import { connectMany } from './fuzz/rdma-connects.ts';
import { sendStreams } from './fuzz/rdma-streams.ts';

const { values } = commandLine({
  options: {
    connects: { type: 'string', default: '20000' },
    'at-once': { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const connects = Number(values.connects);
const seed = Number(values.seed);
/** Strangers are a tenth of all, and a few at a time: more than the server takes must not be the reason. */
const STRANGERS_AT_ONCE = 4;
/** Below those that the system gives by itself. */
const FIRST_LOCAL_PORT = 21_600;
const SHOWN_FAILURES = 10;

console.log(`seed ${seed}, ${connects} connections, ${values['at-once']} at a time`);
const { target, port } = await startDirect();
const failures: string[] = [];
try {
  const beganMs = performance.now();
  const [found, stuck] = await Promise.all([
    connectMany({
      random: createRandom(seed),
      port,
      connects,
      atOnce: Number(values['at-once']),
      firstLocalPort: FIRST_LOCAL_PORT,
      onProgress: () => target.assertAlive(),
    }),
    sendStreams({
      random: createRandom(seed + 1),
      port,
      streams: Math.ceil(connects / 10),
      atOnce: STRANGERS_AT_ONCE,
    }),
  ]);
  const seconds = (performance.now() - beganMs) / 1000;
  console.log(
    `${found.served} served in ${seconds.toFixed(0)} s, the slowest in ${found.slowestMs.toFixed(0)} ms; ${found.portsTaken} ports were not to be had`,
  );
  failures.push(...found.failures.slice(0, SHOWN_FAILURES));
  if (found.served !== connects) failures.push(`${connects - found.served} were not served`);
  if (stuck > 0) failures.push(`${stuck} connections of strangers did not end`);
  const left = await connectionsLeft(target);
  if (left > 0) failures.push(`${left} connections are left`);
  target.assertAlive();
  const [bug] = errorsOf(target);
  if (bug !== undefined) failures.push(`the log has errors, first: ${bug}`);
} finally {
  await target.stop();
}
for (const failure of failures) console.log(`FAILED: ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
