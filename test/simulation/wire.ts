/**
 * One connection of a simulated client: makes requests, and takes what the server sends apart the moment
 * it is sent, for those who judge the server. To the client it comes later, when the scheduler has it so.
 */
import { STATUS_PENDING } from '../../src/dtyp/ntstatus.ts';
import { decodeNotifyInformation } from '../../src/fscc/notify-information.ts';
import {
  type ClientSession,
  type Draft,
  TestClient,
  treeConnect,
} from '../../src/server/test-client.support.test.ts';
import { encodeCancelRequest } from '../../src/smb2/cancel.ts';
import { decodeChangeNotifyResponse } from '../../src/smb2/change-notify.ts';
import { splitCompound } from '../../src/smb2/compound.ts';
import { decodeCreateResponse } from '../../src/smb2/create.ts';
import { decodeLease, decodeQueryOnDiskIdResponse } from '../../src/smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../../src/smb2/create-contexts.ts';
import {
  Command,
  isAsync,
  readHeader,
  SMB2_FLAGS_ASYNC_COMMAND,
  UNSOLICITED_MESSAGE_ID,
} from '../../src/smb2/header.ts';
import { decodeOplockBreakNotification } from '../../src/smb2/oplock-break.ts';
import { SMB2_LEASE_FLAG_BREAK_IN_PROGRESS } from '../../src/smb2/oplock-levels.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { decodeTreeConnectResponse } from '../../src/smb2/tree-connect.ts';
import { describeAnswer, describeNotification, describeWish } from './describe.ts';
import { draftOf } from './drafts.ts';
import type { Answer, Ask, AskOf, GrantedCaching, Opened, Wish } from './history.ts';
import type { Stage } from './stage.ts';

const DIRECTORY = 0x10;
/** Messages of a client that are under way at once: its credits. */
const CREDITS_KEPT = 4;

/** One of the connections of a session. */
interface Channel {
  readonly number: number;
  readonly client: TestClient;
  readonly session: ClientSession;
}

const keyOf = ({ number }: Channel, messageId: number): string => `${number}:${messageId}`;

export class Wire {
  readonly name: string;
  readonly clientGuid: Buffer;
  readonly user: string;
  readonly #stage: Stage;
  /** Those that are alive; MS-SMB2 3.2.1.8. */
  #channels: Channel[] = [];
  #nextChannel = 0;
  #treeId: number | undefined;
  /** By channel and MessageId. */
  readonly asks = new Map<string, Ask>();
  readonly #channelOf = new Map<Ask, Channel>();
  /** What the server has sent and the client has not got yet. */
  readonly underway: (() => void)[] = [];
  alive = true;
  loggedOff = false;
  /** What was told on it may be told again on another: 3.3.4.6, 3.3.4.7. */
  hasLostChannel = false;
  /** The server has given up all that it held for a cut connection. */
  over = true;
  onAnswer: (ask: Ask, answer: Answer) => void = () => {};
  onBreak: (notification: ReturnType<typeof decodeOplockBreakNotification>) => void = () => {};

  private constructor(
    stage: Stage,
    { name, clientGuid, user }: { name: string; clientGuid: Buffer; user: string },
    client: TestClient,
    session: ClientSession,
  ) {
    this.#stage = stage;
    this.name = name;
    this.clientGuid = clientGuid;
    this.user = user;
    this.#add(client, session);
  }

