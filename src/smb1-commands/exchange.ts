/**
 * MS-CIFS 3.3.5.2: the commands of one SMB1 message, one or a chain of AndX, in order; what they answer leaves
 * together. An error ends the chain: what was done before it is answered, and the error is the message's.
 */
import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';
import { Disconnect } from '../commands/command.ts';
import { tellAnswer } from '../commands/tell-answer.ts';
import {
  isError,
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INTERNAL_ERROR,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_NOT_IMPLEMENTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Lifetime } from '../objects/lifetime.ts';
import { Request } from '../objects/request.ts';
import type { Session } from '../objects/session.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { type Block, readAndX, readBlock } from '../smb1/block.ts';
import {
  STATUS_INVALID_SMB,
  STATUS_SMB_BAD_COMMAND,
  STATUS_SMB_BAD_UID,
} from '../smb1/dos-errors.ts';
import {
  isSmb1Command,
  processId,
  SMB_FLAGS2_DFS,
  SMB_FLAGS2_UNICODE,
  SMB1_HEADER_SIZE,
  Smb1Command,
  type Smb1Header,
  smb1CommandName,
} from '../smb1/header.ts';
import {
  Command,
  encodeHeader,
  type Header,
  readHeader,
  SMB2_FLAGS_DFS_OPERATIONS,
} from '../smb2/header.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  type Call,
  EMPTY,
  type MaybePromise,
  type SessionCall,
  SILENT,
  type Smb1Outcome,
  type Smb1Reply,
  type Smb1Row,
} from './call.ts';
import type { Link, OpenFile } from './link.ts';
import {
  type AnswerBlock,
  type Answered,
  answerOffset,
  encodeAnswerHeader,
  encodeBlocks,
  sendAlone,
  sendAnswer,
} from './respond.ts';
import { smb1Row } from './table.ts';
import { treeFor } from './tree-connect.ts';

/** Commands of one message; Windows sends three. */
const MAX_CHAIN = 32;
/** Where the answer of a chain's next command begins at most: AndXOffset and, behind its words, DataOffset have 16 bits. */
const MAX_ANSWER_OFFSET = 0xf000;

/** In place of SMB2's header, of which the commands read no more than the session. */
const STAND_IN = readHeader(encodeHeader({ command: Command.ECHO }));

const standIn = ({ flags2 }: Smb1Header, messageId: number): Header => ({
  ...STAND_IN,
  messageId,
  // MS-SMB 2.2.3.1: paths that name the server and the share come with this flag, at SMB2 as well.
  flags: (flags2 & SMB_FLAGS2_DFS) !== 0 ? SMB2_FLAGS_DFS_OPERATIONS : 0,
});

/** One command while it is worked on. */
class ChainCall implements Call {
  readonly link: Link;
  readonly header: Smb1Header;
  readonly message: Buffer;
  readonly block: Block;
  readonly unicode: boolean;
  readonly pid: number;
  readonly request: Request;
  readonly chained: OpenFile | undefined;
  opened: OpenFile | undefined = undefined;
  readonly #before: readonly AnswerBlock[];

  constructor(
    link: Link,
    header: Smb1Header,
    message: Buffer,
    at: number,
    chained: OpenFile | undefined,
    before: readonly AnswerBlock[],
  ) {
    this.link = link;
    this.header = header;
    this.message = message;
    this.block = readBlock(message, at);
    this.unicode = (header.flags2 & SMB_FLAGS2_UNICODE) !== 0;
    this.pid = processId(header);
    const standInHeader = standIn(header, link.newMessageId());
    this.request = new Request(link.server, link.connection, standInHeader, message, false);
    this.chained = chained;
    this.#before = before;
  }

  answerAt(wordsBytes: number): number {
    return answerOffset(this.#before, wordsBytes);
  }
}

/** A payload that the next READ overwrites is not for an answer that leaves later. */
const kept = (outcome: Smb1Outcome): Smb1Outcome =>
  typeof outcome === 'object' && 'words' in outcome && outcome.isLent === true
    ? { ...outcome, payload: Buffer.from(outcome.payload!), isLent: false }
    : outcome;

/** What they write is in the message, and nobody's once they are answered. */
const WRITES: readonly number[] = [Smb1Command.WRITE_ANDX, Smb1Command.WRITE];

export class Exchange implements Answered {
  readonly #link: Link;
  readonly header: Smb1Header;
  sequence: number | undefined;
  readonly #message: Buffer;
  readonly #blocks: AnswerBlock[] = [];
  readonly #onSent: (() => void)[] = [];
  uid: number;
  tid: number;
  #chained: OpenFile | undefined;

