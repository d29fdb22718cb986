import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import {
  AV_FLAG_MIC,
  AvId,
  avFlags,
  decodeAuthenticate,
  decodeAvPairs,
  decodeChallenge,
  decodeClientChallenge,
  decodeNegotiate,
  encodeAuthenticate,
  encodeAvPairs,
  encodeChallenge,
  encodeClientChallenge,
  encodeNegotiate,
  isNtlm,
  MAXIMUM_AV_PAIRS,
  MAXIMUM_NAME_BYTES,
  NTLM_NEGOTIATE_OEM,
  NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED,
  NTLMSSP_NEGOTIATE_UNICODE,
} from './ntlm-messages.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** MS-NLMP 4.2.4.3 */
const CHALLENGE = hex(
  '4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef' +
    '00000000000000002400240044000000060070170000000f5300650072007600' +
    '6500720002000c0044006f006d00610069006e0001000c005300650072007600' +
    '6500720000000000',
);
const AUTHENTICATE = hex(
  '4e544c4d5353500003000000180018006c00000054005400840000000c000c00' +
    '480000000800080054000000100010005c00000010001000d8000000358288e2' +
    '0501280a0000000f44006f006d00610069006e00550073006500720043004f00' +
    '4d005000550054004500520086c35097ac9cec102554764a57cccc19aaaaaaaa' +
    'aaaaaaaa68cd0ab851e51c96aabc927bebef6a1c010100000000000000000000' +
    '00000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e00' +
    '01000c005300650072007600650072000000000000000000c5dad2544fc97990' +
    '94ce1ce90bc9d03e',
);
/** Offsets of the (length, maximum, offset) fields. */
const CHALLENGE_FIELDS = [12, 40];
const AUTHENTICATE_FIELDS = [12, 20, 28, 36, 44, 52];
const VERSION_AT = { challenge: 48, authenticate: 64 };

test('CHALLENGE_MESSAGE of MS-NLMP 4.2.4.3, both ways but for the version', () => {
  const message = decodeChallenge(CHALLENGE);
  assert.equal(message.targetName, 'Server');
  assert.equal(message.negotiateFlags, 0xe28a8233);
  assert.equal(message.serverChallenge.toString('hex'), '0123456789abcdef');
  const pairs = decodeAvPairs(message.targetInfo);
  assert.deepEqual(
    pairs.map(({ id, value }) => [id, value.toString('utf16le')]),
    [
      [AvId.MsvAvNbDomainName, 'Domain'],
      [AvId.MsvAvNbComputerName, 'Server'],
    ],
  );
  const encoded = encodeChallenge({ ...message, targetInfo: encodeAvPairs(pairs) });
  CHALLENGE.copy(encoded, VERSION_AT.challenge, VERSION_AT.challenge, VERSION_AT.challenge + 8);
  assert.deepEqual(encoded, CHALLENGE);
});

test('AUTHENTICATE_MESSAGE of MS-NLMP 4.2.4.3, which has no MIC field', () => {
  const message = decodeAuthenticate(AUTHENTICATE);
  assert.equal(message.userName, 'User');
  assert.equal(message.domainName, 'Domain');
  assert.equal(message.workstation, 'COMPUTER');
  assert.equal(message.negotiateFlags, 0xe2888235);
  assert.equal(message.lmChallengeResponse.length, 24);
  assert.equal(message.ntChallengeResponse.length, 84);
  assert.equal(message.mic, undefined);
  const challenge = decodeClientChallenge(message.ntChallengeResponse.subarray(16));
  assert.equal(challenge.timeStamp, 0n);
  assert.equal(challenge.challengeFromClient.toString('hex'), 'aaaaaaaaaaaaaaaa');
  assert.deepEqual(encodeClientChallenge(challenge), message.ntChallengeResponse.subarray(16));
  const again = decodeAuthenticate(encodeAuthenticate(message));
  assert.deepEqual(again, { ...message, mic: Buffer.alloc(16) });
});

test('NEGOTIATE_MESSAGE: all lengths that clients send, and names only with their flags', () => {
  const encoded = encodeNegotiate(0xe2088297);
  assert.equal(
    encoded.toString('hex'),
    '4e544c4d5353500001000000978208e2000000002800000000000000280000000601000000' + '00000f',
  );
  for (const length of [16, 32, 40]) {
    assert.deepEqual(decodeNegotiate(encoded.subarray(0, length)), {
      negotiateFlags: 0xe2088297,
      domainName: '',
      workstation: '',
    });
  }
  for (let n = 0; n < 16; n++) {
    assert.throws(() => decodeNegotiate(encoded.subarray(0, n)), WireError);
  }
  const named = Buffer.concat([encoded.subarray(0, 32), Buffer.from('DOM')]);
  named.writeUInt16LE(3, 16);
  named.writeUInt32LE(32, 20);
  assert.equal(decodeNegotiate(named).domainName, '');
  named.writeUInt32LE(NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED, 12);
  assert.equal(decodeNegotiate(named).domainName, 'DOM');
  named.writeUInt32LE(33, 20);
  assert.throws(() => decodeNegotiate(named), WireError);
});

