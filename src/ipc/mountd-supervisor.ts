/**
 * Keeps the control plane's process running:
 *
 *     starting ──"done"──▶ running ──it ends, or is killed because it hangs──▶ (pause) ──▶ starting
 *
 * The first start has to succeed. Later ones are tried again for as long as the server runs, with pauses that
 * double where it does not get ready. Open files need nothing of it meanwhile.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import {
  MAX_MOUNTD_PAUSE_MS,
  MOUNTD_END_MS,
  MOUNTD_ORDER_MS,
  MOUNTD_START_MS,
} from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { decodeReply, encodeOrder, type MountdReply } from './mountd-orders.ts';

const FIRST_PAUSE_MS = 100;

export interface SupervisorOptions {
  /** What starts it: a program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Descriptors that every one has, from 3 on. */
  readonly descriptors?: readonly number[];
  /** What every new one is told first. */
  readonly start: () => object;
  readonly log: Logger;
}

/** Rejects when the first one does not get ready. */
export async function superviseMountd(options: SupervisorOptions): Promise<MountdSupervisor> {
  const supervisor = new MountdSupervisor(options);
  await supervisor.begin();
  return supervisor;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<string>;
  readonly replies: ((reply: MountdReply) => void)[];
}

export class MountdSupervisor {
  readonly #options: SupervisorOptions;
  #running: Running | undefined;
  #closed = false;
  #watch: Promise<void> = Promise.resolve();
  #endPause: () => void = () => {};

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get processId(): number | undefined {
    return this.#running?.child.pid;
  }

  async begin(): Promise<void> {
    const running = this.#spawn();
    this.#running = running;
    const reply = await this.#started(running);
    if (!reply.done) {
      running.child.kill('SIGKILL');
      throw new Error(reply.message ?? 'it does not say why');
    }
    this.#watch = this.#keep(running);
  }

  /** An order for the one that runs; undefined where none does. */
  async order(order: object): Promise<MountdReply | undefined> {
    const running = this.#running;
    return running && this.#tell(running, order, MOUNTD_ORDER_MS);
  }

  /** It hangs: another takes its place. */
  replace(): void {
    const { processId } = this;
    this.#options.log.warn('the control plane is killed, and another started', { processId });
    this.#running?.child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#endPause();
    const running = this.#running;
    if (running !== undefined) {
      running.child.stdin?.end();
      const timer = setTimeout(() => running.child.kill('SIGKILL'), MOUNTD_END_MS);
      await running.ended;
      clearTimeout(timer);
    }
    await this.#watch;
  }

  async #keep(first: Running): Promise<void> {
    let running = first;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const how = await running.ended;
      if (this.#closed) return;
      this.#options.log.warn('the control plane has ended; another is started', { how });
      await this.#pause(pauseMs);
      if (this.#closed) return;
      pauseMs = Math.min(2 * pauseMs, MAX_MOUNTD_PAUSE_MS);
      running = this.#spawn();
      this.#running = running;
      const { done, message } = await this.#started(running);
      if (done) {
        pauseMs = FIRST_PAUSE_MS;
        this.#options.log.info('the control plane is back', { processId: this.processId });
      } else if (!this.#closed) {
        this.#options.log.error('the control plane does not start', { reason: message });
        running.child.kill('SIGKILL');
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #spawn(): Running {
    const { command, descriptors = [] } = this.#options;
    const [program, ...args] = command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit', ...descriptors] });
    const replies: Running['replies'] = [];
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit status ${code}`));
    });
    // It may end while it is written to.
    child.stdin?.on('error', () => {});
    createInterface({ input: child.stdout! }).on('line', (line) => {
      replies.shift()?.(decodeReply(line) ?? { done: false, message: `it says ${line}` });
    });
    return { child, ended, replies };
  }

  #started(running: Running): Promise<MountdReply> {
    return this.#tell(running, this.#options.start(), MOUNTD_START_MS);
  }

  async #tell(running: Running, order: object, limitMs: number): Promise<MountdReply> {
    const { child, ended, replies } = running;
    const reply = new Promise<MountdReply>((resolve) => replies.push(resolve));
    child.stdin?.write(`${encodeOrder(order)}\n`);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<MountdReply>((resolve) => {
      const message = `it says nothing for ${limitMs / 1000} seconds`;
      timer = setTimeout(() => resolve({ done: false, message }), limitMs);
    });
    const end = ended.then((how) => ({ done: false, message: `it has ended: ${how}` }));
    return Promise.race([reply, end, limit]).finally(() => clearTimeout(timer));
  }
}
