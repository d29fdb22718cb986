import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { systemAccounts } from '../mountd/system-accounts.ts';
import { CommandError } from './command-error.ts';
import { planServe, type ServeFlags, type Surroundings } from './serve-plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-plan-'));
after(() => rmSync(folder, { recursive: true }));
const users = join(folder, 'users');
writeFileSync(users, 'ann:AAAAAAAAAAAAAAAAAAAAAA==\nbob:AAAAAAAAAAAAAAAAAAAAAA==\n');

const accounts = systemAccounts(
  ['root:x:0:0::/:', 'ann:x:1000:100::/:', 'eve:x:1234:1234::/:'],
  ['staff:x:50:ann', 'root:x:0:'],
);
const ANN = { uid: 1000, gid: 100, groups: [50] };
const user: Surroundings = { environment: {}, uid: process.getuid!(), accounts };
const asUser: Surroundings = { ...user, uid: 1000 };
const asRoot: Surroundings = { ...user, uid: 0 };

const refuses = (pattern: RegExp, path: string | undefined, flags: ServeFlags, around = asUser) =>
  assert.throws(
    () => planServe(path, flags, around),
    (error) => error instanceof CommandError && pattern.test(error.message),
  );

test('a folder alone: its name, a made-up password, both ports', () => {
  const plan = planServe(folder, {}, asUser);
  const [share] = plan.configuration.shares;
  assert.equal(share?.name, basename(folder));
  assert.equal(share.path, folder);
  assert.equal(share.readOnly, false);
  assert.deepEqual(plan.ports, [445, 4450]);
  assert.equal(plan.configuration.global.signing, 'mandatory');
  assert.match(plan.made!.password, /^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/);
  assert.equal(plan.users[0]?.password, plan.made?.password);
  assert.equal(plan.users[0]?.identity, undefined);
  assert.notEqual(planServe(folder, {}, asUser).made?.password, plan.made?.password);
});

test('flags', () => {
  const flags = { name: 'pub', user: 'bob', password: 'x', port: 4451, readOnly: true } as const;
  const plan = planServe(folder, { ...flags, address: '::1', state: '/s' }, asUser);
  assert.equal(plan.configuration.shares[0]?.name, 'pub');
  assert.equal(plan.configuration.shares[0]?.readOnly, true);
  assert.deepEqual(plan.users, [{ name: 'bob', password: 'x' }]);
  assert.equal(plan.made, undefined);
  assert.deepEqual(plan.ports, [4451]);
  assert.equal(plan.address, '::1');
  assert.equal(plan.statePath, '/s');
});

test('where the password comes from', () => {
  const file = join(folder, 'secret');
  writeFileSync(file, 'from file\r\nmore\n');
  const environment = { USMBD_PASSWORD: 'from environment' };
  const password = (flags: ServeFlags) =>
    planServe(folder, flags, { ...asUser, environment }).users[0]?.password;
  assert.equal(password({}), 'from environment');
  assert.equal(password({ passwordFile: file }), 'from file');
  assert.equal(password({ password: 'from flag' }), 'from flag');
  refuses(/not both/, folder, { password: 'a', passwordFile: file });
  refuses(/empty/, folder, { password: '' });
  refuses(/at most 128 bytes/, folder, { password: 'x'.repeat(129) });
  refuses(/cannot be read: ENOENT/, folder, { passwordFile: join(folder, 'none') });
});

test('as root: the caller of sudo, else the owner, never root unasked', () => {
  const owned = join(folder, 'owned');
  mkdirSync(owned);
  const environment = { SUDO_UID: '1000', SUDO_GID: '100' };
  const sudo = planServe(owned, {}, { ...asRoot, environment });
  assert.deepEqual(sudo.users[0]?.identity, ANN);
  assert.equal(sudo.users[0].name, 'ann');
  const unnamed = { SUDO_UID: '77', SUDO_GID: '78' };
  assert.deepEqual(planServe(owned, {}, { ...asRoot, environment: unnamed }).users[0]?.identity, {
    uid: 77,
    gid: 78,
    groups: [],
  });
  const root = planServe(owned, { asRoot: true }, asRoot);
  assert.deepEqual(root.users[0]?.identity, { uid: 0, gid: 0, groups: [] });
  assert.equal(root.users[0].name, 'usmbd');
});

