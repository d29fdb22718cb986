/**
 * Clients of SMB Direct that behave, however TCP delivers what they say: each connects, begins iWARP in one of the ways
 * that there are, negotiates, mostly asks for SMB2's NEGOTIATE, and goes, in one of the ways in which clients go. Ports are
 * taken again as soon as they are free. Every one of them has to be served.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeControl,
  decodeUntagged,
  encodeReadRequest,
  Opcode,
  Queue,
  writeTaggedHeader,
  writeUntaggedHeader,
} from '../../../src/rdma/iwarp/ddp.ts';
import { FpduReader } from '../../../src/rdma/iwarp/fpdu.ts';
import {
  decodeEnhancedData,
  decodeMpaFrame,
  encodeEnhancedData,
  encodeMpaFrame,
  MPA_HEADER_BYTES,
  mpaFrameBytes,
} from '../../../src/rdma/iwarp/mpa.ts';
import {
  decodeDataTransfer,
  decodeNegotiateResponse,
  encodeDataTransferHeader,
  encodeNegotiateRequest,
} from '../../../src/rdma/smb-direct/messages.ts';
import { Dialect } from '../../../src/smb2/dialect.ts';
import { Command, encodeHeader, readHeader } from '../../../src/smb2/header.ts';
import * as smb2 from '../../../src/smb2/negotiate.ts';
import { fpduOf } from '../../support/fpdu.ts';
import type { Random } from './random.ts';

const HOST = '127.0.0.1';
/** No connection lasts for so long, on a busy machine either. */
const LIMIT_MS = 60_000;
const PAUSE_MS = 4;
/** What an initiator can say of how it begins: RFC 6581 9.1, or the revision before. */
const WAYS = ['revision 1', 'plain', 'write', 'read', 'send', 'any'] as const;
/** FIN and wait; FIN with a request under way; RST; RST with a request under way. */
const ENDINGS = ['fin', 'fin at once', 'reset', 'reset at once'] as const;

interface Manner {
  readonly way: (typeof WAYS)[number];
  readonly ending: (typeof ENDINGS)[number];
  readonly crc: boolean;
  /** The first message lies in one piece with what says "ready". */
  readonly glued: boolean;
  /** Bytes of a piece; all of it where there are as many. */
  readonly step: number;
  readonly asks: boolean;
  readonly localPort: number | undefined;
}

export interface Connects {
  /** Came about, and were served to the end. */
  served: number;
  /** Why others were not, with the manner of each. */
  readonly failures: string[];
  slowestMs: number;
  /** The system here had no such port to give. */
  portsTaken: number;
}

export interface ConnectsOptions {
  readonly random: Random;
  readonly port: number;
  readonly connects: number;
  readonly atOnce: number;
  /** The first of two ports for each that are taken again and again. */
  readonly firstLocalPort: number;
  onProgress?(begun: number): void;
}

const PROGRESS_CONNECTS = 1_000;

export async function connectMany(options: ConnectsOptions): Promise<Connects> {
  const { random, port, connects, atOnce, firstLocalPort } = options;
  const found: Connects = { served: 0, failures: [], slowestMs: 0, portsTaken: 0 };
  let begun = 0;
  const one = async (_: unknown, worker: number): Promise<void> => {
    while (begun < connects) {
      begun += 1;
      if (begun % PROGRESS_CONNECTS === 0) options.onProgress?.(begun);
      const manner = mannerOf(random, firstLocalPort + 2 * worker);
      const beganMs = performance.now();
      const problem = await serveOne(random, port, manner, found);
      found.slowestMs = Math.max(found.slowestMs, performance.now() - beganMs);
      if (problem === undefined) found.served += 1;
      else
        found.failures.push(
          `${problem}: ${JSON.stringify({ ...manner, step: String(manner.step) })}`,
        );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return found;
}

const mannerOf = (random: Random, ownPort: number): Manner => ({
  way: random.pick(WAYS),
  ending: random.pick(ENDINGS),
  crc: random.chance(0.5),
  glued: random.chance(0.5),
  step: stepOf(random),
  asks: random.chance(0.7),
  localPort: random.chance(0.5) ? ownPort + random.below(2) : undefined,
});

/** All at once, in a few pieces, now and then in bytes: those that last longer than five seconds are refused by right. */
function stepOf(random: Random): number {
  if (random.chance(0.5)) return Number.POSITIVE_INFINITY;
  return random.chance(0.1) ? 1 : 8 + random.below(40);
}

/** What was wrong, if anything was. */
async function serveOne(
  random: Random,
  port: number,
  manner: Manner,
  found: Connects,
): Promise<string | undefined> {
  let socket: Socket;
  try {
    socket = await dial(port, manner.localPort);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (manner.localPort === undefined) return `no connection: ${code}`;
    if (code !== 'EADDRNOTAVAIL' && code !== 'EADDRINUSE') return `no connection: ${code}`;
    found.portsTaken += 1;
    return serveOne(random, port, { ...manner, localPort: undefined }, found);
  }
  const answers = new Answers(socket);
  const timer = setTimeout(() => socket.destroy(), LIMIT_MS);
  try {
    await talk(random, socket, answers, manner);
    await end(socket, answers, manner);
    return undefined;
  } catch (error) {
    return String(error);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function dial(port: number, localPort: number | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: HOST, noDelay: true, allowHalfOpen: true, localAddress: HOST, localPort },
      () => {
        socket.removeListener('error', reject);
        resolve(socket);
      },
    );
    socket.once('error', reject);
  });
}

