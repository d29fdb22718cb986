/**
 * RFC 3385 and RFC 5044 4.1: CRC32C, the checksum of Castagnoli's polynomial (0x1EDC6F41, reflected). Eight
 * bytes a step by eight tables, as zlib's crc32 does it ("slicing by 8"); Node's own crc32 is another polynomial.
 */
import { endianness } from 'node:os';

const REFLECTED_POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

const tables = makeTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

function makeTables(): Int32Array[] {
  const made = Array.from({ length: SLICES }, () => new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder =
        (remainder & 1) === 0 ? remainder >>> 1 : (remainder >>> 1) ^ REFLECTED_POLYNOMIAL;
    }
    made[0]![byte] = remainder;
  }
  for (let slice = 1; slice < SLICES; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = made[slice - 1]![byte]!;
      made[slice]![byte] = (before >>> 8) ^ made[0]![before & 0xff]!;
    }
  }
  return made;
}

const isLittleEndian = endianness() === 'LE';
/** Below, a view of words costs more than it saves. */
const MIN_SLICED_BYTES = 64;

/** The checksum of `bytes`, or of what gave `before` with `bytes` behind it. Unsigned. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const end = bytes.length;
  let crc = ~before;
  let at = 0;
  if (end >= MIN_SLICED_BYTES && isLittleEndian) {
    while (((bytes.byteOffset + at) & 3) !== 0) crc = step(crc, bytes[at++]!);
    const count = ((end - at) >>> 3) << 1;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, count);
    for (let i = 0; i < count; i += 2) {
      const low = words[i]! ^ crc;
      const high = words[i + 1]!;
      crc =
        t7[low & 0xff]! ^
        t6[(low >>> 8) & 0xff]! ^
        t5[(low >>> 16) & 0xff]! ^
        t4[low >>> 24]! ^
        t3[high & 0xff]! ^
        t2[(high >>> 8) & 0xff]! ^
        t1[(high >>> 16) & 0xff]! ^
        t0[high >>> 24]!;
    }
    at += count * 4;
  }
  while (at < end) crc = step(crc, bytes[at++]!);
  return ~crc >>> 0;
}

const step = (crc: number, byte: number): number => (crc >>> 8) ^ t0[(crc ^ byte) & 0xff]!;
