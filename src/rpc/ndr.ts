/**
 * NDR 2.0, the 32-bit transfer syntax (C706 chapter 14; MS-RPCE 2.2.4), as declarations:
 *
 *     const SHARE_INFO_1 = struct({ netname: unique(wstring), type: u32, remark: unique(wstring) });
 *     type ShareInfo1 = NdrValue<typeof SHARE_INFO_1>;
 *
 * A declaration reads and writes. Reading is total: WireError for whatever is not the type, and no
 * more memory than a small multiple of the input, because every count is held against the octets
 * that are left. Depth is the declaration's; no type refers to itself.
 *
 * A pointer's referent follows the construct that holds the pointer, so a value is not known when its
 * place in the stream is passed; readers hand it to `assign` when it is.
 */
import { NdrReader, NdrWriter } from './ndr-stream.ts';

export interface NdrType<T> {
  readonly alignment: number;
  /** The fewest octets a value takes in place; never 0, since it bounds array counts. */
  readonly minimumSize: number;
  /** For a type that ends in a conformant array: the count that NDR puts before the construct. */
  maximumCount?(value: T): number;
  write(w: NdrWriter, value: T): void;
  read(r: NdrReader, assign: (value: T) => void, maximumCount: number): void;
  /** Carries the value type only; never present at run time. */
  readonly type?: T;
}

export type NdrValue<N> = N extends { readonly type?: infer T } ? Exclude<T, undefined> : never;

/** Reads one whole construct with all its referents; octets behind it are left (and legal). */
export function readConstruct<T>(r: NdrReader, type: NdrType<T>): T {
  let value: T | undefined;
  construct(r, type, (v) => {
    value = v;
  });
  return value as T;
}

export function writeConstruct<T>(w: NdrWriter, type: NdrType<T>, value: T): void {
  w.construct(() => {
    if (type.maximumCount !== undefined) w.u32(type.maximumCount(value));
    w.align(type.alignment);
    type.write(w, value);
  });
}

function construct<T>(r: NdrReader, type: NdrType<T>, assign: (value: T) => void): void {
  r.construct(() => {
    const maximumCount = type.maximumCount === undefined ? 0 : r.u32();
    r.align(type.alignment);
    type.read(r, assign, maximumCount);
  });
}

export function encodeNdr<T>(type: NdrType<T>, value: T, firstReferent?: number): Buffer {
  const w = new NdrWriter(firstReferent);
  writeConstruct(w, type, value);
  return w.finish();
}

export function decodeNdr<T>(type: NdrType<T>, input: Buffer, bigEndian = false): T {
  return readConstruct(new NdrReader(input, bigEndian), type);
}

// --- Integers and enumerations -------------------------------------------------------------------

export const u8: NdrType<number> = {
  alignment: 1,
  minimumSize: 1,
  write: (w, value) => w.u8(value),
  read: (r, assign) => assign(r.u8()),
};

export const u16: NdrType<number> = {
  alignment: 2,
  minimumSize: 2,
  write: (w, value) => w.u16(value),
  read: (r, assign) => assign(r.u16()),
};

export const u32: NdrType<number> = {
  alignment: 4,
  minimumSize: 4,
  write: (w, value) => w.u32(value),
  read: (r, assign) => assign(r.u32()),
};

export const i32: NdrType<number> = {
  alignment: 4,
  minimumSize: 4,
  write: (w, value) => w.u32(value >>> 0),
  read: (r, assign) => assign(r.u32() | 0),
};

export const hyper: NdrType<bigint> = {
  alignment: 8,
  minimumSize: 8,
  write: (w, value) => w.u64(value),
  read: (r, assign) => assign(r.u64()),
};

/** An `enum`: 16 bits unless the IDL says v1_enum (C706 14.2.6). Unlisted values are refused. */
export function enumeration<V extends number>(values: Readonly<Record<string, V>>): NdrType<V> {
  const known = new Set<number>(Object.values(values));
  return {
    alignment: 2,
    minimumSize: 2,
    write: (w, value) => w.u16(value),
    read(r, assign) {
      const value = r.u16();
      if (!known.has(value)) r.fail(`${value} is not of the enumeration`);
      assign(value as V);
    },
  };
}

// --- Structures and pointers ---------------------------------------------------------------------

type Fields = Readonly<Record<string, NdrType<unknown>>>;
export type StructValue<F extends Fields> = { readonly [K in keyof F]: NdrValue<F[K]> };

