/**
 * The RPC calls of clients, in the order in which they make them: Explorer's list of shares and its Security tab,
 * Computer Management, the Finder.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_SOME_NOT_MAPPED, STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { LSARPC } from '../../src/rpc/lsarpc.ts';
import { SAMR } from '../../src/rpc/samr.ts';
import { SRVSVC } from '../../src/rpc/srvsvc.ts';
import { SVCCTL } from '../../src/rpc/svcctl.ts';
import { WIN32_ERROR } from '../../src/rpc/win32-error.ts';
import { WKSSVC } from '../../src/rpc/wkssvc.ts';
import { credentials, SHARE } from '../support/in-process-server.ts';
import { type Persona, win11 } from './personas.ts';
import { RpcPipe } from './rpc-pipe.ts';
import { openStage } from './stage.ts';

const { ERROR_ACCESS_DENIED, NERR_NetNameNotFound, NERR_Success } = WIN32_ERROR;
const MAXIMUM_ALLOWED = 0x0200_0000;
const MAX_PREFERRED_LENGTH = 0xffff_ffff;
const stage = await openStage();

async function login(persona: Persona = win11) {
  const connection = await stage.server.connect(persona.connect);
  return connection.login({ ...credentials, ...persona.login });
}

const list = (tag: 1 | 2 | 502) => ({
  serverName: '\\\\server',
  infoStruct: { tag, value: { entries: null } } as const,
  preferedMaximumLength: MAX_PREFERRED_LENGTH,
  resumeHandle: 0,
});

const ATTRIBUTES = {
  ...{ length: 24, rootDirectory: null, objectName: 0, attributes: 0, securityDescriptor: 0 },
  securityQualityOfService: {
    ...{ length: 12, impersonationLevel: 2, contextTrackingMode: Buffer.from([1]) },
    effectiveOnly: Buffer.from([0]),
  },
};
const REVISION = { tag: 1, value: { revision: 1, supportedFeatures: 0 } } as const;
const lookup = { lookupLevel: 1, mappedCount: 0, lookupOptions: 0, clientRevision: 2 };

for (const transceives of [true, false]) {
  const way = transceives ? 'FSCTL_PIPE_TRANSCEIVE' : 'WRITE and READ';
  test(`Explorer lists the shares of a server by ${way}`, async () => {
    const session = await login();
    const { operations: op } = SRVSVC;
    const srvsvc = await RpcPipe.open(session, 'srvsvc', SRVSVC, transceives);
    const shares = await srvsvc.call(op.NetrShareEnum, list(1));
    assert.ok(shares.infoStruct.tag === 1);
    const names = shares.infoStruct.value?.entries?.map(({ netname }) => netname);
    assert.deepEqual(names, [SHARE, 'IPC$']);
    const info = async (netName: string, level: number) =>
      (await srvsvc.call(op.NetrShareGetInfo, { serverName: '\\\\server', netName, level })).status;
    for (const level of [0, 1, 501, 1005]) {
      assert.equal(await info(SHARE, level), NERR_Success);
      assert.equal(await info('nothing', level), NERR_NetNameNotFound);
    }
    for (const level of [2, 502, 503]) assert.equal(await info(SHARE, level), ERROR_ACCESS_DENIED);
    for (const level of [100, 101]) {
      const asked = { serverName: '\\\\server', level };
      assert.equal((await srvsvc.call(op.NetrServerGetInfo, asked)).status, NERR_Success);
    }
    await srvsvc.close();
    const wkssvc = await RpcPipe.open(session, 'wkssvc', WKSSVC, transceives);
    const asked = { serverName: '\\\\server', level: 100 };
    const workstation = await wkssvc.call(WKSSVC.operations.NetrWkstaGetInfo, asked);
    assert.equal(workstation.status, NERR_Success);
    await wkssvc.close();
  });

  test(`B02: Explorer's Security tab has names for SIDs by ${way}`, async () => {
    const { operations: op } = LSARPC;
    const lsarpc = await RpcPipe.open(await login(), 'lsarpc', LSARPC, transceives);
    const asked = { systemName: '\\\\server', objectAttributes: ATTRIBUTES };
    const policy = { ...asked, desiredAccess: MAXIMUM_ALLOWED };
    const third = await lsarpc.call(op.LsarOpenPolicy3, {
      ...policy,
      inVersion: 1,
      inRevisionInfo: REVISION,
    });
    assert.equal(third.status, STATUS_SUCCESS);
    const { policyHandle } = await lsarpc.call(op.LsarOpenPolicy2, policy);
    for (const informationClass of [3, 5, 12]) {
      const domain = { policyHandle, informationClass };
      const told = await lsarpc.call(op.LsarQueryInformationPolicy2, domain);
      assert.equal(told.status, STATUS_SUCCESS);
    }
    const sidEnumBuffer = { entries: ['S-1-1-0', 'S-1-5-32-544', 'S-1-5-21-1-2-3-4'] as const };
    const sids = { sidEnumBuffer, translatedNames: { entries: null }, ...lookup };
    const two = await lsarpc.call(op.LsarLookupSids2, { policyHandle, ...sids });
    const three = await lsarpc.call(op.LsarLookupSids3, sids);
    for (const { status, translatedNames, mappedCount } of [two, three]) {
      assert.deepEqual([status, mappedCount], [STATUS_SOME_NOT_MAPPED, 2]);
      const names = translatedNames.entries?.map(({ name, use }) => `${name} ${use}`);
      assert.deepEqual(names, ['Everyone 5', 'Administrators 4', 'S-1-5-21-1-2-3-4 8']);
    }
    const { status } = await lsarpc.call(op.LsarClose, { objectHandle: policyHandle });
    assert.equal(status, STATUS_SUCCESS);
    await lsarpc.close();
  });
}

test('Explorer asks the accounts of a server for its Security tab', async () => {
  const { operations: op } = SAMR;
  const samr = await RpcPipe.open(await login(), 'samr', SAMR);
  const connected = await samr.call(op.SamrConnect5, {
    ...{ serverName: '\\\\server', desiredAccess: MAXIMUM_ALLOWED, inVersion: 1 },
    inRevisionInfo: { tag: 1, value: { revision: 3, supportedFeatures: 0 } },
  });
  assert.equal(connected.status, STATUS_SUCCESS);
  const { handle } = connected;
  const range = { handle, enumerationContext: 0, preferedMaximumLength: 4096 };
  const domains = await samr.call(op.SamrEnumerateDomainsInSamServer, range);
  const [own] = domains.buffer?.entries ?? [];
  const name = own?.name ?? null;
  const { domainId } = await samr.call(op.SamrLookupDomainInSamServer, { handle, name });
  const opened = await samr.call(op.SamrOpenDomain, {
    ...{ handle, desiredAccess: MAXIMUM_ALLOWED, domainId: domainId! },
  });
  const users = { ...range, handle: opened.handle, userAccountControl: 0x10 };
  const { buffer } = await samr.call(op.SamrEnumerateUsersInDomain, users);
  const names = buffer!.entries!.map((one) => one.name);
  assert.ok(names.includes(credentials.user ?? null), names.join());
  await samr.close();
});

test('Computer Management is told at once that it is for administrators', async () => {
  const session = await login();
  const { operations: op } = SRVSVC;
  const srvsvc = await RpcPipe.open(session, 'srvsvc', SRVSVC);
  const rest = { preferedMaximumLength: MAX_PREFERRED_LENGTH, resumeHandle: 0 };
  const serverName = '\\\\server';
  const shares = await srvsvc.call(op.NetrShareEnum, list(502));
  const sessions = await srvsvc.call(op.NetrSessionEnum, {
    ...{ serverName, clientName: null, userName: null, ...rest },
    infoStruct: { tag: 502, value: { entries: null } },
  });
  const files = await srvsvc.call(op.NetrFileEnum, {
    ...{ serverName, basePath: null, userName: null, ...rest },
    infoStruct: { tag: 3, value: { entries: null } },
  });
  for (const { status } of [shares, sessions, files]) assert.equal(status, ERROR_ACCESS_DENIED);
  await srvsvc.close();
  const svcctl = await RpcPipe.open(session, 'svcctl', SVCCTL);
  const manager = await svcctl.call(SVCCTL.operations.ROpenSCManagerW, {
    ...{ machineName: serverName, databaseName: null, desiredAccess: 4 },
  });
  const services = await svcctl.call(SVCCTL.operations.REnumServicesStatusW, {
    ...{ handle: manager.handle, serviceType: 0x30, serviceState: 3, bufferBytes: 0 },
    resumeIndex: 0,
  });
  assert.equal(services.status, WIN32_ERROR.ERROR_MORE_DATA);
  await svcctl.close();
});

test('the Finder lists shares, and asks who its user is before it believes in access lists', async () => {
  const session = await login();
  const srvsvc = await RpcPipe.open(session, 'srvsvc', SRVSVC);
  const shares = await srvsvc.call(SRVSVC.operations.NetrShareEnum, {
    ...list(1),
    resumeHandle: null,
  });
  assert.equal(shares.totalEntries, 2);
  await srvsvc.close();
  const { operations: op } = LSARPC;
  const lsarpc = await RpcPipe.open(session, 'lsarpc', LSARPC);
  const { policyHandle } = await lsarpc.call(op.LsarOpenPolicy2, {
    ...{ systemName: '\\\\server', objectAttributes: ATTRIBUTES, desiredAccess: MAXIMUM_ALLOWED },
  });
  const who = await lsarpc.call(op.LsarGetUserName, {
    ...{ systemName: '\\\\server', userName: null, domainName: { string: null } },
  });
  assert.equal(who.userName, credentials.user);
  const name = `${who.domainName?.string}\\${who.userName}`;
  const found = await lsarpc.call(op.LsarLookupNames, {
    ...{ policyHandle, count: 1, names: [name], translatedSids: { entries: null } },
    ...{ lookupLevel: 1, mappedCount: 0 },
  });
  assert.deepEqual([found.status, found.mappedCount], [STATUS_SUCCESS, 1]);
  assert.equal(found.referencedDomains?.domains?.[0]?.name, who.domainName?.string);
  await lsarpc.close();
});
