/**
 * What all handles of one back end have in common: the names that they were opened by, which follow the
 * renames that go through this server, and the write-back errors of the objects.
 */
import type { Errno } from '../errno.ts';

/** The name that a handle was opened by, as it is on the disk now. */
export interface OpenName {
  /** From the root; undefined when the name was removed. */
  path: readonly string[] | undefined;
}

/** One object, however many handles it has. */
export interface OpenObject {
  readonly key: string;
  handleCount: number;
  /** What a flush failed with: told by every later one until the last handle closes. */
  flushError: Errno | 0;
}

/** Whether `path` is `start` or below it. */
export const isAtOrBelow = (path: readonly string[], start: readonly string[]): boolean =>
  path.length >= start.length && start.every((name, i) => path[i] === name);

export class OpenObjects {
  readonly #names = new Set<OpenName>();
  readonly #objects = new Map<string, OpenObject>();

  enter(path: readonly string[], dev: bigint, ino: bigint): { name: OpenName; object: OpenObject } {
    const name = { path };
    this.#names.add(name);
    const key = `${dev}:${ino}`;
    const object = this.#objects.get(key) ?? { key, handleCount: 0, flushError: 0 };
    object.handleCount++;
    this.#objects.set(key, object);
    return { name, object };
  }

  leave(name: OpenName, object: OpenObject): void {
    this.#names.delete(name);
    object.handleCount--;
    if (object.handleCount === 0) this.#objects.delete(object.key);
  }

  removed(path: readonly string[]): void {
    for (const name of this.#names) {
      if (name.path?.length === path.length && isAtOrBelow(name.path, path)) name.path = undefined;
    }
  }

  /** `from`, and all that is below it, is at `to`; what was there is no more. */
  renamed(from: readonly string[], to: readonly string[]): void {
    if (from.length !== to.length || !isAtOrBelow(from, to)) this.removed(to);
    for (const name of this.#names) {
      if (name.path === undefined || !isAtOrBelow(name.path, from)) continue;
      name.path = [...to, ...name.path.slice(from.length)];
    }
  }
}
