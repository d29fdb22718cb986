/** Stands between client and server and changes what the server says, message by message. */
import { createServer, connect as dial, type Socket } from 'node:net';
import { encodeFrameHeader, FRAME_HEADER_SIZE, readFrameHeader } from '../../src/smb2/framing.ts';

export interface AnswerProxy {
  readonly port: number;
  /** Gets each answer's transport message; undefined drops it. */
  change: (message: Buffer) => Buffer | undefined;
  close(): Promise<void>;
}

export async function startProxy(port: number): Promise<AnswerProxy> {
  const sockets = new Set<Socket>();
  const proxy: AnswerProxy = {
    port: 0,
    change: (message) => message,
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  const listener = createServer((client) => {
    const server = dial({ host: '127.0.0.1', port });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('close', () => server.destroy());
    server.on('close', () => client.end());
    client.pipe(server);
    let rest: Buffer = Buffer.alloc(0);
    server.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= FRAME_HEADER_SIZE) {
        const end = FRAME_HEADER_SIZE + readFrameHeader(rest).length;
        if (rest.length < end) return;
        const changed = proxy.change(Buffer.from(rest.subarray(FRAME_HEADER_SIZE, end)));
        rest = rest.subarray(end);
        if (changed !== undefined) {
          client.write(Buffer.concat([encodeFrameHeader(changed.length), changed]));
        }
      }
    });
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  const bound = listener.address();
  if (bound === null || typeof bound === 'string') throw new Error('not a TCP listener');
  return Object.assign(proxy, { port: bound.port });
}
