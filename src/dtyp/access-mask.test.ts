import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_READ_EA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  FILE_WRITE_EA,
  GENERIC_ALL,
  GENERIC_READ,
  GENERIC_WRITE,
  MAXIMUM_ALLOWED,
  mapGenericRights,
  READ_CONTROL,
  SYNCHRONIZE,
} from './access-mask.ts';

const STANDARD = READ_CONTROL | SYNCHRONIZE;

test('generic rights of files', () => {
  assert.equal(FILE_GENERIC_READ, STANDARD | FILE_READ_DATA | FILE_READ_EA | FILE_READ_ATTRIBUTES);
  assert.equal(
    FILE_GENERIC_WRITE,
    STANDARD | FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES,
  );
  assert.equal(FILE_GENERIC_EXECUTE, STANDARD | FILE_EXECUTE | FILE_READ_ATTRIBUTES);
});

test('mapping keeps the other bits and stays unsigned', () => {
  assert.equal(mapGenericRights(DELETE | MAXIMUM_ALLOWED), DELETE | MAXIMUM_ALLOWED);
  assert.equal(mapGenericRights(GENERIC_ALL), FILE_ALL_ACCESS);
  assert.equal(
    mapGenericRights((GENERIC_READ | GENERIC_WRITE | DELETE) >>> 0),
    FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE,
  );
});
