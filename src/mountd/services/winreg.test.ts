import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../../base/log.ts';
import { decodeSecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { BUILTIN_ADMINISTRATORS } from '../../dtyp/sid.ts';
import { WINREG } from '../../rpc/winreg.ts';
import { RegistryStore } from '../registry-store.ts';
import { connectTo, context } from './connect.support.test.ts';

const { operations: op } = WINREG;
const folder = mkdtempSync(join(tmpdir(), 'usmbd-registry-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'registry.json');

function registry(administrator: boolean, store = new RegistryStore(undefined, SILENT_LOGGER)) {
  const call = connectTo('winreg', WINREG, context({ administrator, registry: store }));
  const { handle: root } = call(op.OpenLocalMachine, { serverName: null, desiredAccess: 1 });
  const create = (subKey: string, handle = root) =>
    call(op.BaseRegCreateKey, {
      ...{ handle, subKey, className: null, options: 0, desiredAccess: 1 },
      ...{ securityAttributes: null, disposition: 0 },
    });
  const open = (subKey: string) =>
    call(op.BaseRegOpenKey, { handle: root, subKey, options: 0, desiredAccess: 1 });
  const set = (handle: Buffer, valueName: string, text: string) => {
    const data = Buffer.from(`${text}\0`, 'utf16le');
    const input = { handle, valueName, type: 1, data, dataBytes: data.length };
    return call(op.BaseRegSetValue, input).status;
  };
  const value = (handle: Buffer, valueName: string) => {
    const rest = { type: 0, data: Buffer.alloc(100), dataBytes: 100, dataLength: 0 };
    const answer = call(op.BaseRegQueryValue, { handle, valueName, ...rest });
    return answer.data?.toString('utf16le').replace(/\0$/, '') ?? answer.status;
  };
  const drop = (subKey: string) => call(op.BaseRegDeleteKey, { handle: root, subKey }).status;
  return { call, root, create, open, set, value, drop };
}

test('MS-RRP 3.1.5.7, .22: an administrator makes keys and sets values, which outlive the server', () => {
  const first = registry(true, new RegistryStore(path, SILENT_LOGGER));
  const made = first.create('SOFTWARE\\Vendor\\Product');
  assert.deepEqual([made.status, made.disposition], [0, 1]);
  assert.equal(first.create('software\\vendor').disposition, 2);
  assert.equal(first.set(made.handle, 'Mode', 'fast'), 0);
  assert.equal(first.set(made.handle, 'MODE', 'slow'), 0);
  const second = registry(false, new RegistryStore(path, SILENT_LOGGER));
  const { handle } = second.open('SOFTWARE\\VENDOR\\PRODUCT');
  assert.equal(second.value(handle, 'mode'), 'slow');
  const told = second.call(op.BaseRegQueryInfoKey, { handle, className: 0 });
  assert.deepEqual([told.values, told.subKeys], [1, 0]);
  const { handle: software } = second.open('SOFTWARE');
  const names: (string | null)[] = [];
  for (let index = 0; ; index++) {
    const input = { handle: software, index, name: 200, className: null, lastWriteTime: null };
    const { name, status } = second.call(op.BaseRegEnumKey, input);
    if (status !== 0) break;
    names.push(name);
  }
  assert.deepEqual(names, ['Microsoft', 'Vendor']);
});

test('MS-RRP 3.1.5.8, .9: keys without keys below them and values are removed; a handle on one says so', () => {
  const { call, create, drop, open, set, value } = registry(true);
  const { handle } = create('SOFTWARE\\A\\B');
  set(handle, 'one', '1');
  assert.equal(drop('SOFTWARE\\A'), 5);
  assert.equal(call(op.BaseRegDeleteValue, { handle, valueName: 'ONE' }).status, 0);
  assert.equal(call(op.BaseRegDeleteValue, { handle, valueName: 'one' }).status, 2);
  assert.equal(drop('SOFTWARE\\A\\B'), 0);
  assert.equal(value(handle, 'one'), 1018);
  assert.equal(set(handle, 'one', '1'), 1018);
  assert.equal(drop('SOFTWARE\\A'), 0);
  assert.equal(open('SOFTWARE\\A').status, 2);
  assert.equal(drop('SOFTWARE\\A'), 2);
});

test('what the server tells of itself stays, and others than administrators write nothing', () => {
  const windows = 'SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion';
  const admin = registry(true);
  const { handle } = admin.open(windows);
  assert.equal(admin.set(handle, 'ProductName', 'x'), 5);
  assert.equal(admin.value(handle, 'ProductName'), 'usmbd');
  assert.equal(admin.set(handle, 'Mine', 'x'), 5);
  const shares = 'SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Shares\\Mine';
  assert.equal(admin.create(shares).status, 5);
  assert.equal(admin.create(`${windows}\\Mine`).status, 0);
  assert.equal(admin.drop(windows), 5);
  assert.equal(admin.create('SOFTWARE\\'.repeat(40)).status, 87);
  assert.equal(admin.create('x'.repeat(256)).status, 87);
  const user = registry(false);
  assert.equal(user.create('SOFTWARE\\Mine').status, 5);
  assert.equal(user.set(user.open(windows).handle, 'Mine', 'x'), 5);
  assert.equal(user.drop(windows), 5);
});

test('keys and values are bounded', () => {
  const store = new RegistryStore(undefined, SILENT_LOGGER);
  const names = Array.from({ length: 1001 }, (_, i) => store.create(['HKLM', `key ${i}`], 1));
  assert.deepEqual(names.slice(-2), ['done', 'too-many']);
  const data = Buffer.alloc(512 << 10);
  const large = (name: string) => store.setValue(['HKLM', 'key 1'], { name, type: 3, data });
  assert.deepEqual([large('a'), large('b')], ['done', 'too-many']);
});

test('MS-RRP 3.1.5.13: a key has a descriptor, told where there is room', () => {
  const { call, root } = registry(false);
  const ask = (size: number) =>
    call(op.BaseRegGetKeySecurity, {
      ...{ handle: root, securityInformation: 7 },
      descriptor: { descriptor: null, size, length: 0 },
    });
  const small = ask(10);
  assert.equal(small.status, 122);
  const told = ask(small.descriptor.size);
  const decoded = decodeSecurityDescriptor(told.descriptor.descriptor!);
  assert.equal(decoded.owner, BUILTIN_ADMINISTRATORS);
});

test('a damaged registry is not replaced', () => {
  const damaged = join(folder, 'damaged.json');
  writeFileSync(damaged, '{"a":1}');
  const store = new RegistryStore(damaged, SILENT_LOGGER);
  assert.equal(store.create(['HKLM', 'x'], 1), 'unwritable');
});
