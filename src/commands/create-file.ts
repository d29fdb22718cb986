/**
 * MS-SMB2 3.3.5.9 with MS-FSA 2.1.5.1: opening and making files and directories.
 *
 *     name → lookup ─┬─ found ──▶ type → disposition → access → share mode → open, overwrite
 *                    └─ missing ▶ disposition → create → share mode
 *
 * From the share-mode check to the registration of the open nothing is awaited, so no other open can
 * come between. Before it anything may have happened to the name, after it to the open: each step looks.
 */
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  MAXIMUM_ALLOWED,
  mapGenericRights,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_EAS_NOT_SUPPORTED,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_SHARING_VIOLATION,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NOT_CONTENT_INDEXED,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
  FILE_ATTRIBUTE_TEMPORARY,
  FILE_ATTRIBUTE_VALID_SET,
} from '../fscc/attributes.ts';
import { isRefusedName, type ParsedPath, parsePath } from '../fscc/names.ts';
import { unusedId } from '../objects/ids.ts';
import { Open } from '../objects/open.ts';
import { SharedFiles } from '../objects/shared-file.ts';
import { closeOpen } from '../objects/teardown.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { decodeAllocationSize } from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NO_INTERMEDIATE_BUFFERING,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPEN_REPARSE_POINT,
  FILE_OPENED,
  FILE_OVERWRITE,
  FILE_OVERWRITTEN,
  FILE_SEQUENTIAL_ONLY,
  FILE_SUPERSEDE,
  FILE_SUPERSEDED,
  FILE_WRITE_THROUGH,
} from '../smb2/create-options.ts';
import { EEXIST, ENOENT, ENOPATH, EOPNOTSUPP, type Errno, ESTALE, isErrno } from '../vfs/errno.ts';
import type { VfsEa, VfsHandle, VfsStat } from '../vfs/vfs.ts';
import { CHANGES, grantable, maximalAccess, withoutReadonly } from './access.ts';
import { leaseIdOf, makeWay, parentLeaseKeyOf, refuseLeaseKey, whileChanging } from './caching.ts';
import type { MaybePromise, Outcome, TreeRequest } from './command.ts';
import { createReply } from './create-reply.ts';
import { isBelowDoomed } from './doomed.ts';
import type { CreateWish } from './durable.ts';
import { ended } from './ended.ts';
import { statusOfErrno } from './errno-status.ts';
import { createdEas, replaceEas } from './extended-attributes.ts';
import { longPath } from './short-names.ts';

/** Open.Mode, MS-FSA 2.1.5.1 phase 3: what FileModeInformation shows. */
const MODE_BITS =
  FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | FILE_NO_INTERMEDIATE_BUFFERING | FILE_DELETE_ON_CLOSE;
/** Another client may make or remove the name between lookup and open; then all starts anew. */
const MAX_ATTEMPTS = 4;

interface Wanted extends CreateWish {
  /** Generic rights mapped, MAXIMUM_ALLOWED taken out. */
  readonly access: number;
  readonly maximum: boolean;
  readonly path: readonly string[];
  readonly directoryOnly: boolean;
  readonly fileOnly: boolean;
  /** The name ends in a backslash. */
  readonly trailingBackslash: boolean;
  /** To be set on what is made or overwritten. */
  readonly eas: readonly VfsEa[];
  /** AlSi; 0 for none. */
  readonly allocationSize: number;
}

export async function createFile(body: CreateWish, request: TreeRequest): Promise<Outcome> {
  const path = parsePath(body.name);
  if (isRefusedName(path)) return path;
  const wanted = want(body, path);
  if (typeof wanted === 'number') return wanted;
  const refused = refuseOnShare(wanted, request);
  if (refused !== undefined) return refused;
  for (let attempt = 1; ; attempt++) {
    const outcome = await openOrCreate(wanted, request);
    if ((outcome !== EEXIST && outcome !== ESTALE) || attempt === MAX_ATTEMPTS) {
      return isErrno(outcome) ? statusOfErrno(outcome) : outcome;
    }
  }
}

/** EEXIST where the name has come meanwhile, ESTALE where it has gone. */
async function openOrCreate(wanted: Wanted, request: TreeRequest): Promise<Outcome | Errno> {
  const { files } = request.tree;
  const { doomed } = request.server.files;
  if (doomed.size > 0 && (await isBelowDoomed(wanted.path, request))) return STATUS_DELETE_PENDING;
  const handle = await files!.lookup(wanted.path);
  if (!isErrno(handle)) return openExisting(wanted, request, handle);
  if (handle === ENOENT || handle === ENOPATH) {
    const path = await longPath(files!, wanted.path);
    if (path !== wanted.path) return openOrCreate({ ...wanted, path }, request);
  }
  return handle === ENOENT && createsIfMissing(wanted) ? createNew(wanted, request) : handle;
}

