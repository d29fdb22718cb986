/**
 * What a connection has still to send, and sendmsg(2) that sends it. Small parts are gathered in one arena,
 * which all connections share and which is empty between two events of the loop; large ones are sent from
 * where they lie and go back to the pool then.
 *
 * The arena is a stack: what a connection adds lies above what others have added, and each flushes before
 * those below it go on. What the kernel did not take is copied out of it.
 */
import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';
import { addressOf } from '../native/library.ts';
import { EINTR, MSG_NOSIGNAL, sendmsg } from '../native/socket.ts';
import { FRAME_HEADER_SIZE, writeFrameHeader } from '../smb2/framing.ts';

const ARENA_BYTES = 256 * 1024;
/** A part up to here is copied: cheaper than an entry of its own. */
const MAX_GATHERED_BYTES = 16 * 1024;
/** Entries of one sendmsg; the kernel takes 1024. */
const MAX_ENTRIES = 64;
const IOVEC_BYTES = 16;
const TWO_TO_32 = 0x1_0000_0000;

export const arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
const arenaAt = addressOf(arena);
let arenaEnd = 0;

const iovecs = Buffer.alloc(MAX_ENTRIES * IOVEC_BYTES);
const iovecWords = new Uint32Array(iovecs.buffer, iovecs.byteOffset, MAX_ENTRIES * 4);
/** struct msghdr: name, its length, iovecs, their number, control data, its length, flags. */
const message = Buffer.alloc(56);
message.writeBigUInt64LE(BigInt(addressOf(iovecs)), 16);
const messageAt = addressOf(message);

interface Piece {
  /** Kept for as long as the piece is. */
  buffer: Buffer;
  at: number;
  length: number;
  inArena: boolean;
}

export class SendQueue {
  #pieces: Piece[] = [];
  #bytes = 0;

  /** Bytes that are not sent yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A message made of these parts, which are the queue's from now on. */
  add(parts: readonly Buffer[]): void {
    let length = 0;
    for (const part of parts) length += part.length;
    this.#bytes += FRAME_HEADER_SIZE + length;
    const header = this.#room(FRAME_HEADER_SIZE);
    writeFrameHeader(header.buffer, length, header.offset);
    for (const part of parts) {
      if (part.length > MAX_GATHERED_BYTES) this.#addLarge(part);
      else if (part.length > 0) {
        const { buffer, offset } = this.#room(part.length);
        part.copy(buffer, offset);
        if (part.buffer.byteLength >= MIN_POOLED_BYTES) bufferPool.give(part);
      }
    }
  }

  /** Room in the arena for a message of this length, framed here: where it begins; -1 where there is none. */
  place(length: number): number {
    if (arenaEnd + FRAME_HEADER_SIZE + length > ARENA_BYTES) return -1;
    this.#bytes += FRAME_HEADER_SIZE + length;
    const at = this.#extend(FRAME_HEADER_SIZE + length);
    writeFrameHeader(arena, length, at);
    return at + FRAME_HEADER_SIZE;
  }

  /** Bytes that are framed already. */
  addRaw(bytes: Buffer): void {
    this.#bytes += bytes.length;
    const { buffer, offset } = this.#room(bytes.length);
    bytes.copy(buffer, offset);
  }

  #addLarge(buffer: Buffer): void {
    const { length } = buffer;
    this.#pieces.push({ buffer, at: addressOf(buffer), length, inArena: false });
  }

  /** Room behind what is there, in the arena while that has some. */
  #room(length: number): { buffer: Buffer; offset: number } {
    if (arenaEnd + length > ARENA_BYTES) {
      const buffer = Buffer.allocUnsafeSlow(length);
      this.#addLarge(buffer);
      return { buffer, offset: 0 };
    }
    return { buffer: arena, offset: this.#extend(length) };
  }

  /** So many bytes of the arena, behind what is there. */
  #extend(length: number): number {
    const offset = arenaEnd;
    arenaEnd += length;
    const last = this.#pieces.at(-1);
    const follows = last?.inArena === true && last.at + last.length === arenaAt + offset;
    if (follows) last.length += length;
    else this.#pieces.push({ buffer: arena, at: arenaAt + offset, length, inArena: true });
    return offset;
  }

  /** Sends what the kernel takes: 0 when that is all, -EAGAIN when it is not, or what broke. */
  flush(fd: number, mark: number): number {
    let result = 0;
    while (this.#bytes > 0 && result === 0) {
      const sent = sendmsg(fd, this.#fill(), MSG_NOSIGNAL);
      if (sent >= 0) this.#sent(sent);
      else if (sent !== EINTR) result = sent;
    }
    this.hold(mark);
    return result;
  }

  /** Keeps what was added since `mark` for a later flush. */
  hold(mark: number): void {
    if (this.#bytes > 0) this.#leaveArena();
    arenaEnd = mark;
  }

  /** Nothing is sent any more. */
  clear(): void {
    for (const { buffer, inArena } of this.#pieces) if (!inArena) bufferPool.give(buffer);
    this.#pieces = [];
    this.#bytes = 0;
  }

  #fill(): number {
    const count = Math.min(this.#pieces.length, MAX_ENTRIES);
    for (let i = 0; i < count; i++) {
      const { at, length } = this.#pieces[i]!;
      const word = i * 4;
      iovecWords[word] = at % TWO_TO_32;
      iovecWords[word + 1] = at / TWO_TO_32;
      iovecWords[word + 2] = length;
      iovecWords[word + 3] = 0;
    }
    message.writeUInt32LE(count, 24);
    return messageAt;
  }

  #sent(count: number): void {
    this.#bytes -= count;
    let left = count;
    let through = 0;
    while (left > 0) {
      const piece = this.#pieces[through]!;
      if (piece.length > left) {
        piece.at += left;
        piece.length -= left;
        break;
      }
      left -= piece.length;
      if (!piece.inArena) bufferPool.give(piece.buffer);
      through += 1;
    }
    if (through === this.#pieces.length) this.#pieces = [];
    else if (through > 0) this.#pieces.splice(0, through);
  }

  #leaveArena(): void {
    for (const piece of this.#pieces) {
      if (!piece.inArena) continue;
      const offset = piece.at - arenaAt;
      piece.buffer = Buffer.from(arena.subarray(offset, offset + piece.length));
      piece.at = addressOf(piece.buffer);
      piece.inArena = false;
    }
  }
}

/** Where the arena ends now: to be given to the flush of what is added from here on. */
export const arenaMark = (): number => arenaEnd;
