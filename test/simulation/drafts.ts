/** From what a client wants to the request that says so. */

import { FileEndOfFileInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import {
  close,
  create as createDraft,
  type Draft,
} from '../../src/server/test-client.support.test.ts';
import {
  dispose,
  flush,
  LOGOFF,
  lock,
  read,
  rename,
  setInfo,
  TREE_DISCONNECT,
  write,
} from '../../src/server/test-requests.support.test.ts';
import { encodeChangeNotifyRequest, SMB2_WATCH_TREE } from '../../src/smb2/change-notify.ts';
import {
  encodeDurableHandleReconnect,
  encodeDurableHandleReconnectV2,
  encodeDurableHandleRequest,
  encodeDurableHandleRequestV2,
  encodeLease,
  type LeaseContext,
} from '../../src/smb2/create-context-values.ts';
import { type CreateContext, CreateContextName } from '../../src/smb2/create-contexts.ts';
import { Command } from '../../src/smb2/header.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../../src/smb2/lock.ts';
import { encodeOplockBreakRequest } from '../../src/smb2/oplock-break.ts';
import type { CreateWish, DurableWish, LeaseWish, LockRange, Wish, WishOf } from './history.ts';

const NONE = Buffer.alloc(0);

function leaseContext({ key, state, version, epoch }: LeaseWish): CreateContext {
  const common = { leaseKey: Buffer.from(key, 'hex'), leaseState: state, leaseFlags: 0 };
  const lease: LeaseContext =
    version === 1
      ? { version, ...common }
      : { version, ...common, parentLeaseKey: Buffer.alloc(16), epoch };
  return { name: CreateContextName.LEASE, data: encodeLease(lease) };
}

function create(wish: CreateWish): Draft {
  const createContexts: CreateContext[] = [
    { name: CreateContextName.QUERY_ON_DISK_ID, data: NONE },
  ];
  if (wish.lease !== undefined) createContexts.push(leaseContext(wish.lease));
  if (wish.durable !== undefined) createContexts.push(durableContext(wish.durable));
  return createDraft({
    name: wish.path,
    requestedOplockLevel: wish.oplock,
    desiredAccess: wish.access,
    shareAccess: wish.share,
    createDisposition: wish.disposition,
    createOptions: wish.options,
    createContexts,
  });
}

function durableContext({ version, createGuid }: DurableWish): CreateContext {
  if (version === 1) {
    return { name: CreateContextName.DURABLE_HANDLE_REQUEST, data: encodeDurableHandleRequest() };
  }
  const data = encodeDurableHandleRequestV2({
    ...{ timeout: 0, flags: 0, createGuid: Buffer.from(createGuid, 'hex') },
  });
  return { name: CreateContextName.DURABLE_HANDLE_REQUEST_V2, data };
}

function reclaim({ of, durable, lease, path }: WishOf<'reclaim'>): Draft {
  const { persistentId, volatileId } = of;
  const context: CreateContext =
    durable.version === 1
      ? {
          name: CreateContextName.DURABLE_HANDLE_RECONNECT,
          data: encodeDurableHandleReconnect({ persistentId, volatileId }),
        }
      : {
          name: CreateContextName.DURABLE_HANDLE_RECONNECT_V2,
          data: encodeDurableHandleReconnectV2({
            ...{ persistentId, volatileId, flags: 0 },
            createGuid: Buffer.from(durable.createGuid, 'hex'),
          }),
        };
  return createDraft({
    name: path,
    requestedOplockLevel: lease === undefined ? 9 : 0xff,
    createDisposition: 1,
    createContexts: lease === undefined ? [context] : [context, leaseContext(lease)],
  });
}

const element = ({ offset, length }: LockRange, flags: number) => ({
  offset: BigInt(offset),
  length: BigInt(length),
  flags,
});

function lockDraft({ on, ranges, exclusive, waits }: WishOf<'lock'>): Draft {
  const kind = exclusive ? SMB2_LOCKFLAG_EXCLUSIVE_LOCK : SMB2_LOCKFLAG_SHARED_LOCK;
  const flags = waits ? kind : kind | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  return lock(on, ...ranges.map((range) => element(range, flags)));
}

function notifyDraft({ on, filter, tree, length }: WishOf<'notify'>): Draft {
  return {
    command: Command.CHANGE_NOTIFY,
    body: encodeChangeNotifyRequest({
      flags: tree ? SMB2_WATCH_TREE : 0,
      outputBufferLength: length,
      persistentId: on.persistentId,
      volatileId: on.volatileId,
      completionFilter: filter,
    }),
  };
}

export function draftOf(wish: Exclude<Wish, { kind: 'treeConnect' }>): Draft {
  switch (wish.kind) {
    case 'create':
      return create(wish);
    case 'reclaim':
      return reclaim(wish);
    case 'close':
      return close(wish.on);
    case 'read':
      return read(wish.on, { offset: wish.offset, length: wish.length });
    case 'write':
      return write(wish.on, wish.data, { offset: wish.offset });
    case 'flush':
      return flush(wish.on);
    case 'resize':
      return setInfo(
        wish.on,
        FileInformationClass.FileEndOfFileInformation,
        FileEndOfFileInformation.encode({ endOfFile: wish.size }),
      );
    case 'lock':
      return lockDraft(wish);
    case 'unlock':
      return lock(wish.on, element(wish.range, SMB2_LOCKFLAG_UNLOCK));
    case 'rename':
      return rename(wish.on, wish.path, wish.replace);
    case 'dispose':
      return dispose(wish.on, wish.doomed);
    case 'notify':
      return notifyDraft(wish);
    case 'acknowledgeLease':
      return acknowledgment({
        kind: 'lease',
        leaseKey: Buffer.from(wish.key, 'hex'),
        leaseState: wish.state,
      });
    case 'acknowledgeOplock': {
      const { persistentId, volatileId } = wish.on;
      return acknowledgment({ kind: 'oplock', oplockLevel: wish.level, persistentId, volatileId });
    }
    case 'treeDisconnect':
      return TREE_DISCONNECT;
    case 'logoff':
      return LOGOFF;
  }
}

const acknowledgment = (body: Parameters<typeof encodeOplockBreakRequest>[0]): Draft => ({
  command: Command.OPLOCK_BREAK,
  body: encodeOplockBreakRequest(body),
});
