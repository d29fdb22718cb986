/**
 * The replies of a connection, one by one, from blocking calls of recv. Of each the first bytes are
 * looked at, decrypted if need be, and the rest of a large one is dropped inside the kernel. With
 * `verify` every reply is taken whole and its signature or tag is checked (MS-SMB2 3.2.5.1).
 */
import { createOpener, TRANSFORM_HEADER_BYTES } from '../../src/crypto/cipher.ts';
import { createSigner } from '../../src/crypto/signing.ts';
import { STATUS_PENDING } from '../../src/dtyp/ntstatus.ts';
import { addressForGood, addressOf } from '../../src/native/library.ts';
import { MSG_TRUNC, MSG_WAITALL } from '../../src/native/socket.ts';
import { FRAME_HEADER_SIZE } from '../../src/smb2/framing.ts';
import {
  HEADER_SIZE,
  isSigned,
  PROTOCOL_ID,
  readHeader,
  TRANSFORM_PROTOCOL_ID,
} from '../../src/smb2/header.ts';
import { LoadError } from './load-error.ts';
import { PEEK_BYTES, peekInto } from './peek.ts';
import type { Session } from './session.ts';
import { receive } from './wire.ts';

/** Where a reply stands; whole only with `verify`. One object, filled anew for each reply. */
export interface Reply {
  bytes: Buffer;
  view: DataView;
  /** Of the SMB2 header. */
  at: number;
  /** Of the whole message, header to last byte. */
  length: number;
}

export const messageOf = ({ bytes, at, length }: Reply): Buffer => bytes.subarray(at, at + length);

/** What is received at once when replies are small: a batch of them. */
const BATCH_BYTES = 65_536;
/** Replies above this are cheaper to drop than to copy. */
const SMALL_REPLY_BYTES = 8192;
const HEAD_BYTES = FRAME_HEADER_SIZE + TRANSFORM_HEADER_BYTES + PEEK_BYTES;
const NEXT_COMMAND_AT = 20;

/** Address space for what is dropped; never written to. */
const SINK_BYTES = 16 * 1024 * 1024;
const sinkAt = addressForGood(Buffer.allocUnsafeSlow(SINK_BYTES));

/** Points the reply at the message in the frame of `length` bytes at `at` of what was received. */
interface Unwrap {
  locate(reply: Reply, at: number, length: number): void;
  free(): void;
}

export class ReplyStream {
  readonly #fd: number;
  readonly #received: Buffer;
  readonly #view: DataView;
  readonly #receivedAt: number;
  readonly #receiveBytes: number;
  readonly #drops: boolean;
  readonly #unwrap: Unwrap;
  readonly #reply: Reply;
  #start = 0;
  #end = 0;
  /** Bytes of the reply at #start that are still to be dropped. */
  #skip = 0;

  /** `largest`: of a reply, header to last byte. */
  constructor(
    session: Session,
    { largest, verify }: { readonly largest: number; readonly verify: boolean },
  ) {
    this.#fd = session.wire.fd;
    this.#drops = !verify;
    this.#receiveBytes = largest > SMALL_REPLY_BYTES && !verify ? HEAD_BYTES : BATCH_BYTES;
    this.#received = Buffer.allocUnsafeSlow(2 * BATCH_BYTES + (verify ? largest : 0));
    this.#view = viewOf(this.#received);
    this.#receivedAt = addressOf(this.#received);
    this.#unwrap = unwrapOf(session, this.#received, verify);
    this.#reply = { bytes: this.#received, view: this.#view, at: 0, length: 0 };
  }

