/** The keeper's side of one process that serves: what it tells, from its start to its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import {
  receiveDescriptor,
  sendDescriptor,
  sendPacket,
  socketPair,
} from '../native/descriptors.ts';
import { close } from '../native/files.ts';
import { SocketPoll } from '../native/poll-socket.ts';
import { EAGAIN, EINTR } from '../native/socket.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Kept } from './kept.ts';
import {
  decodeToKeeper,
  encodeToServer,
  MAX_PACKET_BYTES,
  type ToKeeper,
  type ToServer,
} from './protocol.ts';

/** Says to the process that it is kept, and by which descriptor. */
export const KEPT_VARIABLE = 'USMBD_KEPT_BY';
export const KEEPER_FD = 3;

/** In one event: signals and the end of processes are heard between. */
const MAX_PACKETS = 256;

/** Those that are handed on, one by one. */
export const FIRST_SOCKET_FD = 4;

type Begin = Omit<Extract<ToServer, { readonly kind: 'begin' }>, 'kind'>;

export interface ServedOptions {
  readonly command: readonly [string, ...string[]];
  readonly begin: Begin;
  readonly kept: Kept;
  /** The descriptors that the names of `begin` belong to. */
  readonly sockets: readonly number[];
  readonly told: (message: ToKeeper) => void;
}

/** How it has ended. */
export interface ProcessEnd {
  /** As a shell would report it. */
  readonly status: number;
  readonly how: string;
  /** It has told something that nobody of this version tells. */
  readonly problem: string | undefined;
}

interface Unsent {
  readonly packet: Buffer;
  readonly descriptor: number | undefined;
}

export class ServedProcess {
  readonly child: ChildProcess;
  /** All that it has told is there by then. */
  readonly ended: Promise<ProcessEnd>;
  readonly #fd: number;
  readonly #poll: SocketPoll;
  readonly #options: ServedOptions;
  readonly #packet = Buffer.alloc(MAX_PACKET_BYTES);
  readonly #unsent: Iterator<Unsent>;
  #next: Unsent | undefined;
  #problem: string | undefined;

  constructor(options: ServedOptions) {
    this.#options = options;
    const pair = socketPair('packets');
    if (typeof pair === 'number') throw new Error(`socketpair: ${getSystemErrorName(pair)}`);
    const [ours, theirs] = pair;
    this.#fd = ours;
    const [program, ...args] = options.command;
    this.child = spawn(program, args, {
      stdio: ['inherit', 'inherit', 'inherit', theirs, ...options.sockets],
      env: { ...process.env, [KEPT_VARIABLE]: `${KEEPER_FD}` },
    });
    close(theirs);
    this.#unsent = inheritance(options);
    this.#next = this.#unsent.next().value;
    this.#poll = new SocketPoll(ours, {
      readable: () => this.#receive(MAX_PACKETS),
      writable: () => this.#send(),
      failed: (error) => this.#fail(String(error)),
    });
    this.#poll.wait(true, true);
    this.ended = new Promise((resolve) => {
      const end = (status: number, how: string): void => {
        this.#receive(Infinity);
        this.#poll.close();
        close(ours);
        resolve({ status, how, problem: this.#problem });
      };
      this.child.once('error', (error) => end(1, error.message));
      this.child.once('exit', (code, signal) => {
        const status = code ?? 128 + constants.signals[signal!];
        end(status, signal ?? `exit status ${status}`);
      });
    });
  }

  /** What it takes over from the one before; it goes on being kept. */
  #send(): void {
    while (this.#next !== undefined) {
      const { packet, descriptor } = this.#next;
      const sent =
        descriptor === undefined
          ? sendPacket(this.#fd, packet)
          : sendDescriptor(this.#fd, packet, descriptor);
      if (sent === EAGAIN) return;
      if (sent === EINTR) continue;
      if (sent !== 0) break;
      this.#next = this.#unsent.next().value;
    }
    // Where it failed the process has ended, which is told.
    this.#poll.wait(true, false);
  }

  #receive(most: number): void {
    for (let i = 0; i < most; i++) {
      const got = receiveDescriptor(this.#fd, this.#packet);
      if (got === EINTR) continue;
      if (got === EAGAIN) return;
      if (typeof got === 'number') {
        this.#fail(`errno ${-got}`);
        return;
      }
      if (got.length === 0) {
        // Closed: what is to be done its end tells.
        this.#poll.wait(false, false);
        return;
      }
      this.#take(this.#packet.subarray(0, got.length), got.descriptor);
    }
  }

  #take(packet: Buffer, descriptor: number | undefined): void {
    const { kept, told } = this.#options;
    let message: ToKeeper;
    try {
      message = decodeToKeeper(packet);
    } catch (error) {
      if (descriptor !== undefined) close(descriptor);
      if (!(error instanceof WireError)) throw error;
      this.#fail(error.message);
      return;
    }
    if (message.kind === 'put') {
      kept.put(message.key, message.value, descriptor);
      return;
    }
    if (descriptor !== undefined) close(descriptor);
    if (message.kind === 'delete') kept.delete(message.key);
    else if (message.kind === 'reset') kept.clear();
    else told(message);
  }

  /** What it says is of no account any more, nor what it has said. */
  #fail(problem: string): void {
    this.#problem ??= problem;
    this.child.kill('SIGKILL');
  }
}

function* inheritance({ begin, kept }: ServedOptions): Generator<Unsent, undefined> {
  const plain = (message: ToServer): Unsent => ({
    packet: encodeToServer(message),
    descriptor: undefined,
  });
  yield plain({ kind: 'begin', ...begin });
  // What it tells meanwhile is about what it has been given.
  for (const [key, { value, descriptor }] of [...kept.entries]) {
    yield { packet: encodeToServer({ kind: 'kept', key, value }), descriptor };
  }
  yield plain({ kind: 'done' });
  return undefined;
}
