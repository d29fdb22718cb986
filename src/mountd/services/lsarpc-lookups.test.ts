/** MS-LSAT 3.1.4.5-3.1.4.11: names and SIDs beyond this machine's own, and lists of which some are nobody's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../../base/log.ts';
import { STATUS_NONE_MAPPED, STATUS_SOME_NOT_MAPPED, STATUS_SUCCESS } from '../../dtyp/ntstatus.ts';
import type { Sid } from '../../dtyp/sid.ts';
import { LSARPC } from '../../rpc/lsarpc.ts';
import { SidNameUse } from '../../rpc/security-types.ts';
import { DomainNames } from '../domain-names.ts';
import { Principals } from '../principals.ts';
import { systemAccounts } from '../system-accounts.ts';
import { connectTo, context } from './connect.support.test.ts';
import { MACHINE } from './principals.support.test.ts';

const { operations: op } = LSARPC;
const { SidTypeUser, SidTypeDomain, SidTypeUnknown, SidTypeWellKnownGroup } = SidNameUse;
const DOM: Sid = 'S-1-5-21-7-8-9';

const domains = new DomainNames(undefined, SILENT_LOGGER);
domains.learn({ sid: DOM, name: 'EXAMPLE' }, { sid: `${DOM}-1104`, name: 'zoe' });

const principals = new Principals({
  machineName: 'FILES',
  machineSid: MACHINE,
  guestName: 'nobody',
  domains,
  accounts: () => [{ name: 'anna', uid: 1000, gid: 100 }],
  groups: () => [],
  systemNames: () => systemAccounts(['anna:x:1000:100::/:'], ['users:x:100:']),
});

function connected(account = context().account) {
  const call = connectTo('lsarpc', LSARPC, context({ principals, account }));
  const objectAttributes = {
    ...{ length: 24, rootDirectory: null, objectName: 0, attributes: 0 },
    ...{ securityDescriptor: 0, securityQualityOfService: null },
  };
  const opened = { systemName: null, objectAttributes, desiredAccess: 0x801 };
  const { policyHandle } = call(op.LsarOpenPolicy2, opened);
  const lookup = { lookupLevel: 1, mappedCount: 0, lookupOptions: 0, clientRevision: 2 };
  const sids = (...entries: Sid[]) => {
    const input = { policyHandle, sidEnumBuffer: { entries }, translatedNames: { entries: null } };
    const { translatedNames, referencedDomains, mappedCount, status } = call(op.LsarLookupSids2, {
      ...input,
      ...lookup,
    });
    const list = referencedDomains?.domains ?? [];
    const names = (translatedNames.entries ?? []).map(({ use, name, domainIndex }) => [
      ...[use, name, list[domainIndex]?.name, list[domainIndex]?.sid],
    ]);
    return { names, mappedCount, status };
  };
  const names = (...asked: string[]) => {
    const input = { policyHandle, count: asked.length, names: asked };
    const { translatedSids, mappedCount, status } = call(op.LsarLookupNames3, {
      ...{ ...input, translatedSids: { entries: null } },
      ...lookup,
    });
    const found = (translatedSids.entries ?? []).map(({ use, sid }) => [use, sid]);
    return { found, mappedCount, status };
  };
  return { call, sids, names };
}

test('a user of another domain who has been here has a name; of the others the domain has one', () => {
  const { sids, names } = connected();
  assert.deepEqual(sids(`${DOM}-1104`, DOM, `${DOM}-1199`, 'S-1-5-21-4-4-4-1104'), {
    names: [
      [SidTypeUser, 'zoe', 'EXAMPLE', DOM],
      [SidTypeDomain, 'EXAMPLE', 'EXAMPLE', DOM],
      [SidTypeUnknown, `${DOM}-1199`, 'EXAMPLE', DOM],
      [SidTypeUnknown, 'S-1-5-21-4-4-4-1104', undefined, undefined],
    ],
    mappedCount: 2,
    status: STATUS_SOME_NOT_MAPPED,
  });
  assert.deepEqual(names('example\\ZOE', 'zoe@EXAMPLE', 'EXAMPLE', 'EXAMPLE\\', 'zoe'), {
    found: [
      [SidTypeUser, `${DOM}-1104`],
      [SidTypeUser, `${DOM}-1104`],
      [SidTypeDomain, DOM],
      [SidTypeDomain, DOM],
      // A bare name is this machine's.
      [SidTypeUnknown, null],
    ],
    mappedCount: 4,
    status: STATUS_SOME_NOT_MAPPED,
  });
  assert.equal(names('EXAMPLE\\nobody', 'OTHER\\zoe').status, STATUS_NONE_MAPPED);
});

test('numbers of Unix and of NFS have the names of the system’s users, or are their own', () => {
  const { sids, names } = connected();
  assert.deepEqual(
    sids('S-1-22-1-1000', 'S-1-22-2-100', 'S-1-5-88-1-1000', 'S-1-5-88-2-100', 'S-1-5-88-1-77'),
    {
      names: [
        [SidTypeUser, 'anna', 'Unix User', 'S-1-22-1'],
        [SidNameUse.SidTypeGroup, 'users', 'Unix Group', 'S-1-22-2'],
        [SidTypeUser, 'anna', 'NFS User', 'S-1-5-88-1'],
        [SidNameUse.SidTypeGroup, 'users', 'NFS Group', 'S-1-5-88-2'],
        [SidTypeUser, '77', 'NFS User', 'S-1-5-88-1'],
      ],
      mappedCount: 5,
      status: STATUS_SUCCESS,
    },
  );
  assert.deepEqual(names('NFS User\\anna', 'NFS Group\\users', 'Unix User\\anna', 'anna').found, [
    [SidTypeUser, 'S-1-5-88-1-1000'],
    [SidNameUse.SidTypeGroup, 'S-1-5-88-2-100'],
    [SidTypeUser, 'S-1-22-1-1000'],
    [SidTypeUser, `${MACHINE}-3000`],
  ]);
  // A mode is nobody.
  assert.equal(sids('S-1-5-88-3-420').status, STATUS_NONE_MAPPED);
});

test('how somebody proved who he is has a name, both ways', () => {
  const { sids, names } = connected();
  const proofs: readonly (readonly [Sid, string])[] = [
    ['S-1-5-64-10', 'NTLM Authentication'],
    ['S-1-18-1', 'Authentication authority asserted identity'],
    ['S-1-5-113', 'Local account'],
  ];
  for (const [sid, name] of proofs) {
    assert.deepEqual(sids(sid).names[0]!.slice(0, 2), [SidTypeWellKnownGroup, name]);
    assert.deepEqual(names(name).found, [[SidTypeWellKnownGroup, sid]]);
  }
});

test('who is known to another domain alone is told by its name (3.1.4.4)', () => {
  const zoe = { name: 'EXAMPLE\\zoe', kind: 'user', identity: undefined } as const;
  const { call } = connected(zoe);
  const told = call(op.LsarGetUserName, {
    ...{ systemName: null, userName: null, domainName: { string: null } },
  });
  assert.deepEqual([told.userName, told.domainName?.string], ['zoe', 'EXAMPLE']);
});
