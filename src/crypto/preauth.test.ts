import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extendPreauthHash, initialPreauthHash, PREAUTH_HASH_BYTES } from './preauth.ts';
import * as windows from './windows-exchange.vectors.test.ts';

test('the hash of a session between Windows machines, message by message', () => {
  const steps = [
    [windows.negotiateRequest, windows.hashAfterNegotiateRequest],
    [windows.negotiateResponse, windows.hashAfterNegotiateResponse],
    [windows.setupRequest1, windows.hashAfterSetupRequest1],
    [windows.setupResponse1, windows.hashAfterSetupResponse1],
    [windows.setupRequest2, windows.sessionHash],
  ] as const;
  let hash = initialPreauthHash();
  assert.equal(hash.length, PREAUTH_HASH_BYTES);
  for (const [message, expected] of steps) {
    const before = Buffer.from(hash);
    const next = extendPreauthHash(hash, message.subarray(0, 64), message.subarray(64));
    assert.deepEqual(next, expected);
    assert.deepEqual(hash, before);
    hash = next;
  }
});
