/**
 * Where commands meet oplocks and leases: MS-SMB2 3.3.5.9 (requests for them) and MS-FSA 2.1.4.12 (operations
 * that break them).
 */
import {
  type NtStatus,
  STATUS_CANCELLED,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_SHARING_VIOLATION,
} from '../dtyp/ntstatus.ts';
import { H, type Operation } from '../objects/caching.ts';
import { type GrantedLease, leaseId } from '../objects/lease.ts';
import type { Open } from '../objects/open.ts';
import { levelOf } from '../objects/oplocks.ts';
import { isPersistent } from '../objects/persistent-opens.ts';
import type { Request } from '../objects/request.ts';
import type { ShareMode } from '../objects/share-modes.ts';
import type { SharedFile } from '../objects/shared-file.ts';
import { SMB2_GLOBAL_CAP_DIRECTORY_LEASING } from '../smb2/capabilities.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { decodeLease, encodeLease, type LeaseContext } from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import {
  SMB2_LEASE_FLAG_BREAK_IN_PROGRESS,
  SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
  SMB2_OPLOCK_LEVEL_LEASE,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../smb2/oplock-levels.ts';
import type { MaybePromise } from './command.ts';

/** The lease that a CREATE asks for, where the connection knows leases of its version. */
export function requestedLease(body: CreateRequest, request: Request): LeaseContext | undefined {
  const { dialect } = request.connection;
  if (body.requestedOplockLevel !== SMB2_OPLOCK_LEVEL_LEASE || !dialect!.leasing) return undefined;
  const data = findCreateContext(body.createContexts, CreateContextName.LEASE);
  const lease = data === undefined ? undefined : decodeLease(data);
  return lease?.version === 2 && !dialect!.smb3 ? undefined : lease;
}

/** Names the lease that a CREATE asks for. */
export function leaseIdOf(body: CreateRequest, request: Request): string | undefined {
  const lease = requestedLease(body, request);
  return lease === undefined ? undefined : leaseId(request.connection.clientGuid, lease.leaseKey);
}

/** 3.3.5.9.11: the key of the directory's lease, which what this client does in it does not break. */
export function parentLeaseKeyOf(body: CreateRequest, request: Request): Buffer | undefined {
  const lease = requestedLease(body, request);
  if (lease?.version !== 2) return undefined;
  const isSet = (lease.leaseFlags & SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET) !== 0;
  return isSet ? Buffer.from(lease.parentLeaseKey) : undefined;
}

/** What an open got, for its CREATE response. */
export interface CachingReply {
  readonly oplockLevel: number;
  /** The RqLs context. */
  readonly lease: Buffer | undefined;
}

const NOTHING: CachingReply = { oplockLevel: SMB2_OPLOCK_LEVEL_NONE, lease: undefined };

/** 3.3.5.9: grants the new open what it asked for, as far as the file of so many bytes allows. */
export function grantCaching(
  body: CreateRequest,
  request: Request,
  open: Open,
  bytes: number,
): CachingReply {
  const { oplocks } = request.server;
  const { log } = request.connection;
  const file = open.file!;
  const wanted = requestedLease(body, request);
  if (!mayCache(open, wanted, request)) return NOTHING;
  if (body.requestedOplockLevel !== SMB2_OPLOCK_LEVEL_LEASE) {
    const wish = body.requestedOplockLevel;
    const knowsLevelII = request.connection.smb1?.knowsLevelII;
    const level = oplocks.grantOplock(file, open, wish, bytes, knowsLevelII);
    if (log.debugs('oplock') && body.requestedOplockLevel !== SMB2_OPLOCK_LEVEL_NONE) {
      log.debug('oplock', 'oplock granted', { open: open.persistentId.toString(16), level });
    }
    return { oplockLevel: level, lease: undefined };
  }
  if (wanted === undefined) return NOTHING;
  const { parentLeaseKey } = open;
  const hasParent = parentLeaseKey !== undefined;
  const granted = oplocks.grantLease(file, open, {
    clientGuid: request.connection.clientGuid,
    leaseKey: wanted.leaseKey,
    version: wanted.version,
    state: wanted.leaseState,
    epoch: wanted.version === 2 ? wanted.epoch : 0,
    bytes,
    parentLeaseKey,
  });
  if (granted === undefined) return NOTHING;
  if (log.debugs('oplock')) {
    const lease = granted.lease.leaseKey.toString('hex');
    log.debug('oplock', 'lease granted', {
      lease,
      wanted: wanted.leaseState,
      state: granted.state,
    });
  }
  return leaseReply(granted, hasParent);
}

/** What an open holds already; a replay is told of no more than it asks for (smb2.replay.replay-dhv2-oplock2). */
export function heldCaching(
  { requestedOplockLevel }: CreateRequest,
  request: Request,
  open: Open,
  origin: 'reclaimed' | 'replayed',
): CachingReply {
  const grant = request.server.oplocks.heldBy(open);
  if (open.lease === undefined) {
    const level = levelOf(grant?.state ?? 0);
    const told = origin === 'replayed' ? Math.min(level, requestedOplockLevel) : level;
    return { oplockLevel: told, lease: undefined };
  }
  const { lease } = open;
  const granted = {
    lease,
    state: grant?.state ?? 0,
    breaking: grant?.breakingTo !== undefined,
  };
  return leaseReply(granted, lease.parentLeaseKey !== undefined);
}

