/** Stands between a client and a server and remembers the last request that passed. */
import { createServer, connect as dial, type Socket } from 'node:net';
import { FRAME_HEADER_SIZE, readFrameHeader } from '../../src/smb2/framing.ts';

export interface Recorder {
  /** The SMB2 message, with its header; undefined before there was one. */
  last: Buffer | undefined;
  close(): Promise<void>;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

export async function startRecorder(at: Address, server: Address): Promise<Recorder> {
  const sockets = new Set<Socket>();
  const recorder: Recorder = {
    last: undefined,
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  const listener = createServer((client) => {
    const upstream = dial(server);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    upstream.pipe(client);
    client.pipe(upstream);
    let rest: Buffer = Buffer.alloc(0);
    client.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= FRAME_HEADER_SIZE) {
        const end = FRAME_HEADER_SIZE + readFrameHeader(rest).length;
        if (rest.length < end) return;
        recorder.last = Buffer.from(rest.subarray(FRAME_HEADER_SIZE, end));
        rest = rest.subarray(end);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(at.port, at.host, resolve);
  });
  return recorder;
}
