/**
 * One share's storage answers nothing, a FUSE mount whose program is stopped, while clients wait for it: how long
 * QUERY_INFO takes on another share, whether the server ends when it is told to, and that all is served again after.
 *
 *     npm run interop:stalled
 *     npm run interop:stalled -- --questions 500 --waiting 10
 *
 * Needs root, /dev/fuse and a C compiler.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/connect.ts';
import type { Exchange } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import { createRequest, queryInfoRequest, readRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import { commandLine } from '../support/command-line.ts';
import { cannotStall, mountStalling } from '../support/stalling-mount.ts';
import { startUsmbd, type Target } from '../support/target.ts';

const { values } = commandLine({
  options: {
    questions: { type: 'string', default: '2000' },
    waiting: { type: 'string', default: '40' },
  },
});

const FILE_ALL_INFORMATION = 18;
/** At the 99th percentile, on a machine that has time for it; on another one twice of what it is without the stall. */
const P99_MS = 20;
/** The server gives clients ten seconds. */
const END_MS = 20_000;
const PATIENCE_MS = 120_000;

if (cannotStall !== false) {
  console.error(`this cannot run here: ${cannotStall}`);
  process.exit(1);
}

async function enter({ host, port, account }: Target, share: string): Promise<ClientTree> {
  const connection = await connect({ host, port, timeoutMs: PATIENCE_MS });
  const session = await connection.login({ user: account.user, secret: account.password });
  return session.treeConnect(share);
}

/** Milliseconds of each question, sorted. */
async function latencies({ tree, fileId }: ClientFile): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < Number(values.questions); i++) {
    const startMs = performance.now();
    const request = queryInfoRequest(fileId, SMB2_0_INFO_FILE, FILE_ALL_INFORMATION);
    const { status } = await tree.request(request);
    if (status !== 0) throw new Error(`QUERY_INFO: status 0x${status.toString(16)}`);
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b);
}

const at = (times: readonly number[], part: number): number =>
  times[Math.floor((times.length - 1) * part)]!;

const told = (times: readonly number[]): string =>
  [0.5, 0.99, 1].map((part) => `${100 * part} %: ${at(times, part).toFixed(2)} ms`).join(', ');

/** So many requests that wait for the storage. */
async function hang(tree: ClientTree, file: ClientFile): Promise<Exchange[]> {
  const hanging: Exchange[] = [];
  for (let i = 0; i < Number(values.waiting) / 2; i++) {
    hanging.push(...(await tree.submit([readRequest(file.fileId, 0, 1000)])));
    hanging.push(
      ...(await tree.submit([createRequest(`new ${i}`, { disposition: FILE_OPEN_IF })])),
    );
  }
  return hanging;
}

/**
 * How long the server takes to end; undefined where it does not. Linux lets nobody out of a close() that FUSE has
 * told its program of, not even by SIGKILL: a thread that closes a file there stays behind until the program answers,
 * and the process a zombie meanwhile. It has ended when nothing runs in it and its port is free.
 */
async function end({ host, port, pid }: Target): Promise<number | undefined> {
  const startMs = performance.now();
  process.kill(pid!, 'SIGTERM');
  while (performance.now() - startMs < END_MS) {
    await sleep(50);
    if (hasEnded(pid!) && (await isFree(host, port))) return performance.now() - startMs;
  }
  return undefined;
}

function hasEnded(pid: number): boolean {
  try {
    return /\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

/** Another server could take it. */
function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const taker = createServer();
    taker.once('error', () => resolve(false));
    taker.listen(port, host, () => taker.close(() => resolve(true)));
  });
}

async function stalledRun(failures: string[]): Promise<void> {
  const mount = await mountStalling();
  const target = await startUsmbd([], { remote: [`path = ${mount.path}`] }).catch(
    async (error: unknown) => {
      await mount.remove();
      throw error;
    },
  );
  try {
    const remote = await enter(target, 'remote');
    const other = await enter(target, 'share');
    await remote.writeFile('file', Buffer.alloc(1000, 'x'));
    const stuck = await remote.open('file');
    const file = await other.open('beside', { disposition: FILE_OPEN_IF });
    await latencies(file);
    const before = await latencies(file);
    console.log(`QUERY_INFO while all is well      ${told(before)}`);
    await mount.stall();
    const hanging = await hang(remote, stuck);
    const during = await latencies(file);
    console.log(`QUERY_INFO while the mount hangs  ${told(during)}`);
    if (at(during, 0.99) > Math.max(P99_MS, 2 * at(before, 0.99))) {
      failures.push(`99 % of the answers took up to ${at(during, 0.99).toFixed(1)} ms`);
    }
    mount.resume();
    let answered = 0;
    for (const exchange of hanging) {
      const { status } = await remote.session.connection.answerOf(exchange);
      if (status === 0) answered += 1;
    }
    console.log(`${answered} of ${hanging.length} requests that had hung were answered after`);
    if (answered !== hanging.length) failures.push('a request that had hung failed');
    await mount.stall();
    await hang(remote, stuck);
    const endedMs = await end(target);
    if (endedMs === undefined) failures.push(`the server did not end within ${END_MS / 1000} s`);
    else console.log(`told to end while requests hang, it ended in ${Math.round(endedMs)} ms`);
  } finally {
    mount.resume();
    await target.stop();
    await mount.remove();
  }
}

const failures: string[] = [];
await stalledRun(failures);
for (const failure of failures) console.log(`failed: ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
