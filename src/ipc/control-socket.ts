/**
 * Where the sockets of a running server are: STATE/control/socket for tools, STATE/mountd/socket for the control
 * plane's process, each in a folder that is its owner's alone.
 * Whoever holds the lock of the state folder owns what stands there, so a socket that a server left
 * when it was killed is removed unasked.
 */
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export type SocketFolder = 'control' | 'mountd';
const SOCKET = 'socket';
/** unix(7): sun_path has 108 bytes, with the NUL. */
const MAX_ADDRESS_BYTES = 107;

export interface SocketAddress {
  /** For bind and connect. */
  readonly path: string;
  /** To be called when the socket is bound no more. */
  release(): void;
}

/** The socket's address; of a long one by the descriptor of its folder. Throws the system's error. */
export function socketAddress(statePath: string, name: SocketFolder = 'control'): SocketAddress {
  const folder = join(statePath, name);
  const path = join(folder, SOCKET);
  if (Buffer.byteLength(path) <= MAX_ADDRESS_BYTES) return { path, release: () => {} };
  const fd = openSync(folder, 'r');
  return { path: `/proc/self/fd/${fd}/${SOCKET}`, release: () => closeSync(fd) };
}

/** Makes the folder, with nothing in the socket's place. */
export function prepareSocketFolder(statePath: string, name: SocketFolder = 'control'): void {
  const folder = join(statePath, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid } = lstatSync(folder);
  if (uid !== process.geteuid?.()) throw new Error(`${folder} belongs to another user (${uid})`);
  chmodSync(folder, 0o700);
  rmSync(join(folder, SOCKET), { force: true });
}

export function removeSocketFolder(statePath: string, name: SocketFolder = 'control'): void {
  try {
    rmdirSync(join(statePath, name));
  } catch {
    // Nothing depends on its being gone.
  }
}
