/** Which transport serves: the kernel's own calls where there are native ones, else net.Socket. */
import { nativeSupport } from '../native/support.ts';
import type { Listener, ListenPlace } from './listener.ts';
import { listenNative } from './native-listener.ts';
import { listenTcp } from './tcp.ts';

export type TransportKind = 'native' | 'portable';

/** koffi's poll handles miss events with Node.js 26: connections that are not taken, requests not read. */
const FIRST_WITHOUT_POLL = 26;

/** USMBD_TRANSPORT=portable asks for net.Socket where native calls would do. */
export function transportKind(): TransportKind {
  const asked = process.env.USMBD_TRANSPORT === 'portable';
  const cannotPoll = Number.parseInt(process.versions.node, 10) >= FIRST_WITHOUT_POLL;
  const cannot = cannotPoll || nativeSupport().unavailable !== undefined;
  return asked || cannot ? 'portable' : 'native';
}

/** Rejects with the system's error, EADDRINUSE for instance. */
export const listen = (where: ListenPlace, kind = transportKind()): Promise<Listener> =>
  kind === 'native' ? listenNative(where) : listenTcp(where);
