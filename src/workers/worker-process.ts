/** One worker process with both its sockets, from its start to its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { WORKER_START_MS } from '../base/limits.ts';
import { DEBUG_COMPONENTS } from '../base/log.ts';
import { sendDescriptor, socketPair } from '../native/descriptors.ts';
import { close } from '../native/files.ts';
import type { ServerState } from '../objects/server-state.ts';
import { NativeChannel } from './native-channel.ts';
import { encodeEvent, toWorker, WORKERS_VERSION } from './protocol.ts';
import { encodeSettings } from './worker.ts';
import { WorkerLink } from './worker-link.ts';

/** Beside this file, with its ending: .ts from source, .js as built. */
const PROGRAM = fileURLToPath(import.meta.url.replace(/worker-process(?=\.[jt]s$)/, 'worker-main'));

export class WorkerProcess {
  readonly link: WorkerLink;
  readonly child: ChildProcess;
  /** Settles when it serves; rejects when it does not come to that. */
  readonly started: Promise<void>;
  /** Why it has ended; its connections are through by then. */
  readonly ended: Promise<string>;
  readonly #handOvers: number;
  isReady = false;

  constructor(worker: number, server: ServerState) {
    const [stream, theirStream] = pair('stream');
    const [packets, theirPackets] = pair('packets');
    this.#handOvers = packets;
    const debug = debugOf(server).join(',');
    this.child = spawn(process.execPath, [...process.execArgv, PROGRAM], {
      stdio: ['ignore', 'ignore', 'inherit', theirStream, theirPackets],
      env: { ...process.env, USMBD_WORKER_DEBUG: debug },
    });
    for (const fd of [theirStream, theirPackets]) close(fd);
    const channel = new NativeChannel(stream);
    const settings = settingsOf(server);
    const first = { kind: 'settings', version: WORKERS_VERSION, worker, settings } as const;
    channel.send([encodeEvent(toWorker, first)]);
    let ready = (): void => {};
    let ended = (_reason: string): void => {};
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    this.ended = new Promise((resolve) => {
      ended = resolve;
    });
    this.link = new WorkerLink(worker, server, channel, {
      ready: () => {
        this.isReady = true;
        ready();
      },
      ended: (reason) => {
        this.isReady = false;
        this.child.kill('SIGKILL');
        close(packets);
        ended(reason);
      },
    });
    this.child.on('error', (error) => void this.link.end(error.message));
    this.child.on('exit', (status, signal) => void this.link.end(signal ?? `status ${status}`));
    this.started = Promise.race([
      isReady,
      this.ended.then((reason) => Promise.reject(new Error(`a worker does not start: ${reason}`))),
      late(),
    ]);
    this.started.catch(() => {});
  }

  /** The server's settings have changed. */
  retell(server: ServerState): void {
    if (this.isReady) this.link.retell(settingsOf(server), debugOf(server));
  }

  /** A duplicate of the descriptor goes to the worker: 0 or a negative errno. */
  handOver(fd: number, packet: Buffer): number {
    return this.isReady ? sendDescriptor(this.#handOvers, packet, fd) : -1;
  }
}

const settingsOf = ({ options, guid, controlPlane }: ServerState): Buffer =>
  encodeSettings({ options, guid, negotiateToken: controlPlane.negotiateToken });

const debugOf = ({ log }: ServerState) =>
  DEBUG_COMPONENTS.filter((component) => log.debugs(component));

const late = (): Promise<never> =>
  new Promise((_resolve, reject) => {
    setTimeout(() => reject(new Error('a worker does not start in time')), WORKER_START_MS).unref();
  });

function pair(kind: 'packets' | 'stream'): readonly [number, number] {
  const made = socketPair(kind);
  if (typeof made === 'number') throw new Error(`socketpair: ${getSystemErrorName(made)}`);
  return made;
}
