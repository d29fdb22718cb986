/**
 * A socket in libuv's loop (koffi.node.poll). koffi closes a handle that nobody refers to and loses what a
 * callback throws: whoever has a SocketPoll keeps it, and gets what its callbacks threw.
 */
import { koffiModule } from './library.ts';

type PollHandle = ReturnType<NonNullable<typeof koffiModule>['node']['poll']>;

export interface SocketEvents {
  readable(): void;
  writable(): void;
  /** A callback threw. */
  failed(error: unknown): void;
}

type Interest = 'none' | 'readable' | 'writable' | 'both';

const OPTIONS = {
  readable: { readable: true, writable: false },
  writable: { readable: false, writable: true },
  both: { readable: true, writable: true },
} as const;

export class SocketPoll {
  readonly #handle: PollHandle;
  readonly #ready: (status: unknown, ready?: { readable: boolean; writable: boolean }) => void;
  #interest: Interest = 'none';
  #closed = false;

  /** Waits for nothing until `wait`. Throws where there are no native calls. */
  constructor(fd: number, events: SocketEvents) {
    if (koffiModule === undefined) throw new Error('there are no native calls');
    // (status, events), whatever its types say. A status other than 0 is told by reading.
    this.#ready = (_status, ready) => {
      try {
        if (ready?.writable === true && !this.#closed) events.writable();
        if (ready?.writable === true && ready.readable !== true) return;
        if (!this.#closed) events.readable();
      } catch (error) {
        events.failed(error);
      }
    };
    this.#handle = koffiModule.node.poll(fd, OPTIONS.readable, this.#ready);
    this.#handle.stop();
  }

  wait(readable: boolean, writable: boolean): void {
    const interest = readable ? (writable ? 'both' : 'readable') : writable ? 'writable' : 'none';
    if (this.#closed || interest === this.#interest) return;
    this.#interest = interest;
    if (interest === 'none') this.#handle.stop();
    else this.#handle.start(OPTIONS[interest], this.#ready);
  }

  /** To be called before the descriptor is closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle.close();
  }
}
