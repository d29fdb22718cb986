import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_READ_DATA } from '../dtyp/access-mask.ts';
import type { OpenRequest, Outcome } from './command.ts';
import { read } from './read.ts';

/** An open whose READs find their offset in each octet; those at 0x80 and above come piece by piece, and wait. */
const request = {
  connection: { dialect: { maxReadSize: 65_536, smb3: true } },
  open: {
    access: FILE_READ_DATA,
    file: { locks: { size: 0 } },
    handle: {
      kind: 'file',
      read(data: Buffer, offset: number) {
        data.fill(offset);
        return offset < 0x80 ? data.length : Promise.resolve().then(() => data.length);
      },
    },
  },
} as unknown as OpenRequest;

const ask = (offset: number, length: number) =>
  read(
    {
      ...{ offset, length, padding: 0, flags: 0, minimumCount: 0, channel: 0, remainingBytes: 0 },
      ...{ persistentId: 0, volatileId: 0, readChannelInfo: Buffer.alloc(0) },
    },
    request,
  );

const dataOf = (outcome: Outcome): Buffer => {
  assert.ok(typeof outcome === 'object' && 'payload' in outcome);
  return outcome.payload!;
};

test('a small READ that waits keeps its buffer, those behind it get another', async () => {
  const waiting = ask(0x80, 64);
  assert.ok(waiting instanceof Promise);
  const others = [ask(0x81, 64), ask(0x11, 64)];
  assert.deepEqual(dataOf(await waiting), Buffer.alloc(64, 0x80));
  assert.deepEqual(dataOf(await others[0]!), Buffer.alloc(64, 0x81));
});

test('one that is answered at once says that its data is to be copied at once', () => {
  const outcome = ask(0x11, 64);
  assert.ok(!(outcome instanceof Promise) && typeof outcome === 'object' && 'isLent' in outcome);
  assert.equal(outcome.isLent, true);
});

test('a large one has a buffer of its own', () => {
  const first = ask(0x11, 40_000) as Outcome;
  ask(0x22, 40_000);
  assert.deepEqual(dataOf(first), Buffer.alloc(40_000, 0x11));
});