  #add(client: TestClient, session: ClientSession): void {
    const channel: Channel = { number: this.#nextChannel++, client, session };
    this.#channels.push(channel);
    client.transport.onFrame = (frame) => this.#take(channel, frame);
    client.transport.onClose = (reason) => {
      if (!this.alive || !this.#channels.includes(channel)) return;
      // Without a session it ends in time.
      if (this.loggedOff) this.cut();
      else this.#stage.fail('a connection ends for a reason', `${this.name}: ${reason}`);
    };
  }

  get channels(): number {
    return this.#channels.length;
  }

  /** One connection more for the session: 3.2.4.2.3.3, at 3.x. */
  async bind(dialect: number): Promise<void> {
    const [first] = this.#channels;
    const client = new TestClient(this.#stage.world);
    await client.negotiate([dialect], { clientGuid: this.clientGuid });
    const channel = await client.bind(first!.session, { user: this.user });
    this.#add(client, channel);
    this.#stage.trace(`${this.name} has ${this.channels} channels`);
  }

  /** One of several connections is lost, on which nothing is asked; the session stays. */
  cutChannel(): void {
    const busy = new Set([...this.asks.values()].map((ask) => this.#channelOf.get(ask)));
    const idle = this.#channels.filter((channel) => !busy.has(channel));
    if (this.channels < 2 || idle.length === 0) return;
    const lost = this.#stage.random.pick(idle);
    this.#channels = this.#channels.filter((channel) => channel !== lost);
    this.hasLostChannel = true;
    this.#stage.trace(`${this.name} loses channel ${lost.number}`);
    void lost.client.handler.closed();
  }

  static async connect(
    stage: Stage,
    who: { name: string; clientGuid: Buffer; user: string; dialect: number },
  ): Promise<Wire> {
    const client = new TestClient(stage.world);
    await client.negotiate([who.dialect], { clientGuid: who.clientGuid });
    const session = await client.login(who.user);
    const wire = new Wire(stage, who, client, session);
    wire.ask({ kind: 'treeConnect' });
    return wire;
  }

  get hasTree(): boolean {
    return this.#treeId !== undefined;
  }

  get isConnecting(): boolean {
    return [...this.asks.values()].some(({ wish }) => wish.kind === 'treeConnect');
  }

  get mayAsk(): boolean {
    return this.alive && this.#channels.some(({ client }) => client.credits > CREDITS_KEPT);
  }

  ask<W extends Wish>(wish: W): Ask<W> {
    const draft: Draft = wish.kind === 'treeConnect' ? treeConnect('share') : draftOf(wish);
    const stage = this.#stage;
    stage.moment += 1;
    const usable = this.#channels.filter(({ client }) => client.credits > CREDITS_KEPT);
    const channel = usable.length === 0 ? this.#channels[0]! : stage.random.pick(usable);
    const messageId = channel.client.nextMessageId;
    const ask: Ask<W> = {
      number: stage.moment,
      wire: this,
      wish,
      messageId,
      at: stage.moment,
      asyncId: 0,
      interimAt: undefined,
      answeredAt: undefined,
      status: undefined,
      cancelled: false,
      opened: undefined,
    };
    this.asks.set(keyOf(channel, messageId), ask as unknown as Ask);
    this.#channelOf.set(ask as unknown as Ask, channel);
    if (stage.tracing) stage.trace(`${this.name} asks ${ask.number}: ${describeWish(wish)}`);
    stage.witness?.asked(ask as unknown as Ask);
    if (wish.kind === 'treeDisconnect') this.#treeId = undefined;
    if (wish.kind === 'logoff') this.loggedOff = true;
    const treeId = draft.treeId ?? this.#treeId ?? this.#lastTreeId;
    channel.client.send([{ ...draft, treeId, credits: 8 }], channel.session);
    return ask;
  }

  cancel(ask: Ask): void {
    if (!this.alive || ask.answeredAt !== undefined) return;
    this.#stage.moment += 1;
    this.#stage.trace(`${this.name} cancels ${ask.number}`);
    ask.cancelled = true;
    this.#stage.witness?.cancelled(ask);
    const isPending = ask.asyncId !== 0;
    const draft: Draft = {
      command: Command.CANCEL,
      body: encodeCancelRequest(),
      messageId: ask.messageId,
      ...(isPending && { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId: ask.asyncId }),
    };
    const { client, session } = this.#channelOf.get(ask)!;
    client.send([draft], session);
  }

  /** The connection is lost: nothing that is under way arrives any more. */
  cut(): void {
    if (!this.alive) return;
    const stage = this.#stage;
    stage.moment += 1;
    stage.trace(`${this.name} is cut off`);
    this.alive = false;
    this.over = false;
    this.underway.length = 0;
    stage.witness?.cut(this);
    const closed = this.#channels.map(({ client }) => client.handler.closed());
    void Promise.all(closed).then(() => {
      this.over = true;
      stage.witness?.over(this);
    });
  }

  #lastTreeId = 1;

  #take(channel: Channel, frame: Buffer): void {
    const stage = this.#stage;
    // Its other channels may be a moment longer there than the first.
    if (!this.alive) return;
    for (const message of splitCompound(frame)) {
      const header = readHeader(message);
      stage.moment += 1;
      channel.client.credits += header.creditRequest;
      if (header.messageId === UNSOLICITED_MESSAGE_ID) {
        this.#takeBreak(message);
        continue;
      }
      const ask = this.asks.get(keyOf(channel, header.messageId));
      if (ask === undefined) {
        stage.fail('one final answer to each request', `${this.name}: ${header.messageId} again`);
        continue;
      }
      if (header.status === STATUS_PENDING && isAsync(header)) {
        if (ask.interimAt !== undefined) {
          stage.fail('one interim answer at most', `${this.name}: ${describeWish(ask.wish)}`);
        }
        ask.interimAt = stage.moment;
        ask.asyncId = header.asyncId;
        if (stage.tracing) stage.trace(`    server: ${ask.number} has to wait`);
        stage.witness?.interim(ask);
        continue;
      }
      this.asks.delete(keyOf(channel, header.messageId));
      this.#takeFinal(ask, header.status, message);
    }
  }

  #takeFinal(ask: Ask, status: number, message: Buffer): void {
    const stage = this.#stage;
    ask.status = status;
    ask.answeredAt = stage.moment;
    const answer = this.#decode(ask, status, message);
    if (stage.tracing) stage.trace(`    server: ${ask.number} ${describeAnswer(ask, answer)}`);
    stage.witness?.answered(ask, answer);
    this.underway.push(() => {
      if (stage.tracing) stage.trace(`${this.name} gets ${ask.number}`);
      this.onAnswer(ask, answer);
    });
  }

  #takeBreak(message: Buffer): void {
    const stage = this.#stage;
    const notification = decodeOplockBreakNotification(message);
    const text = stage.tracing ? describeNotification(notification) : '';
    stage.trace(`    server: ${this.name}, ${text}`);
    stage.witness?.told(this, notification);
    this.underway.push(() => {
      stage.trace(`${this.name} hears ${text}`);
      this.onBreak(notification);
    });
  }

  #decode(ask: Ask, status: number, message: Buffer): Answer {
    if (status !== 0) return { status };
    switch (ask.wish.kind) {
      case 'create':
        return this.#decodeCreate(ask as AskOf<'create'>, message);
      case 'reclaim':
        return this.#decodeReclaim(ask as unknown as AskOf<'reclaim'>, message);
      case 'read':
        return { status, data: decodeReadResponse(message).data };
      case 'notify': {
        const { outputBuffer } = decodeChangeNotifyResponse(message);
        return { status, changes: decodeNotifyInformation(outputBuffer) };
      }
      case 'treeConnect':
        decodeTreeConnectResponse(message);
        this.#treeId = readHeader(message).treeId;
        this.#lastTreeId = this.#treeId;
        return { status };
      default:
        return { status };
    }
  }

