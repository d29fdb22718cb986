/**
 * The worker's end of the channel: what its connections ask of the owner (objects/owner.ts), and what the owner tells
 * them. Whatever ends the channel ends the worker.
 */
import { deserialize, serialize } from 'node:v8';
import { bufferPool } from '../base/buffer-pool.ts';
import type { DebugComponent, Logger } from '../base/log.ts';
import type { SessionKeys } from '../crypto/session-keys.ts';
import type { NtStatus } from '../dtyp/ntstatus.ts';
import type { LoginStep } from '../ipc/control-plane.ts';
import type { Connection } from '../objects/connection.ts';
import type { Admission, Entry, Owner } from '../objects/owner.ts';
import { type ServerOptions, ServerState } from '../objects/server-state.ts';
import type { Session } from '../objects/session.ts';
import { endSession } from '../objects/teardown.ts';
import { relayed, relayedNotification } from '../server/relay.ts';
import type { Channel } from './channel.ts';
import {
  decodeToWorker,
  encodeEvent,
  type RelayedAnswer,
  requestHead,
  type ToOwner,
  type ToWorker,
  toOwner,
  WORKERS_VERSION,
} from './protocol.ts';
import { type LoginDoor, RemoteLogin, remoteControlPlane, stepOf } from './remote-login.ts';
import { copyOf } from './shared-sessions.ts';

/** What a worker has to know to serve. */
export interface WorkerSettings {
  readonly options: ServerOptions;
  readonly guid: Buffer;
  readonly negotiateToken: Buffer;
}

export const encodeSettings = (settings: WorkerSettings): Buffer => serialize(settings);

/** Who holds files open, and so is not idle, the owner knows. */
const ownOptions = ({ options }: WorkerSettings): ServerOptions => ({ ...options, deadtimeMs: 0 });

export interface WorkerEvents {
  /** The owner wants it to end. */
  stop(): void;
  /** Which debug output is on. */
  debug(components: readonly DebugComponent[]): void;
  /** There is no owner any more. */
  lost(reason: string): void;
}

export class Worker implements Owner, LoginDoor {
  readonly worker: number;
  readonly server: ServerState;
  readonly #channel: Channel;
  readonly #events: WorkerEvents;
  readonly #connections = new Map<number, Connection>();
  /** What they have negotiated is told. */
  readonly #told = new WeakSet<Connection>();
  readonly #logins = new Map<number, (step: ToWorker & { kind: 'loginAnswer' }) => void>();
  /** Logins whose first token is sent and that the owner has not forgotten yet. */
  readonly #begun = new Set<RemoteLogin>();
  readonly #questions = new Map<number, (answer: Admission) => void>();
  readonly #searches = new Map<number, (found: Session | NtStatus | undefined) => void>();
  #negotiateToken: Buffer;
  #nextLogin = 1;
  #nextQuestion = 1;

  constructor(
    worker: number,
    settings: WorkerSettings,
    { channel, log, events }: { channel: Channel; log: Logger; events: WorkerEvents },
  ) {
    this.worker = worker;
    this.#channel = channel;
    this.#events = events;
    const controlPlane = remoteControlPlane(
      () => this.#negotiateToken,
      (address) => new RemoteLogin(this.#nextLogin++ >>> 0, address, this),
    );
    this.#negotiateToken = settings.negotiateToken;
    this.server = new ServerState(settings.guid, ownOptions(settings), controlPlane, [], log);
    this.server.owner = this;
    channel.listen({
      message: (payload) => this.#receive(payload),
      drained: () => bufferPool.look(),
      closed: (reason) => events.lost(reason),
    });
    this.#tell({ kind: 'ready', version: WORKERS_VERSION });
  }

  opened(connection: Connection): void {
    this.#connections.set(connection.id, connection);
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection.id);
    this.#tell({ kind: 'closed', connectionId: connection.id });
  }

