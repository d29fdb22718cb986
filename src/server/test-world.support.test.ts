/**
 * A server in the test's own process, without sockets: objects and pipeline over the memory file
 * system, with a control plane whose logins are two plain words. No tests of its own.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type Logger, SILENT_LOGGER } from '../base/log.ts';
import type { AccessToken } from '../dtyp/access-check.ts';
import { sidsOfUser, unixSidMap } from '../dtyp/unix-sids.ts';
import type {
  Account,
  ControlPlane,
  Login,
  LoginStep,
  PipeEndpoint,
} from '../ipc/control-plane.ts';
import type { Transport } from '../objects/connection.ts';
import { type ServerOptions, ServerState } from '../objects/server-state.ts';
import type { Share } from '../objects/share.ts';
import { type ConnectionHandler, serveConnection } from '../server/serve-connection.ts';
import { Dialect } from '../smb2/dialect.ts';
import { createFaultyVfs, type FaultPoint, type Faults } from '../vfs/memory/faulty.ts';
import { createMemoryVfs, type MemoryVfs, type MemoryVfsOptions } from '../vfs/memory/memory.ts';
import type { Vfs, VfsFeatures } from '../vfs/vfs.ts';
import { chooseWorker, clientGuidOf } from '../workers/first-message.ts';
import { localChannel } from '../workers/local-channel.ts';
import { Worker } from '../workers/worker.ts';
import { WorkerLink } from '../workers/worker-link.ts';

/** Both sides of the tests' login make it from the user's name; that of nobody is NTLM's. */
const SIDS = sidsOfUser(unixSidMap, 'S-1-5-21-1-2-3', {
  uid: 1000,
  gid: 1000,
  groups: [],
  isGuest: false,
});
const TOKEN: AccessToken = { user: SIDS[0]!, primaryGroup: SIDS[1]!, sids: SIDS, privileges: 0 };

export const sessionKeyOf = (user: string): Buffer =>
  user === '' ? Buffer.alloc(16) : createHash('sha256').update(user).digest();

export const WRONG_PASSWORD = 'wrong';

/** Tokens are `user` and then `user:password`, any password but `wrong`; guests have no key. */
class WordLogin implements Login {
  readonly #gate: () => Promise<void> | undefined;
  readonly #expiresAtMs: number | undefined;
  #steps = 0;
  closed = false;

  constructor(gate: () => Promise<void> | undefined, expiresAtMs: number | undefined) {
    this.#gate = gate;
    this.#expiresAtMs = expiresAtMs;
  }

  step(token: Buffer): LoginStep | Promise<LoginStep> {
    assert.ok(!this.closed, 'a closed login was used');
    const text = token.toString();
    const gate = this.#gate();
    return gate === undefined ? this.#step(text) : gate.then(() => this.#step(text));
  }

  close(): void {
    assert.ok(!this.closed, 'a login was closed twice');
    this.closed = true;
  }

  #step(text: string): LoginStep {
    if (this.#steps++ === 0) return { kind: 'continue', token: Buffer.from('challenge') };
    const [name = '', password] = text.split(':');
    if (password === WRONG_PASSWORD) return { kind: 'refused', reason: 'logon-failure' };
    const kind = name === 'guest' ? 'guest' : name === '' ? 'anonymous' : 'user';
    const account: Account = { name, kind, identity: undefined };
    const sessionKey = kind === 'guest' ? undefined : sessionKeyOf(name);
    const expiry = this.#expiresAtMs === undefined ? {} : { expiresAtMs: this.#expiresAtMs };
    return { kind: 'done', token: Buffer.from('welcome'), account, sessionKey, ...expiry };
  }
}

/** Answers each message with itself, in upper case; nothing to `quiet`, until `speak`. */
export class EchoPipe implements PipeEndpoint {
  readonly answers: Buffer[] = [];
  closed = false;

  write(message: Buffer): boolean {
    assert.ok(!this.closed, 'a closed pipe was written to');
    if (message.toString() !== 'quiet') {
      this.answers.push(Buffer.from(message.toString().toUpperCase()));
    }
    return true;
  }

  read(limit: number): { bytes: Buffer; more: boolean } | undefined {
    assert.ok(!this.closed, 'a closed pipe was read');
    const first = this.answers.shift();
    if (first === undefined) return undefined;
    if (first.length > limit) this.answers.unshift(first.subarray(limit));
    return { bytes: first.subarray(0, limit), more: first.length > limit };
  }

  close(): void {
    assert.ok(!this.closed, 'a pipe was closed twice');
    this.closed = true;
  }
}

/** Gates by name: an operation that meets a closed one waits until it is opened. */
export class Gates {
  readonly #closed = new Map<string, { promise: Promise<void>; open: () => void }>();
  /** Operations that met a closed gate. */
  readonly waiting: FaultPoint[] = [];
  /** What an operation waits for that meets no closed gate. */
  delay: ((point: FaultPoint) => Promise<void> | undefined) | undefined;

  shut(method: string): void {
    let open = (): void => {};
    const promise = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#closed.set(method, { promise, open });
  }