  #decodeReclaim(ask: AskOf<'reclaim'>, message: Buffer): Answer {
    const response = decodeCreateResponse(message);
    const { persistentId, volatileId } = response;
    ask.opened = { ...ask.wish.of, number: this.#stage.moment, persistentId, volatileId };
    return { status: 0, caching: cachingOf(response) };
  }

  #decodeCreate(ask: AskOf<'create'>, message: Buffer): Answer {
    const response = decodeCreateResponse(message);
    const disk = findCreateContext(response.createContexts, CreateContextName.QUERY_ON_DISK_ID)!;
    const opened: Opened = {
      number: this.#stage.moment,
      ask,
      persistentId: response.persistentId,
      volatileId: response.volatileId,
      file: decodeQueryOnDiskIdResponse(disk).diskFileId,
      isDirectory: (response.fileAttributes & DIRECTORY) !== 0,
    };
    ask.opened = opened;
    return { status: 0, caching: cachingOf(response), action: response.createAction };
  }
}

function cachingOf(response: ReturnType<typeof decodeCreateResponse>): GrantedCaching {
  const { createContexts } = response;
  const data = findCreateContext(createContexts, CreateContextName.LEASE);
  const durable = [
    CreateContextName.DURABLE_HANDLE_REQUEST,
    CreateContextName.DURABLE_HANDLE_REQUEST_V2,
  ].some((name) => findCreateContext(createContexts, name) !== undefined);
  if (data === undefined) return { level: response.oplockLevel, durable, lease: undefined };
  const lease = decodeLease(data);
  return {
    level: response.oplockLevel,
    durable,
    lease: {
      key: lease.leaseKey.toString('hex'),
      state: lease.leaseState,
      breaking: (lease.leaseFlags & SMB2_LEASE_FLAG_BREAK_IN_PROGRESS) !== 0,
      epoch: lease.version === 2 ? lease.epoch : 0,
    },
  };
}
