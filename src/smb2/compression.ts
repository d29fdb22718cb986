/**
 * MS-SMB2 2.2.42, 3.1.4.4 and 3.1.5.3: compressed messages, in one piece or as a chain of payloads. What a message declares is
 * looked at as a whole before anything is allocated for it.
 */
import { MAX_CHAINED_PAYLOADS } from '../base/limits.ts';
import { is, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Algorithm, Compressor, Work } from '../xca/codec.ts';
import { lz77 } from '../xca/lz77.ts';
import { lz77Huffman } from '../xca/lz77-huffman.ts';
import { lznt1 } from '../xca/lznt1.ts';
import { COMPRESSION_PROTOCOL_ID } from './header.ts';
import { CompressionAlgorithm } from './negotiate-contexts.ts';

export const SMB2_COMPRESSION_FLAG_NONE = 0x0000;
export const SMB2_COMPRESSION_FLAG_CHAINED = 0x0001;

const Unchained = struct('SMB2_COMPRESSION_TRANSFORM_HEADER_UNCHAINED', '2.2.42.1', {
  protocolId: is(u32, COMPRESSION_PROTOCOL_ID),
  originalCompressedSegmentSize: u32,
  compressionAlgorithm: u16,
  flags: u16,
  /** The first payload's length when chained. */
  offset: u32,
});
export type CompressionTransformHeader = Wire<typeof Unchained>;

export const COMPRESSION_TRANSFORM_HEADER_SIZE = Unchained.size;

export const decodeCompressionTransformHeader = (message: Buffer): CompressionTransformHeader =>
  Unchained.read(message);
export const encodeCompressionTransformHeader = (v: CompressionTransformHeader): Buffer =>
  Unchained.encode(v);

const Chained = struct('SMB2_COMPRESSION_TRANSFORM_HEADER_CHAINED', '2.2.42.2', {
  protocolId: is(u32, COMPRESSION_PROTOCOL_ID),
  originalCompressedSegmentSize: u32,
});
const Payload = struct('SMB2_COMPRESSION_CHAINED_PAYLOAD_HEADER', '2.2.42.2.1', {
  compressionAlgorithm: u16,
  flags: u16,
  length: u32,
});
const ORIGINAL_PAYLOAD_SIZE_BYTES = 4;
const Pattern = struct('SMB2_COMPRESSION_PATTERN_PAYLOAD_V1', '2.2.42.2.2', {
  pattern: u8,
  reserved1: pad(1),
  reserved2: pad(2),
  repetitions: u32,
});

/** Connection.CompressionIds, none of them NONE, and Connection.SupportsChainedCompression. */
export interface CompressionTerms {
  /** The most wanted first. */
  readonly algorithms: readonly number[];
  readonly chained: boolean;
}

const ALGORITHMS = new Map<number, Algorithm>([
  [CompressionAlgorithm.LZNT1, lznt1],
  [CompressionAlgorithm.LZ77, lz77],
  [CompressionAlgorithm.LZ77_HUFFMAN, lz77Huffman],
]);

/** What is known here, the fastest first: a server's order of preference. LZ4 is not in MS-XCA, and not here. */
export const KNOWN_COMPRESSION: readonly number[] = [
  CompressionAlgorithm.LZ77,
  CompressionAlgorithm.LZ77_HUFFMAN,
  CompressionAlgorithm.LZNT1,
  CompressionAlgorithm.PATTERN_V1,
];

/**
 * 3.3.5.4, what of an offer is agreed upon; no algorithms: nothing in common. Without chains a pattern has no place, and
 * of the others one is taken: Linux 6.12 refuses a list.
 */
export function agreeOnCompression(offered: CompressionTerms): CompressionTerms {
  const common = KNOWN_COMPRESSION.filter((one) => offered.algorithms.includes(one));
  const { chained } = offered;
  const whole = common.filter((one) => ALGORITHMS.has(one));
  return { chained, algorithms: chained && whole.length > 0 ? common : whole.slice(0, 1) };
}

/** A part of a message: `length` plain bytes, made of `data`. */
interface Piece {
  readonly algorithm: number;
  readonly data: Buffer;
  readonly length: number;
}

export interface Declared {
  readonly pieces: readonly Piece[];
  /** Of the whole plain message. */
  readonly length: number;
}

/**
 * 3.3.5.2.1.2: what a compressed message says it is. `maxSegment`: of OriginalCompressedSegmentSize; `maxMessage`: of all of it.
 * Throws WireError for what ends a connection.
 */
