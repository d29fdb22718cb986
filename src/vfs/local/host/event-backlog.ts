/** Events that were taken from inotify and not dealt with yet, in order. */
import { IN_MOVED_TO } from '../../../native/inotify.ts';
import type { InotifyEvent } from './inotify-events.ts';

export interface Backlogged extends InotifyEvent {
  /** The server did it; see own-changes.ts. */
  isOwn: boolean;
  /** When it was taken: in the kernel's queue it was at most since the take before. */
  readonly takenAtMs: number;
}

export class EventBacklog {
  #events: Backlogged[] = [];
  #next = 0;
  /** By cookie: second halves of renames. */
  readonly #arrivals = new Map<number, Backlogged>();

  /** Of all events that ever were in it; grows only. */
  #before = 0;

  get isEmpty(): boolean {
    return this.#next === this.#events.length;
  }

  /** Where the next event will stand. */
  get end(): number {
    return this.#before + this.#events.length;
  }

  /** Where the first event stands. */
  get start(): number {
    return this.#before + this.#next;
  }

  add(event: InotifyEvent, takenAtMs: number): void {
    const backlogged = { ...event, isOwn: false, takenAtMs };
    this.#events.push(backlogged);
    if ((event.mask & IN_MOVED_TO) !== 0) this.#arrivals.set(event.cookie, backlogged);
  }

  first(): Backlogged | undefined {
    return this.#events[this.#next];
  }

  at(position: number): Backlogged {
    return this.#events[position - this.#before]!;
  }

  shift(): void {
    this.#next++;
    if (!this.isEmpty) return;
    this.#before += this.#events.length;
    this.#events = [];
    this.#next = 0;
  }

  /** The second half of a rename, if it is there; it stays in its place. */
  arrival(cookie: number): Backlogged | undefined {
    return this.#arrivals.get(cookie);
  }

  /** The rename is dealt with; whether it was not before. */
  arrived(cookie: number): boolean {
    return this.#arrivals.delete(cookie);
  }

  /** By name: the first event on each in the directory `wd`. */
  firstIn(wd: number): Map<string, Backlogged> {
    const found = new Map<string, Backlogged>();
    for (let index = this.#next; index < this.#events.length; index++) {
      const event = this.#events[index]!;
      if (event.wd === wd && !found.has(event.name)) found.set(event.name, event);
    }
    return found;
  }

  clear(): void {
    this.#before += this.#events.length;
    this.#events = [];
    this.#next = 0;
    this.#arrivals.clear();
  }
}
