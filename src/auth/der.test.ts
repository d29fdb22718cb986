import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as asn1js from 'asn1js';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import { type DerElement, der, MAXIMUM_DER_BYTES, MAXIMUM_DER_DEPTH, readDer, Tag } from './der.ts';

/** A tree of DER: a leaf's bytes, or its children. */
type Tree = Buffer | readonly Tree[];

const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.uint8Array({ maxLength: 300 }).map((leaf): Tree => Buffer.from(leaf)),
    fc.array(tie('tree'), { maxLength: 4 }),
  ),
})).tree;

const write = (node: Tree): Buffer =>
  Buffer.isBuffer(node) ? der(Tag.OCTET_STRING, node) : der(Tag.SEQUENCE, ...node.map(write));

function read(reader: ReturnType<typeof readDer>, element: DerElement): Tree {
  if (element.tag === Tag.OCTET_STRING) return element.content;
  const inside = reader.enter(element);
  const children: Tree[] = [];
  while (!inside.done) children.push(read(inside, inside.next()));
  return children;
}

function fromAsn1(block: asn1js.AsnType): Tree {
  if (block instanceof asn1js.Sequence) return block.valueBlock.value.map(fromAsn1);
  assert.ok(block instanceof asn1js.OctetString);
  return Buffer.from(block.valueBlock.valueHexView);
}

/** asn1js looks for DER inside octet strings; only what it was given counts here. */
function toAsn1(node: Tree): asn1js.AsnType {
  return Buffer.isBuffer(node)
    ? new asn1js.OctetString({ valueHex: new Uint8Array(node) })
    : new asn1js.Sequence({ value: node.map(toAsn1) });
}

test('what is written, asn1js writes and reads alike', () => {
  fc.assert(
    fc.property(tree, (node) => {
      const encoded = write(node);
      assert.deepEqual(Buffer.from(toAsn1(node).toBER()), encoded);
      const parsed = asn1js.fromBER(new Uint8Array(encoded));
      assert.equal(parsed.offset, encoded.length);
      assert.deepEqual(fromAsn1(parsed.result), node);
    }),
    { numRuns: 200 },
  );
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(tree, (node) => {
      const encoded = write(node);
      const reader = readDer(encoded);
      const element = reader.next();
      assert.ok(reader.done);
      assert.deepEqual(element.encoded, encoded);
      assert.deepEqual(read(reader, element), node);
    }),
  );
});

test('any bytes are elements or a WireError, and elements lie end to end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (array) => {
      const b = Buffer.from(array);
      const reader = readDer(b);
      let taken = 0;
      try {
        while (!reader.done) taken += reader.next().encoded.length;
        assert.equal(taken, b.length);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('every truncation of an element is a WireError', () => {
  const encoded = write([Buffer.alloc(3), [Buffer.alloc(200)], []]);
  for (let n = 0; n < encoded.length; n++) {
    assert.throws(() => readDer(encoded.subarray(0, n)).next(), WireError);
  }
});

/** What BER allows or attackers try. */
const REFUSED = [
  ['an indefinite length', '30800000'],
  ['a length of five octets', '04850000000001ff'],
  ['a length of 4 GiB', '0484ffffffff00'],
  ['a length beyond the end', '0402ff'],
  ['a tag of several octets', '1f810100'],
] as const;

for (const [what, hex] of REFUSED) {
  test(`${what} is refused`, () => {
    assert.throws(() => readDer(Buffer.from(hex, 'hex')).next(), WireError);
  });
}

test('a length in more octets than it needs is read', () => {
  const element = readDer(Buffer.from('0483000002abcd', 'hex')).next();
  assert.equal(element.content.toString('hex'), 'abcd');
});

test('depth and size are bounded', () => {
  let nested: Buffer = Buffer.alloc(0);
  for (let i = 0; i < 2000; i++) nested = der(Tag.SEQUENCE, nested);
  let depth = 0;
  assert.throws(() => {
    let reader = readDer(nested);
    for (;;) {
      reader = reader.enter(reader.next());
      depth++;
    }
  }, WireError);
  assert.equal(depth, MAXIMUM_DER_DEPTH - 1);
  assert.throws(() => readDer(Buffer.alloc(MAXIMUM_DER_BYTES + 1)), WireError);
});

test('a primitive element is not entered, and another tag is not what was expected', () => {
  const reader = readDer(der(Tag.OCTET_STRING, Buffer.alloc(2)));
  assert.equal(reader.optional(Tag.OID), undefined);
  assert.throws(() => reader.expect(Tag.OID), WireError);
  const element = reader.expect(Tag.OCTET_STRING);
  assert.throws(() => reader.enter(element), WireError);
  assert.equal(reader.optional(Tag.OID), undefined);
  assert.throws(() => reader.expect(Tag.OID), WireError);
});
