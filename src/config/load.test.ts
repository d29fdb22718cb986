import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { type Configuration, configurationText, configure } from './configuration.ts';
import { loadConfiguration, readConfiguration } from './load.ts';
import { ProblemsError, problemText } from './problem.ts';

const load = (text: string): Configuration => readConfiguration(text, 'f').configuration;
const warnings = (text: string): string[] => readConfiguration(text, 'f').warnings.map(problemText);
function errors(text: string): string[] {
  try {
    readConfiguration(text, 'f');
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems.map(problemText);
    throw error;
  }
  return [];
}

test('an empty file gives the defaults', () => {
  const { global, shares } = load('');
  assert.deepEqual(shares, []);
  assert.equal(global.signing, 'mandatory');
  assert.equal(global.encryption, 'auto');
  assert.equal(global.minProtocol, 0x0202);
  assert.equal(global.maxProtocol, 0x0311);
  assert.equal(global.mapToGuest, 'never');
  assert.equal(global.restrictAnonymous, 2);
  assert.match(global.netbiosName, /^[A-Z0-9-]{1,15}$/);
  assert.deepEqual(load(''), configure({}));
});

test('values of every type', () => {
  const { global, shares } = load(`
[global]
  Work Group = "HOME"
  server min protocol = SMB3
  server signing = Auto
  smb encrypt = mandatory
  smb2 max read = 4MB
  smb2 max trans = 65536
  max connections = 0
  map to guest = Bad User
  root directory = /jail
  server string = 100%%
  read only = no
  interfaces = eth0, "lo"
[Data]
  path = /srv/data/
  comment = "Files ; of ours"
  valid users = ann @staff, "bob builder"
  create mask = 0600
  hosts allow = 10. 192.168.1.0/255.255.255.0 ::1 EXCEPT 10.0.0.1
[more]
  directory = /srv/more
  writable = no
  public = yes
  smb encrypt = required
`);
  assert.equal(global.workgroup, 'HOME');
  assert.equal(global.minProtocol, 0x0311);
  assert.equal(global.signing, 'auto');
  assert.equal(global.encryption, 'required');
  assert.equal(global.maxReadSize, 4 << 20);
  assert.equal(global.maxTransactSize, 65536);
  assert.equal(global.maxConnections, 65536);
  assert.equal(global.mapToGuest, 'bad user');
  assert.equal(global.restrictAnonymous, 0);
  assert.equal(global.serverString, '100%');
  assert.deepEqual(global.interfaces, ['eth0', 'lo']);
  const [data, more] = shares;
  assert.equal(data?.name, 'Data');
  assert.equal(data.path, '/jail/srv/data');
  assert.equal(data.comment, 'Files ; of ours');
  assert.equal(data.readOnly, false);
  assert.equal(data.encryption, 'auto');
  assert.equal(data.createMask, 0o600);
  assert.deepEqual(data.validUsers, [
    { kind: 'user', name: 'ann' },
    { kind: 'group', name: 'staff' },
    { kind: 'user', name: 'bob builder' },
  ]);
  assert.deepEqual(data.hostsAllow, {
    rules: [
      { address: '10.0.0.0', prefix: 8 },
      { address: '192.168.1.0', prefix: 24 },
      { address: '::1', prefix: 128 },
    ],
    except: [{ address: '10.0.0.1', prefix: 32 }],
  });
  assert.equal(more?.readOnly, true);
  assert.equal(more.guestOk, true);
  assert.equal(more.encryption, 'required');
});

test('an unknown key is an error, however near to a known one', () => {
  assert.deepEqual(errors('[global]\n\nworkgruop = X\n'), [
    'f:3: error: unknown parameter "workgruop"; expected perhaps "workgroup"',
  ]);
  assert.deepEqual(errors('[global]\nfrobnicate = X\n'), [
    'f:2: error: unknown parameter "frobnicate"; expected a parameter of smb.conf or ksmbd.conf',
  ]);
  // ksmbd compares prefixes only.
  assert.match(errors('[a]\npath = /a\nread onlyx = no\n')[0]!, /f:3: error: unknown/);
});

