/**
 * What programs of Linux do with a disk, by its client (cifs.ko, mounted with `posix`) in a guest: links and
 * special files, a clone by git, a build by make, fsx, pjdfstest.
 *
 *     npm run interop:posix                                       links, git, build
 *     npm run interop:posix -- --xfstests /src/xfstests fsx       100,000 operations of fsx
 *     npm run interop:posix -- --xfstests /src/xfstests fsx-unmapped   the same without writing by mmap
 *     npm run interop:posix -- --pjdfstest /src/pjdfstest         every file of pjdfstest
 *     npm run interop:posix -- --pjdfstest /src/pjdfstest rename/00.t --kernel FOLDER
 *     npm run interop:posix -- --pjdfstest /src/pjdfstest --multiuser  each of its users by a session of its own
 *
 * Neither suite is brought along: the folders are ones that were cloned and built here. The guest sees this machine's
 * programs, read only: git, make and gcc have to be installed, with --multiuser keyutils, too. posix/expected.txt and
 * posix/multiuser-expected.txt say what does not pass, and why.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../support/command-line.ts';
import { Tally } from '../support/tally.ts';
import { openTarget, type Target, targetOptions } from '../support/target.ts';
import { need } from './guest.ts';
import { fetchKernel, type Kernel, kernelIn } from './guest-image.ts';
import { startHostGuest } from './host-guest.ts';
import { MULTIUSERS, openMultiuserTarget } from './posix/multiuser-target.ts';

const MOUNT = 'vers=3.1.1,posix';
const CASES = ['links', 'git', 'build'];
const FSX_OPERATIONS = '100000';
/** A guest that is emulated boots in its own time. */
const BOOT_SECONDS = 300;

interface Plan {
  readonly target: Target;
  readonly kernel: Kernel;
  readonly mount: string;
  /** Of a mount with `multiuser`: `UID:ACCOUNT`. */
  readonly users: readonly string[];
  readonly cases: readonly string[];
  readonly caseSeconds: number;
  readonly folders: Readonly<Record<string, string>>;
}

/** Lines `CASE VERDICT # why`: what is not to pass, or (`either`) passes one time and not the other. */
function readExpected(file: string): ReadonlyMap<string, string> {
  const text = readFileSync(new URL(`posix/${file}`, import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [name, verdict] = /^(\S+) (fail|notrun|late|either) +# \S/.exec(line)?.slice(1) ?? [];
      if (name === undefined) throw new Error(`posix/${file}: ${line}`);
      return [name, verdict!];
    }),
  );
}

async function run(plan: Plan, tally: Tally): Promise<void> {
  const { target, kernel, mount, users, cases, caseSeconds, folders } = plan;
  const script = readFileSync(new URL('posix/run-cases.sh', import.meta.url), 'utf8');
  const expected = readExpected(users.length > 0 ? 'multiuser-expected.txt' : 'expected.txt');
  const guest = startHostGuest(target, kernel, script, {
    MOUNT: mount,
    USERS: users.join(' '),
    CASES: cases.join(' '),
    LIMIT: String(caseSeconds),
    OPERATIONS: FSX_OPERATIONS,
    ...folders,
  });
  const limitMs = (BOOT_SECONDS + cases.length * (caseSeconds + 30)) * 1000;
  const timer = setTimeout(() => void guest.stop(), limitMs);
  let finished = false;
  for await (const line of guest.lines) {
    const [word, name = '', verdict, seconds, ...detail] = line.split(' ');
    if (word === 'result') {
      const wanted = expected.get(name) ?? 'pass';
      // A kernel that can do more than the one of the list.
      const mayPass = wanted === 'notrun' || wanted === 'either';
      const mayFail = wanted === 'either' && verdict === 'fail';
      const ok = verdict === wanted || mayFail || (mayPass && verdict === 'pass');
      const text = detail.join(' ').replaceAll('~', '\n');
      const message = ok ? '' : `${verdict}, expected ${wanted}\n${text}`;
      tally.add({ name: `${mount}: ${name} ${verdict}`, ok, seconds: Number(seconds), message });
    } else if (word === 'finished') finished = true;
    else console.log(`  ${line}`);
  }
  clearTimeout(timer);
  const said = await guest.stop();
  if (!finished) {
    const message = `the guest ended early or took longer than ${limitMs / 1000} s\n${said}`;
    tally.add({ name: `${mount}: the guest runs to its end`, ok: false, seconds: 0, message });
  }
}

/** Every `FOLDER/NN.t`. */
function pjdfstests(folder: string): string[] {
  const all = readdirSync(join(folder, 'tests'), { recursive: true, encoding: 'utf8' });
  return all.filter((path) => /^[^/]+\/\d+\.t$/.test(path)).sort();
}

function built(option: string, folder: string | undefined, program: string): string | undefined {
  if (folder === undefined) return undefined;
  if (!existsSync(join(folder, program))) {
    throw new Error(`--${option} ${folder}: no ${program} there; clone it and run make`);
  }
  return realpathSync(folder);
}

async function main(): Promise<void> {
  const { values, positionals } = commandLine({
    allowPositionals: true,
    options: {
      ...targetOptions,
      user: { type: 'string', default: 'root' },
      xfstests: { type: 'string' },
      pjdfstest: { type: 'string' },
      kernel: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
      mount: { type: 'string', default: MOUNT },
      multiuser: { type: 'boolean', default: false },
      'case-seconds': { type: 'string', default: '900' },
      json: { type: 'string' },
    },
  });
  for (const program of ['git', 'make', 'gcc', 'perl']) need(program, program);
  if (values.multiuser) need('keyctl', 'keyutils');
  const xfstests = built('xfstests', values.xfstests, join('ltp', 'fsx'));
  const pjdfstest = built('pjdfstest', values.pjdfstest, 'pjdfstest');
  const cases =
    positionals.length > 0 ? positionals : pjdfstest === undefined ? CASES : pjdfstests(pjdfstest);
  if (cases.some((name) => name.startsWith('fsx')) && xfstests === undefined) {
    throw new Error('fsx: --xfstests FOLDER');
  }
  if (cases.some((name) => name.includes('/')) && pjdfstest === undefined) {
    throw new Error(`${cases.find((name) => name.includes('/'))}: --pjdfstest FOLDER`);
  }
  mkdirSync(values.cache, { recursive: true });
  const kernel = values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
  const tally = new Tally();
  const target = values.multiuser
    ? await openMultiuserTarget()
    : await openTarget(values, [], {}, 'root');
  console.log(`Linux ${kernel.release}, ${cases.length} cases`);
  const QUICK = fileURLToPath(new URL('posix/pjdfstest-quick.sh', import.meta.url));
  const folders = { XFSTESTS: xfstests ?? '', PJDFSTEST: pjdfstest ?? '', QUICK };
  const caseSeconds = Number(values['case-seconds']);
  try {
    // Without idsfromsid Linux asks a program for cifs.idmap whom chown(2) means.
    const mount = values.multiuser ? `${values.mount},idsfromsid,multiuser` : values.mount;
    const users = values.multiuser ? MULTIUSERS : [];
    await run({ target, kernel, mount, users, cases, caseSeconds, folders }, tally);
    target.assertAlive();
  } finally {
    await target.stop();
  }
  tally.close(values.json);
}

await main();
