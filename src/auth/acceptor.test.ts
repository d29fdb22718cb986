import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as windows from '../crypto/windows-exchange.vectors.test.ts';
import { createAcceptor, negotiateToken } from './acceptor.ts';
import {
  acceptor,
  account,
  assertAccepted,
  assertRefused,
  authenticateWith,
  converse,
  credentials,
  lookup,
  PASSWORD,
  resp,
} from './conversation.support.test.ts';
import { createInitiator } from './initiator.ts';
import type { AccountLookup } from './ntlm-acceptor.ts';
import { MAXIMUM_NTLM_BYTES } from './ntlm-acceptor.ts';
import { ntHash } from './ntlm-crypto.ts';
import { DEFAULT_NEGOTIATE_FLAGS } from './ntlm-initiator.ts';
import { decodeChallenge, encodeNegotiate, NTLMSSP_NEGOTIATE_VERSION } from './ntlm-messages.ts';
import {
  decodeSpnego,
  encodeNegTokenInit,
  encodeNegTokenResp,
  Mechanism,
  NegState,
} from './spnego.ts';

test('SPNEGO and bare NTLMSSP, with a lookup that answers now and one that answers later', async () => {
  const later: AccountLookup = async (user, domain) => lookup(user, domain);
  for (const find of [lookup, later]) {
    await assertAccepted(converse({}, find), 2);
    await assertAccepted(converse({ raw: true }, find), 2);
  }
});

test('a lookup that answers now is answered without a promise', () => {
  const server = acceptor();
  const client = createInitiator({ credentials, raw: true });
  const challenge = server.step(client.start());
  assert.ok(!(challenge instanceof Promise) && challenge.kind === 'continue');
  const step = client.step(challenge.token);
  assert.ok(step.kind === 'continue');
  const last = server.step(step.token);
  assert.ok(!(last instanceof Promise) && last.kind === 'done');
  assert.equal(last.token.length, 0);
});

test('NTLMSSP as second choice: the MIC is requested, checked, and waited for', async () => {
  const mechTypes = [Mechanism.MS_KRB5, Mechanism.KRB5, Mechanism.NTLMSSP];
  await assertAccepted(converse({ mechTypes }), 3);
  await assertAccepted(converse({ mechTypes, mechListMic: 'omit' }), 4);
  await assertRefused(converse({ mechTypes, mechListMic: Buffer.alloc(16) }), 'logon-failure');

  const first = await acceptor().step(encodeNegTokenInit({ mechTypes }));
  assert.ok(first.kind === 'continue');
  const { negState, supportedMech, responseToken } = resp(first.token);
  assert.equal(negState, NegState.REQUEST_MIC);
  assert.equal(supportedMech, Mechanism.NTLMSSP);
  assert.equal(responseToken, undefined);
});

test('a mechListMIC that comes alone is checked, and asked for once', async () => {
  const mechTypes = [Mechanism.KRB5, Mechanism.NTLMSSP];
  const options = { mechTypes, mechListMic: 'omit' as const };
  const wrong = encodeNegTokenResp({ mechListMic: Buffer.alloc(16) });
  const none = encodeNegTokenResp({ negState: NegState.ACCEPT_COMPLETED });
  const last = (token: Buffer) => (sent: Buffer, step: number) => (step === 4 ? token : sent);
  await assertRefused(converse(options, lookup, last(wrong)), 'logon-failure');
  await assertRefused(converse(options, lookup, last(none)), 'malformed');

  const server = acceptor();
  const client = createInitiator({ credentials, ...options });
  let token = client.start();
  let asked = Buffer.alloc(0);
  for (let i = 0; i < 3; i++) {
    const answer = await server.step(token);
    assert.ok(answer.kind === 'continue');
    asked = Buffer.from(answer.token);
    const step = client.step(asked);
    assert.ok(step.kind === 'continue');
    token = step.token;
  }
  assert.deepEqual(client.step(asked), { kind: 'refused', reason: 'malformed' });
  assert.equal((await server.step(token)).kind, 'done');
  assert.equal((await server.step(token)).kind, 'refused');
});

test('an optimistic token for another mechanism is not read', async () => {
  const mechTypes = [Mechanism.KRB5, Mechanism.NTLMSSP];
  const mechToken = Buffer.from('an AP-REQ');
  const first = await acceptor().step(encodeNegTokenInit({ mechTypes, mechToken }));
  assert.equal(first.kind, 'continue');
});

test('a wrong mechListMIC is refused, whoever was first choice', async () => {
  await assertRefused(converse({ mechListMic: Buffer.alloc(16) }), 'logon-failure');
  await assertRefused(converse({ mechListMic: Buffer.alloc(0) }), 'logon-failure');
});

