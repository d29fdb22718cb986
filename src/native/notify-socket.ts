/** One datagram to a Unix socket: socket(2), sendto(2). Node.js has no datagrams of this family. */
import { close } from './files.ts';
import { bind, lastErrno } from './library.ts';

const c = {
  socket: bind<(domain: number, type: number, protocol: number) => number>('socket', 'int', [
    'int',
    'int',
    'int',
  ]),
  sendto: bind<
    (
      fd: number,
      message: Buffer,
      length: number,
      flags: number,
      address: Buffer,
      addressLength: number,
    ) => number
  >('sendto', 'int64', ['int', 'void *', 'size_t', 'int', 'void *', 'uint32']),
};

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
/** struct sockaddr_un: the family, and 108 bytes of a path. */
const FAMILY_BYTES = 2;
const MAX_PATH_BYTES = 107;
const ENAMETOOLONG = -36;

/** 0 or a negative errno. A path that begins with @ is one of Linux's abstract names. */
export function sendDatagram(path: string, message: string): number {
  const name = Buffer.from(path);
  if (name.length > MAX_PATH_BYTES) return ENAMETOOLONG;
  const isAbstract = path.startsWith('@');
  if (isAbstract) name[0] = 0;
  const address = Buffer.alloc(FAMILY_BYTES + name.length + (isAbstract ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, FAMILY_BYTES);
  const fd = c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -lastErrno();
  const bytes = Buffer.from(message);
  const sent = c.sendto(fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length);
  const result = sent < 0 ? -lastErrno() : 0;
  close(fd);
  return result;
}
