/** A session with a work on it, ready to be run; and the making of what the works need. */
import { Command } from '../../src/smb2/header.ts';
import type { Work } from '../works.ts';
import {
  BLOCK_BYTES,
  blockPayloads,
  DATA_FILE,
  FILE_BLOCKS,
  LISTED,
  LISTED_FOLDER,
  listedName,
  NAMES,
  NAMES_FOLDER,
  nameOf,
  WRITTEN_FILE,
} from './fixture.ts';
import { closeFile, createBody, open } from './opens.ts';
import { type Limit, type Outcome, Pipeline, type Script } from './pipeline.ts';
import { type Request, requestOf } from './request.ts';
import {
  atRandom,
  CreateCloseScript,
  INFO_BYTES,
  inTurn,
  LISTING_BYTES,
  ListScript,
  QueryInfoScript,
  ReadScript,
  WriteScript,
} from './scripts.ts';
import { Session, type SessionOptions } from './session.ts';

const RANDOM_READ_BYTES = 4096;
const PREPARE_DEPTH = 8;
const HEADERS_BYTES = 256;

const payloads = blockPayloads();

const createRequest = (session: Session, ...[name, options]: Parameters<typeof createBody>) =>
  requestOf(session, Command.CREATE, createBody(name, options));

interface Setting {
  readonly fileId: Buffer | undefined;
  readonly script: Script;
  readonly payloadBytes: number;
  readonly replyBytes: number;
}

function settingOf(session: Session, { name, depth }: Work): Setting {
  const small = { payloadBytes: 0, replyBytes: HEADERS_BYTES };
  switch (name) {
    case 'read':
    case 'random-read': {
      const fileId = open(session, DATA_FILE);
      const length = name === 'read' ? BLOCK_BYTES : RANDOM_READ_BYTES;
      const places = name === 'read' ? inTurn : atRandom;
      const script = new ReadScript(session, { fileId, depth, length, places });
      return { ...small, fileId, script, replyBytes: HEADERS_BYTES + length };
    }
    case 'write': {
      const fileId = open(session, WRITTEN_FILE, { write: true });
      const script = new WriteScript(session, { fileId, depth, payloads });
      return { ...small, fileId, script, payloadBytes: BLOCK_BYTES };
    }
    case 'query-info': {
      const fileId = open(session, DATA_FILE);
      const script = new QueryInfoScript(session, fileId);
      return { ...small, fileId, script, replyBytes: HEADERS_BYTES + INFO_BYTES };
    }
    case 'create-close': {
      const creates: Request[] = Array.from({ length: NAMES }, (_, i) =>
        createRequest(session, nameOf(i)),
      );
      const script = new CreateCloseScript(session, depth, (turn) => creates[turn % NAMES]!);
      return { ...small, fileId: undefined, script };
    }
    case 'list': {
      const create = createRequest(session, LISTED_FOLDER, { folder: true });
      const script = new ListScript(session, create);
      return { ...small, fileId: undefined, script, replyBytes: HEADERS_BYTES + LISTING_BYTES };
    }
  }
}

export class Job {
  readonly session: Session;
  readonly #setting: Setting;
  readonly #pipeline: Pipeline;

  constructor(options: SessionOptions, work: Work, verify: boolean) {
    this.session = new Session(options);
    try {
      this.#setting = settingOf(this.session, work);
      const { payloadBytes, replyBytes } = this.#setting;
      const { depth } = work;
      const charge = Math.ceil(Math.max(payloadBytes, replyBytes) / 65_536);
      this.session.gatherCredits(depth * charge);
      this.#pipeline = new Pipeline(this.session, { depth, payloadBytes, replyBytes, verify });
    } catch (error) {
      this.session.wire.close();
      throw error;
    }
  }

  run(limit: Limit): Outcome {
    return this.#pipeline.run(this.#setting.script, limit);
  }

  close(): void {
    const { fileId } = this.#setting;
    if (fileId !== undefined) closeFile(this.session, fileId);
    this.session.logOff();
    this.abandon();
  }

  /** After an error: with replies still under way no more can be asked. */
  abandon(): void {
    this.#pipeline.free();
    this.session.wire.close();
  }
}

/** Makes the files of the works, through the server, so that each serves files as it makes them. */
export function prepare(options: SessionOptions): void {
  const session = new Session({ ...options, mode: 'plain' });
  try {
    for (const folder of [NAMES_FOLDER, LISTED_FOLDER]) {
      closeFile(session, open(session, folder, { folder: true, make: true }));
    }
    session.gatherCredits(PREPARE_DEPTH * (BLOCK_BYTES / 65_536));
    const depth = PREPARE_DEPTH;
    const pipeline = new Pipeline(session, {
      depth,
      payloadBytes: BLOCK_BYTES,
      replyBytes: HEADERS_BYTES,
      verify: false,
    });
    for (const file of [DATA_FILE, WRITTEN_FILE]) {
      const fileId = open(session, file, { write: true, make: true });
      pipeline.run(new WriteScript(session, { fileId, depth, payloads }), {
        operations: FILE_BLOCKS,
      });
      closeFile(session, fileId);
    }
    const making = { write: true, make: true };
    for (const [name, count] of [
      [nameOf, NAMES],
      [listedName, LISTED],
    ] as const) {
      const create = (turn: number): Request => createRequest(session, name(turn), making);
      pipeline.run(new CreateCloseScript(session, depth, create), { operations: count });
    }
    pipeline.free();
  } finally {
    session.wire.close();
  }
}
