/** Stands between client and server and changes what either says, message by message. */
import { createServer, connect as dial, type Socket } from 'node:net';
import { encodeFrameHeader, FRAME_HEADER_SIZE, readFrameHeader } from '../../src/smb2/framing.ts';

/** Gets a transport message; undefined drops it. */
export type Change = (message: Buffer) => Buffer | undefined;

export interface AnswerProxy {
  readonly port: number;
  /** Of each answer. */
  change: Change;
  /** Of each request. */
  changeRequest: Change;
  close(): Promise<void>;
}

/** What `from` sends goes to `to`, changed; what is no whole message yet waits for its rest. */
function carry(from: Socket, to: Socket, change: Change): void {
  let rest: Buffer = Buffer.alloc(0);
  from.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= FRAME_HEADER_SIZE) {
      const end = FRAME_HEADER_SIZE + readFrameHeader(rest).length;
      if (rest.length < end) return;
      const changed = change(Buffer.from(rest.subarray(FRAME_HEADER_SIZE, end)));
      rest = rest.subarray(end);
      if (changed !== undefined) {
        to.write(Buffer.concat([encodeFrameHeader(changed.length), changed]));
      }
    }
  });
}

export async function startProxy(port: number, host = '127.0.0.1'): Promise<AnswerProxy> {
  const sockets = new Set<Socket>();
  const proxy: AnswerProxy = {
    port: 0,
    change: (message) => message,
    changeRequest: (message) => message,
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  const listener = createServer((client) => {
    const server = dial({ host, port });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    client.on('close', () => server.destroy());
    server.on('close', () => client.end());
    carry(client, server, (message) => proxy.changeRequest(message));
    carry(server, client, (message) => proxy.change(message));
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  const bound = listener.address();
  if (bound === null || typeof bound === 'string') throw new Error('not a TCP listener');
  return Object.assign(proxy, { port: bound.port });
}
