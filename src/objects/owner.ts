/**
 * Where worker processes serve the connections, one more process owns everything that connections share: sessions'
 * trees, opens, locks, files (docs/adr/0008-workers.md). What a worker asks of it, beside the logins. A worker's own
 * tables hold its connections and what it takes to sign, encrypt and verify for their sessions.
 *
 *     client ── worker: framing, NEGOTIATE, keys, signatures, encryption, credits
 *                 │  requests, verified and in plain                 ▲ answers, in plain
 *                 ▼                                                  │
 *               owner: logins, who is who, trees, opens, locks, leases, files
 */
import type { SessionKeys } from '../crypto/session-keys.ts';
import type { NtStatus } from '../dtyp/ntstatus.ts';
import type { Login } from '../ipc/control-plane.ts';
import type { Connection } from './connection.ts';
import type { Session } from './session.ts';

/** A login that is done, and what it was for. */
export interface Entry {
  readonly connection: Connection;
  readonly session: Session;
  readonly login: Login;
  /** 0: none. */
  readonly previousSessionId: number;
  /** The session is there, and gets one more channel. */
  readonly binding: boolean;
}

/** 'full': as many sessions, or channels, as may be; 'gone': the session has ended meanwhile, or is another user's. */
export type Admission = 'admitted' | 'full' | 'gone';

export interface Owner {
  /** This worker's number, which its SessionIds bear; 1 or more. */
  readonly worker: number;
  /** A connection is there; is gone. */
  opened(connection: Connection): void;
  gone(connection: Connection): void;
  /**
   * MS-SMB2 3.3.5.5.3: the owner knows the session from now on, as one more channel where it knew it, and has ended the
   * one of PreviousSessionId, whichever worker has it.
   */
  admit(entry: Entry): Promise<Admission>;
  /** What the session demands has been settled; its keys, when it has just got them. */
  secured(session: Session, keys: SessionKeys | undefined): void;
  /**
   * 3.3.5.5: a SESSION_SETUP names a session that this worker does not have. Where other workers have it, and the message
   * bears its signature: a copy of it. Else the status to refuse the message with, or nothing that another worker knows.
   */
  find(connection: Connection, message: Buffer): Promise<Session | NtStatus | undefined>;
  /** The session has ended with a login that failed: settles when nothing of it is open any more. */
  refused(session: Session): Promise<void>;
  /** It has enough to do: connections are to ask for no more. */
  isBehind(): boolean;
  /** A message in plain, one request or a compound, with the verdict on each of its members. */
  relay(connection: Connection, message: Buffer, encrypted: boolean, verdicts: number[]): void;
}

/** What the owner needs of a connection that a worker serves, beside what every transport does. */
export interface WorkerEnd {
  /** 3.3.4.6, 3.3.4.7: a notification to this session's client; encrypted where `encrypts` or its session demands it. */
  notify(sessionId: number, encrypts: boolean, message: Buffer): void;
  /** The session is not its client's any more. */
  sessionEnded(sessionId: number): void;
  /** Its user has logged in anew at another worker. */
  sessionRenewed(session: Session): void;
}
