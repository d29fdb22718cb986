/** The measured operations, each as the requests that it is made of (MS-SMB2 2.2.13 to 2.2.38). */
import { STATUS_NO_MORE_FILES, STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { decodeDirectory } from '../../src/fscc/directory-information.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { encodeCloseRequest } from '../../src/smb2/close.ts';
import { FILE_ID_SIZE, fileIdOffset, setFileId } from '../../src/smb2/file-id.ts';
import { Command, HEADER_SIZE } from '../../src/smb2/header.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import {
  decodeQueryDirectoryResponse,
  encodeQueryDirectoryRequest,
} from '../../src/smb2/query-directory.ts';
import { decodeQueryInfoResponse, encodeQueryInfoRequest } from '../../src/smb2/query-info.ts';
import { decodeReadResponse, encodeReadRequest } from '../../src/smb2/read.ts';
import { encodeWriteRequestHeader } from '../../src/smb2/write.ts';
import { writeId64 } from '../../src/wire/struct.ts';
import { BLOCK_BYTES, blockContent, FILE_BYTES, LISTED, listedLeaf } from './fixture.ts';
import { LoadError } from './load-error.ts';
import { expectSuccess, type Script, type Slot } from './pipeline.ts';
import { messageOf, type Reply } from './reply-stream.ts';
import { type Payload, type Request, requestOf } from './request.ts';
import type { Session } from './session.ts';

/** Filled in later, from a CREATE response. */
const NO_FILE = { persistentId: 0, volatileId: 0 };

/** Offsets in a request: READ and WRITE have their Offset at 8 of the body. */
const OFFSET_AT = HEADER_SIZE + 8;
/** Offset in a reply: DataLength, Count and OutputBufferLength all stand at 4 of the body. */
const LENGTH_AT = HEADER_SIZE + 4;
/** Offset in a reply: the FileId of a CREATE. */
const CREATED_ID_AT = HEADER_SIZE + 64;

export const bodyBytes = { read: 16, write: 16, output: 8, create: 88, close: 60 } as const;

const forEach = <T>(depth: number, make: () => T): T[] => Array.from({ length: depth }, make);

export function withFileId(body: Buffer, command: Command, fileId: Uint8Array): Buffer {
  setFileId(body, command, fileId);
  return body;
}

export function setOffset({ bytes }: Request, offset: number): void {
  writeId64(bytes, offset, OFFSET_AT);
}

/** Copies the FileId of a CREATE's reply into a request. */
export function takeFileId(reply: Reply, { bytes, command }: Request): void {
  const to = HEADER_SIZE + fileIdOffset(command)!;
  reply.bytes.copy(bytes, to, reply.at + CREATED_ID_AT, reply.at + CREATED_ID_AT + FILE_ID_SIZE);
}

/** Which block of a file the next READ is for. */
export type Places = (blocks: number) => () => number;

export const inTurn: Places = (blocks) => {
  let next = 0;
  return () => next++ % blocks;
};

/** xorshift32: the same places in every run. */
export const atRandom: Places = (blocks) => {
  let state = 0x2545f491;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % blocks;
  };
};

export class ReadScript implements Script {
  readonly #requests: Request[];
  readonly #offsets: Float64Array;
  readonly #length: number;
  readonly #place: () => number;

