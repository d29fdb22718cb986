/**
 * Waits for a descriptor in libuv's loop (koffi.node.poll), which costs nothing while nothing comes. The
 * descriptor does not keep the process alive.
 *
 * koffi loses what a callback throws, and closes a handle that nobody refers to: both are met here. A
 * thread that ends with such a handle open takes the whole process along, so a worker thread looks at
 * the descriptor from time to time instead.
 */
import { isMainThread } from 'node:worker_threads';
import { koffiModule } from './library.ts';

export interface Readiness {
  /** No more calls until `resume`. */
  pause(): void;
  resume(): void;
  /** To be called before the descriptor is closed. */
  close(): void;
}

/** How often a worker thread looks. */
const LOOK_MS = 50;

/** Undefined where there are no native calls. `fail` gets what `act` throws. */
export function whenReadable(
  fd: number,
  act: () => void,
  fail: (error: unknown) => void,
): Readiness | undefined {
  if (koffiModule === undefined) return undefined;
  const guarded = (): void => {
    try {
      act();
    } catch (error) {
      fail(error);
    }
  };
  return isMainThread ? polled(koffiModule, fd, guarded) : looked(guarded);
}

function polled(koffi: typeof import('koffi'), fd: number, act: () => void): Readiness {
  const handle = koffi.node.poll(fd, { readable: true }, act);
  handle.unref();
  return {
    pause: () => handle.stop(),
    resume: () => {
      handle.start({ readable: true }, act);
      handle.unref();
    },
    close: () => handle.close(),
  };
}

function looked(act: () => void): Readiness {
  const timer = setInterval(act, LOOK_MS).unref();
  return { pause: () => {}, resume: () => {}, close: () => clearInterval(timer) };
}
