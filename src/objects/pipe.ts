/**
 * A named pipe that a client has open. A READ that comes before there is an answer waits and is woken
 * exactly once: by the answer, by CANCEL or by the close.
 */
import type { PipeEndpoint } from '../ipc/control-plane.ts';

/** What is looked at of a message, as much as a transaction of SMB1 can tell. */
const MAX_PEEK_BYTES = 0xffff;

export type PipeRead = { readonly bytes: Buffer; readonly more: boolean };

interface Reader {
  readonly limit: number;
  readonly wake: (read: PipeRead | undefined) => void;
}

export class Pipe {
  readonly name: string;
  readonly #endpoint: PipeEndpoint;
  #readers: Reader[] = [];
  #closed = false;
  /** Looked at and not read yet. */
  #seen: PipeRead | undefined;

  constructor(name: string, endpoint: PipeEndpoint) {
    this.name = name;
    this.#endpoint = endpoint;
  }

  /** Hands a message over; false when it breaks the protocol, and when the pipe is closed. */
  async write(message: Buffer): Promise<boolean> {
    if (this.#closed) return false;
    const taken = await this.#endpoint.write(message);
    if (this.#closed) return false;
    this.#serveReaders();
    return taken;
  }

  /** What is there now; undefined when nothing is. */
  readNow(limit: number): PipeRead | undefined {
    return this.#closed || this.#readers.length > 0 ? undefined : this.#take(limit);
  }

  /** The same without taking it away, as far as its message goes. */
  peek(): PipeRead | undefined {
    if (this.#closed || this.#readers.length > 0) return undefined;
    this.#seen ??= this.#endpoint.read(MAX_PEEK_BYTES);
    return this.#seen;
  }

  #take(limit: number): PipeRead | undefined {
    const seen = this.#seen;
    if (seen === undefined) return this.#endpoint.read(limit);
    const isWhole = limit >= seen.bytes.length;
    this.#seen = isWhole ? undefined : { bytes: seen.bytes.subarray(limit), more: seen.more };
    return isWhole ? seen : { bytes: seen.bytes.subarray(0, limit), more: true };
  }

  /** Waits for an answer; undefined when `signal` or the close ended the wait. */
  read(limit: number, signal: AbortSignal): Promise<PipeRead | undefined> {
    if (this.#closed || signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const reader: Reader = {
        limit,
        wake: (read) => {
          signal.removeEventListener('abort', cancel);
          resolve(read);
        },
      };
      const cancel = () => {
        this.#readers = this.#readers.filter((other) => other !== reader);
        reader.wake(undefined);
      };
      signal.addEventListener('abort', cancel, { once: true });
      this.#readers.push(reader);
    });
  }

  close(): void {
    this.#closed = true;
    for (const reader of this.#readers.splice(0)) reader.wake(undefined);
    this.#endpoint.close();
  }

  #serveReaders(): void {
    while (this.#readers.length > 0) {
      const read = this.#take(this.#readers[0]!.limit);
      if (read === undefined) return;
      this.#readers.shift()!.wake(read);
    }
  }
}
