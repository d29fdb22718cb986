/**
 * Names on disk that are no UTF-8, as a system of long ago or another program has left them. To a client each byte that is
 * none is a character of U+EF80 to U+EFFF, which belongs to nobody (MirBSD's OPTU-8 has the same): so it sees the name, and
 * can open, copy, rename and delete what has it. Names that are UTF-8 are themselves, those characters in them as well.
 */
import { isUtf8 } from 'node:buffer';

/** U+EF00 and the byte, which is 0x80 or more. */
const FIRST = 0xef00;
const STANDS_FOR_A_BYTE = /[\uef80-\uefff]/;
const BYTES_OR_TEXT = /[\uef80-\uefff]+|[^\uef80-\uefff]+/g;
/** What the decoder puts for a broken byte. */
const REPLACEMENT = '\ufffd';
const NUL = Buffer.alloc(1);

/** Of a name or a path. */
export function textOfName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes(REPLACEMENT) && !isUtf8(bytes) ? textOfBroken(bytes) : text;
}

function textOfBroken(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at]!;
    const part = byte < 0x80 ? bytes.subarray(at, at + 1) : characterAt(bytes, at);
    text += part?.toString('utf8') ?? String.fromCharCode(FIRST + byte);
    at += part?.length ?? 1;
  }
  return text;
}

/** One of more than a byte; undefined where there is none, or one that stands for a byte itself. */
function characterAt(bytes: Buffer, at: number): Buffer | undefined {
  const lead = bytes[at]!;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const part = bytes.subarray(at, at + length);
  const isWhole = part.length === length && isUtf8(part);
  return isWhole && !STANDS_FOR_A_BYTE.test(part.toString('utf8')) ? part : undefined;
}

function bytesOf(text: string): Buffer {
  const parts = text.match(BYTES_OR_TEXT)!.map((part) => {
    if (!STANDS_FOR_A_BYTE.test(part)) return Buffer.from(part);
    return Buffer.from(Array.from(part, (character) => character.charCodeAt(0) - FIRST));
  });
  return Buffer.concat(parts);
}

/** What C is to be given for a name or a path: text, or bytes that end in a NUL. */
export function nameForDisk(text: string): string | Buffer {
  if (!STANDS_FOR_A_BYTE.test(text)) return text;
  const bytes = bytesOf(text);
  // Else the characters are meant.
  return isUtf8(bytes) ? text : Buffer.concat([bytes, NUL]);
}

/** How many bytes a name takes on disk. */
export function diskLength(text: string): number {
  const name = nameForDisk(text);
  return typeof name === 'string' ? Buffer.byteLength(name) : name.length - NUL.length;
}
