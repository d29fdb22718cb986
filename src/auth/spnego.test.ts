import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as windows from '../crypto/windows-exchange.vectors.test.ts';
import { WireError } from '../wire/wire-error.ts';
import { contextTag, der, Tag } from './der.ts';
import {
  decodeSpnego,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  MAXIMUM_MECHANISMS,
  Mechanism,
  NegState,
} from './spnego.ts';

/** MS-SPNG 4: NegTokenInit2 with NEGOEX and NTLMSSP, a mechToken and hints. */
const SPNG_EXAMPLE = Buffer.from(
  '6082015d06062b0601050502a08201513082014da01a3018060a2b06010401823702021e060a2b06010401823702020a' +
    'a28201010481fe4e45474f4558545301000000000000006000000070000000cffa11765e12599a347d766852bfce7097' +
    '458710bb8242b4c7dfbad2da897aa311a7d8684634309525' +
    '62dc13c554f20100000000000000006000000001000000000000000000000' +
    '05c33530deaf90d4db2ec4ae3786ec3084e45474f4558545303000000010000' +
    '00400000008e000000cffa11765e12599a347d766852bfce705c33530deaf90d4db2ec4ae3786ec30840' +
    '0000004e000000304ca04a3048302a80283026312430220603550403131b584d' +
    '4c50726f766964657220496e7465726d65646961746520434130' +
    '1a801830163114301206035504031' +
    '30b584d4c50726f7669646572a32a3028a0261b24' +
    '6e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265',
  'hex',
);

function init(token: Buffer) {
  const decoded = decodeSpnego(token);
  assert.equal(decoded.kind, 'init');
  return decoded.kind === 'init' ? decoded : assert.fail();
}

function resp(token: Buffer) {
  const decoded = decodeSpnego(token);
  assert.equal(decoded.kind, 'resp');
  return decoded.kind === 'resp' ? decoded : assert.fail();
}

test('NegTokenInit2 of MS-SPNG 4, hints ignored', () => {
  const decoded = init(SPNG_EXAMPLE);
  assert.deepEqual(decoded.mechTypes, [Mechanism.NEGOEX, Mechanism.NTLMSSP]);
  assert.equal(decoded.mechToken?.length, 0xfe);
  assert.equal(decoded.mechToken?.toString('latin1', 0, 8), 'NEGOEXTS');
  assert.equal(decoded.mechListMic, undefined);
});

test('NegTokenInit2 of a Windows server', () => {
  const decoded = init(windows.negotiateBlob);
  assert.deepEqual(decoded.mechTypes, [Mechanism.NEGOEX, Mechanism.NTLMSSP]);
  assert.deepEqual(encodeNegTokenInit(decoded), windows.negotiateBlob);
});

test('the tokens of a Windows session, both ways', () => {
  const first = init(windows.initToken);
  assert.deepEqual(first.mechTypes, [Mechanism.NTLMSSP]);
  assert.deepEqual(first.mechTypeList, encodeMechTypeList(first.mechTypes));
  assert.deepEqual(encodeNegTokenInit(first), windows.initToken);
  const rest = [windows.challengeToken, windows.authenticateToken, windows.completedToken];
  for (const token of rest) assert.deepEqual(encodeNegTokenResp(resp(token)), token);
  const challenge = resp(windows.challengeToken);
  assert.equal(challenge.negState, NegState.ACCEPT_INCOMPLETE);
  assert.equal(challenge.supportedMech, Mechanism.NTLMSSP);
  const completed = resp(windows.completedToken);
  assert.equal(completed.negState, NegState.ACCEPT_COMPLETED);
  assert.equal(completed.mechListMic?.toString('hex'), '010000003b453cdc3524164200000000');
});

test('the hint of a NEGOTIATE response', () => {
  const token = encodeNegTokenInit2([Mechanism.NTLMSSP]);
  const decoded = init(token);
  assert.deepEqual(decoded.mechTypes, [Mechanism.NTLMSSP]);
  assert.equal(decoded.mechToken, undefined);
  assert.deepEqual(token.subarray(-44), SPNG_EXAMPLE.subarray(-44));
});

test('mechListMIC is [3] in RFC 4178 and [4] in NegTokenInit2', () => {
  const mechListMic = Buffer.alloc(16, 3);
  const mechTypes = [Mechanism.KRB5, Mechanism.MS_KRB5, Mechanism.NTLMSSP];
  assert.deepEqual(init(encodeNegTokenInit({ mechTypes, mechListMic })).mechListMic, mechListMic);
  const body = der(
    Tag.SEQUENCE,
    der(contextTag(0), encodeMechTypeList(mechTypes)),
    der(contextTag(1), der(Tag.BIT_STRING, Buffer.from([1, 0x40]))),
    der(contextTag(3), der(Tag.SEQUENCE)),
    der(contextTag(4), der(Tag.OCTET_STRING, mechListMic)),
  );
  const decoded = init(der(contextTag(0), body));
  assert.deepEqual(decoded.mechListMic, mechListMic);
  assert.deepEqual(decoded.reqFlags, Buffer.from([1, 0x40]));
});

test('another mechanism in the GSS wrapper is named, not read', () => {
  const oid = der(Tag.OID, Buffer.from(Mechanism.KRB5, 'hex'));
  const token = der(Tag.APPLICATION_0, oid, Buffer.from('an AP-REQ'));
  assert.deepEqual(decodeSpnego(token), { kind: 'other', mechanism: Mechanism.KRB5 });
});

const TOKENS = [
  SPNG_EXAMPLE,
  windows.initToken,
  windows.challengeToken,
  windows.authenticateToken,
  windows.completedToken,
];

test('every truncation is a WireError', () => {
  for (const token of TOKENS) {
    for (let n = 0; n < token.length; n++) {
      assert.throws(() => decodeSpnego(token.subarray(0, n)), WireError);
    }
  }
});

test('a token with changed bytes is a token or a WireError', () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(
      fc.constantFrom(...TOKENS),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (token, changes) => {
        const b = Buffer.from(token);
        for (const [where, value] of changes) b[where % b.length] = value;
        try {
          decodeSpnego(b);
        } catch (error) {
          assert.ok(error instanceof WireError);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('too many mechanisms, an unknown state and an unknown choice are refused', () => {
  const mechTypes = Array.from({ length: MAXIMUM_MECHANISMS + 1 }, () => Mechanism.NTLMSSP);
  assert.throws(() => decodeSpnego(encodeNegTokenInit({ mechTypes })), WireError);
  assert.equal(init(encodeNegTokenInit({ mechTypes: mechTypes.slice(1) })).mechTypes.length, 32);
  const state = der(contextTag(0), der(Tag.ENUMERATED, Buffer.from([4])));
  assert.throws(() => decodeSpnego(der(contextTag(1), der(Tag.SEQUENCE, state))), WireError);
  assert.throws(() => decodeSpnego(der(contextTag(2), der(Tag.SEQUENCE))), WireError);
  const two = der(contextTag(2), der(Tag.OCTET_STRING), der(Tag.OCTET_STRING));
  assert.throws(() => decodeSpnego(der(contextTag(1), der(Tag.SEQUENCE, two))), WireError);
});
