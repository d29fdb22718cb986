/**
 * Samba's gentest: operations at random, valid ones, on two servers at once; every answer is compared. It stops
 * at the first difference. One that EXPLAINED has a reason for does not count: gentest goes on with another
 * seed until all operations of the seed are done.
 *
 *     npm run interop:gentest -- --port 445 --share s --user u --password p
 *     npm run interop:gentest -- --port 445 … --seed 7 --seeds 1 --operations 500
 *
 * The options name the other server, Samba, which must not listen on 127.0.0.2 as well: usmbd is started and put
 * there, on the same port, since gentest knows one port for both. The user must hold no privilege there,
 * as here, and the share keeps streams as files (`vfs objects = streams_depot`): ext4 has room for no more than 4 KiB
 * of them in an inode. Extended attributes are left out: Samba refuses them for streams and spaces in their names.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCESS_SYSTEM_SECURITY } from '../../src/dtyp/access-mask.ts';
import { FILE_ATTRIBUTE_ENCRYPTED } from '../../src/fscc/attributes.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { decodeCreateRequest } from '../../src/smb2/create.ts';
import { Command, HEADER_SIZE } from '../../src/smb2/header.ts';
import { commandLine } from '../support/command-line.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { type Recorder, startRecorder } from '../support/recorder.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, startUsmbd, targetOptions } from '../support/target.ts';

const USMBD_HOST = '127.0.0.2';
/** Of one run: gentest ends by itself after its operations. */
const RUN_LIMIT_MS = 120_000;
/** Each run of a seed that was stopped by an explained difference begins with another one. */
const SEEDS_APART = 100_000;

/** gentest's own list: fields, statuses and pairs of statuses (usmbd's, Samba's) that may differ. */
const IGNORED: Readonly<Record<string, string>> = {
  '*alloc_size': 'blocks of the disk, and what is reserved beyond the end of a file',
  '*file_id': 'inode numbers',
  '*access_time': 'reading moves it or not, as the disk is mounted',
  '*alt_name_info.out.fname': 'each server generates 8.3 names of its own',
  '*change_time': 'Samba cannot set it',
  '*mode': 'Samba tells a mode of its own where none was asked for',
  '*position': 'Samba forgets what was set',
  NT_STATUS_INVALID_PARAMETER: 'several faults in one request: which is found first',
  NT_STATUS_ACCESS_DENIED: 'likewise',
  NT_STATUS_SHARING_VIOLATION: 'likewise',
  NT_STATUS_DELETE_PENDING: 'likewise',
  'NT_STATUS_OBJECT_NAME_INVALID:NT_STATUS_OBJECT_NAME_NOT_FOUND':
    'a name is looked at before the file',
  'NT_STATUS_OBJECT_NAME_INVALID:NT_STATUS_OBJECT_PATH_NOT_FOUND':
    'a name is looked at before its folder',
};

interface Explained {
  /** The line that gentest prints. */
  readonly line: RegExp;
  /** What the request that was answered differently has to be. */
  readonly request?: (message: Buffer) => boolean;
  readonly why: string;
}

const isCommand = (message: Buffer, command: number): boolean =>
  message.readUInt16LE(12) === command;

const ofCreate =
  (test: (request: ReturnType<typeof decodeCreateRequest>) => boolean) =>
  (message: Buffer): boolean =>
    isCommand(message, Command.CREATE) && test(decodeCreateRequest(message));

const FILE_ATTRIBUTE_DEVICE_AND_VOLUME = 0x48;
/** TEMPORARY, OFFLINE, NOT_CONTENT_INDEXED. */
const ATTRIBUTES_OF_WINDOWS = 0x3100;

const RENAMES: ReadonlySet<number> = new Set([
  FileInformationClass.FileRenameInformation,
  FileInformationClass.FileLinkInformation,
]);

