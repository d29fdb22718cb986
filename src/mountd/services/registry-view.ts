/** MS-RRP 3.1.1: what the server tells of itself and what administrators have put beside it, as one tree. */
import type { RegistryChange, RegistryStore } from '../registry-store.ts';
import {
  EMPTY_ROOT,
  findKey,
  localMachine,
  type RegistryKey,
  type RegistryValue,
} from './registry.ts';
import type { ServiceContext } from './share-catalogue.ts';

/** Where a handle stands: its hive, and the names from there on. */
export type KeyPath = readonly [hive: string, ...names: string[]];

export interface ViewedKey {
  /** Names of the keys below it. */
  readonly keys: readonly string[];
  readonly values: readonly RegistryValue[];
}

export const HIVE_OF_MACHINE = 'HKLM';

export const below = (path: KeyPath, subKey: string): KeyPath => [
  ...path,
  ...subKey.split('\\').filter((name) => name !== ''),
];

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export class RegistryView {
  readonly #context: ServiceContext;
  readonly #store: RegistryStore;

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#store = context.registry;
  }

  /** Undefined: there is no such key. What administrators keep here is for those who logged in. */
  at(path: KeyPath): ViewedKey | undefined {
    const own = this.#own(path);
    const seen = this.#context.account.kind === 'user';
    if (own === undefined && !(seen && this.#store.has(path))) return undefined;
    const keys = own?.keys.map(({ name }) => name) ?? [];
    const values = own?.values ?? [];
    if (!seen) return { keys, values };
    const more = this.#store
      .keysOf(path)
      .filter((name) => !keys.some((other) => sameName(name, other)));
    const kept = this.#store
      .valuesOf(path)
      .filter(({ name }) => !values.some((other) => sameName(name, other.name)));
    return { keys: [...keys, ...more], values: [...values, ...kept] };
  }

  /** Whether the server tells of it: that is not changed by anybody. */
  isOwn(path: KeyPath): boolean {
    return this.#own(path) !== undefined;
  }

  isOwnValue(path: KeyPath, name: string): boolean {
    return this.#own(path)?.values.some((one) => sameName(one.name, name)) === true;
  }

  create(path: KeyPath): RegistryChange {
    let from = path.length - 1;
    while (from > 1 && this.at(path.slice(0, from) as unknown as KeyPath) === undefined) from -= 1;
    return this.#store.create(path, from);
  }

  #own([hive, ...names]: KeyPath): RegistryKey | undefined {
    const root = hive === HIVE_OF_MACHINE ? localMachine(this.#context) : EMPTY_ROOT(hive);
    return findKey(root, names.join('\\'));
  }
}