test('a bad value is an error that says what was expected', () => {
  const line = (text: string) => errors(`[global]\n${text}\n[a]\npath=/a\n`);
  assert.deepEqual(line('server signing = maybe'), [
    'f:2: error: bad value "maybe" for "server signing"; expected auto, mandatory or disabled',
  ]);
  assert.deepEqual(line('smb2 max read = 1K'), [
    'f:2: error: bad value "1K" for "smb2 max read"; expected a size from 64K to 8M',
  ]);
  for (const bad of [
    'guest ok = yesxyz',
    'tcp port = 65536',
    'tcp port = 0x1bd',
    'create mask = 0888',
    'server min protocol = SMB3_1',
    'netbios name = ABCDEFGHIJKLMNOP',
    'valid users = &nis',
    'hosts allow = example.com',
    'hosts allow = 10.0.0.0/33',
    'hosts allow = 10.0.0.0/255.0.255.0',
    'map to guest = bad uid',
    'smb2 max credits = -1',
    'interfaces = "eth0',
  ]) {
    assert.match(line(bad)[0] ?? bad, /^f:2: error: bad value .*; expected /);
  }
  assert.match(
    errors('[a]\npath = relative\n')[0]!,
    /^f:2: error: bad value "relative" for "path"/,
  );
});

test('sections', () => {
  assert.match(errors('[a/b]\npath = /a\n')[0]!, /^f:1: error: bad name of a share: \[a\/b\]/);
  assert.deepEqual(errors('[a]\ncomment = x\n'), [
    'f:1: error: share [a] has no path; expected "path = /a/folder"',
  ]);
  assert.deepEqual(errors('[a]\npath = /a\nserver signing = auto\n'), [
    'f:3: error: "server signing" in [a]; expected it in [global]',
  ]);
  assert.match(errors('[global]\npath = /a\n')[0]!, /^f:2: error: "path" in \[global\]/);
  assert.deepEqual(load('[a]\npath = /a\n[A]\nread only = no\n').shares[0]?.readOnly, false);
  assert.deepEqual(load('[a]\npath = /a\navailable = no\n').shares, []);
});

test('what is said twice', () => {
  assert.deepEqual(errors('[a]\npath = /a\nread only = no\nwriteable = no\n'), [
    'f:4: error: "writeable" is given again and contradicts line 3; expected one of the two',
  ]);
  assert.deepEqual(warnings('[a]\npath = /a\nread only = no\nwriteable = yes\n'), [
    'f:4: warning: "writeable" is given again, as on line 3',
  ]);
});

test('what is known and not supported is a warning', () => {
  assert.deepEqual(warnings('[global]\nlog level = 1\nfruit:locking = yes\n'), [
    'f:2: warning: "log level" is a parameter of Samba\'s that is not supported; passed over',
    'f:3: warning: "fruit:locking" is a parameter of Samba\'s that is not supported; passed over',
  ]);
  assert.match(
    warnings('[a]\npath = /a\nwide links = yes\n')[0]!,
    /not supported, no link leads out/,
  );
  assert.deepEqual(warnings('[a]\npath = /a\nwide links = no\n'), []);
  assert.match(warnings('[global]\nserver signing = disabled\n')[0]!, /acts as "auto"/);
  assert.match(warnings('[global]\nserver min protocol = NT1\n')[0]!, /SMB1 has no encryption/);
  assert.equal(load('[global]\nserver min protocol = NT1\n').global.minProtocol, 0x0100);
  assert.match(warnings('[global]\nserver min protocol = LANMAN1\n')[0]!, /not supported/);
  assert.equal(load('[global]\nserver min protocol = LANMAN1\n').global.minProtocol, 0x0202);
});

