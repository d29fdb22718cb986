import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeSid, type Sid } from '../dtyp/sid.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeGetQuotas,
  decodeQuotas,
  encodeGetQuotas,
  encodeQuotas,
  NO_QUOTA_LIMIT,
} from './quota-information.ts';

const ADMINISTRATORS: Sid = 'S-1-5-32-544';
const USER: Sid = 'S-1-22-1-1000';
const quotas = [
  {
    changeTime: 1n,
    quotaUsed: 4096n,
    quotaThreshold: NO_QUOTA_LIMIT,
    quotaLimit: 0x10_0000n,
    sid: ADMINISTRATORS,
  },
  { changeTime: 0n, quotaUsed: 0n, quotaThreshold: 0n, quotaLimit: 0n, sid: USER },
];
const hex = [
  '38000000',
  '10000000',
  '0100000000000000',
  '0010000000000000',
  'ffffffffffffffff',
  '0000100000000000',
  '01020000000000052000000020020000',
  '00000000',
  '10000000',
  '00'.repeat(32),
  '010200000000001601000000e8030000',
].join('');

test('golden bytes both ways, each entry on a boundary of 8 bytes', () => {
  const { bytes, count } = encodeQuotas(quotas, 4096);
  assert.equal(bytes.toString('hex'), hex);
  assert.equal(count, 2);
  assert.deepEqual(decodeQuotas(bytes), quotas);
});

test('only whole entries go out', () => {
  const first = 56;
  for (let limit = 0; limit <= hex.length / 2; limit++) {
    const { bytes, count } = encodeQuotas(quotas, limit);
    assert.equal(count, limit < first ? 0 : limit < hex.length / 2 ? 1 : 2);
    if (count > 0) assert.deepEqual(decodeQuotas(bytes), quotas.slice(0, count));
  }
});

test('an entry of nobody is all zero', () => {
  const nobody = { ...quotas[1]!, sid: undefined };
  const { bytes } = encodeQuotas([nobody], 4096);
  assert.equal(bytes.toString('hex'), '00'.repeat(40));
  assert.deepEqual(decodeQuotas(bytes), [nobody]);
});

test('lists of SIDs', () => {
  const bytes = encodeGetQuotas([ADMINISTRATORS, USER]);
  const golden =
    '18000000100000000102000000000005200000002002000000000000' +
    '10000000010200000000001601000000e8030000';
  assert.equal(bytes.toString('hex'), golden);
  assert.deepEqual(decodeGetQuotas(bytes), [ADMINISTRATORS, USER]);
});

test('every truncation and every bad chain is a WireError', () => {
  const lists = [
    [decodeQuotas, Buffer.from(hex, 'hex')],
    [decodeGetQuotas, encodeGetQuotas([ADMINISTRATORS, USER])],
  ] as const;
  for (const [decode, whole] of lists) {
    for (let n = 0; n < whole.length; n++) {
      assert.throws(() => decode(whole.subarray(0, n)), WireError, `at ${n}`);
    }
    for (const next of [1, 4, 8, 12, 0x1000, 0xffff_fffc]) {
      const bad = Buffer.from(whole);
      bad.writeUInt32LE(next, 0);
      assert.throws(() => decode(bad), WireError, `next ${next}`);
    }
  }
  assert.throws(() => decodeGetQuotas(Buffer.alloc(8)), WireError, 'no SID');
});

test('any bytes are a list or a WireError', () => {
  const total = (decode: (b: Buffer) => unknown) => (b: Uint8Array) => {
    try {
      decode(Buffer.from(b));
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  };
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(fc.property(bytes, total(decodeQuotas)));
  fc.assert(fc.property(bytes, total(decodeGetQuotas)));
});

test('any entries come back from their own bytes', () => {
  const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const sid = fc
    .array(fc.nat(0xffff_ffff), { minLength: 1, maxLength: 15 })
    .map((parts) => makeSid(5, ...parts));
  const entry = fc.record(
    {
      changeTime: u64,
      quotaUsed: u64,
      quotaThreshold: u64,
      quotaLimit: u64,
      sid: fc.option(sid, { nil: undefined }),
    },
    { noNullPrototype: true },
  );
  const entries = fc.array(entry, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(entries, (list) => {
      assert.deepEqual(decodeQuotas(encodeQuotas(list, 1 << 20).bytes), list);
    }),
  );
});
