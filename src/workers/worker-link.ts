/**
 * The owner's end of the channel to one worker: its connections are in the server's tables like any other, and what they
 * ask goes through the same pipeline (server/relayed.ts). A worker is believed about what its clients said and nothing
 * else: who they are its logins tell, and ids that are not its own are refused. What is no message ends the channel, and
 * with it the worker's connections, as if they all were lost.
 */
import { connectionPart } from '../base/log.ts';
import { countEstablished, endPreviousSession } from '../commands/session-setup.ts';
import { sameUser } from '../ipc/control-plane.ts';
import { dialectTraits } from '../objects/dialects.ts';
import { workerOfSession } from '../objects/ids.ts';
import type { Admission } from '../objects/owner.ts';
import type { ServerState } from '../objects/server-state.ts';
import { Session } from '../objects/session.ts';
import { endSession } from '../objects/teardown.ts';
import { receiveRelayed } from '../server/relayed.ts';
import { type ConnectionHandler, serveConnection } from '../server/serve-connection.ts';
import { DIALECTS } from '../smb2/dialect.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Channel } from './channel.ts';
import { OwnerLogins } from './owner-logins.ts';
import {
  decodeToOwner,
  encodeEvent,
  type Negotiated,
  type RelayedRequest,
  type ToOwner,
  type ToWorker,
  toWorker,
  WORKERS_VERSION,
} from './protocol.ts';
import { RelayedTransport, type Remote, ToldWindow } from './relayed-connection.ts';

type Admit = ToOwner & { readonly kind: 'admit' };

interface Relayed {
  readonly handler: ConnectionHandler;
  readonly window: ToldWindow;
  ending: Promise<void> | undefined;
}

export interface LinkEvents {
  /** The worker is ready for connections. */
  ready(): void;
  /** The channel is closed, and all that it served is ended. */
  ended(reason: string): void;
}

export class WorkerLink {
  readonly worker: number;
  readonly #server: ServerState;
  readonly #channel: Channel;
  readonly #events: LinkEvents;
  readonly #logins: OwnerLogins;
  readonly #connections = new Map<number, Relayed>();
  #ended = false;

