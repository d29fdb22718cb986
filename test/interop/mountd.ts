/**
 * The control plane's process is killed, stopped and ended in a loop under clients that log in, copy files and
 * log off: no copy and no login may fail, and a session that is there notices nothing at all.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/connect.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { FILE_OVERWRITE_IF } from '../../src/smb2/create-options.ts';
import { commandLine } from '../support/command-line.ts';
import { mountdOf } from '../support/mountd.ts';
import { startUsmbd, type Target } from '../support/target.ts';

const { values } = commandLine({
  options: {
    clients: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '60' },
  },
});

/** Above what a login waits where the control plane hangs: the heartbeat's limit, and a start. */
const PATIENCE_MS = 60_000;
const FILE_BYTES = 256 * 1024;
/** How long each control plane is left alone, after it is there. */
const CALM_MS = 300;
const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;

interface Tally {
  copies: number;
  logins: number;
  slowestCopyMs: number;
  readonly failures: string[];
}

async function copy(tree: ClientTree, name: string, round: number): Promise<void> {
  const content = Buffer.alloc(FILE_BYTES, `${name} ${round} `);
  const file = await tree.open(name, { access, disposition: FILE_OVERWRITE_IF });
  await file.writeAll(content);
  const back = await file.readAll();
  await file.close();
  if (!back.equals(content)) throw new Error(`${name} came back otherwise`);
}

/** One client: a session for some copies, then another; every second one has one session for all of its copies. */
async function client(target: Target, n: number, untilMs: number, tally: Tally): Promise<void> {
  const { host, port, account, share } = target;
  const stays = n % 2 === 1;
  for (let round = 0; performance.now() < untilMs; round++) {
    try {
      const connection = await connect({ host, port, timeoutMs: PATIENCE_MS });
      const session = await connection.login({ user: account.user, secret: account.password });
      const tree = await session.treeConnect(share);
      tally.logins += 1;
      for (let i = 0; stays ? performance.now() < untilMs : i < 5; i++) {
        const startMs = performance.now();
        await copy(tree, `copy-${n}`, i);
        tally.copies += 1;
        tally.slowestCopyMs = Math.max(tally.slowestCopyMs, performance.now() - startMs);
      }
      await connection.close();
    } catch (error) {
      tally.failures.push(`client ${n}, round ${round}: ${String(error)}`);
    }
  }
}

const WAYS = ['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const;

/** How many control planes were ended. */
async function disturb(target: Target, untilMs: number, tally: Tally): Promise<number> {
  let count = 0;
  let last = 0;
  let loginsBefore = 0;
  while (performance.now() < untilMs) {
    const pid = mountdOf(target.pid!);
    // Not before it has let somebody in.
    if (pid === undefined || pid === last || tally.logins === loginsBefore) {
      await sleep(50);
      continue;
    }
    await sleep(CALM_MS);
    const way = WAYS[count++ % WAYS.length]!;
    last = pid;
    loginsBefore = tally.logins;
    process.kill(pid, way);
  }
  return count;
}

const target = await startUsmbd();
try {
  const untilMs = performance.now() + 1000 * Number(values.seconds);
  const tally: Tally = { copies: 0, logins: 0, slowestCopyMs: 0, failures: [] };
  const clients = Array.from({ length: Number(values.clients) }, (_, n) =>
    client(target, n, untilMs, tally),
  );
  const ended = await disturb(target, untilMs, tally);
  await Promise.all(clients);
  target.assertAlive();
  for (const failure of tally.failures) console.log(`failed: ${failure}`);
  const { copies, logins, slowestCopyMs, failures } = tally;
  console.log(
    `${copies} copies in ${logins} sessions, the slowest in ${Math.round(slowestCopyMs)} ms; ` +
      `${ended} control planes were ended; ${failures.length} failures`,
  );
  process.exitCode = failures.length === 0 && copies > 0 && ended > 1 ? 0 : 1;
} finally {
  await target.stop();
}
