/** Some seconds of the fuzzer, in one process and on files in memory; `npm run fuzz` is the long one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../../src/base/log.ts';
import { configure } from '../../src/config/configuration.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { PASSWORD, SHARE, startServer, USER } from '../support/in-process-server.ts';
import { campaign } from './fuzz/campaign.ts';

const MESSAGES = 4_000;
/** The same each time: what fails here fails again. */
const SEED = 20_261_120;

test(`${MESSAGES} random and changed messages leave the server up and its other clients served`, async () => {
  const errors: string[] = [];
  const log: Logger = {
    part: () => log,
    debug: () => undefined,
    debugs: () => true,
    info: () => undefined,
    warn: () => undefined,
    error: (text, more) => void errors.push(`${text} ${JSON.stringify(more)}`),
  };
  const server = await startServer({
    log,
    configuration: configure({
      global: { compression: true },
      shares: [{ name: SHARE, path: '/', readOnly: false }],
    }),
    shares: [{ name: SHARE, vfs: createMemoryVfs() }],
  });
  try {
    const { findings, corpus, operations } = await campaign({
      target: {
        host: server.host,
        port: server.port,
        share: SHARE,
        user: USER,
        password: PASSWORD,
      },
      messages: MESSAGES,
      seed: SEED,
    });
    assert.deepEqual([...findings.problems], []);
    assert.deepEqual(errors, []);
    assert.ok(findings.sent >= MESSAGES);
    assert.ok(findings.fromStrangers > MESSAGES / 4);
    assert.ok(operations > 0);
    const commands = new Set(corpus.commands.map((message) => message.readUInt16LE(12)));
    // All that need a session: LOGOFF to OPLOCK_BREAK.
    assert.deepEqual(
      [...commands].sort((a, b) => a - b),
      Array.from({ length: 17 }, (_, i) => i + 2),
    );
    // Answers of all kinds, not only refusals.
    assert.ok((findings.statuses.get(0) ?? 0) > MESSAGES / 50);
  } finally {
    await server.close();
  }
});
