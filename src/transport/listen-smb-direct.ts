/** MS-SMBD 2.1: where clients with RDMA over iWARP connect. */
import { respond } from '../rdma/iwarp/responder.ts';
import { MAX_RECEIVE_SIZE } from '../rdma/smb-direct/negotiation.ts';
import type { ListenAddress, Listener } from './listener.ts';
import { listenNode } from './node-listener.ts';
import { SmbDirectConnection, type SmbDirectOptions } from './smb-direct.ts';

/** IANA's: smbdirect. */
export const SMB_DIRECT_PORT = 5445;

export interface SmbDirectListenOptions extends SmbDirectOptions {
  /** Checksums of iWARP (RFC 5044) also where the client does not ask for them. */
  readonly requiresCrc: boolean;
}

/** A port that is bound, and whose connections wait until `serve`. Rejects with the system's error. */
export const listenSmbDirect = (
  where: ListenAddress,
  options: SmbDirectListenOptions,
): Promise<Listener> =>
  listenNode(where, (server, socket) => {
    const { requiresCrc } = options;
    const iwarp = respond(socket, { maxMessageBytes: MAX_RECEIVE_SIZE, requiresCrc });
    const connection = new SmbDirectConnection(server, iwarp, options);
    void iwarp.establish(connection).then((settings) => {
      if (settings !== undefined) connection.log.debug('rdma', 'iWARP', { ...settings });
      else connection.log.debug('rdma', 'no iWARP', { reason: iwarp.reason });
    });
    return connection;
  });
