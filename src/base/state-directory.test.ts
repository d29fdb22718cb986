import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { defaultStatePath, openStateDirectory, StateError } from './state-directory.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-state-'));
after(() => rmSync(folder, { recursive: true }));

test('its place', () => {
  assert.equal(defaultStatePath({}, 0), '/var/lib/usmbd');
  assert.equal(defaultStatePath({ XDG_STATE_HOME: '/x' }, 1000), '/x/usmbd');
  assert.equal(
    defaultStatePath({ XDG_STATE_HOME: 'relative' }, 1000),
    join(homedir(), '.local/state/usmbd'),
  );
});

test('GUID and SID are made once and kept', () => {
  const path = join(folder, 'deep', 'state');
  const first = openStateDirectory(path);
  assert.equal(first.serverGuid.length, 16);
  assert.match(first.machineSid, /^S-1-5-21-\d+-\d+-\d+$/);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  first.close();
  const second = openStateDirectory(path);
  assert.deepEqual(second.serverGuid, first.serverGuid);
  assert.equal(second.machineSid, first.machineSid);
  second.close();
  assert.deepEqual(readdirSync(path).sort(), ['machine-sid', 'server-guid']);
});

test('a second server is refused and told by whom', () => {
  const path = join(folder, 'twice');
  const first = openStateDirectory(path);
  assert.throws(
    () => openStateDirectory(path),
    (error) => error instanceof StateError && error.message.includes(`process ${process.pid} `),
  );
  first.close();
  openStateDirectory(path).close();
});

test('a damaged file is named, kept, and does not leave the lock', () => {
  const path = join(folder, 'damaged');
  openStateDirectory(path).close();
  writeFileSync(join(path, 'machine-sid'), 'S-1-5-21-1-2\n');
  for (let i = 0; i < 2; i++) {
    assert.throws(
      () => openStateDirectory(path),
      (error) => error instanceof StateError && /machine-sid is damaged/.test(error.message),
    );
  }
});

test('a folder that cannot be made is named', () => {
  writeFileSync(join(folder, 'file'), '');
  assert.throws(
    () => openStateDirectory(join(folder, 'file', 'state')),
    (error) => error instanceof StateError && error.message.includes(join('file', 'state')),
  );
});
