/** A TCP proxy whose connections can be cut, so that a client loses the server and the server the client. */
import { createServer, connect as dial, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface CutProxy {
  readonly port: number;
  /** How many connections it has carried in all. */
  readonly carried: number;
  /**
   * Carries nothing more for `silentMs`, then ends all connections, and does not listen for `refuseMs`: who
   * connects then is refused.
   */
  cut(silentMs: number, refuseMs: number): Promise<void>;
  close(): Promise<void>;
}

export async function startCutProxy(serverPort: number): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let carried = 0;
  let port = 0;
  const listener = createServer((client) => {
    carried += 1;
    const server = dial({ host: '127.0.0.1', port: serverPort });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  const listen = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      listener.listen(port, '127.0.0.1', resolve);
    });
    const bound = listener.address();
    if (bound === null || typeof bound === 'string') throw new Error('not a TCP listener');
    port = bound.port;
  };
  const end = async (): Promise<void> => {
    const closed = new Promise((resolve) => listener.close(resolve));
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  await listen();
  return {
    port,
    get carried() {
      return carried;
    },
    async cut(silentMs, refuseMs) {
      for (const socket of sockets) socket.unpipe().pause();
      await delay(silentMs);
      await end();
      await delay(refuseMs);
      await listen();
    },
    close: end,
  };
}
