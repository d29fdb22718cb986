import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arbBytes,
  arbRecord,
  arbU16,
  arbU32,
  arbU64,
  testCodec,
} from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import type { OpenRecord, Rights } from './data-plane.ts';
import { EVENTS, encodeFrame, FAILURE, FrameBuffer, failure } from './events.ts';
import { decode, encode, type Field } from './fields.ts';

const codec = <T>(field: Field<T>, name: string) => ({
  decode: (input: Buffer) => decode(field, input, name),
  encode: (value: T) => encode(field, value),
  headerSize: 0,
});

const arbWhole = fc.nat(Number.MAX_SAFE_INTEGER);
const arbName = fc.string({ unit: 'binary', maxLength: 40 });
const arbFilter = arbRecord({
  user: fc.option(arbName, { nil: undefined }),
  share: fc.option(arbName, { nil: undefined }),
});
const arbRights: fc.Arbitrary<Rights> = arbRecord({
  read: fc.boolean(),
  write: fc.boolean(),
  delete: fc.boolean(),
});
const arbState = arbRecord({ read: fc.boolean(), write: fc.boolean(), handle: fc.boolean() });
const arbCaching: fc.Arbitrary<OpenRecord['caching']> = fc.oneof(
  fc.constant({ kind: 'none' as const }),
  arbRecord({
    kind: fc.constant('oplock' as const),
    level: fc.constantFrom('II' as const, 'exclusive' as const, 'batch' as const),
    breakingTo: fc.constantFrom(undefined, 'none' as const, 'II' as const),
  }),
  arbRecord({
    kind: fc.constant('lease' as const),
    state: arbState,
    breakingTo: fc.option(arbState, { nil: undefined }),
    version: fc.constantFrom('1' as const, '2' as const),
    epoch: arbU16,
    key: arbBytes(16),
    parentKey: fc.option(arbBytes(16), { nil: undefined }),
  }),
);
const arbOpen: fc.Arbitrary<OpenRecord> = arbRecord({
  openId: arbWhole,
  sessionId: arbWhole,
  user: arbName,
  address: arbName,
  share: arbName,
  kind: fc.constantFrom('file' as const, 'directory' as const, 'pipe' as const),
  path: fc.option(arbName, { nil: undefined }),
  accessMask: arbU32,
  access: arbRights,
  sharing: arbRights,
  caching: arbCaching,
  locks: arbU32,
  waitingLocks: arbU32,
  ranges: fc.array(
    arbRecord({ offset: arbU64, length: arbU64, exclusive: fc.boolean(), waiting: fc.boolean() }),
    { maxLength: 5 },
  ),
  watching: fc.boolean(),
  deletePending: fc.boolean(),
  durability: arbRecord({
    kind: fc.constantFrom('none' as const, 'durable' as const, 'persistent' as const),
    disconnected: fc.boolean(),
    leftMs: fc.option(arbWhole, { nil: undefined }),
  }),
  openedAtMs: arbWhole,
});

testCodec('opens request', {
  ...codec(EVENTS.opens.request, 'opens request'),
  golden: [
    {
      name: 'a user’s, with ranges',
      hex: '00000000 01 03000000 616e6e 00 01',
      value: { cursor: 0, query: { filter: { user: 'ann', share: undefined }, ranges: true } },
    },
  ],
  values: arbRecord({
    cursor: arbU32,
    query: arbRecord({ filter: arbFilter, ranges: fc.boolean() }),
  }),
});

testCodec('opens response', {
  ...codec(EVENTS.opens.response, 'opens response'),
  golden: [
    {
      name: 'a file with a lease that breaks, and a lock',
      hex: `07000000 01000000
        0a00000000000000 0b00000000000000 03000000 616e6e 00000000 01000000 73 00
        01 02000000 2f61 89001200 010000 010101
        02 010101 01 010001 01 0500 ${'4b'.repeat(16)} 00
        01000000 00000000 01000000 0000000000000000 ffffffffffffffff 0100
        01 00 00 00 00 e803000000000000`,
      value: {
        cursor: 7,
        records: [
          {
            openId: 10,
            sessionId: 11,
            user: 'ann',
            address: '',
            share: 's',
            kind: 'file',
            path: '/a',
            accessMask: 0x00120089,
            access: { read: true, write: false, delete: false },
            sharing: { read: true, write: true, delete: true },
            caching: {
              kind: 'lease',
              state: { read: true, write: true, handle: true },
              breakingTo: { read: true, write: false, handle: true },
              version: '2',
              epoch: 5,
              key: Buffer.alloc(16, 0x4b),
              parentKey: undefined,
            },
            locks: 1,
            waitingLocks: 0,
            ranges: [
              { offset: 0n, length: 0xffff_ffff_ffff_ffffn, exclusive: true, waiting: false },
            ],
            watching: true,
            deletePending: false,
            durability: { kind: 'none', disconnected: false, leftMs: undefined },
            openedAtMs: 1000,
          },
        ],
      },
    },
  ],
  values: arbRecord({ cursor: arbU32, records: fc.array(arbOpen, { maxLength: 3 }) }),
});

test('frames are taken apart however they come', () => {
  const frames = [
    encodeFrame(1, 1, EVENTS.summary.request, {}),
    encodeFrame(FAILURE, 2, failure, { reason: 'cursor' }),
    encodeFrame(3, 3, EVENTS.sessions.request, { cursor: 1, query: {} as never }),
  ];
  const stream = Buffer.concat(frames);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
      const buffer = new FrameBuffer(1000);
      const found = [];
      let at = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), stream.length]) {
        found.push(...buffer.push(stream.subarray(at, cut)));
        at = cut;
      }
      assert.deepEqual(
        found.map(({ event, sequence }) => [event, sequence]),
        [
          [1, 1],
          [FAILURE, 2],
          [3, 3],
        ],
      );
      assert.equal(decode(failure, found[1]!.body, 'failure').reason, 'cursor');
    }),
  );
});

test('a frame that is too long is refused before it is there', () => {
  const header = Buffer.from('e9030000 0100 0100 00000000'.replaceAll(' ', ''), 'hex');
  assert.throws(() => new FrameBuffer(1000).push(header), WireError);
  assert.deepEqual(new FrameBuffer(1001).push(header), []);
});
