/**
 * A client's connection (MS-SMB2 3.2.1.2): sends requests, single or compounded, signed, encrypted or
 * neither, and takes answers apart. Every answer is checked as real clients check it; one that fails ends
 * the connection, and all that wait for an answer get the ProtocolViolation.
 */
import { STATUS_PENDING } from '../dtyp/ntstatus.ts';
import { joinCompound, splitCompound } from '../smb2/compound.ts';
import {
  COMPRESSION_TRANSFORM_HEADER_SIZE,
  decompressMessage,
  MessageCompressor,
  readCompressed,
} from '../smb2/compression.ts';
import {
  addFlags,
  Command,
  encodeHeader,
  HEADER_SIZE,
  type Header,
  type HeaderFields,
  isAsync,
  isSigned,
  protocolOf,
  readHeader,
  SMB2_FLAGS_RELATED_OPERATIONS,
  SMB2_FLAGS_SIGNED,
} from '../smb2/header.ts';
import {
  decodeOplockBreakNotification,
  type OplockBreakNotification,
} from '../smb2/oplock-break.ts';
import { SMB2_READFLAG_REQUEST_COMPRESSED } from '../smb2/read.ts';
import { decodeTransformHeader } from '../smb2/transform.ts';
import { ALL_ONES } from '../wire/struct.ts';
import { checkBody, hasOwnBody } from './check-body.ts';
import { checkCreateContexts } from './check-create.ts';
import { checkHeader, checkSignature, type Placement } from './check-header.ts';
import { AnswerTimeout, asViolation, ProtocolViolation } from './client-error.ts';
import type { ConnectOptions } from './connect-options.ts';
import { CreditLedger } from './credit-ledger.ts';
import { type Answer, type ClientRequest, Exchange } from './exchange.ts';
import type { MessageSocket } from './frame-socket.ts';
import type { Negotiated } from './negotiated.ts';
import type { SecurityContext } from './security-context.ts';

/** Bytes that one credit pays for, 3.1.5.2. */
const CREDIT_BYTES = 65_536;
/** 3.2.5.1.1.2: beside the data. */
const MAX_ANSWER_OVERHEAD_BYTES = 256 + COMPRESSION_TRANSFORM_HEADER_SIZE;
/** Of READ's request, 2.2.19. */
const READ_FLAGS_AT = HEADER_SIZE + 3;
const RELATED_TREE_ID = 0xffffffff;

/** For whom requests are sent. */
export interface Sender {
  readonly security?: SecurityContext | undefined;
  readonly treeId?: number | undefined;
}

export interface SubmitOptions {
  /** Undefined: as the session demands. */
  readonly encrypt?: boolean | undefined;
  /** 3.2.4.1.4: the second request and those behind it go on with what the one before named. */
  readonly related?: boolean | undefined;
  /** 3.2.4.1.9: compresses the message, but for its first `head` bytes, where that gains anything. */
  readonly compress?: { readonly head: number } | undefined;
  /** Changes the transport message, encrypted if it is, just before it leaves. */
  readonly frame?: ((message: Buffer) => Buffer) | undefined;
}

export class ClientConnection {
  readonly options: ConnectOptions;
  readonly socket: MessageSocket;
  readonly credits = new CreditLedger();
  /** Sessions whose keys open encrypted answers. */
  readonly securities = new Map<number, SecurityContext>();
  /** Set once, when NEGOTIATE has been answered. */
  negotiated: Negotiated | undefined;
  /** Breaks of oplocks and leases, in the order they came; `onBreak` hears of each. */
  readonly breaks: OplockBreakNotification[] = [];
  onBreak: ((notification: OplockBreakNotification) => void) | undefined;
  readonly #outstanding = new Map<number, Exchange>();
  #problem: Error | undefined;

  constructor(socket: MessageSocket, options: ConnectOptions) {
    this.socket = socket;
    this.options = options;
    socket.onFrame = (frame) => this.#receive(frame);
    socket.onEnd = (error) => this.#abandon(error);
  }

  /** Settles when the connection is gone. */
  get ended(): Promise<void> {
    return this.socket.ended;
  }

  /** Why the connection was given up or ended; undefined while it stands. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** Ends the connection without a word to the server's sessions. */
  async close(): Promise<void> {
    this.socket.destroy();
    await this.socket.ended;
  }

