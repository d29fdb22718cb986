import assert from 'node:assert/strict';
import { test } from 'node:test';
import { H, R, W } from './caching.ts';
import { type Durability, isPreserved, nextState, type OpenState } from './durability.ts';

const made = (over: Partial<Durability> = {}): Durability => ({
  isDurable: true,
  isResilient: false,
  owner: 'ann',
  clientGuid: Buffer.alloc(16, 7),
  version: 1,
  createGuid: Buffer.alloc(16),
  fileName: 'file',
  createAction: 1,
  timeoutMs: 1000,
  deadlineMs: 0,
  ...over,
});

test('the states of an open: what is closed stays closed, what is connected is not reclaimed', () => {
  const states: readonly OpenState[] = ['connected', 'disconnected', 'closed'];
  const after = (event: Parameters<typeof nextState>[1], preserved: boolean) =>
    states.map((state) => nextState(state, event, preserved));
  assert.deepEqual(after('lost', true), ['disconnected', 'disconnected', 'closed']);
  assert.deepEqual(after('lost', false), ['closed', 'disconnected', 'closed']);
  assert.deepEqual(after('reclaimed', true), ['connected', 'connected', 'closed']);
  assert.deepEqual(after('ended', true), ['closed', 'closed', 'closed']);
});

test('3.3.7.1: preserved is what caches its handle, holds it undisturbed and is durable', () => {
  const held = { state: R | W | H, breaking: false, locks: 0 };
  const rows: readonly [string, Durability | undefined, Partial<typeof held>, boolean][] = [
    ['durable, RWH or batch', made(), {}, true],
    ['durable, RH', made(), { state: R | H }, true],
    ['durable, RW', made(), { state: R | W }, false],
    ['durable, nothing left of its lease', made(), { state: 0 }, false],
    ['durable, breaking', made(), { breaking: true }, false],
    ['durable, locks and W', made(), { locks: 3 }, true],
    ['durable, locks without W', made(), { state: R | H, locks: 1 }, false],
    ['not durable', undefined, {}, false],
    ['made to be replayed alone', made({ isDurable: false }), {}, false],
    ['resilient', made({ isDurable: false, isResilient: true }), { state: 0, locks: 2 }, true],
    [
      'resilient, breaking',
      made({ isDurable: false, isResilient: true }),
      { breaking: true },
      true,
    ],
  ];
  for (const [name, durability, over, expected] of rows) {
    assert.equal(isPreserved(durability, { ...held, ...over }), expected, name);
  }
});
