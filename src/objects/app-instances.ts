/**
 * MS-SMB2 3.3.1.10, Open.AppInstanceId: opens by the application that made them, so that the same application
 * on another node of a cluster can have those closed that a node which has failed left open.
 */
import type { Open } from './open.ts';

/** What a CREATE said of its application. */
export interface AppInstance {
  /** AppInstanceId, a character a byte. */
  readonly id: string;
  /** Open.ApplicationInstanceVersionHigh and -Low in one. */
  readonly version: bigint | undefined;
  readonly clientGuid: Buffer;
  /** Open.FileName. */
  readonly fileName: string;
}

export class AppInstances {
  readonly #opens = new Map<string, Set<Open>>();

  add(open: Open, instance: AppInstance): void {
    open.appInstance = instance;
    const same = this.#opens.get(instance.id);
    if (same === undefined) this.#opens.set(instance.id, new Set([open]));
    else same.add(open);
  }

  /** The open is closed. */
  remove(open: Open): void {
    if (open.appInstance === undefined) return;
    const { id } = open.appInstance;
    const same = this.#opens.get(id);
    if (same?.delete(open) === true && same.size === 0) this.#opens.delete(id);
  }

  find(id: string): readonly Open[] {
    return [...(this.#opens.get(id) ?? [])];
  }

  get size(): number {
    return this.#opens.size;
  }
}

/** 3.3.5.9.13: whether the version that comes is not above the one that is there. */
export function isOutdated(
  there: bigint | undefined,
  comes: bigint | undefined,
  versions: boolean,
): boolean {
  if (there === undefined) return false;
  return comes === undefined || (versions && there >= comes);
}
