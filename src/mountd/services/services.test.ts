import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_SUCCESS } from '../../dtyp/ntstatus.ts';
import { ClientAssociation } from '../../rpc/client-association.ts';
import { LSARPC } from '../../rpc/lsarpc.ts';
import type { OutputOf } from '../../rpc/operation.ts';
import { decodePdu } from '../../rpc/pdu.ts';
import { MAX_PREFERRED_LENGTH, SRVSVC } from '../../rpc/srvsvc.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { WKSSVC } from '../../rpc/wkssvc.ts';
import { connectTo as connect, context, disk, IPC, message } from './connect.support.test.ts';
import { openService } from './services.ts';
import { timeOfDay } from './srvsvc-service.ts';

const { NetrShareEnum, NetrShareEnumSticky, NetrShareGetInfo, NetrServerGetInfo, NetrRemoteTOD } =
  SRVSVC.operations;
const { NetrWkstaGetInfo } = WKSSVC.operations;

const list = <T extends number>(tag: T, more = {}) => ({
  serverName: '\\\\files',
  infoStruct: { tag, value: { entries: null } } as const,
  preferedMaximumLength: MAX_PREFERRED_LENGTH,
  resumeHandle: 0 as number | null,
  ...more,
});

function namesOf(output: OutputOf<typeof NetrShareEnum>): (string | null)[] {
  const { infoStruct } = output;
  if (infoStruct.tag === 'other') return [];
  return (infoStruct.value?.entries ?? []).flatMap((one) => ('netname' in one ? one.netname : []));
}

const callers = { context: () => context() };

test('which pipes there are', () => {
  for (const name of ['srvsvc', 'wkssvc', 'lsarpc', 'samr', 'winreg', 'svcctl', 'netdfs'])
    assert.ok(openService(name, callers));
  for (const name of ['SRVSVC', '\\srvsvc', 'mdssvc', 'fssagentrpc', 'spoolss', '__proto__', '']) {
    assert.equal(openService(name, callers), undefined, name);
  }
});

test('a pipe says its name where it is bound', () => {
  const pipe = openService('wkssvc', callers)!;
  pipe.write(new ClientAssociation(WKSSVC).bind());
  const ack = decodePdu(message(pipe, 4280));
  assert.equal(ack.kind === 'bind-ack' && ack.secondaryAddress, '\\PIPE\\wkssvc');
});

test('a pipe serves its own interface only', () => {
  const pipe = openService('wkssvc', callers)!;
  const client = new ClientAssociation(SRVSVC);
  pipe.write(client.bind());
  assert.equal(client.bound(message(pipe, 4280)), false);
});

test('NetrShareEnum 1: what may be browsed, with IPC$, in order', () => {
  const output = connect('srvsvc', SRVSVC)(NetrShareEnum, list(1));
  assert.deepEqual(output, {
    infoStruct: {
      tag: 1,
      value: {
        entries: [
          { netname: 'Data', type: 0, remark: 'Everyone’s files' },
          { netname: 'hidden$', type: 0, remark: 'About hidden$' },
          { netname: 'IPC$', type: 0x8000_0003, remark: 'IPC Service' },
        ],
      },
    },
    totalEntries: 3,
    resumeHandle: 0,
    status: WIN32_ERROR.NERR_Success,
  });
});

test('NetrShareEnum: each level, for administrators where it tells more than names', () => {
  for (const [level, everybody] of [
    [0, true],
    [1, true],
    [2, false],
    [501, true],
    [502, false],
    [503, false],
  ] as const) {
    const admin = connect('srvsvc', SRVSVC, context({ administrator: true }));
    const full = admin(NetrShareEnum, list(level));
    assert.equal(full.status, 0);
    assert.deepEqual(namesOf(full), ['Data', 'hidden$', 'IPC$']);
    const plain = connect('srvsvc', SRVSVC)(NetrShareEnum, list(level));
    assert.equal(plain.status, everybody ? 0 : WIN32_ERROR.ERROR_ACCESS_DENIED);
    assert.deepEqual(namesOf(plain), everybody ? namesOf(full) : []);
  }
});

test('NetrShareEnum: other levels', () => {
  for (const tag of [3, 77, 2003, 0xffff_ffff]) {
    const output = connect('srvsvc', SRVSVC)(NetrShareEnum, {
      ...list(1),
      infoStruct: { tag: 'other', value: tag },
    });
    assert.equal(output.status, WIN32_ERROR.ERROR_INVALID_LEVEL);
    assert.deepEqual(output.infoStruct, { tag: 'other', value: tag });
  }
});

test('C32: 1,000 shares cross fragments, however little is read at once', () => {
  const shares = Array.from({ length: 1000 }, (_, i) => disk(`share-${i}`));
  for (const readBytes of [256, 1024, 65536]) {
    const output = connect(
      'srvsvc',
      SRVSVC,
      context({}, shares),
      readBytes,
    )(NetrShareEnum, list(1));
    assert.equal(output.totalEntries, 1000);
    assert.deepEqual(
      namesOf(output),
      shares.map(({ name }) => name),
    );
  }
});

