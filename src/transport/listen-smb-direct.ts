/** MS-SMBD 2.1: where clients with RDMA over iWARP connect. */
import type { Socket } from 'node:net';
import { iwarp } from '../rdma/iwarp/responder.ts';
import type { RdmaProvider } from '../rdma/rdma.ts';
import { MAX_RECEIVE_SIZE } from '../rdma/smb-direct/negotiation.ts';
import type { HandDirect, Listener, ListenPlace } from './listener.ts';
import { listenNode } from './node-listener.ts';
import { SmbDirectConnection, type SmbDirectOptions } from './smb-direct.ts';

/** IANA's: smbdirect. */
export const SMB_DIRECT_PORT = 5445;

export interface SmbDirectListenOptions extends SmbDirectOptions {
  /** Checksums of iWARP (RFC 5044) also where the client does not ask for them. */
  readonly requiresCrc: boolean;
  /** Who serves the messages of what is accepted, where that is another; asked for each. */
  readonly hand: () => HandDirect | undefined;
}

/** A port that is bound, and whose connections wait until `serve`. Rejects with the system's error. */
export const listenSmbDirect = (
  where: ListenPlace,
  options: SmbDirectListenOptions,
  provider: RdmaProvider<Socket> = iwarp,
): Promise<Listener> =>
  listenNode(where, (server, socket) => {
    const { requiresCrc } = options;
    const rdma = provider.accept(socket, { maxMessageBytes: MAX_RECEIVE_SIZE, requiresCrc });
    const connection = new SmbDirectConnection(server, rdma, options, options.hand());
    const { name } = provider;
    void rdma.establish(connection).then((settings) => {
      if (settings !== undefined) connection.log.debug('rdma', name, { ...settings });
      else connection.log.debug('rdma', `no ${name}`, { reason: rdma.reason });
    });
    return connection;
  });
