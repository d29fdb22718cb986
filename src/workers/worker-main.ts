/**
 * The program of a worker process, which pool.ts starts: descriptor 3 is its channel to the owner, on 4 come the
 * connections that it is to serve. It needs nothing of the machine but these, and gives up what else root has.
 */
import { createLogger, DEBUG_COMPONENTS, type DebugComponent } from '../base/log.ts';
import { becomeNobody } from '../base/nobody.ts';
import { decode } from '../ipc/fields.ts';
import { receiveDescriptor } from '../native/descriptors.ts';
import { close } from '../native/files.ts';
import { SocketPoll } from '../native/poll-socket.ts';
import { EAGAIN, EINTR } from '../native/socket.ts';
import { NativeConnection } from '../transport/native-tcp.ts';
import { NativeChannel } from './native-channel.ts';
import { decodeToWorker, handOver, MAX_HAND_OVER_BYTES, WORKERS_VERSION } from './protocol.ts';
import { decodeSettings, Worker } from './worker.ts';

const CHANNEL_FD = 3;
const HAND_OVER_FD = 4;

const asked = (process.env.USMBD_WORKER_DEBUG ?? '').split(',');
const debug = new Set(DEBUG_COMPONENTS.filter((component) => asked.includes(component)));
const log = createLogger({
  debug,
  format: process.stderr.isTTY ? 'text' : 'json',
});
const connections = new Set<NativeConnection>();

/** The connections that the owner hands over, for as long as there are some now. */
function takeConnections(worker: Worker): void {
  const packet = Buffer.alloc(MAX_HAND_OVER_BYTES);
  for (;;) {
    const got = receiveDescriptor(HAND_OVER_FD, packet);
    if (got === EINTR) continue;
    if (got === EAGAIN) return;
    if (typeof got === 'number' || got.length === 0 || got.descriptor === undefined) {
      end(1, 'no connections come any more');
      return;
    }
    const { connectionId, address, port, early } = decode(
      handOver,
      packet.subarray(0, got.length),
      'hand-over',
    );
    const connection = new NativeConnection(worker.server, got.descriptor, address, port, {
      id: connectionId,
      early,
    });
    connections.add(connection);
    void connection.finished.then(() => connections.delete(connection));
  }
}

function end(status: number, reason: string): void {
  if (status !== 0) log.error('a worker ends', { reason });
  process.exit(status);
}

async function stop(): Promise<void> {
  const ending = [...connections].map((connection) => {
    connection.close('the server stops');
    return connection.finished;
  });
  await Promise.all(ending);
  // What the channel still has to send leaves in the next turn.
  setImmediate(() => end(0, 'stopped'));
}

function begin(worker: number, settings: Buffer, channel: NativeChannel): void {
  process.title = `usmbd: worker ${worker}`;
  // Everything that it has to read is loaded by now.
  becomeNobody();
  const events = {
    stop: () => void stop(),
    debug: (components: readonly DebugComponent[]) => {
      debug.clear();
      for (const component of components) debug.add(component);
    },
    lost: (reason: string) => end(reason === 'the other end is closed' ? 0 : 1, reason),
  };
  const served = new Worker(worker, decodeSettings(settings), { channel, log, events });
  const poll = new SocketPoll(HAND_OVER_FD, {
    readable: () => takeConnections(served),
    writable: () => undefined,
    failed: (error) => end(1, error instanceof Error ? (error.stack ?? '') : String(error)),
  });
  poll.wait(true, false);
  kept.push(poll);
}

/** koffi closes a handle that nobody refers to; and a timer keeps the process while all its handles are koffi's. */
const kept: unknown[] = [setInterval(() => {}, 2 ** 30)];

const channel = new NativeChannel(CHANNEL_FD);
kept.push(channel);
channel.listen({
  message: (payload) => {
    const told = decodeToWorker(payload);
    const first = told.kind === 'event' && told.event.kind === 'settings' ? told.event : undefined;
    if (first?.version !== WORKERS_VERSION) end(1, 'the server is of another version: restart it');
    else begin(first.worker, first.settings, channel);
  },
  drained: () => {},
  closed: (reason) => end(1, reason),
});
// The terminal's Ctrl-C is the owner's to answer.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('SIGTERM', () => void stop());
process.on('exit', () => {
  for (const fd of [CHANNEL_FD, HAND_OVER_FD]) close(fd);
});
