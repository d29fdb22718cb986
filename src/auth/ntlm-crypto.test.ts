import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as windows from '../crypto/windows-exchange.vectors.test.ts';
import {
  equalSecrets,
  exchangeKey,
  firstSignature,
  lmV2Response,
  messageMic,
  ntHash,
  ntowfV2,
  ntProof,
  sealKey,
  sessionBaseKey,
  signKey,
  upcase,
} from './ntlm-crypto.ts';
import {
  decodeAuthenticate,
  NTLMSSP_NEGOTIATE_56,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
} from './ntlm-messages.ts';
import { decodeSpnego, type NegTokenInit, type NegTokenResp } from './spnego.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** MS-NLMP 4.2.1 and 4.2.4 */
const serverChallenge = hex('0123456789abcdef');
const clientChallenge = hex('aaaaaaaaaaaaaaaa');
const randomSessionKey = Buffer.alloc(16, 0x55);
const temp = hex(
  '01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000' +
    '02000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000',
);
const responseKey = ntowfV2(ntHash('Password'), 'User', 'Domain');

test('MS-NLMP 4.2.4: the response keys and responses', () => {
  assert.deepEqual(responseKey, hex('0c868a403bfd7a93a3001ef22ef02e3f'));
  const proof = ntProof(responseKey, serverChallenge, temp);
  assert.deepEqual(proof, hex('68cd0ab851e51c96aabc927bebef6a1c'));
  assert.deepEqual(
    lmV2Response(responseKey, serverChallenge, clientChallenge),
    hex('86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa'),
  );
  const base = sessionBaseKey(responseKey, proof);
  assert.deepEqual(base, hex('8de40ccadbc14a82f15cb0ad0de95ca3'));
  const encrypted = hex('c5dad2544fc9799094ce1ce90bc9d03e');
  assert.deepEqual(exchangeKey(base, randomSessionKey), encrypted);
  assert.deepEqual(exchangeKey(base, encrypted), randomSessionKey);
});

test('MS-NLMP 4.2.4.4: the keys for signing and sealing', () => {
  assert.deepEqual(
    sealKey(NTLMSSP_NEGOTIATE_128, randomSessionKey, 'client'),
    hex('59f600973cc4960a25480a7c196e4c58'),
  );
  assert.deepEqual(signKey(randomSessionKey, 'client'), hex('4788dc861b4782f35d43fd98fe1a2d39'));
});

test('3.4.5.3: without 128 the sealing key is of 56 bits, else of 40', () => {
  const of = (flags: number, bytes: number) => {
    const cut = Buffer.concat([randomSessionKey.subarray(0, bytes), Buffer.alloc(16 - bytes, 1)]);
    assert.deepEqual(sealKey(flags, cut, 'server'), sealKey(flags, randomSessionKey, 'server'));
  };
  of(NTLMSSP_NEGOTIATE_56, 7);
  of(0, 5);
});

/** The exchange of two Windows machines, taken apart. */
const init = decodeSpnego(windows.initToken) as NegTokenInit;
const challenge = (decodeSpnego(windows.challengeToken) as NegTokenResp).responseToken!;
const authenticate = decodeSpnego(windows.authenticateToken) as NegTokenResp;
const completed = decodeSpnego(windows.completedToken) as NegTokenResp;
const message = decodeAuthenticate(authenticate.responseToken!);

test('a Windows session: from the password to the exported session key', () => {
  const { user, domain, password } = windows;
  const key = ntowfV2(ntHash(password), user, domain);
  assert.deepEqual(key, hex('aee3959b44a815f1eb28c9511b4f533b'));
  const response = message.ntChallengeResponse;
  const proof = ntProof(key, challenge.subarray(24, 32), response.subarray(16));
  assert.deepEqual(proof, response.subarray(0, 16));
  const base = sessionBaseKey(key, proof);
  assert.deepEqual(exchangeKey(base, message.encryptedRandomSessionKey), windows.sessionKey);
});

test('a Windows session: the MIC over the three messages', () => {
  const mic = messageMic(
    windows.sessionKey,
    init.mechToken!,
    challenge,
    authenticate.responseToken!,
  );
  assert.deepEqual(mic, message.mic);
  assert.deepEqual(mic, hex('ecac77a5f385a8bf9c38c706eeeddcd3'));
});

test('a Windows session: the mechListMIC of either side', () => {
  const of = (sender: 'client' | 'server') =>
    firstSignature(message.negotiateFlags, windows.sessionKey, sender, init.mechTypeList);
  assert.deepEqual(of('client'), authenticate.mechListMic);
  assert.deepEqual(of('server'), completed.mechListMic);
});

test('3.4.4: no signature without extended session security, a dummy without SIGN and SEAL', () => {
  const sign = (flags: number) =>
    firstSignature(flags, randomSessionKey, 'client', Buffer.from('a message'));
  assert.equal(sign(NTLMSSP_NEGOTIATE_ALWAYS_SIGN), undefined);
  const always = NTLMSSP_NEGOTIATE_ALWAYS_SIGN | NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY;
  assert.deepEqual(sign(always), hex('01000000000000000000000000000000'));
});

test('user names are upcased a unit at a time, surrogates kept', () => {
  assert.equal(upcase('jürgen.Ωmega ÿ'), 'JÜRGEN.ΩMEGA Ÿ');
  assert.equal(upcase('γιώργος'), 'ΓΙΏΡΓΟΣ');
  assert.equal(upcase('გიორგი'), 'გიორგი');
  assert.equal(upcase('straße ıſµ ﬁ'), 'STRAßE ıſµ ﬁ');
  assert.equal(upcase('a\ud800b😀\udc00'), 'A\ud800B😀\udc00');
  assert.equal(ntowfV2(ntHash('x'), 'a\ud800', '').length, 16);
});

test('secrets of other lengths differ, without a throw', () => {
  assert.ok(equalSecrets(Buffer.from('ab'), Buffer.from('ab')));
  assert.ok(!equalSecrets(Buffer.from('ab'), Buffer.from('ac')));
  assert.ok(!equalSecrets(Buffer.from('ab'), Buffer.from('abc')));
  assert.ok(!equalSecrets(Buffer.alloc(0), Buffer.from('a')));
});
