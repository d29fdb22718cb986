/** lsarpc and samr as a client meets them: names, SIDs, users, handles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_SUCH_DOMAIN,
  STATUS_NO_SUCH_USER,
  STATUS_NONE_MAPPED,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SOME_NOT_MAPPED,
  STATUS_SUCCESS,
} from '../../dtyp/ntstatus.ts';
import type { Sid } from '../../dtyp/sid.ts';
import { DSSETUP } from '../../rpc/dssetup.ts';
import { LSARPC } from '../../rpc/lsarpc.ts';
import { FAULT_STATUS } from '../../rpc/pdu.ts';
import { SAMR } from '../../rpc/samr.ts';
import { NO_HANDLE, SidNameUse } from '../../rpc/security-types.ts';
import { connectTo, FaultError } from './connect.support.test.ts';
import { CONTEXT_HANDLES_MAXIMUM } from './context-handles.ts';
import { MACHINE } from './principals.support.test.ts';

const {
  SidTypeUser,
  SidTypeGroup,
  SidTypeAlias,
  SidTypeDomain,
  SidTypeWellKnownGroup,
  SidTypeUnknown,
} = SidNameUse;
const ANNA: Sid = `${MACHINE}-3000`;
const NO_ATTRIBUTES = {
  length: 24,
  rootDirectory: null,
  objectName: 0,
  attributes: 0,
  securityDescriptor: 0,
  securityQualityOfService: null,
};
const MAXIMUM_ALLOWED = 0x0200_0000;

function openPolicy() {
  const call = connectTo('lsarpc', LSARPC);
  const { policyHandle, status } = call(LSARPC.operations.LsarOpenPolicy2, {
    systemName: 'FILES',
    objectAttributes: NO_ATTRIBUTES,
    desiredAccess: MAXIMUM_ALLOWED,
  });
  assert.equal(status, STATUS_SUCCESS);
  return { call, policyHandle };
}

const lookup = { lookupLevel: 1, mappedCount: 0, lookupOptions: 0, clientRevision: 2 };

function namesOf(...sids: Sid[]) {
  const { call, policyHandle } = openPolicy();
  const input = {
    policyHandle,
    sidEnumBuffer: { entries: sids },
    translatedNames: { entries: null },
    ...lookup,
  };
  const { referencedDomains, translatedNames, mappedCount, status } = call(
    LSARPC.operations.LsarLookupSids2,
    input,
  );
  const domains = referencedDomains?.domains ?? [];
  const told = (translatedNames.entries ?? []).map(({ use, name, domainIndex }) => [
    domains[domainIndex]?.name,
    name,
    use,
  ]);
  return { told, mappedCount, status };
}

test('LsarLookupSids2: everybody that a Security tab shows has a name', () => {
  const { told, mappedCount, status } = namesOf(
    ANNA,
    'S-1-1-0',
    'S-1-5-11',
    'S-1-5-32-544',
    'S-1-22-1-1',
    'S-1-22-2-100',
    'S-1-22-1-4711',
    MACHINE,
    `${MACHINE}-513`,
    `${MACHINE}-5001`,
  );
  assert.deepEqual(told, [
    ['FILES', 'anna', SidTypeUser],
    ['', 'Everyone', SidTypeWellKnownGroup],
    ['NT AUTHORITY', 'Authenticated Users', SidTypeWellKnownGroup],
    ['BUILTIN', 'Administrators', SidTypeAlias],
    ['Unix User', 'daemon', SidTypeUser],
    ['Unix Group', 'users', SidTypeGroup],
    ['Unix User', '4711', SidTypeUser],
    ['FILES', 'FILES', SidTypeDomain],
    ['FILES', 'None', SidTypeGroup],
    ['FILES', 'music', SidTypeAlias],
  ]);
  assert.deepEqual([mappedCount, status], [10, STATUS_SUCCESS]);
});

test('LsarLookupSids2: a SID of nobody is told as text, and as a RID within the domain', () => {
  const { told, mappedCount, status } = namesOf(ANNA, 'S-1-5-21-9-9-9-1000', `${MACHINE}-9998`);
  assert.deepEqual(told.slice(1), [
    [undefined, 'S-1-5-21-9-9-9-1000', SidTypeUnknown],
    ['FILES', '0000270e', SidTypeUnknown],
  ]);
  assert.deepEqual([mappedCount, status], [1, STATUS_SOME_NOT_MAPPED]);
  assert.equal(namesOf('S-1-5-21-9-9-9-1000').status, STATUS_NONE_MAPPED);
});

test('LsarLookupNames3: names with and without a domain, in any case', () => {
  const { call, policyHandle } = openPolicy();
  const names = ['ANNA', 'files\\bob', 'anna@FILES', 'unix group\\users', 'FILES', 'other\\anna'];
  const { translatedSids, mappedCount, status } = call(LSARPC.operations.LsarLookupNames3, {
    policyHandle,
    count: names.length,
    names,
    translatedSids: { entries: null },
    ...lookup,
  });
  assert.deepEqual(
    translatedSids.entries?.map(({ sid }) => sid),
    [ANNA, `${MACHINE}-3002`, ANNA, 'S-1-22-2-100', MACHINE, null],
  );
  assert.deepEqual([mappedCount, status], [5, STATUS_SOME_NOT_MAPPED]);
});

test('LsarQueryInformationPolicy: the account domain is the machine, the primary one the workgroup', () => {
  const { call, policyHandle } = openPolicy();
  const ask = (informationClass: number) =>
    call(LSARPC.operations.LsarQueryInformationPolicy, { policyHandle, informationClass });
  assert.deepEqual(ask(5).policyInformation, { tag: 5, value: { name: 'FILES', sid: MACHINE } });
  assert.deepEqual(ask(3).policyInformation, { tag: 3, value: { name: 'HOME', sid: null } });
  assert.equal(ask(99).status, STATUS_INVALID_PARAMETER);
});

test('a handle that is closed, or of another pipe, or none, is a fault', () => {
  const { call, policyHandle } = openPolicy();
  const other = openPolicy();
  call(LSARPC.operations.LsarClose, { objectHandle: policyHandle });
  for (const handle of [policyHandle, other.policyHandle, NO_HANDLE]) {
    assert.throws(
      () => call(LSARPC.operations.LsarClose, { objectHandle: handle }),
      (error) =>
        error instanceof FaultError && error.status === FAULT_STATUS.nca_s_fault_context_mismatch,
    );
  }
  assert.equal(
    other.call(LSARPC.operations.LsarClose, { objectHandle: other.policyHandle }).status,
    0,
  );
});

test('a pipe holds a bounded number of handles', () => {
  const call = connectTo('samr', SAMR);
  const connect = () =>
    call(SAMR.operations.SamrConnect2, { serverName: null, desiredAccess: MAXIMUM_ALLOWED }).status;
  for (let i = 0; i < CONTEXT_HANDLES_MAXIMUM; i++) assert.equal(connect(), STATUS_SUCCESS);
  assert.notEqual(connect(), STATUS_SUCCESS);
});

function openDomain(domainId: Sid = MACHINE) {
  const call = connectTo('samr', SAMR);
  const server = call(SAMR.operations.SamrConnect5, {
    serverName: '\\\\FILES',
    desiredAccess: MAXIMUM_ALLOWED,
    inVersion: 1,
    inRevisionInfo: { tag: 1, value: { revision: 3, supportedFeatures: 0 } },
  });
  assert.equal(server.status, STATUS_SUCCESS);
  const opened = call(SAMR.operations.SamrOpenDomain, {
    handle: server.handle,
    desiredAccess: MAXIMUM_ALLOWED,
    domainId,
  });
  return { call, server: server.handle, domain: opened.handle, status: opened.status };
}

test('samr: the domains are the machine and BUILTIN', () => {
  const { call, server } = openDomain();
  const range = { enumerationContext: 0, preferedMaximumLength: 0xffff_ffff };
  const { buffer } = call(SAMR.operations.SamrEnumerateDomainsInSamServer, {
    handle: server,
    ...range,
  });
  assert.deepEqual(
    buffer?.entries?.map(({ name }) => name),
    ['FILES', 'BUILTIN'],
  );
  const found = call(SAMR.operations.SamrLookupDomainInSamServer, {
    handle: server,
    name: 'files',
  });
  assert.equal(found.domainId, MACHINE);
  const nameless = { handle: server, name: null };
  const none = call(SAMR.operations.SamrLookupDomainInSamServer, nameless);
  assert.equal(none.status, STATUS_INVALID_PARAMETER);
  assert.equal(openDomain('S-1-5-21-9-9-9').status, STATUS_NO_SUCH_DOMAIN);
});

test('samr: users in parts as small as the client has room for', () => {
  const { call, domain } = openDomain();
  const names: (string | null)[] = [];
  let from = 0;
  for (let round = 0; round < 10; round++) {
    const part = call(SAMR.operations.SamrEnumerateUsersInDomain, {
      handle: domain,
      enumerationContext: from,
      userAccountControl: 0,
      preferedMaximumLength: 1,
    });
    names.push(...(part.buffer?.entries ?? []).map(({ name }) => name));
    from = part.enumerationContext;
    assert.equal(part.countReturned, 1);
    if (part.status === STATUS_SUCCESS) break;
    assert.equal(part.status, 0x105);
  }
  assert.deepEqual(names, ['nobody', 'anna', 'bob']);
});

test('samr: a user, its information and its groups', () => {
  const { call, domain } = openDomain();
  const open = (rid: number) =>
    call(SAMR.operations.SamrOpenUser, { handle: domain, desiredAccess: MAXIMUM_ALLOWED, rid });
  const { handle } = open(3000);
  const ask = (informationClass: number) =>
    call(SAMR.operations.SamrQueryInformationUser, { handle, informationClass });
  const all = ask(21).information;
  assert.ok(all?.tag === 21);
  assert.deepEqual(
    [all.value.userName, all.value.userId, all.value.ntPasswordPresent],
    ['anna', 3000, 0],
  );
  assert.equal(all.value.ntOwfPassword.buffer, null);
  for (let tag = 1; tag <= 17; tag++) {
    if (tag === 15) continue;
    assert.equal(ask(tag).information?.tag, tag);
  }
  assert.equal(ask(15).status, STATUS_INVALID_INFO_CLASS);
  assert.equal(open(4711).status, STATUS_NO_SUCH_USER);
  const groups = call(SAMR.operations.SamrGetGroupsForUser, { handle }).groups?.entries;
  assert.deepEqual(groups, [{ relativeId: 513, attributes: 7 }]);
  const wrong = call(SAMR.operations.SamrQueryInformationDomain, { handle, informationClass: 1 });
  assert.equal(wrong.status, STATUS_OBJECT_TYPE_MISMATCH);
});

test('samr: display lists and lookups agree with the enumeration', () => {
  const { call, domain } = openDomain();
  const shown = call(SAMR.operations.SamrQueryDisplayInformation, {
    handle: domain,
    displayClass: 1,
    index: 1,
    entryCount: 1,
    preferredMaximumLength: 1000,
  });
  assert.ok(shown.buffer.tag === 1);
  assert.deepEqual(
    shown.buffer.value.entries?.map(({ index, rid, accountName }) => [index, rid, accountName]),
    [[2, 3000, 'anna']],
  );
  const rids = call(SAMR.operations.SamrLookupIdsInDomain, {
    handle: domain,
    count: 3,
    relativeIds: [3002, 513, 77],
  });
  assert.deepEqual(rids.names.entries, ['bob', 'None', null]);
  assert.equal(rids.status, STATUS_SOME_NOT_MAPPED);
  const names = call(SAMR.operations.SamrLookupNamesInDomain, {
    handle: domain,
    count: 2,
    names: ['BOB', 'carl'],
  });
  assert.deepEqual(names.relativeIds.entries, [3002, 0]);
});

test('samr: aliases of the built-in domain and who is in them', () => {
  const { call, domain } = openDomain('S-1-5-32');
  const { membership } = call(SAMR.operations.SamrGetAliasMembership, {
    handle: domain,
    sidArray: { entries: [ANNA, `${MACHINE}-513`, null] },
  });
  assert.deepEqual(membership.entries, [545]);
  const { handle } = call(SAMR.operations.SamrOpenAlias, {
    handle: domain,
    desiredAccess: MAXIMUM_ALLOWED,
    rid: 546,
  });
  const { members } = call(SAMR.operations.SamrGetMembersInAlias, { handle });
  assert.deepEqual(members.entries, [`${MACHINE}-501`]);
});

test('dssetup: a server of its own, in a workgroup', () => {
  const call = connectTo('lsarpc', DSSETUP);
  const ask = (infoLevel: number) =>
    call(DSSETUP.operations.DsRolerGetPrimaryDomainInformation, { infoLevel });
  const { domainInfo } = ask(1);
  assert.ok(domainInfo?.tag === 1);
  assert.deepEqual([domainInfo.value.machineRole, domainInfo.value.domainNameFlat], [2, 'HOME']);
  for (const tag of [2, 3]) assert.equal(ask(tag).domainInfo?.tag, tag);
  assert.deepEqual(ask(9), { domainInfo: null, status: 87 });
});

test('what a Security tab of Windows 11 asks: OpenPolicy3 first, and lookups without a handle', () => {
  const call = connectTo('lsarpc', LSARPC);
  const { operations: op } = LSARPC;
  const input = { systemName: 'FILES', objectAttributes: NO_ATTRIBUTES, desiredAccess: 0x800 };
  const inRevisionInfo = { tag: 1, value: { revision: 1, supportedFeatures: 0 } } as const;
  const opened = call(op.LsarOpenPolicy3, { ...input, inVersion: 1, inRevisionInfo });
  assert.deepEqual([opened.status, opened.outVersion], [0, 1]);
  const lookup = { lookupLevel: 1, mappedCount: 0, lookupOptions: 0, clientRevision: 2 };
  const sids = {
    sidEnumBuffer: { entries: ['S-1-1-0'] as const },
    translatedNames: { entries: null },
  };
  const { policyHandle } = opened;
  for (const told of [
    call(op.LsarLookupSids2, { policyHandle, ...sids, ...lookup }),
    call(op.LsarLookupSids3, { ...sids, ...lookup }),
  ]) {
    assert.deepEqual(
      told.translatedNames.entries?.map(({ name }) => name),
      ['Everyone'],
    );
  }
  const names = { count: 1, names: ['Everyone'], translatedSids: { entries: null } };
  const found = call(op.LsarLookupNames4, { ...names, ...lookup });
  assert.equal(found.translatedSids.entries?.[0]?.sid, 'S-1-1-0');
  const other = { ...input, inVersion: 2, inRevisionInfo: { tag: 'other', value: 2 } } as const;
  assert.equal(call(op.LsarOpenPolicy3, other).status, 0xc00000bb);
});
