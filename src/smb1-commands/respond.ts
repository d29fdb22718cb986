/** MS-CIFS 3.3.4.1: answers on their way out: header, blocks, signature. */

import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';
import { SMALL_PAYLOAD_BYTES } from '../commands/command.ts';
import { type NtStatus, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { BLOCK_COUNTS_BYTES, NO_ANDX, putBlock, setAndX } from '../smb1/block.ts';
import { dosError, encodeDosError, isDosCoded } from '../smb1/dos-errors.ts';
import {
  SMB_FLAGS_CASE_INSENSITIVE,
  SMB_FLAGS_REPLY,
  SMB_FLAGS2_NT_STATUS,
  SMB_FLAGS2_SECURITY_SIGNATURE,
  SMB1_HEADER_SIZE,
  Smb1Header,
} from '../smb1/header.ts';
import { align4 } from '../wire/tail.ts';
import type { Smb1Reply } from './call.ts';
import type { Link } from './link.ts';

/** What the header of an answer takes from the request. */
export interface Answered {
  readonly header: Smb1Header;
  /** Those of the answer. */
  readonly uid: number;
  readonly tid: number;
  /** Of the request, where the connection signs. */
  readonly sequence: number | undefined;
}

/** 3.3.4.1.1: Flags2 are the request's, but what says how the status is written. */
function putHeader(
  into: Buffer,
  at: number,
  { header, uid, tid }: Answered,
  status: NtStatus,
  command: number,
): void {
  const asNtStatus = (header.flags2 & SMB_FLAGS2_NT_STATUS) !== 0 && !isDosCoded(status);
  const { flags2 } = header;
  const fields = {
    command: header.command,
    status: asNtStatus ? status : encodeDosError(dosError(status, command)),
    flags: SMB_FLAGS_REPLY | SMB_FLAGS_CASE_INSENSITIVE | (header.flags & 0x60),
    flags2: asNtStatus || status === STATUS_SUCCESS ? flags2 : flags2 & ~SMB_FLAGS2_NT_STATUS,
    pidHigh: header.pidHigh,
    tid,
    pidLow: header.pidLow,
    uid,
    mid: header.mid,
  };
  Smb1Header.write(into, fields, at);
}

export function encodeAnswerHeader(
  answered: Answered,
  status: NtStatus,
  command = answered.header.command,
): Buffer {
  const header = Buffer.allocUnsafe(SMB1_HEADER_SIZE);
  putHeader(header, 0, answered, status, command);
  return header;
}

/** One block of an answer. */
export interface AnswerBlock {
  readonly command: number;
  readonly reply: Smb1Reply;
  readonly andX: boolean;
}

/** MS-CIFS 2.2.3.4: the blocks of a chain, each aligned to 4, naming the next. */
export function encodeBlocks(blocks: readonly AnswerBlock[]): Buffer[] {
  const parts: Buffer[] = [];
  let at = SMB1_HEADER_SIZE;
  for (const [i, { reply, andX }] of blocks.entries()) {
    const { words, bytes = NOTHING, payload, shownWords } = reply;
    const next = blocks[i + 1];
    const end = at + 3 + words.length + bytes.length + (payload?.length ?? 0);
    const padding = next === undefined ? 0 : align4(end) - end;
    if (andX && words.length >= 4) {
      setAndX(
        words,
        next === undefined
          ? { command: NO_ANDX, offset: 0 }
          : { command: next.command, offset: end + padding },
      );
    }
    const block = Buffer.allocUnsafe(BLOCK_COUNTS_BYTES + words.length + bytes.length);
    putBlock(block, 0, words, shownWords ?? words.length / 2, bytes, payload?.length ?? 0);
    parts.push(block);
    if (payload !== undefined) parts.push(payload);
    if (padding > 0) parts.push(Buffer.alloc(padding));
    at = end + padding;
  }
  return parts;
}

const NOTHING = Buffer.alloc(0);

/** Where the next block's data will begin in an answer that has these already. */
export function answerOffset(blocks: readonly AnswerBlock[], wordsBytes: number): number {
  let at = SMB1_HEADER_SIZE;
  for (const { reply } of blocks) {
    const { words, bytes = NOTHING, payload } = reply;
    at = align4(at + 3 + words.length + bytes.length + (payload?.length ?? 0));
  }
  return at + 1 + wordsBytes + 2;
}

export function sendAnswer(link: Link, answered: Answered, parts: Buffer[]): void {
  if (link.connection.state === 'closed') return;
  const { signing } = link;
  if (signing !== undefined && answered.sequence !== undefined) {
    const header = parts[0]!;
    markSigned(header);
    signing.sign(parts, answered.sequence + 1);
  }
  link.connection.transport.send(parts);
}

const markSigned = (header: Buffer): void => {
  header.writeUInt16LE(header.readUInt16LE(FLAGS2_AT) | SMB_FLAGS2_SECURITY_SIGNATURE, FLAGS2_AT);
};

/** Of larger ones the payload is sent from where it lies. */
const MAX_PLACED_BYTES = SMALL_PAYLOAD_BYTES + 1024;

const as = (command: number, { header, uid, tid, sequence }: Answered): Answered => ({
  ...{ uid, tid, sequence },
  header: { ...header, command },
});

/** The usual case, an answer of one block: written where it is sent from, if it is small and ready at once. */
export function sendAlone(
  link: Link,
  answered: Answered,
  status: NtStatus,
  { command, reply, andX }: AnswerBlock,
): void {
  const { connection, signing } = link;
  if (connection.state === 'closed') return;
  const { transport } = connection;
  const { words, bytes = NOTHING, payload, shownWords = words.length / 2 } = reply;
  const told = reply.answersAs === undefined ? answered : as(reply.answersAs, answered);
  if (andX && words.length >= 4) setAndX(words, LAST_ANDX);
  const payloadBytes = payload?.length ?? 0;
  const head = SMB1_HEADER_SIZE + BLOCK_COUNTS_BYTES + words.length + bytes.length;
  const isWhole = payloadBytes <= SMALL_PAYLOAD_BYTES;
  const length = isWhole ? head + payloadBytes : head;
  const mayPlace = isWhole && length <= MAX_PLACED_BYTES;
  const placed = mayPlace && transport.place !== undefined ? transport.place(length) : -1;
  const into = placed < 0 ? Buffer.allocUnsafe(length) : transport.outbox!;
  const at = Math.max(0, placed);
  putHeader(into, at, told, status, command);
  putBlock(into, at + SMB1_HEADER_SIZE, words, shownWords, bytes, payloadBytes);
  if (payload !== undefined && isWhole) {
    into.set(payload, at + head);
    if (payload.buffer.byteLength >= MIN_POOLED_BYTES) bufferPool.give(payload);
  }
  const signs = signing !== undefined && answered.sequence !== undefined;
  if (placed >= 0 && !signs) return;
  const message = placed < 0 ? into : into.subarray(at, at + length);
  const parts = isWhole ? [message] : [message, payload!];
  if (signs) {
    markSigned(message);
    signing.sign(parts, answered.sequence + 1);
  }
  if (placed < 0) transport.send(parts);
}

const LAST_ANDX = { command: NO_ANDX, offset: 0 };

const FLAGS2_AT = 10;
