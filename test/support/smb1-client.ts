/** A client of SMB1, for tests of the server: MS-CIFS 3.2, as far as they need it. */
import { createInitiator } from '../../src/auth/initiator.ts';
import { FrameSocket } from '../../src/client/frame-socket.ts';
import { Smb1Signing } from '../../src/crypto/smb1-signing.ts';
import { NO_ANDX, readBlock, writeBlock } from '../../src/smb1/block.ts';
import {
  SMB_FLAGS2_EXTENDED_SECURITY,
  SMB_FLAGS2_NT_STATUS,
  SMB_FLAGS2_SECURITY_SIGNATURE,
  SMB_FLAGS2_UNICODE,
  SMB1_HEADER_SIZE,
  Smb1Command,
  Smb1Header,
} from '../../src/smb1/header.ts';
import {
  encodeSmb1NegotiateRequest,
  SMB1_DIALECT_NT_LM_012,
} from '../../src/smb2/smb1-negotiate.ts';
import { PASSWORD, USER } from './in-process-server.ts';

export interface Smb1Answer {
  readonly header: Smb1Header;
  readonly status: number;
  readonly words: Buffer;
  readonly bytes: Buffer;
  readonly message: Buffer;
}

export interface Smb1RequestInput {
  readonly command: number;
  readonly words?: Buffer;
  readonly bytes?: Buffer;
  readonly pid?: number;
  readonly tid?: number;
  readonly uid?: number;
}

const FLAGS2 = SMB_FLAGS2_UNICODE | SMB_FLAGS2_NT_STATUS | SMB_FLAGS2_EXTENDED_SECURITY;
const SERVER_MID = 0xffff;

const NOTHING = Buffer.alloc(0);

export const utf16 = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le');
/** Data that begin with a string: at an odd offset, so a byte is put before it. */
export const padded = (text: string): Buffer => Buffer.concat([Buffer.alloc(1), utf16(text)]);

export class Smb1Client {
  readonly #socket: FrameSocket;
  readonly #waiting = new Map<number, { take(answer: Smb1Answer): void; sequence: number }>();
  #signing: Smb1Signing | undefined;
  readonly #signs: boolean;
  #mid = 1;
  uid = 0;
  tid = 0;
  /** Of the client, MS-CIFS 2.2.4.53.1: what it tells when it logs in. */
  capabilities = 0x8000_f2dc;
  /** The longest message that it takes, MS-CIFS 2.2.4.53.1. */
  maxBufferSize = 0xffff;
  /** Requests that it has under way at once. */
  maxMpxCount = 50;
  /** Flags2 that it leaves out from now on; strings are the caller's. */
  withoutFlags2 = 0;
  /** What the server says unasked: oplock breaks. */
  onUnasked: ((answer: Smb1Answer) => void) | undefined;
  /** A message without even a header: READ_RAW's. */
  onEmpty: (() => void) | undefined;
  /** Takes each message, in place of what waits for answers. */
  onMessage: ((message: Buffer) => void) | undefined;
  lastMid = 0;

  private constructor(socket: FrameSocket, signs: boolean) {
    this.#socket = socket;
    this.#signs = signs;
    socket.onFrame = (message) => this.#receive(message);
  }

  static async open(
    { host, port, localAddress }: { host: string; port: number; localAddress?: string },
    { signs = true }: { signs?: boolean } = {},
  ): Promise<Smb1Client> {
    const socket = await FrameSocket.open({ host, port, localAddress, timeoutMs: 2_000 });
    return new Smb1Client(socket, signs);
  }

  get ended(): Promise<void> {
    return this.#socket.ended;
  }

