import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DomainIds } from './id-blocks.ts';
import { type Sid, sidInDomain } from './sid.ts';
import { makeSidMap } from './unix-sids.ts';

const A: Sid = 'S-1-5-21-1-2-3';
const B: Sid = 'S-1-5-21-1-2-4';
const MACHINE: Sid = 'S-1-5-21-9-9-9';

const blocks = [
  { domain: A, firstRid: 0, low: 100_000, size: 10_000 },
  { domain: B, firstRid: 0, low: 110_000, size: 10_000 },
  { domain: A, firstRid: 10_000, low: 120_000, size: 10_000 },
];

test('a SID of a block is a number, and back', () => {
  const ids = new DomainIds(blocks);
  assert.equal(ids.idOf(`${A}-1105`), 101_105);
  assert.equal(ids.idOf(`${B}-1105`), 111_105);
  assert.equal(ids.idOf(`${A}-10001`), 120_001);
  assert.equal(ids.idOf(`${B}-10001`), undefined);
  assert.equal(ids.idOf(`${MACHINE}-1105`), undefined);
  assert.equal(ids.idOf('S-1-1-0'), undefined);
  assert.deepEqual(
    [99_999, 130_000].map((id) => ids.sidOf(id)),
    [undefined, undefined],
  );
  fc.assert(
    fc.property(fc.integer({ min: 100_000, max: 129_999 }), (id) => {
      assert.equal(ids.idOf(ids.sidOf(id)!), id);
    }),
  );
});

test('blocks of another size, from before, still count', () => {
  const ids = new DomainIds([
    { domain: A, firstRid: 0, low: 5000, size: 2000 },
    { domain: A, firstRid: 0, low: 10_000, size: 5000 },
  ]);
  assert.ok([5001, 10_001].includes(ids.idOf(`${A}-1`)!));
  assert.equal(ids.idOf(`${A}-3000`), 13_000);
  assert.equal(ids.sidOf(13_000), `${A}-3000`);
});

test('what is learned is added once; the groups of a user are those of its last login', () => {
  const ids = new DomainIds();
  ids.learn(blocks, { uid: 7, gid: 8, groups: [9] });
  ids.learn(blocks.slice(1), { uid: 7, gid: 8, groups: [] });
  assert.equal(ids.blocks.length, 3);
  assert.deepEqual(ids.groupsOf(7), [8]);
  assert.equal(ids.groupsOf(8), undefined);
});

test('the SIDs of files that belong to a domain’s users are the domain’s', () => {
  const map = makeSidMap({
    machineSid: MACHINE,
    hasAccount: (uid) => uid === 1000,
    groupsOf: () => [],
    domains: new DomainIds(blocks),
  });
  assert.equal(map.userSid(101_105), `${A}-1105`);
  assert.equal(map.groupSid(101_105), `${A}-1105`);
  assert.equal(map.userSid(1000), sidInDomain(MACHINE, 3000));
  assert.equal(map.groupSid(1000), 'S-1-22-2-1000');
  assert.deepEqual(map.idOf(`${A}-1105`), { kind: 'both', id: 101_105 });
  assert.equal(map.idOf(`${A}-20000`), undefined);
  assert.deepEqual(map.idOf(sidInDomain(MACHINE, 3000)), { kind: 'user', id: 1000 });
});
