/**
 * MS-CIFS 2.2.3.2, 2.2.3.3 and 2.2.3.4: what follows the header. A block of parameter words and data bytes;
 * in an AndX message several, each naming the command of the next and where it lies.
 */
import { WireError } from '../wire/wire-error.ts';

/** Offsets in `words` of every AndX block. */
const ANDX_COMMAND_AT = 0;
const ANDX_OFFSET_AT = 2;
export const NO_ANDX = 0xff;
/** AndXCommand, AndXReserved, AndXOffset. */
export const ANDX_BYTES = 4;

export interface Block {
  readonly words: Buffer;
  readonly bytes: Buffer;
  /** Where `bytes` begins in the message: strings are aligned to the message. */
  readonly bytesAt: number;
}

/** Views are made of what is looked at: most commands have no use for the data bytes. */
class MessageBlock implements Block {
  readonly words: Buffer;
  readonly bytesAt: number;
  readonly #message: Buffer;
  readonly #byteCount: number;

  constructor(message: Buffer, wordsAt: number, bytesAt: number, byteCount: number) {
    this.#message = message;
    this.words = message.subarray(wordsAt, bytesAt - 2);
    this.bytesAt = bytesAt;
    this.#byteCount = byteCount;
  }

  get bytes(): Buffer {
    return this.#message.subarray(this.bytesAt, this.bytesAt + this.#byteCount);
  }
}

/**
 * A large WRITE_ANDX has more bytes than ByteCount can say: `bytes` of the last block of a message is all
 * that is left (MS-SMB 2.2.4.3.1), cut to ByteCount by whoever cares.
 */
export function readBlock(message: Buffer, at: number): Block {
  if (at < 0 || at >= message.length) throw new WireError('SMB_Parameters', `nothing at ${at}`);
  const wordsAt = at + 1;
  const countAt = wordsAt + message[at]! * 2;
  const bytesAt = countAt + 2;
  if (bytesAt > message.length) {
    throw new WireError('SMB_Data', `${message[at]} words at ${at} of ${message.length} bytes`);
  }
  const byteCount = message.readUInt16LE(countAt);
  if (byteCount > message.length - bytesAt) {
    throw new WireError('SMB_Data', `ByteCount is ${byteCount}, the message ends before`);
  }
  return new MessageBlock(message, wordsAt, bytesAt, byteCount);
}

export interface AndX {
  readonly command: number;
  readonly offset: number;
}

/** What follows an AndX block; undefined at the end of the chain. */
export function readAndX({ words }: Block): AndX | undefined {
  if (words.length < ANDX_BYTES) throw new WireError('AndX', `${words.length} bytes of parameters`);
  const command = words[ANDX_COMMAND_AT]!;
  return command === NO_ANDX ? undefined : { command, offset: words.readUInt16LE(ANDX_OFFSET_AT) };
}

export function setAndX(words: Buffer, { command, offset }: AndX): void {
  words[ANDX_COMMAND_AT] = command;
  words[ANDX_COMMAND_AT + 1] = 0;
  words.writeUInt16LE(offset, ANDX_OFFSET_AT);
}

/** WordCount, Words, ByteCount, Bytes. `shownWords`: where the count on the wire is another (MS-SMB 2.2.4.9.2). */
export function writeBlock(words: Buffer, bytes: Buffer, shownWords = words.length / 2): Buffer {
  const block = Buffer.allocUnsafe(BLOCK_COUNTS_BYTES + words.length + bytes.length);
  putBlock(block, 0, words, shownWords, bytes, 0);
  return block;
}

/** Of WordCount and ByteCount. */
export const BLOCK_COUNTS_BYTES = 3;

/** The same into what is there; `behind`: bytes that count as well and follow by themselves. */
export function putBlock(
  into: Buffer,
  at: number,
  words: Buffer,
  shownWords: number,
  bytes: Buffer,
  behind: number,
): void {
  into[at] = shownWords;
  into.set(words, at + 1);
  // Of a large answer the rest is lost here: those say their length elsewhere.
  into.writeUInt16LE((bytes.length + behind) & 0xffff, at + 1 + words.length);
  into.set(bytes, at + BLOCK_COUNTS_BYTES + words.length);
}
