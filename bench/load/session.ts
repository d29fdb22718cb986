/**
 * A session on a share at SMB 3.1.1 (MS-SMB2 3.2.4.2 to 3.2.5.5), one request at a time: what comes
 * before and after the measuring. Of signing algorithms and ciphers one is offered, so that a run is
 * what it says it is.
 */
import { randomBytes } from 'node:crypto';
import { createInitiator } from '../../src/auth/initiator.ts';
import { type CipherId, createMessageCipher, type MessageCipher } from '../../src/crypto/cipher.ts';
import { extendPreauthHash, initialPreauthHash } from '../../src/crypto/preauth.ts';
import {
  deriveChannelSigningKey,
  deriveSessionKeys,
  type SessionKeys,
} from '../../src/crypto/session-keys.ts';
import { createSigner, type Signer, SigningAlgorithm } from '../../src/crypto/signing.ts';
import {
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_PENDING,
  STATUS_SUCCESS,
  statusName,
} from '../../src/dtyp/ntstatus.ts';
import {
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_GLOBAL_CAP_LARGE_MTU,
  SMB2_GLOBAL_CAP_MULTI_CHANNEL,
  SMB2_NEGOTIATE_SIGNING_ENABLED,
} from '../../src/smb2/capabilities.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { encodeEchoRequest } from '../../src/smb2/echo.ts';
import {
  Command,
  commandName,
  encodeHeader,
  getMessageId,
  isSigned,
  protocolOf,
  readHeader,
  SMB2_FLAGS_SIGNED,
} from '../../src/smb2/header.ts';
import { encodeLogoffRequest } from '../../src/smb2/logoff.ts';
import { decodeNegotiateResponse, encodeNegotiateRequest } from '../../src/smb2/negotiate.ts';
import {
  decodeEncryptionCapabilities,
  decodeSigningCapabilities,
  encodeEncryptionCapabilities,
  encodePreauthIntegrityCapabilities,
  encodeSigningCapabilities,
  HashAlgorithm,
  NegotiateContextType,
  negotiateContextsOf,
} from '../../src/smb2/negotiate-contexts.ts';
import {
  decodeSessionSetupResponse,
  encodeSessionSetupRequest,
  SMB2_SESSION_FLAG_BINDING,
} from '../../src/smb2/session-setup.ts';
import { encodeTreeConnectRequest } from '../../src/smb2/tree-connect.ts';
import { LoadError } from './load-error.ts';
import { Wire } from './wire.ts';

export type Mode = 'plain' | 'signed' | 'encrypted';

export interface SessionOptions {
  readonly port: number;
  readonly share: string;
  readonly user: string;
  readonly password: string;
  readonly mode: Mode;
  readonly signing: SigningAlgorithm;
  readonly cipher: CipherId;
  /** The C program, which answers without a session: nothing is negotiated and nobody logs on. */
  readonly bare: boolean;
}

/** What protects the messages of a session. */
export type Secured = Pick<Session, 'mode' | 'sessionId' | 'signingAlgorithm' | 'cipher' | 'keys'>;

/** Asked for with each request of the set-up, so that the measured depth finds its credits. */
const CREDITS_ASKED = 256;
/** ECHOs that may be spent on gathering credits. */
const CREDIT_ATTEMPTS = 64;
/** The C program counts none. */
const BARE_CREDITS = 8192;

/** 3.2.4.1.1: at 3.1.1 a TREE_CONNECT is signed or encrypted in any case, and so is what binds a channel. */
const SIGNED_ALWAYS: readonly Command[] = [Command.TREE_CONNECT, Command.SESSION_SETUP];

export class Session {
  readonly mode: Mode;
  readonly bare: boolean;
  readonly wire: Wire;
  sessionId = 0;
  treeId = 0;
  nextMessageId = 0;
  credits = 1;
  maxReadSize = 0;
  maxWriteSize = 0;
  /** As the server chose; 3.1.4.1: AES-CMAC when it chose none. */
  signingAlgorithm: SigningAlgorithm = SigningAlgorithm.AES_CMAC;
  /** As the server chose; undefined when it encrypts nothing. */
  cipher: CipherId | undefined;
  keys: SessionKeys | undefined;
  /** The session whose channel this connection is (3.2.4.1.7); its trees are this one's. */
  readonly #bound: Session | undefined;
  readonly #clientGuid: Buffer;
  #preauth = initialPreauthHash();
  #signer: Signer | undefined;
  #sealer: MessageCipher | undefined;