test('a mechanism list changed on the way shows in the mechListMIC', async () => {
  const touch = (token: Buffer, step: number): Buffer => {
    if (step !== 1) return token;
    const decoded = decodeSpnego(token);
    assert.ok(decoded.kind === 'init');
    const mechTypes = [...decoded.mechTypes, Mechanism.KRB5];
    return encodeNegTokenInit({ mechTypes, mechToken: decoded.mechToken });
  };
  await assertRefused(converse({}, lookup, touch), 'logon-failure');
});

test('the client refuses a server that cannot prove the key', () => {
  const client = createInitiator({ credentials });
  client.start();
  const challenge = client.step(windows.challengeToken);
  assert.equal(challenge.kind, 'continue');
  const last = client.step(windows.completedToken);
  assert.deepEqual(last, { kind: 'refused', reason: 'wrong-mic' });
});

test('the client insists on the mechListMIC once it sent its own', () => {
  for (const last of [
    Buffer.alloc(0),
    encodeNegTokenResp({ negState: NegState.ACCEPT_COMPLETED }),
  ]) {
    const client = createInitiator({ credentials });
    client.start();
    assert.equal(client.step(windows.challengeToken).kind, 'continue');
    assert.deepEqual(client.step(last), { kind: 'refused', reason: 'wrong-mic' });
  }
});

test('mechanisms that are not here', async () => {
  const kerberosOnly = encodeNegTokenInit({ mechTypes: [Mechanism.KRB5] });
  const refusal = await acceptor().step(kerberosOnly);
  assert.ok(refusal.kind === 'refused' && refusal.reason === 'unsupported');
  const bare = Buffer.from('600f06092a864886f7120102020100ff00', 'hex');
  const unsupported = await acceptor().step(bare);
  assert.ok(unsupported.kind === 'refused' && unsupported.reason === 'unsupported');
});

test('sizes are bounded', async () => {
  const tooLong = encodeNegTokenInit({
    mechTypes: [Mechanism.KRB5, Mechanism.NTLMSSP],
    mechToken: Buffer.alloc(65535),
  });
  assert.equal((await acceptor().step(tooLong)).kind, 'refused');
  const negotiate = Buffer.concat([
    encodeNegotiate(DEFAULT_NEGOTIATE_FLAGS),
    Buffer.alloc(MAXIMUM_NTLM_BYTES),
  ]);
  assert.equal((await acceptor().step(negotiate)).kind, 'refused');
  assert.equal((await acceptor().step(Buffer.alloc(0))).kind, 'refused');
});

test('any bytes in either place give a step, never a throw', async () => {
  const goldens = [windows.initToken, windows.authenticateToken, authenticateWith({})];
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  const mutated = fc
    .tuple(fc.constantFrom(...goldens), fc.array(change, { maxLength: 5 }))
    .map(([golden, changes]) => {
      const b = Buffer.from(golden);
      for (const [where, value] of changes) b[where % b.length] = value;
      return b;
    });
  const token = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(
    fc.asyncProperty(token, token, async (first, second) => {
      const fresh = acceptor();
      await fresh.step(first);
      await fresh.step(second);
      const challenged = acceptor();
      await challenged.step(windows.initToken);
      assert.notEqual((await challenged.step(second)).kind, 'done');
    }),
    { numRuns: 1000 },
  );
});

test('the Windows client of the recorded session is accepted, up to its challenge', async () => {
  const find: AccountLookup = () => ({ ntHash: ntHash(windows.password) });
  const recorded = resp(windows.challengeToken).responseToken!;
  const server = createAcceptor({
    names: { netbiosName: windows.domain },
    lookup: find,
    random: () => Buffer.from(decodeChallenge(recorded).serverChallenge),
  });
  const step = await server.step(windows.initToken);
  assert.ok(step.kind === 'continue');
  const ours = decodeChallenge(resp(step.token).responseToken!);
  assert.equal(ours.negotiateFlags, decodeChallenge(recorded).negotiateFlags);
  assert.ok((ours.negotiateFlags & NTLMSSP_NEGOTIATE_VERSION) !== 0);
  // Its proof is right, its MIC is over a CHALLENGE with another timestamp.
  const last = await server.step(windows.authenticateToken);
  assert.ok(last.kind === 'refused' && last.reason === 'logon-failure');
});

test('the hint of NEGOTIATE lists NTLMSSP alone', () => {
  const decoded = decodeSpnego(negotiateToken());
  assert.ok(decoded.kind === 'init');
  assert.deepEqual(decoded.mechTypes, [Mechanism.NTLMSSP]);
});

test('no secret shows in what a refusal or an error says', async () => {
  const refusal = await converse({ credentials: { ...credentials, secret: 'hunter2' } });
  const said = JSON.stringify(refusal.server);
  for (const secret of ['hunter2', PASSWORD, account.ntHash.toString('hex')]) {
    assert.ok(!said.includes(secret));
  }
});
