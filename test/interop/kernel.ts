/**
 * Mounts the share with the Linux kernel's own client (cifs.ko) in a QEMU guest: a tree of files is
 * copied in and out with equal checksums, renamed and deleted, at each version.
 *
 *     npm run interop:kernel                              5,000 files, all versions
 *     npm run interop:kernel -- --files 200 --mount vers=3.1.1,seal
 *     npm run interop:kernel -- --kernel /    the kernel that this machine has in /boot
 *
 * Needs qemu-system-x86_64 and busybox-static, and takes the kernel from Debian's package
 * (apt-get download). No KVM: the guest is emulated, so its seconds say nothing about speed.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { end, findProgram, start, tail } from '../support/process.ts';
import { Tally } from '../support/tally.ts';
import { openTarget, type Target, targetOptions } from '../support/target.ts';
import { fetchKernel, initialRamFs, type Kernel, kernelIn } from './guest-image.ts';
import { differences, type Manifest, manifestOf, manySmallFiles, sha256 } from './sample-tree.ts';

/** Mount options, one mount each. */
const MOUNTS = ['vers=2.0', 'vers=2.1', 'vers=3.0', 'vers=3.1.1', 'vers=3.1.1,seal'] as const;
const GUEST_MEMORY_MIB = 768;
/** The host's loopback, as QEMU's user-mode network shows it to the guest. */
const HOST_ADDRESS = '10.0.2.2';

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
    if (what === 'deleted') {
      const left = manifestOf(folder).size;
      if (left > 0) this.failures.push(`${left} files are left on the server`);
    } else if (what === 'in' || what === 'renamed') {
      const path = join(folder, what);
      if (!existsSync(path)) this.failures.push(`the server's folder holds no ${what}`);
      else this.failures.push(...differences(this.expected[what], manifestOf(path)));
    }
    return 'go';
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
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-guest-'));
  const consoleLog = join(scratch, 'console');
  const { target, kernel } = plan;
  const ramFs = initialRamFs(
    kernel,
    plan.busybox,
    readFileSync(new URL('guest.sh', import.meta.url), 'utf8'),
    {
      ADDRESS: HOST_ADDRESS,
      PORT: String(target.port),
      SHARE: target.share,
      USERNAME: target.account.user,
      PASSWORD: target.account.password,
      MOUNTS: plan.mounts.join(' '),
    },
    manySmallFiles(plan.files),
  );
  writeFileSync(join(scratch, 'initrd'), ramFs);
  const args = [
    ...['-accel', 'tcg', '-cpu', 'max', '-machine', 'q35,hpet=off', '-smp', '1'],
    ...['-m', String(GUEST_MEMORY_MIB), '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-kernel', kernel.image, '-initrd', join(scratch, 'initrd')],
    ...['-append', 'console=ttyS0 loglevel=4 panic=-1 mitigations=off net.ifnames=0 tsc=reliable'],
    ...['-serial', `file:${consoleLog}`, '-serial', 'stdio'],
    ...['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='],
  ];
  const guest = start(plan.qemu, args, { stdio: 'pipe', stdin: 'pipe' });
  const dialogue = new Dialogue(plan, tally);
  const timer = setTimeout(() => void end(guest, 0), plan.limitMs);
  const said = await converse(guest, dialogue);
  clearTimeout(timer);
  if (!dialogue.finished) {
    const log = existsSync(consoleLog) ? readFileSync(consoleLog, 'latin1') : '';
    const message = `the guest ended early or took longer than ${plan.limitMs / 1000} s\n${said}\n${tail(log, 15)}`;
    tally.add({ name: 'the guest runs to its end', ok: false, seconds: 0, message });
  }
  rmSync(scratch, { recursive: true });
}

/** Passes the guest's lines on until it ends; gives what QEMU itself complained of. */
async function converse(guest: ChildProcess, dialogue: Dialogue): Promise<string> {
  const { stdin, stdout, stderr } = guest;
  if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes');
  let complaints = '';
  stderr.on('data', (piece: Buffer) => {
    complaints += piece.toString('latin1');
  });
  const closed = new Promise((resolve) => guest.once('close', resolve));
  guest.once('error', (error) => {
    complaints += String(error);
  });
  for await (const line of createInterface({ input: stdout })) {
    const answer = dialogue.hear(line.replace(/\r$/, ''));
    if (answer !== undefined) stdin.write(`${answer}\n`);
  }
  await closed;
  return complaints;
}

function need(name: string, debianPackage: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed (Debian: ${debianPackage})`);
  return path;
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
  const qemu = need('qemu-system-x86_64', 'qemu-system-x86');
  const busybox = need('busybox', 'busybox-static');
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
