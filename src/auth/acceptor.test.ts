import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as windows from '../crypto/windows-exchange.test.vectors.ts';
import { type Acceptor, type AcceptorStep, createAcceptor, negotiateToken } from './acceptor.ts';
import { createInitiator, type InitiatorOptions } from './initiator.ts';
import type { AccountLookup } from './ntlm-acceptor.ts';
import { MAXIMUM_NTLM_BYTES } from './ntlm-acceptor.ts';
import { ntHash } from './ntlm-crypto.ts';
import { DEFAULT_NEGOTIATE_FLAGS } from './ntlm-initiator.ts';
import {
  AvId,
  avFlags,
  decodeAvPairs,
  decodeChallenge,
  encodeAuthenticate,
  encodeNegotiate,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_NTLM,
  NTLMSSP_NEGOTIATE_SIGN,
  NTLMSSP_NEGOTIATE_TARGET_INFO,
  NTLMSSP_NEGOTIATE_UNICODE,
  NTLMSSP_NEGOTIATE_VERSION,
  NTLMSSP_REQUEST_TARGET,
  NTLMSSP_TARGET_TYPE_SERVER,
} from './ntlm-messages.ts';
import {
  decodeSpnego,
  encodeNegTokenInit,
  encodeNegTokenResp,
  Mechanism,
  NegState,
  type NegTokenResp,
} from './spnego.ts';

const USER = 'Alice';
const PASSWORD = 'correct horse 😀';
const names = { netbiosName: 'SERVER' };
const account = { ntHash: ntHash(PASSWORD) };
const lookup: AccountLookup = (user) =>
  user.toLowerCase() === USER.toLowerCase() ? account : undefined;
const credentials = { user: USER, domain: 'DOM', secret: PASSWORD };

const acceptor = (find: AccountLookup = lookup): Acceptor =>
  createAcceptor({ names, lookup: find });
const resp = (token: Buffer): NegTokenResp => {
  const decoded = decodeSpnego(token);
  return decoded.kind === 'resp' ? decoded : assert.fail('no NegTokenResp');
};

interface Outcome {
  readonly server: AcceptorStep;
  readonly client: string;
  readonly clientKey: Buffer | undefined;
  readonly steps: number;
}

/** Both sides until one ends; `touch` may change what the client sends. */
async function converse(
  options: Partial<InitiatorOptions> = {},
  find: AccountLookup = lookup,
  touch: (token: Buffer, step: number) => Buffer = (token) => token,
): Promise<Outcome> {
  const server = acceptor(find);
  const client = createInitiator({ credentials, ...options });
  let token = client.start();
  for (let steps = 1; ; steps++) {
    const answer = await server.step(touch(token, steps));
    if (answer.kind === 'refused') {
      return { server: answer, client: 'waiting', clientKey: undefined, steps };
    }
    const step = client.step(answer.token);
    if (step.kind !== 'continue') {
      return { server: answer, client: step.kind, clientKey: client.sessionKey, steps };
    }
    token = step.token;
  }
}

async function assertAccepted(outcome: Promise<Outcome>, steps: number): Promise<void> {
  const { server, client, clientKey, steps: taken } = await outcome;
  assert.equal(server.kind, 'done');
  assert.equal(client, 'done');
  assert.equal(taken, steps);
  if (server.kind !== 'done') return;
  assert.equal(clientKey?.length, 16);
  assert.deepEqual(server.sessionKey, clientKey);
  assert.deepEqual(server.identityName, {
    user: USER,
    domain: 'DOM',
    anonymous: false,
    guest: false,
  });
}

async function assertRefused(outcome: Promise<Outcome>, reason: string): Promise<void> {
  const { server } = await outcome;
  assert.equal(server.kind, 'refused');
  if (server.kind === 'refused') assert.equal(server.reason, reason);
}

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

test('an NT hash serves in place of the password; without a MIC it is still NTLMv2', async () => {
  await assertAccepted(converse({ credentials: { ...credentials, secret: account.ntHash } }), 2);
  await assertAccepted(converse({ omitMic: true }), 2);
  await assertAccepted(converse({ mechListMic: 'omit' }), 2);
});

