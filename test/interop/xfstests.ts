/**
 * xfstests, the Linux kernel's own tests of file systems, by its client (cifs.ko) in a guest, each with
 * and without `posix`.
 *
 *     npm run interop:xfstests -- --xfstests /src/xfstests                     the list of this folder
 *     npm run interop:xfstests -- --xfstests /src/xfstests --quick             what else of the generic quick group can run
 *     npm run interop:xfstests -- --xfstests /src/xfstests generic/011 generic/075
 *     npm run interop:xfstests -- --xfstests /src/xfstests --mount vers=3.1.1,posix --kernel FOLDER
 *
 * xfstests is not brought along: the folder is one that was cloned and built here (`make`). The guest sees this
 * machine's programs, read only, so what xfstests needs has to be installed here: xfsprogs, attr, acl, bc, perl.
 * xfstests/expected.txt, the tests that the kernel's own server is tested with, and xfstests/quick.txt say of each test
 * what comes of it with each mount; anything else is an error.
 */
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { Tally } from '../support/tally.ts';
import { openTarget, type Target, targetOptions } from '../support/target.ts';
import { need } from './guest.ts';
import { fetchKernel, type Kernel, kernelIn } from './guest-image.ts';
import { startHostGuest } from './host-guest.ts';
import {
  type Expectations,
  parseExpectations,
  type Verdict,
  verdictOf,
} from './xfstests/expectations.ts';

/** With POSIX's own rules and with Windows'. */
const MOUNTS = ['vers=3.1.1,posix', 'vers=3.1.1,mfsymlinks'] as const;
/** A second share, which tests fill and empty; of a server that runs already, too. */
const SCRATCH = 'scratch';
/** A guest that is emulated boots in its own time. */
const BOOT_SECONDS = 300;

interface Plan {
  readonly target: Target;
  readonly kernel: Kernel;
  readonly folder: string;
  readonly tests: readonly string[];
  readonly testSeconds: number;
}

/** Runs the tests with one mount. Root of the guest is the server's root, whom POSIX lets do everything. */
async function runMount(plan: Plan, mount: string, tally: Tally): Promise<void> {
  const { target, kernel, tests, testSeconds } = plan;
  const script = readFileSync(new URL('xfstests/run-tests.sh', import.meta.url), 'utf8');
  const guest = startHostGuest(target, kernel, script, {
    SCRATCH,
    MOUNT: mount,
    XFSTESTS: plan.folder,
    TESTS: tests.join(' '),
    LIMIT: String(testSeconds),
  });
  const limitMs = (BOOT_SECONDS + tests.length * (testSeconds + 30)) * 1000;
  const timer = setTimeout(() => void guest.stop(), limitMs);
  let finished = false;
  for await (const line of guest.lines) {
    const [word, name, verdict, seconds, ...detail] = line.split(' ');
    if (word === 'result') {
      judge(tally, mount, {
        name: name!,
        verdict: verdict as Verdict,
        seconds: Number(seconds),
        detail: detail.join(' ').replaceAll('~', '\n'),
      });
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

const listed = (name: string): Expectations =>
  parseExpectations(readFileSync(new URL(`xfstests/${name}`, import.meta.url), 'utf8'));

const KSMBDS = listed('expected.txt');
const QUICK = listed('quick.txt');

interface Outcome {
  readonly name: string;
  readonly verdict: Verdict;
  readonly seconds: number;
  readonly detail: string;
}

function judge(tally: Tally, mount: string, { name, verdict, seconds, detail }: Outcome): void {
  const list = KSMBDS.has(name) ? KSMBDS : QUICK;
  const expected = verdictOf(list, name, mount.includes('posix'));
  // A kernel that can do more, or a machine that is faster, than those of the list.
  const mayPass = expected === undefined || expected === 'notrun' || expected === 'late';
  const ok = verdict === expected || (mayPass && verdict === 'pass');
  const wanted = ok ? '' : `${verdict}, expected ${expected ?? 'pass'}\n${detail}`;
  tally.add({ name: `${mount}: ${name} ${verdict}`, ok, seconds, message: wanted });
}

async function main(): Promise<void> {
  const { values, positionals } = commandLine({
    allowPositionals: true,
    options: {
      ...targetOptions,
      user: { type: 'string', default: 'root' },
      xfstests: { type: 'string' },
      kernel: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
      mount: { type: 'string', multiple: true, default: [...MOUNTS] },
      quick: { type: 'boolean', default: false },
      'test-seconds': { type: 'string', default: '300' },
      json: { type: 'string' },
    },
  });
  if (values.xfstests === undefined || !existsSync(join(values.xfstests, 'ltp', 'fsx'))) {
    throw new Error('--xfstests FOLDER: where xfstests was cloned and built (make)');
  }
  for (const [program, debianPackage] of [
    ['xfs_io', 'xfsprogs'],
    ['getfattr', 'attr'],
    ['getfacl', 'acl'],
    ['bc', 'bc'],
    ['perl', 'perl'],
  ] as const) {
    need(program, debianPackage);
  }
  mkdirSync(values.cache, { recursive: true });
  const kernel = values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
  const tally = new Tally();
  const target = await openTarget(values, [], { [SCRATCH]: [] }, 'root');
  const list = values.quick ? QUICK : KSMBDS;
  const tests = positionals.length > 0 ? positionals : [...list.keys()];
  console.log(`Linux ${kernel.release}, ${tests.length} tests a mount`);
  try {
    const folder = realpathSync(values.xfstests);
    const plan = { target, kernel, folder, tests, testSeconds: Number(values['test-seconds']) };
    for (const mount of values.mount) {
      await runMount(plan, mount, tally);
      target.assertAlive();
    }
  } finally {
    await target.stop();
  }
  tally.close(values.json);
}

await main();
