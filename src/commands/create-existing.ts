/** MS-FSA 2.1.5.1.2: the file is there. Its type, attributes and access, then the open; then what overwrites. */
import { after } from '../base/after.ts';
import {
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_IO_REPARSE_TAG_NOT_HANDLED,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_PATH_NOT_COVERED,
  STATUS_PRIVILEGE_NOT_HELD,
  STATUS_STOPPED_ON_SYMLINK,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NOT_CONTENT_INDEXED,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
  FILE_ATTRIBUTE_VALID_SET,
} from '../fscc/attributes.ts';
import { IO_REPARSE_TAG_SYMLINK } from '../fscc/reparse-tags.ts';
import type { Open } from '../objects/open.ts';
import { closeOpen } from '../objects/teardown.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPEN_REPARSE_POINT,
  FILE_OPENED,
  FILE_OVERWRITTEN,
  FILE_SUPERSEDE,
  FILE_SUPERSEDED,
} from '../smb2/create-options.ts';
import { ENOENT, EOPNOTSUPP, type Errno, ESTALE, isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsStat } from '../vfs/vfs.ts';
import {
  backupAccess,
  grantable,
  lacksPrivilege,
  maximalAccess,
  permitRemoval,
  withoutReadonly,
} from './access.ts';
import { whileChanging } from './caching.ts';
import type { MaybePromise, Outcome, TreeRequest } from './command.ts';
import { createReply } from './create-reply.ts';
import {
  impliedAccess,
  overwrites,
  refuseEncryption,
  reserve,
  type Wanted,
} from './create-wanted.ts';
import { leadsElsewhere } from './dfs.ts';
import { reparseTagOf } from './directory-entry.ts';
import { dropStreams } from './drop-streams.ts';
import { ended } from './ended.ts';
import { statusOfErrno } from './errno-status.ts';
import { replaceEas } from './extended-attributes.ts';
import { register, standsInTheWay } from './register-open.ts';
import { stoppedOn } from './symlinks.ts';

/**
 * Takes over the handle. `isFresh`: nothing has been waited for since the name was looked up; as long as nothing is,
 * the file is what it was then, and so the whole of it is done without a promise.
 */
export function openExisting(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  isFresh = false,
): MaybePromise<Outcome | Errno> {
  // "New opens MUST NOT be allowed" (MS-FSA 2.1.1.4), whatever else they ask for.
  if (isDoomed(request, handle)) return refuseDoomed(request, handle);
  if (request.tree.share.dfs === undefined || handle.kind !== 'symlink') {
    return openFound(wanted, request, handle, isFresh);
  }
  return leadsElsewhere(handle, request).then((leads) => {
    if (!leads) return openFound(wanted, request, handle, false);
    handle.close();
    return STATUS_PATH_NOT_COVERED;
  });
}

function openFound(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  isFresh: boolean,
): MaybePromise<Outcome | Errno> {
  let found: ReturnType<typeof prepare>;
  try {
    found = prepare(wanted, request, handle, isFresh);
  } catch (error) {
    handle.close();
    throw error;
  }
  if (found instanceof Promise) {
    return closedIfBroken(handle, found).then((later) =>
      openPrepared(wanted, request, handle, lost(request, handle, false) ?? later, false),
    );
  }
  const prepared = lost(request, handle, isFresh) ?? found;
  return openPrepared(wanted, request, handle, prepared, isFresh);
}

/**
 * What was found out about a file that has gone since is of no account. Its session may have ended even before it
 * was looked up, when that was not the first attempt.
 */
const lost = (
  request: TreeRequest,
  handle: VfsHandle,
  isFresh: boolean,
): NtStatus | Errno | undefined =>
  ended(request) ?? (!isFresh && isGone(handle) ? ESTALE : undefined);

