/**
 * Waits for a descriptor in libuv's loop (koffi.node.poll), which costs nothing while nothing comes. The
 * descriptor does not keep the process alive.
 *
 * koffi loses what a callback throws, and closes a handle that nobody refers to: both are met here.
 */
import { koffiModule } from './library.ts';

export interface Readiness {
  /** No more calls until `resume`. */
  pause(): void;
  resume(): void;
  /** To be called before the descriptor is closed. */
  close(): void;
}

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
  const handle = koffiModule.node.poll(fd, { readable: true }, guarded);
  handle.unref();
  return {
    pause: () => handle.stop(),
    resume: () => {
      handle.start({ readable: true }, guarded);
      handle.unref();
    },
    close: () => handle.close(),
  };
}
