/**
 * Drives usmbd with Samba's smbclient: what people do with a share, at every dialect, signed and
 * encrypted, with checksums on both sides.
 *
 *     npm run interop                            against a usmbd of its own
 *     npm run interop -- --dialect SMB3_11 --no-huge
 *     npm run interop -- --port 445 --share s --user u --password p --folder /srv/s
 *
 * Needs smbclient.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { type Finished, findProgram, run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, type Target, targetOptions } from '../support/target.ts';
import { runClientShares } from './client-shares.ts';
import {
  differences,
  HUGE_LENGTH_BYTES,
  type Manifest,
  makeHugeFile,
  makeSampleTree,
  manifestOf,
  noise,
  sha256,
  sha256OfFile,
} from './sample-tree.ts';
import { cannotCapture, checkOnTheWire } from './wire-check.ts';

const DIALECTS = ['SMB2_02', 'SMB2_10', 'SMB3_00', 'SMB3_02', 'SMB3_11'] as const;
type Dialect = (typeof DIALECTS)[number];
type Protection = 'sign' | 'encrypt';

const canEncrypt = (dialect: Dialect): boolean => dialect.startsWith('SMB3');

const CALL_LIMIT_MS = 120_000;
const HUGE_LIMIT_MS = 900_000;

/** What allinfo says of it before it goes on. */
const NO_SHORT_NAME = /NT_STATUS_(NOT_SUPPORTED|OBJECT_NAME_NOT_FOUND) getting alt name.*\n/;

interface Call {
  readonly dialect: Dialect;
  readonly protection?: Protection | 'off';
  readonly share?: string;
  readonly password?: string;
  readonly limitMs?: number;
  readonly cwd?: string;
}

/** One server, one sample tree, one scratch folder. */
class Smbclient {
  readonly target: Target;
  readonly scratch = mkdtempSync(join(tmpdir(), 'usmbd-smbclient-'));
  readonly sample = join(this.scratch, 'sample');
  readonly manifest: Manifest;
  private readonly program: string;

  constructor(program: string, target: Target) {
    this.program = program;
    this.target = target;
    mkdirSync(this.sample);
    makeSampleTree(this.sample);
    this.manifest = manifestOf(this.sample);
    const state = join(this.scratch, 'state');
    mkdirSync(state, { mode: 0o700 });
    const folders = ['private dir', 'lock directory', 'state directory', 'cache directory'];
    writeFileSync(
      join(this.scratch, 'client.conf'),
      `[global]\n${folders.map((key) => `\t${key} = ${state}\n`).join('')}`,
    );
  }

  /** A fresh folder on this side. */
  folder(name: string): string {
    const path = join(this.scratch, name);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    return path;
  }

  /** Runs smbclient with further arguments, whatever comes of it. */
  spawn(call: Call, args: readonly string[]): Promise<Finished> {
    const { account, host, port, share } = this.target;
    const { dialect, protection = 'sign', limitMs = CALL_LIMIT_MS } = call;
    return run(
      this.program,
      [
        `--configfile=${join(this.scratch, 'client.conf')}`,
        ...['-p', String(port), '-m', dialect, `--option=client min protocol=${dialect}`],
        ...['-U', `${account.user}%${call.password ?? account.password}`],
        `--client-protection=${protection}`,
        ...(args.includes('-L') ? [] : [`//${host}/${call.share ?? share}`]),
        ...args,
      ],
      {
        timeoutMs: limitMs,
        cwd: call.cwd ?? this.scratch,
        env: { ...process.env, LC_ALL: 'C.UTF-8' },
      },
    );
  }

  /** Runs commands of smbclient's that all have to succeed; gives what it printed. */
  async commands(call: Call, ...commands: readonly string[]): Promise<string> {
    const ended = await this.spawn(call, ['-c', commands.join('; ')]);
    // A server without 8.3 names has none to tell: MS-FSA 2.1.5.12.4.
    const text = (ended.stdout + ended.stderr).replace(NO_SHORT_NAME, '');
    expect(
      ended.code === 0 && !/NT_STATUS_/.test(text),
      `${commands.join('; ')}: exit ${ended.code}${ended.timedOut ? ', too slow' : ''}\n${tail(text, 40)}`,
    );
    return text;
  }

  /** The command has to fail with a status; smbclient's exit code does not tell for every command. */
  async refused(call: Call, command: string, status: RegExp): Promise<void> {
    const ended = await this.spawn(call, ['-c', command]);
    const text = ended.stdout + ended.stderr;
    expect(
      status.test(text),
      `${command}: wanted ${status}, got exit ${ended.code}\n${tail(text, 8)}`,
    );
  }

  /** Where a path of the share lies here, to look at it behind the server's back. */
  onDisk(path: string, encrypted = false): string | undefined {
    const folder = encrypted ? this.target.encryptedFolder : this.target.folder;
    return folder === undefined ? undefined : join(folder, path);
  }