test('without key exchange the session base key is the session key', async () => {
  const negotiateFlags = (DEFAULT_NEGOTIATE_FLAGS & ~NTLMSSP_NEGOTIATE_KEY_EXCH) >>> 0;
  await assertAccepted(converse({ negotiateFlags }), 2);
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

test('a wrong password and an unknown user are the same refusal', async () => {
  const wrong = await converse({ credentials: { ...credentials, secret: 'x' } });
  const unknown = await converse({ credentials: { ...credentials, user: 'Bob' } });
  assert.deepEqual(wrong.server, {
    kind: 'refused',
    reason: 'logon-failure',
    identityName: { user: USER, domain: 'DOM', anonymous: false, guest: false },
  });
  assert.ok(unknown.server.kind === 'refused' && unknown.server.reason === 'logon-failure');
});

test('user names compare without case, domains as sent or as none', async () => {
  const { server } = await converse({ credentials: { ...credentials, user: 'aLICE' } });
  assert.equal(server.kind, 'done');
  // A client that computes with no domain but sends one (MS-NLMP 3.2.5.1.2).
  const client = createInitiator({ credentials: { user: USER, secret: PASSWORD }, raw: true });
  const s = acceptor();
  const challenge = await s.step(client.start());
  assert.ok(challenge.kind === 'continue');
  const step = client.step(challenge.token);
  assert.ok(step.kind === 'continue');
  const withDomain = Buffer.concat([step.token, Buffer.from('DOM', 'utf16le')]);
  withDomain.writeUInt16LE(6, 28);
  withDomain.writeUInt32LE(step.token.length, 32);
  // The MIC is over what the client meant to send: this tamperer cannot make it.
  const last = await s.step(withDomain);
  assert.ok(last.kind === 'refused' && last.reason === 'logon-failure');
  const lax = createInitiator({
    credentials: { user: USER, secret: PASSWORD },
    raw: true,
    omitMic: true,
  });
  const s2 = acceptor();
  const challenge2 = await s2.step(lax.start());
  assert.ok(challenge2.kind === 'continue');
  const step2 = lax.step(challenge2.token);
  assert.ok(step2.kind === 'continue');
  const b = Buffer.concat([step2.token, Buffer.from('DOM', 'utf16le')]);
  b.writeUInt16LE(6, 28);
  b.writeUInt32LE(step2.token.length, 32);
  const accepted = await s2.step(b);
  assert.ok(accepted.kind === 'done');
  assert.equal(accepted.identityName.domain, 'DOM');
});

test('anonymous: known as such, without a key', async () => {
  for (const raw of [true, false]) {
    const { server, client } = await converse({ credentials: 'anonymous', raw }, () =>
      assert.fail('looked up'),
    );
    assert.ok(server.kind === 'done');
    assert.equal(client, 'done');
    assert.equal(server.identityName.anonymous, true);
    assert.equal(server.identityName.user, '');
    assert.equal(server.sessionKey, undefined);
  }
});

test('a guest is let in whatever the response, without a key', async () => {
  const { server } = await converse({}, () => 'guest');
  assert.ok(server.kind === 'done');
  assert.equal(server.identityName.guest, true);
  assert.equal(server.sessionKey, undefined);
  assert.equal(resp(server.token).negState, NegState.ACCEPT_COMPLETED);
});

test('an empty user with a response is no anonymous', async () => {
  const empty = { ...credentials, user: '' };
  await assertRefused(converse({ credentials: empty }), 'logon-failure');
});

test('the CHALLENGE: flags, names, timestamp, and a new challenge every time', async () => {
  const time = 0x01d9_0000_0000_0000n;
  const options = { names: { netbiosName: 'SRV', dnsDomain: 'lan' }, lookup, now: () => time };
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const step = await createAcceptor(options).step(encodeNegotiate(0xe2088297));
    assert.ok(step.kind === 'continue');
    const message = decodeChallenge(step.token);
    seen.add(message.serverChallenge.toString('hex'));
    assert.equal(message.targetName, 'SRV');
    const expected =
      (0xe2088297 & ~0x82) | NTLMSSP_NEGOTIATE_TARGET_INFO | NTLMSSP_TARGET_TYPE_SERVER;
    assert.equal(message.negotiateFlags, expected >>> 0);
    const pairs = decodeAvPairs(message.targetInfo);
    const text = (id: number) => pairs.find((pair) => pair.id === id)?.value.toString('utf16le');
    assert.equal(text(AvId.MsvAvNbComputerName), 'SRV');
    assert.equal(text(AvId.MsvAvNbDomainName), 'SRV');
    assert.equal(text(AvId.MsvAvDnsComputerName), 'srv');
    assert.equal(text(AvId.MsvAvDnsDomainName), 'lan');
    const stamp = pairs.find(({ id }) => id === AvId.MsvAvTimestamp)?.value;
    assert.equal(stamp?.readBigUInt64LE(), time);
    assert.equal(avFlags(pairs), 0);
  }
  assert.equal(seen.size, 20);
});

test('the CHALLENGE offers only what was asked for, and what it must', async () => {
  const step = await acceptor().step(encodeNegotiate(NTLMSSP_NEGOTIATE_UNICODE));
  assert.ok(step.kind === 'continue');
  assert.equal(
    decodeChallenge(step.token).negotiateFlags,
    NTLMSSP_NEGOTIATE_UNICODE |
      NTLMSSP_REQUEST_TARGET |
      NTLMSSP_NEGOTIATE_NTLM |
      NTLMSSP_NEGOTIATE_ALWAYS_SIGN |
      NTLMSSP_TARGET_TYPE_SERVER |
      NTLMSSP_NEGOTIATE_TARGET_INFO,
  );
  const none = await acceptor().step(encodeNegotiate(NTLMSSP_NEGOTIATE_128));
  assert.ok(none.kind === 'refused' && none.reason === 'malformed');
});

test('changes on the way break the MIC: to the NEGOTIATE, the flags, the workstation', async () => {
  const raw = { raw: true, workstation: 'PC' };
  const flip = (at: number, which: number) => (token: Buffer, step: number) => {
    if (step !== which) return token;
    const b = Buffer.from(token);
    b[at]! ^= 0x10;
    return b;
  };
  // NEGOTIATE's version; AUTHENTICATE's SIGN flag, MIC, and workstation name.
  for (const [at, which] of [
    [35, 1],
    [60, 2],
    [72, 2],
    [87, 2],
    [104, 2],
  ] as const) {
    await assertRefused(converse(raw, lookup, flip(at, which)), 'logon-failure');
  }
});

test('a MIC that was promised but has no room is a refusal', async () => {
  const touch = (token: Buffer, step: number): Buffer => {
    if (step !== 2) return token;
    const b = Buffer.concat([token.subarray(0, 72), token.subarray(88)]);
    for (const at of [12, 20, 28, 36, 44, 52]) b.writeUInt32LE(b.readUInt32LE(at + 4) - 16, at + 4);
    return b;
  };
  await assertRefused(converse({ raw: true }, lookup, touch), 'logon-failure');
  await assertAccepted(converse({ raw: true, omitMic: true }, lookup, touch), 2);
});

const authenticateWith = (change: Partial<Parameters<typeof encodeAuthenticate>[0]>): Buffer =>
  encodeAuthenticate({
    negotiateFlags: DEFAULT_NEGOTIATE_FLAGS,
    lmChallengeResponse: Buffer.alloc(24),
    ntChallengeResponse: Buffer.alloc(24),
    domainName: 'DOM',
    userName: USER,
    workstation: '',
    encryptedRandomSessionKey: Buffer.alloc(16),
    mic: undefined,
    ...change,
  });

async function afterChallenge(token: Buffer): Promise<string> {
  const server = acceptor();
  const challenge = await server.step(encodeNegotiate(DEFAULT_NEGOTIATE_FLAGS));
  assert.equal(challenge.kind, 'continue');
  const step = await server.step(token);
  return step.kind === 'refused' ? step.reason : step.kind;
}

test('NTLMv1, LM, LMv2 alone, and responses of every short length are refused', async () => {
  for (let length = 0; length <= 24; length++) {
    const ntChallengeResponse = Buffer.alloc(length, 1);
    const token = authenticateWith({ ntChallengeResponse });
    assert.equal(await afterChallenge(token), 'logon-failure');
  }
  for (let length = 25; length < 44; length++) {
    const ntChallengeResponse = Buffer.alloc(length, 1);
    assert.equal(await afterChallenge(authenticateWith({ ntChallengeResponse })), 'malformed');
  }
  const lm = { ntChallengeResponse: Buffer.alloc(0), userName: '' };
  const oneByte = { ...lm, lmChallengeResponse: Buffer.alloc(1) };
  assert.equal(await afterChallenge(authenticateWith(oneByte)), 'done');
  const twoBytes = { ...lm, lmChallengeResponse: Buffer.alloc(2) };
  assert.equal(await afterChallenge(authenticateWith(twoBytes)), 'logon-failure');
});

test('a session key of any other length than 16 is malformed', async () => {
  for (const length of [0, 1, 15, 17, 40, 41, 256]) {
    const touch = (token: Buffer, step: number): Buffer => {
      if (step !== 2) return token;
      const b = Buffer.concat([token, Buffer.alloc(length)]);
      b.writeUInt16LE(length, 52);
      b.writeUInt32LE(token.length, 56);
      return b;
    };
    await assertRefused(converse({ raw: true, omitMic: true }, lookup, touch), 'malformed');
  }
});

test('without SIGN no session key need be sent, whatever KEY_EXCH says', async () => {
  const negotiateFlags = (DEFAULT_NEGOTIATE_FLAGS & ~NTLMSSP_NEGOTIATE_SIGN) >>> 0;
  await assertAccepted(converse({ raw: true, negotiateFlags }), 2);
  await assertAccepted(converse({ negotiateFlags }), 2);
});

test('without extended session security there are no MICs to exchange', async () => {
  const negotiateFlags =
    (DEFAULT_NEGOTIATE_FLAGS & ~NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY) >>> 0;
  await assertAccepted(converse({ negotiateFlags }), 2);
});

test('messages out of order, and anything after the end', async () => {
  assert.equal((await acceptor().step(authenticateWith({}))).kind, 'refused');
  assert.equal((await acceptor().step(windows.authenticateToken)).kind, 'refused');
  const twice = acceptor();
  const negotiate = encodeNegotiate(DEFAULT_NEGOTIATE_FLAGS);
  assert.equal((await twice.step(negotiate)).kind, 'continue');
  const again = await twice.step(negotiate);
  assert.ok(again.kind === 'refused' && again.reason === 'malformed');
  assert.equal((await twice.step(negotiate)).kind, 'refused');
});

test('an AUTHENTICATE counts once: neither again nor against another challenge', async () => {
  const server = acceptor();
  const client = createInitiator({ credentials, raw: true });
  const challenge = await server.step(client.start());
  assert.ok(challenge.kind === 'continue');
  const step = client.step(challenge.token);
  assert.ok(step.kind === 'continue');
  assert.equal((await server.step(step.token)).kind, 'done');
  const again = await server.step(step.token);
  assert.ok(again.kind === 'refused' && again.reason === 'malformed');
  assert.equal(await afterChallenge(step.token), 'logon-failure');
});

test('while a lookup waits, nothing else is accepted', async () => {
  let answer: (found: typeof account) => void = () => {};
  const waiting = new Promise<typeof account>((resolve) => {
    answer = resolve;
  });
  const server = acceptor(() => waiting);
  const client = createInitiator({ credentials, raw: true });
  const challenge = await server.step(client.start());
  assert.ok(challenge.kind === 'continue');
  const step = client.step(challenge.token);
  assert.ok(step.kind === 'continue');
  const first = server.step(step.token);
  assert.equal((await server.step(step.token)).kind, 'refused');
  // The caller's buffer is its own again.
  step.token.fill(0);
  answer(account);
  assert.equal((await first).kind, 'done');
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
