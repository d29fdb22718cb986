/**
 * Hostile clients against a server in the test's own process. After each test a fresh client, of another
 * address, is served within two seconds: one peer's malice costs that peer.
 */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { StatusError } from '../../src/client/client-error.ts';
import type { ConnectInput, NegotiatedConnection } from '../../src/client/connect.ts';
import type { Answer } from '../../src/client/exchange.ts';
import { FrameSocket } from '../../src/client/frame-socket.ts';
import type { LoginOptions } from '../../src/client/login.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import type { ServerOptions } from '../../src/server-interface.ts';
import { encodeHeader, type HeaderFields } from '../../src/smb2/header.ts';
import { PATIENCE_MS, startServer, type TestServer } from '../support/in-process-server.ts';

export interface Kit {
  readonly server: TestServer;
  /** Where this test's hostile clients come from: the server slows addresses down, not connections. */
  readonly address: string;
  /** A connection on which nothing has been said. */
  raw(): Promise<RawPeer>;
  connect(input?: Partial<ConnectInput>): Promise<NegotiatedConnection>;
  mount(input?: Partial<ConnectInput>, login?: Partial<LoginOptions>): Promise<ClientTree>;
}

/** Sends what it likes and looks at nothing it gets. */
export class RawPeer {
  readonly socket: FrameSocket;
  readonly #frames: Buffer[] = [];
  #wake: (() => void) | undefined;

  constructor(socket: FrameSocket) {
    this.socket = socket;
    socket.onFrame = (frame) => {
      this.#frames.push(frame);
      this.#wake?.();
    };
    socket.onEnd = () => this.#wake?.();
  }

  /** The next message; undefined when the server has ended the connection. */
  async next(): Promise<Buffer | undefined> {
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#frames.length === 0 && !this.socket.isEnded) {
      const left = deadline - performance.now();
      assert.ok(left > 0, 'neither an answer nor an end');
      await this.#woken(left);
    }
    return this.#frames.shift();
  }

  async #woken(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, milliseconds);
    });
    clearTimeout(timer);
  }

  /** The server ends the connection without another word. */
  async isDropped(): Promise<void> {
    const answer = await this.next();
    assert.equal(answer, undefined, `answered: ${answer?.toString('hex', 0, 64)}`);
  }
}

export interface HostileSuite {
  (title: string, body: (kit: Kit, context: TestContext) => Promise<void>): void;
  readonly server: TestServer;
}

/** One server for a file of tests. */
export async function hostileSuite(options: ServerOptions = {}): Promise<HostileSuite> {
  const server = await startServer(options);
  after(() => server.close());
  let count = 0;
  const suite = (title: string, body: (kit: Kit, context: TestContext) => Promise<void>): void => {
    // 127.66.x.y: all of 127/8 is this machine.
    count += 1;
    const address = `127.66.${count >> 8}.${count & 255}`;
    test(title, async (context) => {
      await body(kitOf(server, address), context);
      await isServed(server);
    });
  };
  return Object.assign(suite, { server });
}

function kitOf(server: TestServer, address: string): Kit {
  const from = { localAddress: address };
  return {
    server,
    address,
    async raw() {
      const { host, port } = server;
      const options = { host, port, localAddress: address, timeoutMs: PATIENCE_MS };
      return new RawPeer(await FrameSocket.open(options));
    },
    connect: (input) => server.connect({ ...from, ...input }),
    mount: (input, login) => server.mount({ ...from, ...input }, login),
  };
}

let visits = 0;

/** A client that comes now logs in, writes, reads, lists and deletes, all in two seconds. */
export async function isServed(server: TestServer): Promise<void> {
  const start = performance.now();
  const tree = await server.mount();
  const name = `~served ${visits++}`;
  await tree.writeFile(name, Buffer.from('served'));
  assert.equal((await tree.readFile(name)).toString(), 'served');
  assert.ok((await tree.list('')).length > 2);
  await tree.remove(name);
  await tree.session.connection.close();
  const took = performance.now() - start;
  assert.ok(took < PATIENCE_MS, `a fresh client took ${took} ms`);
}

const hex = (status: number): string => `0x${status.toString(16).padStart(8, '0')}`;

/** The answer has one of these statuses. */
export async function isRefused(
  answer: Promise<Answer> | Answer,
  ...statuses: readonly number[]
): Promise<void> {
  const { status } = await answer;
  assert.ok(
    statuses.includes(status),
    `${hex(status)}, expected ${statuses.map(hex).join(' or ')}`,
  );
}

/** A higher call fails with one of these statuses. */
export async function fails(work: Promise<unknown>, ...statuses: readonly number[]): Promise<void> {
  await assert.rejects(work, (error: Error) => {
    if (!(error instanceof StatusError)) throw error;
    assert.ok(statuses.includes(error.status), error.message);
    return true;
  });
}

/** The server ends the connection instead of answering. */
export async function isDropped(work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, { name: 'ConnectionEnded' });
}

/** A message by hand. */
export const message = (
  header: Partial<HeaderFields> & Pick<HeaderFields, 'command'>,
  body: Buffer,
): Buffer => Buffer.concat([encodeHeader({ creditRequest: 1, ...header }), body]);

/** A change of the message in place, for `craft`. */
export const patch =
  (change: (message: Buffer) => unknown) =>
  (original: Buffer): Buffer => {
    change(original);
    return original;
  };
