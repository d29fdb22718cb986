import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import { decodeHeader, decodePdu, encodePdu, type PduBody } from './pdu.ts';
import { SRVSVC } from './srvsvc.ts';
import {
  bindTimeFeatureSyntax,
  bindTimeFeatures,
  NDR32,
  NDR64,
  NO_SYNTAX,
  sameSyntax,
  serves,
} from './syntax-id.ts';

const b = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');

const negotiation = { callId: 1, maxTransmitBytes: 4280, maxReceiveBytes: 4280 } as const;

/** The first four as Debian's smbclient 4.17 and smbd sent them; the others by C706's tables. */
const GOLDEN: readonly (readonly [string, PduBody, string])[] = [
  [
    'BIND of smbclient',
    {
      kind: 'bind',
      ...negotiation,
      associationGroup: 0,
      contexts: [{ id: 0, abstractSyntax: SRVSVC.syntax, transferSyntaxes: [NDR32] }],
    },
    `05000b03 10000000 48000000 01000000 b810b810 00000000 01000000 00000100
     c84f324b7016d30112785a47bf6ee188 03000000 045d888aeb1cc9119fe808002b104860 02000000`,
  ],
  [
    'BIND_ACK of smbd',
    {
      kind: 'bind-ack',
      ...negotiation,
      associationGroup: 0x1ace,
      secondaryAddress: '\\pipe\\srvsvc',
      results: [{ result: 0, reason: 0, transferSyntax: NDR32 }],
    },
    `05000c03 10000000 44000000 01000000 b810b810 ce1a0000
     0d00 5c706970655c73727673766300 00 01000000 00000000
     045d888aeb1cc9119fe808002b104860 02000000`,
  ],
  [
    'REQUEST of rpcclient',
    {
      kind: 'request',
      callId: 2,
      flags: 3,
      allocHint: 0x2c,
      contextId: 0,
      opnum: 21,
      bigEndian: false,
      stub: b(`00000200 0c000000 00000000 0c000000
        5c005c003100320037002e0030002e0030002e0031000000 65000000`),
    },
    `05000003 10000000 44000000 02000000 2c000000 00001500 00000200 0c000000 00000000 0c000000
     5c005c003100320037002e0030002e0030002e0031000000 65000000`,
  ],
  [
    'RESPONSE of smbd',
    {
      kind: 'response',
      callId: 2,
      flags: 3,
      allocHint: 0x0c,
      contextId: 0,
      bigEndian: false,
      stub: b('66000000 00000000 05000000'),
    },
    '05000203 10000000 24000000 02000000 0c000000 00000000 66000000 00000000 05000000',
  ],
  [
    'FAULT',
    { kind: 'fault', callId: 9, flags: 0x23, contextId: 1, status: 0x1c010002 },
    '05000323 10000000 20000000 09000000 20000000 01000000 0200011c 00000000',
  ],
  [
    'BIND_NAK',
    { kind: 'bind-nak', callId: 9, reason: 8 },
    '05000d03 10000000 15000000 09000000 0800 010500',
  ],
  [
    'ALTER_CONTEXT of three contexts, as Windows proposes them',
    {
      kind: 'alter-context',
      ...negotiation,
      associationGroup: 0x53f0,
      contexts: [
        { id: 0, abstractSyntax: SRVSVC.syntax, transferSyntaxes: [NDR32] },
        { id: 1, abstractSyntax: SRVSVC.syntax, transferSyntaxes: [NDR64] },
        {
          id: 2,
          abstractSyntax: SRVSVC.syntax,
          transferSyntaxes: [bindTimeFeatureSyntax(3)],
        },
      ],
    },
    `05000e03 10000000 a0000000 01000000 b810b810 f0530000 03000000
     00000100 c84f324b7016d30112785a47bf6ee188 03000000 045d888aeb1cc9119fe808002b104860 02000000
     01000100 c84f324b7016d30112785a47bf6ee188 03000000 33057171babe37498319b5dbef9ccc36 01000000
     02000100 c84f324b7016d30112785a47bf6ee188 03000000 2c1cb76c12984045 0300000000000000 01000000`,
  ],
  [
    'ALTER_CONTEXT_RESP without an address',
    {
      kind: 'alter-context-response',
      ...negotiation,
      associationGroup: 0x53f0,
      secondaryAddress: '',
      results: [{ result: 3, reason: 2, transferSyntax: NO_SYNTAX }],
    },
    `05000f03 10000000 38000000 01000000 b810b810 f0530000 00000000 01000000 03000200
     ${'00'.repeat(20)}`,
  ],
  ['CO_CANCEL', { kind: 'cancel', callId: 5 }, '05001203 10000000 10000000 05000000'],
  ['ORPHANED', { kind: 'orphaned', callId: 5 }, '05001303 10000000 10000000 05000000'],
  ['SHUTDOWN', { kind: 'shutdown', callId: 0 }, '05001103 10000000 10000000 00000000'],
  ['AUTH3', { kind: 'auth3', callId: 5 }, '05001003 10000000 14000000 05000000 00000000'],
];

