/**
 * Samba's smbcacls: every way in which it reads and changes security descriptors (MS-SMB2 3.3.5.20.3, 3.3.5.21.3),
 * against usmbd or, with `--port`, the server that the options name: what is expected holds for Samba as well.
 *
 *     npm run interop:smbcacls
 *     npm run interop:smbcacls -- --port 445 --share s --user u --password p
 *     npm run interop:smbcacls -- --smbcacls PROGRAM      another release: --save and --restore are of later ones
 *
 * The program knows no port but 445, so the server is reached through a relay on an address of its own, which takes
 * root. Needs smbcacls (Debian: smbclient). `--sddl` is asked with `--domain-sid`: without, smbcacls 4.17 asks for
 * the domain's and ends in a fault of its own at usmbd's answer that there is none.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { relay } from '../support/relay.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, targetOptions } from '../support/target.ts';

const HOST = '127.0.0.3';
const SMB_PORT = 445;
const LIMIT_MS = 30_000;
const EVERYONE = 'S-1-1-0';
const AUTHENTICATED = 'S-1-5-11';
/** Rights as smbcacls writes them. */
const READ = '0x001200a9';
const CHANGE = '0x001301ff';
const FULL = '0x001f01ff';
const WRITE = '0x00120116';

const { values } = commandLine({
  options: { ...targetOptions, smbcacls: { type: 'string' }, smbclient: { type: 'string' } },
});
const program = values.smbcacls ?? findProgram('smbcacls');
const smbclient = values.smbclient ?? findProgram('smbclient');
if (program === undefined || smbclient === undefined) {
  throw new Error('smbcacls is not installed (Debian: apt-get install smbclient)');
}
const target = await openTarget(values, ['server signing = auto']);
const way = await relay(HOST, SMB_PORT, target);
const unc = `//${HOST}/${target.share}`;
const login = ['-U', `${target.account.user}%${target.account.password}`];
const scratch = mkdtempSync(join(tmpdir(), 'usmbd-cacls-'));

async function cacls(path: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program!, [unc, path, ...args, ...login], {
    timeoutMs: LIMIT_MS,
  });
  expect(
    code === 0,
    `smbcacls ${path} ${args.join(' ')}: exit ${code}\n${tail(stdout + stderr, 5)}`,
  );
  return stdout;
}

async function refused(status: string, path: string, ...args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run(program!, [unc, path, ...args, ...login], {
    timeoutMs: LIMIT_MS,
  });
  expect(code !== 0 && (stdout + stderr).includes(status), `no ${status}:\n${stdout}${stderr}`);
}

/** `SID:type/flags/rights` of a SID's entries. */
async function entries(path: string, sid: string): Promise<string[]> {
  const lines = (await cacls(path, '--numeric')).split('\n');
  return lines.flatMap((line) =>
    line.startsWith(`ACL:${sid}:`) ? [line.slice(5 + sid.length)] : [],
  );
}

async function holds(path: string, sid: string, ...wanted: readonly string[]): Promise<void> {
  const found = await entries(path, sid);
  expect(found.join() === wanted.join(), `${path}: ${found.join()} in place of ${wanted.join()}`);
}

async function client(commands: string): Promise<void> {
  const { code, stdout, stderr } = await run(smbclient!, [unc, ...login, '-c', commands], {
    timeoutMs: LIMIT_MS,
  });
  expect(code === 0, `smbclient: exit ${code}\n${tail(stdout + stderr, 5)}`);
}

const line = (text: string, key: string): string | undefined =>
  text.split('\n').find((each) => each.startsWith(`${key}:`));

/** A file, a folder in a folder, a file there: each case begins with its own. */
async function tree(name: string): Promise<void> {
  const file = join(scratch, 'file');
  await run('touch', [file], { timeoutMs: LIMIT_MS });
  const folders = [name, `${name}\\sub`, `${name}\\sub\\deep`];
  const files = [`${name}\\f`, `${name}\\sub\\deep\\h`];
  await client(
    [...folders.map((each) => `mkdir ${each}`), ...files.map((each) => `put ${file} ${each}`)].join(
      ';',
    ),
  );
  // So that nothing but what a case gives is inherited.
  await cacls(name, '-S', `ACL:${EVERYONE}:ALLOWED/0x0/FULL`);
  await cacls(`${name}/sub`, '-S', `ACL:${EVERYONE}:ALLOWED/0x0/FULL`);
}

