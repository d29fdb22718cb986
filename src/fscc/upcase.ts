/**
 * MS-SMB2 2.2 and MS-FSA 2.1.5.1: names are compared without regard to case. The mapping is that of
 * NTFS in spirit: one UTF-16 unit to one unit, never between ASCII and the rest (so neither a dotless
 * i nor a long s equals a letter of ASCII), surrogates as they are. Names that Unicode calls
 * canonically equivalent are equal too: macOS sends composed names for the decomposed ones on disk.
 */

const PAGE_UNITS = 256;
const ASCII_END = 0x80;
const SURROGATES_START = 0xd800;
const SURROGATES_END = 0xe000;

/**
 * Greek with iota subscript: first unit, last, and the distance to its title case, which is the simple
 * upper case here; JavaScript's full mapping makes two letters of them.
 */
const IOTA_SUBSCRIPT = [
  [0x1f80, 0x1f87, 8],
  [0x1f90, 0x1f97, 8],
  [0x1fa0, 0x1fa7, 8],
  [0x1fb3, 0x1fb3, 9],
  [0x1fc3, 0x1fc3, 9],
  [0x1ff3, 0x1ff3, 9],
] as const;

/** Final sigma: the one letter that upper case merges with another and NTFS merges as well. */
const FINAL_SIGMA = 0x03c2;
const CAPITAL_SIGMA = 0x03a3;

const pages: (Uint16Array | undefined)[] = new Array(PAGE_UNITS);

function mapUnit(unit: number): number {
  if (unit >= SURROGATES_START && unit < SURROGATES_END) return unit;
  if (unit === FINAL_SIGMA) return CAPITAL_SIGMA;
  for (const [first, last, distance] of IOTA_SUBSCRIPT) {
    if (unit >= first && unit <= last) return unit + distance;
  }
  const text = String.fromCharCode(unit);
  const upper = text.toUpperCase();
  // Not a mapping both ways: the micro sign, the dotless i, the long s and title-case digraphs stay.
  if (upper.length !== 1 || upper.toLowerCase() !== text) return unit;
  const mapped = upper.charCodeAt(0);
  return mapped < ASCII_END !== unit < ASCII_END ? unit : mapped;
}

function page(index: number): Uint16Array {
  const made = new Uint16Array(PAGE_UNITS);
  for (let i = 0; i < PAGE_UNITS; i++) made[i] = mapUnit(index * PAGE_UNITS + i);
  pages[index] = made;
  return made;
}

/** The upper case of one UTF-16 unit. */
export function upcaseUnit(unit: number): number {
  if (unit < ASCII_END) return unit >= 0x61 && unit <= 0x7a ? unit - 0x20 : unit;
  const index = unit >>> 8;
  return (pages[index] ?? page(index))[unit & 0xff]!;
}

/** Units that are joined at a time: bounded by the arguments that a call takes. */
const CHUNK_UNITS = 1024;

/** The upper case of every unit of `text`; as long as `text`. */
export function upcase(text: string): string {
  if (isAscii(text)) return text.toUpperCase();
  let result = '';
  const units: number[] = [];
  for (let i = 0; i < text.length; i++) {
    units.push(upcaseUnit(text.charCodeAt(i)));
    if (units.length === CHUNK_UNITS) {
      result += String.fromCharCode(...units);
      units.length = 0;
    }
  }
  return result + String.fromCharCode(...units);
}

/** Two names are the same name when their keys are: upper case of the composed form. */
export const foldKey = (name: string): string =>
  isAscii(name) ? name.toUpperCase() : upcase(name.normalize('NFC'));

export function equalIgnoreCase(a: string, b: string): boolean {
  if (a === b) return true;
  if (isAscii(a)) return a.length === b.length && isAscii(b) && a.toUpperCase() === b.toUpperCase();
  return foldKey(a) === foldKey(b);
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) >= ASCII_END) return false;
  }
  return true;
}
