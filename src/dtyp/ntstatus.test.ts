import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ntstatus from './ntstatus.ts';
import { isError, isWarning, statusName } from './ntstatus.ts';

const exported: readonly (readonly [string, unknown])[] = Object.entries(ntstatus);
const statuses = exported.filter(
  (entry): entry is readonly [string, number] => typeof entry[1] === 'number',
);

test('values are distinct unsigned 32-bit numbers', () => {
  assert.ok(statuses.length > 200);
  assert.equal(new Set(statuses.map(([, value]) => value)).size, statuses.length);
  for (const [name, value] of statuses) {
    assert.match(name, /^STATUS_[A-Z0-9_]+$/);
    assert.equal(value >>> 0, value, name);
  }
});

test('well-known values of MS-ERREF 2.3.1', () => {
  assert.equal(ntstatus.STATUS_SUCCESS, 0);
  assert.equal(ntstatus.STATUS_PENDING, 0x103);
  assert.equal(ntstatus.STATUS_NOTIFY_CLEANUP, 0x10b);
  assert.equal(ntstatus.STATUS_BUFFER_OVERFLOW, 0x80000005);
  assert.equal(ntstatus.STATUS_ACCESS_DENIED, 0xc0000022);
  assert.equal(ntstatus.STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP, 0xc05d0000);
});

test('every status is named; unknown ones in hexadecimal', () => {
  for (const [name, value] of statuses) assert.equal(statusName(value), name);
  assert.equal(statusName(0xdeadbeef), '0xdeadbeef');
  assert.equal(statusName(0x7), '0x00000007');
});

test('severity', () => {
  assert.equal(isError(ntstatus.STATUS_ACCESS_DENIED), true);
  assert.equal(isError(ntstatus.STATUS_BUFFER_OVERFLOW), false);
  assert.equal(isError(ntstatus.STATUS_SUCCESS), false);
  assert.equal(isError(ntstatus.STATUS_PENDING), false);
  assert.equal(isWarning(ntstatus.STATUS_NO_MORE_FILES), true);
  assert.equal(isWarning(ntstatus.STATUS_NO_SUCH_FILE), false);
});
