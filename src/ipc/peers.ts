/** Who is at the other end of one of the server's own sockets. */
import type { Socket } from 'node:net';
import { peerCredentials } from '../native/peer.ts';

/** Why a peer is not welcome: it is neither root nor the user that this process runs as. */
export function strangerAt(socket: Socket): string | undefined {
  const fd = descriptorOf(socket);
  const peer = fd === undefined ? -1 : peerCredentials(fd);
  // Without native calls the folder's mode alone keeps others out.
  if (typeof peer === 'number') return undefined;
  const welcome = peer.uid === 0 || peer.uid === process.geteuid?.();
  return welcome ? undefined : `user ${peer.uid}, process ${peer.pid}`;
}

/** Node has no other name for it. */
function descriptorOf(socket: Socket): number | undefined {
  const { _handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } };
  return _handle?.fd;
}
