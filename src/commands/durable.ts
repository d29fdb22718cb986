/**
 * MS-SMB2 3.3.5.9.6 and 3.3.5.9.10: opens that a CREATE wants to outlive its connection, and which of the
 * four contexts of durable opens go together.
 */
import {
  DURABLE_TIMEOUT_MS,
  DURABLE_V2_TIMEOUT_MS,
  MAX_APPLE_DURABLE_TIMEOUT_MS,
  MAX_DURABLE_TIMEOUT_MS,
} from '../base/limits.ts';
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import { ZERO_GUID } from '../dtyp/guid.ts';
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../dtyp/ntstatus.ts';
import { H } from '../objects/caching.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import type { Session } from '../objects/session.ts';
import { SMB2_GLOBAL_CAP_PERSISTENT_HANDLES } from '../smb2/capabilities.ts';
import type { CreateRequest } from '../smb2/create.ts';
import {
  decodeDurableHandleReconnect,
  decodeDurableHandleReconnectV2,
  decodeDurableHandleRequest,
  decodeDurableHandleRequestV2,
  decodeLease,
  encodeDurableHandleResponse,
  encodeDurableHandleResponseV2,
  SMB2_DHANDLE_FLAG_PERSISTENT,
} from '../smb2/create-context-values.ts';
import {
  type CreateContext,
  CreateContextName,
  findCreateContext,
} from '../smb2/create-contexts.ts';
import { SMB2_LEASE_HANDLE_CACHING, SMB2_OPLOCK_LEVEL_BATCH } from '../smb2/oplock-levels.ts';

/** DHnQ or DH2Q. */
export interface DurableRequest {
  readonly kind: 'request';
  readonly version: 1 | 2;
  /** Zeros in version 1. */
  readonly createGuid: Buffer;
  /** 0: the server's choice. */
  readonly timeoutMs: number;
  /** SMB2_DHANDLE_FLAG_PERSISTENT. */
  readonly persistent: boolean;
}

/** DHnC or DH2C. */
export interface DurableReconnect {
  readonly kind: 'reconnect';
  readonly version: 1 | 2;
  readonly persistentId: number;
  readonly createGuid: Buffer;
  /** SMB2_DHANDLE_FLAG_PERSISTENT. */
  readonly persistent: boolean;
}

/** A CREATE whose contexts of durable opens are taken apart. */
export interface CreateWish extends CreateRequest {
  readonly durable: DurableRequest | undefined;
}

/** What the request's contexts ask for; those of version 2 mean something at 3.x only. */
export function durableContexts(
  { createContexts }: CreateRequest,
  { connection }: Request,
): DurableRequest | DurableReconnect | NtStatus | undefined {
  if (createContexts.length === 0) return undefined;
  const { smb3 } = connection.dialect!;
  const find = (name: string): Buffer | undefined => findCreateContext(createContexts, name);
  const request = find(CreateContextName.DURABLE_HANDLE_REQUEST);
  const reconnect = find(CreateContextName.DURABLE_HANDLE_RECONNECT);
  const requestV2 = smb3 ? find(CreateContextName.DURABLE_HANDLE_REQUEST_V2) : undefined;
  const reconnectV2 = smb3 ? find(CreateContextName.DURABLE_HANDLE_RECONNECT_V2) : undefined;
  const versionOne = request !== undefined || reconnect !== undefined;
  const versionTwo = requestV2 !== undefined || reconnectV2 !== undefined;
  if (versionOne && versionTwo) return STATUS_INVALID_PARAMETER;
  if (requestV2 !== undefined && reconnectV2 !== undefined) return STATUS_INVALID_PARAMETER;
  if (reconnectV2 !== undefined) {
    const { flags, ...rest } = decodeDurableHandleReconnectV2(reconnectV2);
    const persistent = (flags & SMB2_DHANDLE_FLAG_PERSISTENT) !== 0;
    return { kind: 'reconnect', version: 2, ...rest, persistent };
  }
  if (requestV2 !== undefined) {
    const { createGuid, timeout, flags } = decodeDurableHandleRequestV2(requestV2);
    return {
      kind: 'request',
      version: 2,
      // The context is a view of the message.
      createGuid: Buffer.from(createGuid),
      timeoutMs: timeout,
      persistent: (flags & SMB2_DHANDLE_FLAG_PERSISTENT) !== 0,
    };
  }
  // 3.3.5.9.7: beside a DHnC, "the server MUST ignore the SMB2_CREATE_DURABLE_HANDLE_REQUEST".
  if (reconnect !== undefined) {
    const { persistentId } = decodeDurableHandleReconnect(reconnect);
    const rest = { createGuid: ZERO_GUID, persistent: false };
    return { kind: 'reconnect', version: 1, persistentId, ...rest };
  }
  if (request === undefined) return undefined;
  decodeDurableHandleRequest(request);
  const timeoutMs = DURABLE_TIMEOUT_MS;
  return { kind: 'request', version: 1, createGuid: ZERO_GUID, timeoutMs, persistent: false };
}

