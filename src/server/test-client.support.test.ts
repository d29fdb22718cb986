/**
 * The other end of a FakeTransport: makes requests byte by byte and takes answers apart, checking what
 * every answer must be (3.3.4.1). Without opinions on what may be sent. No tests of its own.
 */
import assert from 'node:assert/strict';
import { createMessageCipher, type MessageCipher } from '../crypto/cipher.ts';
import { extendPreauthHash, initialPreauthHash, type PreauthHash } from '../crypto/preauth.ts';
import { deriveChannelSigningKey, deriveSessionKeys } from '../crypto/session-keys.ts';
import { createSigner, type Signer, SigningAlgorithm } from '../crypto/signing.ts';
import {
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_PENDING,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { SMB2_GLOBAL_CAP_ENCRYPTION } from '../smb2/capabilities.ts';
import { encodeCloseRequest } from '../smb2/close.ts';
import { joinCompound, splitCompound } from '../smb2/compound.ts';
import {
  type CreateRequest,
  type CreateResponse,
  decodeCreateResponse,
  encodeCreateRequest,
} from '../smb2/create.ts';
import { FILE_OPEN_IF } from '../smb2/create-options.ts';
import { Dialect } from '../smb2/dialect.ts';
import {
  addFlags,
  Command,
  encodeHeader,
  type Header,
  isAsync,
  isSigned,
  protocolOf,
  readHeader,
  SMB2_FLAGS_RELATED_OPERATIONS,
  SMB2_FLAGS_SIGNED,
  UNSOLICITED_MESSAGE_ID,
} from '../smb2/header.ts';
import { decodeNegotiateResponse, encodeNegotiateRequest } from '../smb2/negotiate.ts';
import {
  decodeEncryptionCapabilities,
  decodeSigningCapabilities,
  encodeEncryptionCapabilities,
  encodePreauthIntegrityCapabilities,
  encodeSigningCapabilities,
  NegotiateContextType,
  negotiateContextsOf,
} from '../smb2/negotiate-contexts.ts';
import {
  decodeOplockBreakNotification,
  type OplockBreakNotification,
} from '../smb2/oplock-break.ts';
import {
  decodeSessionSetupResponse,
  encodeSessionSetupRequest,
  SMB2_SESSION_FLAG_BINDING,
} from '../smb2/session-setup.ts';
import { encodeTreeConnectRequest } from '../smb2/tree-connect.ts';
import type { ConnectionHandler } from './serve-connection.ts';
import { type FakeTransport, sessionKeyOf, turns, type World } from './test-world.support.test.ts';

export interface Reply {
  readonly header: Header;
  readonly status: number;
  /** The whole message with its padding. */
  readonly message: Buffer;
  /** Number of the frame it came in, and its place there. */
  readonly frame: number;
  readonly member: number;
  readonly encrypted: boolean;
}

/** A session as the client knows it; `sign` and `seal` say how its requests go out. */
export interface ClientSession {
  sessionId: number;
  readonly flags: number;
  readonly signer: Signer | undefined;
  readonly cipher: MessageCipher | undefined;
  sign: boolean;
  seal: boolean;
}

export interface Draft {
  readonly command: number;
  readonly body: Buffer;
  readonly treeId?: number;
  readonly flags?: number;
  readonly related?: boolean;
  readonly credits?: number;
  readonly charge?: number;
  readonly messageId?: number;
  readonly asyncId?: number;
  readonly sessionId?: number;
  /** ChannelSequence. */
  readonly sequence?: number;
}

export interface BindOptions {
  readonly user?: string;
  readonly password?: string;
  readonly sign?: boolean;
  readonly previous?: number;
  readonly sessionId?: number;
}

export interface FileId {
  readonly persistentId: number;
  readonly volatileId: number;
}

const ALL_ONES = 2 ** 64;

/** The server ended the connection. */
export class Disconnected extends Error {}

export class TestClient {
  readonly world: World;
  readonly transport: FakeTransport;
  readonly handler: ConnectionHandler;
  readonly replies: Reply[] = [];
  /** What the server sent unasked, and how many replies were there before. */
  readonly breaks: { readonly notification: OplockBreakNotification; readonly after: number }[] =
    [];
  dialect = 0;
  cipherId: number | undefined;
  signing: SigningAlgorithm = SigningAlgorithm.HMAC_SHA256;
  /** Ids that the server has granted and that are not used yet. */
  credits = 1;
  nextMessageId = 0;
  readonly sessions = new Map<number, ClientSession>();
  #preauth: PreauthHash = initialPreauthHash();
  #waiters: {
    messageId: number;
    resolve: (reply: Reply) => void;
    reject: (problem: Error) => void;
  }[] = [];
  #sent = new Map<number, { signed: boolean; sealed: boolean }>();

  constructor(world: World) {
    this.world = world;
    const { transport, handler } = world.accept();
    this.transport = transport;
    this.handler = handler;
    transport.onFrame = (frame) => this.#take(frame);
    transport.onClose = (reason) => {
      for (const { reject } of this.#waiters.splice(0)) reject(new Disconnected(reason));
    };
  }

  /** Sends one transport message; returns the MessageIds in it. */
  send(drafts: readonly Draft[], session?: ClientSession): number[] {
    const ids: number[] = [];
    const parts = drafts.map((draft): Buffer[] => {
      const messageId = draft.messageId ?? this.nextMessageId;
      const charge = draft.charge ?? (this.dialect > Dialect.SMB2_02 ? 1 : 0);
      if (draft.command !== Command.CANCEL && draft.messageId === undefined) {
        this.nextMessageId += Math.max(1, charge);
        this.credits -= Math.max(1, charge);
      }
      ids.push(messageId);
      const header = encodeHeader({
        command: draft.command,
        creditCharge: charge,
        creditRequest: draft.credits ?? Math.max(1, charge),
        flags: (draft.flags ?? 0) | (draft.related ? SMB2_FLAGS_RELATED_OPERATIONS : 0),
        messageId,
        status: draft.sequence ?? 0,
        asyncId: draft.asyncId ?? 0,
        treeId: draft.treeId ?? (draft.related ? 0xffffffff : 0),
        sessionId: draft.sessionId ?? (draft.related ? ALL_ONES : (session?.sessionId ?? 0)),
      });
      return [Buffer.concat([header, draft.body])];
    });
    const sealed = session?.seal === true;
    const messages = joinCompound(parts).map((one) => Buffer.concat(one));
    for (const message of messages) {
      const header = readHeader(message);
      const signed = !sealed && session?.sign === true;
      if (signed) {
        addFlags(message, SMB2_FLAGS_SIGNED);
        session.signer!.sign([message]);
      }
      if (header.command !== Command.CANCEL) this.#sent.set(header.messageId, { signed, sealed });
    }
    const whole = Buffer.concat(messages);
    this.handler.receive(
      sealed ? Buffer.concat(session.cipher!.seal(session.sessionId, [whole])) : whole,
    );
    return ids;
  }

  /** The final answer to a request; rejects with Disconnected when there will be none. */
  final(messageId: number): Promise<Reply> {
    const found = this.finalNow(messageId);
    if (found !== undefined) return Promise.resolve(found);
    const { closeReason } = this.transport;
    if (closeReason !== undefined) return Promise.reject(new Disconnected(closeReason));
    return new Promise((resolve, reject) => this.#waiters.push({ messageId, resolve, reject }));
  }

  finalNow(messageId: number): Reply | undefined {
    return this.replies.find(
      ({ header, status }) => header.messageId === messageId && status !== STATUS_PENDING,
    );
  }

  interim(messageId: number): Reply | undefined {
    return this.replies.find(
      ({ header, status }) => header.messageId === messageId && status === STATUS_PENDING,
    );
  }

  async call(draft: Draft, session?: ClientSession): Promise<Reply> {
    const [id] = this.send([draft], session);
    return this.final(id!);
  }

  async chain(drafts: readonly Draft[], session?: ClientSession): Promise<Reply[]> {
    const ids = this.send(drafts, session);
    return Promise.all(ids.map((id) => this.final(id)));
  }

  async negotiate(
    dialects: readonly number[] = [Dialect.SMB3_11],
    {
      securityMode = 1,
      ciphers = [2],
      signings = [1],
      capabilities = 0x7f,
      clientGuid = Buffer.alloc(16, 7) as Buffer,
    } = {},
  ): Promise<Reply> {
    const contexts = [
      {
        type: NegotiateContextType.PREAUTH_INTEGRITY_CAPABILITIES,
        data: encodePreauthIntegrityCapabilities({ hashAlgorithms: [1], salt: Buffer.alloc(8) }),
      },
      {
        type: NegotiateContextType.ENCRYPTION_CAPABILITIES,
        data: encodeEncryptionCapabilities(ciphers),
      },
      {
        type: NegotiateContextType.SIGNING_CAPABILITIES,
        data: encodeSigningCapabilities(signings),
      },
    ];
    const body = encodeNegotiateRequest({
      securityMode,
      capabilities,
      clientGuid,
      dialects,
      negotiateContexts: dialects.includes(Dialect.SMB3_11) ? contexts : [],
    });
    const reply = await this.#hashed(() =>
      this.call({ command: Command.NEGOTIATE, body, credits: 16 }),
    );
    if (reply.status !== 0) return reply;
    const answer = decodeNegotiateResponse(reply.message);
    this.dialect = answer.dialectRevision;
    this.#agree(answer);
    return reply;
  }

  #agree(answer: ReturnType<typeof decodeNegotiateResponse>): void {
    const smb3 = this.dialect >= Dialect.SMB3_00;
    this.signing = smb3 ? SigningAlgorithm.AES_CMAC : SigningAlgorithm.HMAC_SHA256;
    if (smb3 && (answer.capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) !== 0) this.cipherId = 1;
    const { ENCRYPTION_CAPABILITIES, SIGNING_CAPABILITIES } = NegotiateContextType;
    const cipher = negotiateContextsOf(answer.negotiateContexts, ENCRYPTION_CAPABILITIES)[0];
    if (cipher !== undefined) this.cipherId = decodeEncryptionCapabilities(cipher)[0] || undefined;
    const signing = negotiateContextsOf(answer.negotiateContexts, SIGNING_CAPABILITIES)[0];
    if (signing !== undefined) {
      this.signing = decodeSigningCapabilities(signing)[0] as SigningAlgorithm;
    }
  }

  /** One step of a login; what it answers is the caller's to look at. */
  setup(
    token: string,
    over: { sessionId?: number; previous?: number; securityMode?: number; flags?: number } = {},
    session?: ClientSession,
  ): Promise<Reply> {
    const body = encodeSessionSetupRequest({
      flags: over.flags ?? 0,
      securityMode: over.securityMode ?? 1,
      capabilities: 0,
      previousSessionId: over.previous ?? 0,
      securityBuffer: Buffer.from(token),
    });
    const sessionId = over.sessionId ?? session?.sessionId ?? 0;
    return this.call({ command: Command.SESSION_SETUP, body, sessionId, credits: 32 }, session);
  }

  async login(
    user = 'ann',
    over: { previous?: number; securityMode?: number } = {},
  ): Promise<ClientSession> {
    const connection = this.#preauth;
    const first = await this.#hashed(() => this.setup(user, over));
    assert.equal(first.status, STATUS_MORE_PROCESSING_REQUIRED);
    const { sessionId } = first.header;
    let hash: PreauthHash | undefined;
    const last = await this.#hashed(
      () => this.setup(`${user}:right`, { ...over, sessionId }),
      (requestHash) => {
        hash = requestHash;
      },
    );
    this.#preauth = connection;
    assert.equal(last.status, 0);
    const { sessionFlags } = decodeSessionSetupResponse(last.message);
    const session = this.#established(user, sessionId, sessionFlags, hash!);
    if (session.signer !== undefined && user !== '') {
      assert.ok(isSigned(last.header), 'the end of a login is signed');
      assert.ok(session.signer.verify(last.message));
    }
    return session;
  }

  /** Makes this connection a channel of another one's session; what the last step answers. */
  async tryBind(
    session: ClientSession,
    { user = 'ann', password = 'right', sign = true, ...over }: BindOptions = {},
  ): Promise<{ last: Reply; channel: ClientSession | undefined }> {
    const connection = this.#preauth;
    const flags = SMB2_SESSION_FLAG_BINDING;
    const asked = { ...session, sign, seal: false };
    const first = await this.#hashed(() => this.setup(user, { flags, ...over }, asked));
    if (first.status !== STATUS_MORE_PROCESSING_REQUIRED) {
      this.#preauth = connection;
      return { last: first, channel: undefined };
    }
    assert.ok(session.signer!.verify(first.message), "signed with the session's key");
    let hash: PreauthHash | undefined;
    const last = await this.#hashed(
      () => this.setup(`${user}:${password}`, { flags, ...over }, asked),
      (requestHash) => {
        hash = requestHash;
      },
    );
    this.#preauth = connection;
    if (last.status !== 0) return { last, channel: undefined };
    const key = deriveChannelSigningKey({
      dialect: this.dialect,
      sessionKey: sessionKeyOf(user),
      preauthHash: hash,
    });
    const channel = { ...session, signer: createSigner(this.signing, key), sign: true };
    this.sessions.set(session.sessionId, channel);
    assert.ok(isSigned(last.header) && channel.signer.verify(last.message));
    return { last, channel };
  }

  async bind(session: ClientSession, options: BindOptions = {}): Promise<ClientSession> {
    const { last, channel } = await this.tryBind(session, options);
    assert.equal(last.status, 0, `binding: ${last.status.toString(16)}`);
    return channel!;
  }

  #established(user: string, sessionId: number, flags: number, hash: PreauthHash): ClientSession {
    const hasKeys = user !== 'guest';
    const keys = deriveSessionKeys({
      dialect: this.dialect,
      sessionKey: sessionKeyOf(user),
      preauthHash: hash,
      cipher: this.cipherId as never,
    });
    const session: ClientSession = {
      sessionId,
      flags,
      signer: hasKeys ? createSigner(this.signing, keys.signingKey) : undefined,
      cipher:
        hasKeys && this.cipherId !== undefined && keys.encryptionKey !== undefined
          ? createMessageCipher({
              cipher: this.cipherId as never,
              encryptionKey: keys.decryptionKey!,
              decryptionKey: keys.encryptionKey,
            })
          : undefined,
      sign: false,
      seal: false,
    };
    this.sessions.set(sessionId, session);
    return session;
  }

  async tree(session: ClientSession, share = 'share'): Promise<number> {
    const reply = await this.call(treeConnect(share), session);
    assert.equal(reply.status, 0, `tree connect to ${share}: ${reply.status.toString(16)}`);
    return reply.header.treeId;
  }

  /** CREATE; OPEN_IF with all access unless told otherwise. */
  async create(
    session: ClientSession,
    treeId: number,
    over: Partial<CreateRequest> & { name: string },
  ): Promise<{ status: number; reply: Reply; value: CreateResponse | undefined }> {
    const reply = await this.call({ ...create(over), treeId }, session);
    const { status } = reply;
    return { status, reply, value: status === 0 ? decodeCreateResponse(reply.message) : undefined };
  }

  async open(
    session: ClientSession,
    treeId: number,
    name: string,
    over: Partial<CreateRequest> = {},
  ): Promise<CreateResponse> {
    const { status, value } = await this.create(session, treeId, { ...over, name });
    assert.equal(status, 0, `CREATE of ${name}: ${status.toString(16)}`);
    return value!;
  }

  async close(session: ClientSession, treeId: number, id: FileId, flags = 0): Promise<number> {
    return (await this.call({ ...close(id, flags), treeId }, session)).status;
  }

  /** The connection is lost; everything settles. */
  async lost(): Promise<void> {
    await this.handler.closed();
    await turns();
  }

  async #hashed(
    exchange: () => Promise<Reply>,
    atRequest: (hash: PreauthHash) => void = () => {},
  ): Promise<Reply> {
    const { handler } = this;
    const receive = handler.receive.bind(handler);
    handler.receive = (message) => {
      this.#preauth = extendPreauthHash(this.#preauth, Buffer.from(message));
      atRequest(this.#preauth);
      receive(message);
    };
    try {
      const reply = await exchange();
      this.#preauth = extendPreauthHash(this.#preauth, reply.message);
      return reply;
    } finally {
      handler.receive = receive;
    }
  }

  #take(frame: Buffer): void {
    const encrypted = protocolOf(frame) === 'transform';
    const plain = encrypted ? this.#decrypt(frame) : frame;
    const number = this.transport.frames.length - 1;
    for (const [member, message] of splitCompound(plain).entries()) {
      const header = readHeader(message);
      if (header.messageId === UNSOLICITED_MESSAGE_ID) {
        const notification = decodeOplockBreakNotification(message);
        this.breaks.push({ notification, after: this.replies.length });
        continue;
      }
      const reply = { header, status: header.status, message, frame: number, member, encrypted };
      this.#checkReply(reply);
      this.credits += header.creditRequest;
      this.replies.push(reply);
    }
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      const found = this.finalNow(waiter.messageId);
      if (found === undefined) this.#waiters.push(waiter);
      else waiter.resolve(found);
    }
  }

  #decrypt(frame: Buffer): Buffer {
    const session = this.sessions.get(Number(frame.readBigUInt64LE(44)));
    assert.ok(session?.cipher !== undefined, 'encrypted for a session without a key');
    return session.cipher.open(frame) ?? assert.fail('an answer does not decrypt');
  }

  /** 3.3.4.1.1 and 3.3.4.1.4, for every answer whatever it says. */
  #checkReply({ header, status, message, member, encrypted }: Reply): void {
    const sent = this.#sent.get(header.messageId);
    assert.ok(sent !== undefined, `an answer to ${header.messageId}, which was not asked`);
    assert.ok((header.flags & 1) !== 0, 'an answer says that it is one');
    assert.equal(encrypted, sent.sealed, 'encrypted as the request was');
    if (member === 0) assert.equal(header.flags & SMB2_FLAGS_RELATED_OPERATIONS, 0);
    if (encrypted) {
      assert.ok(!isSigned(header) && header.signature.every((byte) => byte === 0));
      return;
    }
    const session = this.sessions.get(header.sessionId);
    if (sent.signed && session?.signer !== undefined) {
      assert.ok(isSigned(header), 'a signed request is answered signed');
    }
    // Who names a session that is gone names no key.
    if (status === STATUS_USER_SESSION_DELETED) return;
    if (isSigned(header) && session?.signer !== undefined) {
      assert.ok(session.signer.verify(message), 'an answer with a wrong signature');
    }
  }
}