test('workers are a number or auto, which is one where there are few cores', () => {
  const workers = (value: string): number => load(`[global]\nworkers = ${value}\n`).global.workers;
  assert.deepEqual([load('').global.workers, workers('1'), workers('32')], [1, 1, 32]);
  const cores = availableParallelism();
  assert.equal(workers('auto'), cores < 3 ? 1 : Math.min(cores - 1, 32));
  for (const value of ['0', '33', 'many', '-1']) {
    assert.match(errors(`[global]\nworkers = ${value}\n`).join(), /auto, or a number from 1 to 32/);
  }
});

test('what is parsed and does nothing is a warning, unless it asks for what is done anyway', () => {
  for (const [asked, done] of [['wide links = yes', 'wide links = no']] as const) {
    assert.match(warnings(`[global]\n${asked}\n`)[0] ?? asked, /^f:2: warning: .* not supported, /);
    assert.deepEqual(warnings(`[global]\n${done}\n`), []);
  }
  const single = '[global]\ninterfaces = lo 10.0.0.0/8\n';
  assert.deepEqual(warnings(single), []);
  const interfaces = `${single}server multi channel support = no\n`;
  assert.match(warnings(interfaces)[0]!, /^f:2: warning: "interfaces" does nothing without/);
  assert.deepEqual(warnings(`${interfaces}bind interfaces only = yes\n`), []);
});

test('Kerberos: the keys of ksmbd and of Samba', () => {
  const global = (lines: string) => load(`[global]\n${lines}`).global;
  assert.equal(global('').kerberos, undefined);
  assert.equal(global('kerberos support = yes\n').kerberos, true);
  assert.equal(global('kerberos method = secrets only\n').kerberosMethod, 'none');
  assert.equal(global('kerberos method = secrets and keytab\n').kerberosMethod, 'system');
  const dedicated = global('kerberos method = dedicated keytab\ndedicated keytab file = FILE:/k\n');
  assert.deepEqual([dedicated.kerberosMethod, dedicated.kerberosKeytab], ['dedicated', '/k']);
  assert.equal(global('kerberos keytab file = /k\n').kerberosKeytab, '/k');
  const name = (text: string) => global(`kerberos service name = ${text}\n`).kerberosServiceName;
  for (const good of ['cifs', 'cifs/fs.example.com', 'cifs/fs.example.com@EXAMPLE.COM']) {
    assert.equal(name(good), good);
  }
  assert.throws(() => name('cifs@fs'));
  assert.equal(
    global('username map = /etc/usmbd/users\nrealm = EXAMPLE.COM\n').realm,
    'EXAMPLE.COM',
  );
});

test('named streams and security descriptors are there unless a list of modules leaves them out', () => {
  const share = (lines: string) => load(`[s]\npath = /s\n${lines}`).shares[0]!;
  assert.deepEqual(share('').vfsObjects, ['streams_xattr', 'acl_xattr']);
  assert.deepEqual(share('vfs objects =').vfsObjects, []);
  assert.deepEqual(share('vfs objects = acl_xattr').vfsObjects, ['acl_xattr']);
  assert.deepEqual(share('vfs object = acl_xattr streams_xattr').vfsObjects.length, 2);
  assert.equal(share('').streamFormat, 'samba');
  assert.equal(share('').ntAclName, 'security.NTACL');
  assert.equal(share('acl_xattr:security_acl_name = user.NTACL').ntAclName, 'user.NTACL');
  assert.equal(share('acl flag inherited canonicalization = no').canonicalInheritedFlag, false);
  assert.equal(share('acl_xattr:ignore system acls = yes').ignoresSystemAcls, true);
  assert.equal(share('').defaultAclStyle, 'windows');
  assert.equal(share('acl_xattr:default acl style = posix').defaultAclStyle, 'posix');
  assert.equal(share('inherit acls = yes').inheritAcls, true);
  assert.equal(share('streams_xattr : format = ksmbd').streamFormat, 'ksmbd');
  assert.deepEqual(warnings('[s]\npath = /s\nvfs objects = catia fruit streams_xattr'), [
    'f:3: warning: "vfs objects": not supported yet: catia',
  ]);
  assert.equal(errors('[s]\npath = /s\nstreams_xattr:format = ntfs').length, 1);
});