  constructor(worker: number, server: ServerState, channel: Channel, events: LinkEvents) {
    this.worker = worker;
    this.#server = server;
    this.#channel = channel;
    this.#events = events;
    this.#logins = new OwnerLogins(server.controlPlane);
    channel.listen({
      message: (payload) => this.#receive(payload),
      drained: () => {},
      closed: (reason) => this.end(reason),
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Whether a client with this ClientGuid has a connection there. */
  serves(clientGuid: Buffer): boolean {
    for (const { handler } of this.#connections.values()) {
      if (handler.connection.clientGuid.equals(clientGuid)) return true;
    }
    return false;
  }

  /** A connection that the worker is about to get; its id. */
  accept(remote: Remote): number {
    const server = this.#server;
    const id = server.newConnectionId();
    const transport = new RelayedTransport(id, remote, this.#channel);
    const window = new ToldWindow(1);
    const log = server.log.part(connectionPart(id, remote.port));
    const handler = serveConnection(server, transport, id, log, window);
    this.#connections.set(id, { handler, window, ending: undefined });
    return id;
  }

  /** The worker has not got it after all, or has lost it. */
  lost(connectionId: number): Promise<void> {
    const relayed = this.#connections.get(connectionId);
    if (relayed === undefined) return Promise.resolve();
    relayed.ending ??= relayed.handler
      .closed()
      .catch((error: unknown) =>
        this.#server.log.error('a connection did not end well', { error: String(error) }),
      )
      .finally(() => this.#connections.delete(connectionId));
    return relayed.ending;
  }

  /** Ends the worker's connections in order, and then the worker. */
  stop(): void {
    this.#tell({ kind: 'stop' });
  }

  async end(reason: string): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#channel.close();
    this.#logins.end();
    await Promise.all([...this.#connections.keys()].map((id) => this.lost(id)));
    this.#events.ended(reason);
  }

  #tell(event: ToWorker): void {
    if (!this.#ended) this.#channel.send([encodeEvent(toWorker, event)]);
  }

  #receive(payload: Buffer): void {
    if (this.#ended) return;
    try {
      const told = decodeToOwner(payload);
      if (told.kind === 'request') this.#request(told);
      else this.#hear(told.event);
    } catch (error) {
      const isWire = error instanceof WireError;
      const problem = isWire ? error.message : error instanceof Error ? error.stack : String(error);
      this.#server.log.error('a worker sent what no worker sends', {
        worker: this.worker,
        problem,
      });
      void this.end('it broke the protocol between workers');
    }
  }

  #request({ connectionId, credits, message, encrypted, verdicts }: RelayedRequest): void {
    const relayed = this.#connections.get(connectionId);
    // Ended here already, which the worker has not heard yet.
    if (relayed === undefined) return;
    relayed.window.told = credits;
    receiveRelayed(this.#server, relayed.handler.connection, message, { encrypted, verdicts });
  }

  #hear(event: ToOwner): void {
    switch (event.kind) {
      case 'ready':
        if (event.version !== WORKERS_VERSION) {
          throw new WireError('ready', `version ${event.version}, not ${WORKERS_VERSION}`);
        }
        this.#events.ready();
        return;
      case 'negotiated':
        this.#negotiated(event);
        return;
      case 'loginStep':
        this.#step(event);
        return;
      case 'loginClosed':
        this.#logins.close(event.loginId);
        return;
      case 'admit':
        this.#answer(event.question, this.#admit(event));
        return;
      case 'secured':
        this.#secured(event);
        return;
      case 'refused':
        this.#refused(event.question, event.sessionId);
        return;
      case 'closed':
        void this.lost(event.connectionId);
        return;
    }
  }

  #negotiated(event: Negotiated): void {
    const connection = this.#connections.get(event.connectionId)?.handler.connection;
    if (connection === undefined) return;
    const revision = DIALECTS.find((one) => one === event.dialect);
    if (revision === undefined || connection.state !== 'fresh') {
      throw new WireError('negotiated', `dialect ${event.dialect} in state ${connection.state}`);
    }
    connection.dialect = dialectTraits(revision, this.#server.options);
    connection.clientGuid = event.clientGuid;
    connection.clientCapabilities = event.clientCapabilities;
    connection.clientSecurityMode = event.clientSecurityMode;
    connection.clientDialects = event.clientDialects;
    connection.serverCapabilities = event.serverCapabilities;
    connection.serverSecurityMode = event.serverSecurityMode;
    connection.shouldSign = event.shouldSign;
    connection.cipherId = event.cipherId;
    connection.signingAlgorithm = event.signingAlgorithm;
    connection.posixExtensions = event.posixExtensions;
    connection.state = 'negotiated';
  }

  #step({ loginId, address, token }: ToOwner & { readonly kind: 'loginStep' }): void {
    this.#logins
      .step(loginId, address, token)
      .catch((error: unknown) => {
        const told = error instanceof Error ? error.stack : String(error);
        this.#server.log.error('a login failed', { error: told });
        return { kind: 'failed' } as const;
      })
      .then((step) => this.#tell({ kind: 'loginAnswer', loginId, step }));
  }

  #answer(question: number, admission: Promise<Admission>): void {
    admission
      .catch((error: unknown): Admission => {
        const told = error instanceof Error ? error.stack : String(error);
        this.#server.log.error('a session was not taken in', { error: told });
        return 'gone';
      })
      .then((answer) => this.#tell({ kind: 'admitted', question, admission: answer }));
  }

  async #admit({ connectionId, sessionId, loginId, previousSessionId }: Admit): Promise<Admission> {
    const server = this.#server;
    const connection = this.#connections.get(connectionId)?.handler.connection;
    const done = this.#logins.take(loginId);
    if (connection === undefined || done === undefined) return 'gone';
    if (workerOfSession(sessionId) !== this.worker) {
      throw new WireError('admit', 'a session id of another worker');
    }
    const known = server.sessions.get(sessionId);
    const { account, expiresAtMs = Infinity } = done;
    if (known !== undefined && known.account !== undefined && known.account.kind !== 'anonymous') {
      // 3.3.5.5.3, and an anonymous login on a user's session changes nothing.
      if (account.kind !== 'anonymous' && !sameUser(known.account, account)) return 'gone';
    }
    const session = known ?? new Session(sessionId, connection, Date.now());
    await endPreviousSession(server, session, account, previousSessionId);
    if (session.state === 'gone' || connection.state === 'closed') return 'gone';
    if (known === undefined) {
      if (countEstablished(server) >= server.options.maxSessions) {
        connection.sessions.delete(sessionId);
        return 'full';
      }
      session.account = account;
      server.sessions.set(sessionId, session);
    } else if (!session.channels.has(connection)) session.addChannel(connection, undefined);
    session.expiresAtMs = expiresAtMs;
    session.state = 'valid';
    return 'admitted';
  }

  #sessionHere(sessionId: number): Session | undefined {
    return workerOfSession(sessionId) === this.worker
      ? this.#server.sessions.get(sessionId)
      : undefined;
  }

  #secured(event: ToOwner & { readonly kind: 'secured' }): void {
    const session = this.#sessionHere(event.sessionId);
    if (session === undefined) return;
    session.signingRequired = event.signingRequired;
    session.encryptData = event.encryptData;
    session.canEncrypt = event.canEncrypt;
    session.applicationKey = event.applicationKey;
  }

  #refused(question: number, sessionId: number): void {
    const session = this.#sessionHere(sessionId);
    const ending = session === undefined ? undefined : endSession(this.#server, session, 'refused');
    Promise.resolve(ending)
      .catch((error: unknown) =>
        this.#server.log.error('a session did not end well', { error: String(error) }),
      )
      .then(() => this.#tell({ kind: 'done', question }));
  }
}
