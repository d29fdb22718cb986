/**
 * RFC 5044 7.1.3, RFC 6581 6 and 9, MS-SMBD 6.2: how a responder answers an MPA request. Markers are never
 * taken and never inserted: the request of a peer that wants them is rejected.
 */
import { WireError } from '../../wire/wire-error.ts';
import {
  DEPTH_NOT_NEGOTIATED,
  decodeEnhancedData,
  ENHANCED_DATA_BYTES,
  type EnhancedData,
  encodeEnhancedData,
  type MpaFrame,
} from './mpa.ts';

/** RDMA Reads under way at a time, either way; more than a client's requests need. */
export const MAX_READ_DEPTH = 16;
/** Where neither side speaks of the depth. */
const UNKNOWN_READ_DEPTH = 1;
const MAX_REVISION = 2;

/** What begins the connection, RFC 6581 9.1; `none` is the first message itself. */
export type ReadyToReceive = 'none' | 'write' | 'read' | 'send';

export interface MpaSettings {
  /** Checksums are checked and made. */
  readonly crc: boolean;
  /** ORD: RDMA Reads that this side may have under way. */
  readonly maxReads: number;
  readonly readyToReceive: ReadyToReceive;
}

export type MpaAnswer =
  | { readonly reply: MpaFrame; readonly settings: MpaSettings }
  /** The reply says no; `reason` is for the log. */
  | { readonly reply: MpaFrame; readonly settings: undefined; readonly reason: string };

export function answerMpaRequest(request: MpaFrame, requiresCrc: boolean): MpaAnswer {
  if (request.kind !== 'request') throw new WireError('MPA Request Frame', 'it is a reply');
  const isEnhanced = request.enhanced && request.revision === MAX_REVISION;
  const reject = (reason: string): MpaAnswer => ({
    reply: replyTo(request, isEnhanced, false, request.privateData.subarray(0, 0), true),
    settings: undefined,
    reason,
  });
  if (request.revision < 1 || request.revision > MAX_REVISION) {
    return reject(`MPA revision ${request.revision}`);
  }
  if (request.markers) return reject('it wants markers');
  const crc = request.crc || requiresCrc;
  const offer = isEnhanced ? enhanced(request.privateData) : plain(request.privateData);
  if (typeof offer === 'string') return reject(offer);
  return {
    reply: replyTo(request, isEnhanced, crc, offer.privateData, false),
    settings: { crc, maxReads: offer.maxReads, readyToReceive: offer.readyToReceive },
  };
}

const replyTo = (
  request: MpaFrame,
  isEnhanced: boolean,
  crc: boolean,
  privateData: Buffer,
  rejected: boolean,
): MpaFrame => ({
  kind: 'reply',
  markers: false,
  crc,
  rejected,
  enhanced: isEnhanced,
  revision: Math.min(Math.max(request.revision, 1), MAX_REVISION),
  // RFC 6581: an enhanced reply has its data also when it rejects.
  privateData:
    rejected && isEnhanced
      ? encodeEnhancedData({ ...noReady, ird: MAX_READ_DEPTH, ord: MAX_READ_DEPTH })
      : privateData,
});

const noReady = { peerToPeer: false, sendRtr: false, writeRtr: false, readRtr: false };

interface Offer {
  readonly privateData: Buffer;
  readonly maxReads: number;
  readonly readyToReceive: ReadyToReceive;
}

function enhanced(privateData: Buffer): Offer | string {
  const asked = decodeEnhancedData(privateData);
  const readyToReceive = chooseReady(asked);
  if (readyToReceive === undefined) return 'peer to peer without a way to begin';
  const maxReads =
    asked.ird === DEPTH_NOT_NEGOTIATED ? UNKNOWN_READ_DEPTH : Math.min(asked.ird, MAX_READ_DEPTH);
  if (maxReads === 0) return 'it takes no RDMA Read';
  const own: EnhancedData = {
    ird: MAX_READ_DEPTH,
    ord: maxReads,
    peerToPeer: readyToReceive !== 'none',
    sendRtr: readyToReceive === 'send',
    writeRtr: readyToReceive === 'write',
    readRtr: readyToReceive === 'read',
  };
  const header = depthHeader(privateData.subarray(ENHANCED_DATA_BYTES));
  return {
    privateData: Buffer.concat([encodeEnhancedData(own), header?.answer ?? Buffer.alloc(0)]),
    maxReads,
    readyToReceive,
  };
}

/** RFC 6581 9.1: one of those offered; a Write disturbs the least. */
function chooseReady(asked: EnhancedData): ReadyToReceive | undefined {
  if (!asked.peerToPeer) return 'none';
  if (asked.writeRtr) return 'write';
  if (asked.readRtr) return 'read';
  return asked.sendRtr ? 'send' : undefined;
}

function plain(privateData: Buffer): Offer | string {
  const header = depthHeader(privateData);
  if (header === undefined) {
    const none = privateData.subarray(0, 0);
    return { privateData: none, maxReads: UNKNOWN_READ_DEPTH, readyToReceive: 'none' };
  }
  if (header.ird === 0 || header.ord === 0) return 'a read depth of 0';
  return { privateData: header.answer, maxReads: header.ird, readyToReceive: 'none' };
}

const DEPTH_HEADER_BYTES = 8;

/**
 * MS-SMBD 6.1, IRD/ORD Negotiate Header. "In network byte order", but Linux's client writes its own order: what
 * would be absurd is read the other way round, and answered so.
 */
function depthHeader(privateData: Buffer) {
  if (privateData.length < DEPTH_HEADER_BYTES) return undefined;
  const isSwapped =
    privateData.readUInt32BE(0) > DEPTH_NOT_NEGOTIATED ||
    privateData.readUInt32BE(4) > DEPTH_NOT_NEGOTIATED;
  const word = (at: number): number =>
    isSwapped ? privateData.readUInt32LE(at) : privateData.readUInt32BE(at);
  const ird = Math.min(word(0), MAX_READ_DEPTH);
  const ord = Math.min(word(4), MAX_READ_DEPTH);
  const answer = Buffer.alloc(DEPTH_HEADER_BYTES);
  for (const [i, value] of [ird, ord].entries()) {
    if (isSwapped) answer.writeUInt32LE(value, i * 4);
    else answer.writeUInt32BE(value, i * 4);
  }
  return { ird, ord, answer };
}
