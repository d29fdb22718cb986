/**
 * A QEMU guest that mounts a share with the kernel's own client, once for each set of options: what guest.sh does
 * there, and a look at the folder on the server between its steps.
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
import { join } from 'node:path';
import type { Tally } from '../support/tally.ts';
import type { Target } from '../support/target.ts';
import { HOST_ADDRESS, startGuest } from './guest.ts';
import { type Kernel, shellVariables } from './guest-image.ts';
import { differences, type Manifest, manifestOf, manySmallFiles, sha256 } from './sample-tree.ts';

export interface Plan {
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

/** Runs guest.sh, a case of the tally for each mount. */
export async function runGuest(plan: Plan, tally: Tally): Promise<void> {
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
