import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateReplays, replayKey } from './create-replays.ts';
import type { Open } from './open.ts';

const made = (client: number, create: number): Open =>
  ({
    durability: { clientGuid: Buffer.alloc(16, client), createGuid: Buffer.alloc(16, create) },
  }) as unknown as Open;
const key = (client: number, create: number): string =>
  replayKey(Buffer.alloc(16, client), Buffer.alloc(16, create));

test('a CREATE is under way, then its open is eligible, until it is used', () => {
  const replays = new CreateReplays();
  replays.begin(key(7, 1));
  assert.ok(replays.isUnderWay(key(7, 1)));
  assert.ok(!replays.isUnderWay(key(8, 1)), 'another client');
  const open = made(7, 1);
  replays.offer(open);
  replays.end(key(7, 1));
  assert.ok(!replays.isUnderWay(key(7, 1)));
  assert.equal(replays.find(key(7, 1)), open);
  assert.equal(replays.find(key(8, 1)), undefined);
  replays.withdraw(open);
  assert.equal(replays.find(key(7, 1)), undefined);
});

test('an open takes only itself out, not another that has come by the same GUIDs', () => {
  const replays = new CreateReplays();
  const [first, second] = [made(7, 1), made(7, 1)];
  replays.offer(first);
  replays.withdraw(first);
  replays.offer(second);
  replays.withdraw(first);
  assert.equal(replays.find(key(7, 1)), second);
  replays.withdraw({ durability: undefined } as Open);
  replays.withdraw(second);
  assert.equal(replays.find(key(7, 1)), undefined);
});