test('NetrShareEnum: a small buffer gets what fits, and the rest with the resume handle', () => {
  const shares = Array.from({ length: 120 }, (_, i) => disk(`share-${i}`));
  const call = connect('srvsvc', SRVSVC, context({}, shares));
  const seen: (string | null)[] = [];
  let resumeHandle: number | null = 0;
  let calls = 0;
  for (let status: number = WIN32_ERROR.ERROR_MORE_DATA; status !== 0; calls++) {
    const output: OutputOf<typeof NetrShareEnum> = call(
      NetrShareEnum,
      list(1, { preferedMaximumLength: 1000, resumeHandle }),
    );
    assert.equal(output.totalEntries, 120 - seen.length);
    const names = namesOf(output);
    assert.ok(names.length > 0 && names.length < 20);
    seen.push(...names);
    ({ status, resumeHandle } = output);
    assert.equal(resumeHandle, status === 0 ? 0 : seen.length);
  }
  assert.deepEqual(
    seen,
    shares.map(({ name }) => name),
  );
  assert.ok(calls > 6);
  const unresumed = call(
    NetrShareEnum,
    list(1, { preferedMaximumLength: 1000, resumeHandle: null }),
  );
  assert.equal(unresumed.status, WIN32_ERROR.ERROR_MORE_DATA);
  assert.equal(unresumed.resumeHandle, null);
  const nothing = call(NetrShareEnum, list(1, { preferedMaximumLength: 10 }));
  assert.equal(nothing.status, WIN32_ERROR.NERR_BufTooSmall);
  assert.deepEqual(namesOf(nothing), []);
  for (const past of [120, 121, 0xffff_ffff]) {
    const output = call(NetrShareEnum, list(1, { resumeHandle: past }));
    assert.deepEqual([output.status, namesOf(output)], [0, []]);
  }
});

test('NetrShareEnumSticky: without IPC$, without level 501', () => {
  const call = connect('srvsvc', SRVSVC);
  assert.deepEqual(namesOf(call(NetrShareEnumSticky, list(1))), ['Data', 'hidden$']);
  const output = call(NetrShareEnumSticky, list(501));
  assert.equal(output.status, WIN32_ERROR.ERROR_INVALID_LEVEL);
});

test('NetrShareEnum asks for what the account may know of', () => {
  const asked: string[] = [];
  const catalogue = {
    shares: ({ name }: { readonly name: string }) => {
      asked.push(name);
      return [IPC];
    },
  };
  const output = connect('srvsvc', SRVSVC, context({ catalogue }))(NetrShareEnum, list(0));
  assert.deepEqual([namesOf(output), asked], [['IPC$'], ['anna']]);
});

test('A11: NetrShareGetInfo answers every level', () => {
  const call = connect('srvsvc', SRVSVC, context({ administrator: true }));
  const info = (netName: string, level: number) => {
    const { infoStruct, status } = call(NetrShareGetInfo, { serverName: null, netName, level });
    assert.equal(status, 0);
    assert.equal(infoStruct.tag, level);
    return infoStruct.value;
  };
  const info1 = { netname: 'Data', type: 0, remark: 'Everyone’s files' };
  const info2 = {
    ...info1,
    permissions: 0,
    maxUses: 10,
    currentUses: 2,
    path: 'C:\\srv\\Data',
    passwd: '',
  };
  assert.deepEqual(info('data', 0), { netname: 'Data' });
  assert.deepEqual(info('DATA', 1), info1);
  assert.deepEqual(info('Data', 2), info2);
  assert.deepEqual(info('Data', 501), { ...info1, flags: 0x30 });
  assert.deepEqual(info('Data', 502), { ...info2, securityDescriptor: null });
  assert.deepEqual(info('Data', 503), { ...info2, servername: '*', securityDescriptor: null });
  assert.deepEqual(info('Data', 1005), { flags: 0x30 });
  assert.deepEqual(info('ipc$', 2), {
    netname: 'IPC$',
    type: 0x8000_0003,
    remark: 'IPC Service',
    permissions: 0,
    maxUses: 0xffff_ffff,
    currentUses: 0,
    path: '',
    passwd: '',
  });
});

test('A11: NetrShareGetInfo for a user', () => {
  const call = connect('srvsvc', SRVSVC);
  const status = (netName: string, level: number) =>
    call(NetrShareGetInfo, { serverName: '\\\\files', netName, level }).status;
  for (const level of [0, 1, 501, 1005]) {
    assert.equal(status('data', level), 0);
    // Not listed, but who knows the name may connect to it and ask.
    assert.equal(status('secret', level), 0);
    assert.equal(status('nothing', level), 2310);
    assert.equal(status('', level), WIN32_ERROR.ERROR_INVALID_PARAMETER);
  }
  for (const level of [2, 502, 503]) {
    assert.equal(status('data', level), WIN32_ERROR.ERROR_ACCESS_DENIED);
    assert.equal(status('nothing', level), WIN32_ERROR.ERROR_ACCESS_DENIED);
  }
  assert.equal(status('data', 1004), 0);
  assert.equal(status('data', 1501), WIN32_ERROR.ERROR_ACCESS_DENIED);
  for (const level of [3, 2004, 0xffff_ffff]) {
    assert.equal(status('data', level), WIN32_ERROR.ERROR_INVALID_LEVEL);
  }
});

