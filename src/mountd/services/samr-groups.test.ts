/** Groups and aliases as an administrator's client makes, fills and removes them, and what others are told of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_ALIAS_EXISTS,
  STATUS_GROUP_EXISTS,
  STATUS_INVALID_ACCOUNT_NAME,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_MEMBER,
  STATUS_MEMBER_IN_ALIAS,
  STATUS_MEMBER_IN_GROUP,
  STATUS_MEMBER_NOT_IN_ALIAS,
  STATUS_MEMBER_NOT_IN_GROUP,
  STATUS_NO_SUCH_ALIAS,
  STATUS_NO_SUCH_MEMBER,
  STATUS_NO_SUCH_USER,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SPECIAL_GROUP,
  STATUS_SUCCESS,
  STATUS_USER_EXISTS,
} from '../../dtyp/ntstatus.ts';
import type { Sid } from '../../dtyp/sid.ts';
import { LSARPC } from '../../rpc/lsarpc.ts';
import { SAMR } from '../../rpc/samr.ts';
import { SidNameUse } from '../../rpc/security-types.ts';
import { connectTo, context } from './connect.support.test.ts';
import { MACHINE } from './principals.support.test.ts';

const { operations: op } = SAMR;
const ANNA: Sid = `${MACHINE}-3000`;
const BOB: Sid = `${MACHINE}-3002`;
const FIRST_RID = 0x7fff_0000;
const BUILTIN: Sid = 'S-1-5-32';

function server(administrator = true) {
  const of = context({ administrator });
  const call = connectTo('samr', SAMR, of);
  const { handle: connected } = call(op.SamrConnect2, { serverName: null, desiredAccess: 0 });
  const domain = (domainId: Sid) =>
    call(op.SamrOpenDomain, { handle: connected, desiredAccess: 0, domainId }).handle;
  const own = domain(MACHINE);
  const group = (name: string) =>
    call(op.SamrCreateGroupInDomain, { handle: own, name, desiredAccess: 0 });
  const alias = (name: string) =>
    call(op.SamrCreateAliasInDomain, { handle: own, name, desiredAccess: 0 });
  const builtin = (rid: number) =>
    call(op.SamrOpenAlias, { handle: domain(BUILTIN), desiredAccess: 0, rid }).handle;
  const membersOf = (handle: Buffer) => call(op.SamrGetMembersInAlias, { handle }).members.entries;
  return { of, call, own, domain, group, alias, builtin, membersOf };
}

test('an alias is made, filled, told of, emptied and removed', () => {
  const { call, own, alias, membersOf } = server();
  const { handle, relativeId, status } = alias('Music lovers');
  assert.deepEqual([status, relativeId], [STATUS_SUCCESS, FIRST_RID]);
  const add = (memberId: Sid) => call(op.SamrAddMemberToAlias, { handle, memberId }).status;
  assert.equal(add(ANNA), STATUS_SUCCESS);
  assert.equal(add(ANNA), STATUS_MEMBER_IN_ALIAS);
  assert.equal(add('S-1-5-21-9-9-9-1105'), STATUS_SUCCESS);
  assert.equal(add(`${MACHINE}-9998`), STATUS_NO_SUCH_MEMBER);
  assert.equal(add(MACHINE), STATUS_INVALID_MEMBER);
  assert.equal(add('S-1-5-32-544'), STATUS_INVALID_MEMBER);
  assert.equal(add(`${MACHINE}-${FIRST_RID}`), STATUS_INVALID_MEMBER);
  assert.deepEqual(membersOf(handle), [ANNA, 'S-1-5-21-9-9-9-1105']);
  const membership = call(op.SamrGetAliasMembership, {
    handle: own,
    sidArray: { entries: [ANNA] },
  });
  assert.deepEqual(membership.membership.entries, [FIRST_RID]);
  const query = () => call(op.SamrQueryInformationAlias, { handle, informationClass: 1 });
  assert.deepEqual(query().information?.value, {
    ...{ name: 'Music lovers', memberCount: 2, adminComment: '' },
  });
  const set = (
    information: Parameters<typeof call<typeof op.SamrSetInformationAlias>>[1]['information'],
  ) =>
    call(op.SamrSetInformationAlias, {
      ...{ handle, informationClass: information.tag as number, information },
    }).status;
  assert.equal(set({ tag: 3, value: { adminComment: 'They sing' } }), STATUS_SUCCESS);
  assert.equal(set({ tag: 2, value: { name: 'Singers' } }), STATUS_SUCCESS);
  assert.equal(set({ tag: 2, value: { name: 'anna' } }), STATUS_USER_EXISTS);
  assert.equal(set({ tag: 2, value: { name: 'a/b' } }), STATUS_INVALID_ACCOUNT_NAME);
  const general = { name: 'x', memberCount: 0, adminComment: '' };
  assert.equal(set({ tag: 1, value: general }), STATUS_INVALID_INFO_CLASS);
  assert.deepEqual(query().information?.value, {
    ...{ name: 'Singers', memberCount: 2, adminComment: 'They sing' },
  });
  const take = (memberId: Sid) => call(op.SamrRemoveMemberFromAlias, { handle, memberId }).status;
  assert.equal(take(ANNA), STATUS_SUCCESS);
  assert.equal(take(ANNA), STATUS_MEMBER_NOT_IN_ALIAS);
  const twice = call(op.SamrOpenAlias, { handle: own, desiredAccess: 0, rid: FIRST_RID }).handle;
  assert.equal(call(op.SamrDeleteAlias, { handle }).status, STATUS_SUCCESS);
  const gone = call(op.SamrGetMembersInAlias, { handle: twice });
  assert.equal(gone.status, STATUS_NO_SUCH_ALIAS);
});

test('a group has users of this server, and goes when it is empty', () => {
  const { call, own, group } = server();
  const { handle, status } = group('staff');
  assert.equal(status, STATUS_SUCCESS);
  const add = (memberId: number) =>
    call(op.SamrAddMemberToGroup, { handle, memberId, attributes: 7 }).status;
  assert.equal(add(3000), STATUS_SUCCESS);
  assert.equal(add(3000), STATUS_MEMBER_IN_GROUP);
  assert.equal(add(9998), STATUS_NO_SUCH_USER);
  const { members } = call(op.SamrGetMembersInGroup, { handle });
  assert.deepEqual(members, { count: 1, members: [3000], attributes: [7] });
  const user = call(op.SamrOpenUser, { handle: own, desiredAccess: 0, rid: 3000 }).handle;
  const { groups } = call(op.SamrGetGroupsForUser, { handle: user });
  assert.deepEqual(
    groups?.entries?.map(({ relativeId }) => relativeId),
    [513, FIRST_RID],
  );
  const attributes = (memberId: number) =>
    call(op.SamrSetMemberAttributesOfGroup, { handle, memberId, attributes: 7 }).status;
  assert.equal(attributes(3000), STATUS_SUCCESS);
  assert.equal(attributes(3002), STATUS_MEMBER_NOT_IN_GROUP);
  assert.equal(call(op.SamrDeleteGroup, { handle }).status, STATUS_MEMBER_IN_GROUP);
  const take = () => call(op.SamrRemoveMemberFromGroup, { handle, memberId: 3000 }).status;
  assert.equal(take(), STATUS_SUCCESS);
  assert.equal(take(), STATUS_MEMBER_NOT_IN_GROUP);
  assert.equal(call(op.SamrDeleteGroup, { handle }).status, STATUS_SUCCESS);
});

test('what is always there stays, and a name is one object’s', () => {
  const { call, own, group, alias, builtin } = server();
  const none = call(op.SamrOpenGroup, { handle: own, desiredAccess: 0, rid: 513 }).handle;
  assert.equal(call(op.SamrDeleteGroup, { handle: none }).status, STATUS_SPECIAL_GROUP);
  const in513 = { handle: none, memberId: 3000 };
  assert.equal(call(op.SamrRemoveMemberFromGroup, in513).status, STATUS_SPECIAL_GROUP);
  const administrators = builtin(544);
  assert.equal(call(op.SamrDeleteAlias, { handle: administrators }).status, STATUS_SPECIAL_GROUP);
  assert.equal(
    call(op.SamrDeleteGroup, { handle: administrators }).status,
    STATUS_OBJECT_TYPE_MISMATCH,
  );
  group('staff');
  assert.equal(group('STAFF').status, STATUS_GROUP_EXISTS);
  assert.equal(alias('staff').status, STATUS_GROUP_EXISTS);
  assert.equal(alias('administrators').status, STATUS_ALIAS_EXISTS);
  assert.equal(alias('Bob').status, STATUS_USER_EXISTS);
  assert.equal(group('a:b').status, STATUS_INVALID_ACCOUNT_NAME);
});

test('a built-in alias has whom administrators put into it, beside those who are born in it', () => {
  const { call, domain, builtin, membersOf } = server();
  const handle = builtin(545);
  const entries = [ANNA, BOB];
  const many = { handle, members: { entries } };
  call(op.SamrAddMemberToAlias, { handle, memberId: BOB });
  assert.equal(call(op.SamrAddMultipleMembersToAlias, many).status, STATUS_SUCCESS);
  assert.deepEqual(membersOf(handle), [`${MACHINE}-513`, BOB, ANNA]);
  const foreign = { handle: domain(BUILTIN), memberSid: BOB };
  assert.equal(call(op.SamrRemoveMemberFromForeignDomain, foreign).status, STATUS_SUCCESS);
  assert.deepEqual(membersOf(handle), [`${MACHINE}-513`, ANNA]);
  assert.equal(call(op.SamrRemoveMultipleMembersFromAlias, many).status, STATUS_SUCCESS);
  assert.deepEqual(membersOf(handle), [`${MACHINE}-513`]);
});

test('lists and lookups know them', () => {
  const { of, call, own, group, alias } = server();
  group('staff');
  alias('music lovers');
  const range = { handle: own, enumerationContext: 0, preferedMaximumLength: 4096 };
  const named = (entries: readonly { readonly name: string | null }[] | null | undefined) =>
    entries?.map(({ name }) => name);
  const groups = call(op.SamrEnumerateGroupsInDomain, range).buffer?.entries;
  assert.deepEqual(named(groups), ['None', 'staff']);
  const aliases = call(op.SamrEnumerateAliasesInDomain, range).buffer?.entries;
  assert.deepEqual(named(aliases), ['music lovers']);
  const lsa = connectTo('lsarpc', LSARPC, of);
  const { policyHandle } = lsa(LSARPC.operations.LsarOpenPolicy2, {
    systemName: null,
    objectAttributes: {
      ...{ length: 24, rootDirectory: null, objectName: 0, attributes: 0 },
      ...{ securityDescriptor: 0, securityQualityOfService: null },
    },
    desiredAccess: 0,
  });
  const sids = [`${MACHINE}-${FIRST_RID}`, `${MACHINE}-${FIRST_RID + 1}`] as Sid[];
  const more = { lookupLevel: 1, mappedCount: 0, lookupOptions: 0, clientRevision: 2 };
  const { translatedNames } = lsa(LSARPC.operations.LsarLookupSids2, {
    ...{ policyHandle, sidEnumBuffer: { entries: sids }, translatedNames: { entries: null } },
    ...more,
  });
  assert.deepEqual(
    translatedNames.entries?.map(({ name, use }) => [name, use]),
    [
      ['staff', SidNameUse.SidTypeGroup],
      ['music lovers', SidNameUse.SidTypeAlias],
    ],
  );
  const { translatedSids } = lsa(LSARPC.operations.LsarLookupNames3, {
    ...{ policyHandle, count: 2, names: ['files\\STAFF', 'Music Lovers'] },
    ...{ translatedSids: { entries: null }, ...more },
  });
  assert.deepEqual(
    translatedSids.entries?.map(({ sid }) => sid),
    sids,
  );
});

test('others are told of them and change nothing', () => {
  const { call, group, alias, builtin, domain, membersOf } = server(false);
  assert.equal(group('staff').status, STATUS_ACCESS_DENIED);
  assert.equal(alias('staff').status, STATUS_ACCESS_DENIED);
  const handle = builtin(544);
  const memberId = ANNA;
  assert.equal(call(op.SamrAddMemberToAlias, { handle, memberId }).status, STATUS_ACCESS_DENIED);
  assert.equal(call(op.SamrDeleteAlias, { handle }).status, STATUS_ACCESS_DENIED);
  const information = { tag: 3, value: { adminComment: 'x' } } as const;
  const comment = { handle, informationClass: 3, information };
  assert.equal(call(op.SamrSetInformationAlias, comment).status, STATUS_ACCESS_DENIED);
  const foreign = { handle: domain(BUILTIN), memberSid: ANNA };
  assert.equal(call(op.SamrRemoveMemberFromForeignDomain, foreign).status, STATUS_ACCESS_DENIED);
  assert.deepEqual(membersOf(handle), []);
});
