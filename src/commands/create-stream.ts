/**
 * MS-FSA 2.1.5.1.2 for a named stream of a file or directory that is there: it is opened as a file is, or
 * made, which is a change of the file and needs the right to write it.
 */
import { FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import { type NtStatus, STATUS_ACCESS_DENIED, STATUS_DELETE_PENDING } from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_ARCHIVE } from '../fscc/attributes.ts';
import { closeOpen } from '../objects/teardown.ts';
import { FILE_CREATED } from '../smb2/create-options.ts';
import { ENOENT, ENOSPC, type Errno, ESTALE, isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsStat } from '../vfs/vfs.ts';
import { grantable, maximalAccess, withoutReadonly } from './access.ts';
import { unpackAppleDouble } from './apple-double.ts';
import type { Outcome, TreeRequest } from './command.ts';
import { openExisting, refuseAttributes } from './create-existing.ts';
import { createReply } from './create-reply.ts';
import { createsIfMissing, type Wanted } from './create-wanted.ts';
import { ended } from './ended.ts';
import { statusOfErrno } from './errno-status.ts';
import { register } from './register-open.ts';
import { tellNoRoom } from './stream-room.ts';
import { streamRules } from './stream-rules.ts';

/** Takes over the handle of the file. */
export async function openStream(
  wanted: Wanted,
  request: TreeRequest,
  file: VfsHandle,
  name: string,
): Promise<Outcome | Errno> {
  const rules = streamRules(request.session, request.tree.share);
  await closedWithoutUse(file, () => unpackBeside(request, file));
  const found = await closedWithoutUse(file, () => file.stream(name, rules));
  if (!isErrno(found)) return openExisting(wanted, request, found);
  if (found !== ENOENT || !createsIfMissing(wanted)) {
    file.close();
    return found;
  }
  const prepared = await closedWithoutUse(file, () => prepare(wanted, request, file));
  if (typeof prepared === 'number') {
    file.close();
    return prepared;
  }
  const made = await closedWithoutUse(file, () => file.createStream(name, rules));
  if (!isErrno(made)) return openMade(wanted, request, made, prepared);
  if (made === ENOSPC) {
    await closedWithoutUse(file, () => tellNoRoom(request.connection.log, request.tree, file));
  }
  file.close();
  return made;
}

/** A stream may be in `._NAME` still. */
async function unpackBeside({ server, tree }: TreeRequest, file: VfsHandle): Promise<void> {
  if (tree.share.convertsAppleDouble !== true || file.snapshot !== undefined) return;
  const path = file.path();
  if (!isErrno(path)) await unpackAppleDouble(server, tree, path);
}

async function closedWithoutUse<T>(handle: VfsHandle, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    handle.close();
    throw error;
  }
}

interface Prepared {
  readonly access: number;
  readonly stat: VfsStat;
}

/** Everything that can refuse the stream before it is made. */
async function prepare(
  wanted: Wanted,
  request: TreeRequest,
  file: VfsHandle,
): Promise<Prepared | NtStatus> {
  const { tree } = request;
  if (tree.readOnly) return STATUS_ACCESS_DENIED;
  const stat = await file.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  // "If Open.RemainingDesiredAccess.FILE_WRITE_DATA is not set": it is needed, and not granted unasked.
  const needed = wanted.access | FILE_WRITE_DATA;
  const writing = { ...wanted, access: needed };
  const refused = refuseAttributes(writing, stat, file.kind === 'directory');
  if (refused !== undefined) return refused;
  if (!(await grantable(tree, file, needed))) return STATUS_ACCESS_DENIED;
  const maximal = wanted.maximum ? await maximalAccess(tree, file) : 0;
  const access = withoutReadonly(maximal, stat.attributes) | wanted.access;
  const gone = ended(request);
  if (gone !== undefined) return gone;
  return request.server.files.findOf(file)?.isDoomed(file)
    ? STATUS_DELETE_PENDING
    : { access, stat };
}

async function openMade(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  { access, stat }: Prepared,
): Promise<Outcome | Errno> {
  const { server, tree } = request;
  const refused = handle.streamName() === ENOENT ? ESTALE : ended(request);
  const open = refused ?? register(wanted, request, handle, access);
  if (typeof open === 'number') {
    // Made for nobody, unless another was quick to open it.
    if (server.files.findOf(handle) === undefined) await handle.remove();
    handle.close();
    return open;
  }
  server.changes.streamAdded(tree.share, handle);
  try {
    await archive(handle, stat);
    return await createReply(wanted, request, open, FILE_CREATED);
  } catch (error) {
    // A bug. No answer will name the open.
    await closeOpen(server, open);
    throw error;
  } finally {
    open.lifetime.release();
  }
}

/** "Set File.FileAttributes.FILE_ATTRIBUTE_ARCHIVE to TRUE": where that cannot be kept, nothing is lost. */
async function archive(handle: VfsHandle, { kind, attributes }: VfsStat): Promise<void> {
  if (kind !== 'file' || (attributes & FILE_ATTRIBUTE_ARCHIVE) !== 0) return;
  await handle.set({ attributes: attributes | FILE_ATTRIBUTE_ARCHIVE });
}
