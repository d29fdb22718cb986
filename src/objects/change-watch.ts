/**
 * MS-FSA 2.1.1.9 and 2.1.5.11: what one directory open watches, the changes that nobody has asked for
 * yet and the requests that wait for changes, oldest first. The first CHANGE_NOTIFY of the open makes it;
 * filter, WATCH_TREE and the size of the buffer stay what they were then.
 *
 *     quiet ── change ──▶ changes kept ── request, or one that waits ──▶ quiet
 *                            │ more than the buffer holds
 *                            ▼
 *                        overflowed (changes forgotten) ── request ──▶ quiet, STATUS_NOTIFY_ENUM_DIR
 */
import { NotifyWriter } from '../fscc/notify-information.ts';
import type { HostWatch } from '../vfs/host-changes.ts';
import { type Visibility, vetoed } from './visibility.ts';

/** Why a request ends without changes. */
export type NotifyEnd = 'cancelled' | 'cleanup' | 'deletePending';
/** FILE_NOTIFY_INFORMATION entries; 'overflow': they do not fit, STATUS_NOTIFY_ENUM_DIR. */
export type NotifyAnswer = Buffer | 'overflow' | NotifyEnd;

interface Waiter {
  readonly limit: number;
  readonly wake: (answer: NotifyAnswer) => void;
}

export interface Watched {
  /** CompletionFilter. */
  readonly filter: number;
  /** SMB2_WATCH_TREE. */
  readonly tree: boolean;
  /** Bytes of changes that are kept. */
  readonly capacity: number;
}

export class ChangeWatch {
  readonly filter: number;
  readonly tree: boolean;
  /** The place of the directory; see ChangeNotifier. */
  place: string;
  /** There while changes by other programs on the host are told as well. */
  onHost: HostWatch | undefined;
  /** Names that are not told, because they are not there for clients. */
  readonly visibility: Visibility | undefined;
  readonly #changes: NotifyWriter;
  #overflowed = false;
  #waiters: Waiter[] = [];

  constructor(place: string, { filter, tree, capacity }: Watched, visibility?: Visibility) {
    this.place = place;
    this.filter = filter;
    this.tree = tree;
    this.visibility = visibility;
    this.#changes = new NotifyWriter(capacity);
  }

  /** Keeps a change; whoever waits is told by `deliver`. */
  add(action: number, fileName: string): void {
    if (this.visibility !== undefined && vetoed(this.visibility, pathOf(fileName))) return;
    if (this.#overflowed || this.#changes.add({ action, fileName })) return;
    this.overflow();
  }

  /** Some changes are not known: the client has to list the directory again. */
  overflow(): void {
    this.#overflowed = true;
    this.#changes.clear();
  }

  /** Hands what is kept to the oldest request that waits. */
  deliver(): void {
    if (this.#waiters.length === 0 || this.#isQuiet) return;
    const { limit, wake } = this.#waiters.shift()!;
    wake(this.#take(limit));
  }

  /** What is kept now; undefined where a request has to wait. */
  takeNow(limit: number): NotifyAnswer | undefined {
    return this.#isQuiet ? undefined : this.#take(limit);
  }

  wait(limit: number, signal: AbortSignal): Promise<NotifyAnswer> {
    if (signal.aborted) return Promise.resolve('cancelled');
    return new Promise((resolve) => {
      const waiter: Waiter = {
        limit,
        wake: (answer) => {
          signal.removeEventListener('abort', cancel);
          resolve(answer);
        },
      };
      const cancel = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        waiter.wake('cancelled');
      };
      signal.addEventListener('abort', cancel, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** Ends all requests that wait. */
  end(reason: NotifyEnd): void {
    for (const { wake } of this.#waiters.splice(0)) wake(reason);
  }

  get #isQuiet(): boolean {
    return !this.#overflowed && this.#changes.length === 0;
  }

  /** 2.1.5.11.1: all of them, or the news that there are too many. */
  #take(limit: number): NotifyAnswer {
    const fits = !this.#overflowed && this.#changes.length <= limit;
    this.#overflowed = false;
    if (fits) return this.#changes.take();
    this.#changes.clear();
    return 'overflow';
  }
}

/** The names on the way to what changed, without that of a stream. */
const pathOf = (fileName: string): string[] => fileName.replace(/:.*$/s, '').split('\\');
