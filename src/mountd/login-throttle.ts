/**
 * Slows down whoever guesses passwords, by client address. Each failure's answer is held, longer each
 * time, and answers to one address leave one after the other, so that many connections at once gain nothing.
 * After a number of failures further attempts are not even looked at before their time, for a guesser need not
 * wait for an answer whose delay tells it. A single mistyped password costs half a second.
 */
import { isIPv6 } from 'node:net';

/** How long the answer to the first failure is held; doubled by each further one. */
export const FIRST_DELAY_MS = 500;
/** ksmbd's penalty. */
export const LONGEST_DELAY_MS = 5_000;
/** ksmbd: from this failure on, attempts wait too. */
export const FAILURES_BEFORE_WAITING = 10;
/** Clients give up after 60 s, and the server on a connection without a session after 45. */
export const LONGEST_HOLD_MS = 20_000;
/** Without a failure for so long an address is like new. */
export const FORGET_MS = 60_000;
/** Addresses remembered; the one that was quiet longest makes way. About 1 MiB. */
export const MAXIMUM_ADDRESSES = 8192;

interface Failures {
  failures: number;
  last: number;
  /** When the answers that are held will all have left. */
  free: number;
}

export class LoginThrottle {
  /** In the order of their last failures. */
  readonly #records = new Map<string, Failures>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get size(): number {
    return this.#records.size;
  }

  /** Milliseconds to wait before an attempt of this client's is looked at. */
  waitBefore(address: string): number {
    const record = this.#find(keyOf(address));
    if (record === undefined || record.failures < FAILURES_BEFORE_WAITING) return 0;
    return Math.max(0, record.free - this.#now());
  }

  /** Takes note of a failure. Milliseconds to hold its answer. */
  failed(address: string): number {
    const key = keyOf(address);
    const now = this.#now();
    const record = this.#find(key) ?? { failures: 0, last: now, free: now };
    const delay = Math.min(FIRST_DELAY_MS * 2 ** record.failures, LONGEST_DELAY_MS);
    record.failures++;
    record.last = now;
    record.free = Math.min(Math.max(record.free, now) + delay, now + LONGEST_HOLD_MS);
    this.#records.delete(key);
    this.#records.set(key, record);
    if (this.#records.size > MAXIMUM_ADDRESSES) {
      this.#records.delete(this.#records.keys().next().value!);
    }
    return Math.ceil(record.free - now);
  }

  #find(key: string): Failures | undefined {
    const record = this.#records.get(key);
    if (record === undefined || this.#now() - record.last < FORGET_MS) return record;
    this.#records.delete(key);
    return undefined;
  }
}

/** Who has one IPv6 address has at least 2^64 of them: the first half counts. */
function keyOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
    while (groups.length + rest < 8) groups.push('0');
  }
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