/** A structure. A conformant last member makes it a conformant structure (C706 14.3.7.1). */
export function struct<F extends Fields>(fields: F): NdrType<StructValue<F>> {
  const entries = Object.entries(fields);
  const last = entries.at(-1);
  if (last === undefined) throw new RangeError('a structure has a member');
  if (entries.slice(0, -1).some(([, field]) => field.maximumCount !== undefined)) {
    throw new RangeError('only the last member of a structure may be conformant');
  }
  const [lastKey, lastField] = last;
  const type: NdrType<StructValue<F>> = {
    alignment: Math.max(...entries.map(([, field]) => field.alignment)),
    minimumSize: entries.reduce((sum, [, field]) => sum + field.minimumSize, 0),
    write(w, value) {
      for (const [key, field] of entries) {
        w.align(field.alignment);
        field.write(w, value[key]);
      }
    },
    read(r, assign, maximumCount) {
      const value: Record<string, unknown> = {};
      for (const [key, field] of entries) {
        r.align(field.alignment);
        field.read(r, (v) => (value[key] = v), maximumCount);
      }
      assign(value as StructValue<F>);
    },
  };
  if (lastField.maximumCount === undefined) return type;
  return { ...type, maximumCount: (value) => lastField.maximumCount?.(value[lastKey]) ?? 0 };
}

/** A unique pointer: a value or null. Each has its own referent; aliases are not legal for these. */
export function unique<T>(target: NdrType<T>): NdrType<T | null> {
  return {
    alignment: 4,
    minimumSize: 4,
    write(w, value) {
      if (value === null) return w.u32(0);
      w.referent();
      w.defer(() => writeConstruct(w, target, value));
    },
    read(r, assign) {
      if (r.u32() === 0) return assign(null);
      r.defer(() => construct(r, target, assign));
    },
  };
}

/** A reference pointer within a structure: never null. As a parameter it has no representation. */
export function ref<T>(target: NdrType<T>): NdrType<T> {
  return {
    alignment: 4,
    minimumSize: 4,
    write(w, value) {
      w.referent();
      w.defer(() => writeConstruct(w, target, value));
    },
    read(r, assign) {
      if (r.u32() === 0) r.fail('a reference pointer is null');
      r.defer(() => construct(r, target, assign));
    },
  };
}

// --- Arrays and strings --------------------------------------------------------------------------

function writeElements<T>(w: NdrWriter, element: NdrType<T>, values: readonly T[]): void {
  for (const value of values) {
    w.align(element.alignment);
    element.write(w, value);
  }
}

function readElements<T>(
  r: NdrReader,
  element: NdrType<T>,
  count: number,
  assign: (value: readonly T[]) => void,
): void {
  const values: T[] = new Array(r.bounded(count, element.minimumSize));
  for (let i = 0; i < count; i++) {
    r.align(element.alignment);
    element.read(r, (v) => (values[i] = v), 0);
  }
  assign(values);
}

function assertFixed(element: NdrType<unknown>): void {
  if (element.maximumCount !== undefined) throw new RangeError('an element may not be conformant');
}

/** A fixed array: `count` elements and nothing else. */
export function fixedArray<T>(element: NdrType<T>, count: number): NdrType<readonly T[]> {
  assertFixed(element);
  return {
    alignment: element.alignment,
    minimumSize: element.minimumSize * count,
    write(w, values) {
      if (values.length !== count) throw new RangeError(`${values.length} elements of ${count}`);
      writeElements(w, element, values);
    },
    read: (r, assign) => readElements(r, element, count, assign),
  };
}

/** `[size_is]`: the count stands before the construct, the elements here. */
export function conformantArray<T>(element: NdrType<T>): NdrType<readonly T[]> {
  assertFixed(element);
  return {
    alignment: element.alignment,
    minimumSize: 1,
    maximumCount: (values) => values.length,
    write: (w, values) => writeElements(w, element, values),
    read: (r, assign, maximumCount) => readElements(r, element, maximumCount, assign),
  };
}

/** The offset and actual count of a varying array; an offset is never used by these interfaces. */
function readVariance(r: NdrReader): number {
  if (r.u32() !== 0) r.fail('the offset of a varying array is not 0');
  return r.u32();
}

/** `[length_is]` in a fixed array of `maximum`: offset, count, elements. */
export function varyingArray<T>(element: NdrType<T>, maximum: number): NdrType<readonly T[]> {
  assertFixed(element);
  return {
    alignment: Math.max(4, element.alignment),
    minimumSize: 8,
    write(w, values) {
      if (values.length > maximum) throw new RangeError(`${values.length} elements of ${maximum}`);
      w.u32(0);
      w.u32(values.length);
      writeElements(w, element, values);
    },
    read(r, assign) {
      const count = readVariance(r);
      if (count > maximum) r.fail(`${count} elements of ${maximum}`);
      readElements(r, element, count, assign);
    },
  };
}

/** `[size_is, length_is]`: maximum count before the construct, offset and count here. */
export function conformantVaryingArray<T>(element: NdrType<T>): NdrType<readonly T[]> {
  assertFixed(element);
  return {
    alignment: Math.max(4, element.alignment),
    minimumSize: 8,
    maximumCount: (values) => values.length,
    write(w, values) {
      w.u32(0);
      w.u32(values.length);
      writeElements(w, element, values);
    },
    read(r, assign, maximumCount) {
      const count = readVariance(r);
      if (count > maximumCount) r.fail(`${count} elements of ${maximumCount}`);
      readElements(r, element, count, assign);
    },
  };
}

