/**
 * The workers of a server (docs/adr/0008-workers.md): starts them, gives each connection to one, starts another where one
 * ends. Its end costs its connections; what they leave behind for their clients is the owner's, and stays.
 *
 *     accepted ──▶ first message read ──▶ worker chosen ──▶ handed over
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_UNAUTHENTICATED_CONNECTIONS, WORKER_END_MS } from '../base/limits.ts';
import { SetupError } from '../base/setup-error.ts';
import { encode } from '../ipc/fields.ts';
import { EAGAIN } from '../native/socket.ts';
import type { Transport } from '../objects/connection.ts';
import type { ServerState } from '../objects/server-state.ts';
import { FRAME_HEADER_SIZE } from '../smb2/framing.ts';
import { transportKind } from '../transport/listen.ts';
import type { HandDirect, HandOver } from '../transport/listener.ts';
import { type DirectDoor, DirectRelay, DirectRemote } from './direct-relay.ts';
import { chooseWorker, clientGuidOf } from './first-message.ts';
import { FirstReader } from './first-reader.ts';
import { handOver } from './protocol.ts';
import { KeptSocket, type Remote } from './relayed-connection.ts';
import { WorkerProcess } from './worker-process.ts';

/** Who lived for so long has not failed at its start. */
const SETTLED_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;
/** A worker that takes no connections has others waiting before it; how often, and how long, it is asked again. */
const ASK_AGAIN_MS = 10;
const MAX_ASKED = 200;

/** What several workers cannot do is not done by halves. */
export function refuseWorkers(count: number, speaksSmb1: boolean): void {
  if (count === 1) return;
  if (speaksSmb1) {
    throw new SetupError('"workers" above 1 serve no SMB1: take "workers = 1", or another minimum');
  }
  if (transportKind() !== 'native') {
    throw new SetupError('"workers" above 1 need native calls: take "workers = 1"');
  }
}

/** Undefined where one process is all: it serves by itself. */
export async function startWorkers(
  server: ServerState,
  count: number,
): Promise<WorkerPool | undefined> {
  return count === 1 ? undefined : WorkerPool.start(server, count);
}

const clientGuidIn = (early: Buffer): Buffer | undefined =>
  clientGuidOf(early.subarray(FRAME_HEADER_SIZE));

export class WorkerPool implements DirectDoor {
  readonly #server: ServerState;
  /** By number less 1; undefined while there is none. */
  readonly #workers: (WorkerProcess | undefined)[] = [];
  readonly #first = new FirstReader();
  readonly #ending = new AbortController();
  readonly strangers = new Set<DirectRelay>();

  private constructor(server: ServerState) {
    this.#server = server;
  }

  /** Rejects where one of them does not start. */
  static async start(server: ServerState, count: number): Promise<WorkerPool> {
    const pool = new WorkerPool(server);
    try {
      const started: Promise<void>[] = [];
      for (let worker = 1; worker <= count; worker++) started.push(pool.#start(worker).started);
      await Promise.all(started);
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  get processIds(): readonly number[] {
    return this.#workers.flatMap((one) => (one?.isReady === true ? [one.child.pid!] : []));
  }

  /** The server's settings, or the switches of its log, have changed. */
  retell(): void {
    for (const worker of this.#workers) worker?.retell(this.#server);
  }

  /** Takes a connection from whoever has accepted it. */
  readonly hand: HandOver = (fd, address, port) => {
    this.#first.read(fd, (_fd, early) => {
      const clientGuid = clientGuidIn(early);
      this.#give(fd, early, new KeptSocket(fd, { address, port, clientGuid }));
    });
  };

  /** Serves a connection by RDMA, which stays here. */
  readonly handDirect: HandDirect = (transport) => {
    const [oldest] = this.strangers;
    if (this.strangers.size >= MAX_UNAUTHENTICATED_CONNECTIONS) oldest!.giveWay();
    return new DirectRelay(this, transport);
  };

  admit(fd: number, early: Buffer, direct: Transport, ended: () => void): boolean {
    const clientGuid = clientGuidIn(early);
    return this.#give(fd, early, new DirectRemote(fd, { direct, clientGuid, ended }));
  }

  /** False where no worker is there. */
  #give(fd: number, early: Buffer, remote: Remote): boolean {
    const { address, port, clientGuid } = remote;
    const ready = this.#workers.filter((one) => one?.isReady === true).map((one) => one!.link);
    const link = chooseWorker(ready, clientGuid);
    const chosen = this.#workers.find((one) => one?.link === link);
    if (link === undefined || chosen === undefined) {
      this.#server.log.warn('connection refused', { address, reason: 'no worker is there' });
      remote.end();
      return false;
    }
    const connectionId = link.accept(remote);
    const packet = encode(handOver, { connectionId, address, port, early });
    void this.#send(chosen, fd, packet).then((sent) => {
      if (sent) remote.handed?.();
      else void link.lost(connectionId);
    });
    return true;
  }

  async #send(worker: WorkerProcess, fd: number, packet: Buffer): Promise<boolean> {
    for (let i = 0; i < MAX_ASKED; i++) {
      const result = worker.handOver(fd, packet);
      if (result !== EAGAIN) return result === 0;
      await sleep(ASK_AGAIN_MS);
    }
    return false;
  }

  /** `pauseMs`: before another one, where this one does not live long. */
  #start(worker: number, pauseMs = FIRST_PAUSE_MS): WorkerProcess {
    const { log } = this.#server;
    const process = new WorkerProcess(worker, this.#server);
    const begun = performance.now();
    this.#workers[worker - 1] = process;
    void process.started.then(
      () => log.info('a worker serves', { worker, pid: process.child.pid }),
      (error: unknown) => process.link.end(String(error)),
    );
    void process.ended.then((reason) => {
      this.#workers[worker - 1] = undefined;
      if (this.#ending.signal.aborted) return;
      log.error('a worker has ended; another takes its place', { worker, reason });
      const settled = performance.now() - begun > SETTLED_MS;
      void this.#startAgain(worker, settled ? FIRST_PAUSE_MS : pauseMs);
    });
    return process;
  }

  async #startAgain(worker: number, pauseMs: number): Promise<void> {
    const { signal } = this.#ending;
    await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    if (!signal.aborted) this.#start(worker, Math.min(2 * pauseMs, MAX_PAUSE_MS));
  }

  /** Ends all connections in order, and the workers; those that do not end by themselves, by force. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#first.close();
    const workers = this.#workers.filter((one) => one !== undefined);
    for (const { link } of workers) link.stop();
    const late = new Promise<void>((resolve) => {
      setTimeout(resolve, WORKER_END_MS).unref();
    });
    await Promise.race([Promise.all(workers.map(({ ended }) => ended)), late]);
    await Promise.all(workers.map(({ link }) => link.end('the server ends')));
  }
}
