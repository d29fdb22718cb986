import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeOem, encodeOem, isOem } from './code-page.ts';

test('bytes of code page 850', () => {
  assert.equal(encodeOem('aä╬?\u4e00').toString('hex'), '6184ce3f5f');
  assert.equal(decodeOem(Buffer.from('6184ce', 'hex')), 'aä╬');
});

test('every byte is a character of its own, and comes back', () => {
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const text = decodeOem(every);
  assert.equal(new Set(text).size, 256);
  assert.ok(isOem(text));
  assert.deepEqual(encodeOem(text), every);
});

test('what the code page does not have is not of it', () => {
  for (const text of ['\u4e00', '\ufffd', 'a\u0308', '\u{1f600}', '\u0080']) {
    assert.equal(isOem(text), false, text);
  }
});
