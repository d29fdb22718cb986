/** A client of ours with durable opens under a lease, which comes back to them when the server is there again. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StatusError } from '../../src/client/client-error.ts';
import type { ClientFile } from '../../src/client/file.ts';
import type { OpenOptions } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  decodeDurableHandleResponseV2,
  decodeLease,
  encodeDurableHandleReconnectV2,
  encodeDurableHandleRequestV2,
  encodeLease,
} from '../../src/smb2/create-context-values.ts';
import {
  type CreateContext,
  CreateContextName,
  findCreateContext,
} from '../../src/smb2/create-contexts.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_OPLOCK_LEVEL_LEASE } from '../../src/smb2/oplock-levels.ts';

const RWH = 7;
/** Of a server that is killed and starts again. */
export const BACK_LIMIT_MS = 120_000;

/** What an open is found by. */
export interface Ticket {
  readonly createGuid: Buffer;
  readonly leaseKey: Buffer;
  /** 0, or SMB2_DHANDLE_FLAG_PERSISTENT. */
  readonly flags: number;
}

export const ticket = (flags = 0): Ticket => ({
  createGuid: randomBytes(16),
  leaseKey: randomBytes(16),
  flags,
});

export const lease = (leaseKey: Buffer): CreateContext => ({
  name: CreateContextName.LEASE,
  data: encodeLease({
    version: 2,
    leaseKey,
    leaseState: RWH,
    leaseFlags: 0,
    parentLeaseKey: Buffer.alloc(16),
    epoch: 1,
  }),
});

const OPEN: OpenOptions = {
  access: FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE,
  disposition: FILE_OPEN_IF,
  oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
};

/** Throws where it is not granted as it was asked for. */
export async function begin(
  tree: ClientTree,
  name: string,
  { createGuid, leaseKey, flags }: Ticket,
  over: OpenOptions,
): Promise<ClientFile> {
  const durable = {
    name: CreateContextName.DURABLE_HANDLE_REQUEST_V2,
    data: encodeDurableHandleRequestV2({ timeout: 0, flags, createGuid }),
  };
  const contexts = [durable, lease(leaseKey)];
  const file = await tree.open(name, { ...OPEN, ...over, contexts });
  const { createContexts } = file.created;
  const granted = findCreateContext(createContexts, CreateContextName.DURABLE_HANDLE_REQUEST_V2);
  if (granted === undefined || decodeDurableHandleResponseV2(granted).flags !== flags) {
    throw new Error(`${name}: the handle is not what was asked for`);
  }
  return file;
}

const leaseOf = ({ created }: ClientFile) => {
  const data = findCreateContext(created.createContexts, CreateContextName.LEASE);
  return decodeLease(data!) as { leaseState: number; epoch?: number };
};

/** Throws where its lease is another than it was. */
export async function reclaim(
  tree: ClientTree,
  file: ClientFile,
  { createGuid, leaseKey, flags }: Ticket,
  over: OpenOptions,
): Promise<ClientFile> {
  const { persistentId, volatileId } = file.created;
  const durable = {
    name: CreateContextName.DURABLE_HANDLE_RECONNECT_V2,
    data: encodeDurableHandleReconnectV2({ persistentId, volatileId, createGuid, flags }),
  };
  const contexts = [durable, lease(leaseKey)];
  const again = await tree.open(file.name, { ...OPEN, ...over, contexts });
  if (leaseOf(again).leaseState !== RWH) throw new Error(`${file.name}: its lease is another`);
  return again;
}

export const epochOf = (file: ClientFile): number | undefined => leaseOf(file).epoch;

/** Until it succeeds: what fails while there is no server is tried again. */
export async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + BACK_LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof StatusError || performance.now() > endMs) throw error;
      await sleep(50);
    }
  }
}
