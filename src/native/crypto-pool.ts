/**
 * Long messages on other processors. AES-CMAC, AES-CCM and HMAC-SHA256 cannot be computed in pieces side by side: a
 * MiB takes one processor a millisecond, in which the loop would serve nobody. So several messages are
 * computed at once, on the threads of libuv's pool.
 */
import { availableParallelism } from 'node:os';

/** Going to a thread and back costs some 40 µs: of what is shorter, a good part of the work itself. */
export const MIN_BYTES_IN_POOL = 128 * 1024;

/**
 * Two for each of libuv's threads, so that none is idle while the loop is at something else. What is beyond goes no faster
 * there, and disks have these threads, too: should one hold them up, only so many answers wait for it.
 */
const AT_ONCE = 8;

/** For measuring: with 0 all is done in the loop. */
const isSwitchedOff = process.env.USMBD_CRYPTO_POOL === '0' || availableParallelism() === 1;

let underWay = 0;

/** Whether a message of `length` bytes should go there. */
export const belongsInPool = (length: number): boolean =>
  length >= MIN_BYTES_IN_POOL && underWay < AT_ONCE && !isSwitchedOff;

/** `work` counts as one of those that are there. */
export async function inPool<T>(work: () => Promise<T>): Promise<T> {
  underWay++;
  try {
    return await work();
  } finally {
    underWay--;
  }
}