  close(): void {
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

function expectSameTree(expected: Manifest, folder: string, what: string): void {
  const lines = differences(expected, manifestOf(folder));
  expect(lines.length === 0, `${what}:\n${lines.join('\n')}`);
}

type Case = readonly [name: string, body: (client: Smbclient, call: Call) => Promise<void>];

/** Each case works in a folder `w` that is made before and has to be empty after it. */
const CASES: readonly Case[] = [
  ['put and get', putAndGet],
  ['mkdir, ls, allinfo, du', lookAround],
  ['rename, del, rmdir', renameAndRemove],
  ['mput and mget of a tree', treeOverAndBack],
  ['tar c and x', tarOverAndBack],
  ['setea and geteas, a short name', attributesAndShortName],
  ['scopy', copyOnServer],
];

async function putAndGet(client: Smbclient, call: Call): Promise<void> {
  const bytes = noise(23 * 1048576 + 7, 'put and get');
  const folder = client.folder('single');
  writeFileSync(join(folder, 'up'), bytes);
  await client.commands({ ...call, cwd: folder }, 'put up w\\x.bin', 'get w\\x.bin down');
  expect(sha256(readFileSync(join(folder, 'down'))) === sha256(bytes), 'get: checksum differs');
  const there = client.onDisk('w/x.bin');
  if (there !== undefined) {
    expect(sha256(readFileSync(there)) === sha256(bytes), 'put: checksum differs on the server');
  }
  await client.commands({ ...call, cwd: folder }, 'put up w\\x.bin', 'del w\\x.bin');
}

async function lookAround(client: Smbclient, call: Call): Promise<void> {
  const folder = client.folder('look');
  writeFileSync(join(folder, 'five'), 'five!');
  const text = await client.commands(
    { ...call, cwd: folder },
    'cd w',
    'mkdir sub',
    'put five "a file.txt"',
    'put five sub\\five',
    'ls',
    'allinfo "a file.txt"',
    'recurse on',
    'du sub',
  );
  expect(/^ {2}sub\s+D\w* +0 /m.test(text), `ls shows no folder:\n${text}`);
  expect(/^ {2}a file\.txt\s+\w* +5 /m.test(text), `ls shows no file of 5 bytes:\n${text}`);
  expect(
    /blocks of size \d+\. \d+ blocks available/.test(text),
    `ls shows no free space:\n${text}`,
  );
  for (const key of ['create_time', 'access_time', 'write_time', 'change_time']) {
    const year = new Date().getFullYear();
    expect(new RegExp(`^${key}:.*${year}`, 'm').test(text), `allinfo: ${key}\n${text}`);
  }
  expect(/^stream: \[::\$DATA\], 5 bytes/m.test(text), `allinfo shows no data stream:\n${text}`);
  expect(/Total number of bytes: 5\b/.test(text), `du counts wrong:\n${text}`);
  await client.commands(call, 'cd w', 'del "a file.txt"', 'del sub\\five', 'rmdir sub');
}

async function renameAndRemove(client: Smbclient, call: Call): Promise<void> {
  const folder = client.folder('rename');
  writeFileSync(join(folder, 'f'), 'renamed');
  const inFolder = { ...call, cwd: folder };
  await client.commands(
    inFolder,
    'mkdir w\\d',
    'put f w\\d\\one',
    'rename w\\d\\one w\\d\\two',
    'rename w\\d w\\e',
    'get w\\e\\two back',
  );
  expect(readFileSync(join(folder, 'back'), 'utf8') === 'renamed', 'renamed file differs');
  await client.refused(inFolder, 'get w\\d\\one', /NT_STATUS_OBJECT_PATH_NOT_FOUND/);
  await client.refused(inFolder, 'mkdir w\\e', /NT_STATUS_OBJECT_NAME_COLLISION/);
  await client.refused(inFolder, 'rmdir w\\e', /NT_STATUS_DIRECTORY_NOT_EMPTY/);
  await client.commands(inFolder, 'del w\\e\\two', 'rmdir w\\e');
  await client.refused(inFolder, 'get w\\e\\two', /NT_STATUS_OBJECT_PATH_NOT_FOUND/);
}

async function treeOverAndBack(client: Smbclient, call: Call): Promise<void> {
  const over = { ...call, cwd: client.sample };
  await client.commands(over, 'cd w', 'recurse on', 'prompt off', 'mput *');
  const there = client.onDisk('w');
  if (there !== undefined) expectSameTree(client.manifest, there, 'mput');
  const back = client.folder('back');
  await client.commands({ ...call, cwd: back }, 'cd w', 'recurse on', 'prompt off', 'mget *');
  expectSameTree(client.manifest, back, 'mget');
  await client.commands(call, 'deltree w\\*');
}

async function tarOverAndBack(client: Smbclient, call: Call): Promise<void> {
  const up = join(client.scratch, 'up.tar');
  const down = join(client.scratch, 'down.tar');
  const packed = await run('tar', ['-C', client.sample, '-cf', up, '.'], { timeoutMs: 60_000 });
  expect(packed.code === 0, packed.stderr);
  await runTar(client, call, ['-D', 'w', '-Tx', up]);
  const there = client.onDisk('w');
  if (there !== undefined) expectSameTree(client.manifest, there, 'tar x');
  await runTar(client, call, ['-D', 'w', '-Tc', down]);
  const back = client.folder('untar');
  const unpacked = await run('tar', ['-C', back, '-xf', down], { timeoutMs: 60_000 });
  expect(unpacked.code === 0, unpacked.stderr);
  expectSameTree(client.manifest, existsSync(join(back, 'w')) ? join(back, 'w') : back, 'tar c');
  await client.commands(call, 'deltree w\\*');
}

async function attributesAndShortName(client: Smbclient, call: Call): Promise<void> {
  const folder = client.folder('attributes');
  writeFileSync(join(folder, 'f'), 'by its short name');
  const inFolder = { ...call, cwd: folder };
  const text = await client.commands(
    inFolder,
    'put f "w\\a long name.text"',
    'setea "w\\a long name.text" Color blue',
    'setea "w\\a long name.text" gone x',
    'setea "w\\a long name.text" COLOR green',
    'setea "w\\a long name.text" gone ""',
    'geteas "w\\a long name.text"',
    'allinfo "w\\a long name.text"',
  );
  expect(/^Color \(0\) =\n.*green$/m.test(text) && !text.includes('gone'), `geteas:\n${text}`);
  const short = /^altname: (\S+)$/m.exec(text)?.[1];
  expect(short !== undefined, `allinfo shows no short name:\n${text}`);
  await client.commands(inFolder, `get w\\${short} back`, `del w\\${short}`);
  expect(readFileSync(join(folder, 'back'), 'utf8') === 'by its short name', 'another file');
}

/** By SRV_COPYCHUNK, chunk after chunk; smbclient's smallest dialect for it is 2.02. */
async function copyOnServer(client: Smbclient, call: Call): Promise<void> {
  const bytes = noise(19 * 1048576 + 3, 'scopy');
  const folder = client.folder('scopy');
  writeFileSync(join(folder, 'f'), bytes);
  const inFolder = { ...call, cwd: folder };
  await client.commands(inFolder, 'put f w\\f', 'scopy w\\f w\\g', 'get w\\g back');
  expect(sha256(readFileSync(join(folder, 'back'))) === sha256(bytes), 'scopy: checksum differs');
  await client.refused(inFolder, 'scopy w\\none w\\h', /NT_STATUS_OBJECT_NAME_NOT_FOUND/);
  await client.commands(inFolder, 'del w\\f', 'del w\\g');
}

async function runTar(client: Smbclient, call: Call, args: readonly string[]): Promise<void> {
  const ended = await client.spawn(call, args);
  const text = ended.stdout + ended.stderr;
  expect(ended.code === 0 && !/NT_STATUS_/.test(text), `smbclient ${args.join(' ')}: ${text}`);
}

async function runCases(client: Smbclient, tally: Tally, call: Call, only: RegExp): Promise<void> {
  for (const [name, body] of CASES) {
    const title = `${call.dialect} ${call.protection}: ${name}`;
    if (!only.test(title)) continue;
    await tally.check(title, async () => {
      client.target.assertAlive();
      await client.spawn(call, ['-c', 'deltree w']);
      await client.commands(call, 'mkdir w');
      await body(client, call);
      await client.commands(call, 'rmdir w');
      const there = client.onDisk('w');
      expect(there === undefined || !existsSync(there), 'the folder is still there');
    });
  }
}

/** Who is let in, and what is listed. */
async function runRefusals(
  client: Smbclient,
  tally: Tally,
  dialect: Dialect,
  only: RegExp,
): Promise<void> {
  const check = async (name: string, body: () => Promise<void>): Promise<void> => {
    if (only.test(`${dialect}: ${name}`)) await tally.check(`${dialect}: ${name}`, body);
  };
  await check('a wrong password is refused', () =>
    client.refused({ dialect, password: 'not it' }, 'ls', /NT_STATUS_LOGON_FAILURE/),
  );
  await check('an unknown share is refused', () =>
    client.refused({ dialect, share: 'no-such' }, 'ls', /NT_STATUS_BAD_NETWORK_NAME/),
  );
  await check('-L lists the shares', async () => {
    const { stdout, stderr } = await client.spawn({ dialect }, ['-g', '-L', client.target.host]);
    const name = client.target.share;
    expect(new RegExp(`^Disk\\|${name}\\|`, 'm').test(stdout), stdout + stderr);
    expect(/^IPC\|IPC\$\|/m.test(stdout), stdout + stderr);
  });
  const share = client.target.encryptedShare;
  if (share === undefined) {
    tally.leaveOut(`${dialect}: the encrypted share (the server was given without one)`);
  } else if (canEncrypt(dialect)) {
    await check('an encrypted share is served to who encrypts', async () => {
      const text = await client.commands({ dialect, share, protection: 'encrypt' }, 'ls');
      expect(/blocks available/.test(text), text);
    });
  } else {
    await check('an encrypted share is refused', () =>
      client.refused({ dialect, share }, 'ls', /NT_STATUS_ACCESS_DENIED/),
    );
    await check('a client that demands encryption gets nothing', () =>
      client.refused({ dialect, protection: 'encrypt' }, 'ls', /NT_STATUS_|encrypt/i),
    );
  }
}

/** What people see of a share, read along by tshark: only what is not encrypted can be read. */
async function runOnTheWire(client: Smbclient, tally: Tally, dialect: Dialect): Promise<void> {
  const why = cannotCapture();
  if (why !== undefined) {
    tally.leaveOut(`${dialect}: tshark's opinion (${why})`);
    return;
  }
  await tally.check(`${dialect}: tshark finds nothing malformed`, () =>
    checkOnTheWire(client.target.port, join(client.scratch, 'capture.pcapng'), async () => {
      const folder = client.folder('wire');
      // On a port other than 445, tshark takes lengths for NetBIOS's, of 17 bits.
      writeFileSync(join(folder, 'f'), noise(100_000, 'wire'));
      const names = [
        'put f w1',
        'allinfo w1',
        'ls',
        'mkdir d1',
        'rename w1 d1\\w2',
        'get d1\\w2 g',
      ];
      await client.commands({ dialect, cwd: folder }, ...names, 'del d1\\w2', 'rmdir d1', 'du');
      await client.spawn({ dialect }, ['-g', '-L', client.target.host]);
    }),
  );
}

/** 5 GiB over and back: offsets past 4 GiB. It costs twice that on disk. */
async function hugeFile(client: Smbclient): Promise<void> {
  const folder = client.folder('huge');
  const { bavail, bsize } = statfsSync(folder);
  expect(bavail * bsize > 3 * HUGE_LENGTH_BYTES, 'too little room on disk for the huge file');
  makeHugeFile(join(folder, 'up'));
  const sum = await sha256OfFile(join(folder, 'up'));
  const call: Call = { dialect: 'SMB3_11', limitMs: HUGE_LIMIT_MS, cwd: folder };
  await client.commands(call, 'put up huge.bin');
  rmSync(join(folder, 'up'));
  const there = client.onDisk('huge.bin');
  if (there !== undefined) {
    expect(statSync(there).size === HUGE_LENGTH_BYTES, 'the length differs on the server');
    expect((await sha256OfFile(there)) === sum, 'the checksum differs on the server');
  }
  await client.commands(call, 'get huge.bin down');
  expect((await sha256OfFile(join(folder, 'down'))) === sum, 'the checksum differs after get');
  await client.commands(call, 'del huge.bin');
  client.folder('huge');
}

async function main(): Promise<void> {
  const { values } = commandLine({
    allowNegative: true,
    options: {
      ...targetOptions,
      dialect: { type: 'string', multiple: true, default: [...DIALECTS] },
      only: { type: 'string', default: '' },
      huge: { type: 'boolean', default: true },
      json: { type: 'string' },
    },
  });
  const program = findProgram('smbclient');
  if (program === undefined) throw new Error('smbclient is not installed');
  const only = new RegExp(values.only);
  const tally = new Tally();
  const target = await openTarget(values);
  const client = new Smbclient(program, target);
  try {
    for (const dialect of DIALECTS) {
      if (!values.dialect.includes(dialect)) {
        tally.leaveOut(`dialect ${dialect}`);
        continue;
      }
      await runRefusals(client, tally, dialect, only);
      await runCases(client, tally, { dialect, protection: 'sign' }, only);
      if (only.test(`${dialect}: tshark`)) await runOnTheWire(client, tally, dialect);
      if (canEncrypt(dialect)) {
        await runCases(client, tally, { dialect, protection: 'encrypt' }, only);
      }
    }
    if (!values.huge) tally.leaveOut('the 5 GiB file');
    else if (only.test('a sparse file of 5 GiB')) {
      await tally.check('a sparse file of 5 GiB', () => hugeFile(client));
    }
    target.assertAlive();
    if (values.port === undefined) await runClientShares(program, tally, only);
    else tally.leaveOut('shares by client (a server of its own)');
  } finally {
    client.close();
    await target.stop();
  }
  tally.close(values.json);
}

await main();