/** 3.3.5.9.10: access of an open whose CREATE may be replayed. */
const REPLAYED_ACCESS = FILE_READ_DATA | FILE_EXECUTE | FILE_WRITE_DATA | FILE_APPEND_DATA | DELETE;

/** Open.DurableOpenTimeout. */
function timeoutOf({ version, timeoutMs }: DurableRequest, { apple }: Session): number {
  if (version === 1) return timeoutMs;
  if (timeoutMs === 0) return DURABLE_V2_TIMEOUT_MS;
  const most = apple === undefined ? MAX_DURABLE_TIMEOUT_MS : MAX_APPLE_DURABLE_TIMEOUT_MS;
  return Math.min(timeoutMs, most);
}

/**
 * Grants durability to a file's open that caches its handle, and lets a CREATE with a CreateGuid come again.
 * To be called when nothing can fail any more: an open whose CREATE is never answered is nobody's to
 * reclaim.
 */
export function grantDurability(
  body: CreateWish,
  request: Request,
  open: Open,
  { createAction, creationTime }: { readonly createAction: number; readonly creationTime: bigint },
): void {
  const { durable } = body;
  const { session, server, connection } = request;
  if (durable === undefined || open.handle?.kind !== 'file') return;
  // Whoever comes as guest is as much the owner as the one who left.
  if (session!.account!.kind !== 'user') return;
  const isPersistent = durable.persistent && mayPersist(request);
  const isDurable =
    isPersistent ||
    (server.options.durableHandles &&
      cachesHandle(request, open) &&
      (durable.version === 2 || asksForHandle(body)));
  if (!isDurable && durable.version === 1) return;
  const { identity } = request.tree!;
  open.durability = {
    isDurable,
    isResilient: false,
    persistent: isPersistent
      ? { identity, desiredAccess: body.desiredAccess, creationTime }
      : undefined,
    owner: session!.account!.name,
    clientGuid: connection.clientGuid,
    version: durable.version,
    createGuid: durable.createGuid,
    fileName: body.name,
    createAction,
    timeoutMs: timeoutOf(durable, session!),
    deadlineMs: 0,
  };
  const isReplayed = isPersistent || (open.access & REPLAYED_ACCESS) !== 0;
  if (durable.version === 2 && isReplayed) server.replays.offer(open);
}

/** "TreeConnect.Share.IsCA is TRUE, and Connection.ServerCapabilities includes …_PERSISTENT_HANDLES". */
export const mayPersist = ({ server, tree, connection }: Request): boolean =>
  server.persistentOpens !== undefined &&
  server.options.durableHandles &&
  tree!.share.continuousAvailability === true &&
  (connection.serverCapabilities & SMB2_GLOBAL_CAP_PERSISTENT_HANDLES) !== 0;

/**
 * What a CREATE has added to what its client may rely on after the server's end is on stable storage when the promise
 * settles; undefined where there is nothing of it. An open that cannot be recorded is as durable as what it caches.
 */
export function recorded(request: Request, open: Open): Promise<unknown> | undefined {
  const { persistentOpens, keptOpens } = request.server;
  keptOpens?.changed(open);
  if (persistentOpens === undefined) return undefined;
  const { durability } = open;
  if (durability?.persistent === undefined) {
    // It may have raised the lease of one that is.
    return open.lease === undefined ? undefined : persistentOpens.fileChanged(open.lease);
  }
  persistentOpens.add(open);
  return persistentOpens.changed(open).then((isKept) => {
    if (isKept) return;
    persistentOpens.forget(open);
    durability.persistent = undefined;
    durability.isDurable = cachesHandle(request, open);
    keptOpens?.changed(open);
  });
}

function cachesHandle({ server }: Request, open: Open): boolean {
  const grant = server.oplocks.heldBy(open);
  return grant !== undefined && ((grant.breakingTo ?? grant.state) & H) !== 0;
}

/** The context that tells of it, where the answer tells of a cached handle: 3.3.5.9.10 <342>. */
export function durableReply(open: Open, toldLevel: number): CreateContext | undefined {
  const { durability } = open;
  if (durability?.isDurable !== true) return undefined;
  const { version, timeoutMs, persistent } = durability;
  const cached = open.lease !== undefined || toldLevel === SMB2_OPLOCK_LEVEL_BATCH;
  if (!cached && persistent === undefined) return undefined;
  const flags = persistent === undefined ? 0 : SMB2_DHANDLE_FLAG_PERSISTENT;
  return version === 1
    ? { name: CreateContextName.DURABLE_HANDLE_REQUEST, data: encodeDurableHandleResponse() }
    : {
        name: CreateContextName.DURABLE_HANDLE_REQUEST_V2,
        data: encodeDurableHandleResponseV2({ timeout: timeoutMs, flags }),
      };
}

/** 3.3.5.9.6: the request wants a batch oplock, or a lease with H. */
function asksForHandle({ requestedOplockLevel, createContexts }: CreateRequest): boolean {
  if (requestedOplockLevel === SMB2_OPLOCK_LEVEL_BATCH) return true;
  const lease = findCreateContext(createContexts, CreateContextName.LEASE);
  return lease !== undefined && (decodeLease(lease).leaseState & SMB2_LEASE_HANDLE_CACHING) !== 0;
}
