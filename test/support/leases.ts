/** Leases as a client has them: asked for in CREATE, broken by the server, acknowledged. */
import assert from 'node:assert/strict';
import type { ClientFile } from '../../src/client/file.ts';
import { echoRequest, type OpenOptions } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import type { NtStatus } from '../../src/dtyp/ntstatus.ts';
import {
  decodeLease,
  encodeLease,
  type LeaseContext,
} from '../../src/smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../../src/smb2/create-contexts.ts';
import { Command } from '../../src/smb2/header.ts';
import {
  encodeOplockBreakRequest,
  type LeaseBreakNotification,
} from '../../src/smb2/oplock-break.ts';
import {
  SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
  SMB2_LEASE_HANDLE_CACHING,
  SMB2_LEASE_READ_CACHING,
  SMB2_LEASE_WRITE_CACHING,
  SMB2_OPLOCK_LEVEL_LEASE,
} from '../../src/smb2/oplock-levels.ts';

export const R = SMB2_LEASE_READ_CACHING;
export const RH = R | SMB2_LEASE_HANDLE_CACHING;
export const RW = R | SMB2_LEASE_WRITE_CACHING;
export const RWH = RH | RW;

/** A key is a byte, sixteen times. */
export const leaseKey = (fill: number): Buffer => Buffer.alloc(16, fill);

export interface LeaseWish {
  readonly state?: number;
  readonly version?: 1 | 2;
  /** The key of the directory's lease. */
  readonly parent?: number | undefined;
  readonly epoch?: number;
}

/** Of version 2 and for everything, if nothing else is said. */
export function leaseContext(fill: number, wish: LeaseWish = {}): Buffer {
  const { state = RWH, version = 2, parent, epoch = 0 } = wish;
  const common = { leaseKey: leaseKey(fill), leaseState: state };
  return encodeLease(
    version === 1
      ? { version, ...common, leaseFlags: 0 }
      : {
          version,
          ...common,
          leaseFlags: parent === undefined ? 0 : SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
          parentLeaseKey: leaseKey(parent ?? 0),
          epoch,
        },
  );
}

/** How to open with a lease. */
export const leased = (fill: number, wish: LeaseWish = {}, how: OpenOptions = {}): OpenOptions => ({
  ...how,
  oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
  contexts: [{ name: CreateContextName.LEASE, data: leaseContext(fill, wish) }],
});

/** The lease that an open was answered with. */
export function leaseOf({ created }: ClientFile): LeaseContext | undefined {
  const data = findCreateContext(created.createContexts, CreateContextName.LEASE);
  return data === undefined ? undefined : decodeLease(data);
}

/** Epoch 0 for version 1. */
export function stateAndEpoch(file: ClientFile): [number, number] {
  const lease = leaseOf(file);
  assert.ok(lease !== undefined, 'no lease in the answer');
  return [lease.leaseState, lease.version === 2 ? lease.epoch : 0];
}

/** What the server has told the client of its leases since the last call: nothing under way is missed. */
export async function takeBreaks({ session }: ClientTree): Promise<LeaseBreakNotification[]> {
  const { connection } = session;
  // The server works on one connection's requests in their order, and tells of breaks before it takes more.
  await session.request(echoRequest());
  return connection.breaks.splice(0).filter((one) => one.kind === 'lease');
}

export async function acknowledgeLease(
  tree: ClientTree,
  fill: number,
  leaseState: number,
): Promise<NtStatus> {
  const body = encodeOplockBreakRequest({
    kind: 'lease',
    leaseKey: leaseKey(fill),
    leaseState,
  });
  return (await tree.request({ command: Command.OPLOCK_BREAK, body })).status;
}

/** A break in short: key, from, to, epoch, and whether it wants to be acknowledged. */
export const told = (one: LeaseBreakNotification): [number, number, number, number, boolean] => [
  one.leaseKey[0]!,
  one.currentLeaseState,
  one.newLeaseState,
  one.newEpoch,
  one.flags === 1,
];
