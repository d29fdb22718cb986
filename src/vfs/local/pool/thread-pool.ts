/**
 * Threads for calls that may block, as the kernel's workers: none while there is nothing to do, one more
 * when work waits and all are busy, up to a bound, and none again when there was nothing for a while. A start
 * takes the processor from everybody else for a moment, so where no job comes to its end, and more threads
 * would only wait as well, they are started with pauses.
 *
 *     run ─▶ queue ─▶ idle thread (the one that worked last) ─▶ answer
 *                └─ none idle ─▶ start one ─▶ takes from the queue when it is up
 *
 * A thread that dies costs the job in it, which is answered `lost`; the next job that waits starts
 * another. A thread that is busy keeps the process alive, an idle one does not.
 */
import assert from 'node:assert/strict';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { exitNow } from '../../../native/exit.ts';

/** Between two starts while no job ends. */
const START_PAUSE_MS = 500;

/** Of one thread: far above what any job needs, and one that goes wrong costs itself alone. */
const MAX_HEAP_MB = 128;

/**
 * Jobs leave little behind, and V8 keeps a thread's pages for seconds after its end: with 2 MB for what is new, eight
 * threads that came and went three times took 16 MiB each in place of 21, of which Node.js itself needs 10.
 */
const MAX_YOUNG_MB = 2;

/** Threads that have a job, of all pools. */
let working = 0;
let knowsOfExit = false;

/** Node.js waits for its threads when it exits, and one that hangs in the kernel would be waited for. */
function exitWithoutThem(): void {
  if (knowsOfExit) return;
  knowsOfExit = true;
  process.on('exit', (code) => {
    if (working > 0) exitNow(code);
  });
}

/** What a thread answers: a value, or the stack of a bug. */
export type ThreadAnswer<R> = { readonly value: R } | { readonly bug: string };

export interface ThreadPoolOptions<R> {
  /** The program of a thread; it says 'ready', then answers one ThreadAnswer for each message. */
  readonly program: URL;
  readonly maxThreads: number;
  /** How long a thread that has nothing to do is kept. */
  readonly idleMs: number;
  /** The answer to a job whose thread died. */
  readonly lost: R;
}

interface Pending<J, R> {
  readonly job: J;
  /** Kept as long as a thread may use it. */
  readonly memory: Uint8Array | undefined;
  readonly resolve: (result: R) => void;
  readonly reject: (error: Error) => void;
}

interface Thread<J, R> {
  readonly worker: Worker;
  current: Pending<J, R> | undefined;
  isReady: boolean;
  timer: NodeJS.Timeout | undefined;
}

export class ThreadPool<J, R> {
  readonly #options: ThreadPoolOptions<R>;
  readonly #threads = new Set<Thread<J, R>>();
  /** The last one worked last. */
  readonly #idle: Thread<J, R>[] = [];
  /** No thread is started before that. */
  #pause: NodeJS.Timeout | undefined;
  #queue: Pending<J, R>[] = [];
  #starting = 0;
  #isClosed = false;

  constructor(options: ThreadPoolOptions<R>) {
    this.#options = options;
  }

  get threads(): number {
    return this.#threads.size;
  }

  /** Jobs that no thread has taken yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  get busy(): number {
    return this.#threads.size - this.#idle.length - this.#starting;
  }

  /** `memory` is the thread's until the answer is there. Rejects for bugs only. */
  run(job: J, memory?: Uint8Array): Promise<R> {
    assert.ok(!this.#isClosed, 'a pool that is closed gets no jobs');
    return new Promise((resolve, reject) => {
      const pending = { job, memory, resolve, reject };
      const thread = this.#idle.pop();
      if (thread !== undefined) this.#give(thread, pending);
      else {
        this.#queue.push(pending);
        this.#grow();
      }
    });
  }

  /** So that the first job need not wait for a thread to start. */
  prepare(): void {
    if (this.#threads.size === 0 && !this.#isClosed) this.#start();
  }

  /** One at a time: what waits may be done by the time that it is up. */
  #grow(): void {
    const { maxThreads } = this.#options;
    if (this.#queue.length === 0 || this.#starting > 0 || this.#threads.size >= maxThreads) return;
    if (this.#pause === undefined) this.#start();
  }

  #endPause(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#grow();
  }

  #start(): void {
    exitWithoutThem();
    const worker = new Worker(this.#options.program, {
      env: SHARE_ENV,
      execArgv: [],
      trackUnmanagedFds: false,
      resourceLimits: {
        maxOldGenerationSizeMb: MAX_HEAP_MB,
        maxYoungGenerationSizeMb: MAX_YOUNG_MB,
      },
    });
    const thread: Thread<J, R> = { worker, current: undefined, isReady: false, timer: undefined };
    this.#threads.add(thread);
    this.#starting += 1;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#endPause(), START_PAUSE_MS).unref();
    if (this.#queue.length === 0) worker.unref();
    worker.on('message', (message: 'ready' | ThreadAnswer<R>) => {
      if (message === 'ready') this.#started(thread);
      else this.#answered(thread, message);
    });
    // 'exit' follows, and says the same.
    worker.on('error', () => {});
    worker.on('exit', () => this.#ended(thread));
  }

  #started(thread: Thread<J, R>): void {
    thread.isReady = true;
    this.#starting -= 1;
    this.#next(thread);
  }

  #answered(thread: Thread<J, R>, message: ThreadAnswer<R>): void {
    const { resolve, reject } = thread.current!;
    thread.current = undefined;
    working -= 1;
    this.#next(thread);
    if (this.#pause !== undefined && this.#queue.length > 0) this.#endPause();
    if ('value' in message) resolve(message.value);
    else reject(new Error(message.bug));
  }

  #next(thread: Thread<J, R>): void {
    const pending = this.#queue.shift();
    if (pending === undefined) this.#rest(thread);
    else this.#give(thread, pending);
  }

  #give(thread: Thread<J, R>, pending: Pending<J, R>): void {
    clearTimeout(thread.timer);
    thread.timer = undefined;
    thread.current = pending;
    working += 1;
    thread.worker.ref();
    thread.worker.postMessage(pending.job);
  }

  #rest(thread: Thread<J, R>): void {
    thread.worker.unref();
    if (this.#isClosed) {
      void thread.worker.terminate();
      return;
    }
    this.#idle.push(thread);
    thread.timer = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(thread), 1);
      void thread.worker.terminate();
    }, this.#options.idleMs).unref();
  }

  #ended(thread: Thread<J, R>): void {
    clearTimeout(thread.timer);
    this.#threads.delete(thread);
    const idle = this.#idle.indexOf(thread);
    if (idle >= 0) this.#idle.splice(idle, 1);
    // One that does not even start costs a job as well, or it would be tried for ever.
    if (!thread.isReady) this.#starting -= 1;
    if (thread.current !== undefined) working -= 1;
    const cost = thread.isReady ? thread.current : this.#queue.shift();
    cost?.resolve(this.#options.lost);
    this.#endPause();
  }

  /** Threads end as they come to rest; jobs that were given are done first. */
  close(): void {
    this.#isClosed = true;
    for (const thread of this.#idle.splice(0)) {
      clearTimeout(thread.timer);
      void thread.worker.terminate();
    }
  }
}
