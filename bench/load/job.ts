/** A work on its sessions, ready to be run. */
import { Command } from '../../src/smb2/header.ts';
import type { Work } from '../works.ts';
import {
  BLOCK_BYTES,
  blockPayloads,
  DATA_FILE,
  LISTED_FOLDER,
  NAMES,
  nameOf,
  WRITTEN_FILE,
} from './fixture.ts';
import { runTogether } from './many.ts';
import { ChurnScript, MixedScript, PIECE_BYTES } from './mixed-scripts.ts';
import { closeFile, createBody, open } from './opens.ts';
import { type Limit, type Outcome, Pipeline, type Script } from './pipeline.ts';
import { requestOf } from './request.ts';
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

const HEADERS_BYTES = 256;

export const payloads = blockPayloads();

interface Setting {
  readonly fileId: Buffer | undefined;
  /** Makes the operations anew, from their beginning. */
  readonly script: () => Script;
  /** Reads back what the operations wrote, where they did. */
  readonly reread?: () => Script;
  readonly payloadBytes: number;
  readonly replyBytes: number;
}

type OfFile = 'read' | 'channels' | 'random-read' | 'write' | 'query-info' | 'mixed';

function settingOfFile(session: Session, name: OfFile, depth: number, first: number): Setting {
  const written = name === 'write' || name === 'mixed';
  const fileId = open(session, name === 'write' ? WRITTEN_FILE : DATA_FILE, { write: written });
  const small = { fileId, payloadBytes: 0, replyBytes: HEADERS_BYTES };
  const reading = (length: number, places: typeof inTurn) => () =>
    new ReadScript(session, { fileId, depth, length, places });
  switch (name) {
    case 'read':
    case 'channels':
      return {
        ...small,
        script: reading(BLOCK_BYTES, inTurn),
        replyBytes: HEADERS_BYTES + BLOCK_BYTES,
      };
    case 'random-read':
      return {
        ...small,
        script: reading(PIECE_BYTES, atRandom),
        replyBytes: HEADERS_BYTES + PIECE_BYTES,
      };
    case 'write':
      return {
        ...small,
        script: () => new WriteScript(session, { fileId, depth, payloads }),
        reread: reading(BLOCK_BYTES, inTurn),
        payloadBytes: BLOCK_BYTES,
      };
    case 'query-info':
      return {
        ...small,
        script: () => new QueryInfoScript(session, fileId),
        replyBytes: HEADERS_BYTES + INFO_BYTES,
      };
    case 'mixed':
      return {
        ...small,
        script: () => new MixedScript(session, fileId, first),
        payloadBytes: PIECE_BYTES,
        replyBytes: HEADERS_BYTES + INFO_BYTES,
      };
  }
}

type OfNames = 'create-close' | 'churn' | 'list';

function settingOfNames(session: Session, name: OfNames, depth: number): Setting {
  const small = { fileId: undefined, payloadBytes: 0, replyBytes: HEADERS_BYTES };
  switch (name) {
    case 'create-close': {
      const creates = Array.from({ length: NAMES }, (_, i) =>
        requestOf(session, Command.CREATE, createBody(nameOf(i))),
      );
      const next = (turn: number) => creates[turn % NAMES]!;
      return { ...small, script: () => new CreateCloseScript(session, depth, next) };
    }
    case 'churn':
      return { ...small, script: () => new ChurnScript(session), payloadBytes: PIECE_BYTES };
    case 'list': {
      const body = createBody(LISTED_FOLDER, { folder: true });
      const create = requestOf(session, Command.CREATE, body);
      const script = (): Script => new ListScript(session, create);
      return { ...small, script, replyBytes: HEADERS_BYTES + LISTING_BYTES };
    }
  }
}

/** Operations of each connection that are checked whole before any are measured. */
const SAMPLE_OPERATIONS = 16;

/** One connection of a job. */
class Lane {
  readonly session: Session;
  readonly pipeline: Pipeline;
  readonly script: Script;
  readonly #fileId: Buffer | undefined;

  constructor(session: Session, work: WorkOnFiles, first: number, verify: boolean) {
    this.session = session;
    const { name, depth } = work;
    const setting =
      name === 'create-close' || name === 'churn' || name === 'list'
        ? settingOfNames(session, name, depth)
        : settingOfFile(session, name, depth, first);
    this.#fileId = setting.fileId;
    const { payloadBytes, replyBytes } = setting;
    const charge = Math.ceil(Math.max(payloadBytes, replyBytes) / 65_536);
    session.gatherCredits(depth * charge);
    this.#check(setting, depth);
    this.pipeline = new Pipeline(session, { depth, payloadBytes, replyBytes, verify });
    this.script = setting.script();
  }

  /** Some operations whose answers are looked at whole: signature or tag, status and content. */
  #check({ script, reread, payloadBytes, replyBytes }: Setting, depth: number): void {
    const largest = Math.max(replyBytes, HEADERS_BYTES + payloadBytes);
    const options = { depth, payloadBytes, replyBytes: largest, verify: true };
    const pipeline = new Pipeline(this.session, options);
    pipeline.run(script(), { operations: SAMPLE_OPERATIONS });
    if (reread !== undefined) pipeline.run(reread(), { operations: SAMPLE_OPERATIONS });
    pipeline.free();
  }

  close(): void {
    if (this.#fileId !== undefined) closeFile(this.session, this.#fileId);
    this.session.logOff();
    this.abandon();
  }

  abandon(): void {
    this.pipeline.free();
    this.session.wire.close();
  }
}

type WorkOnFiles = Work & { readonly name: OfFile | OfNames };

export class Job {
  readonly #lanes: Lane[] = [];

  constructor(options: SessionOptions, work: WorkOnFiles, verify: boolean) {
    for (let i = 0; i < work.connections; i++) {
      const bound = work.name === 'channels' ? this.#lanes[0]?.session : undefined;
      const session = new Session(options, bound);
      try {
        this.#lanes.push(new Lane(session, work, i, verify));
      } catch (error) {
        session.wire.close();
        this.abandon();
        throw error;
      }
    }
  }

  get session(): Session {
    return this.#lanes[0]!.session;
  }

  run(limit: Limit): Outcome {
    const [only] = this.#lanes;
    return this.#lanes.length === 1
      ? only!.pipeline.run(only!.script, limit)
      : runTogether(this.#lanes, limit);
  }

  close(): void {
    // The first one's session is that of its channels.
    for (const lane of this.#lanes.toReversed()) lane.close();
  }

  /** After an error: with replies still under way no more can be asked. */
  abandon(): void {
    for (const lane of this.#lanes) lane.abandon();
  }
}
