/** user.DOSATTRIB: bytes as Samba 4.17 and ksmbd wrote them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeDosAttribute, encodeDosAttribute } from './dos-attribute.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s+/g, ''), 'hex');

const SAMBA_4_17 = hex('0000 0500 05000000 11000000 22000000 cc510194db78dd01');

/** Version 3 with its text, from the layout of xattr_DosInfo3. */
const VERSION_3 = hex(`
  30783231 00 00 0300 03000000 11000000 21000000 00000000
  0000000000000000 0000000000000000 0102030405060708 0000000000000000`);

test('version 5, as Samba writes it', () => {
  assert.deepEqual(decodeDosAttribute(SAMBA_4_17), {
    attributes: 0x22,
    creationTime: 0x01dd_78db_9401_51ccn,
    initialTime: undefined,
  });
});

test('version 4, as ksmbd writes it, both ways', () => {
  const bytes = hex('0000 0400 04000000 51000000 23000000 8877665544332211 0807060504030201');
  const value = {
    attributes: 0x23,
    creationTime: 0x0102030405060708n,
    initialTime: 0x1122334455667788n,
  };
  assert.deepEqual(decodeDosAttribute(bytes), value);
  assert.deepEqual(encodeDosAttribute(value), bytes);
});

test('version 3 stands behind its text, padded to its alignment', () => {
  const value = { attributes: 0x21, creationTime: 0x0807060504030201n, initialTime: undefined };
  assert.deepEqual(decodeDosAttribute(VERSION_3), value);
  assert.deepEqual(decodeDosAttribute(Buffer.concat([hex('0000'), VERSION_3.subarray(6)])), {
    ...value,
  });
  // Without its valid flags the text counts.
  const unflagged = Buffer.from(VERSION_3);
  unflagged.writeUInt32LE(0, 12);
  unflagged.writeUInt32LE(0x77, 16);
  assert.deepEqual(decodeDosAttribute(unflagged), {
    attributes: 0x21,
    creationTime: undefined,
    initialTime: undefined,
  });
});

test('versions 1 and 2', () => {
  const first = Buffer.alloc(48);
  first.writeUInt16LE(1, 2);
  first.writeUInt32LE(1, 4);
  first.writeUInt32LE(0x06, 8);
  first.writeBigUInt64LE(77n, 32);
  const expected = { attributes: 6, creationTime: 77n, initialTime: undefined };
  assert.deepEqual(decodeDosAttribute(first), expected);
  const second = Buffer.alloc(62);
  second.writeUInt16LE(2, 2);
  second.writeUInt32LE(2, 4);
  second.writeUInt32LE(0x06, 12);
  second.writeBigUInt64LE(77n, 36);
  assert.deepEqual(decodeDosAttribute(second), expected);
});

test('the bare number of old servers', () => {
  for (const text of ['0x20', '0x20\0', '0X20']) {
    assert.deepEqual(decodeDosAttribute(Buffer.from(text)), {
      attributes: 0x20,
      creationTime: undefined,
      initialTime: undefined,
    });
  }
  for (const text of ['', '\0', '20', '0x', '0x123456789', 'nonsense', '0x2g']) {
    assert.equal(decodeDosAttribute(Buffer.from(text)), undefined, text);
  }
});

test('a time of zero is no time', () => {
  const bytes = encodeDosAttribute({ attributes: 1, creationTime: 0n, initialTime: 0n });
  assert.equal(decodeDosAttribute(bytes)?.creationTime, undefined);
});

test('every prefix and any bytes give a value or nothing', () => {
  const version4 = encodeDosAttribute({ attributes: 2, creationTime: 5n, initialTime: 6n });
  for (const whole of [SAMBA_4_17, version4]) {
    for (let length = 0; length < whole.length; length++) {
      assert.equal(decodeDosAttribute(whole.subarray(0, length)), undefined, `${length} bytes`);
    }
  }
  for (let length = 0; length < VERSION_3.length; length++) {
    // What is left of version 3 may be the text of the oldest form, and nothing else.
    const found = decodeDosAttribute(VERSION_3.subarray(0, length));
    if (length < 3 || length >= 8) assert.equal(found, undefined, `${length} bytes`);
    else assert.equal(found?.creationTime, undefined);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const value = decodeDosAttribute(Buffer.from(bytes));
      if (value !== undefined) assert.ok(value.attributes >= 0 && value.attributes <= 0xffff_ffff);
    }),
  );
});

test('any value comes back', () => {
  const time = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
  const attributes = fc.integer({ min: 0, max: 0xffff_ffff });
  const value = fc.record({ attributes, creationTime: time, initialTime: time });
  fc.assert(
    fc.property(value, (given) => {
      assert.deepEqual(decodeDosAttribute(encodeDosAttribute(given)), { ...given });
    }),
  );
});