const EXPLAINED: readonly Explained[] = [
  {
    line: /smb2_create.* - NT_STATUS_INVALID_PARAMETER NT_STATUS_OK/,
    request: ofCreate((r) => (r.fileAttributes & FILE_ATTRIBUTE_DEVICE_AND_VOLUME) !== 0),
    why: 'attributes that no file has: INVALID_PARAMETER, as smb2.create.gentest wants it',
  },
  {
    line: /smb2_create.* - NT_STATUS_ACCESS_DENIED NT_STATUS_OK/,
    request: ofCreate((r) => (r.fileAttributes & FILE_ATTRIBUTE_ENCRYPTED) !== 0),
    why: 'what is to be encrypted: ACCESS_DENIED, as smb2.create.gentest wants it',
  },
  {
    line: /out\.file_attr/,
    request: ofCreate((r) => (r.fileAttributes & ATTRIBUTES_OF_WINDOWS) !== 0),
    why: 'temporary, offline and not indexed are kept, of a file that is made by its stream as well (MS-FSA 2.1.5.1.1)',
  },
  {
    line: /smb2_write.* - NT_STATUS_OK NT_STATUS_INVALID_PARAMETER/,
    request: (m) => isCommand(m, Command.WRITE) && m.readUInt32LE(HEADER_SIZE + 4) === 0,
    why: 'a WRITE of nothing without a DataOffset: nothing is to be found there',
  },
  {
    line: /smb2_setinfo_file.* - NT_STATUS_INVALID_PARAMETER NT_STATUS_OK/,
    request: (m) => isCommand(m, Command.SET_INFO),
    why: 'allocation and size of a directory: INVALID_PARAMETER (MS-FSA 2.1.5.15.1, 2.1.5.15.5)',
  },
  {
    line: /smb2_create/,
    request: ofCreate(({ createContexts }) => createContexts.some(({ name }) => name === 'TWrp')),
    why: 'TWrp: Samba without a module of its own for snapshots passes it over (MS-SMB2 3.3.5.9.4)',
  },
  {
    line: /smb2_getinfo_file.* - NT_STATUS_OK NT_STATUS_INVALID_PARAMETER/,
    request: (m) =>
      isCommand(m, Command.QUERY_INFO) &&
      m[HEADER_SIZE + 3] === FileInformationClass.FileStreamInformation,
    why: "a stream's handle tells the streams of its file (MS-FSA 2.1.5.12.29)",
  },
  {
    line: /smb2_setinfo_file.* - NT_STATUS_ACCESS_DENIED NT_STATUS_OK/,
    request: (m) => isCommand(m, Command.SET_INFO) && RENAMES.has(m[HEADER_SIZE + 3]!),
    why: 'a rename over what is open, read-only or a folder, or of what has streams open (MS-FSA 2.1.5.15.12.1)',
  },
  {
    line: /smb2_setinfo_file.* - NT_STATUS_OBJECT_NAME_INVALID NT_STATUS_OK/,
    request: (m) => isCommand(m, Command.SET_INFO) && RENAMES.has(m[HEADER_SIZE + 3]!),
    why: 'a new name with a path and a stream in it (MS-FSA 2.1.5.15.12)',
  },
  {
    line: /smb2_setinfo_file.* - NT_STATUS_ACCESS_DENIED NT_STATUS_OK/,
    request: (m) =>
      isCommand(m, Command.SET_INFO) &&
      m[HEADER_SIZE + 3] === FileInformationClass.FileDispositionInformation,
    why: 'to take a deletion back wants the right to delete, too (MS-FSA 2.1.5.15.3)',
  },
  {
    line: /_time - /,
    request: (m) => !isCommand(m, Command.CREATE) || decodeCreateRequest(m).name.includes(':'),
    why: 'of a stream: times are those of its file; where Samba keeps streams as files, those of that file',
  },
  {
    line: /out\.create_action/,
    request: ofCreate(({ name }) => /\\foo[45]/.test(name)),
    why: 'the file of a stream: Samba leaves it behind where FILE_OVERWRITE finds no such stream',
  },
  {
    line: /smb2_setinfo_file.* - NT_STATUS_FILE_LOCK_CONFLICT NT_STATUS_OK/,
    request: (m) => isCommand(m, Command.SET_INFO),
    why: 'a new size cuts or adds what others have locked (MS-FSA 2.1.5.15.5)',
  },
  {
    line: /smb2_create.* - NT_STATUS_SHARING_VIOLATION NT_STATUS_OK/,
    request: ofCreate(() => true),
    why: 'whoever may delete one stream is in the way of all that share no deletion (MS-FSA 2.1.5.1.2.2)',
  },
  {
    line: /\.fname - (\S+)(:\S+) \2$/,
    why: "a stream's name is that of its file with its own (MS-FSA 2.1.5.12.19); Samba tells its own alone",
  },
  {
    line: /smb2_create.* - NT_STATUS_(?!OK )\S+ NT_STATUS_PRIVILEGE_NOT_HELD/,
    request: ofCreate((r) => (r.desiredAccess & ACCESS_SYSTEM_SECURITY) !== 0),
    why: 'whether there is such a file comes before the privilege to audit it (MS-FSA 2.1.5.1)',
  },
  {
    line: /smb2_(write|setinfo_file).* - NT_STATUS_DISK_FULL NT_STATUS_OK/,
    why: 'a stream that has no room in its extended attribute',
  },
];

interface Run {
  readonly operations: number;
  /** gentest's words; undefined where all operations were answered alike. */
  readonly difference: string | undefined;
}

