/** MS-FSA 2.1.5.1.1: the file is not there, and the disposition makes it. */
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_INVALID,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_TEMPORARY,
  FILE_ATTRIBUTE_VALID_SET,
} from '../fscc/attributes.ts';
import type { Author } from '../objects/directory-changes.ts';
import { closeOpen } from '../objects/teardown.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { FILE_CREATED, FILE_DELETE_ON_CLOSE } from '../smb2/create-options.ts';
import { type Errno, isErrno, type Result } from '../vfs/errno.ts';
import type { VfsHandle, VfsNewObject } from '../vfs/vfs.ts';
import { lacksPrivilege } from './access.ts';
import { parentLeaseKeyOf, refuseLeaseKey } from './caching.ts';
import type { Outcome, TreeRequest } from './command.ts';
import { createReply } from './create-reply.ts';
import { reserve, type Wanted } from './create-wanted.ts';
import { inheritance, refuseSecurity } from './created-security.ts';
import { ended } from './ended.ts';
import { register } from './register-open.ts';
import { streamRules } from './stream-rules.ts';

export async function createNew(wanted: Wanted, request: TreeRequest): Promise<Outcome | Errno> {
  const { tree } = request;
  if (tree.readOnly || lacksPrivilege(tree, wanted.access)) return STATUS_ACCESS_DENIED;
  if (wanted.trailingBackslash && !wanted.directoryOnly) return STATUS_OBJECT_NAME_INVALID;
  const temporary = (wanted.fileAttributes & FILE_ATTRIBUTE_TEMPORARY) !== 0;
  if (wanted.directoryOnly && temporary) return STATUS_INVALID_PARAMETER;
  const readonly = (wanted.fileAttributes & FILE_ATTRIBUTE_READONLY) !== 0;
  if (readonly && (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0) return STATUS_CANNOT_DELETE;
  const elsewhere = refuseLeaseKey(wanted, request, undefined);
  if (elsewhere !== undefined) return elsewhere;
  const unfit = refuseSecurity(wanted.security, tree);
  if (unfit !== undefined) return unfit;
  const files = wanted.posix?.files ?? tree.files!;
  const made = await files.create(wanted.path, newObject(wanted, tree));
  if (isErrno(made)) return made;
  const author = { parentLeaseKey: parentLeaseKeyOf(wanted, request) };
  request.server.changes.added(tree.share, made, wanted.path, author);
  const handle =
    wanted.stream === undefined ? made : await firstStream(wanted.stream, request, made, author);
  if (isErrno(handle)) return handle;
  const gone = ended(request);
  if (gone !== undefined) {
    // Its maker is not there to delete it.
    if ((wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0)
      await removeAgain(request, handle, author);
    handle.close();
    return gone;
  }
  const access = wanted.maximum ? wanted.access | tree.maximalAccess : wanted.access;
  const open = register(wanted, request, handle, access);
  if (typeof open === 'number') {
    handle.close();
    return open;
  }
  try {
    const { creationTime } = wanted;
    // Its own time is no reason to fail.
    if (creationTime !== undefined) await handle.set({ creationTime });
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

function newObject(wanted: Wanted, tree: TreeConnect): VfsNewObject {
  const { directoryOnly, fileAttributes } = wanted;
  const attributes = fileAttributes & FILE_ATTRIBUTE_VALID_SET;
  const mode = wanted.posix?.mode;
  return {
    kind: directoryOnly ? 'directory' : 'file',
    attributes: directoryOnly ? attributes : attributes | FILE_ATTRIBUTE_ARCHIVE,
    ...(mode !== undefined && { mode }),
    ...(tree.share.vfs!.features.securityDescriptors && {
      security: inheritance(tree, directoryOnly, wanted.security),
    }),
  };
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
