/**
 * Samba's `net rpc` as an administrator uses it: shares, users, groups, rights, files, services, the registry, against
 * usmbd or, with `--port`, the server that the options name. What is expected holds for Samba as well, save where a
 * case says how the two differ.
 *
 *     npm run interop:net
 *     npm run interop:net -- --only group
 *     npm run interop:net -- --port 4450 --user root --password p      Samba, with scripts that add users and groups
 *
 * Half of its commands know no port but 445, so the server is reached through a relay on an address of its own, which
 * takes root. Needs net (Debian: samba-common-bin).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { relay } from '../support/relay.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, targetOptions } from '../support/target.ts';

const HOST = '127.0.0.6';
const SMB_PORT = 445;
const LIMIT_MS = 60_000;
/** A user of the system who has no account yet, and groups that the system does not have. */
const USER = 'usmbd-net1';
const GROUP = 'usmbd-netg';
const ALIAS = 'usmbd-netl';
const FIRST_PASSWORD = 'Secret-12';
const SECOND_PASSWORD = 'Secret-13';

const SCRIPTS = 'Samba needs a script that changes groups of the system';

interface Case {
  readonly command: readonly string[];
  /** All of them stand in what it prints. */
  readonly says?: readonly RegExp[];
  /** None of them does. */
  readonly saysNot?: readonly RegExp[];
  /** The command is to fail. */
  readonly fails?: boolean;
  /** Who asks, where it is not the administrator. */
  readonly login?: string;
  /** Samba answers otherwise, and why. */
  readonly differs?: string;
}

const shares = (share: string, folder: string): readonly Case[] => [
  { command: ['share', 'list'], says: [new RegExp(`^${share}$`, 'm'), /^IPC\$$/m] },
  {
    command: ['share', 'add', `net1=${folder}`, '-C', 'about it', '-M', '7'],
    differs: 'Samba needs a script that adds them',
  },
  {
    command: ['share', 'list', '--long'],
    says: [/^net1\s+Disk\s+about it\s*$/m],
    differs: 'as before',
  },
  { command: ['share', 'allowedusers'], says: [new RegExp(`^${share}$`, 'm')] },
  { command: ['share', 'delete', 'net1'], differs: 'as before' },
  { command: ['share', 'list'], saysNot: [/^net1$/m] },
  { command: ['share', 'delete', 'net1'], fails: true },
];

const users: readonly Case[] = [
  { command: ['user'], saysNot: [new RegExp(USER)] },
  { command: ['user', 'add', USER, FIRST_PASSWORD], says: [/Added user/] },
  { command: ['user'], says: [new RegExp(`^${USER}$`, 'm')] },
  { command: ['user', 'add', USER, FIRST_PASSWORD], says: [/already exists/], fails: true },
  {
    command: ['user', 'info', USER],
    says: [/^None$/m],
    differs: 'Samba tells the Unix group of the user, where it is mapped',
  },
  // A login by it, and no right to change anything.
  { command: ['info'], login: `${USER}%${FIRST_PASSWORD}`, says: [/Domain SID: S-1-5-21-/] },
  {
    command: ['user', 'add', 'root2', 'x'],
    login: `${USER}%${FIRST_PASSWORD}`,
    says: [/Access is denied|ACCESS_DENIED/],
    fails: true,
  },
  { command: ['user', 'password', USER, SECOND_PASSWORD] },
  { command: ['info'], login: `${USER}%${SECOND_PASSWORD}`, says: [/Num users/] },
  {
    command: ['info'],
    login: `${USER}%${FIRST_PASSWORD}`,
    says: [/LOGON_FAILURE/],
    fails: true,
  },
  { command: ['password', USER, FIRST_PASSWORD] },
  {
    command: ['user', 'delete', 'nobody-here'],
    says: [/No mapping|could not be found/],
    fails: true,
  },
];

