import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type DebugComponent, SILENT_LOGGER } from '../base/log.ts';
import type { Server, ServerOptions } from '../index.ts';
import { systemAccounts } from '../mountd/system-accounts.ts';
import { CommandError } from './command-error.ts';
import { serve } from './serve.ts';
import { planServe, type ServeFlags } from './serve-plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-serve-'));
after(() => rmSync(folder, { recursive: true }));

const systemError = (code: string): Error => Object.assign(new Error(code), { code });

/** A server that may listen on `free` ports only, and notes what happens to it. */
function rehearsal(free: readonly number[], refusal = 'EACCES', bound = ['::']) {
  const events: string[] = [];
  let options: ServerOptions | undefined;
  const server: Server = {
    async listen({ port = 0, address }) {
      events.push(`listen ${port}${address === undefined ? '' : ` ${address}`}`);
      if (!free.includes(port)) throw systemError(refusal);
      const addresses = address === undefined ? bound : [address];
      return { port, address: addresses[0]!, addresses };
    },
    status() {
      throw new Error('nobody asks');
    },
    reload() {
      throw new Error('nobody reloads');
    },
    debugChanged: async () => {},
    loginFailures: async () => [],
    forgetLoginFailures: async () => 0,
    async close() {
      events.push('close');
    },
  };
  const createServer = (given: ServerOptions): Server => {
    options = given;
    return server;
  };
  const written: string[] = [];
  const output = { isTTY: false, write: (text: string) => written.push(text) };
  const context = { createServer, log: SILENT_LOGGER, debug: new Set<DebugComponent>(), output };
  return { events, context, written, options: () => options };
}

const plan = (flags: ServeFlags) =>
  planServe(
    folder,
    { state: folder, user: 'ann', ...flags },
    { environment: {}, uid: 1000, accounts: systemAccounts([], []) },
  );

/** Serves until the greeting is out, looks, and sends the signal. */
async function rehearse(
  { context, written }: ReturnType<typeof rehearsal>,
  made: ReturnType<typeof plan>,
  look: (text: string) => void,
): Promise<void> {
  const run = serve(made, context);
  while (written.length === 0) await new Promise((resolve) => setImmediate(resolve));
  try {
    look(written.join(''));
  } finally {
    await new Promise((resolve) => setImmediate(resolve));
    // npm sends what the terminal has sent already: no second Ctrl-C, which would end this process.
    process.emit('SIGINT');
    process.emit('SIGINT');
    await run;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(signal);
  }
}

test('falls back to the other port, tells the password by a file, ends on a signal', async () => {
  const server = rehearsal([4450]);
  const made = plan({});
  const file = join(folder, 'password');
  await rehearse(server, made, (text) => {
    assert.match(text, /^usmbd serves .* as ".*" on port 4450\n/);
    assert.match(text, /net use .*\/TCPPORT:4450/);
    assert.ok(text.includes(`password   in ${file}`));
    assert.ok(!text.includes(made.made!.password));
    assert.equal(readFileSync(file, 'utf8'), `${made.made!.password}\n`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });
  assert.deepEqual(server.events, ['listen 445', 'listen 4450', 'close']);
  assert.equal(existsSync(file), false);
  assert.equal(server.options()?.stateDirectory, folder);
  assert.equal(server.options()?.users?.[0]?.name, 'ann');
});

test('a terminal is told the made-up password, never one that was given', async () => {
  const server = rehearsal([445]);
  server.context.output.isTTY = true;
  const made = plan({});
  await rehearse(server, made, (text) => assert.ok(text.includes(made.made!.password)));
  assert.equal(existsSync(join(folder, 'password')), false);
  const other = rehearsal([445]);
  other.context.output.isTTY = true;
  await rehearse(other, plan({ password: 'tiger' }), (text) => {
    assert.doesNotMatch(text, /tiger|password/);
  });
});

test('a port that cannot be had', async () => {
  const fails = (refusal: string, flags: ServeFlags, pattern: RegExp) =>
    assert.rejects(
      serve(plan(flags), rehearsal([], refusal).context),
      (error) => error instanceof CommandError && pattern.test(error.message),
    );
  await fails('EADDRINUSE', { port: 4455 }, /port 4455 is in use.*--port/);
  await fails('EADDRINUSE', {}, /port 4450 is in use/);
  await fails('EACCES', { port: 445 }, /port 445 is not for this user/);
  await fails('EADDRNOTAVAIL', { address: '192.0.2.1' }, /no address 192\.0\.2\.1/);
  await assert.rejects(serve(plan({}), rehearsal([], 'EIO').context), { message: 'EIO' });
  const { events, context } = rehearsal([]);
  await assert.rejects(serve(plan({ port: 1 }), context));
  assert.deepEqual(events, ['listen 1', 'close']);
});
