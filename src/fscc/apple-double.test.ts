/** AppleDouble as macOS writes it: what is in it, and that nothing else is taken for one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { appleDouble } from './apple-double.support.test.ts';
import { decodeAppleDouble } from './apple-double.ts';

const INFO = Buffer.concat([Buffer.from('TESTSLOW'), Buffer.alloc(24)]);
const FORK = Buffer.from('a resource fork');
const ATTRIBUTES = [
  { name: 'com.apple.metadata:_kMDItemUserTags', value: Buffer.from('bplist00') },
  { name: 'foo:bar', value: Buffer.from('baz') },
];
const blank = (): Buffer => {
  const fork = Buffer.alloc(286);
  fork.write('This resource fork intentionally left blank   ', 16, 'latin1');
  return fork;
};

test('what macOS wrote', () => {
  const file = appleDouble({ finderInfo: INFO, fork: FORK, attributes: ATTRIBUTES });
  assert.deepEqual(decodeAppleDouble(file), {
    finderInfo: INFO,
    resourceFork: FORK,
    attributes: ATTRIBUTES,
  });
});

test('zeros are no FinderInfo, and a fork that is left blank is none', () => {
  const nothing = { finderInfo: undefined, resourceFork: undefined, attributes: [] };
  for (const fork of [Buffer.alloc(0), blank()]) {
    const file = appleDouble({ finderInfo: Buffer.alloc(32), fork, attributes: [] });
    assert.deepEqual(decodeAppleDouble(file), nothing);
  }
  const other = blank();
  other[100] = 1;
  const short = { finderInfo: INFO, fork: other.subarray(0, 285), attributes: [] };
  assert.deepEqual(decodeAppleDouble(appleDouble(short))!.resourceFork, short.fork);
});

test('what is cut, or has more in it, is none', () => {
  const file = appleDouble({ finderInfo: INFO, fork: FORK, attributes: ATTRIBUTES });
  for (let length = 0; length < file.length; length++) {
    assert.equal(decodeAppleDouble(file.subarray(0, length)), undefined, `${length} bytes`);
  }
  const changed = (change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(file);
    change(copy);
    return copy;
  };
  const others = [
    changed((copy) => copy.writeUInt32BE(4, 38)),
    changed((copy) => copy.writeUInt32BE(9, 38)),
    changed((copy) => copy.writeUInt16BE(17, 24)),
    changed((copy) => copy.writeUInt32BE(31, 34)),
    changed((copy) => copy.writeUInt16BE(0xffff, 118)),
    changed((copy) => copy.writeUInt32BE(10, 120)),
    changed((copy) => copy.writeUInt32BE(0xffff_ffff, 124)),
    changed((copy) => copy.write('ATTS', 84, 'latin1')),
    changed((copy) => copy.writeUInt8(0, 130)),
    changed((copy) => copy.writeUInt8(0xff, 131)),
  ];
  for (const [index, other] of others.entries()) {
    assert.equal(decodeAppleDouble(other), undefined, `change ${index}`);
  }
});

const text = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }).filter((name) => {
  const bytes = Buffer.from(name);
  return !name.includes('\0') && bytes.length < 250 && bytes.toString() === name;
});
const some = (max: number) => fc.uint8Array({ maxLength: max }).map((bytes) => Buffer.from(bytes));

test('whatever it holds comes out of it', () => {
  const contents = fc.record({
    finderInfo: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    fork: some(400),
    attributes: fc.uniqueArray(
      fc.record({ name: text, value: some(100) }, { noNullPrototype: true }),
      {
        selector: ({ name }) => name,
        maxLength: 8,
      },
    ),
  });
  fc.assert(
    fc.property(contents, ({ finderInfo, fork, attributes }) => {
      assert.deepEqual(decodeAppleDouble(appleDouble({ finderInfo, fork, attributes })), {
        finderInfo: finderInfo.some((byte) => byte !== 0) ? finderInfo : undefined,
        resourceFork: fork.length === 0 ? undefined : fork,
        attributes,
      });
    }),
  );
});

test('any bytes have an answer', () => {
  const file = appleDouble({ finderInfo: INFO, fork: FORK, attributes: ATTRIBUTES });
  const changes = fc.array(fc.record({ at: fc.nat(file.length - 1), byte: fc.nat(255) }), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(changes, some(200), (todo, rest) => {
      const copy = Buffer.from(file);
      for (const { at, byte } of todo) copy[at] = byte;
      for (const bytes of [copy, rest, Buffer.concat([file.subarray(0, 26), rest])]) {
        const content = decodeAppleDouble(bytes);
        const sizes = [
          content?.finderInfo?.length ?? 0,
          content?.resourceFork?.length ?? 0,
          ...(content?.attributes.map(({ value }) => value.length) ?? []),
        ];
        for (const size of sizes) assert.ok(size <= bytes.length);
      }
    }),
    { numRuns: 1000 },
  );
});