const groups: readonly Case[] = [
  { command: ['group', 'add', GROUP, '-C', 'about it'], says: [/Added group/] },
  { command: ['group', 'add', GROUP], says: [/already exists/], fails: true },
  {
    command: ['group', 'add', ALIAS, '-L', '-C', 'about it'],
    says: [/Added alias/],
    differs: 'Samba needs winbind for the gid of an alias',
  },
  { command: ['group', 'list', 'global'], says: [new RegExp(`^${GROUP}$`, 'm')] },
  {
    command: ['group', 'list', 'local'],
    says: [new RegExp(`^${ALIAS}$`, 'm')],
    saysNot: [new RegExp(`^${GROUP}$`, 'm')],
    differs: 'as before',
  },
  {
    command: ['group', 'list', 'builtin'],
    says: [/^Administrators$/m, /^Users$/m],
    differs: 'Samba has none of them without winbind',
  },
  { command: ['group', 'addmem', GROUP, USER], differs: SCRIPTS },
  {
    command: ['group', 'members', GROUP],
    says: [new RegExp(`\\\\${USER}$`, 'm')],
    differs: 'as before',
  },
  { command: ['user', 'info', USER], says: [new RegExp(`^${GROUP}$`, 'm')], differs: 'as before' },
  { command: ['group', 'addmem', ALIAS, USER], differs: 'as before' },
  {
    command: ['group', 'addmem', ALIAS, USER],
    says: [/MEMBER_IN_ALIAS/],
    fails: true,
    differs: 'as before',
  },
  {
    command: ['group', 'members', ALIAS],
    says: [new RegExp(`\\\\${USER}$`, 'm')],
    differs: 'as before',
  },
  {
    command: ['group', 'addmem', 'Administrators', USER],
    differs: 'Samba needs winbind for members of built-in aliases',
  },
  {
    command: ['group', 'members', 'Administrators'],
    says: [new RegExp(`\\\\${USER}$`, 'm')],
    differs: 'as before',
  },
  // What an administrator may, its members may.
  {
    command: ['rights', 'grant', USER, 'SeBackupPrivilege'],
    login: `${USER}%${FIRST_PASSWORD}`,
    says: [/Successfully granted/],
    differs: 'as before',
  },
  {
    command: ['rights', 'revoke', USER, 'SeBackupPrivilege'],
    says: [/Successfully revoked/],
    differs: 'as before',
  },
  { command: ['group', 'delmem', 'Administrators', USER], differs: 'as before' },
  {
    command: ['group', 'members', 'Administrators'],
    saysNot: [new RegExp(USER)],
    differs: 'as before',
  },
  { command: ['group', 'delmem', ALIAS, USER], differs: 'as before' },
  { command: ['group', 'delmem', GROUP, USER], differs: SCRIPTS },
  { command: ['group', 'members', GROUP], saysNot: [new RegExp(USER)] },
  {
    command: ['group', 'rename', ALIAS, `${ALIAS}2`],
    fails: true,
    says: [/failed/],
    differs: 'the command renames groups of a domain alone',
  },
  {
    command: ['group', 'rename', GROUP, `${GROUP}2`],
    differs: 'Samba renames no group whose name the system gave',
  },
  { command: ['group', 'rename', `${GROUP}2`, GROUP], differs: 'as before' },
  { command: ['group', 'delete', GROUP], differs: 'as before' },
  { command: ['group', 'delete', ALIAS], differs: 'as before' },
  {
    command: ['group', 'delete', 'Administrators'],
    says: [/SPECIAL_GROUP|failed/i],
    fails: true,
    differs: 'Samba lets it be deleted',
  },
  { command: ['group'], saysNot: [/usmbd-net[gl]/], differs: 'as before' },
];

