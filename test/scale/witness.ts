/**
 * A client that wants to be served whatever others do, in a process of its own, so that it waits for
 * the server only: makes, writes, reads and closes a small file, again and again.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/connect.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { FILE_OVERWRITE_IF } from '../../src/smb2/create-options.ts';
import { ACCOUNT, MEMORY } from './server.ts';

const PAUSE_MS = 10;
const PATIENCE_MS = 60_000;

/** Milliseconds of an operation, since the last time that somebody asked. */
export interface Latency {
  readonly operations: number;
  readonly median: number;
  readonly p99: number;
  readonly slowest: number;
}

export class Witness {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  static async start(port: number): Promise<Witness> {
    const child = fork(import.meta.filename, [String(port)], { execArgv: [] });
    process.once('exit', () => child.kill('SIGKILL'));
    await once(child, 'message');
    return new Witness(child);
  }

  async latency(): Promise<Latency> {
    this.#process.send('latency');
    const [latency] = (await once(this.#process, 'message')) as [Latency];
    return latency;
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.send('stop');
    const [code] = await ended;
    if (code !== 0) throw new Error(`the witness was not served: exit ${code}`);
  }
}

function latencyOf(times: number[]): Latency {
  const sorted = times.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? Infinity;
  return { operations: sorted.length, median: at(0.5), p99: at(0.99), slowest: at(1) };
}

async function witness(port: number): Promise<void> {
  let stopped = false;
  let times: number[] = [];
  process.on('message', (message) => {
    if (message === 'stop') stopped = true;
    else {
      process.send!(latencyOf(times));
      times = [];
    }
  });
  process.once('disconnect', () => process.exit(1));
  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work;
    times.push(performance.now() - start);
    return result;
  };
  const connection = await connect({ host: '127.0.0.1', port, timeoutMs: PATIENCE_MS });
  const tree = await (await connection.login(ACCOUNT)).treeConnect(MEMORY);
  process.send!('ready');
  const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
  const content = Buffer.alloc(4096, 'w');
  while (!stopped) {
    const file = await timed(tree.open('witness', { access, disposition: FILE_OVERWRITE_IF }));
    await timed(file.write(0, content));
    await timed(file.read(0, content.length));
    await timed(file.close());
    await sleep(PAUSE_MS);
  }
  await connection.close();
  process.exit(0);
}

if (process.argv[1] === import.meta.filename) await witness(Number(process.argv[2]));