function openPrepared(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  prepared: Prepared | NtStatus | Errno,
  isFresh: boolean,
): MaybePromise<Outcome | Errno> {
  if (typeof prepared === 'number') {
    if (prepared === STATUS_STOPPED_ON_SYMLINK) return stopped(wanted, request, handle);
    handle.close();
    return prepared;
  }
  const waiting = standsInTheWay(wanted, request, handle, prepared.access);
  if (waiting !== undefined) {
    return after(waiting, (given) => {
      if (given !== undefined) handle.close();
      return given ?? openExisting(wanted, request, handle);
    });
  }
  const open = register(wanted, request, handle, prepared.access);
  if (open === STATUS_DELETE_PENDING) return refuseDoomed(request, handle);
  if (typeof open === 'number') {
    handle.close();
    return open;
  }
  return openRegistered(wanted, request, open, handle, prepared.stat, isFresh);
}

async function stopped(wanted: Wanted, request: TreeRequest, handle: VfsHandle): Promise<Outcome> {
  const answer = await stoppedOn(handle, wanted, wanted.path.length, request);
  handle.close();
  return answer;
}

function openRegistered(
  wanted: Wanted,
  request: TreeRequest,
  open: Open,
  handle: VfsHandle,
  stat: VfsStat,
  isFresh: boolean,
): MaybePromise<Outcome> {
  let answer: MaybePromise<Outcome>;
  try {
    answer = overwrites(wanted)
      ? overwrite(wanted, request, open, handle, stat)
      : openAsItIs(wanted, request, open, handle, isFresh ? stat : undefined);
  } catch (error) {
    answer = Promise.reject(error);
  }
  if (answer instanceof Promise) return answeredLater(answer, request, open);
  open.lifetime.release();
  return answer;
}

function openAsItIs(
  wanted: Wanted,
  request: TreeRequest,
  open: Open,
  handle: VfsHandle,
  stat: VfsStat | undefined,
): MaybePromise<Outcome> {
  const opening = openData(wanted, open, handle);
  const isFresh = stat !== undefined && !(opening instanceof Promise);
  const found = isFresh ? { stat, path: wanted.path } : undefined;
  return after(opening, (failed) =>
    failed === undefined
      ? createReply(wanted, request, open, FILE_OPENED, 'made', found)
      : withdraw(request, open).then(() => failed),
  );
}

async function answeredLater(
  answer: Promise<Outcome>,
  request: TreeRequest,
  open: Open,
): Promise<Outcome> {
  try {
    return await answer;
  } catch (error) {
    await withdraw(request, open);
    throw error;
  } finally {
    open.lifetime.release();
  }
}

/** The open is not to be; its file stays. */
async function withdraw({ server }: TreeRequest, open: Open): Promise<void> {
  open.deleteOnClose = false;
  await closeOpen(server, open);
}

async function overwrite(
  wanted: Wanted,
  request: TreeRequest,
  open: Open,
  handle: VfsHandle,
  stat: VfsStat,
): Promise<Outcome> {
  const { server, tree } = request;
  const failed = await whileChanging(
    request,
    open.file!,
    overwriteData(wanted, open, handle, stat),
  );
  if (failed !== undefined) {
    await withdraw(request, open);
    return failed;
  }
  server.changes.overwritten(tree.share, handle, open);
  const isSuperseded = wanted.createDisposition === FILE_SUPERSEDE;
  const action = isSuperseded ? FILE_SUPERSEDED : FILE_OVERWRITTEN;
  return createReply(wanted, request, open, action);
}

/** Of a stream that nobody has open: whether its file is. */
function isDoomed({ server: { files } }: TreeRequest, handle: VfsHandle): boolean {
  if (files.doomed.size === 0) return false;
  const file = files.findOf(handle) ?? (handle.base && files.findOf(handle.base));
  return file?.isDoomed(handle) === true;
}

/** Where nobody keeps the name and it is on its way out, it is looked for again when it is gone. */
function refuseDoomed({ server: { files } }: TreeRequest, handle: VfsHandle) {
  const removal = (files.findOf(handle) ?? (handle.base && files.findOf(handle.base)))?.removalOf(
    handle,
  );
  handle.close();
  if (removal === undefined) return STATUS_DELETE_PENDING;
  const again = (): Errno => ESTALE;
  return removal.then(again, again);
}

