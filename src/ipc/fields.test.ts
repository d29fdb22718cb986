import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../wire/wire-error.ts';
import {
  bytes,
  decode,
  encode,
  type Field,
  flag,
  list,
  maybe,
  oneOf,
  record,
  text,
  u8,
  u16,
  u32,
  u64,
  type Value,
  variant,
  whole,
} from './fields.ts';

const sample = record({
  id: whole,
  size: u64,
  on: flag,
  name: maybe(text(8)),
  key: bytes(2),
  word: oneOf('red', 'green'),
  shapes: list(variant({ dot: record({}), disc: record({ radius: u16 }) }), 3),
});

const value: Value<typeof sample> = {
  id: 2 ** 53 - 1,
  size: 2n ** 64n - 1n,
  on: true,
  name: 'né',
  key: Buffer.from('ab'),
  word: 'green',
  shapes: [{ kind: 'dot' }, { kind: 'disc', radius: 513 }],
};
const hex = `ffffffffffff1f00${'ff'.repeat(8)}01${'01'}030000006ec3a9${'6162'}01${'02000000'}0001${'0102'}`;

test('a value is written as declared and read back', () => {
  assert.equal(encode(sample, value).toString('hex'), hex);
  assert.deepEqual(decode(sample, Buffer.from(hex, 'hex'), 'sample'), value);
  const bare = { ...value, name: undefined };
  assert.deepEqual(decode(sample, encode(sample, bare), 'sample'), bare);
});

test('every truncation, and a byte too many, is a WireError', () => {
  const whole = Buffer.from(hex, 'hex');
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decode(sample, whole.subarray(0, length), 'sample'), WireError);
  }
  assert.throws(() => decode(sample, Buffer.concat([whole, Buffer.alloc(1)]), 'sample'), WireError);
});

const refused = (field: Field<unknown>, input: string): void =>
  assert.throws(() => decode(field, Buffer.from(input, 'hex'), 'field'), WireError);

test('what lies outside a field’s bounds is a WireError', () => {
  refused(whole, '0000000000002000');
  refused(flag, '02');
  refused(text(3), '0400000061626364');
  refused(text(3), '02000000c328');
  refused(oneOf('a', 'b'), '02');
  refused(list(u8, 2), '03000000010203');
  // Nothing is allocated for what is not there.
  refused(list(u32, 2 ** 32 - 1), 'ffffffff');
  refused(text(2 ** 32 - 1), 'ffffffff');
  refused(variant({ one: record({}) }), '01');
});

test('a value out of bounds is never written', () => {
  assert.throws(() => encode(text(3), 'abcd'), RangeError);
  assert.throws(() => encode(bytes(2), Buffer.alloc(3)), RangeError);
  assert.throws(() => encode(list(u8, 1), [1, 2]), RangeError);
  assert.throws(() => encode(oneOf('a'), 'b' as 'a'), RangeError);
  assert.throws(() => encode(u8, 256), RangeError);
});

test('a large value grows its buffer', () => {
  const many = list(text(100), 1000);
  const names = Array.from({ length: 1000 }, (_, i) => `name ${i}`);
  assert.deepEqual(decode(many, encode(many, names), 'many'), names);
});
