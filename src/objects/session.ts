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
import type { Connection, PendingRequest } from './connection.ts';
import type { Open } from './open.ts';
import type { TreeConnect } from './tree-connect.ts';

export interface Channel {
  readonly connection: Connection;
  /** Channel.SigningKey; until the first login is done, and for a guest, there is none. */
  readonly signer: Signer | undefined;
}

/** What the connections of a session's channels have to agree on. */
export interface ChannelTerms {
  readonly revision: number;
  readonly cipherId: number;
  readonly signingAlgorithm: number;
}

/** A client that asked for Apple's extensions (the create context AAPL), and what it was told. */
export interface AppleClient {
  /** Listings hold what READ_DIR_ATTR says in place of short names and sizes of EAs. */
  readonly listsAttributes: boolean;
  /** They say as well which names have no streams (READ_DIR_ATTR_V2). */
  readonly listsStreamless: boolean;
  /** Owner, group and mode stand in the ACLs that it reads and sets. */
  readonly nfsAces: boolean;
  /** A copy on the server may be of a whole file. */
  readonly copiesFiles: boolean;
}

export type SessionState = 'inProgress' | 'valid' | 'expired' | 'gone';

export class Session {
  readonly sessionId: number;
  readonly creationTimeMs: number;
  /** Session.ExpirationTime, as Date.now() counts. */
  expiresAtMs = Infinity;
  #state: SessionState = 'inProgress';
  account: Account | undefined;
  signingRequired = false;
  /** Session.EncryptData: only encrypted requests are taken. */
  encryptData = false;
  cipher: MessageCipher | undefined;
  /** There is a cipher, here or at the worker that serves the session's connections. */
  canEncrypt = false;
  /** Session.SigningKey: verifies requests to bind the session to a further connection. */
  signer: Signer | undefined;
  /** Session.ApplicationKey: what RPC has for a session key. */
  applicationKey: Buffer | undefined;
  /** Session.ChannelList, oldest first. */
  readonly channels = new Map<Connection, Channel>();
  readonly trees = new Map<number, TreeConnect>();
  /** By volatile id. */
  readonly opens = new Map<number, Open>();
  /** Requests of a channel that is gone which go on, for another one to ask after. */
  readonly orphans = new Set<PendingRequest>();
  apple: AppleClient | undefined;
  /** Opens that watch their directory. */
  watches = 0;
  readonly #terms: ChannelTerms | undefined;
  #nextTreeId = 1;

  /** It begins on a connection; or is a copy of one that other workers have, and has no channel here yet. */
  constructor(sessionId: number, begins: Connection | ChannelTerms, creationTimeMs: number) {
    this.sessionId = sessionId;
    this.creationTimeMs = creationTimeMs;
    if ('transport' in begins) this.addChannel(begins, undefined);
    else this.#terms = begins;
  }

  /** The channel of this connection, which was there before or is new. */
  addChannel(connection: Connection, signer: Signer | undefined): void {
    this.channels.set(connection, { connection, signer });
    connection.sessions.set(this.sessionId, this);
  }

  /** Those of Session.Connection, its oldest channel. */
  get terms(): ChannelTerms {
    if (this.#terms !== undefined) return this.#terms;
    const { dialect, cipherId, signingAlgorithm } = this.channels.keys().next().value!;
    return { revision: dialect!.revision, cipherId, signingAlgorithm };
  }

  signerOn(connection: Connection): Signer | undefined {
    return this.channels.get(connection)?.signer;
  }

  /** A ticket that runs out is found when somebody looks: nothing has to happen at the hour. */
  get state(): SessionState {
    if (this.#state === 'valid' && this.expiresAtMs !== Infinity) {
      if (Date.now() >= this.expiresAtMs) this.#state = 'expired';
    }
    return this.#state;
  }

  set state(state: SessionState) {
    this.#state = state;
  }

  /** Tree ids are small and per session; 0 and all ones mean none. */
  newTreeId(): number {
    for (;;) {
      const id = this.#nextTreeId;
      this.#nextTreeId = id === 0xffff_fffe ? 1 : id + 1;
      if (!this.trees.has(id)) return id;
    }
  }

  /**
   * Only a user has keys that are worth something: a guest has none, and those of an anonymous session
   * everybody knows. It may sign and encrypt with them, and nothing is believed for it.
   */
  get isUser(): boolean {
    return this.account?.kind === 'user';
  }
}