test("as root: the folder's owner", { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  const owned = join(folder, 'of-eve');
  mkdirSync(owned);
  for (const environment of [{}, { SUDO_UID: '0' }]) {
    const nobody = planServe(owned, {}, { ...asRoot, environment });
    assert.deepEqual(nobody.users[0]?.identity, { uid: 65534, gid: 65534, groups: [] });
    assert.equal(nobody.users[0].name, 'usmbd');
    assert.match(nobody.warnings[0]!, /of-eve belongs to root, .*"nobody", who may read in it/);
    assert.match(nobody.warnings[0]!, /chown USER.*--as-root/);
  }
  chmodSync(owned, 0o777);
  assert.match(planServe(owned, {}, asRoot).warnings[0]!, /"nobody", who may write in it/);
  chmodSync(owned, 0o700);
  assert.match(planServe(owned, {}, asRoot).warnings[0]!, /"nobody", who may do nothing in it/);
  assert.deepEqual(planServe(owned, { asRoot: true }, asRoot).warnings, []);
  chownSync(owned, 1234, 5);
  const plan = planServe(owned, {}, asRoot);
  assert.deepEqual(plan.users[0]?.identity, { uid: 1234, gid: 1234, groups: [] });
  assert.equal(plan.users[0].name, 'eve');
  chownSync(owned, 4321, 5);
  assert.deepEqual(planServe(owned, {}, asRoot).users[0]?.identity, {
    uid: 4321,
    gid: 5,
    groups: [],
  });
});

test('a folder with the accounts of a database', () => {
  const plan = planServe(folder, { pwddb: users }, asUser);
  assert.deepEqual(plan.userNames, ['ann', 'bob']);
  assert.deepEqual(plan.userDatabase, { file: users });
  assert.deepEqual(plan.users, []);
  assert.equal(plan.made, undefined);
  const mapped = planServe(folder, { pwddb: users, asRoot: true }, asRoot);
  assert.deepEqual(mapped.userDatabase?.identity, { uid: 0, gid: 0, groups: [] });
  refuses(/--password-file goes with no --pwddb/, folder, { pwddb: users, passwordFile: 'x' });
});

test('a configuration', () => {
  const file = join(folder, 'conf');
  writeFileSync(
    file,
    `[global]\ntcp port = 4460\nlog level = 1\n[a]\npath = ${folder}\nforce user = eve\n`,
  );
  const plan = planServe(undefined, { config: file, pwddb: users }, asUser);
  assert.deepEqual(plan.ports, [4460]);
  assert.equal(plan.configuration.shares[0]?.name, 'a');
  assert.equal(plan.userNames.length, 2);
  assert.match(plan.warnings[0]!, /conf:3: warning: "log level"/);
  assert.match(plan.warnings[1]!, /"force user" .* of \[a\] need root/);
  assert.deepEqual(
    planServe(undefined, { config: file, pwddb: users, port: 1 }, asRoot).ports,
    [1],
  );
  refuses(/not both/, folder, { config: file });
  refuses(/^--read-only goes with a folder/, undefined, { config: file, readOnly: true });
  writeFileSync(file, '[global]\n');
  refuses(/has no share/, undefined, { config: file, pwddb: users });
  writeFileSync(file, '[a]\npath = /nonexistent\n');
  refuses(/the folder \/nonexistent of share \[a\] does not exist/, undefined, { config: file });
  writeFileSync(file, '[a]\npath = /nonexistent/%U\n[homes]\npath = /nonexistent/%S\n');
  planServe(undefined, { config: file, pwddb: users }, asRoot);
});

test('what cannot be served says why and what to do', () => {
  refuses(/does not exist; make it first/, join(folder, 'none'), {});
  refuses(/is no folder/, users, {});
  refuses(/does not exist/, join(users, 'below'), {});
  refuses(/bad share name "a\/b"/, folder, { name: 'a/b' });
  refuses(/bad user name/, folder, { user: 'a:b' });
});