  constructor(options: SessionOptions, bound?: Session) {
    this.mode = options.mode;
    this.bare = options.bare;
    this.#bound = bound;
    this.#clientGuid = bound === undefined ? randomBytes(16) : bound.#clientGuid;
    this.wire = new Wire(options.port);
    if (options.bare) {
      this.credits = BARE_CREDITS;
      return;
    }
    try {
      this.#negotiate(options);
      this.#logOn(options);
      if (this.mode === 'encrypted') this.#beginEncryption();
      if (bound === undefined) this.#connectTree(options.share);
      else this.treeId = bound.treeId;
    } catch (error) {
      this.wire.close();
      throw error;
    }
  }

  #negotiate({ signing, cipher }: SessionOptions): void {
    const type = NegotiateContextType;
    const preauth = { hashAlgorithms: [HashAlgorithm.SHA_512], salt: randomBytes(32) };
    const body = encodeNegotiateRequest({
      securityMode: SMB2_NEGOTIATE_SIGNING_ENABLED,
      capabilities:
        SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_MULTI_CHANNEL | SMB2_GLOBAL_CAP_ENCRYPTION,
      clientGuid: this.#clientGuid,
      dialects: [Dialect.SMB3_11],
      negotiateContexts: [
        {
          type: type.PREAUTH_INTEGRITY_CAPABILITIES,
          data: encodePreauthIntegrityCapabilities(preauth),
        },
        { type: type.ENCRYPTION_CAPABILITIES, data: encodeEncryptionCapabilities([cipher]) },
        { type: type.SIGNING_CAPABILITIES, data: encodeSigningCapabilities([signing]) },
      ],
    });
    const response = this.#exchange(Command.NEGOTIATE, body);
    this.#preauth = extendPreauthHash(this.#preauth, response);
    const { negotiateContexts, maxReadSize, maxWriteSize } = decodeNegotiateResponse(response);
    this.maxReadSize = maxReadSize;
    this.maxWriteSize = maxWriteSize;
    const [ciphers] = negotiateContextsOf(negotiateContexts, type.ENCRYPTION_CAPABILITIES);
    if (ciphers !== undefined && decodeEncryptionCapabilities(ciphers)[0] === cipher) {
      this.cipher = cipher;
    }
    const [algorithms] = negotiateContextsOf(negotiateContexts, type.SIGNING_CAPABILITIES);
    if (algorithms !== undefined && decodeSigningCapabilities(algorithms)[0] === signing) {
      this.signingAlgorithm = signing;
    }
  }

  #logOn({ user, password }: SessionOptions): void {
    const initiator = createInitiator({ credentials: { user, secret: password } });
    let token = initiator.start();
    const bound = this.#bound;
    if (bound !== undefined) {
      this.sessionId = bound.sessionId;
      this.#signer = createSigner(bound.signingAlgorithm, bound.keys!.signingKey);
    }
    for (;;) {
      const body = encodeSessionSetupRequest({
        flags: bound === undefined ? 0 : SMB2_SESSION_FLAG_BINDING,
        securityMode: SMB2_NEGOTIATE_SIGNING_ENABLED,
        capabilities: 0,
        previousSessionId: 0,
        securityBuffer: token,
      });
      const response = this.#exchange(Command.SESSION_SETUP, body, STATUS_MORE_PROCESSING_REQUIRED);
      const header = readHeader(response);
      this.sessionId = header.sessionId;
      const step = initiator.step(decodeSessionSetupResponse(response).securityBuffer);
      if (step.kind === 'continue') {
        this.#preauth = extendPreauthHash(this.#preauth, response);
        token = step.token;
        continue;
      }
      if (step.kind === 'refused' || step.sessionKey === undefined) {
        throw new LoadError('the log-on came to no session key');
      }
      this.#deriveKeys(step.sessionKey);
      this.#check(response);
      return;
    }
  }

  #deriveKeys(sessionKey: Buffer): void {
    const { cipher } = this;
    const preauthHash = this.#preauth;
    const dialect = Dialect.SMB3_11;
    // 3.2.5.3.3: a channel signs with a key of its own, and encrypts with the session's.
    this.keys =
      this.#bound === undefined
        ? deriveSessionKeys({ dialect, sessionKey, preauthHash, cipher })
        : {
            ...this.#bound.keys!,
            signingKey: deriveChannelSigningKey({ dialect, sessionKey, preauthHash }),
          };
    this.#signer = createSigner(this.signingAlgorithm, this.keys.signingKey);
  }

  #beginEncryption(): void {
    const { cipher } = this;
    const { encryptionKey, decryptionKey } = this.keys!;
    if (cipher === undefined || encryptionKey === undefined || decryptionKey === undefined) {
      throw new LoadError('the server does not offer the cipher');
    }
    // The names are the server's.
    this.#sealer = createMessageCipher({
      cipher,
      encryptionKey: decryptionKey,
      decryptionKey: encryptionKey,
    });
  }

  #connectTree(share: string): void {
    const path = `\\\\127.0.0.1\\${share}`;
    const body = encodeTreeConnectRequest({ flags: 0, path });
    this.treeId = readHeader(this.#exchange(Command.TREE_CONNECT, body)).treeId;
  }

  /** Sends a request and gives the response, whose status must be success. */
  request(command: Command, body: Buffer, payloadBytes = 0): Buffer {
    return this.#exchange(command, body, undefined, payloadBytes);
  }

  /** ECHOs until there are so many credits, or as many as the server will give. */
  gatherCredits(wanted: number): void {
    for (let i = 0; i < CREDIT_ATTEMPTS && this.credits < wanted; i++) {
      this.request(Command.ECHO, encodeEchoRequest());
    }
  }

  logOff(): void {
    if (this.bare || this.#bound !== undefined) return;
    this.request(Command.LOGOFF, encodeLogoffRequest());
  }

  #exchange(command: Command, body: Buffer, other = STATUS_SUCCESS, payloadBytes = 0): Buffer {
    const creditCharge = Math.max(1, Math.ceil(payloadBytes / 65_536));
    const signs =
      this.#sealer === undefined &&
      this.#signer !== undefined &&
      (this.mode === 'signed' || SIGNED_ALWAYS.includes(command)) &&
      command !== Command.NEGOTIATE;
    const messageId = this.nextMessageId;
    const header = encodeHeader({
      command,
      creditCharge,
      creditRequest: CREDITS_ASKED,
      flags: signs ? SMB2_FLAGS_SIGNED : 0,
      messageId,
      sessionId: this.sessionId,
      treeId: this.treeId,
    });
    this.nextMessageId += creditCharge;
    this.credits -= creditCharge;
    if (signs) this.#signer!.sign([header, body]);
    if (this.keys === undefined) this.#preauth = extendPreauthHash(this.#preauth, header, body);
    this.wire.send(this.#sealer?.seal(this.sessionId, [header, body]) ?? [header, body]);
    const response = this.#response(messageId);
    const { status } = readHeader(response);
    if (status !== STATUS_SUCCESS && status !== other) {
      throw new LoadError(`${commandName(command)}: ${statusName(status)}`);
    }
    return response;
  }

  #response(messageId: number): Buffer {
    for (;;) {
      const frame = this.wire.receive();
      const isSealed = protocolOf(frame) === 'transform';
      if (isSealed !== (this.#sealer !== undefined)) {
        throw new LoadError(isSealed ? 'an encrypted reply' : 'a reply that is not encrypted');
      }
      const message = this.#sealer === undefined ? frame : this.#sealer.open(frame);
      if (message === undefined) throw new LoadError('a reply does not decrypt');
      if (getMessageId(message) !== messageId) throw new LoadError('a reply to no request');
      const { creditRequest, status } = readHeader(message);
      this.credits += creditRequest;
      if (status === STATUS_PENDING) continue;
      // What ends the log-on is signed with the key that comes of it.
      const endsLogOn = this.keys === undefined && status === STATUS_SUCCESS;
      if (this.#sealer === undefined && this.#signer !== undefined && !endsLogOn) {
        this.#check(message);
      }
      return message;
    }
  }

  /** The signature of a response, where it has or must have one. */
  #check(message: Buffer): void {
    const isLogOn = readHeader(message).command === Command.SESSION_SETUP;
    const signed = isSigned(readHeader(message));
    if (!signed && (isLogOn || this.mode === 'signed')) throw new LoadError('an unsigned reply');
    if (signed && !this.#signer!.verify(message)) throw new LoadError('a wrong signature');
  }
}
