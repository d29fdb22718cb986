/** MS-SMB2 3.3.5.9.7 and 3.3.5.9.12: a stream that is open durably is another than its file, and the file stays with it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { FILE_OPEN } from '../smb2/create-options.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import {
  assertGone,
  call,
  durableV2,
  grantedDurable,
  LEASE,
  lease,
  mount,
  open,
  reconnectV2,
  tryOpen,
} from './test-durables.support.test.ts';
import { read, write } from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

test('streams, durable: reclaimed under their own name, with what was written', async () => {
  const world = new World();
  const first = await mount(world);
  const made = await open(first, 'file:Stream', [durableV2(), lease(7)], LEASE);
  assert.equal(grantedDurable(made), 2);
  assert.equal((await call(first, write(made, 'kept'))).status, STATUS_SUCCESS);
  await first.client.lost();
  const back = await mount(world);
  const mine = [reconnectV2(made), lease(7)];
  for (const name of ['file', 'file:other', 'other:Stream']) {
    assert.equal(await tryOpen(back, name, mine, LEASE), STATUS_INVALID_PARAMETER, name);
  }
  const again = await open(back, 'FILE:stream:$DATA', mine, {
    ...LEASE,
    createDisposition: FILE_OPEN,
  });
  const reply = await call(back, read(again));
  assert.equal(decodeReadResponse(reply.message).data.toString(), 'kept');
  await assertGone(world, back);
});
