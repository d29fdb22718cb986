/**
 * MS-SMB2 3.3.1.8: a session, and 3.3.1.14 its channels.
 *
 *     inProgress ── login done ──▶ valid ── ticket runs out ──▶ expired
 *         │ ▲                        │                             │
 *         │ └──── reauthentication ──┴─────────────────────────────┘
 *         ▼ refused, LOGOFF, PreviousSessionId, connection lost
 *       gone (in no table)
 */
import type { MessageCipher } from '../crypto/cipher.ts';
import type { PreauthHash } from '../crypto/preauth.ts';
import type { Signer } from '../crypto/signing.ts';
import type { Account, Login } from '../ipc/control-plane.ts';
import type { Connection } from './connection.ts';
import type { Open } from './open.ts';
import type { TreeConnect } from './tree-connect.ts';

export interface Channel {
  readonly connection: Connection;
  readonly signer: Signer;
}

export class Session {
  readonly sessionId: number;
  /** The connection that made the session. */
  readonly connection: Connection;
  readonly creationTimeMs: number;
  state: 'inProgress' | 'valid' | 'expired' | 'gone' = 'inProgress';
  account: Account | undefined;
  /** The exchange under way. */
  login: Login | undefined;
  /** A step of it is being worked on. */
  authenticating = false;
  /** 3.1.1: Session.PreauthIntegrityHashValue. */
  preauth: PreauthHash | undefined;
  signingRequired = false;
  /** Session.EncryptData: only encrypted requests are taken. */
  encryptData = false;
  cipher: MessageCipher | undefined;
  /** Session.SigningKey: verifies requests to bind the session to a further connection. */
  signer: Signer | undefined;
  readonly channels = new Map<Connection, Channel>();
  readonly trees = new Map<number, TreeConnect>();
  /** By volatile id. */
  readonly opens = new Map<number, Open>();
  /** Opens that watch their directory. */
  watches = 0;
  #nextTreeId = 1;

  constructor(sessionId: number, connection: Connection, creationTimeMs: number) {
    this.sessionId = sessionId;
    this.connection = connection;
    this.creationTimeMs = creationTimeMs;
  }

  /** Tree ids are small and per session; 0 and all ones mean none. */
  newTreeId(): number {
    for (;;) {
      const id = this.#nextTreeId;
      this.#nextTreeId = id === 0xffff_fffe ? 1 : id + 1;
      if (!this.trees.has(id)) return id;
    }
  }

  /** Guest and anonymous sessions have no keys: nothing of theirs is signed or encrypted. */
  get hasKeys(): boolean {
    return this.channels.size > 0;
  }
}
