/**
 * The threads of one device. Every device has its own, so that one that does not answer starves nobody, and
 * two kinds of them: `ask` for what clients wait for (names, metadata, reads), `change` for what makes data
 * go to the disk, so that no read waits behind a sync.
 */
import {
  MAX_ASK_THREADS_PER_DEVICE,
  MAX_CHANGE_THREADS_PER_DEVICE,
  THREAD_IDLE_MS,
} from '../../../base/limits.ts';
import { AT_EMPTY_PATH } from '../../../native/constants.ts';
import { statx, stx } from '../../../native/stat.ts';
import { EIO, type Errno } from '../../errno.ts';
import type { Acting, Job, JobName, JobResult, Jobs } from './jobs.ts';
import { Pace } from './pace.ts';
import { ThreadPool } from './thread-pool.ts';

export type Lane = 'ask' | 'change';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const program = new URL(`./thread.${extension}`, import.meta.url);

/** A thread that dies may have left the job half done: nobody can tell. */
const LOST: JobResult = { result: EIO, seen: [], waitedMs: Infinity };

const lane = (maxThreads: number): ThreadPool<Job, JobResult> =>
  new ThreadPool({ program, maxThreads, idleMs: THREAD_IDLE_MS, lost: LOST });

export class Device {
  readonly ask = lane(MAX_ASK_THREADS_PER_DEVICE);
  readonly change = lane(MAX_CHANGE_THREADS_PER_DEVICE);
  readonly pace = new Pace();
  /** What has to be done one after the other, by what it is done to: the end of each queue. */
  readonly #turns = new Map<string, Promise<unknown>>();

  /** `memory` is the thread's until the result is there. EIO where the thread died. */
  async run<N extends JobName>(
    which: Lane,
    acting: Acting,
    name: N,
    what: Jobs[N][0],
    memory?: Uint8Array,
  ): Promise<{ result: Jobs[N][1] | Errno; seen: JobResult['seen'] }> {
    const { share, who } = acting;
    const { result, seen, waitedMs } = await this[which].run({ share, who, name, what }, memory);
    this.pace.threadWaited(waitedMs);
    return { result: result as Jobs[N][1] | Errno, seen };
  }

  /** Runs `act` when all that was given before for the same `key` has ended. */
  inTurn<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key);
    const mine = before === undefined ? act() : before.then(act, act);
    this.#turns.set(key, mine);
    const end = (): void => {
      if (this.#turns.get(key) === mine) this.#turns.delete(key);
    };
    mine.then(end, end);
    return mine;
  }

  close(): void {
    this.ask.close();
    this.change.close();
  }
}

interface Used {
  readonly device: Device;
  shares: number;
}

const devices = new Map<number, Used>();

/** The device that the descriptor's object is on; its threads end when it is released by all. */
export function deviceOf(fd: number): { readonly device: Device; readonly release: () => void } {
  const number = statx(fd, '', AT_EMPTY_PATH) === 0 ? stx.device() : -1;
  let used = devices.get(number);
  if (used === undefined) {
    used = { device: new Device(), shares: 0 };
    devices.set(number, used);
  }
  const one = used;
  one.shares += 1;
  const release = (): void => {
    one.shares -= 1;
    if (one.shares > 0) return;
    devices.delete(number);
    one.device.close();
  };
  return { device: one.device, release };
}
