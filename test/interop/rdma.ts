/**
 * SMB Direct by the Linux kernel's own client (cifs.ko, `-o rdma`) over its own iWARP (siw) in a QEMU guest: large and
 * small files, fio, several mounts, fifty mounts, with each way in which siw can begin a connection; rping; a guest
 * that is killed or freezes in mid-transfer; what tshark's dissectors say of the wire.
 *
 *     npm run interop:rdma -- --guest FOLDER
 *     npm run interop:rdma -- --guest FOLDER --megabytes 20 --files 100 --remounts 5 --variant plain big files
 *
 * FOLDER is what rdma/build-guest.sh has made: Debian's kernel has neither siw nor SMB Direct in cifs.ko. The guest sees
 * this machine's programs, read only: fio, rdma (iproute2), rping (rdmacm-utils, ibverbs-providers) and cifs-utils have
 * to be installed. cifs.ko knows one port, 5445, which has to be free. No KVM: seconds say nothing about speed.
 */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { Tally } from '../support/tally.ts';
import { startUsmbd, type Target } from '../support/target.ts';
import { need } from './guest.ts';
import { type Kernel, kernelIn } from './guest-image.ts';
import { startHostGuest } from './host-guest.ts';
import { checkCapture } from './rdma/capture.ts';
import { startRpingServer } from './rdma/rping-server.ts';
import { randomFile, ServerView, smallFiles } from './rdma/server-view.ts';

const VARIANTS = ['plain', 'crc', 'mpa1', 'rtr-any', 'rtr-write', 'rtr-read-crc'] as const;
const VERSIONS = ['3.1.1', '3.0'] as const;
const CASES = ['big', 'files', 'fio', 'three', 'remounts', 'rping'] as const;
const ENDINGS = ['killed', 'frozen', 'wire'] as const;

const MODULES = [
  'ib_core',
  'ib_uverbs',
  'rdma_cm',
  'rdma_ucm',
  'iw_cm',
  'crc32c_generic',
  'libcrc32c',
];
const GUEST_MEMORY_MIB = 1024;
/** A transfer that is well under way. */
const UNDER_WAY_MS = 4_000;
/** A guest that is gone: the system closes its connections. */
const KILLED_LIMIT_MS = 20_000;
/** A guest that says nothing: MS-SMBD has it asked after 120 s, looked at each 30, and its answer takes 5. */
const FROZEN_LIMIT_MS = 180_000;
/** What the capture is of: enough for every kind of message, little enough for tshark. */
const WIRE = { megabytes: 8, files: 40, fioMegabytes: 1, remounts: 2 } as const;

const FULL = { megabytes: 500, files: 2000, fioMegabytes: 32, remounts: 50 } as const;

interface Sizes {
  readonly megabytes: number;
  readonly files: number;
  readonly fioMegabytes: number;
  readonly remounts: number;
}

interface Plan {
  readonly target: Target;
  readonly view: ServerView;
  readonly kernel: Kernel;
  readonly siw: string;
  readonly variants: readonly string[];
  readonly versions: readonly string[];
  readonly cases: readonly string[];
  readonly sizes: Sizes;
  readonly scratch: string;
  readonly limitMs: number;
  readonly rpingPort: number;
}

function startGuest(plan: Plan, over: Partial<Plan> = {}, qemuArguments: readonly string[] = []) {
  const { target, kernel, siw, variants, versions, cases, sizes, scratch, rpingPort } = {
    ...plan,
    ...over,
  };
  const { path, sum } = randomFile(scratch, sizes.megabytes);
  const script = readFileSync(new URL('rdma/run-cases.sh', import.meta.url), 'utf8');
  const variables = {
    SIW: siw,
    VARIANTS: variants.join(' '),
    VERSIONS: versions.join(' '),
    CASES: cases.join(' '),
    SOURCE: path,
    SUM: sum,
    MEGABYTES: String(sizes.megabytes),
    FILES: String(sizes.files),
    SMALL: smallFiles(scratch, sizes.files),
    FIO_MEGABYTES: String(sizes.fioMegabytes),
    REMOUNTS: String(sizes.remounts),
    RPING_PORT: String(rpingPort),
  };
  const equipment = { memoryMib: GUEST_MEMORY_MIB, qemuArguments };
  const guest = startHostGuest(target, kernel, script, variables, MODULES, equipment);
  return { guest, sum };
}

/** Every case of the plan in one guest; what the guest asks about the server is answered. */
async function runCases(
  plan: Plan,
  tally: Tally,
  over: Partial<Plan> = {},
  qemuArguments: readonly string[] = [],
): Promise<void> {
  const { guest, sum } = startGuest(plan, over, qemuArguments);
  const timer = setTimeout(() => void guest.stop(), plan.limitMs);
  let mount = '';
  let finished = false;
  for await (const line of guest.lines) {
    const [word, name = '', verdict, seconds, ...detail] = line.split(' ');
    if (word === 'begin') mount = `${name}, ${verdict}`;
    else if (word === 'finished') finished = true;
    else if (word === 'check') guest.say(await plan.view.answer(name, verdict, sum));
    else if (word === 'result') {
      const ok = verdict === 'pass';
      const message = ok ? '' : detail.join(' ').replaceAll('~', '\n');
      tally.add({ name: `${mount}: ${name}`, ok, seconds: Number(seconds), message });
    } else console.log(`  ${line}`);
  }
  clearTimeout(timer);
  const said = await guest.stop();
  if (finished) return;
  const message = `the guest ended early or took longer than ${plan.limitMs / 1000} s\n${said}`;
  tally.add({ name: 'the guest runs to its end', ok: false, seconds: 0, message });
}

