import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import type { Sid } from '../dtyp/sid.ts';
import { GroupStore, isGroupName, parseGroups } from './group-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-groups-'));
after(() => rmSync(folder, { recursive: true }));

const MACHINE: Sid = 'S-1-5-21-1-2-3';
const ANNA: Sid = 'S-1-5-21-1-2-3-3000';
const BOB: Sid = 'S-1-5-21-1-2-3-3002';
const ADMINISTRATORS: Sid = 'S-1-5-32-544';

const store = (file?: string) => new GroupStore(file && join(folder, file), MACHINE, SILENT_LOGGER);

test('groups and members outlive the process, and no RID comes again', () => {
  const first = store('kept.json');
  assert.equal(first.create('alias', 'Music', 'root'), 'done');
  assert.equal(first.create('group', 'music', 'root'), 'exists');
  const music = first.sidOf(first.byName('MUSIC')!);
  assert.equal(first.addMember(music, ANNA, 'root'), 'done');
  assert.equal(first.addMember(music, ANNA, 'root'), 'exists');
  assert.equal(first.addMember(ADMINISTRATORS, BOB, 'root'), 'done');
  const second = store('kept.json');
  assert.deepEqual(second.bySid(music), first.bySid(music));
  assert.deepEqual(second.membersOf(music), [ANNA]);
  assert.deepEqual(second.membersOf(ADMINISTRATORS), [BOB]);
  assert.equal(second.remove(music, 'root'), 'done');
  assert.deepEqual([second.bySid(music), second.membersOf(music)], [undefined, []]);
  assert.equal(second.create('alias', 'Music', 'root'), 'done');
  assert.notEqual(second.sidOf(second.byName('Music')!), music);
});

test('who is in a group is in the aliases that have the group', () => {
  const groups = store();
  groups.create('alias', 'readers', 'root');
  groups.create('group', 'staff', 'root');
  const [readers, staff] = ['readers', 'staff'].map((name) => groups.sidOf(groups.byName(name)!));
  groups.addMember(readers!, staff!, 'root');
  groups.addMember(staff!, ANNA, 'root');
  assert.deepEqual(groups.groupsOf([ANNA, 'S-1-1-0']), [staff, readers]);
  assert.deepEqual(groups.groupsOf([BOB]), []);
  groups.removeMember(staff!, ANNA, 'root');
  assert.deepEqual(groups.groupsOf([ANNA]), []);
  groups.addMember(staff!, BOB, 'root');
  groups.addMember(ADMINISTRATORS, BOB, 'root');
  groups.removeEverywhere(BOB, (sid) => sid === ADMINISTRATORS, 'root');
  assert.deepEqual(groups.groupsOf([BOB]), [staff, readers]);
});

test('a group that is none has no members, and one that goes leaves none behind', () => {
  const groups = store();
  const none: Sid = `${MACHINE}-${0x7fff_0000}`;
  assert.equal(groups.addMember(none, ANNA, 'root'), 'missing');
  assert.equal(groups.addMember(`${MACHINE}-513`, ANNA, 'root'), 'missing');
  groups.create('group', 'staff', 'root');
  groups.addMember(ADMINISTRATORS, none, 'root');
  groups.remove(none, 'root');
  assert.deepEqual(groups.membersOf(ADMINISTRATORS), []);
});

test('names that Windows does not take are none', () => {
  for (const name of ['', ' a', 'a ', 'a/b', 'a\\b', 'a:b', 'a@b', 'a.', 'a\nb', 'x'.repeat(257)]) {
    assert.equal(isGroupName(name), false, JSON.stringify(name));
    assert.equal(store().create('alias', name, 'root'), 'bad-name');
  }
  for (const name of ['staff', 'Büro & Co (2)', 'a.b']) assert.equal(isGroupName(name), true, name);
});

test('a file that is none of ours is left as it is, and nothing is changed', () => {
  writeFileSync(join(folder, 'bad.json'), '{"groups":[{"rid":513}],"members":{},"nextRid":1}');
  const groups = store('bad.json');
  assert.deepEqual(groups.groups, []);
  assert.equal(groups.create('alias', 'staff', 'root'), 'unwritable');
  assert.match(readFileSync(join(folder, 'bad.json'), 'utf8'), /513/);
  const rid = 0x7fff_0000;
  const group = { kind: 'alias', rid, name: 'a', comment: '' };
  const good = { nextRid: rid + 1, groups: [group], members: { [ADMINISTRATORS]: [ANNA] } };
  assert.deepEqual(parseGroups(good), good);
  for (const bad of [
    null,
    [],
    { ...good, nextRid: 'x' },
    { ...good, groups: [{ ...group, kind: 'user' }] },
    { ...good, groups: [{ ...group, name: 7 }] },
    { ...good, members: { nobody: [ANNA] } },
    { ...good, members: { [ADMINISTRATORS]: ['anna'] } },
    { ...good, members: { [ADMINISTRATORS]: ANNA } },
  ]) {
    assert.equal(parseGroups(bad), undefined, JSON.stringify(bad));
  }
});
