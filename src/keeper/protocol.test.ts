import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import { MAX_KEPT_VALUE_BYTES } from '../base/limits.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeToKeeper,
  decodeToServer,
  encodeToKeeper,
  encodeToServer,
  MAX_PACKET_BYTES,
  type ToKeeper,
  type ToServer,
} from './protocol.ts';

const TO_KEEPER: readonly ToKeeper[] = [
  { kind: 'put', key: 2 ** 53 - 1, value: Buffer.from('value') },
  { kind: 'delete', key: 7 },
  { kind: 'reset' },
  { kind: 'state', state: 'ready', status: 'serves' },
  { kind: 'alive' },
];
const TO_SERVER: readonly ToServer[] = [
  {
    kind: 'begin',
    isAgain: true,
    maxDescriptors: 960,
    watchdogMs: 15_000,
    sockets: ['smb', 'unknown'],
  },
  { kind: 'kept', key: 3, value: Buffer.from('value') },
  { kind: 'done' },
];

test('what is told is what is heard, and all of it', () => {
  for (const message of TO_KEEPER) {
    const packet = encodeToKeeper(message);
    assert.deepEqual(decodeToKeeper(packet), message);
    for (let length = 0; length < packet.length; length++) {
      assert.throws(() => decodeToKeeper(packet.subarray(0, length)), WireError);
    }
    assert.throws(() => decodeToKeeper(Buffer.concat([packet, Buffer.of(0)])), WireError);
  }
  for (const message of TO_SERVER) {
    const packet = encodeToServer(message);
    assert.deepEqual(decodeToServer(packet), message);
    for (let length = 0; length < packet.length; length++) {
      assert.throws(() => decodeToServer(packet.subarray(0, length)), WireError);
    }
  }
});

test('any bytes are a message or a WireError', () => {
  for (let i = 0; i < 20_000; i++) {
    const bytes = randomBytes(randomInt(0, 64));
    // As if it were one of the kinds there are.
    if (bytes.length > 0 && i % 2 === 0) bytes[0] = bytes[0]! % 6;
    for (const decode of [decodeToKeeper, decodeToServer]) {
      try {
        assert.ok(decode(bytes).kind);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }
  }
});

test('the longest value fits in a packet, and a longer one is refused', () => {
  const value = Buffer.alloc(MAX_KEPT_VALUE_BYTES);
  const packet = encodeToKeeper({ kind: 'put', key: 1, value });
  assert.ok(packet.length <= MAX_PACKET_BYTES);
  const longer = Buffer.concat([packet, Buffer.of(0)]);
  // Kind, key, then the length of the value.
  longer.writeUInt32LE(value.length + 1, 9);
  assert.throws(() => decodeToKeeper(longer), WireError);
});
