/**
 * The owner's end of the channel to one worker: its connections are in the server's tables like any other, and what they
 * ask goes through the same pipeline (server/relayed.ts). A worker is believed about what its clients said and nothing
 * else: who they are its logins tell, and ids that are not its own are refused. What is no message ends the channel, and
 * with it the worker's connections, as if they all were lost.
 */
import { MAX_CHANNELS_PER_SESSION } from '../base/limits.ts';
import { connectionPart, type DebugComponent } from '../base/log.ts';
import { sessionToBind } from '../commands/session-binding.ts';
import { countEstablished, endPreviousSession } from '../commands/session-setup.ts';
import { sameUser } from '../ipc/control-plane.ts';
import { dialectTraits } from '../objects/dialects.ts';
import { workerOfSession } from '../objects/ids.ts';
import type { Admission } from '../objects/owner.ts';
import { Request } from '../objects/request.ts';
import type { ServerState } from '../objects/server-state.ts';
import { Session } from '../objects/session.ts';
import { endSession } from '../objects/teardown.ts';
import { receiveRelayed } from '../server/relayed.ts';
import { type ConnectionHandler, serveConnection } from '../server/serve-connection.ts';
import { DIALECTS } from '../smb2/dialect.ts';
import { readHeader } from '../smb2/header.ts';
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
import { keepKeys, shared } from './shared-sessions.ts';

type Admit = ToOwner & { readonly kind: 'admit' };

type Found = Omit<ToWorker & { readonly kind: 'found' }, 'kind' | 'question'>;

const NOT_FOUND: Found = { refusal: 0, session: undefined };

interface Relayed {
  readonly handler: ConnectionHandler;
  readonly window: ToldWindow;
  readonly remote: Remote;
  /** 3.3.5.5: what a client has signed a login for, that is to bind it there. */
  bindable: Session | undefined;
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

  /** Those of the client with this ClientGuid. */
  connectionsOf(clientGuid: Buffer): number {
    let count = 0;
    for (const { remote, handler } of this.#connections.values()) {
      if ((remote.clientGuid ?? handler.connection.clientGuid).equals(clientGuid)) count += 1;
    }
    return count;
  }

  /** A connection that the worker is about to get; its id. */
  accept(remote: Remote): number {
    const server = this.#server;
    const id = server.newConnectionId();
    const transport = new RelayedTransport(id, remote, this.#channel);
    const window = new ToldWindow(1);
    const log = server.log.part(connectionPart(id, remote.port));
    const handler = serveConnection(server, transport, id, log, window);
    this.#connections.set(id, {
      handler,
      window,
      remote,
      bindable: undefined,
      ending: undefined,
    });
    return id;
  }

  /** The worker has not got it after all, or has lost it. */
  lost(connectionId: number): Promise<void> {
    const relayed = this.#connections.get(connectionId);
    if (relayed === undefined) return Promise.resolve();
    relayed.remote.end();
    relayed.ending ??= relayed.handler
      .closed()
      .catch((error: unknown) =>
        this.#server.log.error('a connection did not end well', { error: String(error) }),
      )
      .finally(() => {
        this.#connections.delete(connectionId);
        relayed.remote.gone?.();
      });
    return relayed.ending;
  }

  /** What a worker that starts is told first has changed. */
  retell(settings: Buffer, debug: readonly DebugComponent[]): void {
    this.#tell({ kind: 'resettings', settings, debug });
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
      case 'find':
        this.#tell({ kind: 'found', question: event.question, ...this.#find(event) });
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
    connection.compression = event.compression;
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

  async #admit(event: Admit): Promise<Admission> {
    const { connectionId, sessionId, loginId, previousSessionId, binding } = event;
    const server = this.#server;
    const relayed = this.#connections.get(connectionId);
    const done = this.#logins.take(loginId);
    if (relayed === undefined || done === undefined) return 'gone';
    const { connection } = relayed.handler;
    const known = server.sessions.get(sessionId);
    if (known === undefined && binding) return 'gone';
    const isOwn =
      known === undefined
        ? workerOfSession(sessionId) === this.worker
        : relayed.bindable === known || this.#has(known);
    if (!isOwn) throw new WireError('admit', "a session that is not the worker's");
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
    } else if (!session.channels.has(connection)) {
      if (session.channels.size >= MAX_CHANNELS_PER_SESSION) return 'full';
      session.addChannel(connection, undefined);
    }
    relayed.bindable = undefined;
    session.expiresAtMs = expiresAtMs;
    session.state = 'valid';
    this.#tellOthers(session);
    return 'admitted';
  }

  #find({ connectionId, message }: ToOwner & { readonly kind: 'find' }): Found {
    const relayed = this.#connections.get(connectionId);
    if (relayed?.handler.connection.state !== 'negotiated') return NOT_FOUND;
    const header = readHeader(message);
    const session = this.#server.sessions.get(header.sessionId);
    const { connection } = relayed.handler;
    if (session === undefined) return NOT_FOUND;
    const found = shared(session, header, message);
    if (typeof found === 'number') return { refusal: found, session: undefined };
    if (found === undefined) {
      // Without a signature no more is told than why it is refused.
      const request = new Request(this.#server, connection, header, message, false);
      const refusal = sessionToBind(request);
      return typeof refusal === 'number' ? { refusal, session: undefined } : NOT_FOUND;
    }
    relayed.bindable = session;
    return { refusal: 0, session: found };
  }

  /** Whether one of its channels is there. */
  #has(session: Session): boolean {
    for (const { id } of session.channels.keys()) if (this.#connections.has(id)) return true;
    return false;
  }

  #sessionHere(sessionId: number): Session | undefined {
    const session = this.#server.sessions.get(sessionId);
    return session !== undefined && this.#has(session) ? session : undefined;
  }

  #tellOthers(session: Session): void {
    for (const { id, transport } of session.channels.keys()) {
      if (!this.#connections.has(id)) transport.worker?.sessionRenewed(session);
    }
  }

  #secured(event: ToOwner & { readonly kind: 'secured' }): void {
    const session = this.#sessionHere(event.sessionId);
    if (session === undefined) return;
    session.signingRequired = event.signingRequired;
    session.encryptData = event.encryptData;
    session.canEncrypt = event.canEncrypt;
    if (event.keys === undefined) {
      this.#tellOthers(session);
      return;
    }
    session.applicationKey = event.keys.applicationKey;
    keepKeys(session, event.keys);
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