  constructor(
    session: Session,
    options: {
      readonly fileId: Buffer;
      readonly depth: number;
      readonly length: number;
      readonly places: Places;
    },
  ) {
    const { fileId, depth, length, places } = options;
    this.#length = length;
    this.#place = places(FILE_BYTES / length);
    this.#offsets = new Float64Array(depth);
    this.#requests = forEach(depth, () => {
      const body = encodeReadRequest({
        ...NO_FILE,
        padding: HEADER_SIZE + bodyBytes.read,
        flags: 0,
        length,
        offset: 0,
        minimumCount: 0,
        channel: 0,
        remainingBytes: 0,
        readChannelInfo: Buffer.alloc(0),
      });
      return requestOf(session, Command.READ, withFileId(body, Command.READ, fileId), {
        replyBytes: length,
      });
    });
  }

  begin({ index }: Slot): Request {
    const request = this.#requests[index]!;
    const offset = this.#place() * this.#length;
    this.#offsets[index] = offset;
    setOffset(request, offset);
    return request;
  }

  next(slot: Slot, reply: Reply, status: number): undefined {
    expectSuccess(slot, reply, status, bodyBytes.read);
    const length = reply.view.getUint32(reply.at + LENGTH_AT, true);
    if (length !== this.#length) throw new LoadError(`READ: ${length} of ${this.#length} bytes`);
  }

  verify({ index }: Slot, reply: Reply): void {
    const offset = this.#offsets[index]!;
    const from = offset % BLOCK_BYTES;
    const content = blockContent(Math.floor(offset / BLOCK_BYTES));
    const expected = content.subarray(from, from + this.#length);
    const { data } = decodeReadResponse(messageOf(reply));
    if (!data.equals(expected)) throw new LoadError(`READ: wrong data at ${offset}`);
  }
}

export class WriteScript implements Script {
  readonly #requests: Request[];
  readonly #payloads: readonly Payload[];
  #turn = 0;

  constructor(
    session: Session,
    options: {
      readonly fileId: Buffer;
      readonly depth: number;
      readonly payloads: readonly Payload[];
    },
  ) {
    const { fileId, depth, payloads } = options;
    this.#payloads = payloads;
    this.#requests = forEach(depth, () => {
      const body = encodeWriteRequestHeader(
        { ...NO_FILE, offset: 0, channel: 0, remainingBytes: 0, flags: 0 },
        BLOCK_BYTES,
      );
      return requestOf(session, Command.WRITE, withFileId(body, Command.WRITE, fileId), {
        payload: payloads[0]!,
      });
    });
  }

  begin({ index }: Slot): Request {
    const request = this.#requests[index]!;
    const block = this.#turn++ % this.#payloads.length;
    request.payload = this.#payloads[block]!;
    setOffset(request, block * BLOCK_BYTES);
    return request;
  }

  next(slot: Slot, reply: Reply, status: number): undefined {
    expectSuccess(slot, reply, status, bodyBytes.write);
    const count = reply.view.getUint32(reply.at + LENGTH_AT, true);
    if (count !== BLOCK_BYTES) throw new LoadError(`WRITE: ${count} of ${BLOCK_BYTES} bytes`);
  }
}

/** What every server answers FileAllInformation within, names included. */
export const INFO_BYTES = 4096;
/** MS-FSCC 2.4.2: EndOfFile of the FileStandardInformation in a FileAllInformation. */
const END_OF_FILE_AT = 48;

export class QueryInfoScript implements Script {
  readonly #request: Request;

  constructor(session: Session, fileId: Buffer) {
    const body = encodeQueryInfoRequest({
      ...NO_FILE,
      infoType: SMB2_0_INFO_FILE,
      fileInfoClass: FileInformationClass.FileAllInformation,
      outputBufferLength: INFO_BYTES,
      additionalInformation: 0,
      flags: 0,
      inputBuffer: Buffer.alloc(0),
    });
    const { QUERY_INFO } = Command;
    this.#request = requestOf(session, QUERY_INFO, withFileId(body, QUERY_INFO, fileId), {
      replyBytes: INFO_BYTES,
    });
  }

  begin(): Request {
    return this.#request;
  }

  next(slot: Slot, reply: Reply, status: number): undefined {
    expectSuccess(slot, reply, status, bodyBytes.output);
  }

  verify(_slot: Slot, reply: Reply): void {
    const { outputBuffer } = decodeQueryInfoResponse(messageOf(reply));
    const size = Number(outputBuffer.readBigUInt64LE(END_OF_FILE_AT));
    if (size !== FILE_BYTES) throw new LoadError(`QUERY_INFO: a file of ${size} bytes`);
  }
}

