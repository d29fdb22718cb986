/**
 * Mounts the share with the Linux kernel's own client (cifs.ko) in a QEMU guest: a tree of files is
 * copied in and out with equal checksums, renamed and deleted, at each version. With `posix` the disk
 * also has to be one of POSIX's: names, links, modes, files and folders that are open while their names go.
 *
 *     npm run interop:kernel                              5,000 files, all versions
 *     npm run interop:kernel -- --files 200 --mount vers=3.1.1,seal
 *     npm run interop:kernel -- --kernel /    the kernel that this machine has in /boot
 *
 * Needs qemu-system-x86_64 and busybox-static, and takes the kernel from Debian's package
 * (apt-get download). No KVM: the guest is emulated, so its seconds say nothing about speed.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Tally } from '../support/tally.ts';
import { openTarget, type Target, targetOptions } from '../support/target.ts';
import { guestPrograms, HOST_ADDRESS, startGuest } from './guest.ts';
import { fetchKernel, type Kernel, kernelIn, shellVariables } from './guest-image.ts';
import { differences, type Manifest, manifestOf, manySmallFiles, sha256 } from './sample-tree.ts';

/** Mount options, one mount each. */
const MOUNTS = [
  ...['vers=2.0', 'vers=2.1', 'vers=3.0', 'vers=3.1.1', 'vers=3.1.1,seal'],
  'vers=3.1.1,posix',
] as const;

interface Plan {
  readonly target: Target;
  readonly kernel: Kernel;
  readonly qemu: string;
  readonly busybox: string;
  readonly files: number;
  readonly mounts: readonly string[];
  readonly limitMs: number;
}

/** The tree as it is copied, and as the guest's renames leave it. */
function manifests(files: number): { readonly in: Manifest; readonly renamed: Manifest } {
  const copied = new Map<string, string>();
  const renamed = new Map<string, string>();
  for (const [path, bytes] of manySmallFiles(files)) {
    const [folder, name] = path.split('/');
    const sum = sha256(bytes);
    copied.set(folder!, '').set(path, sum);
    renamed.set(`r-${folder}`, '').set(`r-${folder}/r-${name}`, sum);
  }
  return { in: copied, renamed };
}

/** What the guest says about one mount, as it comes. */
class Dialogue {
  private readonly plan: Plan;
  private readonly tally: Tally;
  private readonly expected: ReturnType<typeof manifests>;
  private mount = '';
  private failures: string[] = [];
  private beganMs = performance.now();
  private lastStep = 0;
  private steps: string[] = [];
  finished = false;

  constructor(plan: Plan, tally: Tally) {
    this.plan = plan;
    this.tally = tally;
    this.expected = manifests(plan.files);
  }

  /** Takes a line; gives back what to answer. */
  hear(line: string): string | undefined {
    const [word, rest] = splitAtSpace(line);
    if (word === 'begin') this.begin(rest);
    else if (word === 'step') this.step(rest);
    else if (word === 'fail') this.failures.push(rest);
    else if (word === 'end') this.end();
    else if (word === 'finished') this.finished = true;
    else if (word === 'check') return this.check(rest);
    else this.steps.push(line);
    return undefined;
  }

  private begin(mount: string): void {
    this.mount = mount;
    this.failures = [];
    this.steps = [];
    this.beganMs = performance.now();
  }

  private step(text: string): void {
    const [, name, uptime] = /^(.*) ([\d.]+)$/.exec(text) ?? [];
    const seconds = Number(uptime);
    this.steps.push(`${name} ${(seconds - this.lastStep).toFixed(0)} s`);
    this.lastStep = seconds;
    if (name === 'boot') console.log(`guest with ${this.plan.files} files up after ${uptime} s`);
  }

