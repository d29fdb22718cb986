/** SIDs of Unix users and groups. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AUTHENTICATED_USERS, BUILTIN_GUESTS, EVERYONE, type Sid } from './sid.ts';
import { idOfRid, makeSidMap, ridOfGroup, ridOfUser, sidsOfUser, unixSidMap } from './unix-sids.ts';

const MACHINE: Sid = 'S-1-5-21-1-2-3';
const map = makeSidMap({
  machineSid: MACHINE,
  hasAccount: (uid) => uid >= 1000,
  groupsOf: (uid) => [uid],
});

test('who has an account is of the machine, others are of Unix', () => {
  assert.equal(map.userSid(1001), 'S-1-5-21-1-2-3-3002');
  assert.equal(map.userSid(1), 'S-1-22-1-1');
  assert.equal(map.groupSid(1001), 'S-1-22-2-1001');
  // Their RID would have more than 32 bits.
  assert.equal(map.userSid(0xffff_fffd), 'S-1-22-1-4294967293');
});

test('all forms of a user and a group are understood', () => {
  const cases: [Sid, 'user' | 'group', number][] = [
    ['S-1-5-21-1-2-3-3002', 'user', 1001],
    ['S-1-5-21-1-2-3-3003', 'group', 1001],
    ['S-1-5-21-1-2-3-1000', 'user', 0],
    ['S-1-22-1-7', 'user', 7],
    ['S-1-22-2-7', 'group', 7],
    ['S-1-5-88-1-7', 'user', 7],
    ['S-1-5-88-2-7', 'group', 7],
  ];
  for (const [sid, kind, id] of cases) assert.deepEqual(map.idOf(sid), { kind, id }, sid);
});

test('RIDs of groups of the server’s own are nobody’s on the system', () => {
  for (const rid of [0x7fff_0000, 0x7fff_0001, 0x7fff_ffff]) {
    assert.equal(map.idOf(`S-1-5-21-1-2-3-${rid}`), undefined);
    const id = (rid - 1000) >>> 1;
    assert.equal(map.userSid(id), `S-1-22-1-${id}`);
    const user = { uid: id, gid: id, groups: [], isGuest: false };
    const sids = sidsOfUser(map, MACHINE, user).filter((sid) => sid.startsWith(MACHINE));
    assert.deepEqual(sids, ['S-1-5-21-1-2-3-513']);
  }
  assert.equal(map.idOf(`S-1-5-21-1-2-3-${0x7ffe_ffff}`)?.kind, 'group');
  assert.equal(map.idOf(`S-1-5-21-1-2-3-${0x8000_0000}`)?.kind, 'user');
});

test('what is no user or group of this machine has no id', () => {
  const sids: Sid[] = [
    EVERYONE,
    'S-1-5-21-1-2-3',
    'S-1-5-21-1-2-3-513',
    'S-1-5-21-1-2-4-3002',
    'S-1-22-1',
    'S-1-22-1-4294967295',
    'S-1-22-3-7',
    'S-1-5-88-3-420',
    'S-1-5-32-545',
  ];
  for (const sid of sids) {
    assert.equal(map.idOf(sid), undefined, sid);
    assert.equal(unixSidMap.idOf(sid), undefined, sid);
  }
});

test('any user and group comes back', () => {
  const id = fc.integer({ min: 0, max: 0xffff_fffe });
  fc.assert(
    fc.property(id, (id) => {
      for (const each of [map, unixSidMap]) {
        assert.deepEqual(each.idOf(each.userSid(id)), { kind: 'user', id });
        assert.deepEqual(each.idOf(each.groupSid(id)), { kind: 'group', id });
      }
      if (id > 0x7fff_0000) return;
      assert.deepEqual(idOfRid(ridOfUser(id)), { kind: 'user', id });
      assert.deepEqual(idOfRid(ridOfGroup(id)), { kind: 'group', id });
    }),
  );
});

test('the SIDs of a user', () => {
  const user = { uid: 1001, gid: 100, groups: [100, 27] };
  const sids = sidsOfUser(map, MACHINE, { ...user, isGuest: false });
  assert.deepEqual(sids.slice(0, 2), ['S-1-5-21-1-2-3-3002', 'S-1-22-2-100']);
  for (const sid of ['S-1-22-1-1001', 'S-1-22-2-27', 'S-1-5-21-1-2-3-1055', EVERYONE] as const) {
    assert.ok(sids.includes(sid), sid);
  }
  for (const sid of ['S-1-5-88-1-1001', 'S-1-5-88-2-100', 'S-1-5-88-2-27'] as const) {
    assert.ok(sids.includes(sid), sid);
  }
  assert.equal(new Set(sids).size, sids.length);
  assert.ok(sids.includes(AUTHENTICATED_USERS));
  const guest = sidsOfUser(map, MACHINE, { ...user, isGuest: true });
  assert.ok(!guest.includes(AUTHENTICATED_USERS) && guest.includes(BUILTIN_GUESTS));
});
