/**
 * The keeper as the process that it keeps sees it, which was started with a socket to it. What is told it leaves with one
 * call, and survives this process from then on: it is in the kernel's queue. A keeper that takes nothing is waited for
 * once, KEEPER_WAIT_MS; then nothing is told it any more, until it takes that all it has is of no account.
 */
import { KEEPER_WAIT_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { receiveDescriptor, sendDescriptor, sendPacket } from '../native/descriptors.ts';
import { close } from '../native/files.ts';
import { SocketPoll } from '../native/poll-socket.ts';
import { EAGAIN, EINTR, pollWritable } from '../native/socket.ts';
import type { Inherited, Keeper } from '../objects/kept-opens.ts';
import type { KeptSocket } from './keep.ts';
import {
  decodeToServer,
  encodeToKeeper,
  MAX_PACKET_BYTES,
  type ToKeeper,
  type ToServer,
} from './protocol.ts';
import { FIRST_SOCKET_FD } from './served-process.ts';

type Begin = Extract<ToServer, { readonly kind: 'begin' }>;
type State = Extract<ToKeeper, { readonly kind: 'state' }>['state'];

export class KeeperLink implements Keeper {
  onEmpty: () => void = () => {};
  readonly #fd: number;
  readonly #log: Logger;
  readonly #poll: SocketPoll;
  readonly #begin: Begin;
  #inherited: readonly Inherited[];
  /** It takes nothing now, and has to begin anew. */
  #isBehind = false;
  #watchdog: NodeJS.Timeout | undefined;

  private constructor(fd: number, begin: Begin, inherited: readonly Inherited[], log: Logger) {
    this.#fd = fd;
    this.#log = log;
    this.#begin = begin;
    this.#inherited = inherited;
    this.#poll = new SocketPoll(fd, {
      readable: () => this.#receive(),
      writable: () => this.#resume(),
      failed: (error) => log.error('the keeper is not heard', { error: String(error) }),
    });
    this.#poll.wait(true, false);
  }

  /** Rejects where what comes is no keeper's. */
  static async connect(fd: number, log: Logger): Promise<KeeperLink> {
    const { begin, inherited } = await inheritance(fd);
    return new KeeperLink(fd, begin, inherited, log);
  }

  get maxDescriptors(): number {
    return this.#begin.maxDescriptors;
  }

  get isAgain(): boolean {
    return this.#begin.isAgain;
  }

  /** That somebody has begun to listen on before. */
  get sockets(): readonly KeptSocket[] {
    return this.#begin.sockets.map((name, i) => ({ fd: FIRST_SOCKET_FD + i, name }));
  }

  inherit(): readonly Inherited[] {
    const inherited = this.#inherited;
    this.#inherited = [];
    return inherited;
  }

  giveBack(descriptor: number): void {
    close(descriptor);
  }

  put(key: number, value: Buffer, descriptor?: number): boolean {
    return this.#send({ kind: 'put', key, value }, descriptor);
  }

  delete(key: number): void {
    this.#send({ kind: 'delete', key });
  }

  /** For the service manager, whom the keeper talks to. */
  tell(state: State, status = ''): void {
    this.#send({ kind: 'state', state, status });
    const { watchdogMs } = this.#begin;
    if (state !== 'ready' || watchdogMs === 0) return;
    this.#watchdog ??= setInterval(() => this.#send({ kind: 'alive' }), watchdogMs).unref();
  }

  /** Nothing more is told. */
  close(): void {
    clearInterval(this.#watchdog);
    this.#poll.close();
  }

  #send(message: ToKeeper, descriptor?: number): boolean {
    if (this.#isBehind) return false;
    const packet = encodeToKeeper(message);
    const untilMs = performance.now() + KEEPER_WAIT_MS;
    for (;;) {
      const sent =
        descriptor === undefined
          ? sendPacket(this.#fd, packet)
          : sendDescriptor(this.#fd, packet, descriptor);
      if (sent === 0) return true;
      const leftMs = untilMs - performance.now();
      if (sent === EINTR) continue;
      // Too many descriptors are under way, for one.
      if (sent !== EAGAIN && descriptor !== undefined) return false;
      if (sent !== EAGAIN || leftMs <= 0) break;
      pollWritable(this.#fd, Math.ceil(leftMs));
    }
    this.#fallBehind();
    return false;
  }

  #fallBehind(): void {
    this.#isBehind = true;
    this.#poll.wait(true, true);
    this.#log.warn('the keeper takes nothing: durable opens will not outlive this process for now');
  }

  /** It takes something again. */
  #resume(): void {
    if (!this.#isBehind) return;
    if (sendPacket(this.#fd, encodeToKeeper({ kind: 'reset' })) !== 0) return;
    this.#isBehind = false;
    this.#poll.wait(true, false);
    this.#log.info('the keeper takes what it is told again');
    this.onEmpty();
  }

  /** Nothing comes any more but its end, with which this process ends as if it were killed: nobody would start it again. */
  #receive(): void {
    const got = receiveDescriptor(this.#fd, Buffer.alloc(MAX_PACKET_BYTES));
    if (got === EAGAIN || got === EINTR) return;
    if (typeof got === 'object' && got.descriptor !== undefined) close(got.descriptor);
    this.#log.error('the keeper has ended, and the server with it: start it again');
    process.kill(process.pid, 'SIGKILL');
  }
}

interface Inheritance {
  readonly begin: Begin;
  readonly inherited: readonly Inherited[];
}

function inheritance(fd: number): Promise<Inheritance> {
  return new Promise((resolve, reject) => {
    const inherited: Inherited[] = [];
    const packet = Buffer.alloc(MAX_PACKET_BYTES);
    let begin: Begin | undefined;
    // koffi's handles keep no process.
    const awake = setInterval(() => {}, 2 ** 30);
    const stop = (): void => {
      clearInterval(awake);
      poll.close();
    };
    const end = (problem: string): void => {
      stop();
      reject(new Error(`the keeper is not understood: ${problem}`));
    };
    const next = (): boolean => {
      const got = receiveDescriptor(fd, packet);
      if (got === EINTR) return true;
      if (got === EAGAIN) return false;
      if (typeof got === 'number' || got.length === 0) {
        end(typeof got === 'number' ? `errno ${-got}` : 'it has ended');
        return false;
      }
      const message = decodeToServer(packet.subarray(0, got.length));
      if (message.kind === 'begin') begin = message;
      else if (message.kind === 'kept') {
        const { key, value } = message;
        inherited.push({ key, value, descriptor: got.descriptor });
      } else if (begin !== undefined) {
        stop();
        resolve({ begin, inherited });
        return false;
      }
      return true;
    };
    const poll = new SocketPoll(fd, {
      readable: () => {
        while (next());
      },
      writable: () => {},
      failed: (error) => end(String(error)),
    });
    poll.wait(true, false);
  });
}
