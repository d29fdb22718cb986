/**
 * MS-SMB2 3.3.1.8: a session, and 3.3.1.14 its channels.
 *
 *     inProgress ── login done ──▶ valid ── ticket runs out ──▶ expired
 *         │ ▲                        │                             │
 *         │ └──── reauthentication ──┴─────────────────────────────┘
 *         ▼ refused, LOGOFF, PreviousSessionId, last channel lost
 *       gone (in no table)
 *
 * A session lives on every connection of its channels; while one of them is there it is there.
 */
import type { MessageCipher } from '../crypto/cipher.ts';
import type { Signer } from '../crypto/signing.ts';
import type { Account } from '../ipc/control-plane.ts';
import type { Connection } from './connection.ts';
import type { Open } from './open.ts';
import type { TreeConnect } from './tree-connect.ts';

export interface Channel {
  readonly connection: Connection;
  /** Channel.SigningKey; until the first login is done, and for guest and anonymous, there is none. */
  readonly signer: Signer | undefined;
}

export class Session {
  readonly sessionId: number;
  readonly creationTimeMs: number;
  state: 'inProgress' | 'valid' | 'expired' | 'gone' = 'inProgress';
  account: Account | undefined;
  signingRequired = false;
  /** Session.EncryptData: only encrypted requests are taken. */
  encryptData = false;
  cipher: MessageCipher | undefined;
  /** Session.SigningKey: verifies requests to bind the session to a further connection. */
  signer: Signer | undefined;
  /** Session.ChannelList, oldest first. */
  readonly channels = new Map<Connection, Channel>();
  readonly trees = new Map<number, TreeConnect>();
  /** By volatile id. */
  readonly opens = new Map<number, Open>();
  /** Opens that watch their directory. */
  watches = 0;
  #nextTreeId = 1;

  constructor(sessionId: number, connection: Connection, creationTimeMs: number) {
    this.sessionId = sessionId;
    this.creationTimeMs = creationTimeMs;
    this.addChannel(connection, undefined);
  }

  /** The channel of this connection, which was there before or is new. */
  addChannel(connection: Connection, signer: Signer | undefined): void {
    this.channels.set(connection, { connection, signer });
    connection.sessions.set(this.sessionId, this);
  }

  signerOn(connection: Connection): Signer | undefined {
    return this.channels.get(connection)?.signer;
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
    return this.signer !== undefined;
  }
}
