import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { diskLength, nameForDisk, textOfName } from './disk-names.ts';

const onDisk = (text: string): Buffer => {
  const name = nameForDisk(text);
  return typeof name === 'string' ? Buffer.from(name) : name.subarray(0, -1);
};

test('each byte that is no UTF-8 is a character of its own, and all else is itself', () => {
  assert.equal(textOfName(Buffer.from('Ann\xe9e.txt', 'latin1')), 'Ann\uefe9e.txt');
  // Cut off, too long, a surrogate, beyond Unicode.
  assert.equal(textOfName(Buffer.from([0xc3])), '\uefc3');
  assert.equal(textOfName(Buffer.from([0xc0, 0xaf])), '\uefc0\uefaf');
  assert.equal(textOfName(Buffer.from([0xed, 0xa0, 0x80])), '\uefed\uefa0\uef80');
  assert.equal(textOfName(Buffer.from([0xf5, 0x80, 0x80, 0x80])), '\ueff5\uef80\uef80\uef80');
  assert.equal(textOfName(Buffer.from([0xc3, 0xc3, 0xa9])), '\uefc3é');
  assert.equal(textOfName(Buffer.from('Année €\u{1f600}\ufffd')), 'Année €\u{1f600}\ufffd');
  assert.equal(diskLength('Ann\uefe9e.txt'), 9);
});

test('nothing that separates or ends a name comes of it', () => {
  for (let byte = 0x80; byte <= 0xff; byte++) {
    const bytes = onDisk(`a${String.fromCharCode(0xef00 + byte)}`);
    assert.ok(!bytes.includes(0) && !bytes.includes('/'));
  }
});

test('characters that would make UTF-8 of a name are meant themselves', () => {
  assert.equal(nameForDisk('\uefc3\uefa9'), '\uefc3\uefa9');
  assert.equal(textOfName(Buffer.from('\uefc3\uefa9')), '\uefc3\uefa9');
  // Beside a byte that is none they are three bytes each.
  const both = Buffer.concat([Buffer.from('\uefc3'), Buffer.from([0xff])]);
  assert.deepEqual(onDisk(textOfName(both)), both);
});

test('any bytes that are no UTF-8 come back as they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ min: 1, minLength: 1, maxLength: 40 }), (array) => {
      const bytes = Buffer.from(array);
      if (!isUtf8(bytes)) assert.deepEqual(onDisk(textOfName(bytes)), bytes);
    }),
  );
});
