/** MS-XCA 2.1.4.2 and 2.2.4: canonical Huffman codes of 512 symbols, none longer than 15 bits. */
import { WireError } from '../wire/wire-error.ts';

export const SYMBOLS = 512;
export const MAX_CODE_BITS = 15;
/** A length of 4 bits for each symbol, the even one in the lower half. */
export const CODE_TABLE_BYTES = SYMBOLS / 2;
const NAME = 'LZ77+Huffman';

/**
 * The length of each symbol's code, 0 for those that do not occur. Counts are flattened until none is too long. A code has
 * two symbols at least: a receiver refuses a table that leaves codes without one.
 */
export function codeLengths(counts: Uint32Array): Uint8Array {
  const flattened = Uint32Array.from(counts);
  let used = usedSymbols(flattened);
  for (let extra = 0; used.length < 2; extra++) {
    if (flattened[extra] !== 0) continue;
    flattened[extra] = 1;
    used = usedSymbols(flattened);
  }
  for (;;) {
    used.sort((a, b) => flattened[a]! - flattened[b]! || a - b);
    const lengths = huffman(used, flattened);
    if (lengths !== undefined) return lengths;
    for (const symbol of used) flattened[symbol] = (flattened[symbol]! + 1) >>> 1;
  }
}

function usedSymbols(counts: Uint32Array): number[] {
  const used: number[] = [];
  for (let i = 0; i < SYMBOLS; i++) if (counts[i] !== 0) used.push(i);
  return used;
}

/** `sorted`: the rarest first. Undefined where a code would be too long. */
function huffman(sorted: readonly number[], counts: Uint32Array): Uint8Array | undefined {
  const leaves = sorted.length;
  const weights = new Float64Array(2 * leaves);
  const parents = new Uint16Array(2 * leaves);
  for (let i = 0; i < leaves; i++) weights[i] = counts[sorted[i]!]!;
  let leaf = 0;
  let inner = leaves;
  for (let next = leaves; next < 2 * leaves - 1; next++) {
    for (let side = 0; side < 2; side++) {
      const takesLeaf = leaf < leaves && (inner >= next || weights[leaf]! <= weights[inner]!);
      const child = takesLeaf ? leaf++ : inner++;
      weights[next]! += weights[child]!;
      parents[child] = next;
    }
  }
  const depths = new Uint16Array(2 * leaves);
  const lengths = new Uint8Array(SYMBOLS);
  for (let node = 2 * leaves - 3; node >= 0; node--) {
    const depth = depths[parents[node]!]! + 1;
    depths[node] = depth;
    if (node >= leaves) continue;
    if (depth > MAX_CODE_BITS) return undefined;
    lengths[sorted[node]!] = depth;
  }
  return lengths;
}

/** The codes, by length and then by symbol. */
export function canonicalCodes(lengths: Uint8Array): Uint16Array {
  const next = new Uint16Array(MAX_CODE_BITS + 2);
  for (const length of lengths) if (length > 0) next[length + 1]!++;
  for (let bits = 1, code = 0; bits <= MAX_CODE_BITS; bits++) {
    code = (code + next[bits]!) << 1;
    next[bits] = code;
  }
  const codes = new Uint16Array(SYMBOLS);
  for (let symbol = 0; symbol < SYMBOLS; symbol++) {
    const length = lengths[symbol]!;
    if (length > 0) codes[symbol] = next[length]!++;
  }
  return codes;
}

export function writeCodeLengths(lengths: Uint8Array, output: Buffer, at: number): void {
  for (let i = 0; i < CODE_TABLE_BYTES; i++) {
    output[at + i] = lengths[2 * i]! | (lengths[2 * i + 1]! << 4);
  }
}

/** Of each of the 2^15 ways to go on: the symbol, times 16, and the length of its code. Throws WireError. */
export function readDecodingTable(input: Buffer, at: number, table: Uint16Array): void {
  let entry = 0;
  for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
    const count = 1 << (MAX_CODE_BITS - bits);
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      if (((input[at + (symbol >> 1)]! >>> ((symbol & 1) * 4)) & 15) !== bits) continue;
      if (entry + count > table.length) throw new WireError(NAME, 'more codes than there are');
      table.fill((symbol << 4) | bits, entry, entry + count);
      entry += count;
    }
  }
  if (entry !== table.length) throw new WireError(NAME, 'codes without a symbol');
}
