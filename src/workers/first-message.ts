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
  serves(clientGuid: Buffer): boolean;
}

/**
 * The worker that serves this client already, so that all channels of a session meet; else the one with the fewest
 * connections.
 */
export function chooseWorker<T extends Candidate>(
  workers: readonly T[],
  clientGuid: Buffer | undefined,
): T | undefined {
  if (clientGuid !== undefined) {
    const known = workers.find((worker) => worker.serves(clientGuid));
    if (known !== undefined) return known;
  }
  let fewest: T | undefined;
  for (const worker of workers) {
    if (fewest === undefined || worker.connections < fewest.connections) fewest = worker;
  }
  return fewest;
}