  private check(what: string): string {
    const folder = this.plan.target.folder;
    if (folder === undefined) return 'go';
    if (what === 'links') this.plantLinks(folder);
    else if (what === 'unlinked') rmSync(join(folder, 'l'), { recursive: true });
    else if (what === 'deleted') {
      const left = manifestOf(folder).size;
      if (left > 0) this.failures.push(`${left} files are left on the server`);
    } else if (what === 'in' || what === 'renamed') {
      const path = join(folder, what);
      if (!existsSync(path)) this.failures.push(`the server's folder holds no ${what}`);
      else this.failures.push(...differences(this.expected[what], manifestOf(path)));
    }
    return 'go';
  }

  /** What only somebody on the server makes; the guest reads it. */
  private plantLinks(folder: string): void {
    const there = join(folder, 'l');
    mkdirSync(join(there, 'd'), { recursive: true });
    writeFileSync(join(there, 'd', 'file'), 'linked');
    symlinkSync('d/file', join(there, 'relative'));
    symlinkSync('d', join(there, 'folder'));
    symlinkSync('../relative', join(there, 'd', 'up'));
    symlinkSync(join(realpathSync(there), 'd', 'file'), join(there, 'absolute'));
    symlinkSync('/etc/passwd', join(there, 'out'));
    symlinkSync('nothing', join(there, 'dangling'));
    chmodSync(there, 0o777);
  }

  private end(): void {
    const seconds = (performance.now() - this.beganMs) / 1000;
    const name = `${this.mount}: ${this.plan.files} files in, out, renamed, deleted`;
    console.log(`  ${this.steps.join(', ')}`);
    const message = this.failures.join('\n');
    this.tally.add({ name, ok: message === '', seconds, message });
  }
}

const splitAtSpace = (line: string): [string, string] => {
  const space = line.indexOf(' ');
  return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
};

async function runGuest(plan: Plan, tally: Tally): Promise<void> {
  const { target, kernel, qemu, busybox } = plan;
  const environment = shellVariables({
    ADDRESS: HOST_ADDRESS,
    PORT: String(target.port),
    SHARE: target.share,
    USERNAME: target.account.user,
    PASSWORD: target.account.password,
    MOUNTS: plan.mounts.join(' '),
  });
  const guest = startGuest(qemu, kernel, {
    busybox,
    script: readFileSync(new URL('guest.sh', import.meta.url), 'utf8'),
    files: [['guest.env', environment], ...tree(plan.files)],
  });
  const dialogue = new Dialogue(plan, tally);
  const timer = setTimeout(() => void guest.stop(), plan.limitMs);
  for await (const line of guest.lines) {
    const answer = dialogue.hear(line);
    if (answer !== undefined) guest.say(answer);
  }
  clearTimeout(timer);
  const said = await guest.stop();
  if (!dialogue.finished) {
    const message = `the guest ended early or took longer than ${plan.limitMs / 1000} s\n${said}`;
    tally.add({ name: 'the guest runs to its end', ok: false, seconds: 0, message });
  }
}

function* tree(files: number): Generator<readonly [string, Uint8Array]> {
  for (const [path, content] of manySmallFiles(files)) yield [`tree/${path}`, content];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...targetOptions,
      kernel: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
      files: { type: 'string', default: '5000' },
      mount: { type: 'string', multiple: true, default: [...MOUNTS] },
      'budget-minutes': { type: 'string', default: '60' },
      json: { type: 'string' },
    },
  });
  mkdirSync(values.cache, { recursive: true });
  const tally = new Tally();
  const { qemu, busybox } = guestPrograms();
  const kernel = values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
  const files = Number(values.files);
  const limitMs = Number(values['budget-minutes']) * 60_000;
  console.log(`Linux ${kernel.release} in QEMU`);
  const target = await openTarget(values);
  if (target.folder === undefined) tally.leaveOut('the look at the folder on the server');
  for (const mount of MOUNTS) {
    if (!values.mount.includes(mount)) tally.leaveOut(`mount -o ${mount}`);
  }
  if (files < 5000) tally.leaveOut(`the tree of 5,000 files: this one has ${files}`);
  try {
    const mounts = values.mount;
    await runGuest({ target, kernel, qemu, busybox, files, mounts, limitMs }, tally);
    target.assertAlive();
  } finally {
    await target.stop();
  }
  tally.close(values.json);
}

await main();
