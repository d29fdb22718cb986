/**
 * Compression by a client that others wrote: Linux's (cifs.ko with CONFIG_CIFS_COMPRESSION and the mount option `compress`), which
 * compresses what it writes. Text and noise are written, compared with the file on the server's disk, and read back; that
 * compressed messages came the server's metrics say.
 *
 *     npm run interop:compression -- --kernel PROGRAM      a kernel of User Mode Linux (user-mode.ts) that was built with it
 *     npm run interop:compression -- --megabytes 8         Debian's kernel in QEMU: it has not the option, which is said
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { Tally } from '../support/tally.ts';
import { freePort, openTarget, type Target, targetOptions } from '../support/target.ts';
import { fetchKernel, type Kernel, kernelIn } from './guest-image.ts';
import { startHostGuest } from './host-guest.ts';
import { sha256 } from './sample-tree.ts';

/** Encryption and compression together are beyond Linux: it leaves compression out then. */
const MOUNTS = [
  'vers=3.1.1,compress',
  'vers=3.1.1,compress,sign',
  'vers=3.1.1,compress,seal',
  'vers=3.1.1',
];
const LIMIT_MS = 900_000;

interface Received {
  readonly messages: number;
  readonly bytes: number;
  readonly plainBytes: number;
}

async function received(port: number): Promise<Received> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const of = (name: string): number => {
    const found = new RegExp(
      `^usmbd_compressed_${name}_total\\{direction="received"\\} (\\S+)`,
      'm',
    );
    return Number(found.exec(text)?.[1] ?? Number.NaN);
  };
  return { messages: of('messages'), bytes: of('bytes'), plainBytes: of('plain_bytes') };
}

interface Plan {
  readonly target: Target;
  readonly kernel: Kernel;
  readonly megabytes: number;
  readonly metricsPort: number;
}

/** What is written with one mount, and what must be true of it. */
class Round {
  readonly #plan: Plan;
  readonly mount: string;
  readonly failures: string[] = [];
  readonly sums = new Map<string, string>();
  readonly beganMs = performance.now();
  #before: Received | undefined;

  constructor(plan: Plan, mount: string) {
    this.#plan = plan;
    this.mount = mount;
  }

  async begin(): Promise<void> {
    this.#before = await received(this.#plan.metricsPort);
  }

  /** A file has been written and synced. */
  async written(file: string, sum: string): Promise<void> {
    this.sums.set(file, sum);
    const { target, megabytes, metricsPort } = this.#plan;
    const path = join(target.folder!, file);
    if (!existsSync(path)) this.failures.push(`${file} is not on the server's disk`);
    else if (sha256(readFileSync(path)) !== sum) this.failures.push(`${file} differs on the disk`);
    const now = await received(metricsPort);
    const messages = now.messages - this.#before!.messages;
    const plainBytes = now.plainBytes - this.#before!.plainBytes;
    const bytes = now.bytes - this.#before!.bytes;
    this.#before = now;
    const is = `${messages} compressed messages, ${bytes} bytes for ${plainBytes}`;
    console.log(`  ${this.mount}: ${file}: ${is}`);
    const compresses = this.mount.includes('compress') && !this.mount.includes('seal');
    if (compresses && file === 'text') {
      const most = plainBytes > 0.9 * megabytes * 2 ** 20;
      if (!most || bytes > plainBytes / 2) this.failures.push(`text: ${is}`);
    } else if (messages !== 0) this.failures.push(`${file}: ${is}`);
  }

  read(file: string, sum: string): void {
    if (this.sums.get(file) !== sum) this.failures.push(`${file} comes back as another`);
  }

  end(tally: Tally): void {
    for (const file of ['text', 'noise']) {
      if (!this.sums.has(file)) this.failures.push(`${file} was not written`);
    }
    const seconds = (performance.now() - this.beganMs) / 1000;
    const { megabytes } = this.#plan;
    const name = `${this.mount}: ${megabytes} MiB of text and of noise, there and back`;
    tally.add({ name, ok: this.failures.length === 0, seconds, message: this.failures.join('\n') });
  }
}

async function run(plan: Plan, tally: Tally): Promise<void> {
  const guest = startHostGuest(
    plan.target,
    plan.kernel,
    readFileSync(new URL('compression/run.sh', import.meta.url), 'utf8'),
    { MOUNTS: MOUNTS.join(' '), BYTES: String(plan.megabytes * 2 ** 20) },
  );
  const timer = setTimeout(() => void guest.stop(), LIMIT_MS);
  let round: Round | undefined;
  let finished = false;
  for await (const line of guest.lines) {
    const [word, mount = '', file = '', sum = ''] = line.split(' ');
    if (word === 'begin') {
      round = new Round(plan, mount);
      await round.begin();
      guest.say('go');
    } else if (word === 'sum') {
      await round!.written(file, sum);
      guest.say('go');
    } else if (word === 'read') round!.read(file, sum);
    else if (word === 'fail') {
      tally.add({ name: mount, ok: false, seconds: 0, message: line });
    } else if (word === 'end') round!.end(tally);
    else if (word === 'finished') finished = true;
    else console.log(`  ${line}`);
  }
  clearTimeout(timer);
  const said = await guest.stop();
  if (!finished) {
    const message = `the guest ended early or took longer than ${LIMIT_MS / 1000} s\n${said}`;
    tally.add({ name: 'the guest runs to its end', ok: false, seconds: 0, message });
  }
}

async function main(): Promise<void> {
  const { values } = commandLine({
    options: {
      ...targetOptions,
      user: { type: 'string', default: 'root' },
      kernel: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
      megabytes: { type: 'string', default: '50' },
      json: { type: 'string' },
    },
  });
  if (values.port !== undefined)
    throw new Error('--port: it looks at the metrics of its own server');
  mkdirSync(values.cache, { recursive: true });
  const kernel = values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
  const tally = new Tally();
  const metricsPort = await freePort();
  const settings = [
    'smb3 compression = yes',
    'compress data = yes',
    `metrics port = ${metricsPort}`,
  ];
  const target = await openTarget(values, settings, {}, 'root');
  try {
    const megabytes = Number(values.megabytes);
    await run({ target, kernel, megabytes, metricsPort }, tally);
    target.assertAlive();
  } finally {
    await target.stop();
  }
  tally.close(values.json);
}

await main();