  #receive(message: Buffer): void {
    if (this.onMessage !== undefined) {
      this.onMessage(message);
      return;
    }
    if (message.length === 0) {
      this.onEmpty?.();
      return;
    }
    const header = Smb1Header.read(message);
    const { words, bytes } = readBlock(message, SMB1_HEADER_SIZE);
    const answer = { header, status: header.status, words, bytes, message };
    if (header.mid === SERVER_MID) {
      this.onUnasked?.(answer);
      return;
    }
    const waiting = this.#waiting.get(header.mid);
    if (waiting === undefined) return;
    this.#waiting.delete(header.mid);
    if (this.#signing?.verify(message, waiting.sequence + 1) === false) {
      throw new Error(`the signature of answer ${header.mid} is wrong`);
    }
    waiting.take(answer);
  }

  /** The whole message, in which the signature is still to come. */
  encode(input: Smb1RequestInput, mid: number): Buffer {
    const { command, words = Buffer.alloc(0), bytes = Buffer.alloc(0), pid = 1 } = input;
    const header = Smb1Header.encode({
      command,
      status: 0,
      flags: 0x18,
      flags2: (FLAGS2 & ~this.withoutFlags2) | (this.#signs ? SMB_FLAGS2_SECURITY_SIGNATURE : 0),
      pidHigh: pid >>> 16,
      tid: input.tid ?? this.tid,
      pidLow: pid & 0xffff,
      uid: input.uid ?? this.uid,
      mid,
    });
    return Buffer.concat([header, writeBlock(words, bytes)]);
  }

  request(input: Smb1RequestInput): Promise<Smb1Answer> {
    this.#mid += 1;
    const mid = this.#mid;
    this.lastMid = mid;
    return this.ask(this.encode(input, mid), mid);
  }

  /** Sends a whole message; settles with the answer to its MID. */
  ask(message: Buffer, mid: number): Promise<Smb1Answer> {
    const sequence = this.#signing?.take() ?? 0;
    this.#signing?.sign([message], sequence);
    return new Promise((resolve) => {
      this.#waiting.set(mid, { take: resolve, sequence });
      this.#socket.send([message]);
    });
  }

  /** Sends what is not answered. */
  tell(input: Smb1RequestInput, mid = this.#mid): void {
    const message = this.encode(input, mid);
    if (this.#signing !== undefined) {
      this.#signing.sign([message], this.#signing.take());
      this.#signing.withoutResponse();
    }
    this.#socket.send([message]);
  }

  async negotiate(dialects: readonly string[] = [SMB1_DIALECT_NT_LM_012]): Promise<Smb1Answer> {
    const message = encodeSmb1NegotiateRequest({
      flags: 0x18,
      flags2: FLAGS2 & ~this.withoutFlags2,
      tid: 0xffff,
      pidLow: 1,
      uid: 0,
      mid: 1,
      dialects,
    });
    return this.ask(message, 1);
  }

  /** As it is, without a signature of its own. */
  sendRaw(message: Buffer): void {
    this.#socket.send([message]);
  }

  /** The next message, whatever it is. */
  async negotiateRaw(dialects: readonly string[]): Promise<Buffer> {
    const answer = new Promise<Buffer>((resolve) => {
      this.#socket.onFrame = resolve;
    });
    void this.negotiate(dialects);
    return answer;
  }

  async login(user: string = USER, secret: string = PASSWORD): Promise<Smb1Answer> {
    const initiator = createInitiator({
      credentials: { user, domain: undefined, secret },
      raw: undefined,
      targetName: 'cifs/test',
    });
    let token = initiator.start();
    this.uid = 0;
    for (;;) {
      const words = Buffer.alloc(24);
      words[0] = NO_ANDX;
      words.writeUInt16LE(this.maxBufferSize, 4);
      words.writeUInt16LE(this.maxMpxCount, 6);
      words.writeUInt16LE(token.length, 14);
      words.writeUInt32LE(this.capabilities, 20);
      const answer = await this.request({
        command: Smb1Command.SESSION_SETUP_ANDX,
        words,
        bytes: Buffer.concat([token, utf16('test'), utf16('test')]),
      });
      if (answer.status !== 0xc000_0016) {
        if (answer.status !== 0) this.uid = 0;
        else this.uid = answer.header.uid;
        const key = initiator.sessionKey;
        if (answer.status === 0 && this.#signs && key !== undefined) {
          this.#signing = new Smb1Signing(key, Buffer.alloc(0));
          if (!this.#signing.verify(answer.message, 1)) throw new Error('the login is not signed');
        }
        return answer;
      }
      this.uid = answer.header.uid;
      const step = initiator.step(answer.bytes.subarray(0, answer.words.readUInt16LE(6)));
      if (step.kind !== 'continue') throw new Error(`the server's token: ${step.kind}`);
      token = step.token;
    }
  }

  async treeConnect(share: string): Promise<Smb1Answer> {
    const words = Buffer.alloc(8);
    words[0] = NO_ANDX;
    words.writeUInt16LE(1, 6);
    const answer = await this.request({
      command: Smb1Command.TREE_CONNECT_ANDX,
      words,
      bytes: Buffer.concat([
        Buffer.alloc(1),
        utf16(`\\\\server\\${share}`),
        Buffer.from('?????\0'),
      ]),
    });
    if (answer.status === 0) this.tid = answer.header.tid;
    return answer;
  }

  close(): Promise<void> {
    this.#socket.destroy();
    return this.#socket.ended;
  }
}

export interface NtCreateInput {
  readonly name: string;
  readonly flags?: number;
  readonly access?: number;
  readonly share?: number;
  readonly disposition?: number;
  readonly options?: number;
  readonly pid?: number;
  readonly attributes?: number;
}

/** NT_CREATE_ANDX; its answer has the FID at 5 and the oplock level at 4. */
export function ntCreate(client: Smb1Client, input: NtCreateInput): Promise<Smb1Answer> {
  const words = Buffer.alloc(48);
  words[0] = NO_ANDX;
  const name = padded(input.name);
  words.writeUInt16LE(name.length - 1, 5);
  words.writeUInt32LE(input.flags ?? 0, 7);
  words.writeUInt32LE(input.access ?? 0x0012_019f, 15);
  words.writeUInt32LE(input.attributes ?? 0, 27);
  words.writeUInt32LE(input.share ?? 7, 31);
  words.writeUInt32LE(input.disposition ?? 3, 35);
  words.writeUInt32LE(input.options ?? 0, 39);
  words.writeUInt32LE(2, 43);
  const { pid = 1 } = input;
  return client.request({ command: Smb1Command.NT_CREATE_ANDX, words, bytes: name, pid });
}

export const fidOf = ({ words }: Smb1Answer): number => words.readUInt16LE(5);

export function closeFid(client: Smb1Client, fid: number): Promise<Smb1Answer> {
  const words = Buffer.alloc(6);
  words.writeUInt16LE(fid);
  return client.request({ command: Smb1Command.CLOSE, words });
}

export function writeAndX(
  client: Smb1Client,
  fid: number,
  offset: number,
  data: Buffer,
  writeMode = 0,
) {
  const words = Buffer.alloc(28);
  words[0] = NO_ANDX;
  words.writeUInt16LE(fid, 4);
  words.writeUInt32LE(offset, 6);
  words.writeUInt16LE(writeMode, 14);
  words.writeUInt16LE(data.length, 20);
  words.writeUInt16LE(SMB1_HEADER_SIZE + 1 + words.length + 2 + 1, 22);
  const bytes = Buffer.concat([Buffer.alloc(1), data]);
  return client.request({ command: Smb1Command.WRITE_ANDX, words, bytes });
}

export async function readAndX(client: Smb1Client, fid: number, offset: number, count: number) {
  const words = Buffer.alloc(24);
  words[0] = NO_ANDX;
  words.writeUInt16LE(fid, 4);
  words.writeUInt32LE(offset, 6);
  words.writeUInt16LE(count, 10);
  const answer = await client.request({ command: Smb1Command.READ_ANDX, words });
  if (answer.status !== 0) return answer.status;
  const at = answer.words.readUInt16LE(12);
  return answer.message.subarray(at, at + answer.words.readUInt16LE(10));
}

export interface LockInput {
  readonly fid: number;
  readonly offset: number;
  readonly length: number;
  readonly type?: number;
  readonly timeout?: number;
  readonly unlock?: boolean;
  readonly pid?: number;
}

/** One range, by 32-bit numbers. */
export function lockingAndX(client: Smb1Client, input: LockInput): Promise<Smb1Answer> {
  const { fid, offset, length, type = 0, timeout = 0, unlock = false, pid = 1 } = input;
  const words = Buffer.alloc(16);
  words[0] = NO_ANDX;
  words.writeUInt16LE(fid, 4);
  words[6] = type;
  words.writeUInt32LE(timeout, 8);
  words.writeUInt16LE(unlock ? 1 : 0, 12);
  words.writeUInt16LE(unlock ? 0 : 1, 14);
  const bytes = Buffer.alloc(10);
  bytes.writeUInt16LE(pid, 0);
  bytes.writeUInt32LE(offset, 2);
  bytes.writeUInt32LE(length, 6);
  return client.request({ command: Smb1Command.LOCKING_ANDX, words, bytes, pid });
}

/** LOCKING_ANDX that acknowledges an oplock break; it is not answered. */
export function acknowledge(client: Smb1Client, fid: number, level: number): void {
  const words = Buffer.alloc(16);
  words[0] = NO_ANDX;
  words.writeUInt16LE(fid, 4);
  words[6] = 2;
  words[7] = level;
  client.tell({ command: Smb1Command.LOCKING_ANDX, words });
}

export interface Trans2Answer {
  readonly status: number;
  readonly parameters: Buffer;
  readonly data: Buffer;
}

/** TRANSACTION2 of one message each way. */
export async function transact2(
  client: Smb1Client,
  subcommand: number,
  parameters: Buffer,
  data: Buffer = Buffer.alloc(0),
): Promise<Trans2Answer> {
  const words = Buffer.alloc(30);
  // Behind the name, which is empty, and to an offset of 4.
  const at = SMB1_HEADER_SIZE + 1 + words.length + 2 + 3;
  const counts = [parameters.length, at, data.length, at + parameters.length];
  words.writeUInt16LE(parameters.length, 0);
  words.writeUInt16LE(data.length, 2);
  words.writeUInt16LE(100, 4);
  words.writeUInt16LE(0xf000, 6);
  for (const [i, value] of counts.entries()) words.writeUInt16LE(value, 18 + 2 * i);
  words[26] = 1;
  words.writeUInt16LE(subcommand, 28);
  const bytes = Buffer.concat([Buffer.alloc(3), parameters, data]);
  return transactionAnswer(
    await client.request({ command: Smb1Command.TRANSACTION2, words, bytes }),
  );
}

interface PipeTransaction {
  readonly name?: string;
  readonly parameters?: Buffer;
  readonly data?: Buffer;
  readonly limit?: number;
}

/** TRANSACTION on a named pipe, of one message each way; `second` is the FID, or a priority. */
export async function transactPipe(
  client: Smb1Client,
  subcommand: number,
  second: number,
  wanted: PipeTransaction = {},
): Promise<Trans2Answer> {
  const { name = '\\PIPE\\', parameters = NOTHING, data = NOTHING, limit = 4280 } = wanted;
  const words = Buffer.alloc(32);
  const named = padded(name);
  const at = SMB1_HEADER_SIZE + 1 + words.length + 2 + named.length;
  const counts = [parameters.length, at, data.length, at + parameters.length];
  words.writeUInt16LE(parameters.length, 0);
  words.writeUInt16LE(data.length, 2);
  words.writeUInt16LE(100, 4);
  words.writeUInt16LE(limit, 6);
  for (const [i, value] of counts.entries()) words.writeUInt16LE(value, 18 + 2 * i);
  words[26] = 2;
  words.writeUInt16LE(subcommand, 28);
  words.writeUInt16LE(second, 30);
  const bytes = Buffer.concat([named, parameters, data]);
  return transactionAnswer(
    await client.request({ command: Smb1Command.TRANSACTION, words, bytes }),
  );
}

function transactionAnswer({ status, message, words: told }: Smb1Answer): Trans2Answer {
  if (told.length < 20) return { status, parameters: Buffer.alloc(0), data: Buffer.alloc(0) };
  const part = (count: number, offset: number): Buffer =>
    message.subarray(
      told.readUInt16LE(offset),
      told.readUInt16LE(offset) + told.readUInt16LE(count),
    );
  return { status, parameters: part(6, 8), data: part(12, 14) };
}

interface NtTransaction {
  readonly setup?: Buffer;
  readonly maxParameterCount?: number;
}

/** NT_TRANSACT of one message each way. */
export async function ntTransact(
  client: Smb1Client,
  subcommand: number,
  parameters: Buffer = NOTHING,
  data: Buffer = NOTHING,
  { setup = NOTHING, maxParameterCount = 100 }: NtTransaction = {},
): Promise<Trans2Answer & { readonly wordsBytes: number }> {
  const words = Buffer.concat([Buffer.alloc(38), setup]);
  // Behind one byte, to an offset of 4.
  const at = SMB1_HEADER_SIZE + 1 + words.length + 2 + 3;
  const counts = [parameters.length, at, data.length, at + parameters.length];
  words.writeUInt32LE(parameters.length, 3);
  words.writeUInt32LE(data.length, 7);
  words.writeUInt32LE(maxParameterCount, 11);
  words.writeUInt32LE(0xf000, 15);
  for (const [i, value] of counts.entries()) words.writeUInt32LE(value, 19 + 4 * i);
  words[35] = setup.length / 2;
  words.writeUInt16LE(subcommand, 36);
  const bytes = Buffer.concat([Buffer.alloc(3), parameters, data]);
  const answer = await client.request({ command: Smb1Command.NT_TRANSACT, words, bytes });
  const { status, message, words: told } = answer;
  const wordsBytes = told.length;
  if (wordsBytes < 36) return { status, parameters: NOTHING, data: NOTHING, wordsBytes };
  const part = (count: number, offset: number): Buffer =>
    message.subarray(
      told.readUInt32LE(offset),
      told.readUInt32LE(offset) + told.readUInt32LE(count),
    );
  return { status, parameters: part(11, 15), data: part(23, 27), wordsBytes };
}

/** Parameters of TRANS2_QUERY_ and TRANS2_SET_PATH_INFORMATION. */
export function ofPath(level: number, path: string): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16LE(level);
  return Buffer.concat([head, utf16(path)]);
}
