/** What administration tools ask beside shares and accounts: services, registry, namespaces, interfaces. */
import assert from 'node:assert/strict';
import { mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MGMT } from '../../rpc/mgmt.ts';
import { NETDFS } from '../../rpc/netdfs.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import { SVCCTL } from '../../rpc/svcctl.ts';
import { WINREG } from '../../rpc/winreg.ts';
import { connectTo, context, disk, IPC } from './connect.support.test.ts';

const admin = { administrator: true };

test('mgmt: every pipe tells its interfaces, and does not stop', () => {
  const { operations: op } = MGMT;
  const call = connectTo('winreg', MGMT);
  const { vector } = call(op.rpc__mgmt_inq_if_ids, {});
  assert.deepEqual(vector?.ids, [WINREG.syntax, MGMT.syntax]);
  assert.equal(call(op.rpc__mgmt_is_server_listening, {}).listening, 1);
  assert.equal(call(op.rpc__mgmt_stop_server_listening, {}).status, 5);
});

const managerOf = (call: ReturnType<typeof connectTo>) =>
  call(SVCCTL.operations.ROpenSCManagerW, {
    ...{ machineName: null, databaseName: null, desiredAccess: 4 },
  }).handle;

test('svcctl: services are listed in a buffer as large as the client says', () => {
  const { operations: op } = SVCCTL;
  const call = connectTo('svcctl', SVCCTL);
  const handle = managerOf(call);
  const list = (bufferBytes: number, resumeIndex: number | null = 0) =>
    call(op.REnumServicesStatusW, {
      ...{ handle, serviceType: 0x30, serviceState: 3, bufferBytes, resumeIndex },
    });
  const none = list(0);
  assert.deepEqual([none.status, none.servicesReturned], [234, 0]);
  const all = list(none.bytesNeeded);
  assert.deepEqual([all.status, all.bytesNeeded], [0, 0]);
  const names = Array.from({ length: all.servicesReturned }, (_, i) => {
    const at = all.buffer.readUInt32LE(36 * i);
    // The last one is stopped.
    const stopped = i === all.servicesReturned - 1;
    assert.equal(all.buffer.readUInt32LE(36 * i + 12), stopped ? 1 : 4);
    return all.buffer.toString('utf16le', at).split('\0', 1)[0];
  });
  assert.deepEqual(names, [
    'LanmanServer',
    'LanmanWorkstation',
    'RemoteRegistry',
    'SamSs',
    'Spooler',
  ]);
  const part = list(100);
  assert.deepEqual([part.status, part.servicesReturned, part.resumeIndex], [234, 1, 1]);
  assert.equal(list(5000, 1).servicesReturned, names.length - 1);
  assert.equal(list(1 << 30).status, 87);
});

test('svcctl: a service has a status, a configuration and a description, and stays as it is', () => {
  const { operations: op } = SVCCTL;
  for (const [more, denied] of [
    [{}, 5],
    [admin, 1056],
  ] as const) {
    const call = connectTo('svcctl', SVCCTL, context(more));
    const open = (serviceName: string) =>
      call(op.ROpenServiceW, { handle: managerOf(call), serviceName, desiredAccess: 1 });
    assert.equal(open('W32Time').status, 1060);
    const spooler = { handle: open('Spooler').handle };
    assert.equal(call(op.RQueryServiceStatus, spooler).serviceStatus.currentState, 1);
    const start = call(op.RStartServiceW, { ...spooler, argc: 0 }).status;
    assert.equal(start, more.administrator ? 1058 : 5);
    const { handle } = open('lanmanserver');
    assert.equal(call(op.RQueryServiceStatus, { handle }).serviceStatus.currentState, 4);
    const short = call(op.RQueryServiceConfigW, { handle, bufferBytes: 0 });
    assert.equal(short.status, 122);
    const { bytesNeeded: bufferBytes } = short;
    const { config } = call(op.RQueryServiceConfigW, { handle, bufferBytes });
    assert.equal(config.displayName, 'Server');
    const told = call(op.RQueryServiceConfig2W, { handle, infoLevel: 1, bufferBytes: 500 });
    assert.match(told.buffer.toString('utf16le', 4), /^Shares files/);
    assert.equal(call(op.RStartServiceW, { handle, argc: 0 }).status, denied);
  }
});

function registryOf(more = {}) {
  const { operations: op } = WINREG;
  const call = connectTo('winreg', WINREG, context(more));
  const { handle: root } = call(op.OpenLocalMachine, { serverName: null, desiredAccess: 1 });
  const open = (subKey: string) =>
    call(op.BaseRegOpenKey, { handle: root, subKey, options: 0, desiredAccess: 1 });
  const value = (key: string, valueName: string, roomBytes = 1000) =>
    call(op.BaseRegQueryValue, {
      ...{ handle: open(key).handle, valueName, type: 0, data: Buffer.alloc(roomBytes) },
      ...{ dataBytes: roomBytes, dataLength: 0 },
    });
  const list = (key: string) => {
    const { handle } = open(key);
    const names: (string | null)[] = [];
    for (let index = 0; ; index++) {
      const input = { handle, index, name: 512, className: null, lastWriteTime: null };
      const { name, status } = call(op.BaseRegEnumKey, input);
      if (status === 259) return names;
      assert.equal(status, 0);
      names.push(name);
    }
  };
  return { call, open, value, list };
}

