/**
 * Fixed-layout wire structures, declared once and used in both directions.
 *
 * A declaration reads like the specification's table:
 *
 *     const LockElement = struct('SMB2_LOCK_ELEMENT', '2.2.26.1', {
 *       offset: u64, length: u64, flags: u32, reserved: pad(4),
 *     });
 *     type LockElement = Wire<typeof LockElement>;
 *
 * All integers are little-endian. `is(…)` fields are checked on read and filled on write, `pad(…)`
 * bytes are ignored on read and zeroed on write; neither appears in the value. Reader and writer are
 * compiled once per structure with `new Function` from literals of the declaration, never from input.
 */
import { WireError } from './wire-error.ts';

/** How one field is laid out. `read` and `write` are source templates over `b` (Buffer) and `o` (number). */
export interface Field<T> {
  readonly size: number;
  readonly kind: 'value' | 'constant' | 'padding';
  readonly read: (at: string) => string;
  readonly write: (at: string, value: string) => string;
  readonly constant?: number;
  /** Carries the value type only; never present at run time. */
  readonly type?: T;
}

const integer = (size: number, name: string): Field<number> => ({
  size,
  kind: 'value',
  read: (at) => `b.read${name}(${at})`,
  write: (at, value) => `b.write${name}(${value}, ${at})`,
});

export const u8 = integer(1, 'UInt8');
export const u16 = integer(2, 'UInt16LE');
export const u32 = integer(4, 'UInt32LE');
export const i32 = integer(4, 'Int32LE');

/** A 64-bit unsigned integer, exact. */
export const u64: Field<bigint> = {
  size: 8,
  kind: 'value',
  read: (at) => `b.readBigUInt64LE(${at})`,
  write: (at, value) => `writeU64(b, ${value}, ${at})`,
};

/** A 64-bit signed integer, exact. */
export const i64: Field<bigint> = {
  size: 8,
  kind: 'value',
  read: (at) => `b.readBigInt64LE(${at})`,
  write: (at, value) => `b.writeBigInt64LE(${value}, ${at})`,
};

/** 2^64 - 1 as `id64` reads it: the all-ones value that stands for "none" or "the related one". */
export const ALL_ONES = 2 ** 64;

/**
 * A 64-bit identifier or offset as a number: exact below 2^53, the nearest double above. All ids that
 * this implementation hands out and all offsets it accepts lie below 2^53, so a rounded value can only
 * be a foreign one. All ones reads as, and is written from, ALL_ONES.
 */
export const id64: Field<number> = {
  size: 8,
  kind: 'value',
  read: (at) => `readId64(b, ${at})`,
  write: (at, value) => `writeId64(b, ${value}, ${at})`,
};

export function readId64(b: Buffer, at: number): number {
  return b.readUInt32LE(at) + b.readUInt32LE(at + 4) * 0x1_0000_0000;
}

export function writeId64(b: Buffer, value: number, at: number): void {
  if (value >= ALL_ONES) {
    b.writeUInt32LE(0xffff_ffff, at);
    b.writeUInt32LE(0xffff_ffff, at + 4);
    return;
  }
  const high = Math.floor(value / 0x1_0000_0000);
  b.writeUInt32LE(value - high * 0x1_0000_0000, at);
  b.writeUInt32LE(high, at + 4);
}

const wide = new BigUint64Array(1);
const halves = new Uint32Array(wide.buffer);

/** As writeBigUInt64LE, which shifts a bigint for each octet, and with its error for what does not fit. */
function writeU64(b: Buffer, value: bigint, at: number): void {
  wide[0] = value;
  if (wide[0] !== value) throw new RangeError(`${value} is no unsigned number of 64 bits`);
  b.writeUInt32LE(halves[0]!, at);
  b.writeUInt32LE(halves[1]!, at + 4);
}

/** `size` raw bytes. Read as a view into the input, not a copy. */
export const bytes = (size: number): Field<Buffer> => ({
  size,
  kind: 'value',
  read: (at) => `b.subarray(${at}, ${at} + ${size})`,
  write: (at, value) => `writeBytes(b, ${value}, ${at}, ${size})`,
});

