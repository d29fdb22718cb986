/** For programs that know no port: what comes to an address of its own goes on to the server. */
import { connect, createServer, type Server } from 'node:net';
import type { Target } from './target.ts';

/** Loopback answers on all of 127/8. */
export function relay(host: string, port: number, to: Target): Promise<Server> {
  const server = createServer((socket) => {
    const onward = connect(to.port, to.host);
    socket.pipe(onward).pipe(socket);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}