function want(body: CreateWish, { components, stream, trailingBackslash }: ParsedPath) {
  const { createOptions } = body;
  // There are no named streams here; the unnamed one is the file itself.
  if (stream !== undefined && stream.name !== '' && stream.name !== '$I30') {
    return STATUS_OBJECT_NAME_INVALID;
  }
  const isData = stream?.type === '$DATA';
  const isIndex = stream?.type === '$INDEX_ALLOCATION';
  const directoryOnly = (createOptions & FILE_DIRECTORY_FILE) !== 0 || isIndex;
  const fileOnly = (createOptions & FILE_NON_DIRECTORY_FILE) !== 0 || isData;
  if (isData && directoryOnly) return STATUS_NOT_A_DIRECTORY;
  if (trailingBackslash && fileOnly) return STATUS_OBJECT_NAME_INVALID;
  const eas = createdEas(body);
  if (typeof eas === 'number') return eas;
  const mapped = mapGenericRights(body.desiredAccess);
  const wanted: Wanted = {
    ...body,
    access: (mapped & ~MAXIMUM_ALLOWED) >>> 0,
    maximum: (mapped & MAXIMUM_ALLOWED) !== 0,
    path: components,
    directoryOnly,
    fileOnly,
    trailingBackslash,
    eas,
    allocationSize: allocationSizeOf(body),
  };
  return wanted;
}

/** Decoded before anything is touched: a malformed one must not leave a file behind. */
function allocationSizeOf({ createContexts }: CreateRequest): number {
  const data = findCreateContext(createContexts, CreateContextName.ALLOCATION_SIZE);
  return data === undefined ? 0 : decodeAllocationSize(data);
}

/** What the tree connect alone rules out: 3.3.5.9, Open Execution. */
function refuseOnShare(wanted: Wanted, { tree }: TreeRequest): NtStatus | undefined {
  if ((wanted.access & ~tree.maximalAccess) !== 0) return STATUS_ACCESS_DENIED;
  if (!tree.readOnly) {
    const { extendedAttributes } = tree.share.vfs!.features;
    return wanted.eas.length > 0 && !extendedAttributes ? STATUS_EAS_NOT_SUPPORTED : undefined;
  }
  const { createDisposition, createOptions } = wanted;
  if ((createOptions & FILE_DELETE_ON_CLOSE) !== 0) return STATUS_ACCESS_DENIED;
  const changes = createDisposition !== FILE_OPEN && createDisposition !== FILE_OPEN_IF;
  return changes || (wanted.access & CHANGES) !== 0 ? STATUS_ACCESS_DENIED : undefined;
}

const createsIfMissing = ({ createDisposition }: Wanted): boolean =>
  createDisposition !== FILE_OPEN && createDisposition !== FILE_OVERWRITE;

const overwrites = ({ createDisposition }: Wanted): boolean =>
  createDisposition !== FILE_OPEN &&
  createDisposition !== FILE_OPEN_IF &&
  createDisposition !== FILE_CREATE;

