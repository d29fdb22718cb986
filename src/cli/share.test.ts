/** `usmbd addshare`, `usmbd share`, `usmbd group` and `usmbd user` as an administrator starts them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ntHash } from '../auth/ntlm-crypto.ts';
import { SILENT_LOGGER } from '../base/log.ts';
import { readIdentity } from '../base/state-directory.ts';
import { editUserDatabase } from '../config/user-db.ts';
import { GroupStore } from '../mountd/group-store.ts';
import { commands } from './main.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-share-'));
after(() => rmSync(folder, { recursive: true }));
const conf = join(folder, 'usmbd.conf');
const where = ['-C', conf, '--state', join(folder, 'state')];
const read = (): string => readFileSync(conf, 'utf8');
const addshare = (...args: string[]) => commands.addshare([...args, ...where]);
const share = (...args: string[]) => commands.usmbd(['share', ...args, ...where]);
const output = (...args: string[]): string =>
  execFileSync(process.execPath, [join(import.meta.dirname, '../../bin/usmbd.js'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

test("ksmbd.addshare's options: added, updated, deleted, and the rest stays", async () => {
  writeFileSync(conf, '# ours\n[global]\nworkgroup = W\n');
  const path = ['-o', `path = ${folder}`];
  assert.equal(await addshare('-a', ...path, '-o', 'read only = no', 'photos'), 0);
  const added = `# ours\n[global]\nworkgroup = W\n\n[photos]\n    path = ${folder}\n`;
  assert.equal(read(), `${added}    read only = no\n`);
  assert.equal(await addshare('-a', ...path, 'PHOTOS'), 1);
  assert.equal(await addshare('-u', '-o', 'writable=', 'photos'), 0);
  assert.equal(read(), added);
  assert.equal(await addshare('-v', '-P', 'db', '-u', '-o', 'workgroup = X', 'global'), 0);
  assert.equal(await addshare(...path, '-o', 'comment = c', 'more'), 0);
  assert.equal(await addshare('-o', 'guest ok = yes', 'more'), 0);
  assert.match(read(), /workgroup = X[\s\S]*\[more\][\s\S]*comment = c\n {4}guest ok = yes\n$/);
  assert.equal(await addshare('-d', 'more'), 0);
  assert.equal(await addshare('-d', 'more'), 1);
  assert.equal(await addshare('-u', '-o', 'guest ok = perhaps', 'photos'), 1);
  assert.equal(await addshare('-u', '-o', 'nonsense', 'photos'), 1);
  assert.equal(read(), added.replace('= W', '= X'));
});

test('usmbd share lists, shows and changes', async () => {
  writeFileSync(conf, `[a]\npath = ${folder}\n`);
  assert.equal(await share('add', 'b', '-o', `path = ${folder}`, '-o', 'guest ok = yes'), 0);
  assert.equal(await share('set', 'b', '-o', 'read only = no'), 0);
  const told = JSON.parse(output('share', 'list', '--json', ...where));
  assert.equal(told.configurationFile, conf);
  assert.deepEqual(told.shares[1], {
    ...{ name: 'b', path: folder, readOnly: false, guestOk: true, browseable: true, comment: '' },
  });
  assert.match(output('share', 'list', ...where), /^a +read-only +\//);
  assert.match(output('share', 'show', 'B', ...where), /^\[b\]\n[\s\S]* {4}read only = no\n/);
  assert.deepEqual(JSON.parse(output('share', 'remove', 'a', '--json', ...where)), {
    removed: 'a',
  });
  assert.match(read(), /^\[b\]/);
  assert.equal(await share('show', 'a'), 1);
  assert.equal(await share('show', 'a', '--json'), 1);
  assert.equal(JSON.parse(output('share', 'show', 'B', '--json', ...where)).name, 'b');
});

test('usmbd group list tells groups and their members, and makes nothing', () => {
  const state = join(folder, 'groups');
  const told = () => output('group', 'list', '--state', state);
  assert.match(told(), /there are no groups/);
  assert.equal(existsSync(state), false);
  mkdirSync(state);
  const { machineSid } = readIdentity(state);
  const store = new GroupStore(join(state, 'groups.json'), machineSid, SILENT_LOGGER);
  store.create('alias', 'music', 'root');
  store.create('group', 'staff', 'root');
  store.addMember(store.sidOf(store.byName('music')!), `${machineSid}-1000`, 'root');
  store.addMember('S-1-5-32-544', store.sidOf(store.byName('staff')!), 'root');
  assert.equal(told(), 'music           root\nstaff           nobody\nAdministrators  staff\n');
  const { groups } = JSON.parse(output('group', 'list', '--json', '--state', state));
  const rid = 0x7fff_0000;
  assert.deepEqual(groups[0], {
    ...{
      name: 'music',
      kind: 'alias',
      sid: `${machineSid}-${rid}`,
      comment: '',
      members: ['root'],
    },
  });
});

test('usmbd user list tells accounts', () => {
  const db = join(folder, 'db');
  editUserDatabase(db, (accounts) => accounts.set('root', ntHash('tiger')));
  const told = output('user', 'list', '--json', '-P', db, '--state', join(folder, 'state'));
  assert.deepEqual(JSON.parse(told), {
    userDatabase: db,
    users: [{ name: 'root', uid: 0 }],
    failures: [],
  });
});
