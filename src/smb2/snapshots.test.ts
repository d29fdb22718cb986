import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromUnix } from '../dtyp/filetime.ts';
import { WireError } from '../wire/wire-error.ts';
import { decodeSnapshotArray, encodeSnapshotArray, gmtToken, timeOfToken } from './snapshots.ts';

const HALLOWEEN = fromUnix(Date.UTC(2015, 9, 31, 19, 40, 30) / 1000);
const utf16 = (text: string): string => Buffer.from(text, 'utf16le').toString('hex');

test('tokens', () => {
  assert.equal(gmtToken(HALLOWEEN), '@GMT-2015.10.31-19.40.30');
  assert.equal(timeOfToken('@GMT-2015.10.31-19.40.30'), HALLOWEEN);
  assert.equal(timeOfToken('@gmt-2015.10.31-19.40.30'), HALLOWEEN);
  for (const name of ['@GMT-2015.10.31', '@GMT-*', '', '@GMT-2015.13.01-00.00.00']) {
    assert.equal(timeOfToken(name), undefined, name);
  }
});

test('2.2.32.2: golden', () => {
  const one = encodeSnapshotArray([HALLOWEEN], 4096);
  const names = utf16('@GMT-2015.10.31-19.40.30\0\0');
  assert.equal(one.toString('hex'), `0100000001000000${'34000000'}${names}`);
  assert.deepEqual(decodeSnapshotArray(one), {
    count: 1,
    arrayBytes: 52,
    tokens: ['@GMT-2015.10.31-19.40.30'],
  });
  const cut = encodeSnapshotArray([HALLOWEEN], 16);
  assert.equal(cut.toString('hex'), `0100000000000000${'34000000'}00000000`);
  // Note 383: "two extra bytes set to zero", and the size that a client has to ask for.
  const none = encodeSnapshotArray([], 4096);
  assert.equal(none.toString('hex'), `0000000000000000${'02000000'}00000000`);
});

test('truncated', () => {
  const whole = encodeSnapshotArray([HALLOWEEN, HALLOWEEN + 10_000_000n], 4096);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeSnapshotArray(whole.subarray(0, length)), WireError, `${length}`);
  }
});

test('any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        decodeSnapshotArray(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
  );
});
