/**
 * MS-SMB2 3.3.5.2.7: the requests of one transport message, a single one or a compound, in order.
 *
 * What a request names (session, tree, open) is handed to the related one behind it. Answers are
 * collected and leave together. A handler that answers at once costs no promise. One that waits gets
 * an interim response (3.3.4.2): the answers before it leave with the interim, unrelated requests
 * behind it go on, related ones wait and are answered with it.
 */
import { bufferPool } from '../base/buffer-pool.ts';
import { INTERIM_RESPONSE_MS } from '../base/limits.ts';
import { type CommandRow, Disconnect, type Outcome } from '../commands/command.ts';
import { rowOf } from '../commands/table.ts';
import {
  isError,
  type NtStatus,
  STATUS_INTERNAL_ERROR,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_SESSION_EXPIRED,
} from '../dtyp/ntstatus.ts';
import type { Connection } from '../objects/connection.ts';
import type { Lifetime } from '../objects/lifetime.ts';
import type { Open } from '../objects/open.ts';
import { Request } from '../objects/request.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { Session } from '../objects/session.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { isRelatedFileId } from '../smb2/file-id.ts';
import { Command, commandName, isRelated, isSigned } from '../smb2/header.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  verifyCharge,
  verifyOpen,
  verifySequence,
  verifySession,
  verifySignature,
  verifyTree,
} from './preconditions.ts';
import { type Answer, answer, interimAnswer, send, sendAtOnce, settle } from './respond.ts';
import type { Member, Unwrapped } from './unwrap.ts';

/** What the previous member of a compound leaves to a related one. */
interface Previous {
  status: NtStatus;
  session: Session | undefined;
  tree: TreeConnect | undefined;
  open: Open | undefined;
  /** The previous request had, or should have made, a FileId. */
  hasFileId: boolean;
}

export class Chain {
  readonly #server: ServerState;
  readonly #connection: Connection;
  readonly #members: readonly Member[];
  readonly #encryptedBy: Session | undefined;
  readonly #done: (() => void) | undefined;
  #previous: Previous | undefined;
  #answers: Answer[] = [];

  /** `done`: nobody looks at the members any more. It is not called where the connection ends meanwhile. */
  constructor(
    server: ServerState,
    connection: Connection,
    unwrapped: Unwrapped,
    done?: () => void,
  ) {
    this.#done = done;
    this.#server = server;
    this.#connection = connection;
    this.#members = unwrapped.members;
    this.#encryptedBy = unwrapped.encryptedBy;
  }

