/**
 * `npm run soak`: 50 clients work on a usmbd of its own for half an hour. It fails where what a client reads is
 * not what it wrote, where the server's memory still grows when all has been in use for a while, and where
 * something is held after all are gone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_POOLED_BYTES } from '../../src/base/limits.ts';
import { range } from '../scale/load.ts';
import type { Memory } from '../scale/server.ts';
import { ServerProcess } from '../scale/server-process.ts';
import { commandLine } from '../support/command-line.ts';
import { prepare, work } from './clients.ts';
import { growthOf } from './growth.ts';

const { values } = commandLine({
  options: {
    clients: { type: 'string', default: '50' },
    minutes: { type: 'string', default: '30' },
  },
});
const clients = Number(values.clients);
const minutes = Number(values.minutes);
if (!(Number.isInteger(clients) && clients > 0 && minutes > 0)) {
  console.error('usage: npm run soak -- [--clients 50] [--minutes 30]; both above 0');
  process.exit(2);
}

const MiB = 1024 * 1024;
const SAMPLES = 40;
/** Objects and small buffers; a leak of 100 bytes a request is more within minutes. */
const MAX_HEAP_GROWTH_BYTES = 8 * MiB;
/** Buffers that lie ready, in steps; what malloc and V8 keep for later moves by as much again. */
const MAX_RSS_GROWTH_BYTES = MAX_POOLED_BYTES + 32 * MiB;
const SETTLE_LIMIT_MS = 60_000;
const SETTLE_STEP_MS = 500;

const scratch = mkdtempSync(join(tmpdir(), 'usmbd-soak-'));
const server = await ServerProcess.start({ folder: scratch, statePath: join(scratch, '.state') });
const failures: string[] = [];
const mib = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;

async function sample(endMs: number): Promise<Memory[]> {
  const stepMs = (minutes * 60_000) / SAMPLES;
  const memory: Memory[] = [];
  while (Date.now() + stepMs / 2 < endMs) {
    await sleep(stepMs);
    const now = await server.memory();
    memory.push(now);
    const { heap, buffers, rss, committed, threads } = now;
    const parts = `${mib(heap - buffers)} of heap (V8 ${mib(committed)}), ${mib(buffers)} of buffers`;
    console.log(`  ${parts}, ${mib(rss)} of RSS, ${threads} threads`);
  }
  return memory;
}

function judge(what: string, series: readonly number[], limitBytes: number): void {
  const growth = growthOf(series);
  const text = `${what}: grew by ${mib(growth)} from the second quarter to the last (at most ${mib(limitBytes)})`;
  console.log(text);
  if (growth > limitBytes) failures.push(text);
}

async function expectNothingHeld(): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += SETTLE_STEP_MS) {
    const { connections, sessions, opens, locks, waitingRequests } = await server.summary();
    const held = { connections, sessions, opens, locks, waitingRequests };
    if (Object.values(held).every((count) => count === 0)) return;
    if (waitedMs >= SETTLE_LIMIT_MS) {
      failures.push(`still held after all are gone: ${JSON.stringify(held)}`);
      return;
    }
    await sleep(SETTLE_STEP_MS);
  }
}

try {
  console.log(`${clients} clients for ${minutes} minutes`);
  await prepare(server.port);
  const endMs = Date.now() + minutes * 60_000;
  let failed = false;
  const isOver = (): boolean => failed || Date.now() >= endMs;
  const working = range(clients).map((client) =>
    work(server.port, client, isOver).catch((error: unknown) => {
      failed = true;
      failures.push(`client ${client}: ${error instanceof Error ? error.stack : String(error)}`);
      return 0;
    }),
  );
  const memory = await sample(endMs);
  const rounds = (await Promise.all(working)).reduce((sum, one) => sum + one, 0);
  console.log(`${rounds} rounds of some 20 requests`);
  judge(
    'heap',
    memory.map(({ heap, buffers }) => heap - buffers),
    MAX_HEAP_GROWTH_BYTES,
  );
  judge(
    'RSS',
    memory.map(({ rss }) => rss),
    MAX_RSS_GROWTH_BYTES,
  );
  await expectNothingHeld();
} finally {
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
}
for (const failure of failures) console.error(`FAILED: ${failure}`);
console.log(failures.length === 0 ? 'memory is flat' : `${failures.length} failures`);
process.exit(failures.length === 0 ? 0 : 1);
