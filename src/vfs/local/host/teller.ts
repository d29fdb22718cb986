/**
 * Turns what the kernel says into changes as NTFS would tell them, and hands them on in batches.
 *
 * NTFS tells of written data when the file is closed (MS-FSA 2.1.5.5), so a write is kept until a
 * writer closes. A file that stays open while it grows, as a log does, is told of once a second.
 *
 *     quiet ── written ──▶ unsettled ── closed by a writer, or a second ──▶ quiet, MODIFIED told
 *                              └── removed ──▶ quiet
 */
import { MAX_UNSETTLED_WRITES } from '../../../base/limits.ts';
import type { HostChange, TellHostChanges } from '../../host-changes.ts';

const SETTLE_MS = 1000;

export class HostTeller {
  readonly #tell: TellHostChanges;
  readonly #lost: () => void;
  #changes: HostChange[] = [];
  /** Places of files that were written to. */
  readonly #unsettled = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** `lost` is called when the kernel has dropped changes since its queue was full. */
  constructor(tell: TellHostChanges, lost: () => void) {
    this.#tell = tell;
    this.#lost = lost;
  }

  added(place: string, isDirectory: boolean): void {
    this.#changes.push({ kind: 'added', place, isDirectory });
  }

  removed(place: string, isDirectory: boolean): void {
    this.#unsettled.delete(place);
    this.#changes.push({ kind: 'removed', place, isDirectory });
  }

  renamed(from: string, to: string, isDirectory: boolean): void {
    this.#changes.push({ kind: 'renamed', from, to, isDirectory });
    if (isDirectory || !this.#unsettled.delete(from)) return;
    this.#unsettled.add(to);
  }

  written(place: string): void {
    if (this.#unsettled.size >= MAX_UNSETTLED_WRITES) this.#settleAll();
    this.#unsettled.add(place);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#settleAll();
      this.flush();
    }, SETTLE_MS).unref();
  }

  closedByWriter(place: string): void {
    if (this.#unsettled.delete(place)) this.#modified(place);
  }

  attributesChanged(place: string): void {
    this.#changes.push({ kind: 'modified', place, what: 'metadata' });
  }

  lost(): void {
    this.#lost();
    this.#unsettled.clear();
    this.#changes = [{ kind: 'lost' }];
  }

  flush(): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#tell(changes);
  }

  /** Forgets what is not told yet. */
  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unsettled.clear();
    this.#changes = [];
  }

  #settleAll(): void {
    for (const place of this.#unsettled) this.#modified(place);
    this.#unsettled.clear();
  }

  #modified(place: string): void {
    this.#changes.push({ kind: 'modified', place, what: 'data' });
  }
}