  /** Sends the requests as one transport message, once there are credits for them. */
  async submit(
    requests: readonly ClientRequest[],
    sender: Sender = {},
    options: SubmitOptions = {},
  ): Promise<Exchange[]> {
    const ids: number[] = [];
    for (const request of requests) {
      const charge = Math.max(1, this.#charge(request));
      const own = request.header?.messageId;
      ids.push(own ?? (await this.credits.acquire(charge)));
    }
    if (this.#problem !== undefined) throw this.#problem;
    const encrypts = options.encrypt ?? sender.security?.encrypts ?? false;
    const fields = requests.map((request, i) => this.#fields(request, ids[i]!, sender, options, i));
    const parts = requests.map((request, i) => [encodeHeader(fields[i]!), request.body]);
    const joined = joinCompound(parts).map((one, i) => {
      const message = Buffer.concat(one);
      const request = requests[i]!;
      const next = request.header?.nextCommand;
      if (next !== undefined) message.writeUInt32LE(next, 20);
      return { request, message: request.craft?.(message) ?? message };
    });
    const exchanges = joined.map(({ request, message }, i) =>
      this.#expect(request, message, fields[i]!, sender, encrypts),
    );
    this.#send(
      exchanges.map(({ sent }) => sent),
      encrypts ? sender.security : undefined,
      options,
    );
    return exchanges;
  }

  /** One request, and its answer whatever its status. */
  async request(
    request: ClientRequest,
    sender: Sender = {},
    options: SubmitOptions = {},
  ): Promise<Answer> {
    const [exchange] = await this.submit([request], sender, options);
    return this.answerOf(exchange!);
  }

  /** The answer, awaited for the client's own time limit. */
  async answerOf(exchange: Exchange, timeoutMs = this.options.timeoutMs): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const { command, messageId } = exchange.expected;
        reject(new AnswerTimeout(`command ${command}, MessageId ${messageId}: ${timeoutMs} ms`));
      }, timeoutMs);
    });
    try {
      return await Promise.race([exchange.answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** 3.2.4.24: by AsyncId if the server has given one, else by MessageId. It is never answered. */
  async cancel(exchange: Exchange, header: Partial<HeaderFields> = {}): Promise<void> {
    const { security, messageId } = exchange.expected;
    const byAsyncId = exchange.asyncId !== 0;
    await this.submit(
      [
        {
          command: Command.CANCEL,
          body: Buffer.from([4, 0, 0, 0]),
          header: {
            messageId,
            creditCharge: 0,
            creditRequest: 0,
            ...(byAsyncId && { flags: 2, asyncId: exchange.asyncId }),
            ...header,
          },
        },
      ],
      { security },
    );
  }

  #charge(request: ClientRequest): number {
    const given = request.header?.creditCharge;
    if (given !== undefined) return given;
    if (this.negotiated?.multiCredit !== true) return 0;
    return Math.max(1, Math.ceil((request.payloadBytes ?? 0) / CREDIT_BYTES));
  }

  #fields(
    request: ClientRequest,
    messageId: number,
    sender: Sender,
    options: SubmitOptions,
    index: number,
  ): HeaderFields {
    const related = options.related === true && index > 0;
    const charge = this.#charge(request);
    const wanted = this.options.creditTarget - this.credits.available + Math.max(1, charge);
    return {
      creditCharge: charge,
      status: 0,
      command: request.command,
      creditRequest: Math.max(1, charge, Math.min(wanted, 0xffff)),
      flags: related ? SMB2_FLAGS_RELATED_OPERATIONS : 0,
      nextCommand: 0,
      messageId,
      processId: 0xfeff,
      treeId: related ? RELATED_TREE_ID : (sender.treeId ?? 0),
      asyncId: 0,
      sessionId: related ? ALL_ONES : (sender.security?.sessionId ?? 0),
      ...request.header,
    };
  }

  /** Signs the message where it has to be, and remembers that an answer is to come. */
  #expect(
    request: ClientRequest,
    message: Buffer,
    header: HeaderFields,
    { security }: Sender,
    isEncrypted: boolean,
  ): Exchange {
    const protection = request.protection ?? 'auto';
    const signer = security?.signer;
    const signs =
      signer !== undefined &&
      !isEncrypted &&
      (protection === 'sign' || (protection === 'auto' && security!.signs));
    if (signs) {
      addFlags(message, SMB2_FLAGS_SIGNED);
      signer.sign([message]);
    }
    const exchange = new Exchange(
      {
        command: request.command,
        messageId: header.messageId,
        header,
        security,
        isSigned: signs,
        isEncrypted,
        isCrafted: request.craft !== undefined,
        isCounted: request.header?.messageId === undefined,
        contextNames: request.contextNames,
      },
      request.tamper?.(message) ?? message,
    );
    if (request.command !== Command.CANCEL) this.#outstanding.set(header.messageId, exchange);
    return exchange;
  }

  #send(
    messages: readonly Buffer[],
    sealer: SecurityContext | undefined,
    { frame, compress }: SubmitOptions,
  ): void {
    const plain = compress === undefined ? messages : this.#compressed(messages, compress.head);
    const parts =
      sealer?.cipher === undefined ? plain : sealer.cipher.seal(sealer.sessionId, plain);
    if (frame === undefined) this.socket.send(parts);
    else this.socket.send([frame(Buffer.concat(parts))]);
  }

  #compressed(messages: readonly Buffer[], headBytes: number): readonly Buffer[] {
    const terms = this.negotiated?.compression;
    if (terms === undefined) return messages;
    const whole = Buffer.concat(messages);
    const data = whole.subarray(headBytes);
    const output = Buffer.allocUnsafe(data.length);
    const work = new MessageCompressor(whole.subarray(0, headBytes), data, terms, output);
    while (!work.go(data.length));
    return work.parts ?? messages;
  }

  #receive(frame: Buffer): void {
    if (this.#problem !== undefined) return;
    try {
      const isEncrypted = protocolOf(frame) === 'transform';
      const plain = isEncrypted ? this.#open(frame) : frame;
      const isCompressed = protocolOf(plain) === 'compression';
      const messages = splitCompound(isCompressed ? this.#decompress(plain) : plain);
      if (isCompressed) this.#checkAsked(messages);
      for (const [i, message] of messages.entries()) {
        const isLast = i === messages.length - 1;
        const { lenientInterim } = this.options;
        this.#take(message, { isEncrypted, isFirst: i === 0, isLast, lenientInterim });
      }
    } catch (error) {
      this.#abandon(asViolation(error) as Error);
      this.socket.destroy();
    }
  }

  #open(frame: Buffer): Buffer {
    const { sessionId } = decodeTransformHeader(frame);
    const plain = this.securities.get(sessionId)?.cipher?.open(frame);
    if (plain === undefined) throw new ProtocolViolation('an answer that does not decrypt');
    return plain;
  }

  /** 3.2.5.1.1.2 */
  #decompress(message: Buffer): Buffer {
    const { compression, maxReadSize, maxTransactSize } = this.negotiated ?? {};
    if (compression === undefined) throw new ProtocolViolation('a compressed answer');
    const maxSegment = Math.max(maxReadSize!, maxTransactSize!) + MAX_ANSWER_OVERHEAD_BYTES;
    const limits = { maxSegment, maxMessage: maxSegment };
    return decompressMessage(readCompressed(message, compression, limits));
  }

  /** Linux has nothing to decompress with, and asks for nothing compressed. */
  #checkAsked(messages: readonly Buffer[]): void {
    const asked = messages.some((message) => {
      const request = this.#outstanding.get(readHeader(message).messageId)?.sent;
      const flags = request?.[READ_FLAGS_AT] ?? 0;
      return (flags & SMB2_READFLAG_REQUEST_COMPRESSED) !== 0;
    });
    if (!asked) throw new ProtocolViolation('a compressed answer that nobody has asked for');
  }

  #take(message: Buffer, place: Placement): void {
    const header = readHeader(message);
    if (header.messageId === ALL_ONES) {
      this.#notified(header, message);
      return;
    }
    const exchange = this.#outstanding.get(header.messageId);
    if (exchange === undefined) {
      throw new ProtocolViolation(
        `an answer to MessageId ${header.messageId}, which waits for none`,
      );
    }
    checkHeader(exchange, header, place);
    checkSignature(exchange, header, message, place);
    checkBody(header.command, header.status, message, place.isLast);
    if (header.status === 0) checkCreateContexts(exchange, message);
    this.#deliver(exchange, header, message, place);
  }

  #deliver(exchange: Exchange, header: Header, message: Buffer, place: Placement): void {
    const isInterim = header.status === STATUS_PENDING && isAsync(header);
    if (isInterim) exchange.pended(header);
    else {
      this.#outstanding.delete(exchange.messageId);
      exchange.answered({
        header,
        message,
        status: header.status,
        isSigned: isSigned(header),
        isEncrypted: place.isEncrypted,
      });
    }
    this.credits.grant(header.creditRequest, !isInterim && exchange.expected.isCounted);
  }

  /** 3.2.5.19: what the server says unasked. */
  #notified(header: Header, message: Buffer): void {
    if (header.command !== Command.OPLOCK_BREAK) {
      throw new ProtocolViolation(`an unasked-for answer to command ${header.command}`);
    }
    if (!hasOwnBody(header.command, header.status, message)) {
      throw new ProtocolViolation('an oplock break with an error');
    }
    const notification = decodeOplockBreakNotification(message);
    this.breaks.push(notification);
    this.onBreak?.(notification);
  }

  #abandon(error: Error): void {
    if (this.#problem !== undefined) return;
    this.#problem = error;
    for (const exchange of this.#outstanding.values()) exchange.failed(error);
    this.#outstanding.clear();
    this.credits.abandon(error);
  }
}