test('NetrServerGetInfo', () => {
  const user = connect('srvsvc', SRVSVC);
  const admin = connect('srvsvc', SRVSVC, context({ administrator: true }));
  const info101 = {
    platformId: 500,
    name: 'FILES',
    versionMajor: 6,
    versionMinor: 1,
    type: 0x9803,
    comment: 'A server',
  };
  assert.deepEqual(user(NetrServerGetInfo, { serverName: null, level: 101 }), {
    infoStruct: { tag: 101, value: info101 },
    status: 0,
  });
  assert.deepEqual(user(NetrServerGetInfo, { serverName: '\\\\10.0.0.1', level: 100 }), {
    infoStruct: { tag: 100, value: { platformId: 500, name: '10.0.0.1' } },
    status: 0,
  });
  const refused = user(NetrServerGetInfo, { serverName: null, level: 102 });
  assert.deepEqual(refused, { infoStruct: { tag: 102, value: null }, status: 5 });
  assert.deepEqual(admin(NetrServerGetInfo, { serverName: null, level: 102 }).infoStruct.value, {
    ...info101,
    users: 0xffff_ffff,
    disc: -1,
    hidden: 0,
    announce: 0,
    anndelta: 0,
    licenses: 0,
    userpath: '',
  });
  assert.equal(user(NetrServerGetInfo, { serverName: null, level: 503 }).status, 124);
  const tooLong = { serverName: 'x'.repeat(1024), level: 100 };
  assert.equal(user(NetrServerGetInfo, tooLong).status, WIN32_ERROR.ERROR_INVALID_PARAMETER);
});

test('NetrRemoteTOD', () => {
  const { bufferPtr, status } = connect('srvsvc', SRVSVC)(NetrRemoteTOD, { serverName: null });
  assert.equal(status, 0);
  assert.ok(Math.abs((bufferPtr?.elapsedt ?? 0) - Date.now() / 1000) < 5);
  const { timezone, ...then } = timeOfDay(new Date('2026-11-20T12:50:44.678Z'));
  assert.equal(timezone, new Date('2026-11-20T12:50:44Z').getTimezoneOffset());
  assert.deepEqual(then, {
    elapsedt: 1795179044,
    msecs: 1795179044678 % 2 ** 32,
    hours: 12,
    mins: 50,
    secs: 44,
    hunds: 67,
    tinterval: 310,
    day: 20,
    month: 11,
    year: 2026,
    weekday: 5,
  });
});

test('NetrWkstaGetInfo', () => {
  const user = connect('wkssvc', WKSSVC);
  const admin = connect('wkssvc', WKSSVC, context({ administrator: true }));
  const info100 = {
    platformId: 500,
    computername: 'FILES',
    langroup: 'HOME',
    verMajor: 6,
    verMinor: 1,
  };
  const ask = (call: typeof user, level: number) =>
    call(NetrWkstaGetInfo, { serverName: null, level });
  assert.deepEqual(ask(user, 100), { wkstaInfo: { tag: 100, value: info100 }, status: 0 });
  assert.deepEqual(ask(user, 101).wkstaInfo.value, { ...info100, lanroot: null });
  assert.deepEqual(ask(user, 102), { wkstaInfo: { tag: 102, value: null }, status: 5 });
  assert.deepEqual(ask(admin, 102).wkstaInfo.value, {
    ...info100,
    lanroot: null,
    loggedOnUsers: 0,
  });
  assert.deepEqual(ask(user, 502), { wkstaInfo: { tag: 'other', value: 502 }, status: 124 });
});

test('lsarpc: LsarGetUserName tells who the client is', () => {
  const { LsarGetUserName } = LSARPC.operations;
  const ask = { systemName: 'FILES', userName: null, domainName: null };
  const anna = connect('lsarpc', LSARPC)(LsarGetUserName, ask);
  assert.equal(anna.status, STATUS_SUCCESS);
  assert.equal(anna.userName, 'anna');
  // Only who asks for the domain is told it.
  assert.equal(anna.domainName, null);
  const asking = { ...ask, domainName: { string: null } };
  const told = connect('lsarpc', LSARPC)(LsarGetUserName, asking);
  assert.equal(told.domainName?.string, 'FILES');
  const nobody = context({ account: { name: '', kind: 'anonymous', identity: undefined } });
  const anonymous = connect('lsarpc', LSARPC, nobody)(LsarGetUserName, asking);
  assert.equal(anonymous.userName, 'ANONYMOUS LOGON');
  assert.equal(anonymous.domainName?.string, 'NT AUTHORITY');
});
