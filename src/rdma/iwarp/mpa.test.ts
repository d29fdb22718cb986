/** RFC 5044 7.1, RFC 6581: the frames, with those of Linux's client as they were captured, and the answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbRecord, fromHex, testCodec } from '../../../test/support/codec.ts';
import { WireError } from '../../wire/wire-error.ts';
import {
  decodeEnhancedData,
  decodeMpaFrame,
  type EnhancedData,
  encodeEnhancedData,
  encodeMpaFrame,
  type MpaFrame,
} from './mpa.ts';
import { answerMpaRequest } from './mpa-negotiation.ts';

const REQUEST = '4d504120494420526571204672616d65';
const REPLY = '4d504120494420526570204672616d65';
/** IRD 32 and ORD 0 in RFC 6581's words, then cifs.ko's own two in the order of its machine. */
const LINUX_PRIVATE_DATA = '00200000 20000000 01000000';

const linuxRequest: MpaFrame = {
  kind: 'request',
  markers: false,
  crc: false,
  rejected: false,
  enhanced: true,
  revision: 2,
  privateData: fromHex(LINUX_PRIVATE_DATA),
};

testCodec<MpaFrame>('MPA frame', {
  decode: decodeMpaFrame,
  encode: encodeMpaFrame,
  headerSize: 0,
  golden: [
    {
      name: 'of Linux 6.1 with siw',
      hex: `${REQUEST} 10 02 000c ${LINUX_PRIVATE_DATA}`,
      value: linuxRequest,
    },
    {
      name: 'a reply that rejects',
      hex: `${REPLY} 20 01 0000`,
      value: {
        ...linuxRequest,
        kind: 'reply',
        rejected: true,
        enhanced: false,
        revision: 1,
        privateData: Buffer.alloc(0),
      },
    },
  ],
  values: arbRecord<MpaFrame>({
    kind: fc.constantFrom('request', 'reply'),
    markers: fc.boolean(),
    crc: fc.boolean(),
    rejected: fc.boolean(),
    enhanced: fc.boolean(),
    revision: fc.nat(255),
    privateData: fc.uint8Array({ maxLength: 512 }).map((bytes) => Buffer.from(bytes)),
  }),
});

testCodec<EnhancedData>('Enhanced RDMA data', {
  decode: decodeEnhancedData,
  encode: encodeEnhancedData,
  headerSize: 0,
  golden: [
    {
      name: 'peer to peer by an empty Write',
      hex: '8010 8001',
      value: { ird: 16, ord: 1, peerToPeer: true, sendRtr: false, writeRtr: true, readRtr: false },
    },
  ],
  values: arbRecord<EnhancedData>({
    ird: fc.nat(0x3fff),
    ord: fc.nat(0x3fff),
    peerToPeer: fc.boolean(),
    sendRtr: fc.boolean(),
    writeRtr: fc.boolean(),
    readRtr: fc.boolean(),
  }),
});

const asked = (over: Partial<MpaFrame>): MpaFrame => ({ ...linuxRequest, ...over });

test('Linux is answered as its siw and cifs.ko want it', () => {
  const { reply, settings } = answerMpaRequest(linuxRequest, false);
  assert.equal(
    encodeMpaFrame(reply).toString('hex'),
    fromHex(`${REPLY} 10 02 000c 00100010 10000000 01000000`).toString('hex'),
  );
  assert.deepEqual(settings, { crc: false, maxReads: 16, readyToReceive: 'none' });
});

test('checksums are used where either side wants them', () => {
  for (const [wanted, required] of [
    [true, false],
    [false, true],
  ] as const) {
    const { reply, settings } = answerMpaRequest(asked({ crc: wanted }), required);
    assert.equal(reply.crc, true);
    assert.equal(settings?.crc, true);
  }
});

test('revision 1: the depths of MS-SMBD 6.1, in network order', () => {
  const request = asked({
    enhanced: false,
    revision: 1,
    privateData: fromHex('00000004 00000020'),
  });
  const { reply, settings } = answerMpaRequest(request, false);
  assert.equal(reply.revision, 1);
  assert.equal(reply.enhanced, false);
  assert.equal(reply.privateData.toString('hex'), '0000000400000010');
  assert.equal(settings?.maxReads, 4);
});

test('revision 1 without private data: one Read at a time', () => {
  const request = asked({ enhanced: false, revision: 1, privateData: Buffer.alloc(0) });
  assert.equal(answerMpaRequest(request, false).settings?.maxReads, 1);
});

test('peer to peer: one way to begin is chosen of those offered', () => {
  const ways = [
    ['8020 c000', 'write', '8010 8010'],
    ['c020 4000', 'read', '8010 4010'],
    ['c020 0000', 'send', 'c010 0010'],
  ] as const;
  for (const [offer, way, answered] of ways) {
    const { reply, settings } = answerMpaRequest(asked({ privateData: fromHex(offer) }), false);
    assert.equal(settings?.readyToReceive, way);
    assert.equal(reply.privateData.toString('hex'), answered.replace(' ', ''));
  }
});

test('what cannot be is rejected, with an MPA reply that says so', () => {
  const cases: [string, Partial<MpaFrame>][] = [
    ['markers', { markers: true }],
    ['revision 3', { revision: 3 }],
    ['revision 0', { revision: 0 }],
    ['no RDMA Read taken', { privateData: fromHex('0000 0000') }],
    ['peer to peer without a way', { privateData: fromHex('8010 0010') }],
    ['a depth of 0', { enhanced: false, revision: 1, privateData: fromHex('00000000 00000001') }],
  ];
  for (const [name, over] of cases) {
    const { reply, settings } = answerMpaRequest(asked(over), false);
    assert.equal(settings, undefined, name);
    assert.equal(reply.rejected, true, name);
    assert.equal(decodeMpaFrame(encodeMpaFrame(reply)).kind, 'reply', name);
  }
});

test('a reply is no request, and enhanced data that are cut are malformed', () => {
  assert.throws(() => answerMpaRequest(asked({ kind: 'reply' }), false), WireError);
  assert.throws(() => answerMpaRequest(asked({ privateData: Buffer.alloc(3) }), false), WireError);
});
