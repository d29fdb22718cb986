/**
 * Slows down whoever guesses passwords, and nobody else. Failures count by name and client address: each answer is held,
 * longer each time, and answers leave one after the other, so that many connections at once gain nothing.
 * After a number of failures further attempts for this name from there wait for a turn before it is told what they
 * came to, for a guesser need not wait for an answer whose delay tells it. A single mistyped password costs half a second.
 *
 * Who goes from name to name is slowed down by address: for names that have never logged in well from there, all of
 * them. Others behind the same address (NAT, a terminal server) go on as before, and so does everybody elsewhere; no
 * account is ever shut by it.
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
/** Without a failure for so long a name or an address is like new. */
export const FORGET_MS = 60_000;
/** Records of each kind; the one that was quiet longest makes way. About 1 MiB each. */
export const MAXIMUM_RECORDS = 8192;
/** Who has logged in well within so long from an address is no stranger there: a holiday. */
export const KNOWN_MS = 30 * 24 * 3600_000;

/** A name is the client's own text. */
const MAX_NAME_CHARACTERS = 100;

interface Failures {
  failures: number;
  last: number;
  /** When the answers that are held will all have left. */
  free: number;
  /** When the attempts that wait will all have had their turn. */
  turn: number;
  /** Whose failure was the last one. */
  user: string;
}

export class LoginThrottle {
  readonly #byUser: Failing;
  readonly #byAddress: Failing;
  /** When somebody last logged in well, in that order. */
  readonly #known = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#byUser = new Failing(now);
    this.#byAddress = new Failing(now);
  }

  get size(): number {
    return this.#byUser.size + this.#byAddress.size + this.#known.size;
  }

  /**
   * Milliseconds until it is this attempt's turn, which it then has; undefined: more wait than get one in time, and it
   * is to be refused whatever it is.
   */
  turnOf(address: string, name: string): number | undefined {
    const { host, user } = keysOf(address, name);
    const own = this.#byUser.waiting(user);
    const all = this.#isKnown(user) ? undefined : this.#byAddress.waiting(host);
    const now = this.#now();
    const turn = Math.max(now, ...[own, all].map((found) => found?.turn ?? now));
    if (turn - now > LONGEST_HOLD_MS) return undefined;
    for (const found of [own, all]) if (found !== undefined) found.turn = turn + LONGEST_DELAY_MS;
    return Math.ceil(turn - now);
  }

  /** How long an attempt would wait now. */
  waitOf(address: string, name: string): number {
    const { host, user } = keysOf(address, name);
    const own = this.#byUser.waiting(user);
    const all = this.#isKnown(user) ? undefined : this.#byAddress.waiting(host);
    const now = this.#now();
    return Math.ceil(Math.max(0, ...[own, all].map((found) => (found?.turn ?? now) - now)));
  }

  /** Takes note of a failure. Milliseconds to hold its answer. */
  failed(address: string, name: string): number {
    const { host, user } = keysOf(address, name);
    const held = this.#byUser.failed(user, user);
    if (this.#isKnown(user)) return held;
    const all = this.#byAddress.find(host);
    const isSameName = all?.user === user && all.failures < FAILURES_BEFORE_WAITING;
    return isSameName ? held : Math.max(held, this.#byAddress.failed(host, user));
  }

  /** With the right password. */
  succeeded(address: string, name: string): void {
    const { user } = keysOf(address, name);
    this.#known.delete(user);
    this.#known.set(user, this.#now());
    if (this.#known.size > MAXIMUM_RECORDS) this.#known.delete(this.#known.keys().next().value!);
  }

  /** By an administrator: who is named, at the address that is given, or everybody, is like new. */
  forget(name: string | undefined, address: string | undefined): void {
    const { host, user } = keysOf(address ?? '', name ?? '');
    const isOf = (key: string): boolean =>
      (name === undefined || key.endsWith(user.slice(host.length))) &&
      (address === undefined || key.startsWith(`${host}\0`));
    this.#byUser.forget((key) => isOf(key));
    this.#byAddress.forget((_, { user: last }) => isOf(last));
  }

  #isKnown(user: string): boolean {
    const at = this.#known.get(user);
    return at !== undefined && this.#now() - at < KNOWN_MS;
  }
}

/** In the order of their last failures. */
class Failing {
  readonly #records = new Map<string, Failures>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#records.size;
  }

  find(key: string): Failures | undefined {
    const record = this.#records.get(key);
    if (record === undefined || this.#now() - record.last < FORGET_MS) return record;
    this.#records.delete(key);
    return undefined;
  }

  /** Whose attempts wait. */
  waiting(key: string): Failures | undefined {
    const record = this.find(key);
    if (record === undefined || record.failures < FAILURES_BEFORE_WAITING) return undefined;
    record.turn = Math.max(record.turn, record.free);
    return record;
  }

  /** Milliseconds to hold the answer. */
  failed(key: string, user: string): number {
    const now = this.#now();
    const record = this.find(key) ?? { failures: 0, last: now, free: now, turn: now, user };
    const delay = Math.min(FIRST_DELAY_MS * 2 ** record.failures, LONGEST_DELAY_MS);
    record.failures++;
    record.last = now;
    record.user = user;
    record.free = Math.min(Math.max(record.free, now) + delay, now + LONGEST_HOLD_MS);
    this.#records.delete(key);
    this.#records.set(key, record);
    if (this.#records.size > MAXIMUM_RECORDS) {
      this.#records.delete(this.#records.keys().next().value!);
    }
    return Math.ceil(record.free - now);
  }

  forget(isIt: (key: string, record: Failures) => boolean): void {
    for (const [key, record] of this.#records) if (isIt(key, record)) this.#records.delete(key);
  }
}

function keysOf(address: string, name: string): { host: string; user: string } {
  const host = keyOf(address);
  return { host, user: `${host}\0${name.slice(0, MAX_NAME_CHARACTERS).toLowerCase()}` };
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