  constructor(link: Link, header: Smb1Header, message: Buffer, sequence: number | undefined) {
    this.#link = link;
    this.header = header;
    this.#message = message;
    this.sequence = sequence;
    this.uid = header.uid;
    this.tid = header.tid;
  }

  /** Performs the command whose block is here, and those behind it. */
  run(command = this.header.command, at = SMB1_HEADER_SIZE): void {
    let next: { command: number; offset: number } | undefined = { command, offset: at };
    while (next !== undefined) {
      if (this.#link.connection.state === 'closed') return;
      const row = smb1Row(next.command);
      const { command: code, offset } = next;
      const started = this.#start(row, code, offset);
      if (row === undefined || typeof started === 'number') {
        this.#finish(code, started as NtStatus);
        return;
      }
      const { call } = started;
      const outcome = this.#perform(row, call);
      if (outcome instanceof Promise) {
        this.#wait(row, code, call, outcome);
        return;
      }
      next = this.#settle(row, code, call, outcome);
    }
  }

  #start(row: Smb1Row | undefined, command: number, at: number): { call: Call } | NtStatus {
    if (row === undefined) {
      return isSmb1Command(command) ? STATUS_NOT_IMPLEMENTED : STATUS_SMB_BAD_COMMAND;
    }
    if (this.#blocks.length >= MAX_CHAIN) return STATUS_INVALID_SMB;
    try {
      const call = this.#call(at);
      // Whatever else it holds, what follows has to be found.
      if (row.andX) readAndX(call.block);
      return { call };
    } catch (error) {
      if (error instanceof WireError) return STATUS_INVALID_SMB;
      throw error;
    }
  }

  #call(at: number): Call {
    const { header, uid, tid } = this;
    const isSame = header.uid === uid && header.tid === tid;
    const own = isSame ? header : { ...header, uid, tid };
    return new ChainCall(this.#link, own, this.#message, at, this.#chained, this.#blocks);
  }

  #perform(row: Smb1Row, call: Call): Smb1Outcome | Promise<Smb1Outcome> {
    try {
      const refused = verify(row, call);
      if (refused instanceof Promise) {
        return refused.then(async (given) => given ?? kept(await row.handle(call as never)));
      }
      return refused ?? row.handle(call as never);
    } catch (error) {
      return this.#failure(row, error);
    }
  }

  #failure(row: Smb1Row, error: unknown): Smb1Outcome {
    const { log } = this.#link.connection;
    if (error instanceof WireError) {
      log.debug('smb', 'malformed request', { command: row.name, problem: error.message });
      return STATUS_INVALID_PARAMETER;
    }
    const told = error instanceof Error ? error.stack : String(error);
    log.error('a command failed', { command: row.name, error: told });
    return STATUS_INTERNAL_ERROR;
  }

  #wait(row: Smb1Row, command: number, call: Call, outcome: Promise<Smb1Outcome>): void {
    const { connection, waiting } = this.#link;
    const { tree, open } = call.request;
    const used: Lifetime[] = [connection.lifetime];
    if (tree !== undefined) used.push(tree.lifetime);
    if (open !== undefined) used.push(open.lifetime);
    for (const one of used) one.hold();
    this.#list(call.request);
    waiting.add(call);
    outcome
      .catch((error: unknown) => this.#failure(row, error))
      .then((settled) => {
        waiting.delete(call);
        const next = this.#settle(row, command, call, settled);
        if (next !== undefined) this.run(next.command, next.offset);
      })
      .catch((error: unknown) => {
        const told = error instanceof Error ? error.stack : String(error);
        connection.log.error('an answer failed', { error: told });
        connection.transport.close('internal error');
      })
      .finally(() => {
        for (const one of used) one.release();
      });
  }

