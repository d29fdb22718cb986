import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { Command } from '../smb2/header.ts';
import type { Request } from './request.ts';
import { Traffic } from './traffic.ts';

const NO_BODY = Buffer.alloc(16);
const of = (command: number) =>
  ({ header: { command }, tree: { share: { name: 's', type: 'disk' } } }) as unknown as Request;
const bytes = (count: number): Buffer => {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(count, 4);
  return body;
};

test('what has been answered since the start, by what it was', () => {
  const traffic = new Traffic();
  const { SESSION_SETUP, CREATE, READ, WRITE } = Command;
  traffic.note(of(SESSION_SETUP), STATUS_MORE_PROCESSING_REQUIRED, NO_BODY);
  traffic.note(of(SESSION_SETUP), STATUS_SUCCESS, NO_BODY);
  traffic.note(of(SESSION_SETUP), STATUS_LOGON_FAILURE, NO_BODY);
  traffic.note(of(CREATE), STATUS_PENDING, NO_BODY);
  for (let i = 0; i < 3; i++) traffic.note(of(CREATE), STATUS_SUCCESS, NO_BODY);
  traffic.note(of(CREATE), STATUS_ACCESS_DENIED, NO_BODY);
  traffic.note(of(CREATE), STATUS_OBJECT_NAME_NOT_FOUND, NO_BODY);
  traffic.note(of(READ), STATUS_SUCCESS, bytes(1000));
  traffic.note(of(WRITE), STATUS_SUCCESS, bytes(20));
  assert.deepEqual(traffic.statistics, {
    ...{ opensCreated: 3, sessionsEstablished: 1, loginFailures: 1, accessesDenied: 1 },
    ...{ readBytes: 1000, writtenBytes: 20 },
  });
});
