/** MS-FSA 2.1.5.1.1: the file is not there, and the disposition makes it. */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_INVALID,
} from '../dtyp/ntstatus.ts';
import type { PosixOwners } from '../dtyp/posix-sids.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_TEMPORARY,
  FILE_ATTRIBUTE_VALID_SET,
} from '../fscc/attributes.ts';
import type { Author } from '../objects/directory-changes.ts';
import type { Open } from '../objects/open.ts';
import { closeOpen } from '../objects/teardown.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { FILE_CREATED, FILE_DELETE_ON_CLOSE } from '../smb2/create-options.ts';
import { type Errno, isErrno, type Result } from '../vfs/errno.ts';
import type { VfsHandle, VfsNewObject, VfsStat } from '../vfs/vfs.ts';
import { lacksPrivilege } from './access.ts';
import { parentLeaseKeyOf, refuseLeaseKey } from './caching.ts';
import type { MaybePromise, Outcome, TreeRequest } from './command.ts';
import { createReply } from './create-reply.ts';
import { refuseEncryption, reserve, type Wanted } from './create-wanted.ts';
import { inheritance, refuseSecurity } from './created-security.ts';
import { ended } from './ended.ts';
import { register } from './register-open.ts';
import { streamRules } from './stream-rules.ts';

/** Of the mode: S_ISUID, S_ISGID; and all that chmod(2) sets. */
const PRIVILEGES = 0o6000;
const PERMISSION_BITS = 0o7777;

/** `isFresh`: nothing has been waited for since the name was found to be free. */
export function createNew(
  wanted: Wanted,
  request: TreeRequest,
  isFresh: boolean,
): MaybePromise<Outcome | Errno> {
  const refused = refuse(wanted, request);
  if (refused !== undefined) return refused;
  const { tree } = request;
  const files = wanted.posix?.files ?? tree.files!;
  const made = files.create(wanted.path, newObject(wanted, tree, isFresh));
  return made instanceof Promise
    ? made.then((later) => openMade(wanted, request, later, false))
    : openMade(wanted, request, made, true);
}

