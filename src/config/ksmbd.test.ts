/**
 * Every parameter of ksmbd.conf(5), with a value as administrators have it: it does what it says, or a warning says why it
 * does not. None is passed over in silence, as ksmbd does with keys that it does not know.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfiguration } from './load.ts';
import { problemText } from './problem.ts';

/** A value; what is warned of, where something is. */
type Rows = Readonly<Record<string, string | readonly [value: string, warned: RegExp]>>;

const GLOBAL: Rows = {
  'aapl model': 'MacPro',
  'bind interfaces only': 'yes',
  deadtime: '10',
  'durable handles': 'yes',
  'guest account': 'nobody',
  interfaces: 'lo',
  'ipc timeout': '30',
  'kerberos keytab file': '/etc/krb5.keytab',
  'kerberos service name': 'cifs/host.example.com',
  'kerberos support': 'yes',
  'map to guest': 'bad user',
  'max active sessions': '1024',
  'max connections': '128',
  'max ip connections': '8',
  'max open files': '10000',
  'netbios name': 'KSMBD SERVER',
  'restrict anonymous': '2',
  'root directory': '/srv',
  'server max protocol': 'SMB3_11',
  'server min protocol': 'SMB2_10',
  'server multi channel support': 'yes',
  'server signing': 'mandatory',
  'server string': 'SMB SERVER',
  'share:fake_fscaps': '64',
  'smb2 leases': 'yes',
  'smb2 max credits': '8192',
  'smb2 max read': '4MB',
  'smb2 max write': '4MB',
  'smb2 max trans': '1MB',
  'smb3 encryption': 'mandatory',
  'smbd max io size': '8MB',
  'tcp port': '445',
  workgroup: 'WORKGROUP',
};

const SHARE: Rows = {
  browseable: 'no',
  browsable: 'no',
  comment: 'of the house',
  'create mask': '0744',
  'directory mask': '0755',
  crossmnt: 'no',
  'follow symlinks': 'yes',
  'force create mode': '0111',
  'force directory mode': '0111',
  'force user': 'nobody',
  'force group': 'nogroup',
  'guest account': 'nobody',
  'guest ok': 'yes',
  'hide dot files': 'no',
  'inherit owner': 'yes',
  'invalid users': 'bob, @staff',
  'max connections': '128',
  oplocks: 'no',
  path: '/srv/files',
  'read list': 'bob',
  'write list': 'ann',
  'read only': 'no',
  writable: 'yes',
  writeable: 'yes',
  'write ok': 'yes',
  'store dos attributes': 'no',
  'valid users': 'ann @staff',
  'veto files': '/a/b*/',
  'vfs objects': 'acl_xattr streams_xattr',
  'time machine': 'yes',
  'hide unreadable': 'yes',
  'wide links': ['yes', /no link leads out of a share/],
  'admin users': 'ann',
  'hosts allow': '192.168.0.0/16',
  'hosts deny': 'ALL',
};

function problemsOf(section: 'global' | 'data', line: string): string[] {
  const global = section === 'global' ? `[global]\n${line}\n` : '';
  const path = line.startsWith('path') ? '' : 'path = /data\n';
  const share = `[data]\n${path}${section === 'data' ? line : ''}\n`;
  return readConfiguration(global + share, 'ksmbd.conf').warnings.map(problemText);
}

for (const [section, rows] of [
  ['global', GLOBAL],
  ['data', SHARE],
] as const) {
  for (const [name, row] of Object.entries(rows)) {
    const [value, warned] = typeof row === 'string' ? [row, undefined] : row;
    test(`[${section}] ${name} = ${value}`, () => {
      const problems = problemsOf(section, `${name} = ${value}`);
      if (warned === undefined) assert.deepEqual(problems, []);
      else assert.match(problems.join('\n'), warned);
    });
  }
}

test("what is a share's is the default of all shares in [global]", () => {
  for (const [name, row] of Object.entries(SHARE)) {
    // These two exist in both meanings, a path only in one.
    if (['guest account', 'max connections', 'path'].includes(name)) continue;
    const value = typeof row === 'string' ? row : row[0];
    const text = `[global]\n${name} = ${value}\n[data]\npath = /data\n`;
    assert.doesNotThrow(() => readConfiguration(text, 'ksmbd.conf'), name);
  }
});

test("ksmbd's traps are none: prefixes of names and values, unknown keys, a key given twice", () => {
  for (const line of ['pat = /x', 'read onlyx = no', 'read only = nothing', 'oplocks = yesxyz']) {
    assert.throws(() => problemsOf('data', line), line);
  }
  assert.throws(() => problemsOf('data', 'comment = a\ncomment = b'));
  assert.throws(() => problemsOf('global', 'server signing = perhaps'));
});