  /** Where NT_CANCEL finds it, and what ends its session or connection: one that is answered at once is never looked for. */
  #list(request: Request): void {
    const { connection } = this.#link;
    connection.requests.set(request.messageId, request);
    request.isListed = true;
    // By its own handler, before it had to wait.
    if (connection.state === 'closed' || request.session?.state === 'gone') request.cancel();
  }

  /** Takes an outcome; what is to be done next in this message, if anything. */
  #settle(row: Smb1Row, command: number, call: Call, outcome: Smb1Outcome) {
    const { connection } = this.#link;
    const { request } = call;
    if (request.isListed) connection.requests.delete(request.messageId);
    if (request.asyncId !== 0) connection.asyncRequests.delete(request.asyncId);
    if (outcome instanceof Disconnect) {
      connection.transport.close(outcome.reason);
      return undefined;
    }
    const told = typeof outcome === 'object' ? (outcome.status ?? STATUS_SUCCESS) : outcome;
    if (typeof told === 'number') tellAnswer(request, told, row.name);
    if (outcome === SILENT) return undefined;
    if (typeof outcome === 'number') {
      this.#finish(command, outcome);
      return undefined;
    }
    const { status = STATUS_SUCCESS } = outcome;
    if (outcome.onSent !== undefined) this.#onSent.push(outcome.onSent);
    if ('blocks' in outcome) {
      this.#sendMessages(status, outcome.blocks);
      return undefined;
    }
    if (outcome.beginsSigning === true) this.sequence = 0;
    this.uid = outcome.uid ?? this.uid;
    this.tid = outcome.tid ?? this.tid;
    this.#chained = call.opened ?? this.#chained;
    const next = row.andX && !isError(status) ? readAndX(call.block) : undefined;
    const reply = next === undefined ? outcome : (kept(outcome) as Smb1Reply);
    this.#blocks.push({ command, reply, andX: row.andX });
    // "A chain cannot loop": each block lies behind the one before.
    const goesOn = next !== undefined && next.offset > call.block.bytesAt - 3;
    if (goesOn && answerOffset(this.#blocks, 0) <= MAX_ANSWER_OFFSET) return next;
    this.#send(next === undefined ? status : STATUS_INVALID_SMB);
    return undefined;
  }

  #finish(command: number, status: NtStatus): void {
    this.#blocks.push({ command, reply: EMPTY, andX: false });
    this.#send(status);
  }

  #send(status: NtStatus): void {
    const [first] = this.#blocks;
    if (this.#blocks.length === 1) {
      sendAlone(this.#link, this, status, first!);
      this.#giveBack();
    } else {
      const header = encodeAnswerHeader(this, status, this.#blocks.at(-1)?.command);
      sendAnswer(this.#link, this, [header, ...encodeBlocks(this.#blocks)]);
    }
    for (const one of this.#onSent) one();
  }

  /** The buffer of a message that was one WRITE is free now: no handler keeps its data. */
  #giveBack(): void {
    const isLarge = this.#message.length >= MIN_POOLED_BYTES;
    if (isLarge && WRITES.includes(this.header.command)) bufferPool.give(this.#message);
  }

  #sendMessages(status: NtStatus, blocks: readonly Buffer[]): void {
    for (const block of blocks) {
      const header = encodeAnswerHeader(this, status);
      sendAnswer(this.#link, this, [header, block]);
    }
    for (const one of this.#onSent) one();
  }
}

/** 3.3.5.2: UID and TID, and what they are worth; the session and tree go to the request. */
function verify(row: Smb1Row, call: Call): MaybePromise<NtStatus | undefined> {
  const { link, header, request } = call;
  // "For every message received … MUST update Server.Connection.IdleTime".
  link.connection.idleSinceMs = performance.now();
  const session = link.uids.get(header.uid)?.thing;
  if (session?.state === 'valid') request.session = session;
  if (row.needs === 'nothing') return undefined;
  if (session === undefined || session.state === 'gone') return STATUS_SMB_BAD_UID;
  const refused = verifySession(row, session);
  if (refused !== undefined) return refused;
  request.session = session;
  if (row.needs === 'session') return undefined;
  const connected = link.tids.get(header.tid);
  if (connected === undefined) {
    // As Windows and Samba have it: raw.context.
    return row.name === smb1CommandName(Smb1Command.NT_CREATE_ANDX)
      ? STATUS_INVALID_HANDLE
      : STATUS_NETWORK_NAME_DELETED;
  }
  const tree = connected.trees.get(session);
  if (tree !== undefined && session.trees.has(tree.treeId)) return enter(call, tree);
  return treeFor(call as SessionCall, session).then((made) =>
    typeof made === 'number' ? made : enter(call, made),
  );
}

/** MS-SMB 3.3.5.1, Session Validation and Re-authentication. */
function verifySession({ whileExpired }: Smb1Row, { account, state }: Session) {
  // Its first login is under way.
  if (account === undefined) return STATUS_INVALID_HANDLE;
  return state === 'valid' || whileExpired ? undefined : STATUS_NETWORK_SESSION_EXPIRED;
}

function enter({ request }: Call, tree: TreeConnect): NtStatus | undefined {
  if (tree.encryptData) return STATUS_ACCESS_DENIED;
  request.tree = tree;
  return undefined;
}