const isGone = (handle: VfsHandle): boolean =>
  handle.path() === ENOENT || handle.streamName() === ENOENT;

async function closedIfBroken<T>(handle: VfsHandle, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    handle.close();
    throw error;
  }
}

interface Prepared {
  readonly access: number;
  readonly stat: VfsStat;
}

/** Type, disposition, attributes and access, before anything is touched. */
function prepare(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  isFresh: boolean,
): MaybePromise<Prepared | NtStatus> {
  const found = handle.takeFound?.();
  const stat = isFresh && found !== undefined ? found : handle.stat();
  return after(stat, (now) =>
    isErrno(now) ? statusOfErrno(now) : prepareFound(wanted, request, handle, now, now === found),
  );
}

function prepareFound(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  stat: VfsStat,
  isFresh: boolean,
): MaybePromise<Prepared | NtStatus> {
  const isDirectory = (handle.base ?? handle).kind === 'directory';
  const refused = refuseType(wanted, stat) ?? refuseAttributes(wanted, stat, isDirectory);
  if (refused !== undefined) return refused;
  const { tree } = request;
  const backup = backupAccess(tree, wanted.createOptions);
  const needed = (wanted.access | impliedAccess(wanted)) & ~backup;
  // Windows; MS-FSA knows of ACCESS_DENIED only.
  if (lacksPrivilege(tree, needed)) return STATUS_PRIVILEGE_NOT_HELD;
  const granted = grantable(tree, handle, needed, isFresh ? wanted.path : undefined);
  // Nothing that would have to permit a removal is stored with it.
  const isPlain = isFresh && granted === true && handle.plainPermissions?.() !== undefined;
  return after(granted, (isGranted) => {
    if (!isGranted) return STATUS_ACCESS_DENIED;
    if (isPlain && !wanted.maximum) return { access: wanted.access, stat };
    if (!wanted.maximum) return permitted(wanted.access, tree, handle, stat);
    return after(maximalAccess(tree, handle), (most) => {
      const maximal = withoutReadonly(most | backup, stat.attributes);
      return permitted((maximal | wanted.access) >>> 0, tree, handle, stat);
    });
  });
}

const permitted = (
  access: number,
  tree: TreeConnect,
  handle: VfsHandle,
  stat: VfsStat,
): MaybePromise<Prepared | NtStatus> =>
  after(permitRemoval(tree, handle, access), (unknown) =>
    isErrno(unknown) ? statusOfErrno(unknown) : { access, stat },
  );

/** Of what has a reparse point, which its client follows: STOPPED_ON_SYMLINK, or that nobody does. */
function refuseReparse({ createOptions }: Wanted, stat: VfsStat): NtStatus | undefined {
  const tag = reparseTagOf(stat);
  if (tag === 0 || (createOptions & FILE_OPEN_REPARSE_POINT) !== 0) return undefined;
  if (tag === IO_REPARSE_TAG_SYMLINK) return STATUS_STOPPED_ON_SYMLINK;
  return stat.reparse === undefined ? undefined : STATUS_IO_REPARSE_TAG_NOT_HANDLED;
}

