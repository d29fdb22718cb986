/**
 * cifs-utils on one folder that usmbd and Samba share: getcifsacl, setcifsacl with every option, and every subcommand of
 * smbinfo, by Linux's client in a QEMU guest; the answers of the two servers are compared, differences explained.
 *
 *     npm run interop:cifs-utils
 *     npm run interop:cifs-utils -- --show                what each server answered
 *     npm run interop:cifs-utils -- --kernel FOLDER       another kernel
 *
 * Needs root, and Debian's cifs-utils, samba, samba-vfs-modules, python3, qemu-system-x86 and busybox-static.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unixUserSid } from '../../src/dtyp/sid.ts';
import { ridOfUser } from '../../src/dtyp/unix-sids.ts';
import { setxattr } from '../../src/native/xattr.ts';
import { commandLine } from '../support/command-line.ts';
import { cannotStartSamba, type Samba, startSamba } from '../support/samba.ts';
import { expect, Tally } from '../support/tally.ts';
import { startUsmbd, type Target } from '../support/target.ts';
import { HOST_ADDRESS, need } from './guest.ts';
import { fetchKernel, kernelIn } from './guest-image.ts';
import { startHostGuest } from './host-guest.ts';

const SHARE = 'disk';
const SNAPSHOTS = ['@GMT-2015.10.31-19.40.30', '@GMT-2020.02.29-00.00.00'];
/** A guest that is emulated boots, and starts some hundred programs from this machine's disk. */
const LIMIT_MS = 30 * 60_000;

