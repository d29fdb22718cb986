/**
 * Streams that strangers send to the port of SMB Direct, before they have negotiated anything: MPA, FPDUs and SMB
 * Direct's first messages as they should be, changed, cut, doubled, with wrong sequence numbers and checksums, and noise.
 * Each is sent in pieces of any size and left at its end. A client that behaves is served meanwhile.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeTaggedHeader, writeUntaggedHeader } from '../../../src/rdma/iwarp/ddp.ts';
import { encodeEnhancedData, encodeMpaFrame } from '../../../src/rdma/iwarp/mpa.ts';
import {
  encodeDataTransferHeader,
  encodeNegotiateRequest,
} from '../../../src/rdma/smb-direct/messages.ts';
import { fpduOf } from '../../support/fpdu.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

/** Edges of 16 and 32 bits. */
const EDGES = [0, 1, 2, 0x7fff, 0x8000, 0xffff, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1] as const;
const MPA_BYTES = 20;
/** How long a stream that is not closed by the server is left open, in the mean. */
const LINGER_MS = 3;
/** No connection of ours lasts for so long, on a busy machine either. */
const CLOSE_LIMIT_MS = 60_000;

function mpaRequest(random: Random): Buffer {
  const enhanced = random.chance(0.7);
  const depths = { ird: random.pick(EDGES) & 0x3fff, ord: random.pick(EDGES) & 0x3fff };
  const ready = {
    peerToPeer: random.chance(0.3),
    sendRtr: random.chance(0.3),
    writeRtr: random.chance(0.3),
    readRtr: random.chance(0.3),
  };
  return encodeMpaFrame({
    kind: random.chance(0.97) ? 'request' : 'reply',
    markers: random.chance(0.03),
    crc: random.chance(0.5),
    rejected: random.chance(0.03),
    enhanced,
    revision: random.chance(0.95) ? (enhanced ? 2 : 1) : random.below(256),
    privateData: Buffer.concat([
      enhanced ? encodeEnhancedData({ ...depths, ...ready }) : Buffer.alloc(0),
      random.bytes(random.chance(0.5) ? 8 : 0),
    ]),
  });
}

const edge = (random: Random, usual: number): number =>
  random.chance(0.9) ? usual : random.pick(EDGES);

function payloadOf(random: Random): Buffer {
  const kind = random.below(4);
  if (kind === 0) {
    return encodeNegotiateRequest({
      minVersion: edge(random, 0x100) & 0xffff,
      maxVersion: edge(random, 0x100) & 0xffff,
      creditsRequested: edge(random, 255) & 0xffff,
      preferredSendSize: edge(random, 1364),
      maxReceiveSize: edge(random, 1364),
      maxFragmentedSize: edge(random, 173_910),
    });
  }
  if (kind === 1) return random.bytes(random.below(100));
  const data = random.bytes(random.below(200));
  const fields = {
    creditsRequested: edge(random, 255) & 0xffff,
    creditsGranted: edge(random, 10) & 0xffff,
    flags: edge(random, 0) & 0xffff,
    remainingDataLength: edge(random, 0),
  };
  return Buffer.concat([encodeDataTransferHeader(fields, edge(random, data.length)), data]);
}

function fpdu(random: Random, msn: number, first: boolean): Buffer {
  const checks = random.chance(0.8);
  if (random.chance(0.15)) {
    const head = Buffer.alloc(16);
    const offset = BigInt(random.pick(EDGES)) << BigInt(random.below(33));
    const opcode = random.chance(0.8) ? random.pick([0, 2]) : random.below(16);
    writeTaggedHeader(head, 2, { opcode, last: random.chance(0.8), stag: edge(random, 0), offset });
    return fpduOf(head, random.bytes(random.below(64)), checks);
  }
  const head = Buffer.alloc(20);
  writeUntaggedHeader(head, 2, {
    opcode: random.chance(0.85) ? 3 : random.below(16),
    last: random.chance(0.9),
    invalidate: edge(random, 0),
    queue: random.chance(0.92) ? 0 : edge(random, 1),
    msn: edge(random, msn),
    offset: edge(random, 0),
  });
  const payload = first && random.chance(0.7) ? negotiate() : payloadOf(random);
  return fpduOf(head, payload, checks);
}

const negotiate = (): Buffer =>
  encodeNegotiateRequest({
    minVersion: 0x100,
    maxVersion: 0x100,
    creditsRequested: 255,
    preferredSendSize: 1364,
    maxReceiveSize: 1364,
    maxFragmentedSize: 173_910,
  });

/** What one stranger sends. */
export function makeStream(random: Random): Buffer {
  if (random.chance(0.05)) return random.bytes(random.below(300));
  const parts = [mpaRequest(random)];
  for (let msn = 1, left = random.below(6); left > 0; left--, msn++) {
    parts.push(fpdu(random, msn, msn === 1));
  }
  const whole = Buffer.concat(parts);
  if (random.chance(0.4)) return whole;
  // Mostly behind MPA, without which nothing of the rest is looked at.
  const from = random.chance(0.8) ? Math.min(MPA_BYTES, whole.length) : 0;
  return mutate(random, whole, from, random.bytes(64));
}

/** Sends one stream; resolves when the connection is over. False where the server would not let go of it. */
function sendStream(random: Random, port: number, bytes: Buffer): Promise<boolean> {
  const pieces = random.chance(0.7) ? 1 : 1 + random.below(4);
  const bytewise = random.chance(0.02);
  const lingers = random.chance(0.7);
  const resets = random.chance(0.9);
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let stuck: NodeJS.Timeout | undefined;
    socket.on('error', () => undefined);
    socket.resume();
    socket.on('close', () => {
      clearTimeout(stuck);
      resolve(true);
    });
    socket.on('connect', async () => {
      const step = bytewise ? 1 : Math.max(1, Math.ceil(bytes.length / pieces));
      for (let at = 0; at < bytes.length && !socket.destroyed; at += step) {
        socket.write(bytes.subarray(at, at + step));
        if (step < bytes.length) await new Promise((again) => setImmediate(again));
      }
      stuck = setTimeout(() => {
        resolve(false);
        socket.destroy();
      }, CLOSE_LIMIT_MS);
      if (lingers) await sleep(random.below(2 * LINGER_MS));
      // Mostly without TIME_WAIT, of which a system has only so many.
      if (resets) socket.resetAndDestroy();
      else socket.destroySoon();
    });
  });
}

export interface StreamsOptions {
  readonly random: Random;
  readonly port: number;
  readonly streams: number;
  readonly atOnce: number;
  /** Called now and then. */
  onProgress?(sent: number): void;
}

const PROGRESS_STREAMS = 1_000;

/** How many of them the server kept open beyond what is reasonable. */
export async function sendStreams(options: StreamsOptions): Promise<number> {
  const { random, port, streams, atOnce } = options;
  let sent = 0;
  let stuck = 0;
  const one = async (): Promise<void> => {
    while (sent < streams) {
      sent += 1;
      if (sent % PROGRESS_STREAMS === 0) options.onProgress?.(sent);
      if (!(await sendStream(random, port, makeStream(random)))) stuck += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return stuck;
}
