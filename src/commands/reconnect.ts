/**
 * MS-SMB2 3.3.5.9.7 and 3.3.5.9.12: CREATE that reclaims an open whose connection was lost. The request's
 * name counts where there is a lease; its access, share mode and options mean nothing.
 */
import { MAX_OPENS_PER_SESSION } from '../base/limits.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import { isRefusedName, parsePath } from '../fscc/names.ts';
import { equalIgnoreCase } from '../fscc/upcase.ts';
import { type Caching, H, W } from '../objects/caching.ts';
import type { Durability } from '../objects/durability.ts';
import type { Open } from '../objects/open.ts';
import { isPersistent } from '../objects/persistent-opens.ts';
import type { CreateRequest } from '../smb2/create.ts';
import {
  decodeLease,
  decodeQueryMaximalAccessRequest,
  type LeaseContext,
} from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { FILE_OPENED } from '../smb2/create-options.ts';
import { isErrno } from '../vfs/errno.ts';
import type { Outcome, TreeRequest } from './command.ts';
import { createReply } from './create-reply.ts';
import { type DurableReconnect, mayPersist } from './durable.ts';

export async function reconnect(
  asked: DurableReconnect,
  body: CreateRequest,
  request: TreeRequest,
): Promise<Outcome> {
  const { server, session, tree } = request;
  // Malformed, they must not leave an open that the client does not know of.
  const access = findCreateContext(body.createContexts, CreateContextName.QUERY_MAXIMAL_ACCESS);
  if (access !== undefined) decodeQueryMaximalAccessRequest(access);
  const lease = findCreateContext(body.createContexts, CreateContextName.LEASE);
  const wanted = lease === undefined ? undefined : decodeLease(lease);
  const open = server.opens.get(asked.persistentId) ?? byCreateGuid(asked, request);
  if (open?.durability === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  const held = server.oplocks.heldBy(open)?.state ?? 0;
  const refused =
    refuseOpen(open, open.durability, held, {
      ...asked,
      lease: wanted,
      clientGuid: request.connection.clientGuid,
      // A handle is not carried from one share into another, whatever the new one permits.
      sameShare: open.home === tree.share,
    }) ??
    refuseName(open, open.durability, body.name) ??
    refuseUser(open, open.durability, request);
  if (refused !== undefined) return refused;
  if (session.opens.size >= MAX_OPENS_PER_SESSION) return STATUS_INSUFFICIENT_RESOURCES;
  server.durables.reclaim(open, session, tree);
  if (wanted?.version === 2 && isPersistent(open)) open.lease!.epoch = epochOf(wanted, held);
  open.lifetime.hold();
  try {
    const createContexts = body.createContexts.filter(
      // 3.3.5.9.9: not told again.
      ({ name }) => name !== CreateContextName.QUERY_ON_DISK_ID,
    );
    const wish = { ...body, createContexts, durable: undefined };
    return await createReply(wish, request, open, FILE_OPENED, 'reclaimed');
  } finally {
    open.lifetime.release();
  }
}

/**
 * Windows, 3.3.5.9.12 <353>: the client's count, since a record may not have heard of the last changes; and one more,
 * where it may have given up what it was told to and the server not know.
 */
const epochOf = ({ epoch }: LeaseContext & { version: 2 }, held: Caching): number =>
  (held & W) === 0 ? (epoch + 1) & 0xffff : epoch;

/** "by doing a lookup with the CreateGuid of the create context", where the FileId is another server's. */
const byCreateGuid = ({ persistent, createGuid }: DurableReconnect, request: TreeRequest) =>
  persistent && mayPersist(request) ? request.server.persistentOpens!.find(createGuid) : undefined;

/** What the request says of the open that it is after. */
export interface Reclaim {
  readonly version: 1 | 2;
  readonly createGuid: Buffer;
  readonly persistent: boolean;
  readonly lease: LeaseContext | undefined;
  readonly clientGuid: Buffer;
  readonly sameShare: boolean;
}

/** What is answered with STATUS_OBJECT_NAME_NOT_FOUND, and the persistent flag where the open is not. */
export function refuseOpen(
  open: Pick<Open, 'state' | 'lease'>,
  durability: Durability,
  held: Caching,
  asked: Reclaim,
): NtStatus | undefined {
  const { lease } = open;
  const { isDurable, isResilient } = durability;
  const isPersistent = durability.persistent !== undefined;
  const found =
    open.state === 'disconnected' &&
    (isDurable || isResilient) &&
    asked.sameShare &&
    (asked.version === 1 || durability.createGuid.equals(asked.createGuid)) &&
    (lease === undefined || durability.clientGuid.equals(asked.clientGuid)) &&
    (lease === undefined) === (asked.lease === undefined) &&
    // An oplock with H is a batch oplock. What is persistent needs neither (smb2.persistent-open.leaselevels).
    (!isDurable || isPersistent || (held & H) !== 0) &&
    (!isPersistent || asked.persistent) &&
    lease?.version === asked.lease?.version &&
    (lease === undefined || lease.leaseKey.equals(asked.lease!.leaseKey));
  if (!found) return STATUS_OBJECT_NAME_NOT_FOUND;
  return asked.persistent && !isPersistent ? STATUS_INVALID_PARAMETER : undefined;
}

/** Lease.FileName: what the client called the file, or what it is called now. */
function refuseName(open: Open, durability: Durability, name: string): NtStatus | undefined {
  if (open.lease === undefined || open.deleteOnClose) return undefined;
  if (equalIgnoreCase(name, durability.fileName)) return undefined;
  const asked = parsePath(name);
  const now = open.handle!.path();
  const stream = open.handle!.streamName();
  if (isRefusedName(asked) || isErrno(now) || isErrno(stream)) return STATUS_INVALID_PARAMETER;
  const same =
    equalIgnoreCase(asked.stream?.name ?? '', stream ?? '') &&
    asked.components.length === now.length &&
    asked.components.every((component, i) => equalIgnoreCase(component, now[i]!));
  return same ? undefined : STATUS_INVALID_PARAMETER;
}

function refuseUser(
  open: Open,
  { owner }: Durability,
  { session, tree }: TreeRequest,
): NtStatus | undefined {
  const { kind, name } = session.account!;
  if (kind !== 'user' || name !== owner) return STATUS_ACCESS_DENIED;
  // The share may grant its user less than it did.
  return (open.access & ~tree.maximalAccess) === 0 ? undefined : STATUS_ACCESS_DENIED;
}