test('every truncation is a WireError', () => {
  for (let n = 0; n < CHALLENGE.length; n++) {
    assert.throws(() => decodeChallenge(CHALLENGE.subarray(0, n)), WireError);
  }
  for (let n = 0; n < AUTHENTICATE.length; n++) {
    assert.throws(() => decodeAuthenticate(AUTHENTICATE.subarray(0, n)), WireError);
  }
  const temp = encodeClientChallenge({
    timeStamp: 1n,
    challengeFromClient: Buffer.alloc(8),
    avPairs: [],
  });
  for (let n = 0; n < 28; n++) {
    assert.throws(() => decodeClientChallenge(temp.subarray(0, n)), WireError);
  }
});

test('every field of every message is bounded on its own', () => {
  const cases = [
    [CHALLENGE, CHALLENGE_FIELDS, decodeChallenge],
    [AUTHENTICATE, AUTHENTICATE_FIELDS, decodeAuthenticate],
  ] as const;
  for (const [golden, fields, decode] of cases) {
    for (const at of fields) {
      for (const offset of [0, 8, golden.length - 1, golden.length + 1, 0x8000_0000, 0xffff_ffff]) {
        const b = Buffer.from(golden);
        b.writeUInt32LE(offset, at + 4);
        assert.throws(() => decode(b), WireError, `field at ${at} with offset ${offset}`);
      }
      const b = Buffer.from(golden);
      b.writeUInt16LE(0xffff, at);
      assert.throws(() => decode(b), WireError, `field at ${at} with length 65535`);
      // An empty field may point anywhere.
      b.writeUInt16LE(0, at);
      b.writeUInt32LE(0xffff_fff0, at + 4);
      assert.doesNotThrow(() => decode(b), `field at ${at}, empty`);
    }
  }
});

const anything = (flags: number) => ({
  negotiateFlags: flags,
  lmChallengeResponse: Buffer.alloc(0),
  ntChallengeResponse: Buffer.alloc(0),
  domainName: '',
  userName: '',
  workstation: '',
  encryptedRandomSessionKey: Buffer.alloc(0),
  mic: Buffer.alloc(16, 9),
});

test('names: UTF-16 with any surrogates, OEM when only that was agreed', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }), (units) => {
      const userName = String.fromCharCode(...units);
      const message = { ...anything(NTLMSSP_NEGOTIATE_UNICODE), userName };
      assert.deepEqual(decodeAuthenticate(encodeAuthenticate(message)), message);
    }),
  );
  const oem = { ...anything(NTLM_NEGOTIATE_OEM), userName: 'jürgen', domainName: 'DOM' };
  assert.deepEqual(decodeAuthenticate(encodeAuthenticate(oem)), oem);
});

test('a name of an odd length, or too long, is a WireError', () => {
  const odd = Buffer.from(AUTHENTICATE);
  odd.writeUInt16LE(7, 36);
  assert.throws(() => decodeAuthenticate(odd), WireError);
  const userName = 'u'.repeat(MAXIMUM_NAME_BYTES / 2);
  const message = { ...anything(NTLMSSP_NEGOTIATE_UNICODE), userName };
  assert.equal(decodeAuthenticate(encodeAuthenticate(message)).userName, userName);
  const longer = encodeAuthenticate({ ...message, userName: `${userName}u` });
  assert.throws(() => decodeAuthenticate(longer), WireError);
});

test('AV pairs: any list both ways, bounded, and every cut of one', () => {
  const pair = fc
    .tuple(fc.integer({ min: 1, max: 0xffff }), fc.uint8Array({ maxLength: 30 }))
    .map(([id, value]) => ({ id, value: Buffer.from(value) }));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: MAXIMUM_AV_PAIRS }), (pairs) => {
      const encoded = encodeAvPairs(pairs);
      assert.deepEqual(decodeAvPairs(encoded), pairs);
      assert.deepEqual(decodeAvPairs(Buffer.concat([encoded, Buffer.alloc(9, 0xff)])), pairs);
      assert.deepEqual(decodeAvPairs(encoded.subarray(0, -4)), pairs);
    }),
  );
  const one = encodeAvPairs([{ id: 1, value: Buffer.alloc(5) }]);
  for (let n = 1; n < 9; n++) assert.throws(() => decodeAvPairs(one.subarray(0, n)), WireError);
  const many = Array.from({ length: MAXIMUM_AV_PAIRS + 1 }, () => ({
    id: 1,
    value: Buffer.alloc(0),
  }));
  assert.throws(() => decodeAvPairs(encodeAvPairs(many)), WireError);
});

test('MsvAvFlags counts with four bytes or more', () => {
  const flags = (value: Buffer) => avFlags([{ id: AvId.MsvAvFlags, value }]);
  assert.equal(flags(hex('02000000')), AV_FLAG_MIC);
  assert.equal(flags(hex('020000')), 0);
  assert.equal(avFlags([]), 0);
});

test('a client challenge of another response type is a WireError', () => {
  const temp = encodeClientChallenge({
    timeStamp: 1n,
    challengeFromClient: Buffer.alloc(8),
    avPairs: [],
  });
  for (const at of [0, 1]) {
    const b = Buffer.from(temp);
    b[at] = 2;
    assert.throws(() => decodeClientChallenge(b), WireError);
  }
});

test('messages are told by their signature', () => {
  assert.ok(isNtlm(CHALLENGE));
  assert.ok(!isNtlm(CHALLENGE.subarray(0, 11)));
  assert.ok(!isNtlm(hex('4e544c4d5353502001000000')));
});