export function readCompressed(
  message: Buffer,
  terms: CompressionTerms,
  { maxSegment, maxMessage }: { maxSegment: number; maxMessage: number },
): Declared {
  const header = Unchained.read(message);
  const original = header.originalCompressedSegmentSize;
  if (original > maxSegment) throw new WireError(Unchained.name, `a segment of ${original} bytes`);
  if (header.flags === SMB2_COMPRESSION_FLAG_CHAINED && terms.chained) {
    const pieces = readChain(message, terms, original);
    if (original > maxMessage) throw new WireError(Chained.name, `a message of ${original} bytes`);
    return { pieces, length: original };
  }
  if (header.flags !== SMB2_COMPRESSION_FLAG_NONE) {
    throw new WireError(Unchained.name, `flags 0x${header.flags.toString(16)}`);
  }
  const { compressionAlgorithm: algorithm, offset } = header;
  if (!terms.algorithms.includes(algorithm) || !ALGORITHMS.has(algorithm)) {
    throw new WireError(Unchained.name, `algorithm ${algorithm}, which was not negotiated`);
  }
  const at = COMPRESSION_TRANSFORM_HEADER_SIZE;
  const length = offset + original;
  if (length > maxMessage) throw new WireError(Unchained.name, `a message of ${length} bytes`);
  const head = slice(message, at, offset, at, Unchained.name);
  const pieces = [
    { algorithm: CompressionAlgorithm.NONE, data: head, length: offset },
    { algorithm, data: message.subarray(at + offset), length: original },
  ];
  return { pieces, length };
}

/** 3.1.5.3, without the decompressing. */
function readChain(message: Buffer, terms: CompressionTerms, original: number): Piece[] {
  const pieces: Piece[] = [];
  let left = original;
  let at = Chained.size;
  // "If the size of RemainingCompressedDataSize is greater than the size of" the header.
  while (message.length - at > (pieces.length === 0 ? 0 : Payload.size)) {
    if (pieces.length === MAX_CHAINED_PAYLOADS) {
      throw new WireError(Chained.name, `more than ${MAX_CHAINED_PAYLOADS} payloads`);
    }
    const { compressionAlgorithm: algorithm, flags, length } = Payload.read(message, at);
    const isFirst = pieces.length === 0;
    if (flags !== (isFirst ? SMB2_COMPRESSION_FLAG_CHAINED : SMB2_COMPRESSION_FLAG_NONE)) {
      throw new WireError(Payload.name, `flags 0x${flags.toString(16)}`);
    }
    at += Payload.size;
    const piece = readPayload(algorithm, slice(message, at, length, at, Payload.name), terms);
    if (piece.length > left) throw new WireError(Payload.name, `${piece.length} bytes of ${left}`);
    left -= piece.length;
    at += length;
    pieces.push(piece);
  }
  if (left > 0) throw new WireError(Chained.name, `payloads that lack ${left} bytes`);
  return pieces;
}

function readPayload(algorithm: number, data: Buffer, terms: CompressionTerms): Piece {
  if (algorithm === CompressionAlgorithm.NONE) return { algorithm, data, length: data.length };
  if (!terms.algorithms.includes(algorithm)) {
    throw new WireError(Payload.name, `algorithm ${algorithm}, which was not negotiated`);
  }
  if (algorithm === CompressionAlgorithm.PATTERN_V1) {
    if (data.length !== Pattern.size) throw new WireError(Pattern.name, `${data.length} bytes`);
    return { algorithm, data, length: Pattern.read(data).repetitions };
  }
  if (data.length < ORIGINAL_PAYLOAD_SIZE_BYTES) {
    throw new WireError(Payload.name, `a payload of ${data.length} bytes`);
  }
  const length = data.readUInt32LE(0);
  return { algorithm, data: data.subarray(ORIGINAL_PAYLOAD_SIZE_BYTES), length };
}

/** Makes the plain message. `output` is as long as that was declared to be. */
export class MessageDecompressor implements Work {
  readonly #pieces: readonly Piece[];
  readonly #output: Buffer;
  #next = 0;
  #at = 0;
  #current: Work | undefined;

  constructor({ pieces }: Declared, output: Buffer) {
    this.#pieces = pieces;
    this.#output = output;
  }

  /** Throws WireError, as its pieces do. */
  go(bytes: number): boolean {
    for (;;) {
      if (this.#current !== undefined) {
        if (!this.#current.go(bytes)) return false;
        this.#current = undefined;
      }
      const piece = this.#pieces[this.#next++];
      if (piece === undefined) return true;
      const output = this.#output.subarray(this.#at, this.#at + piece.length);
      this.#at += piece.length;
      if (piece.algorithm === CompressionAlgorithm.NONE) piece.data.copy(output);
      else if (piece.algorithm === CompressionAlgorithm.PATTERN_V1) {
        output.fill(Pattern.read(piece.data).pattern);
      } else this.#current = ALGORITHMS.get(piece.algorithm)!.decompressor(piece.data, output);
    }
  }
}

/** The whole at once. Throws WireError. */
export function decompressMessage(declared: Declared): Buffer {
  const output = Buffer.allocUnsafe(declared.length);
  const work = new MessageDecompressor(declared, output);
  while (!work.go(declared.length));
  return output;
}

/** 3.1.4.4.1: "If Repetitions is less than 64, Repetitions MUST be set to 0." */
const MIN_REPETITIONS = 64;
/** 3.1.4.4: what is shorter goes into a chain as it is. */
const MAX_PLAIN_PAYLOAD_BYTES = 1024;
/** What is saved is worth the receiver's work from a sixteenth on. */
const MIN_GAIN_SHIFT = 4;

/** 3.1.4.4: compresses a message whose `head` stays as it is. */
export class MessageCompressor implements Work {
  readonly #head: Buffer;
  readonly #data: Buffer;
  readonly #terms: CompressionTerms;
  readonly #algorithm: number;
  readonly #output: Buffer;
  readonly #work: Compressor | undefined;
  readonly #forward: number;
  readonly #backward: number;

