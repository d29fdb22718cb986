/** Compressed messages that lie, in one and as chains, of every algorithm (MS-SMB2 2.2.42), made of a message that does not. */
import {
  type CompressionTerms,
  KNOWN_COMPRESSION,
  MessageCompressor,
} from '../../../src/smb2/compression.ts';
import { CompressionAlgorithm } from '../../../src/smb2/negotiate-contexts.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

const { LZNT1, LZ77, LZ77_HUFFMAN, PATTERN_V1 } = CompressionAlgorithm;
const OFFERS: readonly CompressionTerms[] = [
  { algorithms: KNOWN_COMPRESSION, chained: true },
  { algorithms: [LZ77], chained: false },
  { algorithms: [LZ77_HUFFMAN], chained: false },
  { algorithms: [LZNT1, PATTERN_V1], chained: true },
];
/** So that there is something to compress. */
const MAX_PADDING_BYTES = 20_000;
/** Of the header, and of the first payload's of a chain. */
const HEAD_BYTES = 28;

export const someTerms = (random: Random): CompressionTerms => random.pick(OFFERS);

/** What nearly always ends the connection. */
export function compressedLie(random: Random, message: Buffer, other: Buffer): Buffer {
  const padding = Buffer.alloc(random.below(MAX_PADDING_BYTES), random.below(256));
  const plain = Buffer.concat([message, random.bytes(random.below(200)), padding]);
  const head = random.chance(0.5) ? 0 : random.below(plain.length);
  const data = plain.subarray(head);
  const terms = someTerms(random);
  const work = new MessageCompressor(
    plain.subarray(0, head),
    data,
    terms,
    Buffer.alloc(data.length),
  );
  while (!work.go(data.length));
  const honest = work.parts === undefined ? plain : Buffer.concat(work.parts);
  if (random.chance(0.2)) return honest;
  if (random.chance(0.1)) return compressedLie(random, honest, other);
  // Behind the head are the data, which the decoders read.
  const from = random.chance(0.4) ? 4 : Math.min(HEAD_BYTES + head, honest.length - 1);
  return mutate(random, honest, from, other);
}
