/**
 * MS-SMB2 3.3.5.2.10: which of an open's requests were sent before its client lost a channel. Such a client
 * counts its ChannelSequence up and sends again what was not answered. What changes the file and is of
 * an older number comes too late; what is sent again has to wait until nothing older is under way.
 */

/** Names a request that is under way: the number of changes of the sequence that came before it. */
export type Admitted = number;

const isNewer = (sequence: number, than: number): boolean => {
  const difference = (sequence - than) & 0xffff;
  return difference !== 0 && difference <= 0x7fff;
};

export class ChannelSequence {
  /** Open.ChannelSequence. */
  #current: number;
  #changes = 0;
  /** Open.OutstandingRequestCount. */
  #outstanding = 0;
  /** Open.OutstandingPreRequestCount. */
  #outstandingBefore = 0;

  constructor(current: number) {
    this.#current = current;
  }

  /** Open.ChannelSequence. */
  get current(): number {
    return this.#current;
  }

  /** Undefined: it is not counted, and a WRITE, SET_INFO or IOCTL is refused. */
  admit(sequence: number, isReplay: boolean): Admitted | undefined {
    if (isNewer(sequence, this.#current)) {
      this.#outstandingBefore += this.#outstanding;
      this.#outstanding = 0;
      this.#current = sequence;
      this.#changes += 1;
    } else if (sequence !== this.#current) return undefined;
    if (isReplay && this.#outstandingBefore > 0) return undefined;
    this.#outstanding += 1;
    return this.#changes;
  }

  /** 3.3.4.1: the request is answered. */
  done(admitted: Admitted): void {
    if (admitted === this.#changes) this.#outstanding -= 1;
    else this.#outstandingBefore -= 1;
  }
}