  /** `output` is where compressed data go: as long as `data`. */
  constructor(head: Buffer, data: Buffer, terms: CompressionTerms, output: Buffer) {
    this.#head = head;
    this.#data = data;
    this.#terms = terms;
    this.#algorithm = terms.algorithms.find((one) => ALGORITHMS.has(one))!;
    const scans = terms.chained && terms.algorithms.includes(CompressionAlgorithm.PATTERN_V1);
    this.#forward = scans ? repetitionsForward(data) : 0;
    this.#backward = scans && this.#forward < data.length ? repetitionsBackward(data) : 0;
    const middle = this.#middle;
    this.#output = output.subarray(0, middle.length - (middle.length >> MIN_GAIN_SHIFT));
    if (!terms.chained || middle.length > MAX_PLAIN_PAYLOAD_BYTES) {
      this.#work = ALGORITHMS.get(this.#algorithm)!.compressor(middle, this.#output);
    }
  }

  get #middle(): Buffer {
    return this.#data.subarray(this.#forward, this.#data.length - this.#backward);
  }

  go(bytes: number): boolean {
    return this.#work?.go(bytes) ?? true;
  }

  /** Once it is done: the message, whose `data` are in `output`; undefined where nothing is gained. */
  get parts(): Buffer[] | undefined {
    const parts = this.#terms.chained ? this.#chain() : this.#whole();
    const original = this.#head.length + this.#data.length;
    let length = 0;
    for (const part of parts ?? []) length += part.length;
    return length < original - (this.#data.length >> MIN_GAIN_SHIFT) ? parts : undefined;
  }

  #whole(): Buffer[] | undefined {
    const length = this.#work!.length;
    if (length < 0) return undefined;
    const header = encodeCompressionTransformHeader({
      originalCompressedSegmentSize: this.#data.length,
      compressionAlgorithm: this.#algorithm,
      flags: SMB2_COMPRESSION_FLAG_NONE,
      offset: this.#head.length,
    });
    return [header, this.#head, this.#output.subarray(0, length)];
  }

  #chain(): Buffer[] {
    const originalCompressedSegmentSize = this.#head.length + this.#data.length;
    const parts = [Chained.encode({ originalCompressedSegmentSize })];
    const add = (compressionAlgorithm: number, ...payload: readonly Buffer[]): void => {
      const isFirst = parts.length === 1;
      const flags = isFirst ? SMB2_COMPRESSION_FLAG_CHAINED : SMB2_COMPRESSION_FLAG_NONE;
      const length = payload.reduce((sum, part) => sum + part.length, 0);
      parts.push(Payload.encode({ compressionAlgorithm, flags, length }), ...payload);
    };
    const { NONE, PATTERN_V1 } = CompressionAlgorithm;
    const pattern = (repetitions: number, at: number): void => {
      if (repetitions === 0) return;
      add(PATTERN_V1, Pattern.encode({ pattern: this.#data[at]!, repetitions }));
    };
    if (this.#head.length > 0) add(NONE, this.#head);
    pattern(this.#forward, 0);
    const middle = this.#middle;
    const length = this.#work?.length ?? -1;
    if (length >= 0) {
      const size = Buffer.alloc(ORIGINAL_PAYLOAD_SIZE_BYTES);
      size.writeUInt32LE(middle.length);
      add(this.#algorithm, size, this.#output.subarray(0, length));
    } else if (middle.length > 0) add(NONE, middle);
    pattern(this.#backward, this.#data.length - 1);
    return parts;
  }
}

function repetitionsForward(data: Buffer): number {
  let count = 0;
  while (count < data.length && data[count] === data[0]) count++;
  return count < MIN_REPETITIONS ? 0 : count;
}

function repetitionsBackward(data: Buffer): number {
  const last = data.length - 1;
  let at = last;
  while (at >= 0 && data[at] === data[last]) at--;
  return last - at < MIN_REPETITIONS ? 0 : last - at;
}
