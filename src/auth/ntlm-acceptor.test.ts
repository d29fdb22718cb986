import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as windows from '../crypto/windows-exchange.vectors.test.ts';
import { createAcceptor } from './acceptor.ts';
import {
  acceptor,
  account,
  afterChallenge,
  assertAccepted,
  assertRefused,
  authenticateWith,
  converse,
  credentials,
  lookup,
  names,
  PASSWORD,
  resp,
  USER,
} from './conversation.support.test.ts';
import { createInitiator } from './initiator.ts';
import { createNtlmAcceptor, type NtlmAcceptor } from './ntlm-acceptor.ts';
import { DEFAULT_NEGOTIATE_FLAGS } from './ntlm-initiator.ts';
import {
  AvId,
  avFlags,
  decodeAvPairs,
  decodeChallenge,
  encodeNegotiate,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_NTLM,
  NTLMSSP_NEGOTIATE_SIGN,
  NTLMSSP_NEGOTIATE_TARGET_INFO,
  NTLMSSP_NEGOTIATE_UNICODE,
  NTLMSSP_REQUEST_TARGET,
  NTLMSSP_TARGET_TYPE_SERVER,
} from './ntlm-messages.ts';
import { NegState } from './spnego.ts';

test('an NT hash serves in place of the password; without a MIC it is still NTLMv2', async () => {
  await assertAccepted(converse({ credentials: { ...credentials, secret: account.ntHash } }), 2);
  await assertAccepted(converse({ omitMic: true }), 2);
  await assertAccepted(converse({ mechListMic: 'omit' }), 2);
});

test('without key exchange the session base key is the session key', async () => {
  const negotiateFlags = (DEFAULT_NEGOTIATE_FLAGS & ~NTLMSSP_NEGOTIATE_KEY_EXCH) >>> 0;
  await assertAccepted(converse({ negotiateFlags }), 2);
});

test('a wrong password and an unknown user are the same refusal', async () => {
  const wrong = await converse({ credentials: { ...credentials, secret: 'x' } });
  const unknown = await converse({ credentials: { ...credentials, user: 'Bob' } });
  assert.deepEqual(wrong.server, {
    kind: 'refused',
    reason: 'logon-failure',
    identityName: { user: USER, domain: 'DOM', anonymous: false, guest: false },
    why: 'wrong password',
  });
  // Which it was is the administrator's to know.
  assert.ok(unknown.server.kind === 'refused' && unknown.server.reason === 'logon-failure');
  assert.equal(unknown.server.why, 'no such account');
});

test('user names compare without case', async () => {
  const { server } = await converse({ credentials: { ...credentials, user: 'aLICE' } });
  assert.equal(server.kind, 'done');
});

/** Names a domain in an AUTHENTICATE that was computed with none. */
const nameDomain = (token: Buffer, step: number): Buffer => {
  if (step !== 2) return token;
  const b = Buffer.concat([token, Buffer.from('DOM', 'utf16le')]);
  b.writeUInt16LE(6, 28);
  b.writeUInt32LE(token.length, 32);
  return b;
};

test('a client that names a domain and computes with none (3.2.5.1.2) is accepted', async () => {
  const noDomain = { credentials: { user: USER, secret: PASSWORD }, raw: true };
  await assertAccepted(converse({ ...noDomain, omitMic: true }, lookup, nameDomain), 2);
  // With a MIC the same change is seen for what it is here.
  await assertRefused(converse(noDomain, lookup, nameDomain), 'logon-failure');
});

test('anonymous: known as such, with a key that is no secret', async () => {
  for (const raw of [true, false]) {
    const { server, client } = await converse({ credentials: 'anonymous', raw }, () =>
      assert.fail('looked up'),
    );
    assert.ok(server.kind === 'done');
    assert.equal(client, 'done');
    assert.equal(server.identityName.anonymous, true);
    assert.equal(server.identityName.user, '');
    assert.equal(server.sessionKey?.length, 16);
  }
});

test('a guest is let in whatever the response, without a key', async () => {
  const { server } = await converse({}, () => 'guest');
  assert.ok(server.kind === 'done');
  assert.equal(server.identityName.guest, true);
  assert.equal(server.sessionKey, undefined);
  assert.equal(resp(server.token).negState, NegState.ACCEPT_COMPLETED);
});

test('who sends no NTLMv2 response can be a guest, and nobody else', async () => {
  for (const length of [0, 1, 24]) {
    const token = authenticateWith({ ntChallengeResponse: Buffer.alloc(length, 1) });
    assert.equal(await afterChallenge(token, () => 'guest'), 'done');
    assert.equal(await afterChallenge(token), 'logon-failure');
    assert.equal(await afterChallenge(token, () => undefined), 'logon-failure');
    assert.equal(await afterChallenge(token, () => Promise.resolve('guest')), 'done');
  }
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

test('the exchange itself takes one NEGOTIATE and one AUTHENTICATE, whoever wraps it', async () => {
  const reasonOf = async (token: Buffer, server: NtlmAcceptor): Promise<string> => {
    const step = await server.step(token);
    return step.kind === 'refused' ? step.reason : step.kind;
  };
  const negotiate = encodeNegotiate(DEFAULT_NEGOTIATE_FLAGS);
  const anonymous = authenticateWith({
    userName: '',
    ntChallengeResponse: Buffer.alloc(0),
    lmChallengeResponse: Buffer.alloc(0),
  });
  const server = createNtlmAcceptor({ names, lookup });
  assert.equal(await reasonOf(negotiate, server), 'challenge');
  assert.equal(await reasonOf(anonymous, server), 'done');
  assert.equal(await reasonOf(anonymous, server), 'malformed');
  assert.equal(await reasonOf(negotiate, server), 'malformed');
  const other = createNtlmAcceptor({ names, lookup });
  assert.equal(await reasonOf(anonymous, other), 'malformed');
  assert.equal(await reasonOf(negotiate, other), 'malformed');
});