  admit({ connection, session, login, previousSessionId, binding }: Entry): Promise<Admission> {
    this.#introduce(connection);
    const question = this.#nextQuestion++;
    this.#tell({
      kind: 'admit',
      question,
      connectionId: connection.id,
      sessionId: session.sessionId,
      loginId: (login as RemoteLogin).id,
      previousSessionId,
      binding,
    });
    return new Promise((resolve) => this.#questions.set(question, resolve));
  }

  find(connection: Connection, message: Buffer): Promise<Session | NtStatus | undefined> {
    this.#introduce(connection);
    const question = this.#nextQuestion++;
    return new Promise((resolve) => {
      this.#searches.set(question, resolve);
      this.#tell({ kind: 'find', question, connectionId: connection.id, message });
    });
  }

  #introduce(connection: Connection): void {
    if (this.#told.has(connection)) return;
    this.#told.add(connection);
    this.#tell({
      kind: 'negotiated',
      connectionId: connection.id,
      dialect: connection.dialect!.revision,
      clientGuid: connection.clientGuid,
      clientCapabilities: connection.clientCapabilities,
      clientSecurityMode: connection.clientSecurityMode,
      clientDialects: connection.clientDialects,
      serverCapabilities: connection.serverCapabilities,
      serverSecurityMode: connection.serverSecurityMode,
      shouldSign: connection.shouldSign,
      cipherId: connection.cipherId,
      signingAlgorithm: connection.signingAlgorithm,
      posixExtensions: connection.posixExtensions,
      compression: connection.compression,
    });
  }

  secured(session: Session, keys: SessionKeys | undefined): void {
    const { sessionId, signingRequired, encryptData, canEncrypt } = session;
    this.#tell({ kind: 'secured', sessionId, signingRequired, encryptData, canEncrypt, keys });
  }

  async refused({ sessionId }: Session): Promise<void> {
    const question = this.#nextQuestion++;
    this.#tell({ kind: 'refused', question, sessionId });
    await new Promise((resolve) => this.#questions.set(question, resolve));
  }

  relay(connection: Connection, message: Buffer, encrypted: boolean, verdicts: number[]): void {
    const credits = connection.window.available;
    const head = requestHead({ connectionId: connection.id, encrypted, credits, verdicts });
    this.#channel.send([head, message]);
  }

  isBehind(): boolean {
    return this.#channel.congested;
  }

  step(login: RemoteLogin, token: Buffer): Promise<LoginStep> {
    this.#begun.add(login);
    this.#tell({ kind: 'loginStep', loginId: login.id, address: login.address, token });
    return new Promise((resolve, reject) => {
      this.#logins.set(login.id, ({ step }) => {
        if (step.kind !== 'continue') this.#begun.delete(login);
        try {
          resolve(stepOf(step));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** The owner forgets by itself those that are done. */
  close(login: RemoteLogin): void {
    if (this.#begun.delete(login)) this.#tell({ kind: 'loginClosed', loginId: login.id });
  }

  #tell(event: ToOwner): void {
    this.#channel.send([encodeEvent(toOwner, event)]);
  }

  #receive(payload: Buffer): void {
    try {
      const told = decodeToWorker(payload);
      if (told.kind === 'answer') this.#answer(told);
      else this.#hear(told.event);
    } catch (error) {
      // What the owner says is not for a worker to doubt: one of the two has a bug.
      this.#channel.close();
      this.#events.lost(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  #answer({ connectionId, message }: RelayedAnswer): void {
    const connection = this.#connections.get(connectionId);
    if (connection !== undefined) relayed(this.server, connection, message);
  }

  #hear(event: ToWorker): void {
    switch (event.kind) {
      case 'loginAnswer': {
        const answer = this.#logins.get(event.loginId);
        this.#logins.delete(event.loginId);
        answer?.(event);
        return;
      }
      case 'admitted':
      case 'done': {
        const answer = this.#questions.get(event.question);
        this.#questions.delete(event.question);
        answer?.(event.kind === 'admitted' ? event.admission : 'gone');
        return;
      }
      case 'found': {
        const answer = this.#searches.get(event.question);
        this.#searches.delete(event.question);
        answer?.(event.session === undefined ? event.refusal || undefined : copyOf(event.session));
        return;
      }
      case 'notify': {
        const connection = this.#connections.get(event.connectionId);
        if (connection !== undefined) relayedNotification(connection, event);
        return;
      }
      case 'close':
        this.#connections.get(event.connectionId)?.transport.close(event.reason);
        return;
      case 'sessionEnded':
        this.#sessionEnded(event.sessionId);
        return;
      case 'sessionRenewed':
        this.#sessionRenewed(event);
        return;
      case 'stop':
        this.#events.stop();
        return;
      case 'resettings': {
        const settings = decodeSettings(event.settings);
        this.#negotiateToken = settings.negotiateToken;
        this.server.options = ownOptions(settings);
        this.#events.debug(event.debug);
        return;
      }
      case 'settings':
        throw new Error('settings twice');
    }
  }

  /** 3.3.5.5.2, by a channel that another worker has. */
  #sessionRenewed(event: ToWorker & { readonly kind: 'sessionRenewed' }): void {
    const session = this.server.sessions.get(event.sessionId);
    if (session === undefined) return;
    session.expiresAtMs = event.expiresAtMs ?? Infinity;
    session.signingRequired = event.signingRequired;
    session.state = 'valid';
  }

  #sessionEnded(sessionId: number): void {
    const session = this.server.sessions.get(sessionId);
    if (session === undefined) return;
    endSession(this.server, session, 'closed').catch((error: unknown) =>
      this.server.log.error('a session did not end well', { error: String(error) }),
    );
  }
}

export const decodeSettings = (settings: Buffer): WorkerSettings => {
  const value = deserialize(settings) as WorkerSettings;
  return {
    ...value,
    guid: Buffer.from(value.guid),
    negotiateToken: Buffer.from(value.negotiateToken),
  };
};