function writeBytes(b: Buffer, value: Uint8Array, at: number, size: number): void {
  if (value.length !== size) throw new RangeError(`expected ${size} bytes, got ${value.length}`);
  b.set(value, at);
}

/** A GUID in its 16 wire bytes. */
export const guid = bytes(16);

/** A constant: any other value on read is a WireError. */
export const is = (field: Field<number>, constant: number): Field<never> => ({
  ...(field as Field<never>),
  kind: 'constant',
  constant,
});

/** Reserved bytes: ignored on read, zero on write. */
export const pad = (size: number): Field<never> => ({
  size,
  kind: 'padding',
  read: () => '',
  // Octet by octet: a call of fill costs more than the rest of a small structure.
  write: (at) =>
    size <= 16
      ? Array.from({ length: size }, (_, i) => `b[${at} + ${i}] = 0`).join('; ')
      : `b.fill(0, ${at}, ${at} + ${size})`,
});

type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<infer T> ? ([T] extends [never] ? never : K) : never;
}[keyof F];

/** The value of a structure: its fields less constants and padding. */
export type StructValue<F extends Fields> = {
  [K in ValueKeys<F>]: F[K] extends Field<infer T> ? T : never;
};

export interface Struct<V> {
  readonly name: string;
  /** The section of the specification that defines it. */
  readonly section: string;
  /** Bytes of the fixed part. */
  readonly size: number;
  /** Reads the fixed part at `offset`; a WireError when it does not lie wholly inside `b`. */
  read(b: Buffer, offset?: number): V;
  /** Writes the fixed part at `offset` and returns the offset behind it. `b` must have room. */
  write(b: Buffer, value: V, offset?: number): number;
  /** A new buffer that holds the fixed part, with `tailBytes` zero bytes behind it. */
  encode(value: V, tailBytes?: number): Buffer;
}

export type Wire<S> = S extends Struct<infer V> ? V : never;

export function struct<F extends Fields>(
  name: string,
  section: string,
  fields: F,
): Struct<StructValue<F>> {
  type V = StructValue<F>;
  let size = 0;
  const checks: string[] = [];
  const values: string[] = [];
  const writes: string[] = [];
  for (const [key, field] of Object.entries(fields)) {
    const at = `o + ${size}`;
    size += field.size;
    if (field.kind === 'constant') {
      const found = field.read(at);
      checks.push(`if (${found} !== ${field.constant}) throw wrong('${key}', ${found});`);
      writes.push(`${field.write(at, String(field.constant))};`);
    } else if (field.kind === 'padding') {
      writes.push(`${field.write(at, '0')};`);
    } else {
      values.push(`${key}: ${field.read(at)}`);
      writes.push(`${field.write(at, `v.${key}`)};`);
    }
  }
  const wrong = (key: string, found: number) => new WireError(name, `${key} is ${found}`);
  const tools = ['readId64', 'writeId64', 'writeU64', 'writeBytes', 'wrong'] as const;
  const read = new Function(
    ...tools,
    `return (b, o) => { ${checks.join(' ')} return { ${values.join(', ')} }; }`,
  )(readId64, writeId64, writeU64, writeBytes, wrong) as (b: Buffer, o: number) => V;
  const write = new Function(...tools, `return (b, v, o) => { ${writes.join(' ')} }`)(
    readId64,
    writeId64,
    writeU64,
    writeBytes,
    wrong,
  ) as (b: Buffer, v: V, o: number) => void;

  return {
    name,
    section,
    size,
    read(b, offset = 0) {
      if (offset < 0 || b.length - offset < size) {
        throw new WireError(name, `needs ${size} bytes at ${offset}, the input has ${b.length}`);
      }
      return read(b, offset);
    },
    write(b, value, offset = 0) {
      write(b, value, offset);
      return offset + size;
    },
    encode(value, tailBytes = 0) {
      // Every octet of the fixed part is written.
      const b = Buffer.allocUnsafe(size + tailBytes);
      write(b, value, 0);
      if (tailBytes > 0) b.fill(0, size);
      return b;
    },
  };
}