/** A guest in mid-transfer, both ways, that is there no more: its server has to let go of all that it held. */
async function runEnding(plan: Plan, tally: Tally, signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> {
  const megabytes = Math.min(plan.sizes.megabytes, 50);
  const sizes = { ...plan.sizes, megabytes, files: 1 };
  const over = { variants: ['plain'], versions: ['3.1.1'], cases: ['endless'], sizes };
  const { guest } = startGuest(plan, over);
  const timer = setTimeout(() => void guest.stop(), plan.limitMs);
  const lines: string[] = [];
  try {
    for await (const line of guest.lines) {
      lines.push(line);
      if (line !== 'underway') continue;
      await new Promise((resolve) => setTimeout(resolve, UNDER_WAY_MS));
      await tally.check(
        `a guest ${signal === 'SIGKILL' ? 'killed' : 'frozen'} in mid-transfer`,
        async () => {
          const before = await plan.view.look();
          guest.signal(signal);
          if (before.connections === 0) throw new Error('it was not connected');
          await plan.view.untilFree(signal === 'SIGKILL' ? KILLED_LIMIT_MS : FROZEN_LIMIT_MS);
        },
      );
      return;
    }
    const message = lines.slice(-10).join('\n');
    tally.add({ name: 'a guest in mid-transfer', ok: false, seconds: 0, message });
  } finally {
    clearTimeout(timer);
    guest.signal('SIGKILL');
    await guest.stop();
  }
}

async function runWire(plan: Plan, tally: Tally, keep: string | undefined): Promise<void> {
  const capture = keep ?? join(plan.scratch, 'wire.pcap');
  const dump = ['-object', `filter-dump,id=dump,netdev=net,file=${capture}`];
  const cases = plan.cases.length > 0 ? plan.cases : CASES;
  await runCases(plan, tally, { cases, sizes: WIRE }, dump);
  await tally.check('tshark finds nothing malformed on the wire', () => checkCapture(capture));
}

function readOptions() {
  const { values, positionals } = commandLine({
    allowPositionals: true,
    options: {
      guest: { type: 'string' },
      variant: { type: 'string', multiple: true, default: [...VARIANTS] },
      vers: { type: 'string', multiple: true, default: [...VERSIONS] },
      megabytes: { type: 'string', default: String(FULL.megabytes) },
      'fio-megabytes': { type: 'string', default: String(FULL.fioMegabytes) },
      files: { type: 'string', default: String(FULL.files) },
      remounts: { type: 'string', default: String(FULL.remounts) },
      'keep-capture': { type: 'string' },
      'budget-minutes': { type: 'string', default: '240' },
      json: { type: 'string' },
    },
  });
  if (values.guest === undefined) {
    throw new Error('--guest FOLDER is missing: rdma/build-guest.sh makes one');
  }
  const names = [...CASES, ...ENDINGS] as readonly string[];
  const wanted = positionals.length > 0 ? positionals : names;
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no case ${unknown}: there are ${names.join(', ')}`);
  return { values, wanted, guestFolder: realpathSync(values.guest) };
}

async function main(): Promise<void> {
  const { values, wanted, guestFolder } = readOptions();
  for (const [program, name] of [
    ['rdma', 'iproute2'],
    ['mount.cifs', 'cifs-utils'],
    ['fio', 'fio'],
    ['rping', 'rdmacm-utils'],
  ] as const) {
    need(program, name);
  }
  const siw = join(guestFolder, 'siw');
  for (const variant of values.variant) {
    if (!existsSync(join(siw, `${variant}.ko`))) throw new Error(`no ${siw}/${variant}.ko`);
  }
  const kernel = kernelIn(guestFolder);
  const tally = new Tally();
  const target = await startUsmbd(['smb direct = yes', 'server signing = auto']);
  const rping = await startRpingServer();
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-rdma-'));
  const plan: Plan = {
    target,
    view: new ServerView(target),
    kernel,
    siw,
    variants: values.variant,
    versions: values.vers,
    cases: CASES.filter((name) => wanted.includes(name)),
    sizes: {
      megabytes: Number(values.megabytes),
      files: Number(values.files),
      fioMegabytes: Number(values['fio-megabytes']),
      remounts: Number(values.remounts),
    },
    scratch,
    limitMs: Number(values['budget-minutes']) * 60_000,
    rpingPort: rping.port,
  };
  console.log(
    `Linux ${kernel.release} in QEMU: siw ${values.variant.join(', ')}; ${wanted.join(', ')}`,
  );
  try {
    await plan.view.begin();
    if (plan.cases.length > 0) await runCases(plan, tally);
    if (wanted.includes('killed')) await runEnding(plan, tally, 'SIGKILL');
    if (wanted.includes('frozen')) await runEnding(plan, tally, 'SIGSTOP');
    if (wanted.includes('wire')) await runWire(plan, tally, values['keep-capture']);
    target.assertAlive();
    if (wanted.includes('rping')) console.log(`rping: ${rping.pings} pings came and went`);
  } finally {
    await rping.close();
    await target.stop();
    rmSync(scratch, { recursive: true });
  }
  for (const name of [...CASES, ...ENDINGS]) if (!wanted.includes(name)) tally.leaveOut(name);
  if (plan.sizes.megabytes < FULL.megabytes) tally.leaveOut(`500 MB: ${plan.sizes.megabytes}`);
  if (plan.sizes.files < FULL.files) tally.leaveOut(`2,000 files: ${plan.sizes.files}`);
  if (plan.sizes.remounts < FULL.remounts) tally.leaveOut(`50 mounts: ${plan.sizes.remounts}`);
  for (const variant of VARIANTS) {
    if (!values.variant.includes(variant)) tally.leaveOut(`siw ${variant}`);
  }
  tally.close(values.json);
}

await main();
