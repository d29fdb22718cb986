/**
 * The kernel's end of a watch: a descriptor whose events come in the order in which things were done. An
 * event is there when the system call that caused it returns, so what `drain` takes is all that was
 * done before it.
 */
import { MAX_HOST_NEWS_BYTES } from '../../../base/limits.ts';
import { close, read } from '../../../native/files.ts';
import { type Readiness, whenReadable } from '../../../native/poll.ts';

const READ_BYTES = 65536;
/** More than any event has, with two names of 255 bytes and three handles of 128. */
const EVENT_BYTES = 2048;

/** Events that nobody else asks for are taken so often at most: a busy disk wakes nobody more often. */
const PAUSE_MS = 10;

export class EventQueue {
  readonly fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #act: () => void;
  #readiness: Readiness | undefined;
  #pause: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** Takes over `fd`; `act` is called when there is something to drain. */
  constructor(fd: number, act: () => void, fail: (error: unknown) => void) {
    this.fd = fd;
    this.#act = act;
    this.#readiness = whenReadable(fd, () => this.#awake(), fail);
  }

  /** Everything that is there now, read by read. The bytes are the queue's again after `visit`. */
  drain(visit: (bytes: Buffer) => void): void {
    // It may have been closed by what was told just now.
    for (let taken = 0; !this.#isClosed && taken < MAX_HOST_NEWS_BYTES; ) {
      const length = read(this.fd, this.#buffer);
      if (length <= 0) return;
      visit(this.#buffer.subarray(0, length));
      // The next event would have found room, had there been one.
      if (length < READ_BYTES - EVENT_BYTES) return;
      taken += length;
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#pause);
    this.#readiness?.close();
    this.#readiness = undefined;
    close(this.fd);
  }

  #awake(): void {
    this.#readiness?.pause();
    this.#pause = setTimeout(() => this.#readiness?.resume(), PAUSE_MS).unref();
    this.#act();
  }
}