const CASES: Readonly<Record<string, (name: string) => Promise<void>>> = {
  'a listing, by names, numbers and in SDDL': async (name) => {
    const named = await cacls(`${name}/f`);
    expect(line(named, 'REVISION') === 'REVISION:1', named);
    expect(named.includes('ACL:Everyone:ALLOWED/'), named);
    const sddl = await cacls(`${name}/f`, '--sddl', '--domain-sid=S-1-5-21-1-2-3');
    expect(/^O:S-1-5-21-[-\d]+G:\S+D:/m.test(sddl), sddl);
    expect((await cacls('/', '--numeric')).includes('OWNER:S-1-'), 'the root');
    await refused('NT_STATUS_OBJECT_NAME_NOT_FOUND', `${name}/nothing`);
  },
  'set, add, add again, modify, delete, delete what is not there': async (name) => {
    const path = `${name}/f`;
    await cacls(path, '-S', `ACL:${EVERYONE}:ALLOWED/0x0/FULL,ACL:${AUTHENTICATED}:DENIED/0x0/W`);
    await holds(path, EVERYONE, `0/0x0/${FULL}`);
    await holds(path, AUTHENTICATED, `1/0x0/${WRITE}`);
    await cacls(path, '-S', `ACL:${EVERYONE}:ALLOWED/0x0/FULL`);
    for (let round = 0; round < 2; round++) {
      await cacls(path, '-a', `ACL:${AUTHENTICATED}:ALLOWED/0x0/READ`);
      await holds(path, AUTHENTICATED, `0/0x0/${READ}`);
    }
    await cacls(path, '-M', `ACL:${AUTHENTICATED}:ALLOWED/0x0/CHANGE`);
    await holds(path, AUTHENTICATED, `0/0x0/${CHANGE}`);
    await cacls(path, '-D', `ACL:${AUTHENTICATED}:ALLOWED/0x0/CHANGE`);
    await holds(path, AUTHENTICATED);
    const gone = await cacls(path, '-D', `ACL:${AUTHENTICATED}:ALLOWED/0x0/CHANGE`);
    expect(gone.includes('not found'), gone);
  },
  'owner and group: to oneself and to a group; nobody else without a privilege': async (name) => {
    const path = `${name}/f`;
    const owner = line(await cacls(path, '--numeric'), 'OWNER')!.slice('OWNER:'.length);
    await cacls(path, '--chown', owner);
    await cacls(path, '--chgrp', 'S-1-5-32-545');
    expect(line(await cacls(path, '--numeric'), 'GROUP') === 'GROUP:S-1-5-32-545', 'the group');
    if (values.port === undefined) {
      await refused('NT_STATUS_INVALID_OWNER', path, '--chown', 'S-1-5-32-544');
    }
  },
  'inheritance: handed on by add, modify, delete and set': async (name) => {
    const inherit = (rights: string): string => `ACL:${AUTHENTICATED}:ALLOWED/OI|CI/${rights}`;
    await cacls(name, '-a', inherit('READ'), '--propagate-inheritance');
    await holds(`${name}/sub`, AUTHENTICATED, `0/0x13/${READ}`);
    await holds(`${name}/sub/deep`, AUTHENTICATED, `0/0x13/${READ}`);
    await holds(`${name}/sub/deep/h`, AUTHENTICATED, `0/0x10/${READ}`);
    await holds(`${name}/f`, AUTHENTICATED, `0/0x10/${READ}`);
    await cacls(name, '-M', inherit('CHANGE'), '--propagate-inheritance');
    await holds(`${name}/sub/deep/h`, AUTHENTICATED, `0/0x10/${CHANGE}`);
    await cacls(name, '-D', inherit('CHANGE'), '--propagate-inheritance');
    await holds(`${name}/sub/deep/h`, AUTHENTICATED);
    // Set replaces what a folder inherits, so that has to be gone first.
    await cacls(name, '-I', 'remove');
    await cacls(name, '-S', `ACL:${AUTHENTICATED}:ALLOWED/OI|CI/FULL`, '--propagate-inheritance');
    await holds(`${name}/sub/deep/h`, AUTHENTICATED, `0/0x10/${FULL}`);
  },
  'inheritance taken away, copied and allowed again': async (name) => {
    const path = `${name}/sub`;
    await cacls(name, '-a', `ACL:${AUTHENTICATED}:ALLOWED/OI|CI/READ`, '--propagate-inheritance');
    await cacls(path, '-I', 'remove');
    await holds(path, AUTHENTICATED);
    expect(line(await cacls(path, '--numeric'), 'CONTROL') === 'CONTROL:0x9004', 'not protected');
    await cacls(path, '-I', 'allow');
    await holds(path, AUTHENTICATED, `0/0x13/${READ}`);
    await cacls(path, '-I', 'copy');
    await holds(path, AUTHENTICATED, `0/0x3/${READ}`);
  },
  'the most that may be asked for, parts by number': async (name) => {
    const path = `${name}/f`;
    await cacls(path, '-S', `ACL:${EVERYONE}:ALLOWED/0x0/FULL`, '--set-security-info', '4');
    expect((await cacls(path, '-x')).includes('Maximum access: 0x1f01ff'), 'the most');
    const dacl = await cacls(path, '--query-security-info', '4', '--numeric');
    expect(line(dacl, 'OWNER') === 'OWNER:' || line(dacl, 'OWNER') === undefined, dacl);
  },
};

/** --save and --restore; the program may see no files of this machine but those below the temporary folder. */
async function saved(name: string): Promise<void> {
  const file = join(scratch, 'saved');
  await cacls(name, '-a', `ACL:${AUTHENTICATED}:ALLOWED/OI|CI/READ`, '--propagate-inheritance');
  await cacls(name, '--save', file, '--recurse');
  expect(readFileSync(file).length > 0, 'nothing is saved');
  await cacls(`${name}/sub/deep/h`, '-S', `ACL:${EVERYONE}:ALLOWED/0x0/FULL`);
  await holds(`${name}/sub/deep/h`, AUTHENTICATED);
  await cacls('.', '--restore', file);
  await holds(`${name}/sub/deep/h`, AUTHENTICATED, `0/0x10/${READ}`);
}

const tally = new Tally();
try {
  const help = await run(program, ['--help'], { timeoutMs: LIMIT_MS });
  const all = {
    ...CASES,
    ...((help.stdout + help.stderr).includes('--save') && { 'saved and restored': saved }),
  };
  for (const [index, [what, play]] of Object.entries(all).entries()) {
    const name = `cacls${process.pid}-${index}`;
    await tally.check(what, async () => {
      await tree(name);
      await play(name);
      await client(`deltree ${name}`);
    });
    target.assertAlive();
  }
} finally {
  way.close();
  await target.stop();
  rmSync(scratch, { recursive: true });
}
tally.close();