const rest: readonly Case[] = [
  { command: ['info'], says: [/Domain Name: \S/, /Domain SID: S-1-5-21-/, /Num users: \d/] },
  { command: ['getsid'], says: [/Storing SID S-1-5-21-/] },
  { command: ['rights', 'list'], says: [/SeBackupPrivilege/, /SeDiskOperatorPrivilege/] },
  { command: ['rights', 'list', 'accounts'], says: [/BUILTIN\\Administrators/] },
  { command: ['rights', 'grant', 'root', 'SeBackupPrivilege'], says: [/Successfully granted/] },
  { command: ['rights', 'list', 'root'], says: [/^SeBackupPrivilege$/m] },
  { command: ['rights', 'revoke', 'root', 'SeBackupPrivilege'], says: [/Successfully revoked/] },
  { command: ['rights', 'grant', 'root', 'SeNoSuch'], says: [/NO_SUCH_PRIVILEGE/], fails: true },
  { command: ['file'], differs: 'Samba wants the login to be in Administrators, and root is not' },
  { command: ['file', 'close', '4711'], fails: true },
  {
    command: ['registry', 'enumerate', 'HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion'],
    says: [/Valuename\s+= CurrentVersion/, /REG_SZ/],
  },
  {
    command: [
      ...['registry', 'getvalue'],
      ...['HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion', 'SystemRoot'],
    ],
    says: [/Value\s+= "\w:\\\w+"/i],
  },
  { command: ['service', 'list'], says: [/^Spooler\s+"Print Spooler"$/m] },
  { command: ['service', 'status', 'Spooler'], says: [/Spooler service is/] },
  {
    command: ['audit', 'list'],
    says: [/Auditing:\s+Disabled/],
    differs: 'Samba claims to audit everything',
  },
  { command: ['trustdom', 'list'], says: [/Trusted domains list:\s+none/] },
  { command: ['trustdom', 'add', 'FOO', 'bar'], says: [/failed|NO_SUCH/i], fails: true },
  { command: ['vampire'], says: [/not running Active Directory/], fails: true },
];

const last: readonly Case[] = [
  { command: ['user', 'delete', USER], says: [/Deleted user/] },
  { command: ['user'], saysNot: [new RegExp(USER)] },
  {
    command: ['info'],
    login: `${USER}%${FIRST_PASSWORD}`,
    says: [/LOGON_FAILURE/],
    fails: true,
  },
];

/** What it leaves on the system is removed again. */
function systemUser(): () => void {
  try {
    execFileSync('id', [USER], { stdio: 'ignore' });
    return () => undefined;
  } catch {
    const rest = ['--no-create-home', '--shell', '/usr/sbin/nologin', USER];
    execFileSync('useradd', ['--system', ...rest]);
    return () => execFileSync('userdel', [USER], { stdio: 'ignore' });
  }
}

const { values } = commandLine({
  options: {
    ...targetOptions,
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const program = findProgram('net');
if (program === undefined) throw new Error('net is not installed (Debian: samba-common-bin)');
if (process.getuid?.() !== 0) throw new Error('port 445 and users of the system take root');
const isOurs = values.port === undefined;
const only = new RegExp(values.only);
const scratch = mkdtempSync(join(tmpdir(), 'usmbd-net-'));
const conf = join(scratch, 'client.conf');
const folders = ['private dir', 'lock directory', 'state directory', 'cache directory'];
mkdirSync(join(scratch, 'own'), { mode: 0o700 });
writeFileSync(
  conf,
  `[global]\n${folders.map((key) => `${key} = ${scratch}/own\n`).join('')}pid directory = ${scratch}/own\n`,
);
const removeUser = systemUser();
const target = await openTarget(values, [], {}, 'root');
const way = await relay(HOST, SMB_PORT, target);
const tally = new Tally();

async function check({ command, says = [], saysNot = [], fails, login }: Case): Promise<void> {
  const { user, password } = target.account;
  const args = ['rpc', ...command, '-s', conf, '-S', HOST, '-U', login ?? `${user}%${password}`];
  const { code, stdout, stderr } = await run(program!, args, { timeoutMs: LIMIT_MS });
  const said = tail(stdout + stderr, 20);
  for (const pattern of says) expect(pattern.test(stdout + stderr), `no ${pattern} in:\n${said}`);
  for (const pattern of saysNot) expect(!pattern.test(stdout + stderr), `${pattern} in:\n${said}`);
  expect((code !== 0) === (fails === true), `exit ${code}\n${said}`);
}

try {
  const folder = target.folder ?? tmpdir();
  for (const one of [...shares(target.share, folder), ...users, ...groups, ...rest, ...last]) {
    const name = `${one.command.join(' ')}${one.login === undefined ? '' : ` (${one.login})`}`;
    if (!only.test(name)) continue;
    if (!isOurs && one.differs !== undefined) tally.leaveOut(`${name}: ${one.differs}`);
    else await tally.check(name, () => check(one));
  }
  target.assertAlive();
} finally {
  way.close();
  await target.stop();
  removeUser();
  rmSync(scratch, { recursive: true, force: true });
}
tally.close(values.json);
// Connections of the relay may be open yet.
process.exit();
