/**
 * MS-SMB2 3.3.5.9, Create Context Validation, and 3.3.5.9.10: a CREATE that the client sends again, since a
 * lost channel has kept its answer, gets the open that it made. Windows answers such a one while the first
 * is under way with ACCESS_DENIED or a sharing violation; as with Samba it is FILE_NOT_AVAILABLE here, at
 * which clients ask again.
 */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CONTEXT_MISMATCH,
  STATUS_DUPLICATE_OBJECTID,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_INVALID_PARAMETER,
} from '../dtyp/ntstatus.ts';
import { replayKey } from '../objects/create-replays.ts';
import type { Durability } from '../objects/durability.ts';
import type { Open } from '../objects/open.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { decodeLease } from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { SMB2_FLAGS_REPLAY_OPERATION } from '../smb2/header.ts';
import { SMB2_OPLOCK_LEVEL_LEASE } from '../smb2/oplock-levels.ts';
import type { MaybePromise, Outcome, TreeRequest } from './command.ts';
import { createReply } from './create-reply.ts';
import { type CreateWish, mayPersist } from './durable.ts';

/** Makes a CREATE with a CreateGuid, or finds what it has made. */
export function onlyOnce(
  body: CreateWish,
  request: TreeRequest,
  make: () => MaybePromise<Outcome>,
): MaybePromise<Outcome> {
  const { durable } = body;
  const { replays } = request.server;
  if (durable?.version !== 2 || request.tree.files === undefined) return make();
  const key = replayKey(request.connection.clientGuid, durable.createGuid);
  const isReplay = (request.header.flags & SMB2_FLAGS_REPLAY_OPERATION) !== 0;
  if (replays.isUnderWay(key)) {
    return isReplay ? STATUS_FILE_NOT_AVAILABLE : STATUS_DUPLICATE_OBJECTID;
  }
  const open = replays.find(key);
  if (open !== undefined) {
    return isReplay ? replay(body, request, open) : STATUS_DUPLICATE_OBJECTID;
  }
  const persistent = isReplay ? persistentOf(body, request) : undefined;
  if (persistent !== undefined) return takeAgain(body, request, persistent);
  replays.begin(key);
  // Another channel may have to tell how it ended.
  request.outlivesConnection = true;
  const made = make();
  if (!(made instanceof Promise)) {
    replays.end(key);
    return made;
  }
  return made.finally(() => replays.end(key));
}

/** "… where Open.IsPersistent is TRUE and Open.CreateGuid matches", whatever was done with it. */
const persistentOf = ({ durable }: CreateWish, request: TreeRequest): Open | undefined =>
  durable!.persistent && mayPersist(request)
    ? request.server.persistentOpens!.find(durable!.createGuid)
    : undefined;

function takeAgain(body: CreateWish, request: TreeRequest, open: Open): MaybePromise<Outcome> {
  const { persistent } = open.durability!;
  if (open.state !== 'disconnected') return STATUS_FILE_NOT_AVAILABLE;
  const refused = refuse(body, request, open, open.durability!);
  if (refused !== undefined) return refused;
  const same =
    body.createOptions === open.createOptions &&
    body.desiredAccess === persistent!.desiredAccess &&
    body.shareAccess === open.share;
  return same ? replay(body, request, open) : STATUS_CONTEXT_MISMATCH;
}

function replay(body: CreateWish, request: TreeRequest, open: Open): MaybePromise<Outcome> {
  const { session, tree, server } = request;
  const durability = open.durability!;
  const refused = refuse(body, request, open, durability);
  if (refused !== undefined) return refused;
  if (open.state === 'disconnected') server.durables.reclaim(open, session, tree);
  return toldAgain(body, request, open, durability.createAction);
}

async function toldAgain(
  body: CreateWish,
  request: TreeRequest,
  open: Open,
  createAction: number,
): Promise<Outcome> {
  open.lifetime.hold();
  try {
    return await createReply(body, request, open, createAction, 'replayed');
  } finally {
    open.lifetime.release();
  }
}

function refuse(
  body: CreateWish,
  { session, tree }: TreeRequest,
  open: Open,
  { owner, persistent }: Durability,
): NtStatus | undefined {
  const { kind, name } = session.account!;
  if (kind !== 'user' || name !== owner) return STATUS_ACCESS_DENIED;
  if (open.home !== tree.share) return STATUS_ACCESS_DENIED;
  if ((open.access & ~tree.maximalAccess) !== 0) return STATUS_ACCESS_DENIED;
  // Neither with another lease, nor with one in place of an oplock (smb2.replay.replay-dhv2-oplock-lease).
  const key = leaseKeyOf(body);
  const same = open.lease === undefined ? key === undefined : key?.equals(open.lease.leaseKey);
  if (same !== true) return STATUS_ACCESS_DENIED;
  // One that is disconnected is reclaimed, as by Windows and Samba (smb2.replay.durable-reconnect-replay1).
  if (open.session !== undefined && open.session !== session) return STATUS_DUPLICATE_OBJECTID;
  // "If Open.IsPersistent is TRUE and the SMB2_DHANDLE_FLAG_PERSISTENT bit is not set"
  return persistent !== undefined && !body.durable!.persistent
    ? STATUS_INVALID_PARAMETER
    : undefined;
}

function leaseKeyOf({ requestedOplockLevel, createContexts }: CreateRequest): Buffer | undefined {
  if (requestedOplockLevel !== SMB2_OPLOCK_LEVEL_LEASE) return undefined;
  const data = findCreateContext(createContexts, CreateContextName.LEASE);
  return data === undefined ? undefined : decodeLease(data).leaseKey;
}