function refuse(wanted: Wanted, request: TreeRequest): NtStatus | undefined {
  const { tree } = request;
  if (tree.readOnly || lacksPrivilege(tree, wanted.access)) return STATUS_ACCESS_DENIED;
  if (wanted.trailingBackslash && !wanted.directoryOnly) return STATUS_OBJECT_NAME_INVALID;
  const temporary = (wanted.fileAttributes & FILE_ATTRIBUTE_TEMPORARY) !== 0;
  if (wanted.directoryOnly && temporary) return STATUS_INVALID_PARAMETER;
  const readonly = (wanted.fileAttributes & FILE_ATTRIBUTE_READONLY) !== 0;
  if (readonly && (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0) return STATUS_CANNOT_DELETE;
  const isEncrypted = refuseEncryption(wanted);
  if (isEncrypted !== undefined) return isEncrypted;
  return refuseLeaseKey(wanted, request, undefined) ?? refuseSecurity(wanted.security, tree);
}

function openMade(
  wanted: Wanted,
  request: TreeRequest,
  made: Result<VfsHandle>,
  isFresh: boolean,
): MaybePromise<Outcome | Errno> {
  if (isErrno(made)) return made;
  const { tree } = request;
  const author = { parentLeaseKey: parentLeaseKeyOf(wanted, request) };
  request.server.changes.added(tree.share, made, wanted.path, author);
  const found = made.takeFound?.();
  if (wanted.stream === undefined) {
    return openHandle(wanted, request, made, author, isFresh ? found : undefined);
  }
  return firstStream(wanted.stream, request, made, author).then((stream) =>
    isErrno(stream) ? stream : openHandle(wanted, request, stream, author, undefined),
  );
}

/** `stat`: of what was made, where nothing has been waited for since. */
function openHandle(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  author: Author,
  stat: VfsStat | undefined,
): MaybePromise<Outcome | Errno> {
  const { tree } = request;
  const gone = ended(request);
  if (gone !== undefined) return withdraw(wanted, request, handle, author).then(() => gone);
  const access = wanted.maximum ? wanted.access | tree.maximalAccess : wanted.access;
  const open = register(wanted, request, handle, access);
  if (typeof open === 'number') {
    handle.close();
    return open;
  }
  let answer: MaybePromise<Outcome | Errno>;
  try {
    const isPlain =
      wanted.creationTime === undefined &&
      wanted.eas.length === 0 &&
      wanted.allocationSize === 0 &&
      wanted.owners === undefined;
    const found = stat && { stat, path: wanted.path };
    answer = isPlain
      ? createReply(wanted, request, open, FILE_CREATED, 'made', found)
      : finished(wanted, request, open, handle);
  } catch (error) {
    answer = Promise.reject(error);
  }
  if (answer instanceof Promise) return answeredLater(answer, request, open);
  open.lifetime.release();
  return answer;
}

/** Its maker is not there to delete it. */
async function withdraw(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  author: Author,
): Promise<void> {
  if ((wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0) {
    await removeAgain(request, handle, author);
  }
  handle.close();
}

/** What it is to have beside what it was made with. */
async function finished(
  wanted: Wanted,
  request: TreeRequest,
  open: Open,
  handle: VfsHandle,
): Promise<Outcome | Errno> {
  const { creationTime, owners } = wanted;
  // Its own time is no reason to fail.
  if (creationTime !== undefined) await handle.set({ creationTime });
  // Nor is an owner that the kernel does not let this user give it to: it stays the user's, as without the wish.
  if (owners !== undefined) await giveTo(owners, handle);
  const set = wanted.eas.length === 0 ? 0 : await handle.setEas(wanted.eas);
  const failed = set !== 0 ? set : await reserve(wanted, handle);
  if (!isErrno(failed)) return createReply(wanted, request, open, FILE_CREATED);
  open.deleteOnClose = true;
  await closeOpen(request.server, open);
  return failed;
}

async function answeredLater<T>(answer: Promise<T>, request: TreeRequest, open: Open): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    // A bug. No answer will name the open.
    await closeOpen(request.server, open);
    throw error;
  } finally {
    open.lifetime.release();
  }
}

function newObject(wanted: Wanted, tree: TreeConnect, isFresh: boolean): VfsNewObject {
  const { directoryOnly, fileAttributes } = wanted;
  const attributes = fileAttributes & FILE_ATTRIBUTE_VALID_SET;
  const mode = wanted.posix?.mode;
  return {
    kind: directoryOnly ? 'directory' : 'file',
    attributes: directoryOnly ? attributes : attributes | FILE_ATTRIBUTE_ARCHIVE,
    ...(isFresh && { justMissed: true }),
    ...(mode !== undefined && { mode }),
    ...(tree.share.vfs!.features.securityDescriptors && {
      security: inheritance(tree, directoryOnly, wanted.security),
    }),
  };
}

/** chown(2) takes setuid and setgid from a file; what was asked for with the same request stays. */
async function giveTo(owners: PosixOwners, handle: VfsHandle): Promise<void> {
  const stat = await handle.stat();
  const mode = isErrno(stat) ? 0 : stat.mode & PERMISSION_BITS;
  // A stored descriptor, which speaks for the mode, would not outlive one that is set.
  const loses = (mode & PRIVILEGES) !== 0 && (await handle.storedSecurity()) === undefined;
  await handle.set(loses ? { ...owners, mode } : owners);
}

/** A file that cannot have the stream it was made for is not made. */
async function firstStream(
  name: string,
  request: TreeRequest,
  made: VfsHandle,
  author: Author,
): Promise<Result<VfsHandle>> {
  const rules = streamRules(request.session, request.tree.share);
  const stream = await made.createStream(name, rules);
  if (isErrno(stream)) {
    await removeAgain(request, made, author);
    made.close();
    return stream;
  }
  request.server.changes.streamAdded(request.tree.share, stream);
  return stream;
}

async function removeAgain(
  { server, tree }: TreeRequest,
  handle: VfsHandle,
  author: Author,
): Promise<void> {
  const where = server.changes.where(tree.share, handle);
  if ((await handle.remove()) === 0) server.changes.removed(where, handle, author);
}
