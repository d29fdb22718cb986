/** RFC 5044 7.1.3: an accepted TCP connection becomes an iWARP stream. */
import type { Socket } from 'node:net';
import { sendSegmentBytes } from '../../native/socket.ts';
import { nativeSupport } from '../../native/support.ts';
import type { RdmaOptions, RdmaProvider } from '../rdma.ts';
import { IwarpConnection, ulpduBytes } from './connection.ts';
import { encodeMpaFrame } from './mpa.ts';
import { answerMpaRequest } from './mpa-negotiation.ts';

export function respond(socket: Socket, options: RdmaOptions): IwarpConnection {
  const { maxMessageBytes, requiresCrc } = options;
  const maxUlpduBytes = ulpduBytes(segmentBytes(socket));
  return new IwarpConnection(socket, { maxMessageBytes, maxUlpduBytes }, (request) => {
    const answer = answerMpaRequest(request, requiresCrc);
    socket.write(encodeMpaFrame(answer.reply));
    return answer.settings ?? { refused: answer.reason };
  });
}

export const iwarp: RdmaProvider<Socket> = { name: 'iWARP', accept: respond };

/** 0 where it is not known. */
function segmentBytes(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } | null };
  const fd = handle?.fd ?? -1;
  return fd < 0 || nativeSupport().unavailable !== undefined ? 0 : sendSegmentBytes(fd);
}