function refuseType(wanted: Wanted, stat: VfsStat): NtStatus | undefined {
  const { kind } = stat;
  const { createDisposition, directoryOnly, fileOnly } = wanted;
  if (kind === 'directory') {
    const elsewhere = createDisposition === FILE_CREATE ? undefined : refuseReparse(wanted, stat);
    if (elsewhere !== undefined) return elsewhere;
    // open(2): whatever is there, O_EXCL says that it is.
    const exclusive = wanted.posix !== undefined && createDisposition === FILE_CREATE;
    if (fileOnly && !exclusive) return STATUS_FILE_IS_A_DIRECTORY;
    if (createDisposition === FILE_OPEN || createDisposition === FILE_OPEN_IF) return undefined;
    return wanted.path.length === 0 ? STATUS_ACCESS_DENIED : STATUS_OBJECT_NAME_COLLISION;
  }
  if (wanted.trailingBackslash && !directoryOnly) return STATUS_OBJECT_NAME_INVALID;
  if (createDisposition === FILE_CREATE) return STATUS_OBJECT_NAME_COLLISION;
  const reparse = refuseReparse(wanted, stat);
  if (reparse !== undefined) return reparse;
  // A link that is opened as itself may be one to a directory: who removes that says so.
  const isLink = reparseTagOf(stat) === IO_REPARSE_TAG_SYMLINK;
  if (directoryOnly && !isLink) return STATUS_NOT_A_DIRECTORY;
  if (kind === 'file') return undefined;
  // A link, a FIFO, a device: nothing but looking at it, renaming it or removing it.
  const asItself = (wanted.createOptions & FILE_OPEN_REPARSE_POINT) !== 0;
  const data = FILE_READ_DATA | FILE_EXECUTE | FILE_WRITE_DATA | FILE_APPEND_DATA;
  return asItself && (wanted.access & data) === 0 && !overwrites(wanted)
    ? undefined
    : STATUS_ACCESS_DENIED;
}

/** MS-FSA 2.1.5.1.2 and 2.1.5.1.2.1: read-only, hidden and system files. */
export function refuseAttributes(
  wanted: Wanted,
  { attributes }: VfsStat,
  isDirectory: boolean,
): NtStatus | undefined {
  const isStream = wanted.stream !== undefined;
  const deletes = (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0;
  if (deletes && wanted.path.length === 0 && !isStream) return STATUS_CANNOT_DELETE;
  // Its mode says what may be done with the file, and the kernel looks at that.
  if (wanted.posix !== undefined) return undefined;
  const writes = wanted.access | impliedAccess(wanted);
  if ((attributes & FILE_ATTRIBUTE_READONLY) !== 0) {
    if (!isDirectory && (writes & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0) {
      return STATUS_ACCESS_DENIED;
    }
    if (deletes) return STATUS_CANNOT_DELETE;
  }
  // "If Stream.Name is empty"
  if (!overwrites(wanted) || isStream) return undefined;
  const guarded = attributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM);
  if ((guarded & ~wanted.fileAttributes) !== 0) return STATUS_ACCESS_DENIED;
  return refuseEncryption(wanted);
}

/** Opens the data as far as the access reaches. */
function openData(
  wanted: Wanted,
  open: Open,
  handle: VfsHandle,
): MaybePromise<NtStatus | undefined> {
  if (handle.kind !== 'file') return undefined;
  const write = (open.access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0 || overwrites(wanted);
  const read = (open.access & (FILE_READ_DATA | FILE_EXECUTE)) !== 0;
  if (!read && !write) return undefined;
  return after(handle.open({ read, write }), (opened) =>
    isErrno(opened) ? statusOfErrno(opened) : undefined,
  );
}

/** The same, then what is there goes. */
async function overwriteData(
  wanted: Wanted,
  open: Open,
  handle: VfsHandle,
  stat: VfsStat,
): Promise<NtStatus | undefined> {
  const failed = await openData(wanted, open, handle);
  if (failed !== undefined || handle.kind !== 'file') return failed;
  return handle.base === undefined
    ? overwriteFile(wanted, open, handle, stat)
    : overwriteStream(handle, stat);
}

/** The rest of the file stays as it is. */
async function overwriteStream(handle: VfsHandle, stat: VfsStat): Promise<NtStatus | undefined> {
  const emptied = stat.size === 0 ? 0 : await handle.truncate(0);
  return isErrno(emptied) ? statusOfErrno(emptied) : undefined;
}

/** Data, extended attributes and named streams go. */
async function overwriteFile(
  wanted: Wanted,
  open: Open,
  handle: VfsHandle,
  stat: VfsStat,
): Promise<NtStatus | undefined> {
  const dropped = await dropStreams(open, handle);
  if (isErrno(dropped)) return statusOfErrno(dropped);
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
