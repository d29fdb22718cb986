/** Clients that open files durably, lose their connections and come back. No tests of its own. */
import assert from 'node:assert/strict';
import type { CreateRequest, CreateResponse } from '../smb2/create.ts';
import {
  decodeLease,
  encodeDurableHandleReconnect,
  encodeDurableHandleReconnectV2,
  encodeDurableHandleRequest,
  encodeDurableHandleRequestV2,
  encodeLease,
  type LeaseContext,
} from '../smb2/create-context-values.ts';
import {
  type CreateContext,
  CreateContextName,
  findCreateContext,
} from '../smb2/create-contexts.ts';
import { Dialect } from '../smb2/dialect.ts';
import { SMB2_OPLOCK_LEVEL_BATCH, SMB2_OPLOCK_LEVEL_LEASE } from '../smb2/oplock-levels.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import {
  type ClientSession,
  connected,
  type FileId,
  type Reply,
  type TestClient,
} from './test-client.support.test.ts';
import { read } from './test-requests.support.test.ts';
import type { World } from './test-world.support.test.ts';

export const guid = (byte: number): Buffer => Buffer.alloc(16, byte);

export const durable = (): CreateContext => ({
  name: CreateContextName.DURABLE_HANDLE_REQUEST,
  data: encodeDurableHandleRequest(),
});

export const durableV2 = (createGuid = guid(0xc1), timeout = 0, flags = 0): CreateContext => ({
  name: CreateContextName.DURABLE_HANDLE_REQUEST_V2,
  data: encodeDurableHandleRequestV2({ timeout, flags, createGuid }),
});

export const reconnect = ({ persistentId, volatileId }: FileId): CreateContext => ({
  name: CreateContextName.DURABLE_HANDLE_RECONNECT,
  data: encodeDurableHandleReconnect({ persistentId, volatileId }),
});

export const reconnectV2 = (
  { persistentId, volatileId }: FileId,
  createGuid = guid(0xc1),
  flags = 0,
): CreateContext => ({
  name: CreateContextName.DURABLE_HANDLE_RECONNECT_V2,
  data: encodeDurableHandleReconnectV2({ persistentId, volatileId, createGuid, flags }),
});

/** RqLs; R 1, H 2, W 4. */
export const lease = (state: number, key = 1, version: 1 | 2 = 2): CreateContext => {
  const common = { leaseKey: guid(key), leaseState: state, leaseFlags: 0 };
  return {
    name: CreateContextName.LEASE,
    data: encodeLease(
      version === 1
        ? { version, ...common }
        : { version, ...common, parentLeaseKey: Buffer.alloc(16), epoch: 0 },
    ),
  };
};

export const BATCH = { requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH } as const;
export const LEASE = { requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE } as const;

/** What the response says of durability. */
export const grantedDurable = ({ createContexts }: CreateResponse): 0 | 1 | 2 => {
  const has = (name: string): boolean => findCreateContext(createContexts, name) !== undefined;
  if (has(CreateContextName.DURABLE_HANDLE_REQUEST_V2)) return 2;
  return has(CreateContextName.DURABLE_HANDLE_REQUEST) ? 1 : 0;
};

export const grantedLease = ({ createContexts }: CreateResponse): LeaseContext | undefined => {
  const data = findCreateContext(createContexts, CreateContextName.LEASE);
  return data === undefined ? undefined : decodeLease(data);
};

export interface Mount {
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
}

/** Each call is another connection; one of the same client unless `clientGuid` says otherwise. */
export const mount = (world: World, over: Parameters<typeof connected>[1] = {}): Promise<Mount> =>
  connected(world, over);

export const open = (
  { client, session, treeId }: Mount,
  name: string,
  createContexts: CreateContext[],
  over: Partial<CreateRequest> = {},
): Promise<CreateResponse> => client.open(session, treeId, name, { createContexts, ...over });

/** The status of a CREATE. */
export async function tryOpen(
  { client, session, treeId }: Mount,
  name: string,
  createContexts: CreateContext[],
  over: Partial<CreateRequest> = {},
): Promise<number> {
  return (await client.create(session, treeId, { name, createContexts, ...over })).status;
}

export async function call(
  { client, session, treeId }: Mount,
  draft: Parameters<TestClient['call']>[0],
): Promise<Reply> {
  return client.call({ ...draft, treeId }, session);
}

export async function readText(at: Mount, id: FileId): Promise<string> {
  const reply = await call(at, read(id));
  assert.equal(reply.status, 0);
  return decodeReadResponse(reply.message).data.toString();
}

export const statusOf = async (at: Mount, draft: Parameters<TestClient['call']>[0]) =>
  (await call(at, draft)).status;

/** Everything of the world is closed, when the server ends its durable opens as it does at its end. */
export async function assertGone(world: World, ...mounts: Mount[]): Promise<void> {
  for (const { client } of mounts) await client.lost();
  await world.server.durables.end();
  assert.equal(world.server.durables.size, 0);
  world.assertEmpty();
}

export const SMB2_1 = { dialect: Dialect.SMB2_10 };
