/**
 * SMB1 by clients of others: smbclient (with and without the Unix extensions), curl, and Linux's own client in a QEMU
 * guest (likewise).
 *
 *     npm run interop:old
 *     npm run interop:old -- --only curl
 *     npm run interop:old -- --only vers=1.0 --files 50 --kernel /
 *
 * Needs smbclient, curl, qemu-system-x86_64 and busybox-static, and Debian's kernel package (apt-get download).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_USER,
  ACL_USER_OBJ,
  encodePosixAcl,
  POSIX_ACL_ACCESS,
  POSIX_ACL_DEFAULT,
  type PosixAclTag,
} from '../../src/fscc/posix-acl.ts';
import { setxattr } from '../../src/native/xattr.ts';
import { commandLine } from '../support/command-line.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { startUsmbd, type Target } from '../support/target.ts';
import { guestPrograms } from './guest.ts';
import { fetchKernel, type Kernel, kernelIn } from './guest-image.ts';
import { startHostGuest } from './host-guest.ts';
import { runGuest } from './kernel-guest.ts';
import { noise } from './sample-tree.ts';

const { values } = commandLine({
  options: {
    only: { type: 'string' },
    files: { type: 'string', default: '200' },
    kernel: { type: 'string' },
    cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
  },
});

const LIMIT_MS = 120_000;
/** The guest is emulated: half a minute to boot, and a minute for each mount. */
const GUEST_LIMIT_MS = 900_000;
const MOUNTS: readonly string[] = ['vers=1.0,unix', 'vers=1.0,nounix'];
const SMB1 = ['server signing = auto', 'server min protocol = NT1'];
const DATA = noise(300_000, 'smb1');

const scratch = mkdtempSync(join(tmpdir(), 'usmbd-smb1-'));
const state = join(scratch, 'state');
mkdirSync(state, { mode: 0o700 });
const config = join(scratch, 'client.conf');
const folders = ['private dir', 'lock directory', 'state directory', 'cache directory'];
writeFileSync(
  config,
  `[global]\n\tclient min protocol = NT1\n${folders.map((key) => `\t${key} = ${state}\n`).join('')}`,
);
const local = join(scratch, 'data');
writeFileSync(local, DATA);

async function smbclient({ port, share, account }: Target, commands: string): Promise<string> {
  const { code, stdout, stderr } = await run(
    'smbclient',
    [
      ...[`--configfile=${config}`, '-m', 'NT1', '-p', String(port)],
      ...['-U', `${account.user}%${account.password}`, `//127.0.0.1/${share}`, '-c', commands],
    ],
    { timeoutMs: LIMIT_MS, cwd: scratch },
  );
  const text = stdout + stderr;
  expect(code === 0 && !/NT_STATUS/.test(text), tail(text, 8));
  return text;
}

const curl = ({ port, share, account }: Target, ...args: string[]) =>
  run(
    'curl',
    [
      ...['-sS', '-u', `${account.user}:${account.password}`],
      ...[`smb://127.0.0.1:${port}/${share}/curl`, ...args],
    ],
    { timeoutMs: LIMIT_MS, cwd: scratch },
  );

async function filesAndFolders(target: Target): Promise<void> {
  await smbclient(target, 'mkdir d; put data d/a; rename d/a d/b; get d/b back');
  expect(readFileSync(join(scratch, 'back')).equals(DATA), 'what came back is not what was put');
  const listed = await smbclient(target, 'cd d; ls');
  expect(/^ {2}b .* 300000 /m.test(listed), listed);
  expect(/\[::\$DATA\], 300000/.test(await smbclient(target, 'allinfo d/b')), 'allinfo');
  await smbclient(target, 'del d/b; rmdir d');
}

async function unixExtensions(target: Target): Promise<void> {
  const told = await smbclient(
    target,
    'posix; posix_mkdir u 750; put data u/f; symlink f u/l; hardlink u/f u/h; chmod 640 u/f; ' +
      'stat u/f; readlink u/l; posix_whoami; posix_unlink u/l; posix_unlink u/h; posix_unlink u/f; posix_rmdir u',
  );
  expect(/posix_path_operations/.test(told), 'capabilities');
  expect(/Links: 2[\s\S]*\(0640\/-rw-r-----\)/.test(told), told);
  expect(/u\/l -> f/.test(told), told);
}