  run(index = 0): void {
    for (let i = index; i < this.#members.length; i++) {
      // The connection was lost while a member before it waited.
      if (this.#connection.state === 'closed') break;
      const request = this.#request(this.#members[i]!, this.#members[i + 1]);
      const outcome = this.#perform(request);
      if (outcome instanceof Promise) {
        this.#wait(request, outcome, i);
        return;
      }
      if (this.#members.length === 1 && this.#settleAlone(request, outcome)) break;
      if (!this.#settle(request, outcome)) return;
    }
    this.#flush();
    this.#done?.();
  }

  /** The usual case, a message that is one plain request, answered now: false where it is another. */
  #settleAlone(request: Request, outcome: Outcome): boolean {
    if (this.#encryptedBy !== undefined || this.#answers.length > 0) return false;
    if (request.header.command === Command.CANCEL || outcome instanceof Disconnect) return false;
    if (!sendAtOnce(request, outcome)) return false;
    this.#through(request);
    return true;
  }

  #request({ header, message, verdict }: Member, next: Member | undefined): Request {
    const request = new Request(
      this.#server,
      this.#connection,
      header,
      message,
      this.#encryptedBy !== undefined,
    );
    request.verdict = verdict;
    request.neverPends = rowOf(header.command).neverPends === true;
    request.holdsOthers = next !== undefined && isRelated(next.header);
    return request;
  }

  #wait(request: Request, outcome: Promise<Outcome>, index: number): void {
    const next = this.#members[index + 1];
    const used = this.#hold(request);
    this.#list(request);
    this.#connection.waitingBytes += request.message.length;
    let detached = false;
    request.onPend = () => {
      clearTimeout(timer);
      this.#answers.push(interimAnswer(request));
      this.#flush();
      // Unrelated requests behind it do not depend on it: a chain of their own.
      if (next !== undefined && !isRelated(next.header)) {
        detached = true;
        const rest = { members: this.#members.slice(index + 1), encryptedBy: this.#encryptedBy };
        new Chain(this.#server, this.#connection, rest).run();
      }
    };
    const timer = request.neverPends
      ? undefined
      : setTimeout(() => this.#pend(request), INTERIM_RESPONSE_MS).unref();
    if (request.asyncId !== 0) request.onPend();
    outcome
      .catch((error: unknown) => this.#bug(request, error))
      .then((settled) => {
        clearTimeout(timer);
        request.onPend = undefined;
        for (const one of used) one.release();
        if (!this.#settle(request, settled)) return;
        if (detached) this.#flush();
        else this.run(index + 1);
      })
      .catch((error: unknown) => this.#broken(error))
      .finally(() => {
        this.#connection.waitingBytes -= request.message.length;
        bufferPool.look();
        this.#connection.lifetime.release();
      });
  }

  /** Where CANCEL finds it, and what ends its session or connection: one that is answered at once is never looked for. */
  #list(request: Request): void {
    // A CANCEL bears the MessageId of the request it is after.
    if (request.header.command === Command.CANCEL) return;
    const { connection, session } = request;
    connection.requests.set(request.messageId, request);
    request.isListed = true;
    // By its own handler, before it had to wait.
    if (connection.state === 'closed' || session?.state === 'gone') request.cancel();
  }

  #pend(request: Request): void {
    try {
      if (request.mayPend) request.pend();
    } catch (error) {
      this.#broken(error);
    }
  }

  /** What the request uses stays until it is through, also when it is ended meanwhile. */
  #hold({ tree, open, connection }: Request): Lifetime[] {
    connection.lifetime.hold();
    const used: Lifetime[] = [];
    if (tree !== undefined) used.push(tree.lifetime);
    if (open !== undefined) used.push(open.lifetime);
    for (const one of used) one.hold();
    return used;
  }

  /** A bug outside of any handler: the answers of this connection cannot be relied upon any more. */
  #broken(error: unknown): void {
    this.#connection.log.error('an answer failed', {
      error: error instanceof Error ? error.stack : String(error),
    });
    this.#connection.transport.close('internal error');
  }

  /** Takes an outcome into the chain; false when the connection ends. */
  #settle(request: Request, outcome: Outcome): boolean {
    if (request.header.command === Command.CANCEL) return true;
    this.#through(request);
    if (outcome instanceof Disconnect) {
      this.#connection.transport.close(outcome.reason);
      settle(this.#answers);
      return false;
    }
    const status = typeof outcome === 'number' ? outcome : (outcome.status ?? 0);
    this.#previous = {
      status,
      session: request.session,
      tree: request.tree,
      open: request.open ?? this.#inheritedOpen(request),
      hasFileId: hasFileId(request, this.#previous),
    };
    this.#answers.push(answer(request, outcome));
    return true;
  }

  #through(request: Request): void {
    if (request.isListed) {
      this.#connection.requests.delete(request.messageId);
      request.session?.orphans.delete(request);
    }
    request.countedBy?.done(request.admitted);
    if (request.asyncId !== 0) this.#connection.asyncRequests.delete(request.asyncId);
  }

