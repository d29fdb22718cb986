import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import {
  conformantArray,
  conformantVaryingArray,
  counted,
  decodeNdr,
  encodeNdr,
  enumeration,
  fixedArray,
  hyper,
  i32,
  leveled,
  type NdrType,
  octets,
  ref,
  struct,
  u8,
  u16,
  u32,
  union,
  unique,
  varyingArray,
  wstring,
} from './ndr.ts';
import { contextHandle } from './security-types.ts';

const COLOUR = { RED: 1, GREEN: 2 } as const;

/** One of everything, with pointers inside the elements of an array behind a pointer. */
const EVERYTHING = struct({
  small: u8,
  short: u16,
  signed: i32,
  big: hyper,
  colour: enumeration(COLOUR),
  name: unique(wstring),
  always: ref(struct({ a: u8, b: u32 })),
  fixed: fixedArray(u16, 3),
  varying: varyingArray(u8, 4),
  list: unique(
    struct({ entries: counted(conformantArray(struct({ k: u32, v: unique(wstring) }))) }),
  ),
  blob: counted(octets),
  choice: leveled({ 1: unique(u32), 2: unique(struct({ t: unique(wstring) })) }),
  tail: conformantVaryingArray(u16),
});

/** Plain objects, as decoders make them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true });
const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((s) => !s.includes('\0'));
const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 3 });
const integer = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const everything = record({
  small: integer(8),
  short: integer(16),
  signed: fc.integer(),
  big: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  colour: fc.constantFrom(COLOUR.RED, COLOUR.GREEN),
  name: orNull(text),
  always: record({ a: integer(8), b: integer(32) }),
  fixed: fc.array(integer(16), { minLength: 3, maxLength: 3 }),
  varying: fc.array(integer(8), { maxLength: 4 }),
  list: orNull(
    record({
      entries: orNull(fc.array(record({ k: integer(32), v: orNull(text) }), { maxLength: 5 })),
    }),
  ),
  blob: orNull(fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))),
  choice: fc.oneof(
    record({ tag: fc.constant(1 as const), value: orNull(integer(32)) }),
    record({ tag: fc.constant(2 as const), value: orNull(record({ t: orNull(text) })) }),
    record({ tag: fc.constant('other' as const), value: fc.integer({ min: 3, max: 999 }) }),
  ),
  tail: fc.array(integer(16), { maxLength: 5 }),
});

function golden<T>(name: string, type: NdrType<T>, value: T, hex: string): void {
  test(name, () => {
    const bytes = hex.replaceAll(' ', '');
    assert.equal(encodeNdr(type, value).toString('hex'), bytes);
    assert.deepEqual(decodeNdr(type, Buffer.from(bytes, 'hex')), value);
  });
}

golden(
  'C706 14.2: integers stand at multiples of their size',
  struct({ a: u8, b: u16, c: u8, d: u32, e: u8, f: hyper }),
  { a: 1, b: 0x203, c: 4, d: 0x5060708, e: 9, f: 0x0a0b0c0d0e0f1011n },
  '01 00 0302 04 000000 08070605 09 000000' + '11100f0e0d0c0b0a',
);
golden(
  'C706 14.3.4.2: a string has its maximum, offset and actual count, and its NUL',
  wstring,
  'ab',
  '03000000 00000000 03000000 6100 6200 0000',
);
golden('the empty string', wstring, '', '01000000 00000000 01000000 0000');
golden(
  'C706 14.3.7.1: the count of a conformant structure comes first, even before 8-byte alignment',
  struct({ a: hyper, b: conformantArray(u16) }),
  { a: 1n, b: [2, 3] },
  '02000000 00000000 0100000000000000 0200 0300',
);
golden(
  'C706 14.3.12.3: referents follow the whole array, each with its own referents behind it',
  conformantArray(struct({ p: unique(struct({ n: u8, q: unique(u8) })), r: unique(u8) })),
  [
    { p: { n: 0xaa, q: 0xbb }, r: 0xcc },
    { p: null, r: 0xdd },
  ],
  '02000000 00000200 04000200 00000000 08000200' + 'aa000000 0c000200 bb cc dd',
);
golden(
  'C706 14.3.3.3: a varying array carries its offset and count',
  varyingArray(u16, 8),
  [7, 8],
  '00000000 02000000 0700 0800',
);
golden(
  'C706 14.3.8: a union writes its discriminant, then the arm',
  union({ 5: u8, 6: unique(u16) }),
  { tag: 6, value: 0x1234 },
  '06000000 00000200 3412',
);
golden('the default arm is empty', union({ 5: u8 }), { tag: 'other', value: 7 }, '07000000');
golden('an enumeration has 16 bits', enumeration(COLOUR), 2, '0200');
golden('a null container of null', unique(struct({ e: counted(octets) })), null, '00000000');

test('big-endian input reads as the same value', () => {
  const type = struct({ a: u16, b: u32, c: hyper, s: unique(wstring) });
  const hex = '0102 0000 03040506 0708090a0b0c0d0e 00020000 00000002 00000000 00000002 0041 0000';
  assert.deepEqual(decodeNdr(type, Buffer.from(hex.replaceAll(' ', ''), 'hex'), true), {
    a: 0x102,
    b: 0x3040506,
    c: 0x0708090a0b0c0d0en,
    s: 'A',
  });
});

test('what is written reads back, and no part of it reads', () => {
  fc.assert(
    fc.property(everything, (value) => {
      const wire = encodeNdr(EVERYTHING, value);
      assert.deepEqual(decodeNdr(EVERYTHING, wire), value);
    }),
    { numRuns: 200 },
  );
  const [wire] = fc.sample(
    everything.map((value) => encodeNdr(EVERYTHING, { ...value, tail: [1], name: 'x' })),
    { numRuns: 1, seed: 7 },
  );
  for (let length = 0; length < wire!.length; length++) {
    assert.throws(() => decodeNdr(EVERYTHING, wire!.subarray(0, length)), WireError, `${length}`);
  }
});

test('any octets give a value or a WireError', () => {
  const [sample] = fc.sample(everything, { numRuns: 1, seed: 11 });
  const valid = encodeNdr(EVERYTHING, sample!);
  const decodes = (input: Buffer, bigEndian: boolean) => {
    try {
      decodeNdr(EVERYTHING, input, bigEndian);
    } catch (error) {
      assert.ok(error instanceof WireError, String(error));
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, bigEndian) =>
      decodes(Buffer.from(bytes), bigEndian),
    ),
    { numRuns: 500 },
  );
  const change = fc.tuple(fc.nat(valid.length - 1), integer(8));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const input = Buffer.from(valid);
      for (const [at, value] of changes) input[at] = value;
      decodes(input, false);
    }),
    { numRuns: 1000 },
  );
});

const refused: readonly (readonly [string, NdrType<unknown>, string])[] = [
  ['a count of 2^32 - 1', conformantArray(u8), 'ffffffff 00'],
  ['a count that its elements overrun', conformantArray(u32), '02000000 00000000'],
  ['a string of 2^32 - 1', wstring, 'ffffffff 00000000 ffffffff 6100 0000'],
  ['a string with an offset', wstring, '02000000 01000000 02000000 6100 0000'],
  ['a string longer than its maximum', wstring, '01000000 00000000 02000000 6100 0000'],
  ['a string without NUL', wstring, '02000000 00000000 02000000 6100 6200'],
  ['a string of no units', wstring, '00000000 00000000 00000000'],
  ['a null reference', struct({ p: ref(u8) }), '00000000 00000000'],
  ['a size_is that the array contradicts', counted(octets), '02000000 00000200 01000000 aa'],
  ['two levels that differ', leveled({ 1: u8, 2: u8 }), '01000000 02000000 00'],
  ['a value outside the enumeration', enumeration(COLOUR), '0300'],
  ['more than a varying array holds', varyingArray(u8, 1), '00000000 02000000 0000'],
  ['more than the maximum count', conformantVaryingArray(u8), '01000000 00000000 02000000 0000'],
];
for (const [name, type, hex] of refused) {
  test(`refused: ${name}`, () => {
    const input = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    assert.throws(() => decodeNdr(type, input), WireError);
  });
}

test('declarations that NDR cannot carry are refused when made', () => {
  assert.throws(() => struct({ a: conformantArray(u8), b: u8 }), RangeError);
  assert.throws(() => struct({}), RangeError);
  assert.throws(() => conformantArray(conformantArray(u8)), RangeError);
  assert.throws(() => union({ 1: wstring }), RangeError);
  assert.throws(() => encodeNdr(fixedArray(u8, 2), [1]), RangeError);
});

test('a context handle comes back from a client of the other byte order as it was', () => {
  const handle = Buffer.from('00000000a1b2c3d4e5f60718293a4b5c6d7e8f90', 'hex');
  assert.deepEqual(decodeNdr(contextHandle, handle), handle);
  const swapped = Buffer.from('00000000d4c3b2a1f6e51807293a4b5c6d7e8f90', 'hex');
  assert.deepEqual(decodeNdr(contextHandle, swapped, true), handle);
});
