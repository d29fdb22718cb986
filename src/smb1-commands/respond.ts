/** MS-CIFS 3.3.4.1: answers on their way out: header, blocks, signature. */
import { type NtStatus, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { NO_ANDX, setAndX, writeBlock } from '../smb1/block.ts';
import { dosError, encodeDosError, isDosCoded } from '../smb1/dos-errors.ts';
import {
  NO_SIGNATURE,
  SMB_FLAGS_CASE_INSENSITIVE,
  SMB_FLAGS_REPLY,
  SMB_FLAGS2_EXTENDED_SECURITY,
  SMB_FLAGS2_IS_LONG_NAME,
  SMB_FLAGS2_LONG_NAMES,
  SMB_FLAGS2_NT_STATUS,
  SMB_FLAGS2_SECURITY_SIGNATURE,
  SMB_FLAGS2_UNICODE,
  SMB1_HEADER_SIZE,
  Smb1Header,
} from '../smb1/header.ts';
import { align4 } from '../wire/tail.ts';
import type { Smb1Reply } from './call.ts';
import type { Link } from './link.ts';

/** What the header of an answer takes from the request. */
export interface Answered {
  readonly header: Smb1Header;
  /** Of the request, where the connection signs. */
  readonly sequence: number | undefined;
}

const KEPT_FLAGS2 =
  SMB_FLAGS2_UNICODE |
  SMB_FLAGS2_EXTENDED_SECURITY |
  SMB_FLAGS2_IS_LONG_NAME |
  SMB_FLAGS2_NT_STATUS;

export function encodeAnswerHeader(
  { header }: Answered,
  status: NtStatus,
  ids: { readonly uid: number; readonly tid: number },
  command = header.command,
): Buffer {
  const asNtStatus = (header.flags2 & SMB_FLAGS2_NT_STATUS) !== 0 && !isDosCoded(status);
  const flags2 = (header.flags2 & KEPT_FLAGS2) | SMB_FLAGS2_LONG_NAMES;
  return Smb1Header.encode({
    ...header,
    status: asNtStatus ? status : encodeDosError(dosError(status, command)),
    flags: SMB_FLAGS_REPLY | SMB_FLAGS_CASE_INSENSITIVE | (header.flags & 0x60),
    flags2: asNtStatus || status === STATUS_SUCCESS ? flags2 : flags2 & ~SMB_FLAGS2_NT_STATUS,
    signature: NO_SIGNATURE,
    ...ids,
  });
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
    const block = writeBlock(words, bytes, shownWords);
    if (payload !== undefined) {
      block.writeUInt16LE((bytes.length + payload.length) & 0xffff, 1 + words.length);
    }
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
    header.writeUInt16LE(header.readUInt16LE(FLAGS2_AT) | SMB_FLAGS2_SECURITY_SIGNATURE, FLAGS2_AT);
    signing.sign(parts, answered.sequence + 1);
  }
  link.connection.transport.send(parts);
}

const FLAGS2_AT = 10;