  open(method: string): void {
    this.#closed.get(method)?.open();
    this.#closed.delete(method);
  }

  readonly gate = (point: FaultPoint): Promise<void> | undefined => {
    const gate = this.#closed.get(point.method);
    if (gate !== undefined) this.waiting.push(point);
    return gate === undefined ? this.delay?.(point) : gate.promise;
  };
}

/** What a connection's transport got. */
export class FakeTransport implements Transport {
  readonly remoteAddress = '192.0.2.1';
  readonly localAddress = '192.0.2.2';
  readonly frames: Buffer[] = [];
  unacknowledged = (): boolean => false;
  closeReason: string | undefined;
  onFrame: (frame: Buffer) => void = () => {};
  onClose: (reason: string) => void = () => {};

  send(parts: readonly Buffer[]): void {
    if (this.closeReason !== undefined) return;
    const frame = Buffer.concat(parts);
    this.frames.push(frame);
    this.onFrame(frame);
  }

  close(reason: string): void {
    if (this.closeReason !== undefined) return;
    this.closeReason = reason;
    this.onClose(reason);
  }
}

/** `USMBD_TEST_WORKERS=2 node --test 'src/server/*.test.ts'`: all of them by workers. */
const WORKERS = Number(process.env.USMBD_TEST_WORKERS ?? 0);

/** For tests that look into the tables of who has the connections, which the owner's are not. */
export const looksAtWorker = WORKERS > 0 && "sessions without a login are not the owner's";

export interface WorldOptions {
  readonly options?: Partial<ServerOptions>;
  readonly share?: Partial<Share>;
  readonly vfs?: MemoryVfsOptions;
  /** The disk of a world before this one. */
  readonly memory?: MemoryVfs;
  /** Stands between the server and the memory file system. */
  readonly between?: (memory: MemoryVfs) => Vfs;
  readonly fail?: Faults['fail'];
  /** What the file system is to lack. */
  readonly features?: Partial<VfsFeatures>;
  /** Workers that serve the connections in turn; 0: the owner of the files does. */
  readonly workers?: number;
}

export class World {
  readonly gates = new Gates();
  readonly loginGates = new Gates();
  readonly memory: MemoryVfs;
  readonly vfs: Vfs;
  readonly server: ServerState;
  readonly pipes: EchoPipe[] = [];
  /** What was logged as an error: a bug, in these tests. */
  readonly errors: string[] = [];
  /** VFS handles, cursors and trees that are not closed yet. */
  held = 0;
  /** Given to every login from now on. */
  expiresAtMs: number | undefined;
  /** Tree connects to each share, as the control plane is told. */
  readonly uses = new Map<string, number>();
  #nextConnection = 1;
  readonly workers: { readonly link: WorkerLink; readonly worker: Worker }[];

  constructor({
    options = {},
    share = {},
    vfs = {},
    memory = createMemoryVfs(vfs),
    between,
    fail,
    features,
    workers = WORKERS,
  }: WorldOptions = {}) {
    this.memory = { ...memory, features: { ...memory.features, ...features } };
    const faults: Faults = { gate: this.gates.gate, ...(fail !== undefined && { fail }) };
    this.vfs = createFaultyVfs(this.#counting(between?.(this.memory) ?? this.memory), faults);
    const shares: Share[] = [
      { ...DISK, name: 'share', vfs: this.vfs, ...share },
      { ...DISK, name: 'sealed', vfs: this.vfs, encryption: 'required' },
      { ...DISK, name: 'fixed', vfs: this.vfs },
      { ...DISK, name: 'IPC$', type: 'pipe', vfs: undefined },
    ];
    this.server = new ServerState(
      Buffer.alloc(16, 0x5e),
      { ...DEFAULTS, ...options },
      this.#controlPlane(),
      shares,
      this.#log(),
    );
    this.workers = Array.from({ length: workers }, (_, i) => this.#startWorker(i + 1));
  }

  accept(): { transport: FakeTransport; handler: ConnectionHandler } {
    const transport = new FakeTransport();
    if (this.workers.length > 0) return this.#acceptAtWorker(transport);
    const handler = serveConnection(
      this.server,
      transport,
      this.#nextConnection++,
      this.server.log,
    );
    return { transport, handler };
  }

  /** As a worker process would have it; one after the other takes a connection. */
  #acceptAtWorker(transport: FakeTransport): {
    transport: FakeTransport;
    handler: ConnectionHandler;
  } {
    let served: { link: WorkerLink; id: number; handler: ConnectionHandler } | undefined;
    const serve = (message: Buffer) => {
      const links = this.workers.map(({ link }) => link);
      const clientGuid = clientGuidOf(message);
      const link = chooseWorker(links, clientGuid)!;
      const { worker } = this.workers[links.indexOf(link)]!;
      const { remoteAddress: address, localAddress } = transport;
      const unacknowledged = (): boolean => transport.unacknowledged();
      const end = (): void => {};
      const remote = { address, port: 0, localAddress, clientGuid, unacknowledged, end };
      const id = link.accept(remote);
      const handler = serveConnection(worker.server, transport, id, this.server.log);
      return { link, id, handler };
    };
    const handler: ConnectionHandler = {
      get connection() {
        return served!.handler.connection;
      },
      maxMessageBytes: () => served!.handler.maxMessageBytes(),
      isBehind: () => served!.handler.isBehind(),
      // As the forker does, which reads the first message.
      receive: (message) => {
        served ??= serve(message);
        served.handler.receive(message);
      },
      closed: async () => {
        await served?.handler.closed();
        await served?.link.lost(served.id);
      },
    };
    return { transport, handler };
  }

  #startWorker(number: number): { link: WorkerLink; worker: Worker } {
    const [here, there] = localChannel();
    const ended = (reason: string): void => void this.errors.push(`worker ${number}: ${reason}`);
    const link = new WorkerLink(number, this.server, here, { ready: () => {}, ended });
    const { options, guid, controlPlane, log } = this.server;
    const settings = { options, guid, negotiateToken: controlPlane.negotiateToken };
    const events = { stop: () => {}, debug: () => {}, lost: ended };
    const worker = new Worker(number, settings, { channel: there, log, events });
    return { link, worker };
  }

