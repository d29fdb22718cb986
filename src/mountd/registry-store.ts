/**
 * The keys and values that administrators have put into the registry (MS-RRP 3.1.1.1), beside those that the server
 * tells of itself. In `registry.json` of the state directory. A path begins with its hive; case does not count.
 */
import type { Logger } from '../base/log.ts';
import { KeptRecord } from './kept-record.ts';

export interface KeptValue {
  readonly name: string;
  readonly type: number;
  readonly data: Buffer;
}

export type RegistryChange = 'done' | 'missing' | 'has-keys' | 'too-many' | 'unwritable';

/** Programs of administration keep a few dozen; all of it is in memory and in one file. */
const MAX_KEYS = 1000;
const MAX_VALUES = 4000;
const MAX_DATA_BYTES = 1 << 20;
/** MS-RRP 3.1.1.1, 3.1.1.5: of one name, and how deep keys stand. */
export const KEY_NAME_UNITS = 255;
export const KEY_DEPTH = 32;
export const VALUE_NAME_UNITS = 1024;

interface StoredValue {
  readonly name: string;
  readonly type: number;
  /** base64 */
  readonly data: string;
}
interface StoredKey {
  readonly name: string;
  readonly values: Readonly<Record<string, StoredValue>>;
}
/** By their paths in lower case. */
type Stored = Readonly<Record<string, StoredKey>>;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseStored(value: unknown): Stored | undefined {
  if (!isObject(value)) return undefined;
  const fine = Object.values(value).every(
    (key) =>
      isObject(key) &&
      typeof key.name === 'string' &&
      isObject(key.values) &&
      Object.values(key.values).every(
        (one) =>
          isObject(one) &&
          typeof one.name === 'string' &&
          typeof one.type === 'number' &&
          typeof one.data === 'string',
      ),
  );
  return fine ? (value as Stored) : undefined;
}

const keyOf = (path: readonly string[]): string => path.join('\\').toLowerCase();

export class RegistryStore {
  readonly #kept: KeptRecord<Stored>;

  /** `path` undefined: nothing outlives the process. */
  constructor(path: string | undefined, log: Logger) {
    this.#kept = new KeptRecord<Stored>({ path, initial: {}, parse: parseStored, log });
  }

  #at(path: readonly string[]): StoredKey | undefined {
    const stored = this.#kept.value;
    const key = keyOf(path);
    return Object.hasOwn(stored, key) ? stored[key] : undefined;
  }

  has(path: readonly string[]): boolean {
    return this.#at(path) !== undefined;
  }

  /** Names of the keys right below. */
  keysOf(path: readonly string[]): string[] {
    const prefix = `${keyOf(path)}\\`;
    return Object.entries(this.#kept.value).flatMap(([key, { name }]) =>
      key.startsWith(prefix) && !key.includes('\\', prefix.length) ? [name] : [],
    );
  }

  valuesOf(path: readonly string[]): KeptValue[] {
    return Object.values(this.#at(path)?.values ?? {}).map(({ name, type, data }) => ({
      name,
      type,
      data: Buffer.from(data, 'base64'),
    }));
  }

  /** With those above it that are missing, down from `from`. */
  create(path: readonly string[], from: number): RegistryChange {
    const stored = { ...this.#kept.value };
    for (let depth = from + 1; depth <= path.length; depth++) {
      const key = keyOf(path.slice(0, depth));
      if (!Object.hasOwn(stored, key)) stored[key] = { name: path[depth - 1]!, values: {} };
    }
    if (Object.keys(stored).length > MAX_KEYS) return 'too-many';
    return this.#replace(stored);
  }

  remove(path: readonly string[]): RegistryChange {
    if (!this.has(path)) return 'missing';
    if (this.keysOf(path).length > 0) return 'has-keys';
    const gone = keyOf(path);
    const rest = Object.entries(this.#kept.value).filter(([key]) => key !== gone);
    return this.#replace(Object.fromEntries(rest));
  }

  /** The key itself may be one that the server tells of. */
  setValue(path: readonly string[], { name, type, data }: KeptValue): RegistryChange {
    const stored = this.#kept.value;
    const key = this.#at(path) ?? { name: path.at(-1)!, values: {} };
    const value = { name, type, data: data.toString('base64') };
    const changed = {
      ...stored,
      [keyOf(path)]: { ...key, values: { ...key.values, [name.toLowerCase()]: value } },
    };
    const all = Object.values(changed).flatMap(({ values }) => Object.values(values));
    const bytes = all.reduce((sum, one) => sum + one.data.length, 0);
    if (Object.keys(changed).length > MAX_KEYS || all.length > MAX_VALUES) return 'too-many';
    return bytes > MAX_DATA_BYTES ? 'too-many' : this.#replace(changed);
  }

  removeValue(path: readonly string[], name: string): RegistryChange {
    const key = this.#at(path);
    const gone = name.toLowerCase();
    if (key === undefined || !Object.hasOwn(key.values, gone)) return 'missing';
    const values = Object.fromEntries(Object.entries(key.values).filter(([one]) => one !== gone));
    return this.#replace({ ...this.#kept.value, [keyOf(path)]: { ...key, values } });
  }

  #replace(stored: Stored): RegistryChange {
    return this.#kept.replace(stored) ? 'done' : 'unwritable';
  }
}