interface Gentest {
  readonly program: string;
  readonly args: readonly string[];
  readonly recorder: Recorder;
  readonly cwd: string;
}

async function runOnce(
  { program, args, cwd }: Gentest,
  seed: number,
  operations: number,
): Promise<Run> {
  const all = [...args, `--num-ops=${operations}`, `--seed=${seed}`];
  // It keeps its seeds where it runs.
  const how = { timeoutMs: RUN_LIMIT_MS, cwd };
  const { stdout, stderr, timedOut } = await run(program, all, how);
  const text = stdout + stderr;
  expect(!timedOut, `seed ${seed}: no end after ${RUN_LIMIT_MS / 1000} s\n${tail(text, 10)}`);
  const failed = /Failed at operation (\d+)/.exec(text);
  if (failed === null) {
    expect(/gentest completed/.test(text), `seed ${seed}: gentest did not run\n${tail(text, 10)}`);
    return { operations, difference: undefined };
  }
  const difference = /^(?:status different|Mismatch|.* is NULL!).*$/m.exec(text)?.[0];
  return { operations: Number(failed[1]) + 1, difference: difference ?? tail(text, 5) };
}

const reasons = new Map<string, number>();

function explain(difference: string, message: Buffer | undefined): string | undefined {
  const found = EXPLAINED.find(
    ({ line, request }) =>
      line.test(difference) &&
      (request === undefined || (message !== undefined && request(message))),
  );
  if (found !== undefined) reasons.set(found.why, (reasons.get(found.why) ?? 0) + 1);
  return found?.why;
}

function describe(message: Buffer | undefined): string {
  if (message === undefined) return 'no request';
  if (!isCommand(message, Command.CREATE)) {
    return `command ${message.readUInt16LE(12)}: ${message.toString('hex', HEADER_SIZE, HEADER_SIZE + 120)}`;
  }
  const { name, desiredAccess, fileAttributes, shareAccess, ...rest } =
    decodeCreateRequest(message);
  const { createDisposition, createOptions, createContexts } = rest;
  const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
  const contexts = createContexts.map((context) => context.name).join();
  return (
    `CREATE ${name}: access ${hex(desiredAccess)}, attributes ${hex(fileAttributes)}, share ${shareAccess}, ` +
    `disposition ${createDisposition}, options ${hex(createOptions)}, contexts ${contexts}`
  );
}

async function runSeed(gentest: Gentest, seed: number, operations: number): Promise<void> {
  let left = operations;
  for (let part = 0; left > 0; part++) {
    const { operations: done, difference } = await runOnce(
      gentest,
      seed + part * SEEDS_APART,
      left,
    );
    left -= done;
    if (difference === undefined) return;
    const { last } = gentest.recorder;
    const why = explain(difference, last);
    expect(
      why !== undefined,
      `seed ${seed + part * SEEDS_APART}, operation ${done - 1}: usmbd and the other server differ\n${difference}\n${describe(last)}`,
    );
  }
}

const { values } = commandLine({
  options: {
    ...targetOptions,
    operations: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '10' },
  },
});
if (values.port === undefined) throw new Error('--port names the other server');
const program = findProgram('gentest');
if (program === undefined) throw new Error('gentest is not installed (Debian: samba-testsuite)');
const other = await openTarget(values);
const usmbd = await startUsmbd(['server signing = auto'], { gentest: ['create mask = 0755'] });
const scratch = mkdtempSync(join(tmpdir(), 'usmbd-gentest-'));
const recorder = await startRecorder({ host: USMBD_HOST, port: other.port }, usmbd);
const tally = new Tally();
try {
  const ignored = join(scratch, 'ignored');
  writeFileSync(ignored, `${Object.keys(IGNORED).join('\n')}\n`);
  const login = ({ user, password }: { user: string; password: string }): string =>
    `${user}%${password}`;
  const args = [
    ...[`//${USMBD_HOST}/gentest`, `//${other.host}/${other.share}`, '--smb2', '--valid'],
    ...['--noacls', '--noeas', `--ignore=${ignored}`, '--configfile=/dev/null'],
    ...[`--user1=${login(usmbd.account)}`, `--user2=${login(other.account)}`],
    `--option=smb ports=${other.port}`,
  ];
  const first = Number(values.seed);
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    await tally.check(`seed ${seed}`, () =>
      runSeed({ program, args, recorder, cwd: scratch }, seed, Number(values.operations)),
    );
  }
  for (const [why, times] of reasons) console.log(`${times} times: ${why}`);
} finally {
  await recorder.close();
  await usmbd.stop();
  rmSync(scratch, { recursive: true });
}
tally.close();