  /** Nothing is held, nobody is in a table, no bug was logged. */
  assertEmpty(): void {
    assert.deepEqual(this.errors, []);
    const { connections, sessions, opens, files } = this.server;
    assert.deepEqual(
      { connections: connections.size, sessions: sessions.size, opens: opens.size },
      { connections: 0, sessions: 0, opens: 0 },
    );
    assert.equal(files.size, 0, 'shared files');
    assert.equal(this.held, 0, 'handles, cursors and trees');
    assert.ok([...this.uses.values()].every((uses) => uses === 0));
    assert.ok(this.pipes.every(({ closed }) => closed));
  }

  #controlPlane(): ControlPlane {
    return {
      negotiateToken: Buffer.from('hello'),
      sids: unixSidMap,
      beginLogin: () =>
        new WordLogin(
          () => this.loginGates.gate({ method: 'attach', path: ['login'] }),
          this.expiresAtMs,
        ),
      connectShare: (account, share) =>
        account.kind !== 'user' && share !== 'share'
          ? { kind: 'denied' }
          : { kind: 'granted', readOnly: share === 'fixed', identity: undefined, token: TOKEN },
      shareUsed: (share, uses) => this.uses.set(share, uses),
      rap: async () => undefined,
      openPipe: (_account, name) => {
        if (name !== 'echo') return undefined;
        const pipe = new EchoPipe();
        this.pipes.push(pipe);
        return pipe;
      },
    };
  }

  #log(): Logger {
    const log: Logger = {
      ...SILENT_LOGGER,
      error: (message, details) => this.errors.push(`${message} ${JSON.stringify(details)}`),
      debugs: () => false,
      debug: () => {},
      part: () => log,
    };
    return log;
  }

  /** Counts what is open; a second close fails in the memory file system itself. */
  #counting(vfs: Vfs): Vfs {
    const count = <T extends { close(): void }>(thing: T): T => {
      this.held += 1;
      const close = thing.close.bind(thing);
      thing.close = () => {
        close();
        this.held -= 1;
      };
      return thing;
    };
    return {
      features: vfs.features,
      ...(vfs.location !== undefined && { location: () => vfs.location?.() }),
      close: () => vfs.close(),
      attach: (identity) => {
        const tree = vfs.attach(identity);
        if (tree instanceof Promise || typeof tree === 'number') return tree;
        const { lookup, create } = tree;
        tree.lookup = (path) => {
          const handle = lookup.call(tree, path);
          if (handle instanceof Promise || typeof handle === 'number') return handle;
          const { cursor } = handle;
          handle.cursor = () => {
            const found = cursor.call(handle);
            return found instanceof Promise || typeof found === 'number' ? found : count(found);
          };
          return count(handle);
        };
        tree.create = (path, what) => {
          const handle = create.call(tree, path, what);
          return handle instanceof Promise || typeof handle === 'number' ? handle : count(handle);
        };
        return count(tree);
      },
    };
  }
}

const DISK: Share = {
  name: '',
  type: 'disk',
  comment: '',
  vfs: undefined,
  encryption: 'auto',
  hideDotFiles: false,
  oplocks: true,
  volumeLabel: 'label',
  maxUses: Infinity,
};

const DEFAULTS: ServerOptions = {
  serverName: 'SERVER',
  minDialect: Dialect.SMB2_02,
  maxDialect: Dialect.SMB3_11,
  requireSigning: false,
  encryption: 'auto',
  durableHandles: true,
  leases: true,
  directoryLeases: true,
  multiChannel: true,
  apple: undefined,
  maxReadSize: 1 << 20,
  maxWriteSize: 1 << 20,
  maxTransactSize: 1 << 20,
  maxCredits: 256,
  maxConnections: 16,
  maxConnectionsPerAddress: 16,
  maxSessions: 64,
  deadtimeMs: 0,
  maxOpens: 1000,
};

/** Lets everything run that waits for nothing but its turn. */
export const turns = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
