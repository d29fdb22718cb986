/** Workers as processes: what they serve, and what the end of one costs. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from '../../test/support/in-process-server.ts';
import { type Logger, SILENT_LOGGER } from '../base/log.ts';
import { SetupError } from '../base/setup-error.ts';
import { createServer } from '../create-server.ts';
import { workerOfSession } from '../objects/ids.ts';
import { transportKind } from '../transport/listen.ts';

const skip = transportKind() !== 'native';

/** Processes share what cores there are with other tests. */
const timeoutMs = 30_000;

/** The last process of each worker, as the log tells it. */
function watched(): {
  readonly log: Logger;
  readonly pids: Map<number, number>;
  readonly errors: string[];
} {
  const pids = new Map<number, number>();
  const errors: string[] = [];
  const log: Logger = {
    ...SILENT_LOGGER,
    info: (message, details) => {
      if (message === 'a worker serves') pids.set(Number(details!.worker), Number(details!.pid));
    },
    error: (message) => void errors.push(message),
    part: () => log,
  };
  return { log, pids, errors };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !condition(); i++) await sleep(10);
  assert.ok(condition());
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('workers are processes: data of any size, signed and encrypted; a killed one costs its connections', {
  skip,
}, async (t) => {
  const { log, pids, errors } = watched();
  const server = await startServer({ global: { workers: 2 }, log });
  t.after(() => server.close());
  assert.equal(pids.size, 2);
  const guid = Buffer.alloc(16, 1);
  const one = await server.mount({ clientGuid: guid, timeoutMs });
  const two = await server.mount({ clientGuid: Buffer.alloc(16, 2), timeoutMs });
  const [first, second] = [one, two].map(({ session }) => workerOfSession(session.sessionId));
  assert.notEqual(first, second);
  const content = randomBytes(5 << 20);
  await one.writeFile('large', content);
  const same = await two.open('large');
  assert.ok((await same.readAll()).equals(content), 'what one wrote the other reads');
  const [killed, left] = [pids.get(first!)!, pids.get(second!)!];
  process.kill(killed, 'SIGKILL');
  await assert.rejects(one.open('large'));
  assert.ok((await same.readAll()).equals(content), 'the other goes on, with what it has open');
  // While another one starts in its place, whoever comes is served.
  const again = await server.mount({ clientGuid: guid, timeoutMs });
  assert.ok((await (await again.open('large')).readAll()).equals(content));
  await until(() => pids.get(first!) !== killed);
  assert.deepEqual(errors, ['a worker has ended; another takes its place']);
  const third = await server.mount({ clientGuid: Buffer.alloc(16, 3), timeoutMs });
  assert.equal(workerOfSession(third.session.sessionId), first, 'by the new one, which has nobody');
  const all = [pids.get(first!)!, left];
  await server.close();
  await until(() => all.every((pid) => !isAlive(pid)));
});

test('a server whose workers come from a multi-protocol NEGOTIATE, and one that ends at once', {
  skip,
}, async (t) => {
  const { log, pids } = watched();
  const server = await startServer({ global: { workers: 2 }, log });
  t.after(() => server.close());
  const tree = await server.mount({ multiProtocol: true, timeoutMs });
  await tree.writeFile('file', Buffer.from('text'));
  const all = [...pids.values()];
  await server.close();
  await until(() => all.every((pid) => !isAlive(pid)));
});

test('what several workers cannot serve is refused at the start', () => {
  assert.throws(
    () => createServer({ global: { workers: 2, minProtocol: 0x0100 } }),
    (error) => error instanceof SetupError && /workers = 1/.test(error.message),
  );
});
