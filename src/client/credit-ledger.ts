/**
 * MS-SMB2 3.2.1.2 and 3.2.4.1.6: the MessageIds that the server has granted, from the client's side. A
 * request takes as many as its charge; who finds too few waits, in turn.
 */
import { ProtocolViolation } from './client-error.ts';

interface Waiter {
  readonly charge: number;
  readonly resolve: (messageId: number) => void;
  readonly reject: (error: Error) => void;
}

export class CreditLedger {
  /** "the client MUST set ... to allow 1 credit": MessageId 0 for NEGOTIATE. */
  #available = 1;
  #next = 0;
  #outstanding = 0;
  readonly #waiting: Waiter[] = [];
  #abandoned: Error | undefined;

  get available(): number {
    return this.#available;
  }

  /** The MessageId that the next request will get. */
  get next(): number {
    return this.#next;
  }

  /** The first of `charge` MessageIds in a row. */
  acquire(charge: number): number | Promise<number> {
    if (this.#abandoned !== undefined) throw this.#abandoned;
    if (this.#waiting.length === 0 && charge <= this.#available) return this.#take(charge);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ charge, resolve, reject });
    });
  }

  /** Gives MessageIds to be used later, or never: a hole in the server's window. */
  skip(charge: number): number {
    if (charge > this.#available) throw new RangeError(`${this.#available} credits at hand`);
    const id = this.#take(charge);
    this.#outstanding -= 1;
    return id;
  }

  #take(charge: number): number {
    const id = this.#next;
    this.#next += charge;
    this.#available -= charge;
    this.#outstanding += 1;
    return id;
  }

  /** What an answer, interim ones too, brings. `final`: its request is done. */
  grant(credits: number, final: boolean): void {
    this.#available += credits;
    if (final) this.#outstanding -= 1;
    while (this.#waiting.length > 0 && this.#waiting[0]!.charge <= this.#available) {
      const { charge, resolve } = this.#waiting.shift()!;
      resolve(this.#take(charge));
    }
    // 3.3.1.2: "The server MUST ensure that the number of credits held by the client is never reduced to zero."
    if (this.#available === 0 && this.#outstanding === 0) {
      throw new ProtocolViolation(
        'the client is left without a credit and without an answer to come',
      );
    }
  }

  /** The connection is gone. */
  abandon(error: Error): void {
    this.#abandoned = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
