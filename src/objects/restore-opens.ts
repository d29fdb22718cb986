/**
 * MS-SMB2 3.3.5.9.12, as far as it is about opens whose server is no more: makes persistent opens again from their
 * records, and durable ones from what the keeper has of them, before the first client is served. Each stands then as after the loss of its connection (3.3.7.1), and keeps
 * its share mode, its byte-range locks and its lease or oplock from others until its client is back, or its time over.
 */
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import { ENOENT, type Errno, ESTALE, isErrno, type Result } from '../vfs/errno.ts';
import type { VfsHandle, VfsTree } from '../vfs/vfs.ts';
import { WireError } from '../wire/wire-error.ts';
import { type Durability, isPreserved } from './durability.ts';
import { layOnHost } from './host-locks.ts';
import type { Inherited, Keeper, KeptOpens } from './kept-opens.ts';
import { leaseId } from './lease.ts';
import { Lifetime } from './lifetime.ts';
import { LockSequences } from './lock-sequences.ts';
import { Open } from './open.ts';
import type { PersistentOpens } from './persistent-opens.ts';
import { decodeKept, decodeRecord, type KeptRecord, type OpenRecord } from './persistent-record.ts';
import type { ServerState } from './server-state.ts';
import type { Share } from './share.ts';
import { closeOpen } from './teardown.ts';

/** The files of a share as one user sees them, for all opens of his. */
interface Files {
  readonly share: Share;
  readonly tree: VfsTree;
  readonly lifetime: Lifetime;
}

/** How many there were, and how many of them are there again. */
export interface Restored {
  readonly found: number;
  readonly restored: number;
}

export async function restoreOpens(
  server: ServerState,
  persistent: PersistentOpens,
): Promise<Restored> {
  const files = new Map<string, Files>();
  const records = [...persistent.records];
  let restored = 0;
  for (const [persistentId, bytes] of records) {
    const problem = await restore(server, persistent, files, persistentId, bytes);
    if (problem === undefined) restored += 1;
    else {
      persistent.drop(persistentId);
      server.log.warn('a persistent open is lost: its file cannot be opened as it was', problem);
    }
  }
  letGo(files);
  return { found: records.length, restored };
}

type Problem = Readonly<Record<string, string | number>>;

async function restore(
  server: ServerState,
  persistent: PersistentOpens,
  all: Map<string, Files>,
  persistentId: number,
  bytes: Buffer,
): Promise<Problem | undefined> {
  const record = recordIn(bytes, decodeRecord);
  if (record instanceof WireError) return { reason: record.message };
  const where = { share: record.share, path: record.path.join('/') };
  const share = shareOf(server, record);
  if (share === undefined) return { ...where, reason: 'there is no such share' };
  if (share.continuousAvailability !== true) {
    return { ...where, reason: 'its share is not continuously available any more' };
  }
  const files = await filesOf(all, share, record);
  if (isErrno(files)) return { ...where, errno: files };
  const handle = await reopen(files.tree, record);
  if (isErrno(handle)) return { ...where, errno: handle };
  const creationTime = await creationTimeOf(handle);
  // Of a file that has come in place of another nothing is to be deleted.
  const deletes = creationTime === record.creationTime;
  const open = enter(server, { files, record, handle, persistentId, deletes, kept: undefined });
  persistent.add(open);
  const closing = server.durables.keep(open);
  if (closing !== undefined) await closing;
  return undefined;
}

/** What the process before this one has had open as durable, and the keeper has kept. */
export async function restoreKept(
  server: ServerState,
  kept: KeptOpens,
  keeper: Keeper,
): Promise<Restored> {
  const files = new Map<string, Files>();
  const inherited = keeper.inherit();
  let restored = 0;
  for (const each of inherited) {
    const problem = await restoreOne(server, kept, keeper, files, each);
    if (problem === undefined) restored += 1;
    else {
      keeper.delete(each.key);
      server.log.warn('a durable open is lost with the process that had it', problem);
    }
  }
  letGo(files);
  return { found: inherited.length, restored };
}

