/**
 * As much of X.690 DER as SPNEGO needs. The reader is total: it hands out views into its input, goes
 * down only where a codec tells it to, and every step is bounded. Lengths are definite; a length in
 * more octets than it needs is accepted, since real clients send such.
 */
import { WireError } from '../wire/wire-error.ts';

/** No token that is read here is bigger; SMB2 carries security buffers of 64 KiB at most. */
export const MAXIMUM_DER_BYTES = 65536;
/** SPNEGO nests six deep: GSS wrapper, choice, sequence, field, list, OID. */
export const MAXIMUM_DER_DEPTH = 8;
/** Octets of a long-form length: four, of which only those up to MAXIMUM_DER_BYTES are ever right. */
const MAXIMUM_LENGTH_OCTETS = 4;

export const Tag = {
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  ENUMERATED: 0x0a,
  GENERAL_STRING: 0x1b,
  SEQUENCE: 0x30,
  /** [APPLICATION 0], the token of RFC 2743 3.1. */
  APPLICATION_0: 0x60,
} as const;

/** The constructed, context-specific tag [n]. */
export const contextTag = (n: number): number => 0xa0 | n;

export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly encoded: Buffer;
}

export interface DerReader {
  readonly done: boolean;
  /** The next element, whatever it is. */
  next(): DerElement;
  /** The next element, which must have this tag. */
  expect(tag: number): DerElement;
  /** The next element when it has this tag, else undefined and nothing is taken. */
  optional(tag: number): DerElement | undefined;
  /** A reader of what is inside a constructed element. */
  enter(element: DerElement): DerReader;
}

const wrong = (problem: string): WireError => new WireError('DER', problem);

/** Where the content of the element at `at` begins and ends. */
function measure(b: Buffer, at: number): { readonly start: number; readonly end: number } {
  if (b.length - at < 2) throw wrong('an element is cut short');
  if ((b[at]! & 0x1f) === 0x1f) throw wrong('a tag of several octets');
  const first = b[at + 1]!;
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > MAXIMUM_LENGTH_OCTETS) throw wrong(`a length of ${octets} octets`);
    if (b.length - start < octets) throw wrong('a length is cut short');
    length = b.readUIntBE(start, octets);
    start += octets;
  }
  if (length > b.length - start) throw wrong(`${length} bytes where ${b.length - start} are left`);
  return { start, end: start + length };
}

function reader(b: Buffer, depth: number): DerReader {
  let at = 0;
  const next = (): DerElement => {
    const { start, end } = measure(b, at);
    const element = {
      tag: b[at]!,
      content: b.subarray(start, end),
      encoded: b.subarray(at, end),
    };
    at = end;
    return element;
  };
  const expect = (tag: number): DerElement => {
    const found = b[at];
    if (found !== tag) throw wrong(`tag ${found ?? 'nothing'} where ${tag} belongs`);
    return next();
  };
  return {
    get done() {
      return at === b.length;
    },
    next,
    expect,
    optional: (tag) => (b[at] === tag ? next() : undefined),
    enter(element) {
      if ((element.tag & 0x20) === 0) throw wrong(`tag ${element.tag} is primitive`);
      if (depth === MAXIMUM_DER_DEPTH) throw wrong('nested too deeply');
      return reader(element.content, depth + 1);
    },
  };
}

export function readDer(b: Buffer): DerReader {
  if (b.length > MAXIMUM_DER_BYTES) throw wrong(`${b.length} bytes`);
  return reader(b, 1);
}

/** An element of the tag around the parts. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), ...parts]);
  const octets = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
  const head = Buffer.alloc(2 + octets);
  head[0] = tag;
  head[1] = 0x80 | octets;
  head.writeUIntBE(length, 2, octets);
  return Buffer.concat([head, ...parts]);
}
