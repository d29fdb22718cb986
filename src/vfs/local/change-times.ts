/**
 * MS-FSA 2.1.5.15.2 lets a client set LastChangeTime; Linux lets nobody set st_ctime. What was set is
 * kept in memory beside the st_ctime that the file then had, and is told until that moves: any change,
 * whoever makes it, is a newer change time. It does not outlive the server.
 */
import { MAX_KEPT_CHANGE_TIMES } from '../../base/limits.ts';
import type { FileTime } from '../vfs.ts';

interface Kept {
  readonly told: FileTime;
  /** st_ctime, as statx told it then. */
  readonly actual: FileTime;
}

export class ChangeTimes {
  readonly #kept = new Map<string, Kept>();

  get size(): number {
    return this.#kept.size;
  }

  /** `key` names the object, `actual` is its st_ctime now. */
  keep(key: string, told: FileTime, actual: FileTime): void {
    this.#kept.delete(key);
    this.#kept.set(key, { told, actual });
    if (this.#kept.size <= MAX_KEPT_CHANGE_TIMES) return;
    const [oldest] = this.#kept.keys();
    this.#kept.delete(oldest!);
  }

  /** What was set, if the object has not changed since. */
  told(key: string, actual: FileTime): FileTime | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (kept.actual === actual) return kept.told;
    this.#kept.delete(key);
    return undefined;
  }
}