/** A list that somebody on the server has set, as smbclient reads it. */
async function accessLists(target: Target): Promise<void> {
  await smbclient(target, 'posix; posix_mkdir acl 755');
  const entry = (tag: PosixAclTag, permissions: number, id?: number) => ({ tag, permissions, id });
  const list = [
    ...[entry(ACL_USER_OBJ, 7), entry(ACL_USER, 6, 12_345), entry(ACL_GROUP_OBJ, 5)],
    ...[entry(ACL_MASK, 7), entry(ACL_OTHER, 1)],
  ];
  const path = join(target.folder!, 'acl');
  for (const name of [POSIX_ACL_ACCESS, POSIX_ACL_DEFAULT]) {
    expect(setxattr(path, name, encodePosixAcl(list)) === 0, `the disk has no ${name}`);
  }
  const told = await smbclient(target, 'posix; getfacl acl; posix_rmdir acl');
  for (const line of ['user:12345:rw-', 'mask::rwx', 'other::--x']) {
    expect(told.includes(`\n${line}`), `${line} is missing: ${told}`);
    expect(told.includes(`\ndefault:${line}`), `default:${line} is missing: ${told}`);
  }
}

/** posix_open, lock and unlock; what is wrong with one of them smbclient tells as NT_STATUS. */
async function posixLocks(target: Target): Promise<void> {
  const told = await smbclient(
    target,
    'posix; posix_open l 644; lock 1 w 0 64; lock 1 r a a; unlock 1 0 64; lock 1 w 0 ffff; close 1; posix_unlink l',
  );
  expect(/capabilities locks acls /.test(told), `capabilities: ${told}`);
  expect(/posix_open file \S+: for read\/write fnum 1/.test(told), told);
}

async function curlBothWays(target: Target): Promise<void> {
  const put = await curl(target, '-T', local);
  expect(put.code === 0, put.stderr);
  const back = join(scratch, 'curled');
  const got = await curl(target, '-o', back);
  expect(got.code === 0 && readFileSync(back).equals(DATA), got.stderr);
}

async function curlRefused(target: Target): Promise<void> {
  const { code } = await curl(target, '-T', local);
  // CURLE_LOGIN_DENIED
  expect(code === 67, `curl ends with ${code}`);
}

async function mounts(target: Target): Promise<void> {
  const chosen = MOUNTS.filter((mount) => mount.includes(values.only ?? ''));
  if (chosen.length === 0) return;
  const kernel = kernelOfGuest();
  const files = Number(values.files);
  const how = { ...guestPrograms(), kernel, files, mounts: chosen, limitMs: GUEST_LIMIT_MS };
  await runGuest({ target, ...how }, tally);
}

/** What the guest of the mounts above has no programs for. */
async function posixOfLinux(target: Target): Promise<void> {
  const script = readFileSync(new URL('smb1-posix.sh', import.meta.url), 'utf8');
  const guest = startHostGuest(target, kernelOfGuest(), script, {});
  const timer = setTimeout(() => void guest.stop(), GUEST_LIMIT_MS);
  const told: string[] = [];
  for await (const line of guest.lines) {
    told.push(line);
    if (line === 'finished') break;
  }
  clearTimeout(timer);
  const said = await guest.stop();
  expect(told.length === 1 && told[0] === 'finished', `${told.join('\n')}\n${said}`);
}

function kernelOfGuest(): Kernel {
  mkdirSync(values.cache, { recursive: true });
  return values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
}

const tally = new Tally();
const check = async (name: string, body: () => Promise<void>): Promise<void> => {
  if (values.only === undefined || name.includes(values.only)) await tally.check(name, body);
};
for (const program of ['smbclient', 'curl']) {
  if (findProgram(program) !== undefined) continue;
  console.error(`${program} is not installed`);
  process.exit(2);
}
const permitting = await startUsmbd([...SMB1, 'ntlm auth = ntlmv1-permitted']);
const refusing = await startUsmbd(SMB1);
try {
  await check('smbclient: files and folders', () => filesAndFolders(permitting));
  await check('smbclient: Unix extensions', () => unixExtensions(permitting));
  await check('smbclient: POSIX ACLs', () => accessLists(permitting));
  await check('smbclient: POSIX locks', () => posixLocks(permitting));
  await check('curl: put and get', () => curlBothWays(permitting));
  await check('curl: refused without NTLMv1', () => curlRefused(refusing));
  await check('vers=1.0,unix: POSIX ACLs and byte ranges', () => posixOfLinux(refusing));
  await mounts(refusing);
} finally {
  await Promise.all([permitting.stop(), refusing.stop()]);
  rmSync(scratch, { recursive: true, force: true });
}
tally.close();