function leaseReply({ lease, state, breaking }: GrantedLease, hasParent: boolean): CachingReply {
  const common = { leaseKey: lease.leaseKey, leaseState: state };
  const inProgress = breaking ? SMB2_LEASE_FLAG_BREAK_IN_PROGRESS : 0;
  const parent = hasParent ? SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET : 0;
  const context: LeaseContext =
    // The lease's version answers, whatever this request's is.
    lease.version === 1
      ? { version: 1, ...common, leaseFlags: inProgress }
      : {
          version: 2,
          ...common,
          leaseFlags: inProgress | parent,
          parentLeaseKey: (hasParent ? lease.parentLeaseKey : undefined) ?? Buffer.alloc(16),
          epoch: lease.epoch,
        };
  return { oplockLevel: SMB2_OPLOCK_LEVEL_LEASE, lease: encodeLease(context) };
}

/** Directories have leases of version 2 only, where the connection has agreed on them. */
function mayCache(open: Open, wanted: LeaseContext | undefined, request: Request): boolean {
  if (!request.tree!.share.oplocks) return false;
  switch (open.handle!.kind) {
    case 'file':
      return true;
    case 'directory':
      return (
        wanted?.version === 2 &&
        (request.connection.serverCapabilities & SMB2_GLOBAL_CAP_DIRECTORY_LEASING) !== 0
      );
    default:
      return false;
  }
}

/** 3.3.5.9.8: a client's lease key names one file; undefined is one that is not there yet. */
export function refuseLeaseKey(
  body: CreateRequest,
  request: Request,
  file: SharedFile | undefined,
): NtStatus | undefined {
  const id = leaseIdOf(body, request);
  if (id === undefined) return undefined;
  return request.server.oplocks.isElsewhere(id, file) ? STATUS_INVALID_PARAMETER : undefined;
}

/**
 * MS-FSA 2.1.5.1.2: breaks what stands against an open of this file. Undefined: the open may be made now;
 * a promise: something has to change first, and then the open starts anew.
 */
export function makeWay(
  body: CreateRequest,
  request: Request,
  file: SharedFile,
  mode: ShareMode,
  overwrites: boolean,
): Promise<NtStatus | undefined> | NtStatus | undefined {
  const actor = { open: undefined, leaseId: leaseIdOf(body, request) };
  const open: Operation = { kind: 'open', overwrites, access: mode.access };
  if (request.server.persistentOpens !== undefined && isKept(file)) {
    return STATUS_FILE_NOT_AVAILABLE;
  }
  const violates = file.sharingViolation(mode);
  // A batch oplock goes before share modes are looked at; other handles go where that may help.
  const batch = file.grants.some(({ legacy, state }) => legacy && (state & H) !== 0);
  const operation: Operation = violates && !batch ? { kind: 'share' } : open;
  const change = request.server.oplocks.before(file, operation, actor);
  if (change !== undefined) return patiently(change, request);
  // Who stands in the way may be closed by now, or be nobody's any more.
  const closing = file.sharingViolation(mode) && request.server.durables.makeWay(file, mode);
  if (closing) return patiently(closing, request);
  return file.sharingViolation(mode) ? STATUS_SHARING_VIOLATION : undefined;
}

/**
 * 3.3.5.9, its second paragraph: a file that a persistent open is of whose client is away is kept for it, whatever
 * somebody else wants of it. Nobody waits for that; clients ask again at this status.
 */
function isKept({ opens }: SharedFile): boolean {
  for (const open of opens) if (open.state === 'disconnected' && isPersistent(open)) return true;
  return false;
}

/** A change of the file's data: until it is done nobody is let cache them. */
export async function whileChanging<T>(
  { server }: Request,
  file: SharedFile,
  change: Promise<T>,
): Promise<T> {
  file.changing += 1;
  try {
    return await change;
  } finally {
    file.changing -= 1;
    // Its last open may have been closed meanwhile.
    server.files.release(file);
  }
}

/** Waits with an interim response; a status only where the wait is given up. */
async function patiently(
  change: Promise<unknown>,
  request: Request,
): Promise<NtStatus | undefined> {
  if (!request.mayPend) return STATUS_INSUFFICIENT_RESOURCES;
  const signal = request.pend();
  if (signal.aborted) return STATUS_CANCELLED;
  return new Promise((resolve) => {
    const stop = () => resolve(STATUS_CANCELLED);
    signal.addEventListener('abort', stop, { once: true });
    void change.then(() => {
      signal.removeEventListener('abort', stop);
      resolve(undefined);
    });
  });
}

/** Breaks what `operation` on this file excludes; a promise where it has to wait first. */
export function breakFor(
  request: Request,
  file: SharedFile,
  operation: Operation,
  open: Open,
): MaybePromise<NtStatus | undefined> {
  if (file.grants.length === 0) return undefined;
  const actor = { open, leaseId: open.lease?.id };
  const change = request.server.oplocks.before(file, operation, actor);
  if (change === undefined) return undefined;
  return patiently(change, request).then(
    (given) => given ?? breakFor(request, file, operation, open),
  );
}
