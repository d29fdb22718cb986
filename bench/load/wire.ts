/** A blocking TCP connection that carries SMB frames whole (MS-SMB2 2.1), for what is not measured. */
import { close } from '../../src/native/files.ts';
import { addressOf } from '../../src/native/library.ts';
import {
  connectIpv4,
  MSG_WAITALL,
  recv,
  setNoDelay,
  setReceiveTimeout,
  tcpSocket,
} from '../../src/native/socket.ts';
import { encodeFrameHeader, FRAME_HEADER_SIZE, readFrameHeader } from '../../src/smb2/framing.ts';
import { LoadError } from './load-error.ts';
import { SendQueue } from './send-queue.ts';

/** Loopback: the client and both servers share the machine. */
const ADDRESS = Buffer.from([127, 0, 0, 1]);
/** A server that says nothing for so long is given up. */
const REPLY_TIMEOUT_MS = 30_000;

const EINTR = 4;
const EAGAIN = 11;

/** recv, repeated when a signal interrupted it; throws for everything but bytes. */
export function receive(fd: number, at: number, length: number, flags: number): number {
  for (;;) {
    const got = recv(fd, at, length, flags);
    if (got > 0) return got;
    if (got === 0) throw new LoadError('the server closed the connection');
    if (got === -EAGAIN) throw new LoadError(`no reply for ${REPLY_TIMEOUT_MS / 1000} s`);
    if (got !== -EINTR) throw new LoadError(`recv: errno ${-got}`);
  }
}

export class Wire {
  readonly fd: number;
  readonly #queue = new SendQueue(8);

  constructor(port: number) {
    this.fd = tcpSocket();
    if (this.fd < 0) throw new LoadError(`socket: errno ${-this.fd}`);
    const result =
      connectIpv4(this.fd, ADDRESS, port) ||
      setNoDelay(this.fd) ||
      setReceiveTimeout(this.fd, REPLY_TIMEOUT_MS);
    if (result < 0) {
      this.close();
      throw new LoadError(`connect to port ${port}: errno ${-result}`);
    }
  }

  send(parts: readonly Buffer[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const all = [encodeFrameHeader(length), ...parts];
    for (const part of all) this.#queue.add(addressOf(part), part.length);
    this.#queue.flush(this.fd);
  }

  receive(): Buffer {
    const { length } = readFrameHeader(this.#take(FRAME_HEADER_SIZE));
    return this.#take(length);
  }

  #take(length: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length);
    const at = addressOf(buffer);
    let done = 0;
    while (done < length) done += receive(this.fd, at + done, length - done, MSG_WAITALL);
    return buffer;
  }

  close(): void {
    close(this.fd);
  }
}