/** Differences that are meant: the case, what usmbd has to answer, and why Samba answers something else. */
const EXPLAINED: readonly (readonly [name: RegExp, ours: RegExp, why: string])[] = [
  [/^filemodeinfo:/, /^Mode: 0x00000000 \(\)$/, 'Samba tells attributes as the mode of the open'],
  [/^root:fsctl-getobjid$/, /^Object-ID: [-0-9a-f]{36}$/m, 'Samba has no object ids'],
  [
    /^(fsctl-getobjid|getcompression):tree$/,
    /Permission denied/,
    'the client opens for the descriptor, too: to Samba whoever has rwx by the mode may write it',
  ],
  [/^(root:)?quota(:|$)/, /Operation not supported/, 'no quotas here; Samba wants another handle'],
  [
    /^(secdesc:|tree$)/,
    /1301[9f]f.*S-1-22-2-0|S-1-22-2-0:ALLOWED\/0x0\/RWD$/m,
    'to Samba whoever has rwx by the mode may change owner and descriptor as well',
  ],
  [/^(plain|root):get$/, /0x1f019f/, 'to Samba whoever reads may execute, and the owner does so'],
  [
    /^root:audit-(modify|delete|set)/,
    /^main: Empty DACL\nexit 255\n# filename/,
    'setcifsacl does not say that the list is present, so none was kept; Samba shows none to anybody',
  ],
  [/^root:delete-unknown/, /Nothing to delete\nexit 255\n# filename/, 'root may see the audits'],
  [/^root:(?!quota|get)/, /^exit 0\n# filename/, 'root may see the list of audits'],
];

/** Of times but that of the last write: Samba has that for the time of change, reading moves the time of access. */
const MASKED_TIMES = /^(Last Access|Last Change) Time: .*$/gm;

/** What is random, differs from second to second, or is each server's own to choose. */
function comparable(name: string, text: string): string {
  if (name.startsWith('keys:')) return text.replace(/\b[0-9a-f]{2}( [0-9a-f]{2})+/g, 'bytes');
  if (name.startsWith('filefsfullsizeinfo:')) return sizeOfDisk(text);
  if (name.startsWith('filestreaminfo:')) return text.split('\n\n').sort().join('\n\n');
  if (/^file(basic|all)info:/.test(name)) {
    // Of the folder nothing is stored yet: Samba takes the earliest time for that of its making.
    const masked = name.endsWith(':tree') ? text.replace(/^Creation Time: .*$/m, 'made') : text;
    // The mode by itself is filemodeinfo.
    return masked.replace(MASKED_TIMES, '$1').replace(/^Mode: .*$/m, 'Mode');
  }
  // Samba says "Domain Users" for the group of a user where usmbd says what the disk has.
  return /^plain:(?!group)/.test(name) ? text.replace(/^GROUP:.*$/gm, 'GROUP') : text;
}

/** In bytes: units are of one KiB to Samba, and blocks of the disk to usmbd. What is free changes. */
function sizeOfDisk(text: string): string {
  const number = (label: string): number =>
    Number(new RegExp(`^${label}: (\\d+)$`, 'm').exec(text)?.[1]);
  const bytes = number('Sectors Per Allocation Unit') * number('Bytes Per Sector');
  const free = number('Caller Available Allocation Units') * bytes;
  const total = number('Total Allocation Units') * bytes;
  return `${total} bytes, ${free > 0 && free <= total ? 'some' : 'none'} free`;
}

const idOf = (user: string): number =>
  Number(execFileSync('id', ['-u', user], { encoding: 'utf8' }));

interface Answers {
  readonly of: Readonly<Record<'usmbd' | 'samba', Map<string, string>>>;
  /** What kept the guest from its end. */
  readonly fault: string | undefined;
}

function layDown(base: string): void {
  const there = join(base, SHARE);
  mkdirSync(join(there, 'tree', 'sub'), { recursive: true });
  for (const file of ['file', 'tree/one', 'tree/sub/two']) {
    writeFileSync(join(there, file), 'content'.repeat(1000));
    chmodSync(join(there, file), 0o666);
  }
  for (const folder of ['', 'tree', 'tree/sub']) chmodSync(join(there, folder), 0o777);
  setxattr(join(there, 'file'), 'user.DosStream.more:$DATA', Buffer.from('a stream\0'));
  setxattr(join(there, 'file'), 'user.COLOUR', Buffer.from('blue'));
  for (const when of SNAPSHOTS)
    mkdirSync(join(base, '.snapshots', when, SHARE), { recursive: true });
}

async function ask(
  usmbd: Target,
  samba: Samba,
  kernelFolder: string | undefined,
): Promise<Answers> {
  const read = (name: string) =>
    readFileSync(new URL(`cifs-utils/${name}`, import.meta.url), 'utf8');
  const kernel =
    kernelFolder === undefined
      ? fetchKernel(join(tmpdir(), 'usmbd-kernel'))
      : kernelIn(kernelFolder);
  const [root, plain] = [usmbd.account, usmbd.secondAccount!];
  const script = `cat > /run/smbinfo-cases.py <<'ENDING'\n${read('smbinfo-cases.py')}ENDING\n`;
  const guest = startHostGuest(undefined, kernel, script + read('run-cases.sh'), {
    ADDRESS: HOST_ADDRESS,
    PORT_usmbd: `${usmbd.port}`,
    PORT_samba: `${samba.port}`,
    USER_ROOT: root.user,
    PASSWORD_ROOT: root.password,
    USER_PLAIN: plain.user,
    PASSWORD_PLAIN: plain.password,
    OTHER_SID: unixUserSid(1),
    SMBINFO: need('smbinfo', 'cifs-utils'),
  });
  const timer = setTimeout(() => void guest.stop(), LIMIT_MS);
  const of = { usmbd: new Map<string, string>(), samba: new Map<string, string>() };
  let finished = false;
  const complaints: string[] = [];
  for await (const line of guest.lines) {
    const [, side, name, text] = /^answer (usmbd|samba) (\S+) (.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      of[side as keyof typeof of].set(name, comparable(name, text!.replaceAll('~', '\n').trim()));
    } else if (line === 'finished') finished = true;
    else {
      complaints.push(line);
      console.log(`  ${line}`);
    }
  }
  clearTimeout(timer);
  const said = await guest.stop();
  return { of, fault: finished ? undefined : `${complaints.slice(-3).join('\n')}\n${said}` };
}

function compare(name: string, ours: string | undefined, theirs: string | undefined): void {
  expect(ours !== undefined && theirs !== undefined, `usmbd: ${ours}\nSamba: ${theirs}`);
  const explained = EXPLAINED.find(([pattern]) => pattern.test(name));
  if (explained === undefined) {
    expect(ours === theirs, `usmbd:\n${ours}\nSamba:\n${theirs}`);
    return;
  }
  const [, wanted, why] = explained;
  expect(
    wanted.test(ours),
    `usmbd does not answer ${wanted} (${why}):\n${ours}\nSamba:\n${theirs}`,
  );
  expect(ours !== theirs, `no difference any more: ${why}\nboth:\n${ours}`);
}

async function main(): Promise<void> {
  const { values } = commandLine({
    options: { kernel: { type: 'string' }, show: { type: 'boolean', default: false } },
  });
  for (const program of ['getcifsacl', 'setcifsacl', 'mount.cifs']) need(program, 'cifs-utils');
  need('python3', 'python3');
  const missing = cannotStartSamba();
  if (missing !== undefined) throw new Error(missing);
  const base = mkdtempSync(join(tmpdir(), 'usmbd-cifs-utils-'));
  chmodSync(base, 0o755);
  layDown(base);
  const lines = [
    'vfs objects = acl_xattr streams_xattr shadow_copy2',
    `shadow:mountpoint = ${base}`,
    `shadow:snapdir = ${base}/.snapshots`,
    `shadow:basedir = ${base}`,
    'admin users = root',
  ];
  const tally = new Tally();
  const path = `path = ${base}/${SHARE}`;
  const usmbd = await startUsmbd([], { [SHARE]: [path, ...lines] }, 'root');
  try {
    const machineSid = readFileSync(join(usmbd.state!, 'machine-sid'), 'utf8').trim();
    const accounts = [usmbd.account, usmbd.secondAccount!].map((account) => ({
      ...account,
      sid: `${machineSid}-${ridOfUser(idOf(account.user))}`,
    }));
    const samba = await startSamba({ folder: join(base, SHARE), accounts, machineSid, lines });
    try {
      const { of, fault } = await ask(usmbd, samba, values.kernel);
      for (const name of new Set([...of.usmbd.keys(), ...of.samba.keys()])) {
        await tally.check(name, async () => compare(name, of.usmbd.get(name), of.samba.get(name)));
        if (values.show)
          console.log(`usmbd:\n${of.usmbd.get(name)}\nSamba:\n${of.samba.get(name)}`);
      }
      await tally.check('the guest runs to its end', async () =>
        expect(fault === undefined, fault!),
      );
      usmbd.assertAlive();
    } finally {
      await samba.stop();
    }
  } finally {
    await usmbd.stop();
    rmSync(base, { recursive: true });
  }
  tally.close();
}

await main();