for (const [name, pdu, hex] of GOLDEN) {
  test(`${name}, both ways and cut anywhere`, () => {
    const wire = b(hex);
    assert.equal(encodePdu(pdu).toString('hex'), wire.toString('hex'));
    assert.deepEqual(decodePdu(wire), { ...pdu, auth: undefined });
    for (let length = 0; length < wire.length; length++) {
      assert.throws(() => decodePdu(wire.subarray(0, length)), WireError);
      // The same, with a frag_length that admits to the cut.
      const cut = Buffer.from(wire.subarray(0, length));
      if (length >= 16) cut.writeUInt16LE(length, 8);
      decodesOrRefuses(cut);
    }
  });
}

test('a verifier is taken off the end (rpcclient [sign])', () => {
  const wire = b(`05000b07 10000000 78002800 01000000 b810b810 00000000 01000000 00000100
    c84f324b7016d30112785a47bf6ee188 03000000 045d888aeb1cc9119fe808002b104860 02000000
    0a050000 01000000 4e544c4d535350000100000015820862000000002800000000000000
    2800000006 0100000000000f`);
  const pdu = decodePdu(wire);
  assert.equal(pdu.kind, 'bind');
  assert.equal(pdu.kind === 'bind' && pdu.contexts.length, 1);
  assert.equal(pdu.auth?.type, 10);
  assert.equal(pdu.auth.level, 5);
  assert.equal(pdu.auth.contextId, 1);
  assert.equal(pdu.auth.token.length, 0x28);
  assert.equal(pdu.auth.token.toString('latin1', 0, 7), 'NTLMSSP');
});

test('the padding before a verifier is not stub data', () => {
  const wire = b(`05000003 10000000 26000200 02000000 00000000 00001500
    aabb 0000 0a020200 00000000 1122`);
  const pdu = decodePdu(wire);
  assert.equal(pdu.kind === 'request' && pdu.stub.toString('hex'), 'aabb');
  wire[30] = 200;
  assert.throws(() => decodePdu(wire), WireError);
});

test('an object UUID stands before the stub', () => {
  const wire = b(`05000083 10000000 2a000000 02000000 00000000 00001500 ${'99'.repeat(16)} aabb`);
  const pdu = decodePdu(wire);
  assert.equal(pdu.kind === 'request' && pdu.stub.toString('hex'), 'aabb');
});

test('big-endian PDUs read as the same', () => {
  const wire = b(`05000b03 00000000 00480000 00000001 10b810b8 00000000 01000000 00000100
    4b324fc8167001d3 12785a47bf6ee188 00000003 8a885d041ceb11c9 9fe808002b104860 00000002`);
  assert.deepEqual(decodePdu(wire), { ...GOLDEN[0]![1], auth: undefined });
});

test('headers that lie are refused', () => {
  const header = (fragment: number, auth: number): Buffer => {
    const wire = encodePdu({ kind: 'cancel', callId: 1 });
    wire.writeUInt16LE(fragment, 8);
    wire.writeUInt16LE(auth, 10);
    return wire;
  };
  for (const [fragment, auth] of [
    [15, 0],
    [0, 0],
    [5841, 0],
    [0xffff, 0],
    [32, 9],
    [16, 1],
    [5840, 0xffff],
  ] as const) {
    assert.throws(() => decodeHeader(header(fragment, auth)), WireError);
  }
  assert.equal(decodeHeader(header(5840, 0)).fragmentBytes, 5840);
  assert.throws(() => decodePdu(b('04000003 10000000 10000000 00000000')), WireError);
  assert.throws(() => decodePdu(b('05000103 10000000 10000000 00000000')), WireError);
});

test('any octets give a PDU or a WireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 160 }), fc.boolean(), (body, bigEndian) => {
      const wire = Buffer.concat([b('05000003 10000000 00000000 00000000'), body]);
      wire[2] = body[0] === undefined ? 0 : body[0] % 20;
      wire[4] = bigEndian ? 0 : 0x10;
      if (bigEndian) wire.writeUInt16BE(wire.length, 8);
      else wire.writeUInt16LE(wire.length, 8);
      decodesOrRefuses(wire);
      decodesOrRefuses(Buffer.from(body));
    }),
    { numRuns: 1000 },
  );
});

function decodesOrRefuses(wire: Buffer): void {
  try {
    decodePdu(wire);
  } catch (error) {
    assert.ok(error instanceof WireError, String(error));
  }
}

test('syntax identifiers', () => {
  assert.equal(bindTimeFeatures(bindTimeFeatureSyntax(3)), 3);
  assert.equal(bindTimeFeatures(NDR32), undefined);
  assert.equal(bindTimeFeatures({ ...bindTimeFeatureSyntax(3), major: 2 }), undefined);
  assert.ok(sameSyntax(NDR32, { ...NDR32 }));
  assert.ok(!sameSyntax(NDR32, { ...NDR32, minor: 1 }));
  const offered = { ...SRVSVC.syntax, minor: 1 };
  assert.ok(serves(offered, { ...offered, minor: 0 }));
  assert.ok(!serves(offered, { ...offered, minor: 2 }));
  assert.ok(!serves(offered, { ...offered, major: 2 }));
});
