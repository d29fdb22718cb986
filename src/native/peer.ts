/** Who is at the other end of a Unix-domain socket: SO_PEERCRED, unix(7). */
import { bind, lastErrno } from './library.ts';

const getsockopt = bind<
  (fd: number, level: number, name: number, value: Buffer, length: Uint32Array) => number
>('getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']);

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid */
const UCRED_BYTES = 12;

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** As they were when the socket was connected; a negative errno where the kernel does not tell. */
export function peerCredentials(fd: number): PeerCredentials | number {
  const ucred = Buffer.alloc(UCRED_BYTES);
  const length = Uint32Array.of(UCRED_BYTES);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, length) < 0) return -lastErrno();
  return { pid: ucred.readUInt32LE(0), uid: ucred.readUInt32LE(4), gid: ucred.readUInt32LE(8) };
}
