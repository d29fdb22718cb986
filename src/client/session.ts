/** A client's session (MS-SMB2 3.2.1.3): who is logged in, with the keys that sign and encrypt. */
import type { MessageCipher } from '../crypto/cipher.ts';
import type { Signer } from '../crypto/signing.ts';
import { Dialect } from '../smb2/dialect.ts';
import { Command } from '../smb2/header.ts';
import { encodeLogoffRequest } from '../smb2/logoff.ts';
import { SMB2_SHAREFLAG_ENCRYPT_DATA } from '../smb2/share-flags.ts';
import { decodeTreeConnectResponse } from '../smb2/tree-connect.ts';
import { ProtocolViolation } from './client-error.ts';
import type { ClientConnection, SubmitOptions } from './connection.ts';
import { type Answer, type ClientRequest, type Exchange, succeed } from './exchange.ts';
import { type LoginOptions, login } from './login.ts';
import { treeConnectRequest } from './requests.ts';
import type { SecurityContext } from './security-context.ts';
import { ClientTree } from './tree.ts';
import { validateNegotiate } from './validate-negotiate.ts';

export type Identity = 'user' | 'guest' | 'anonymous';

export interface SessionKeysInUse {
  /** Of this connection's channel. */
  readonly signer: Signer | undefined;
  /** Session.SigningKey, which signs requests to bind the session to a further connection. */
  readonly sessionSigner: Signer | undefined;
  readonly cipher: MessageCipher | undefined;
  /** What RPC sees as the session key. */
  readonly applicationKey: Buffer | undefined;
}

export interface TreeConnectOptions {
  /** Encrypts what goes to this share, though neither server nor share ask for it. */
  readonly encrypt?: boolean;
  /** Instead of `\\server\share`. */
  readonly path?: string;
}

export class ClientSession implements SecurityContext {
  readonly connection: ClientConnection;
  readonly sessionId: number;
  readonly identity: Identity;
  /** Of the last SESSION_SETUP response. */
  readonly sessionFlags: number;
  readonly signer: Signer | undefined;
  readonly sessionSigner: Signer | undefined;
  readonly cipher: MessageCipher | undefined;
  readonly applicationKey: Buffer | undefined;
  readonly signs: boolean;
  encrypts: boolean;
  readonly #options: LoginOptions;
  #validated = false;

  constructor(
    connection: ClientConnection,
    who: { sessionId: number; identity: Identity; sessionFlags: number; encrypts: boolean },
    keys: SessionKeysInUse,
    options: LoginOptions,
  ) {
    this.connection = connection;
    this.sessionId = who.sessionId;
    this.identity = who.identity;
    this.sessionFlags = who.sessionFlags;
    this.encrypts = who.encrypts;
    this.signer = keys.signer;
    this.sessionSigner = keys.sessionSigner;
    this.cipher = keys.cipher;
    this.applicationKey = keys.applicationKey;
    this.signs = keys.signer !== undefined && (options.sign ?? true);
    this.#options = options;
    connection.securities.set(this.sessionId, this);
  }

  submit(requests: readonly ClientRequest[], options: SubmitOptions = {}): Promise<Exchange[]> {
    return this.connection.submit(requests, { security: this }, options);
  }

  request(request: ClientRequest, options: SubmitOptions = {}): Promise<Answer> {
    return this.connection.request(request, { security: this }, options);
  }

  /** At 3.0 and 3.0.2, before the first tree of a user is used, the negotiation is validated. */
  async treeConnect(share: string, options: TreeConnectOptions = {}): Promise<ClientTree> {
    const server = this.connection.options.serverName || this.connection.options.host;
    const path = options.path ?? `\\\\${server}\\${share}`;
    // 3.2.4.1.1: at 3.1.1 it is signed even where nothing else is.
    const is311 = this.connection.negotiated?.dialect === Dialect.SMB3_11;
    const protection = is311 ? 'sign' : 'auto';
    const answer = succeed(await this.request({ ...treeConnectRequest(path), protection }));
    const response = decodeTreeConnectResponse(answer.message);
    const { treeId } = answer.header;
    if (treeId === 0) throw new ProtocolViolation('TREE_CONNECT gave TreeId 0');
    const demanded = (response.shareFlags & SMB2_SHAREFLAG_ENCRYPT_DATA) !== 0;
    if (demanded && this.cipher === undefined) {
      throw new ProtocolViolation('the share wants encryption that was not negotiated');
    }
    const encrypt = options.encrypt ?? (demanded || this.encrypts);
    const tree = new ClientTree(this, { treeId, share, response, encrypt });
    if (!this.#validated) {
      this.#validated = true;
      if (this.#options.validateNegotiate ?? true) await validateNegotiate(tree);
    }
    return tree;
  }

  async logoff(): Promise<void> {
    succeed(await this.request({ command: Command.LOGOFF, body: encodeLogoffRequest() }));
    this.connection.securities.delete(this.sessionId);
  }

  /** 3.2.4.2.3.3: makes a further connection a channel of this session; what comes back is used on that one. */
  bind(connection: ClientConnection, options: Partial<LoginOptions> = {}): Promise<ClientSession> {
    return login(connection, { ...this.#options, ...options }, undefined, this);
  }

  /** 3.2.4.2.3.2: logs in again under the same SessionId; keys stay those of the first login. */
  async reauthenticate(options: Partial<LoginOptions> = {}): Promise<void> {
    await login(this.connection, { ...this.#options, ...options }, this);
  }
}
