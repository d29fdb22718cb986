import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '../base/log.ts';
import { WireError } from '../wire/wire-error.ts';
import { GssProcess, type GssProcessOptions } from './gss-process.ts';
import { frameOfAnswer, frameOfOrder, readAnswer, readOrder } from './messages.ts';

const messages = new URL('./messages.ts', import.meta.url).href;

/** What the process does with a token is the token: see BODY. */
const BODY = `
import { readSync, writeSync } from 'node:fs';
import { frameOfAnswer, readOrder } from ${JSON.stringify(messages)};
const say = (answer) => writeSync(1, frameOfAnswer(answer));
say({ kind: 'ready' });
const peer = (principal) => ({
  principal, localName: undefined, sessionKey: Buffer.alloc(16), endsAtSeconds: 9, pac: undefined,
});
for (;;) {
  const head = Buffer.alloc(4);
  if (readSync(0, head) === 0) break;
  const body = Buffer.alloc(head.readUInt32LE());
  readSync(0, body);
  const order = readOrder(body);
  if (order.kind === 'release') { say({ kind: 'released' }); continue; }
  const what = order.token.toString();
  if (what === 'crash') process.abort();
  else if (what === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  else if (what === 'babble') { writeSync(1, Buffer.alloc(64, 0xff)); }
  else if (what === 'skew') say({ kind: 'failed', reason: 'clock-skew', message: 'clocks' });
  else if (what === 'replay') say({ kind: 'failed', reason: 'replay', message: 'seen' });
  else say({ kind: 'accepted', token: Buffer.from('reply'), peer: peer(what) });
}
`;

function harness(body: string, options: Partial<GssProcessOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-gss-'));
  const program = join(folder, 'program.mjs');
  writeFileSync(program, body);
  const lines: string[] = [];
  const log = createLogger({ destination: { write: (line: string) => void lines.push(line) } });
  const gss = new GssProcess({ log, program, ...options });
  const login = async (token: string) => {
    const exchange = gss.begin();
    const step = await exchange.step(Buffer.from(token));
    exchange.close();
    return step.kind === 'done' ? step.peer.principal : step.kind === 'refused' ? step.reason : '';
  };
  const end = () => {
    gss.close();
    rmSync(folder, { recursive: true });
  };
  return { gss, login, lines, end };
}

test('a login that crashes the process, hangs it or makes it babble is refused; the others wait', async () => {
  const { gss, login, lines, end } = harness(BODY, { orderLimitMs: 3000 });
  assert.equal(gss.available, false);
  await gss.tried;
  assert.equal(gss.available, true);
  for (const bad of ['crash', 'hang', 'babble']) {
    const all = await Promise.all([login('ann'), login(bad), login('bob'), login('eve')]);
    assert.deepEqual(all, ['ann', 'logon-failure', 'bob', 'eve'], bad);
  }
  assert.equal(lines.filter((line) => line.includes('has ended and is started again')).length, 3);
  end();
  assert.equal(await login('late'), 'logon-failure');
});

test('what the library refuses is refused with its reason, and logged with its words', async () => {
  const { gss, login, lines, end } = harness(BODY);
  await gss.tried;
  assert.equal(await login('skew'), 'clock-skew');
  assert.equal(await login('replay'), 'logon-failure');
  assert.ok(lines.some((line) => line.includes('seen')));
  end();
});

test('one that does not work is said once, is not offered, and is tried again', async () => {
  const failed = frameOfAnswer({ kind: 'failed', reason: 'other', message: 'no keytab' });
  for (const body of [
    `process.stdout.write(Buffer.from('${failed.toString('hex')}', 'hex'));`,
    `process.abort();`,
  ]) {
    const { gss, login, lines, end } = harness(body, { retryMs: 20 });
    await gss.tried;
    assert.equal(gss.available, false);
    assert.equal(await login('ann'), 'logon-failure');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const said = lines.filter((line) => line.includes('Kerberos is not offered, NTLM is'));
    assert.equal(said.length, 1, said.join(''));
    end();
  }
});

test('the program itself says which library, or which keytab, is missing', async () => {
  for (const [setup, words] of [
    [{ library: 'libnothing.so.9' }, /libnothing.so.9 cannot be loaded|libkrb5/],
    [{ keytab: '/nonexistent/keytab' }, /nonexistent\/keytab|cannot be loaded/],
  ] as const) {
    const lines: string[] = [];
    const log = createLogger({ destination: { write: (line: string) => void lines.push(line) } });
    const gss = new GssProcess({ log, ...setup });
    await gss.tried;
    assert.equal(gss.available, false);
    assert.match(lines.join(''), words);
    gss.close();
  }
});

test('orders and answers come back from their bytes, and cut anywhere are a WireError', () => {
  const order = { kind: 'verify', context: 7, message: Buffer.from('m'), mic: Buffer.from('x') };
  const peer = {
    principal: 'ann@EXAMPLE.COM',
    localName: 'ann',
    sessionKey: Buffer.alloc(32),
    endsAtSeconds: 4_000_000_000,
    pac: Buffer.from('pac'),
  };
  const answer = { kind: 'accepted', token: Buffer.from('t'), peer } as const;
  const orderBytes = frameOfOrder(order as Parameters<typeof frameOfOrder>[0]).subarray(4);
  const answerBytes = frameOfAnswer(answer).subarray(4);
  assert.deepEqual(readOrder(orderBytes), order);
  assert.deepEqual(readAnswer(answerBytes), answer);
  for (let end = 0; end < orderBytes.length; end++) {
    assert.throws(() => readOrder(orderBytes.subarray(0, end)), WireError);
  }
  for (let end = 0; end < answerBytes.length; end++) {
    assert.throws(() => readAnswer(answerBytes.subarray(0, end)), WireError);
  }
});
