/**
 * What strangers and users may send in SMB1, where it is switched on: changed messages of every command, subcommand and
 * level, AndX chains that lead nowhere, transactions in parts. The server stays up, says no "internal error" and serves
 * others meanwhile; `npm run fuzz -- --smb1` is the long one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../../src/base/log.ts';
import { PASSWORD, SHARE, startServer, USER } from '../support/in-process-server.ts';
import { fidOf, ntCreate, Smb1Client, writeAndX } from '../support/smb1-client.ts';
import { campaign } from './fuzz/campaign.ts';

const MESSAGES = 12_000;
const SEED = 20_261_128;

test(`${MESSAGES} changed messages of SMB1 leave the server up and its other clients served`, async () => {
  const errors: string[] = [];
  const log: Logger = {
    part: () => log,
    debug: () => undefined,
    debugs: () => true,
    info: () => undefined,
    warn: () => undefined,
    error: (text, more) => void errors.push(`${text} ${JSON.stringify(more)}`),
  };
  const server = await startServer({ log, global: { minProtocol: 0x0100, signing: 'auto' } });
  try {
    const { host, port } = server;
    const target = { host, port, share: SHARE, user: USER, password: PASSWORD };
    const { findings, operations } = await campaign({
      target,
      messages: MESSAGES,
      seed: SEED,
      smb1: true,
    });
    // Together: what the log says of a problem is the stack of it.
    assert.deepEqual({ problems: [...findings.problems], errors }, { problems: [], errors: [] });
    assert.ok(findings.sent >= MESSAGES);
    assert.ok(findings.fromStrangers > MESSAGES / 4);
    assert.ok(operations > 0);
    // Answers of all kinds, not only refusals.
    assert.ok((findings.statuses.get(0) ?? 0) > MESSAGES / 50);
    assert.ok(findings.statuses.size > 40);

    const client = await Smb1Client.open(server);
    await client.negotiate();
    await client.login();
    await client.treeConnect(SHARE);
    const made = await ntCreate(client, { name: '\\after' });
    assert.equal(made.status, 0);
    assert.equal((await writeAndX(client, fidOf(made), 0, Buffer.from('x'))).status, 0);
    await client.close();
  } finally {
    await server.close();
  }
});
