/** Operations that are made of others: of files that come and go, and of whatever a client does. */
import { Command } from '../../src/smb2/header.ts';
import { encodeWriteRequestHeader } from '../../src/smb2/write.ts';
import { BLOCK_BYTES, blockContent, CHURN_FOLDER, FILE_BYTES } from './fixture.ts';
import { createBody } from './opens.ts';
import { expectSuccess, type Script, type Slot } from './pipeline.ts';
import type { Reply } from './reply-stream.ts';
import { type Payload, payloadOf, type Request, requestOf } from './request.ts';
import {
  atRandom,
  bodyBytes,
  closeRequest,
  QueryInfoScript,
  ReadScript,
  setOffset,
  takeFileId,
  withFileId,
} from './scripts.ts';
import type { Session } from './session.ts';

export const PIECE_BYTES = 4096;

const NO_FILE = { persistentId: 0, volatileId: 0 };

const writeRequest = (session: Session, payload: Payload): Request =>
  requestOf(
    session,
    Command.WRITE,
    encodeWriteRequestHeader(
      { ...NO_FILE, offset: 0, channel: 0, remainingBytes: 0, flags: 0 },
      payload.bytes.length,
    ),
    { payload },
  );

/** CREATE of a name that is new, with FILE_DELETE_ON_CLOSE; WRITE of 4 KiB; CLOSE. One at a time. */
export class ChurnScript implements Script {
  readonly #session: Session;
  readonly #write: Request;
  readonly #close: Request;
  #turn = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#write = writeRequest(session, payloadOf(blockContent(0).subarray(0, PIECE_BYTES)));
    this.#close = closeRequest(session);
  }

  begin(): Request {
    const name = `${CHURN_FOLDER}\\new-${String(this.#turn++).padStart(7, '0')}.txt`;
    const body = createBody(name, { write: true, make: true, deletes: true });
    return requestOf(this.#session, Command.CREATE, body);
  }

  next(slot: Slot, reply: Reply, status: number): Request | undefined {
    switch (slot.request!.command) {
      case Command.CREATE:
        expectSuccess(slot, reply, status, bodyBytes.create);
        takeFileId(reply, this.#write);
        takeFileId(reply, this.#close);
        return this.#write;
      case Command.WRITE:
        expectSuccess(slot, reply, status, bodyBytes.write);
        return this.#close;
      default:
        expectSuccess(slot, reply, status, bodyBytes.close);
        return undefined;
    }
  }
}

/** Of ten operations seven QUERY_INFO, two READs and a WRITE of 4 KiB; what is written is there already. */
const SHARES = [
  'query',
  'query',
  'query',
  'read',
  'query',
  'query',
  'write',
  'query',
  'read',
  'query',
];

export class MixedScript implements Script {
  readonly #query: QueryInfoScript;
  readonly #read: ReadScript;
  readonly #write: Request;
  readonly #place = atRandom(FILE_BYTES / PIECE_BYTES);
  /** Which of the others the operation in flight is for; undefined: the WRITE. */
  #now: QueryInfoScript | ReadScript | undefined;
  #turn: number;

  /** `first`: where in the order of operations it begins, so that connections differ. */
  constructor(session: Session, fileId: Buffer, first: number) {
    this.#turn = first;
    this.#query = new QueryInfoScript(session, fileId);
    const places = atRandom;
    this.#read = new ReadScript(session, { fileId, depth: 1, length: PIECE_BYTES, places });
    const payload = payloadOf(blockContent(0).subarray(0, PIECE_BYTES));
    this.#write = writeRequest(session, payload);
    withFileId(this.#write.bytes.subarray(64), Command.WRITE, fileId);
  }

  begin(slot: Slot): Request {
    const kind = SHARES[this.#turn++ % SHARES.length];
    if (kind === 'write') {
      this.#now = undefined;
      const offset = this.#place() * PIECE_BYTES;
      const from = offset % BLOCK_BYTES;
      const content = blockContent(Math.floor(offset / BLOCK_BYTES));
      this.#write.payload = payloadOf(content.subarray(from, from + PIECE_BYTES));
      setOffset(this.#write, offset);
      return this.#write;
    }
    this.#now = kind === 'read' ? this.#read : this.#query;
    return this.#now.begin(slot);
  }

  next(slot: Slot, reply: Reply, status: number): undefined {
    if (this.#now === undefined) expectSuccess(slot, reply, status, bodyBytes.write);
    else this.#now.next(slot, reply, status);
  }

  verify(slot: Slot, reply: Reply): void {
    this.#now?.verify(slot, reply);
  }
}