/** What has come, in frames. */
class Answers {
  #bytes = Buffer.alloc(0);
  #over: string | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    const over = (how: string) => (): void => {
      this.#over ??= how;
      this.#wake?.();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake?.();
    });
    socket.on('error', (error) => over(error.message)());
    socket.on('end', over('the server closed'));
    socket.on('close', over('closed'));
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** The next frame; `sizeOf` is asked as soon as so many bytes are there. */
  async take(what: string, head: number, sizeOf: (bytes: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const size = this.#bytes.length < head ? undefined : sizeOf(this.#bytes);
      if (size !== undefined && this.#bytes.length >= size) {
        const frame = this.#bytes.subarray(0, size);
        this.#bytes = this.#bytes.subarray(size);
        return frame;
      }
      if (this.#over !== undefined) throw new Error(`${this.#over} in place of ${what}`);
      await this.#more();
    }
  }

  async untilOver(): Promise<void> {
    while (!this.isOver) await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

async function send(random: Random, socket: Socket, bytes: Buffer, step: number): Promise<void> {
  if (step >= bytes.length) {
    socket.write(bytes);
    return;
  }
  for (let at = 0; at < bytes.length; at += step) {
    socket.write(bytes.subarray(at, at + step));
    if (step > 1 && random.chance(0.1)) await sleep(random.below(PAUSE_MS));
    else await new Promise((again) => setImmediate(again));
  }
}

async function talk(
  random: Random,
  socket: Socket,
  answers: Answers,
  manner: Manner,
): Promise<void> {
  const { step, crc, way, glued, asks } = manner;
  await send(random, socket, mpaRequest(manner), step);
  const reply = decodeMpaFrame(await answers.take('an MPA reply', MPA_HEADER_BYTES, mpaFrameBytes));
  if (reply.kind !== 'reply' || reply.rejected) throw new Error('MPA rejected');
  if (reply.crc !== crc) throw new Error(`checksums: ${reply.crc}`);
  const ready = way === 'revision 1' ? undefined : readyFpdu(reply.privateData, crc);
  let msn = ready?.msn ?? 1;
  const negotiate = sendFpdu(msn++, encodeNegotiateRequest(PROPOSED), crc);
  if (ready === undefined) await send(random, socket, negotiate, step);
  else if (glued) await send(random, socket, Buffer.concat([ready.fpdu, negotiate]), step);
  else {
    await send(random, socket, ready.fpdu, step);
    await sleep(random.below(PAUSE_MS));
    await send(random, socket, negotiate, step);
  }
  const settled = decodeNegotiateResponse(await nextSend(answers, crc));
  if (settled.status !== 0) throw new Error(`negotiated with ${settled.status.toString(16)}`);
  if (!asks) return;
  await send(random, socket, sendFpdu(msn, smb2Negotiate(), crc), step);
  if (manner.ending.endsWith('at once')) return;
  for (;;) {
    const { data } = decodeDataTransfer(await nextSend(answers, crc));
    if (data.length === 0) continue;
    const { command, status } = readHeader(data);
    if (command !== Command.NEGOTIATE || status !== 0) throw new Error(`answered with ${status}`);
    return;
  }
}

async function end(socket: Socket, answers: Answers, { ending }: Manner): Promise<void> {
  if (ending.startsWith('reset')) {
    socket.resetAndDestroy();
    return;
  }
  socket.end();
  await answers.untilOver();
}

function mpaRequest({ way, crc }: Manner): Buffer {
  const enhanced = way !== 'revision 1';
  // As Linux's client has it: 32 and 1, in its own order.
  const depths = Buffer.from('2000000001000000', 'hex');
  const ready = {
    peerToPeer: way !== 'plain',
    sendRtr: way === 'send' || way === 'any',
    writeRtr: way === 'write' || way === 'any',
    readRtr: way === 'read' || way === 'any',
  };
  const data = enhanced ? [encodeEnhancedData({ ird: 32, ord: 1, ...ready }), depths] : [depths];
  return encodeMpaFrame({
    ...{ kind: 'request', markers: false, crc, rejected: false, enhanced },
    revision: enhanced ? 2 : 1,
    privateData: Buffer.concat(data),
  });
}

/** RFC 6581 9.1: what the server has chosen to begin with, and the MSN behind it. */
function readyFpdu(privateData: Buffer, crc: boolean): { fpdu: Buffer; msn: number } | undefined {
  const chosen = decodeEnhancedData(privateData);
  if (!chosen.peerToPeer) return undefined;
  if (chosen.sendRtr) return { fpdu: sendFpdu(1, Buffer.alloc(0), crc), msn: 2 };
  const head = Buffer.alloc(chosen.writeRtr ? 16 : 20);
  if (chosen.writeRtr) {
    writeTaggedHeader(head, 2, { opcode: Opcode.WRITE, last: true, stag: 0, offset: 0n });
    return { fpdu: fpduOf(head, Buffer.alloc(0), crc), msn: 1 };
  }
  const request = { sinkStag: 1, sinkOffset: 0n, size: 0, sourceStag: 1, sourceOffset: 0n };
  writeUntaggedHeader(head, 2, untagged(Opcode.READ_REQUEST, Queue.READ_REQUEST, 1));
  return { fpdu: fpduOf(head, encodeReadRequest(request), crc), msn: 1 };
}

const untagged = (opcode: number, queue: number, msn: number) => ({
  ...{ opcode, queue, msn, last: true, invalidate: 0, offset: 0 },
});

function sendFpdu(msn: number, payload: Buffer, crc: boolean): Buffer {
  const head = Buffer.alloc(20);
  writeUntaggedHeader(head, 2, untagged(Opcode.SEND, Queue.SEND, msn));
  return fpduOf(head, payload, crc);
}

const fpduBytes = (bytes: Buffer): number => {
  const length = bytes.readUInt16BE(0);
  return length + 2 + (-(length + 2) & 3) + 4;
};

/** The next message of the server's; the answer to an empty Read is none. */
async function nextSend(answers: Answers, crc: boolean): Promise<Buffer> {
  for (;;) {
    const fpdu = await answers.take('an answer', 2, fpduBytes);
    let payload: Buffer | undefined;
    const segment = (ulpdu: Buffer): boolean => {
      if (decodeControl(ulpdu).tagged) return true;
      const { opcode, last, payload: bytes } = decodeUntagged(ulpdu);
      if (opcode !== Opcode.SEND || !last) throw new Error(`opcode ${opcode} came`);
      payload = bytes;
      return true;
    };
    const corrupt = (): never => {
      throw new Error('a wrong checksum');
    };
    new FpduReader({ segment, corrupt }, crc).push(fpdu);
    if (payload !== undefined) return payload;
  }
}

const PROPOSED = {
  minVersion: 0x100,
  maxVersion: 0x100,
  creditsRequested: 255,
  preferredSendSize: 1364,
  maxReceiveSize: 1364,
  maxFragmentedSize: 173_910,
};

function smb2Negotiate(): Buffer {
  const message = Buffer.concat([
    encodeHeader({ command: Command.NEGOTIATE, creditRequest: 1 }),
    smb2.encodeNegotiateRequest({
      securityMode: 1,
      capabilities: 0,
      clientGuid: Buffer.alloc(16, 7),
      dialects: [Dialect.SMB3_00],
      negotiateContexts: [],
    }),
  ]);
  const fields = { creditsRequested: 255, creditsGranted: 255, flags: 0, remainingDataLength: 0 };
  return Buffer.concat([encodeDataTransferHeader(fields, message.length), message]);
}
