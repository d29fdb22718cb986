/**
 * The server's part of rping (rdmacm-utils), on iWARP's responder: it tells whether RDMA Reads and Writes, and Sends
 * both ways, are what Linux's RDMA stack takes them for. rping's protocol is its own:
 *
 *     client  Send  where its data lie: address (8), STag (4), length (4), in network order
 *     server  RDMA Read of them; Send: go on
 *     client  Send  where they are to be put
 *     server  RDMA Write of them; Send: go on
 */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { respond } from '../../../src/rdma/iwarp/responder.ts';
import type { RemoteRange } from '../../../src/rdma/rdma.ts';

const MESSAGE_BYTES = 16;
/** Of one ping; rping itself has 64 KiB. */
const MAX_PING_BYTES = 1024 * 1024;

export interface RpingServer {
  readonly port: number;
  /** Pings that came whole, and went back. */
  readonly pings: number;
  /** Why each connection ended. */
  readonly endings: readonly string[];
  close(): Promise<void>;
}

function decodeBuffer(message: Buffer): { range: RemoteRange; length: number } {
  if (message.length !== MESSAGE_BYTES) throw new Error(`rping sent ${message.length} bytes`);
  const length = message.readUInt32BE(12);
  if (length > MAX_PING_BYTES) throw new Error(`rping has ${length} bytes`);
  return {
    range: { offset: message.readBigUInt64BE(0), token: message.readUInt32BE(8) },
    length,
  };
}

export async function startRpingServer(): Promise<RpingServer> {
  let pings = 0;
  const endings: string[] = [];
  const server = createServer((socket) => {
    const iwarp = respond(socket, { maxMessageBytes: MESSAGE_BYTES, requiresCrc: false });
    let data: Buffer | undefined;
    const goOn = (): void => {
      iwarp.post(1);
      iwarp.send([Buffer.alloc(MESSAGE_BYTES)]);
    };
    const take = async (message: Buffer): Promise<void> => {
      const { range, length } = decodeBuffer(message);
      if (data === undefined) {
        const into = Buffer.alloc(length);
        if (await iwarp.read(range, into)) {
          data = into;
          goOn();
        }
        return;
      }
      iwarp.write(range, [data.subarray(0, length)]);
      data = undefined;
      pings += 1;
      goOn();
    };
    void iwarp.establish({
      established: () => iwarp.post(1),
      received: (message) => {
        take(message).catch((error: unknown) => iwarp.close(String(error)));
      },
      drained: () => undefined,
      closed: () => endings.push(iwarp.reason),
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get pings() {
      return pings;
    },
    endings,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
