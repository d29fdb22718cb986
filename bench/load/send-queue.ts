/** Pieces of memory that leave together, in as few calls of sendmsg as the socket allows. */
import { addressOf } from '../../src/native/library.ts';
import { MSG_NOSIGNAL, sendmsg } from '../../src/native/socket.ts';
import { LoadError } from './load-error.ts';

const EINTR = 4;
const TWO_TO_32 = 0x1_0000_0000;

/** struct iovec: address, length; 64 bits each. */
const IOVEC_BYTES = 16;
/** struct msghdr, and where it says which pieces there are. */
const MSGHDR_BYTES = 56;
const IOV_AT = 16;
const IOV_COUNT_AT = 24;

export class SendQueue {
  readonly #addresses: Float64Array;
  readonly #lengths: Float64Array;
  readonly #iovec: Buffer;
  readonly #words: Uint32Array;
  readonly #iovecAt: number;
  readonly #message = Buffer.alloc(MSGHDR_BYTES);
  readonly #messageWords: Uint32Array;
  readonly #messageAt: number;
  #count = 0;

  constructor(pieces: number) {
    this.#addresses = new Float64Array(pieces);
    this.#lengths = new Float64Array(pieces);
    this.#iovec = Buffer.alloc(pieces * IOVEC_BYTES);
    this.#words = new Uint32Array(this.#iovec.buffer, this.#iovec.byteOffset, pieces * 4);
    this.#iovecAt = addressOf(this.#iovec);
    this.#messageWords = new Uint32Array(
      this.#message.buffer,
      this.#message.byteOffset,
      MSGHDR_BYTES / 4,
    );
    this.#messageAt = addressOf(this.#message);
  }

  /** The memory must stay as it is until `flush`. */
  add(address: number, length: number): void {
    const last = this.#count - 1;
    if (last >= 0 && this.#addresses[last]! + this.#lengths[last]! === address) {
      this.#lengths[last]! += length;
      return;
    }
    if (this.#count === this.#addresses.length) throw new RangeError('too many pieces');
    this.#addresses[this.#count] = address;
    this.#lengths[this.#count] = length;
    this.#count++;
  }

  /** Sends everything; waits while the socket is full. */
  flush(fd: number): void {
    let first = 0;
    while (first < this.#count) {
      let sent = this.#send(fd, first);
      while (first < this.#count && sent >= this.#lengths[first]!) {
        sent -= this.#lengths[first]!;
        first++;
      }
      if (sent > 0) {
        this.#addresses[first]! += sent;
        this.#lengths[first]! -= sent;
      }
    }
    this.#count = 0;
  }

  #send(fd: number, first: number): number {
    const words = this.#words;
    for (let i = first; i < this.#count; i++) {
      const address = this.#addresses[i]!;
      words[i * 4] = address % TWO_TO_32;
      words[i * 4 + 1] = address / TWO_TO_32;
      words[i * 4 + 2] = this.#lengths[i]!;
    }
    const at = this.#iovecAt + first * IOVEC_BYTES;
    this.#messageWords[IOV_AT / 4] = at % TWO_TO_32;
    this.#messageWords[IOV_AT / 4 + 1] = at / TWO_TO_32;
    this.#messageWords[IOV_COUNT_AT / 4] = this.#count - first;
    for (;;) {
      const sent = sendmsg(fd, this.#messageAt, MSG_NOSIGNAL);
      if (sent > 0) return sent;
      if (sent !== -EINTR) throw new LoadError(`sendmsg: errno ${-sent}`);
    }
  }
}
