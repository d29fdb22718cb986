/**
 * The keeper (docs/adr/0008-workers.md): starts the process that serves, has what durable opens need to outlive it, and starts
 * another one when it ends unasked, which makes them again:
 *
 *     starting ──"ready"──▶ serving ──it ends unasked──▶ (pause) ──▶ starting, with what is kept
 *        │ the first one ends: so does the keeper, as it did       │ the next two do not live long: with nothing
 *        ▼                                                         ▼
 *     ended ◀── a signal, "stopping" told, or MAX_FAILURES short lives in a row
 */
import { readFileSync } from 'node:fs';
import { KEEPER_OWN_DESCRIPTORS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { close } from '../native/files.ts';
import { Kept } from './kept.ts';
import type { ToKeeper } from './protocol.ts';
import { ServedProcess } from './served-process.ts';

/** Who lived for so long has not failed at its start. */
const SETTLED_MS = 10_000;
const FIRST_PAUSE_MS = 100;
/** Short lives in a row: then whoever watches over the keeper has to see to it. */
const MAX_FAILURES = 5;
/** So many may be the fault of what is kept; the next one is given nothing of it. */
const MAX_FAILURES_WITH_KEPT = 2;

/** Whom the keeper tells how it stands. */
export interface StateListener {
  relay(state: 'ready' | 'reloading' | 'stopping', status: string): void;
  alive(): void;
  readonly watchdogMs: number;
}

export interface KeptSocket {
  readonly fd: number;
  readonly name: string;
}

export interface KeepOptions {
  readonly command: readonly [string, ...string[]];
  readonly manager: StateListener;
  /** That listen, and go on while there is no server: each one is given them. */
  readonly sockets?: readonly KeptSocket[];
  readonly log: Logger;
}

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Settles with the exit status when all is over. */
export async function keep(options: KeepOptions): Promise<number> {
  const keeping = new Keeping(options);
  const listeners = FORWARDED.map((signal) => [signal, () => keeping.forward(signal)] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  try {
    return await keeping.run();
  } finally {
    for (const [signal, listener] of listeners) process.off(signal, listener);
    keeping.end();
  }
}

class Keeping {
  readonly #options: KeepOptions;
  readonly #kept = new Kept((descriptor) => void close(descriptor));
  #serving: ServedProcess | undefined;
  #isAgain = false;
  /** Whoever ends now does so on purpose. */
  #isEnding = false;
  #endPause = (): void => {};

  constructor(options: KeepOptions) {
    this.#options = options;
  }

  async run(): Promise<number> {
    const { log } = this.#options;
    for (let failures = 0; ; ) {
      const begunMs = performance.now();
      this.#serving = this.#start();
      const { status, how, problem } = await this.#serving.ended;
      this.#serving = undefined;
      if (this.#isEnding || !this.#isAgain) return status;
      failures = performance.now() - begunMs > SETTLED_MS ? 1 : failures + 1;
      if (failures > MAX_FAILURES) {
        log.error('the server ends again and again; the keeper gives up', { how });
        return status === 0 ? 1 : status;
      }
      this.#options.manager.alive();
      if (problem !== undefined || failures > MAX_FAILURES_WITH_KEPT) this.#kept.clear();
      const durable = this.#kept.size;
      log.error('the server has ended; another is started', {
        how,
        durable,
        ...(problem !== undefined && { problem }),
      });
      await this.#pause(FIRST_PAUSE_MS * 2 ** (failures - 1));
      if (this.#isEnding) return status;
    }
  }

  end(): void {
    this.#kept.clear();
  }

  #start(): ServedProcess {
    const { command, manager, sockets = [] } = this.#options;
    return new ServedProcess({
      command,
      kept: this.#kept,
      begin: {
        isAgain: this.#isAgain,
        maxDescriptors: Math.max(0, openFilesLimit() - KEEPER_OWN_DESCRIPTORS),
        watchdogMs: Math.ceil(manager.watchdogMs),
        sockets: sockets.map(({ name }) => name),
      },
      sockets: sockets.map(({ fd }) => fd),
      told: (message) => this.#told(message),
    });
  }

  #told(message: ToKeeper): void {
    const { manager } = this.#options;
    if (message.kind === 'alive') manager.alive();
    if (message.kind !== 'state') return;
    if (message.state === 'ready') this.#isAgain = true;
    if (message.state === 'stopping') this.#isEnding = true;
    manager.relay(message.state, message.status);
  }

  /** A terminal's goes to both; the server takes two at once for one. */
  forward(signal: (typeof FORWARDED)[number]): void {
    if (signal !== 'SIGHUP') this.#isEnding = true;
    this.#endPause();
    this.#serving?.child.kill(signal);
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
}

/** proc_pid_limits(5); the least that any system gives where it is not told. */
function openFilesLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? 1024 : Number(soft);
}