test('what could open the server when passed over is an error', () => {
  assert.match(
    errors('[global]\ninclude = /etc/other\n')[0]!,
    /^f:2: error: cannot include \/etc\/other/,
  );
  assert.match(
    errors('[global]\nserver min protocol = SMB3\nserver max protocol = SMB2\n')[0]!,
    /above/,
  );
});

test("Debian's smb.conf loads", () => {
  const text = `[global]
   workgroup = WORKGROUP
   log file = /var/log/samba/log.%m
   server role = standalone server
   obey pam restrictions = yes
   passwd chat = *Enter\\snew\\s*\\spassword:* %n\\n *successfully* .
   map to guest = bad user
   usershare allow guests = yes
[homes]
   valid users = %S
[printers]
   path = /var/tmp
   printable = yes
[print$]
   path = /var/lib/samba/printers
   guest ok = no
`;
  assert.deepEqual(errors(text), []);
  assert.deepEqual(
    load(text).shares.map((share) => share.name),
    ['homes', 'print$'],
  );
});

test('what is printed is read back the same', () => {
  const configuration = configure({
    global: { netbiosName: 'HOST', signing: 'auto', minProtocol: 0x0300, maxReadSize: 65536 },
    shares: [
      { name: 'a', path: '/a', readOnly: false, validUsers: [{ kind: 'group', name: 'a b' }] },
      { name: 'b c', path: '/b', hostsDeny: { rules: [{ address: '::', prefix: 0 }], except: [] } },
    ],
  });
  for (const all of [false, true]) {
    assert.deepEqual(load(configurationText(configuration, all)), configuration);
  }
  assert.match(configurationText(configuration), /server min protocol = SMB3_00/);
});

test('a file that is missing or no text is named', () => {
  assert.throws(
    () => loadConfiguration('/nonexistent/f.conf'),
    /^ProblemsError: \/nonexistent\/f.conf: error: ENOENT/,
  );
  assert.throws(() => loadConfiguration(process.execPath), /no text in UTF-8/);
});

test("keys of Samba's vfs_fruit stand in a share as its manual has them", () => {
  const share = '[s]\npath = /s\n';
  assert.deepEqual(warnings(`${share}fruit:model = MacSamba\nfruit:zero_file_id = no`), [
    'f:3: warning: "fruit:model" in [s] is for the whole server; passed over, it belongs into [global]',
  ]);
  const kept = 'is not supported: it is as with "stream", and what';
  assert.deepEqual(warnings(`${share}fruit:resource = file\nfruit:encoding = private`), [
    `f:3: warning: "fruit:resource = file" ${kept} is in \`._\` files becomes streams (fruit:convert_adouble)`,
  ]);
  assert.deepEqual(warnings(`${share}fruit:resource = xattr`), [
    `f:3: warning: "fruit:resource = xattr" ${kept} Samba kept the other way is not seen`,
  ]);
  assert.match(warnings(`${share}fruit:metadata = netatalk`).join(), /FinderInfo in it follows/);
  assert.match(
    warnings(`${share}fruit:encoding = native`).join(),
    /streams whose names .* are found/,
  );
  const { shares } = readConfiguration(
    `[global]\nfruit:zero_file_id = no\n${share}`,
    'f',
  ).configuration;
  assert.equal(shares[0]!.appleZeroFileIds, false);
});

test('sizes that make transfers slow are warned of, others are not', () => {
  const warnings = (line: string): number =>
    readConfiguration(`[global]\n${line}\n`, 'f').warnings.length;
  for (const key of ['smb2 max read', 'smb2 max write']) {
    assert.equal(warnings(`${key} = 64K`), 1);
    assert.equal(warnings(`${key} = 1M`), 0);
  }
  assert.equal(warnings('smb2 max credits = 128'), 1);
  assert.equal(warnings('smb2 max credits = 512'), 0);
});