async function restoreOne(
  server: ServerState,
  kept: KeptOpens,
  keeper: Keeper,
  all: Map<string, Files>,
  { key, value, descriptor }: Inherited,
): Promise<Problem | undefined> {
  const ended = (problem: Problem): Problem => {
    if (descriptor !== undefined) keeper.giveBack(descriptor);
    return problem;
  };
  const told = recordIn(value, decodeKept);
  if (told instanceof WireError) return ended({ reason: told.message });
  const { open: record, isBreaking } = told;
  const where = { share: record.share, path: record.path.join('/') };
  const share = shareOf(server, record);
  if (share === undefined) return ended({ ...where, reason: 'there is no such share' });
  const files = await filesOf(all, share, record);
  if (isErrno(files)) return ended({ ...where, errno: files });
  const { tree } = files;
  const isAdopted = descriptor !== undefined && tree.adopt !== undefined;
  if (!isAdopted) ended({});
  const handle = isAdopted ? await adopted(tree, record, descriptor) : await reopen(tree, record);
  if (isErrno(handle)) return { ...where, errno: handle };
  const found = { files, record, handle, persistentId: key, deletes: isAdopted, kept: told };
  const open = enter(server, found);
  kept.restored(open, record.identity, isAdopted);
  // 3.3.7.1: as when its connection is lost.
  const holding = { state: record.caching, breaking: isBreaking, locks: record.locks.length };
  const isPreservable = isPreserved(open.durability, holding);
  await (isPreservable ? server.durables.keep(open) : closeOpen(server, open));
  return undefined;
}

function recordIn<T>(bytes: Buffer, decode: (bytes: Buffer) => T): T | WireError {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return error;
  }
}

function shareOf(server: ServerState, record: OpenRecord): Share | undefined {
  const share = server.shares.get(record.share.toLowerCase());
  return share?.vfs === undefined ? undefined : share;
}

function letGo(files: ReadonlyMap<string, Files>): void {
  for (const { share, tree, lifetime } of files.values()) {
    lifetime.end(() => {
      tree.close();
      share.lifetime?.release();
    });
  }
}

async function filesOf(
  all: Map<string, Files>,
  share: Share,
  { identity }: OpenRecord,
): Promise<Result<Files>> {
  const key = JSON.stringify([share.name, identity ?? null]);
  const known = all.get(key);
  if (known !== undefined) return known;
  const tree = await share.vfs!.attach(identity);
  if (isErrno(tree)) return tree;
  share.lifetime?.hold();
  const files = { share, tree, lifetime: new Lifetime() };
  all.set(key, files);
  return files;
}

/** The same object by the same name, open for what it was open for. */
async function reopen(tree: VfsTree, record: OpenRecord): Promise<Result<VfsHandle>> {
  const files = record.isPosix ? (tree.exactly?.() ?? tree) : tree;
  const found = await files.lookup(record.path);
  if (isErrno(found)) return found;
  const handle = await sameObject(found, record);
  if (isErrno(handle)) {
    found.close();
    return handle;
  }
  return readied(handle, record);
}

/** By what the keeper has of it. */
async function adopted(
  tree: VfsTree,
  record: OpenRecord,
  descriptor: number,
): Promise<Result<VfsHandle>> {
  const { stream } = record;
  const wanted = stream === undefined ? dataAccess(record) : { read: false, write: false };
  const found = tree.adopt!(descriptor, record.path, wanted);
  if (isErrno(found)) return found;
  const handle = await sameObject(found, record);
  if (!isErrno(handle)) return readied(handle, record);
  found.close();
  return handle;
}