export const isFinalAsync = ({ header, status }: Reply): boolean =>
  isAsync(header) && status !== STATUS_PENDING;

export const treeConnect = (share: string): Draft => ({
  command: Command.TREE_CONNECT,
  body: encodeTreeConnectRequest({ flags: 0, path: `\\\\server\\${share}` }),
});

export const create = (over: Partial<CreateRequest> & { name: string }): Draft => ({
  command: Command.CREATE,
  body: encodeCreateRequest({
    requestedOplockLevel: 0,
    impersonationLevel: 2,
    desiredAccess: 0x001f01ff,
    fileAttributes: 0,
    shareAccess: 7,
    createDisposition: FILE_OPEN_IF,
    createOptions: 0,
    createContexts: [],
    ...over,
  }),
});

export const close = (id: FileId, flags = 0): Draft => ({
  command: Command.CLOSE,
  body: encodeCloseRequest({ ...id, flags }),
});

/** The FileId of a related request. */
export const SAME: FileId = { persistentId: ALL_ONES, volatileId: ALL_ONES };

/** A client with a session and a tree connect. */
export async function connected(
  world: World,
  { dialect = Dialect.SMB3_11 as number, user = 'ann', share = 'share', clientGuid = 7 } = {},
): Promise<{ client: TestClient; session: ClientSession; treeId: number }> {
  const client = new TestClient(world);
  await client.negotiate([dialect], { clientGuid: Buffer.alloc(16, clientGuid) });
  const session = await client.login(user);
  session.sign = session.signer !== undefined && user !== '';
  const treeId = await client.tree(session, share);
  return { client, session, treeId };
}
