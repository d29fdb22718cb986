import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatGuid, parseGuid, randomGuid, ZERO_GUID } from './guid.ts';

test('the example of MS-DTYP 2.3.4.3', () => {
  const text = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6';
  const wire = 'ae4f1df8ec7dd011a76500a0c91e6bf6';
  assert.equal(parseGuid(text)?.toString('hex'), wire);
  assert.equal(parseGuid(`{${text.toUpperCase()}}`)?.toString('hex'), wire);
  assert.equal(formatGuid(Buffer.from(wire, 'hex')), text);
  assert.equal(formatGuid(ZERO_GUID), '00000000-0000-0000-0000-000000000000');
});

test('text that is no GUID', () => {
  for (const text of [
    '',
    '{}',
    'f81d4fae-7dec-11d0-a765-00a0c91e6bf',
    'f81d4fae7dec11d0a76500a0c91e6bf6',
    '{f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    'g81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    'f81d4fae-7dec-11d0-a765-00a0c91e6bf6\n',
  ]) {
    assert.equal(parseGuid(text), undefined, JSON.stringify(text));
  }
});

test('bytes and text agree', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      assert.deepEqual(parseGuid(formatGuid(bytes)), Buffer.from(bytes));
    }),
  );
  assert.throws(() => formatGuid(Buffer.alloc(15)), RangeError);
});

test('random GUIDs are of version 4 and differ', () => {
  const made = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const text = formatGuid(randomGuid());
    assert.match(text, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    made.add(text);
  }
  assert.equal(made.size, 100);
});