const dataAccess = ({ access }: OpenRecord) => ({
  read: (access & (FILE_READ_DATA | FILE_EXECUTE)) !== 0,
  write: (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0,
});

/** Open for what it was open for; closed where that cannot be. */
async function readied(handle: VfsHandle, record: OpenRecord): Promise<Result<VfsHandle>> {
  const { read, write } = dataAccess(record);
  const opened = read || write ? await handle.open({ read, write }) : 0;
  const stored = isErrno(opened) ? opened : await removable(handle, record.access);
  if (!isErrno(stored)) return handle;
  handle.close();
  return stored;
}

async function sameObject(found: VfsHandle, record: OpenRecord): Promise<Result<VfsHandle>> {
  const { kind, volumeId, fileId } = found;
  if (volumeId !== record.volumeId || fileId !== record.fileId) return ESTALE;
  if (record.stream !== undefined) return found.stream(record.stream);
  return kind === 'file' ? found : ENOENT;
}

/** Its descriptor permitted to delete it when it was opened. */
async function removable(handle: VfsHandle, access: number): Promise<Errno | 0> {
  if ((access & DELETE) === 0) return 0;
  const stored = await handle.storedSecurity();
  if (stored === undefined) return 0;
  if (isErrno(stored)) return stored;
  handle.permitRemoval();
  return 0;
}

async function creationTimeOf(handle: VfsHandle): Promise<bigint | undefined> {
  const stat = await handle.stat();
  return isErrno(stat) ? undefined : stat.creationTime;
}

interface Found {
  readonly files: Files;
  readonly record: OpenRecord;
  readonly handle: VfsHandle;
  readonly persistentId: number;
  readonly deletes: boolean;
  /** Of one that was durable and no more. */
  readonly kept: KeptRecord | undefined;
}

/** The open in all its tables, with what it held. */
function enter(server: ServerState, found: Found): Open {
  const { files, record, handle, persistentId, deletes, kept } = found;
  const file = server.files.getOf(handle);
  const { clientGuid, lease } = record;
  const open = new Open(
    {
      persistentId,
      volatileId: persistentId,
      session: undefined,
      tree: undefined,
      home: files.share,
      access: record.access,
      share: record.shareAccess,
      createOptions: record.createOptions,
      handle,
      file,
      channelSequence: record.channelSequence,
      leaseId: lease === undefined ? undefined : leaseId(clientGuid, lease.leaseKey),
      parentLeaseKey: record.parentLeaseKey,
      isPosix: record.isPosix,
    },
    { deleteOnClose: deletes && record.deleteOnClose, mode: record.mode },
  );
  open.state = 'disconnected';
  open.answered = true;
  open.deletesAtOnce = record.deletesAtOnce;
  open.filesOf = files.lifetime;
  files.lifetime.hold();
  open.durability = durabilityOf(record, kept);
  file.opens.add(open);
  server.opens.set(persistentId, open);
  giveBack(server, open, record);
  if (deletes && record.deletePending) file.markDeletePending(open);
  return open;
}

const durabilityOf = (record: OpenRecord, kept: KeptRecord | undefined): Durability => ({
  isDurable: kept?.isResilient !== true,
  isResilient: kept?.isResilient === true,
  persistent:
    kept === undefined
      ? {
          identity: record.identity,
          desiredAccess: record.desiredAccess,
          creationTime: record.creationTime,
        }
      : undefined,
  owner: record.owner,
  clientGuid: record.clientGuid,
  version: kept?.version === '1' ? 1 : 2,
  createGuid: record.createGuid,
  fileName: record.fileName,
  createAction: record.createAction,
  timeoutMs: record.timeoutMs,
  deadlineMs: 0,
});

function giveBack(server: ServerState, open: Open, record: OpenRecord): void {
  const { clientGuid, lease, caching, locks, lockSequences, appInstance } = record;
  const file = open.file!;
  server.oplocks.restore(
    file,
    open,
    caching,
    lease && {
      ...lease,
      clientGuid,
      version: lease.version === '1' ? 1 : 2,
    },
  );
  for (const lock of locks) {
    if (file.locks.lock(open, lock, lock.exclusive)) continue;
    server.log.error('a byte-range lock cannot be given back', {
      share: record.share,
      path: record.path.join('/'),
    });
  }
  // They are the client's whatever other programs have locked meanwhile.
  if (locks.length > 0) layOnHost(open);
  if (lockSequences !== undefined) {
    open.lockSequences = new LockSequences();
    open.lockSequences.restore(lockSequences);
  }
  if (appInstance !== undefined) {
    const { id, version, fileName } = appInstance;
    server.appInstances.add(open, {
      id: id.toString('latin1'),
      version: version && (version.high << 64n) | version.low,
      clientGuid,
      fileName,
    });
  }
  // Whether its client has had the answer to its CREATE nobody knows.
  if (open.durability!.version === 2) server.replays.offer(open);
}
