/**
 * MS-CIFS 2.2.1.1: strings in messages. Unicode ones are UTF-16LE and begin at an even offset from the start of
 * the header; OEM ones are bytes of the code page (`fscc/code-page.ts`).
 * Both end in a NUL, or with the data.
 */
import { decodeOem, encodeOem } from '../fscc/code-page.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Block } from './block.ts';

/** BufferFormat of SMB_COM_ requests of old: 2.2.1.1, "SMB string". */
export const BUFFER_FORMAT_ASCII = 0x04;
export const BUFFER_FORMAT_DATA = 0x01;
export const BUFFER_FORMAT_VARIABLE = 0x05;

export const encodeText = (text: string, unicode: boolean): Buffer =>
  unicode ? Buffer.from(text, 'utf16le') : encodeOem(text);

export const encodeTerminated = (text: string, unicode: boolean): Buffer =>
  encodeText(`${text}\0`, unicode);

export const decodeText = (b: Buffer, unicode: boolean): string =>
  unicode ? b.subarray(0, b.length & ~1).toString('utf16le') : decodeOem(b);

/** Text up to its first NUL. */
export function untilNul(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Reads the data bytes of a block, or of what else lies in a message, one thing after the other. */
export class BytesReader {
  readonly #b: Buffer;
  /** Offset of `b` in the message. */
  readonly #base: number;
  readonly #unicode: boolean;
  #at = 0;

  constructor({ bytes, bytesAt }: Pick<Block, 'bytes' | 'bytesAt'>, unicode: boolean) {
    this.#b = bytes;
    this.#base = bytesAt;
    this.#unicode = unicode;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return Math.max(0, this.#b.length - this.#at);
  }

  u8(): number {
    if (this.left < 1) throw new WireError('SMB_Data', 'a byte is missing');
    return this.#b[this.#at++]!;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new WireError('SMB_Data', `${length} bytes of ${this.left}`);
    const from = this.#at;
    this.#at += length;
    return this.#b.subarray(from, this.#at);
  }

  #align(unicode: boolean): void {
    if (unicode && (this.#base + this.#at) % 2 !== 0 && this.left > 0) this.#at += 1;
  }

  /** Up to its NUL, or to the end. */
  text(unicode = this.#unicode): string {
    this.#align(unicode);
    const from = this.#at;
    const unit = unicode ? 2 : 1;
    for (let at = from; at + unit <= this.#b.length; at += unit) {
      if (this.#b[at] !== 0 || (unicode && this.#b[at + 1] !== 0)) continue;
      this.#at = at + unit;
      return decodeText(this.#b.subarray(from, at), unicode);
    }
    this.#at = this.#b.length;
    return decodeText(this.#b.subarray(from), unicode);
  }

  /** Of so many bytes, cut at a NUL. */
  sized(length: number, unicode = this.#unicode): string {
    this.#align(unicode);
    return untilNul(decodeText(this.take(Math.min(length, this.left)), unicode));
  }

  /** A path behind its BufferFormat, 2.2.1.1. */
  ascii(): string {
    const format = this.u8();
    if (format !== BUFFER_FORMAT_ASCII) throw new WireError('SMB_Data', `BufferFormat ${format}`);
    return this.text();
  }
}
