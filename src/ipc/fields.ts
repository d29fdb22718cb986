/**
 * How values travel between the planes: a field knows how its value is written and read, and fields
 * make records, lists and variants. Integers are little-endian. Reading is total: any bytes give a value
 * within the field's bounds or a WireError, and nothing is allocated before its length is known to be
 * there. Writing a value out of bounds is a bug, and throws RangeError.
 */
import { isUtf8 } from 'node:buffer';
import { WireError } from '../wire/wire-error.ts';

export interface Field<T> {
  write(to: Writer, value: T): void;
  read(from: Reader): T;
}

/** The type of a field's value. */
export type Value<F> = F extends Field<infer T> ? T : never;

const FIRST_BYTES = 1024;

export class Writer {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  /** Room for `length` bytes: where they go. */
  reserve(length: number): { readonly buffer: Buffer; readonly at: number } {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return { buffer: this.#buffer, at };
  }

  /** What was written, as a view. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

export class Reader {
  readonly #buffer: Buffer;
  readonly #structure: string;
  #at = 0;

  constructor(buffer: Buffer, structure: string) {
    this.#buffer = buffer;
    this.#structure = structure;
  }

  get left(): number {
    return this.#buffer.length - this.#at;
  }

  /** The next `length` bytes, as a view. */
  take(length: number): Buffer {
    if (length > this.left) this.fail(`${length} bytes wanted, ${this.left} left`);
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  fail(problem: string): never {
    throw new WireError(this.#structure, problem);
  }
}

export function encode<T>(field: Field<T>, value: T): Buffer {
  const writer = new Writer();
  field.write(writer, value);
  return writer.bytes;
}

/** The value that `bytes` are, all of them. */
export function decode<T>(field: Field<T>, bytes: Buffer, structure: string): T {
  const reader = new Reader(bytes, structure);
  const value = field.read(reader);
  if (reader.left > 0) reader.fail(`${reader.left} bytes too many`);
  return value;
}

function integer(bytes: 1 | 2 | 4): Field<number> {
  return {
    write(to, value) {
      const { buffer, at } = to.reserve(bytes);
      buffer.writeUIntLE(value, at, bytes);
    },
    read: (from) => from.take(bytes).readUIntLE(0, bytes),
  };
}

export const u8 = integer(1);
export const u16 = integer(2);
export const u32 = integer(4);

export const u64: Field<bigint> = {
  write(to, value) {
    const { buffer, at } = to.reserve(8);
    buffer.writeBigUInt64LE(value, at);
  },
  read: (from) => from.take(8).readBigUInt64LE(),
};

/** An id, a count or a time: a whole number below 2^53, in eight bytes. */
export const whole: Field<number> = {
  write: (to, value) => u64.write(to, BigInt(value)),
  read(from) {
    const value = u64.read(from);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) from.fail(`${value} is too large`);
    return Number(value);
  },
};

export const flag: Field<boolean> = {
  write: (to, value) => u8.write(to, value ? 1 : 0),
  read(from) {
    const value = u8.read(from);
    if (value > 1) from.fail(`a flag of ${value}`);
    return value === 1;
  },
};

/** Exactly so many bytes. Read as a copy: frames are not kept. */
export const bytes = (length: number): Field<Buffer> => ({
  write(to, value) {
    if (value.length !== length) throw new RangeError(`${value.length} bytes, not ${length}`);
    const { buffer, at } = to.reserve(length);
    value.copy(buffer, at);
  },
  read: (from) => Buffer.from(from.take(length)),
});

/** At most so many bytes. Read as a copy. */
export const blob = (maximumBytes: number): Field<Buffer> => ({
  write(to, value) {
    if (value.length > maximumBytes) throw new RangeError(`${value.length} bytes`);
    u32.write(to, value.length);
    const { buffer, at } = to.reserve(value.length);
    value.copy(buffer, at);
  },
  read(from) {
    const length = u32.read(from);
    if (length > maximumBytes) from.fail(`${length} bytes`);
    return Buffer.from(from.take(length));
  },
});

/** Text of at most so many bytes of UTF-8. */
export const text = (maximumBytes: number): Field<string> => ({
  write(to, value) {
    const length = Buffer.byteLength(value);
    if (length > maximumBytes) throw new RangeError(`text of ${length} bytes`);
    u32.write(to, length);
    const { buffer, at } = to.reserve(length);
    buffer.write(value, at);
  },
  read(from) {
    const length = u32.read(from);
    if (length > maximumBytes) from.fail(`text of ${length} bytes`);
    const utf8 = from.take(length);
    if (!isUtf8(utf8)) from.fail('text that is no UTF-8');
    return utf8.toString();
  },
});

/** One of these words. */
export const oneOf = <const W extends string>(...words: readonly W[]): Field<W> => ({
  write(to, value) {
    const index = words.indexOf(value);
    if (index < 0) throw new RangeError(`no such word: ${value}`);
    u8.write(to, index);
  },
  read(from) {
    const index = u8.read(from);
    return words[index] ?? from.fail(`word ${index} of ${words.length}`);
  },
});

export const maybe = <T>(field: Field<T>): Field<T | undefined> => ({
  write(to, value) {
    flag.write(to, value !== undefined);
    if (value !== undefined) field.write(to, value);
  },
  read: (from) => (flag.read(from) ? field.read(from) : undefined),
});

export const list = <T>(field: Field<T>, maximum: number): Field<readonly T[]> => ({
  write(to, values) {
    if (values.length > maximum) throw new RangeError(`${values.length} entries`);
    u32.write(to, values.length);
    for (const value of values) field.write(to, value);
  },
  read(from) {
    const count = u32.read(from);
    if (count > maximum) from.fail(`${count} entries`);
    const values: T[] = [];
    for (let i = 0; i < count; i++) values.push(field.read(from));
    return values;
  },
});

type Fields = Readonly<Record<string, Field<unknown>>>;
type RecordOf<F> = { readonly [K in keyof F]: Value<F[K]> };

/** Fields one after the other. */
export function record<F extends Fields>(fields: F): Field<RecordOf<F>> {
  const entries = Object.entries(fields);
  return {
    write(to, value) {
      for (const [name, field] of entries) field.write(to, value[name]);
    },
    read(from) {
      const value: Record<string, unknown> = {};
      for (const [name, field] of entries) value[name] = field.read(from);
      return value as RecordOf<F>;
    },
  };
}

type VariantOf<C> = {
  readonly [K in keyof C]: { readonly kind: K } & Value<C[K]>;
}[keyof C];

/** One of several records, told apart by `kind`. */
export function variant<C extends Readonly<Record<string, Field<object>>>>(
  cases: C,
): Field<VariantOf<C>> {
  const kinds = oneOf(...Object.keys(cases));
  const fieldOf = (kind: string) => cases[kind] as Field<object>;
  return {
    write(to, value) {
      const kind = String(value.kind);
      kinds.write(to, kind);
      fieldOf(kind).write(to, value);
    },
    read(from) {
      const kind = kinds.read(from);
      return { kind, ...fieldOf(kind).read(from) } as VariantOf<C>;
    },
  };
}
