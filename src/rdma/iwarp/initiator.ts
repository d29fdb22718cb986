/** RFC 5044 7.1: the side that begins. usmbd only answers; this is for tests and measurements. */
import { connect, type Socket } from 'node:net';
import type { RdmaEvents } from '../rdma.ts';
import { IwarpConnection, type IwarpOptions } from './connection.ts';
import { decodeEnhancedData, encodeEnhancedData, encodeMpaFrame } from './mpa.ts';
import { MAX_READ_DEPTH, type MpaSettings } from './mpa-negotiation.ts';

export interface InitiatorOptions extends IwarpOptions {
  readonly port: number;
  readonly host: string;
  readonly crc: boolean;
}

/** Enhanced set-up, revision 2, not peer to peer. Rejects where the peer does. */
export async function connectIwarp(
  options: InitiatorOptions,
  events: RdmaEvents,
): Promise<{ connection: IwarpConnection; settings: MpaSettings }> {
  const socket = await dial(options);
  const depths = { ird: MAX_READ_DEPTH, ord: MAX_READ_DEPTH };
  const ready = { peerToPeer: false, sendRtr: false, writeRtr: false, readRtr: false };
  const connection = new IwarpConnection(socket, options, (reply) => {
    if (reply.kind !== 'reply') return { refused: 'a request for an answer' };
    if (reply.rejected) return { refused: 'rejected' };
    const { ird } = decodeEnhancedData(reply.privateData);
    const maxReads = Math.max(1, Math.min(ird, MAX_READ_DEPTH));
    return { crc: reply.crc, maxReads, readyToReceive: 'none' };
  });
  const established = connection.establish(events);
  socket.write(
    encodeMpaFrame({
      kind: 'request',
      markers: false,
      crc: options.crc,
      rejected: false,
      enhanced: true,
      revision: 2,
      privateData: encodeEnhancedData({ ...depths, ...ready }),
    }),
  );
  const settings = await established;
  if (settings === undefined) throw new Error(`iWARP: ${connection.reason}`);
  return { connection, settings };
}

function dial({ port, host }: InitiatorOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host }, () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