export const closeRequest = (session: Session): Request =>
  requestOf(session, Command.CLOSE, encodeCloseRequest({ ...NO_FILE, flags: 0 }));

export class CreateCloseScript implements Script {
  readonly #create: (turn: number) => Request;
  readonly #closes: Request[];
  #turn = 0;

  /** `create`: the CREATE of the operation with this number. */
  constructor(session: Session, depth: number, create: (turn: number) => Request) {
    this.#create = create;
    this.#closes = forEach(depth, () => closeRequest(session));
  }

  begin(): Request {
    return this.#create(this.#turn++);
  }

  next(slot: Slot, reply: Reply, status: number): Request | undefined {
    if (slot.request!.command === Command.CLOSE) {
      expectSuccess(slot, reply, status, bodyBytes.close);
      return undefined;
    }
    expectSuccess(slot, reply, status, bodyBytes.create);
    const close = this.#closes[slot.index]!;
    takeFileId(reply, close);
    return close;
  }
}

/** OutputBufferLength of QUERY_DIRECTORY: what one credit allows. */
export const LISTING_BYTES = 65_536;
const LISTING_CLASS = FileInformationClass.FileIdBothDirectoryInformation;
/** MS-FSCC 2.4.17: fixed part of an entry, and its name. */
const ENTRY_BYTES = 104 + 2 * listedLeaf(0).length;

/** CREATE of the folder, QUERY_DIRECTORY until there is no more, CLOSE; one at a time. */
export class ListScript implements Script {
  readonly #create: Request;
  readonly #query: Request;
  readonly #close: Request;
  #bytes = 0;
  #names = new Set<string>();
  #verified = false;

  constructor(session: Session, create: Request) {
    this.#create = create;
    const body = encodeQueryDirectoryRequest({
      ...NO_FILE,
      fileInformationClass: LISTING_CLASS,
      flags: 0,
      fileIndex: 0,
      fileName: '*',
      outputBufferLength: LISTING_BYTES,
    });
    this.#query = requestOf(session, Command.QUERY_DIRECTORY, body, { replyBytes: LISTING_BYTES });
    this.#close = closeRequest(session);
  }

  begin(): Request {
    this.#bytes = 0;
    return this.#create;
  }

  next(slot: Slot, reply: Reply, status: number): Request | undefined {
    switch (slot.request!.command) {
      case Command.CREATE:
        expectSuccess(slot, reply, status, bodyBytes.create);
        takeFileId(reply, this.#query);
        takeFileId(reply, this.#close);
        return this.#query;
      case Command.QUERY_DIRECTORY:
        if (status === STATUS_NO_MORE_FILES) return this.#close;
        expectSuccess(slot, reply, status, bodyBytes.output);
        this.#bytes += reply.view.getUint32(reply.at + LENGTH_AT, true);
        return this.#query;
      default:
        expectSuccess(slot, reply, status, bodyBytes.close);
        this.#checkWhole();
        return undefined;
    }
  }

  /** Every name is as long, so that the bytes tell how many there were. */
  #checkWhole(): void {
    if (this.#bytes < LISTED * ENTRY_BYTES) {
      throw new LoadError(`QUERY_DIRECTORY: ${this.#bytes} bytes for ${LISTED} entries`);
    }
    if (this.#verified && this.#names.size !== LISTED + 2) {
      throw new LoadError(`QUERY_DIRECTORY: ${this.#names.size} names, not ${LISTED + 2}`);
    }
    this.#names.clear();
  }

  verify(slot: Slot, reply: Reply, status: number): void {
    this.#verified = true;
    if (slot.request!.command !== Command.QUERY_DIRECTORY || status !== STATUS_SUCCESS) return;
    const { outputBuffer } = decodeQueryDirectoryResponse(messageOf(reply));
    for (const { name } of decodeDirectory(LISTING_CLASS, outputBuffer)) this.#names.add(name);
  }
}