/** MS-FSA 2.1.5.1.1 */
async function createNew(wanted: Wanted, request: TreeRequest): Promise<Outcome | Errno> {
  const { tree } = request;
  if (tree.readOnly) return STATUS_ACCESS_DENIED;
  if (wanted.trailingBackslash && !wanted.directoryOnly) return STATUS_OBJECT_NAME_INVALID;
  const temporary = (wanted.fileAttributes & FILE_ATTRIBUTE_TEMPORARY) !== 0;
  if (wanted.directoryOnly && temporary) return STATUS_INVALID_PARAMETER;
  const readonly = (wanted.fileAttributes & FILE_ATTRIBUTE_READONLY) !== 0;
  if (readonly && (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0) return STATUS_CANNOT_DELETE;
  const elsewhere = refuseLeaseKey(wanted, request, undefined);
  if (elsewhere !== undefined) return elsewhere;
  const attributes = wanted.fileAttributes & FILE_ATTRIBUTE_VALID_SET;
  const handle = await tree.files!.create(wanted.path, {
    kind: wanted.directoryOnly ? 'directory' : 'file',
    attributes: wanted.directoryOnly ? attributes : attributes | FILE_ATTRIBUTE_ARCHIVE,
  });
  if (isErrno(handle)) return handle;
  const { changes } = request.server;
  const author = { parentLeaseKey: parentLeaseKeyOf(wanted, request) };
  changes.added(tree.share, handle, wanted.path, author);
  const gone = ended(request);
  if (gone !== undefined) {
    // Its maker is not there to delete it.
    const where = changes.where(tree.share, handle);
    const deleted =
      (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0 && (await handle.remove()) === 0;
    if (deleted) changes.removed(where, handle.kind, author);
    handle.close();
    return gone;
  }
  const access = wanted.maximum ? wanted.access | tree.maximalAccess : wanted.access;
  const open = register(wanted, request, handle, access);
  if (typeof open === 'number') return open;
  try {
    const set = wanted.eas.length === 0 ? 0 : await handle.setEas(wanted.eas);
    const failed = set !== 0 ? set : await reserve(wanted, handle);
    if (!isErrno(failed)) return await createReply(wanted, request, open, FILE_CREATED);
    open.deleteOnClose = true;
    await closeOpen(request.server, open);
    return failed;
  } catch (error) {
    // A bug. No answer will name the open.
    await closeOpen(request.server, open);
    throw error;
  } finally {
    open.lifetime.release();
  }
}

/** MS-FSA 2.1.5.1.2 */
async function openExisting(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
): Promise<Outcome | Errno> {
  const found = await closedIfBroken(handle, () => prepare(wanted, request, handle));
  // What was found out about a file that has gone since is of no account.
  const prepared = ended(request) ?? (handle.path() === ENOENT ? ESTALE : found);
  if (typeof prepared === 'number') {
    handle.close();
    return prepared;
  }
  const waiting = standsInTheWay(wanted, request, handle, prepared.access);
  if (waiting !== undefined) {
    const given = await waiting;
    if (given !== undefined) handle.close();
    return given ?? openExisting(wanted, request, handle);
  }
  const open = register(wanted, request, handle, prepared.access);
  if (typeof open === 'number') return open;
  try {
    const opening = openData(wanted, open, handle, prepared.stat);
    const failed = await (overwrites(wanted)
      ? whileChanging(request, open.file!, opening)
      : opening);
    if (failed === undefined) {
      if (overwrites(wanted)) request.server.changes.overwritten(request.tree.share, handle, open);
      return await createReply(wanted, request, open, actionOf(wanted));
    }
    open.deleteOnClose = false;
    await closeOpen(request.server, open);
    return failed;
  } catch (error) {
    open.deleteOnClose = false;
    await closeOpen(request.server, open);
    throw error;
  } finally {
    open.lifetime.release();
  }
}

function actionOf(wanted: Wanted): number {
  if (!overwrites(wanted)) return FILE_OPENED;
  return wanted.createDisposition === FILE_SUPERSEDE ? FILE_SUPERSEDED : FILE_OVERWRITTEN;
}

async function closedIfBroken<T>(handle: VfsHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** Type, disposition, attributes and access, before anything is touched. */
async function prepare(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
): Promise<{ access: number; stat: VfsStat } | NtStatus> {
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  const refused = refuseType(wanted, stat) ?? refuseAttributes(wanted, stat);
  if (refused !== undefined) return refused;
  const needed = wanted.access | impliedAccess(wanted);
  if (!(await grantable(request.tree, handle, needed))) return STATUS_ACCESS_DENIED;
  if (!wanted.maximum) return { access: wanted.access, stat };
  const maximal = await maximalAccess(request.tree, handle);
  return { access: withoutReadonly(maximal, stat.attributes) | wanted.access, stat };
}

function refuseType(wanted: Wanted, { kind }: VfsStat): NtStatus | undefined {
  const { createDisposition, directoryOnly, fileOnly } = wanted;
  if (kind === 'directory') {
    if (fileOnly) return STATUS_FILE_IS_A_DIRECTORY;
    if (createDisposition === FILE_OPEN || createDisposition === FILE_OPEN_IF) return undefined;
    return wanted.path.length === 0 ? STATUS_ACCESS_DENIED : STATUS_OBJECT_NAME_COLLISION;
  }
  if (wanted.trailingBackslash && !directoryOnly) return STATUS_OBJECT_NAME_INVALID;
  if (createDisposition === FILE_CREATE) return STATUS_OBJECT_NAME_COLLISION;
  if (directoryOnly) return STATUS_NOT_A_DIRECTORY;
  if (kind === 'file') return undefined;
  // A link, a FIFO, a device: nothing but looking at it, renaming it or removing it.
  const asItself = (wanted.createOptions & FILE_OPEN_REPARSE_POINT) !== 0;
  const data = FILE_READ_DATA | FILE_EXECUTE | FILE_WRITE_DATA | FILE_APPEND_DATA;
  return asItself && (wanted.access & data) === 0 && !overwrites(wanted)
    ? undefined
    : STATUS_ACCESS_DENIED;
}

/** MS-FSA 2.1.5.1.2 and 2.1.5.1.2.1: read-only, hidden and system files. */
function refuseAttributes(wanted: Wanted, stat: VfsStat): NtStatus | undefined {
  const { attributes } = stat;
  const deletes = (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0;
  if (deletes && wanted.path.length === 0) return STATUS_CANNOT_DELETE;
  const writes = wanted.access | impliedAccess(wanted);
  if ((attributes & FILE_ATTRIBUTE_READONLY) !== 0) {
    if (stat.kind === 'file' && (writes & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0) {
      return STATUS_ACCESS_DENIED;
    }
    if (deletes) return STATUS_CANNOT_DELETE;
  }
  if (!overwrites(wanted)) return undefined;
  const guarded = attributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM);
  return (guarded & ~wanted.fileAttributes) !== 0 ? STATUS_ACCESS_DENIED : undefined;
}

/** Rights that the disposition needs beside those asked for. */
function impliedAccess(wanted: Wanted): number {
  if (!overwrites(wanted)) return 0;
  return wanted.createDisposition === FILE_SUPERSEDE ? DELETE : FILE_WRITE_DATA;
}

/** Oplocks and leases of others that this open breaks; undefined where nothing is to be waited for. */
function standsInTheWay(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  access: number,
): MaybePromise<NtStatus | undefined> {
  const file = request.server.files.find(SharedFiles.key(handle.volumeId, handle.fileId));
  if (file === undefined || file.deletePending) return undefined;
  const mode = { access: access | impliedAccess(wanted), share: wanted.shareAccess };
  return makeWay(wanted, request, file, mode, overwrites(wanted));
}

/**
 * Share modes, then the open in all its tables, held for the CREATE. The handle is closed where this
 * refuses.
 */
function register(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  access: number,
): Open | NtStatus {
  const { server, session, tree } = request;
  const file = server.files.get(SharedFiles.key(handle.volumeId, handle.fileId));
  const mode = { access: access | impliedAccess(wanted), share: wanted.shareAccess };
  const refused = file.deletePending
    ? STATUS_DELETE_PENDING
    : file.sharingViolation(mode)
      ? STATUS_SHARING_VIOLATION
      : refuseLeaseKey(wanted, request, file);
  if (refused !== undefined) {
    if (!file.deletePending) server.files.release(file);
    handle.close();
    return refused;
  }
  const open = new Open(
    {
      persistentId: unusedId(server.opens),
      volatileId: unusedId(session.opens),
      session,
      tree,
      access,
      share: wanted.shareAccess,
      createOptions: wanted.createOptions,
      handle,
      file,
      leaseId: leaseIdOf(wanted, request),
      parentLeaseKey: parentLeaseKeyOf(wanted, request),
    },
    {
      deleteOnClose: (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0,
      mode: wanted.createOptions & MODE_BITS,
    },
  );
  open.lifetime.hold();
  file.opens.add(open);
  server.opens.set(open.persistentId, open);
  session.opens.set(open.volatileId, open);
  tree.openCount += 1;
  return open;
}

/** Opens the data as far as the access reaches, and overwrites where the disposition says so. */
async function openData(
  wanted: Wanted,
  open: Open,
  handle: VfsHandle,
  stat: VfsStat,
): Promise<NtStatus | undefined> {
  if (handle.kind !== 'file') return undefined;
  const write = (open.access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0 || overwrites(wanted);
  const read = (open.access & (FILE_READ_DATA | FILE_EXECUTE)) !== 0;
  if (read || write) {
    const opened = await handle.open({ read, write });
    if (isErrno(opened)) return statusOfErrno(opened);
  }
  if (!overwrites(wanted)) return undefined;
  const replaced = await replaceEas(handle, wanted.eas);
  if (isErrno(replaced)) return statusOfErrno(replaced);
  const emptied = stat.size === 0 ? 0 : await handle.truncate(0);
  if (isErrno(emptied)) return statusOfErrno(emptied);
  const kept = FILE_ATTRIBUTE_VALID_SET & ~FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;
  const attributes = (wanted.fileAttributes & kept) | FILE_ATTRIBUTE_ARCHIVE;
  const set = await handle.set({ attributes });
  if (isErrno(set) && set !== EOPNOTSUPP) return statusOfErrno(set);
  const reserved = await reserve(wanted, handle);
  return isErrno(reserved) ? statusOfErrno(reserved) : undefined;
}

/** 3.3.5.9.3: AlSi. A file system that cannot reserve is no reason to fail. */
async function reserve(wanted: Wanted, handle: VfsHandle): Promise<Errno | 0> {
  if (wanted.allocationSize === 0 || handle.kind !== 'file') return 0;
  const result = await handle.allocate(wanted.allocationSize);
  return result === EOPNOTSUPP ? 0 : result;
}