/** `[string] wchar_t *`'s referent: UTF-16 with its terminator, which the value is without. */
export const wstring: NdrType<string> = {
  alignment: 4,
  minimumSize: 8,
  maximumCount: (value) => value.length + 1,
  write(w, value) {
    w.u32(0);
    w.u32(value.length + 1);
    w.text(`${value}\0`);
  },
  read(r, assign, maximumCount) {
    const count = readVariance(r);
    if (count > maximumCount) r.fail(`a string of ${count} in room for ${maximumCount}`);
    const text = r.text(r.bounded(count, 2));
    const end = text.indexOf('\0');
    if (end < 0) r.fail('a string is not terminated');
    assign(text.slice(0, end));
  },
};

/** A conformant array of octets as one Buffer (a view of the input). */
export const octets: NdrType<Buffer> = {
  alignment: 1,
  minimumSize: 1,
  maximumCount: (value) => value.length,
  write: (w, value) => w.octets(value),
  read: (r, assign, maximumCount) => assign(r.octets(maximumCount)),
};

/** A conformant and varying array of octets: room, and what of it is used. A copy of the input. */
export const varyingOctets: NdrType<Buffer> = {
  alignment: 4,
  minimumSize: 8,
  maximumCount: (value) => value.length,
  write(w, value) {
    w.u32(0);
    w.u32(value.length);
    w.octets(value);
  },
  read(r, assign, maximumCount) {
    const count = readVariance(r);
    if (count > maximumCount) r.fail(`${count} octets of ${maximumCount}`);
    assign(Buffer.from(r.octets(count)));
  },
};

/**
 * The pair `DWORD count; [size_is(count)] T *elements`, as every container of MS-SRVS has it; null is
 * a null pointer, whose count means nothing.
 */
export function counted<T extends { readonly length: number }>(
  array: NdrType<T>,
): NdrType<T | null> {
  const pointer = unique(array);
  return {
    alignment: 4,
    minimumSize: 8,
    write(w, value) {
      w.u32(value?.length ?? 0);
      pointer.write(w, value);
    },
    read(r, assign) {
      const count = r.u32();
      const check = (value: T | null) => {
        if (value !== null && value.length !== count) {
          r.fail(`size_is ${count} for an array of ${value.length}`);
        }
        assign(value);
      };
      pointer.read(r, check, 0);
    },
  };
}

// --- Unions --------------------------------------------------------------------------------------

type Arms = Readonly<Record<number, NdrType<unknown>>>;

/** `other` is the empty default arm; its value is the discriminant. */
export type UnionValue<A extends Arms> =
  | {
      readonly [K in keyof A & number]: { readonly tag: K; readonly value: NdrValue<A[K]> };
    }[keyof A & number]
  | { readonly tag: 'other'; readonly value: number };

interface Tag {
  readonly alignment: number;
  read(r: NdrReader): number;
  write(w: NdrWriter, tag: number): void;
}

/** A non-encapsulated union with an empty default arm: the discriminant, then the arm. */
export const union = <A extends Arms>(arms: A): NdrType<UnionValue<A>> =>
  taggedUnion(arms, { alignment: 4, read: (r) => r.u32(), write: (w, tag) => w.u32(tag) });

/** The same, whose discriminant is an `enum`. */
export const enumUnion = <A extends Arms>(arms: A): NdrType<UnionValue<A>> =>
  taggedUnion(arms, { alignment: 2, read: (r) => r.u16(), write: (w, tag) => w.u16(tag) });

function taggedUnion<A extends Arms>(arms: A, tagType: Tag): NdrType<UnionValue<A>> {
  const armOf = new Map(Object.entries(arms).map(([tag, arm]) => [Number(tag), arm]));
  for (const arm of armOf.values()) assertFixed(arm);
  return {
    alignment: tagType.alignment,
    minimumSize: tagType.alignment,
    write(w, value) {
      const tag = value.tag === 'other' ? value.value : Number(value.tag);
      tagType.write(w, tag as number);
      const arm = value.tag === 'other' ? undefined : armOf.get(tag as number);
      if (arm === undefined) return;
      w.align(arm.alignment);
      arm.write(w, value.value);
    },
    read(r, assign) {
      const tag = tagType.read(r);
      const arm = armOf.get(tag);
      if (arm === undefined) return assign({ tag: 'other', value: tag });
      r.align(arm.alignment);
      arm.read(r, (value) => assign({ tag, value } as unknown as UnionValue<A>), 0);
    },
  };
}

/** `struct { DWORD Level; [switch_is(Level)] union }`: the level twice, the second must agree. */
export function leveled<A extends Arms>(arms: A): NdrType<UnionValue<A>> {
  const body = union(arms);
  return {
    alignment: 4,
    minimumSize: 8,
    write(w, value) {
      w.u32((value.tag === 'other' ? value.value : value.tag) as number);
      body.write(w, value);
    },
    read(r, assign) {
      const level = r.u32();
      const check = (value: UnionValue<A>) => {
        const tag = value.tag === 'other' ? value.value : value.tag;
        if (tag !== level) r.fail(`level ${level} with a union of ${String(tag)}`);
        assign(value);
      };
      body.read(r, check, 0);
    },
  };
}