  /** One call of recv, which waits. What it completed is for `take` to fetch. */
  receive(): void {
    if (this.#skip > 0) {
      const length = Math.min(this.#skip, SINK_BYTES);
      this.#skip -= receive(this.#fd, sinkAt, length, MSG_TRUNC | MSG_WAITALL);
      return;
    }
    this.#makeRoom();
    const room = Math.min(this.#receiveBytes, this.#received.length - this.#end);
    this.#end += receive(this.#fd, this.#receivedAt + this.#end, room, 0);
  }

  /** The next reply that has come, good until the next call of anything here. */
  take(): Reply | undefined {
    const have = this.#end - this.#start;
    if (this.#skip > 0 || have < FRAME_HEADER_SIZE) return undefined;
    const at = this.#start + FRAME_HEADER_SIZE;
    const length = this.#view.getUint32(this.#start) & 0xff_ffff;
    const missing = FRAME_HEADER_SIZE + length - have;
    if (missing > 0) {
      if (!this.#drops || have < HEAD_BYTES) return undefined;
      // Nothing is received behind its first bytes until the rest has been dropped.
      this.#skip = missing;
      this.#end += missing;
      return undefined;
    }
    this.#start += FRAME_HEADER_SIZE + length;
    const reply = this.#reply;
    this.#unwrap.locate(reply, at, length);
    if (
      reply.view.getUint32(reply.at, true) !== PROTOCOL_ID ||
      reply.view.getUint32(reply.at + NEXT_COMMAND_AT, true) !== 0
    ) {
      throw new LoadError('a reply that is no single SMB2 message');
    }
    return reply;
  }

  /** The rest of a message goes to the buffer's beginning. */
  #makeRoom(): void {
    if (this.#start === 0) return;
    if (this.#start < this.#end) this.#received.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  free(): void {
    this.#unwrap.free();
  }
}

const viewOf = (b: Buffer): DataView => new DataView(b.buffer, b.byteOffset, b.length);

function unwrapOf(session: Session, received: Buffer, verify: boolean): Unwrap {
  if (session.mode === 'encrypted') {
    return verify ? openWhole(session, received) : openBeginning(session, received);
  }
  const signer =
    session.mode === 'signed' && verify
      ? createSigner(session.signingAlgorithm, session.keys!.signingKey)
      : undefined;
  return {
    locate(reply, at, length) {
      reply.at = at;
      reply.length = length;
      if (length < HEADER_SIZE) throw new LoadError('a reply without a header');
      if (signer === undefined) return;
      const message = messageOf(reply);
      const header = readHeader(message);
      // 3.2.5.1.3: an interim response need not be signed.
      if (header.status === STATUS_PENDING) return;
      if (!isSigned(header)) throw new LoadError('an unsigned reply');
      if (!signer.verify(message)) throw new LoadError('a wrong signature');
    },
    free: () => undefined,
  };
}

function openBeginning(session: Session, received: Buffer): Unwrap {
  const peek = peekInto(session, received);
  const view = viewOf(peek.plain);
  const receivedView = viewOf(received);
  return {
    locate(reply, at, length) {
      checkTransform(receivedView, at, length);
      reply.bytes = peek.plain;
      reply.view = view;
      reply.at = 0;
      reply.length = length - TRANSFORM_HEADER_BYTES;
      peek.open(at, Math.min(PEEK_BYTES, reply.length));
    },
    free: () => peek.free(),
  };
}

function openWhole(session: Session, received: Buffer): Unwrap {
  const { open } = createOpener(session.cipher!, session.keys!.encryptionKey!);
  const receivedView = viewOf(received);
  return {
    locate(reply, at, length) {
      checkTransform(receivedView, at, length);
      const message = open(received.subarray(at, at + length));
      if (message === undefined) throw new LoadError('a reply does not decrypt');
      reply.bytes = message;
      reply.view = viewOf(message);
      reply.at = 0;
      reply.length = message.length;
    },
    free: () => undefined,
  };
}

function checkTransform(view: DataView, at: number, length: number): void {
  const isLongEnough = length >= TRANSFORM_HEADER_BYTES + HEADER_SIZE;
  if (!isLongEnough || view.getUint32(at, true) !== TRANSFORM_PROTOCOL_ID) {
    throw new LoadError('a reply that is not encrypted');
  }
}