  /** A request that was refused before its open was looked at hands on that of the one before. */
  #inheritedOpen({ header }: Request): Open | undefined {
    if (header.command === Command.CREATE || !isRelated(header)) return undefined;
    return this.#previous?.open;
  }

  #flush(): void {
    if (this.#answers.length === 0) return;
    send(this.#connection, this.#answers, this.#encryptedBy);
    this.#answers = [];
  }

  #perform(request: Request): Outcome | Promise<Outcome> {
    try {
      const refused = this.#check(request);
      if (refused === undefined) return this.#handle(request);
      const waits = this.#connection.asyncRequests.size > 0;
      // A client that learns of the end of its ticket has cancelled what waits: that is answered first.
      if (refused !== STATUS_NETWORK_SESSION_EXPIRED || !waits) return refused;
      return new Promise((resolve) => setImmediate(resolve, refused));
    } catch (error) {
      return this.#failure(request, error);
    }
  }

  /** 3.3.5.2.6: malformed input is the client's fault, anything else a bug that costs this request. */
  #failure(request: Request, error: unknown): Outcome {
    if (!(error instanceof WireError)) return this.#bug(request, error);
    request.connection.log.debug('smb', 'malformed request', {
      command: commandName(request.header.command),
      problem: error.message,
    });
    return STATUS_INVALID_PARAMETER;
  }

  #bug(request: Request, error: unknown): Outcome {
    if (error instanceof WireError) return this.#failure(request, error);
    request.connection.log.error('a command failed', {
      command: commandName(request.header.command),
      error: error instanceof Error ? error.stack : String(error),
    });
    return STATUS_INTERNAL_ERROR;
  }

  /** 3.3.5.2.4, .7.2, .8 and .9: signature, session and idle time. */
  #check(request: Request): NtStatus | undefined {
    const { header, connection } = request;
    const row = rowOf(header.command);
    const related = isRelated(header);
    const named =
      related && this.#previous !== undefined
        ? this.#previous.session
        : connection.sessions.get(header.sessionId);
    if (named !== undefined) connection.idleSinceMs = performance.now();
    const { verdict } = request;
    const refused = verdict === undefined ? verifySignature(request, named) : verdict || undefined;
    // The answer is signed with the session's key even when the request is refused.
    request.session = named;
    if (refused !== undefined) return refused;
    if (related && this.#previous === undefined) return STATUS_INVALID_PARAMETER;
    if (row.needs === 'nothing' && !namesSession(request, row)) return undefined;
    if (related && named === undefined) return STATUS_INVALID_PARAMETER;
    return verifySession(request, row, named) ?? this.#checkTree(request, row, related);
  }

  #checkTree(request: Request, row: CommandRow, related: boolean): NtStatus | undefined {
    if (row.needs === 'session' || row.needs === 'nothing') return undefined;
    if (related && this.#previous!.tree === undefined) return STATUS_INVALID_PARAMETER;
    const treeId = related ? this.#previous!.tree!.treeId : request.header.treeId;
    return verifyTree(request, request.session!, treeId);
  }

  #handle(request: Request): Outcome | Promise<Outcome> {
    const row = rowOf(request.header.command);
    const body = row.decode(request.message);
    const charge = row.payloadBytes?.(body as never);
    const refused =
      (charge === undefined ? undefined : verifyCharge(request, charge)) ??
      (row.needs === 'open' ? this.#checkOpen(request, row, body) : undefined) ??
      (row.needs === 'open' ? verifySequence(request, row) : undefined);
    return refused ?? row.handle(body as never, request as never);
  }

  /** 3.3.5.2.7.2: the FileId, from the request or from the one before. */
  #checkOpen(request: Request, row: CommandRow, body: unknown): NtStatus | undefined {
    const id = body as { persistentId: number; volatileId: number };
    const previous = isRelated(request.header) ? this.#previous : undefined;
    if (previous === undefined || (!previous.hasFileId && !isRelatedFileId(id))) {
      if (row.optionalOpen?.(body as never)) return undefined;
      return verifyOpen(request, request.session!, id);
    }
    if (!previous.hasFileId) return STATUS_INVALID_HANDLE;
    // "SHOULD fail … with the same error code": where a CREATE failed. A CLOSE behind another error is
    // done, as by Windows and Samba; clients rely on it and the open would stay.
    if (previous.open !== undefined) return verifyOpen(request, request.session!, previous.open);
    return isError(previous.status) ? previous.status : STATUS_INVALID_HANDLE;
  }
}

/** 3.3.5.17: whether a request that needs no session is one of a session all the same. */
export const namesSession = ({ header, encrypted }: Request, row: CommandRow): boolean =>
  row.sessionIfNamed === true && (isSigned(header) || (!encrypted && header.sessionId !== 0));

function hasFileId(request: Request, before: Previous | undefined): boolean {
  const row = rowOf(request.header.command);
  if (request.header.command === Command.CREATE || row.needs === 'open') return true;
  return isRelated(request.header) && before?.hasFileId === true;
}
