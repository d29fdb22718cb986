/** One row of the tables of parameters, and what a table makes of the lines of a section. */
import type { Problem } from './problem.ts';
import { normalizeKey, type ParameterNode } from './smb-conf.ts';
import { bool, type ValueType } from './value-types.ts';

export interface Parameter<T> {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Names under which a boolean means the opposite. */
  readonly inverses: readonly string[];
  readonly type: ValueType<T>;
  /** The value where no line gives one. */
  readonly fallback: T;
  /** A good value that will not do what it says: the reason, for a warning. */
  caveat(value: T): string | undefined;
}

export type Table = Readonly<Record<string, Parameter<unknown>>>;
export type Values<T extends Table> = {
  readonly [K in keyof T]: T[K] extends Parameter<infer V> ? V : never;
};

interface Extras<T> {
  readonly aliases?: readonly string[];
  readonly inverses?: readonly string[];
  readonly caveat?: (value: T) => string | undefined;
}

export function parameter<T>(
  name: string,
  type: ValueType<T>,
  fallback: T,
  extras: Extras<T> = {},
): Parameter<T> {
  const { aliases = [], inverses = [], caveat = () => undefined } = extras;
  return { name, aliases, inverses, type, fallback, caveat };
}

/** For what is read and checked but does nothing: a warning with the reason where another value than ours is asked. */
export function unsupported<T>(name: string, type: ValueType<T>, acts: T, reason: string) {
  const caveat = (value: T): string | undefined =>
    type.print(value) === type.print(acts)
      ? undefined
      : `"${name} = ${type.print(value)}" is not supported, ${reason}: acts as "${type.print(acts) || 'not set'}"`;
  return parameter<T>(name, type, acts, { caveat });
}

/** The field of a table that each of its parameters' names leads to, normalized. */
export type NameIndex = ReadonlyMap<string, { readonly field: string; readonly inverse: boolean }>;

export function nameIndex(table: Table): NameIndex {
  const index = new Map<string, { field: string; inverse: boolean }>();
  for (const [field, { name, aliases, inverses }] of Object.entries(table)) {
    for (const alias of [name, ...aliases]) {
      index.set(normalizeKey(alias), { field, inverse: false });
    }
    for (const inverse of inverses) index.set(normalizeKey(inverse), { field, inverse: true });
  }
  return index;
}

/** All names of a parameter, the one to write first, for edits. */
export function namesOf({ name, aliases, inverses }: Parameter<unknown>): [string, ...string[]] {
  return [name, ...aliases, ...inverses];
}

interface Given {
  readonly value: unknown;
  readonly line: number;
  readonly isTemplate: boolean;
}

/** Values of one section as its lines give them, before defaults. */
export class SectionValues<T extends Table> {
  readonly #table: T;
  readonly #file: string;
  readonly #given = new Map<string, Given>();

  constructor(table: T, file: string) {
    this.#table = table;
    this.#file = file;
  }

  /** Takes a line whose key the table knows. */
  add(node: ParameterNode, field: string, inverse: boolean, isTemplate = false): Problem[] {
    const row = this.#table[field]!;
    const value = inverse ? invert(bool.parse(node.value)) : row.type.parse(node.value);
    if (value === undefined) {
      // `key =` says that there is no value; what has none already is content with that.
      if (node.value === '') return [];
      const message = `bad value "${node.value}" for "${node.key}"`;
      return [this.#problem('error', node, message, row.type.expects)];
    }
    const earlier = this.#given.get(field);
    if (earlier !== undefined) return this.#repeated(node, row, earlier, value);
    this.#given.set(field, { value, line: node.line, isTemplate });
    const caveat = row.caveat(value);
    return caveat === undefined ? [] : [this.#problem('warning', node, caveat)];
  }

  /** What the lines gave, for the rest `defaults`, for the rest the table's own. */
  values(defaults?: SectionValues<T>): Values<T> {
    const inherited = defaults === undefined ? undefined : defaults.#given;
    const fields = Object.entries(this.#table).map(([field, { fallback }]) => {
      const given = this.#given.get(field) ?? inherited?.get(field);
      return [field, given === undefined ? fallback : given.value];
    });
    return Object.fromEntries(fields) as Values<T>;
  }

  /** Fields whose values have macros that differ by client. */
  templates(defaults: SectionValues<T>): string[] {
    return Object.keys(this.#table).filter(
      (field) => (this.#given.get(field) ?? defaults.#given.get(field))?.isTemplate === true,
    );
  }

  /** What `other` gives and this does not. */
  inherit(other: SectionValues<T>): void {
    for (const [field, given] of other.#given) {
      if (!this.#given.has(field)) this.#given.set(field, given);
    }
  }

  lineOf(field: keyof T & string): number {
    return this.#given.get(field)?.line ?? 0;
  }

  #repeated(
    node: ParameterNode,
    row: Parameter<unknown>,
    earlier: { readonly value: unknown; readonly line: number },
    value: unknown,
  ): Problem[] {
    const again = `"${node.key}" is given again`;
    if (row.type.print(earlier.value) === row.type.print(value)) {
      return [this.#problem('warning', node, `${again}, as on line ${earlier.line}`)];
    }
    const message = `${again} and contradicts line ${earlier.line}`;
    return [this.#problem('error', node, message, 'one of the two')];
  }

  #problem(
    severity: Problem['severity'],
    { file = this.#file, line }: ParameterNode,
    message: string,
    expected?: string,
  ): Problem {
    return { severity, file, line, message, ...(expected && { expected }) };
  }
}

const invert = (value: boolean | undefined): boolean | undefined =>
  value === undefined ? undefined : !value;
