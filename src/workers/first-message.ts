/** MS-SMB2 2.2.3: what of a connection's first message says which worker is to serve it. */
import { HEADER_SIZE, protocolOf } from '../smb2/header.ts';

/** In a NEGOTIATE request, behind the header. */
const CLIENT_GUID_AT = HEADER_SIZE + 12;

/** The ClientGuid; undefined where there is none, as in a NEGOTIATE of SMB1 and from clients that know only 2.0.2. */
export function clientGuidOf(message: Buffer): Buffer | undefined {
  if (message.length < CLIENT_GUID_AT + 16 || protocolOf(message) !== 'smb2') return undefined;
  const guid = message.subarray(CLIENT_GUID_AT, CLIENT_GUID_AT + 16);
  return guid.every((byte) => byte === 0) ? undefined : guid;
}

/** What is chosen from. */
export interface Candidate {
  readonly connections: number;
  /** Those of the client with this ClientGuid. */
  connectionsOf(clientGuid: Buffer): number;
}

/**
 * The worker with the fewest connections of this client, so that the channels of a session use several processors; among
 * those the one with the fewest at all.
 */
export function chooseWorker<T extends Candidate>(
  workers: readonly T[],
  clientGuid: Buffer | undefined,
): T | undefined {
  let fewest: T | undefined;
  let ofClient = 0;
  for (const worker of workers) {
    const own = clientGuid === undefined ? 0 : worker.connectionsOf(clientGuid);
    if (fewest !== undefined) {
      const more = own - ofClient || worker.connections - fewest.connections;
      if (more >= 0) continue;
    }
    fewest = worker;
    ofClient = own;
  }
  return fewest;
}