test('winreg: what clients read of a file server, in any case', () => {
  const { value, open, list } = registryOf();
  const type = value('system\\currentcontrolset\\Control\\ProductOptions', 'producttype');
  assert.equal(type.data?.toString('utf16le'), 'ServerNT\0');
  const version = 'SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion';
  assert.equal(value(version, 'CurrentVersion').data?.toString('utf16le'), '6.1\0');
  const tight = value(version, 'CurrentVersion', 3);
  assert.deepEqual([tight.status, tight.dataBytes, tight.data], [234, 8, null]);
  assert.equal(value(version, 'none').status, 2);
  const missing = open('SOFTWARE\\None');
  assert.deepEqual([missing.status, missing.handle], [2, NO_HANDLE]);
  assert.deepEqual(list(''), ['SOFTWARE', 'SYSTEM']);
});

test('winreg: shares and settings are for administrators, and nothing of them is written', () => {
  const settings = () => [{ name: 'Data', parameters: [['read only', 'no']] as const }];
  const shares = 'SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Shares';
  const user = registryOf({ settings });
  assert.equal(user.value(shares, 'Data').status, 2);
  assert.equal(user.open('SOFTWARE\\usmbd').status, 2);
  const root = registryOf({ ...admin, settings });
  const share = root.value(shares, 'data').data!.toString('utf16le').split('\0');
  assert.ok(share.includes('Path=/srv/Data') && share.includes('MaxUses=10'));
  const setting = root.value('SOFTWARE\\usmbd\\smb.conf\\data', 'read only');
  assert.equal(setting.data?.toString('utf16le'), 'no\0');
  const { handle } = root.open(shares);
  const input = { handle, valueName: 'x', type: 1, data: Buffer.alloc(2), dataBytes: 2 };
  assert.equal(root.call(WINREG.operations.BaseRegSetValue, input).status, 5);
});

test('netdfs: namespaces and their links, which administrators add and remove', () => {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-netdfs-'));
  after(() => rmSync(folder, { recursive: true }));
  symlinkSync('msdfs:one\\a,two/b', join(folder, 'link'));
  symlinkSync('/etc', join(folder, 'other'));
  const shares = [disk('all', { path: folder, isNamespace: true }), disk('Data'), IPC];
  const { operations: op } = NETDFS;
  const user = connectTo('netdfs', NETDFS, context({}, shares));
  const call = connectTo('netdfs', NETDFS, context(admin, shares));
  const all = () => {
    const info = { tag: 3, value: { entries: null } } as const;
    const input = { level: 3, preferedMaximumLength: 0xffff_ffff, info, resumeHandle: 0 };
    const told = user(op.NetrDfsEnum, input).info;
    assert.ok(told?.tag === 3);
    return (told.value?.entries ?? []).map(({ entryPath, storages }) => [
      entryPath,
      ...(storages ?? []).map(({ serverName, shareName }) => `${serverName}\\${shareName}`),
    ]);
  };
  const root = ['\\\\FILES\\all', 'FILES\\all'];
  assert.deepEqual(all(), [root, ['\\\\FILES\\all\\link', 'one\\a', 'two\\b']]);
  const link = (name: string) => ({
    entryPath: `\\FILES\\all\\${name}`,
    ...{ serverName: 'three', shareName: 'c', comment: null, flags: 0 },
  });
  assert.equal(user(op.NetrDfsAdd, link('new')).status, 5);
  assert.equal(call(op.NetrDfsAdd, link('new')).status, 0);
  assert.equal(readlinkSync(join(folder, 'new')), 'msdfs:three\\c');
  assert.equal(call(op.NetrDfsAdd, link('link')).status, 0);
  assert.equal(readlinkSync(join(folder, 'link')), 'msdfs:one\\a,two\\b,three\\c');
  for (const name of ['other', '..', 'a\\b']) {
    assert.notEqual(call(op.NetrDfsAdd, link(name)).status, 0, name);
    assert.notEqual(call(op.NetrDfsRemove, link(name)).status, 0, name);
  }
  assert.equal(user(op.NetrDfsRemove, link('new')).status, 5);
  assert.equal(call(op.NetrDfsRemove, link('new')).status, 0);
  assert.equal(all().length, 2);
  const found = user(op.NetrDfsGetInfo, { ...link('LINK'), serverName: null, level: 2 });
  assert.ok(found.info.tag === 2 && found.info.value?.numberOfStorages === 3);
});
