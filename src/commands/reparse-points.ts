/**
 * MS-FSA 2.1.5.10.3, 2.1.5.10.14 and 2.1.5.10.37: FSCTL_DELETE_, GET_ and SET_REPARSE_POINT.
 *
 *     a symbolic link that stays in the share (of Windows, of NFS clients, of WSL) ──▶ a symbolic link on the disk
 *     any other (absolute or leading out, a FIFO, a device, tags of others) ──────────▶ kept with the file
 *
 * A link on the disk is another object than the file that the client has made for it: the open goes on with that
 * one. Where others have the file open, or it has content or more names, its reparse point is kept with it.
 */
import { FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_IO_REPARSE_DATA_INVALID,
  STATUS_IO_REPARSE_TAG_INVALID,
  STATUS_IO_REPARSE_TAG_MISMATCH,
  STATUS_NOT_A_DIRECTORY,
  STATUS_NOT_A_REPARSE_POINT,
  STATUS_REPARSE_ATTRIBUTE_CONFLICT,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { decodeReparseBuffer, isReservedTag, type ReparseBuffer } from '../fscc/reparse-buffer.ts';
import {
  encodeEmptyReparseData,
  encodeSymbolicLinkReparseData,
  REPARSE_HEADER_BYTES,
} from '../fscc/reparse-data.ts';
import { IO_REPARSE_TAG_MOUNT_POINT, IO_REPARSE_TAG_SYMLINK } from '../fscc/reparse-tags.ts';
import { linkTargetOfReparse, staysInShare } from '../fscc/special-files.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import { FILE_NOTIFY_CHANGE_ATTRIBUTES } from '../smb2/change-notify.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import { EACCES, EOPNOTSUPP, EPERM, type Errno, isErrno } from '../vfs/errno.ts';
import type { VfsForm, VfsHandle, VfsStat } from '../vfs/vfs.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Outcome } from './command.ts';
import { reparseTagOf } from './directory-entry.ts';
import { statusOfErrno } from './errno-status.ts';
import { reply, respond } from './ioctl-reply.ts';
import { targetOf } from './symlinks.ts';

const GUID_END = REPARSE_HEADER_BYTES + 16;

/** Special files of the disk are as WSL stores them. */
export async function getReparsePoint(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const { handle } = open;
  if (handle === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  const tag = reparseTagOf(stat);
  if (tag === 0) return STATUS_NOT_A_REPARSE_POINT;
  if (body.maxOutputResponse < REPARSE_HEADER_BYTES) return STATUS_BUFFER_TOO_SMALL;
  const data = await dataOf(request, open, handle, stat);
  if (typeof data === 'number') return statusOfErrno(data);
  // "as much as fits … STATUS_BUFFER_OVERFLOW", of what is kept with a file; a link's would be cut in its name.
  if (stat.reparse !== undefined && data.length > body.maxOutputResponse) {
    return reply(body, open, data.subarray(0, body.maxOutputResponse), STATUS_BUFFER_OVERFLOW);
  }
  return respond(body, open, data);
}

async function dataOf(
  request: Request,
  open: Open,
  handle: VfsHandle,
  stat: VfsStat,
): Promise<Buffer | Errno> {
  if (stat.reparse !== undefined) return handle.kept('reparse');
  if (handle.kind !== 'symlink') return encodeEmptyReparseData(reparseTagOf(stat));
  const path = handle.path();
  if (isErrno(path)) return path;
  const target = await targetOf(handle, path, request.tree!.share, open.isPosix);
  return typeof target === 'number' ? target : encodeSymbolicLinkReparseData(target);
}

/** What can be told from the request alone. */
function decoded(input: Buffer): ReparseBuffer | NtStatus {
  try {
    const buffer = decodeReparseBuffer(input);
    return isReservedTag(buffer.tag) ? STATUS_IO_REPARSE_TAG_INVALID : buffer;
  } catch (error) {
    if (error instanceof WireError) return STATUS_IO_REPARSE_DATA_INVALID;
    throw error;
  }
}

/** The open's file, where it may get or lose a reparse point. */
function changeable(open: Open): VfsHandle | NtStatus {
  const { handle } = open;
  if (handle === undefined || handle.base !== undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if ((open.access & (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)) === 0) return STATUS_ACCESS_DENIED;
  return handle;
}

/** What setting and deleting begin with: the file, what the client says of it, and what it is. */
async function prepared(body: IoctlRequest, open: Open): Promise<Prepared | NtStatus> {
  const handle = changeable(open);
  if (typeof handle === 'number') return handle;
  const buffer = decoded(body.input);
  if (typeof buffer === 'number') return buffer;
  const stat = await handle.stat();
  return isErrno(stat) ? statusOfErrno(stat) : { handle, buffer, stat };
}

interface Prepared {
  readonly handle: VfsHandle;
  readonly buffer: ReparseBuffer;
  readonly stat: VfsStat;
}

/** What is there has to have the same tag, by the same owner. */
async function refuseOther(
  handle: VfsHandle,
  stat: VfsStat,
  { tag, guid }: ReparseBuffer,
): Promise<NtStatus | undefined> {
  if (reparseTagOf(stat) !== tag) return STATUS_IO_REPARSE_TAG_MISMATCH;
  if (guid === undefined) return undefined;
  const there = await handle.kept('reparse');
  const isSame =
    typeof there !== 'number' && there.subarray(REPARSE_HEADER_BYTES, GUID_END).equals(guid);
  return isSame ? undefined : STATUS_REPARSE_ATTRIBUTE_CONFLICT;
}

export async function setReparsePoint(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const asked = await prepared(body, open);
  if (typeof asked === 'number') return asked;
  const { handle, buffer, stat } = asked;
  const refused = await refuseSetting(handle, stat, buffer);
  if (refused !== undefined) return refused;
  const status = await setOn(handle, stat, { ...buffer, whole: body.input }, request, open);
  if (status !== STATUS_SUCCESS) return status;
  return changed(body, request, open);
}

async function refuseSetting(
  handle: VfsHandle,
  stat: VfsStat,
  buffer: ReparseBuffer,
): Promise<NtStatus | undefined> {
  const isDirectory = stat.kind === 'directory';
  if (buffer.tag === IO_REPARSE_TAG_MOUNT_POINT && !isDirectory) return STATUS_NOT_A_DIRECTORY;
  if (isDirectory) {
    const empty = await handle.isEmpty();
    if (isErrno(empty)) return statusOfErrno(empty);
    if (!empty) return STATUS_DIRECTORY_NOT_EMPTY;
  }
  if (stat.kind === 'file' && buffer.tag === IO_REPARSE_TAG_SYMLINK && stat.size > 0) {
    return STATUS_IO_REPARSE_DATA_INVALID;
  }
  if (reparseTagOf(stat) === 0) return undefined;
  return refuseOther(handle, stat, buffer);
}

interface Setting extends ReparseBuffer {
  readonly whole: Buffer;
}

async function setOn(
  handle: VfsHandle,
  stat: VfsStat,
  setting: Setting,
  request: Request,
  open: Open,
): Promise<NtStatus> {
  const target = linkTarget(setting);
  if (typeof target === 'number') return target;
  const path = handle.path();
  if (isErrno(path)) return statusOfErrno(path);
  const form: VfsForm | undefined =
    target !== undefined && staysInShare(target, path.length - 1)
      ? { kind: 'symlink', target }
      : undefined;
  if (form !== undefined && (await isReplaceable(handle, stat, open))) {
    const replaced = await replace(request, open, handle, form);
    if (replaced !== EOPNOTSUPP && replaced !== EACCES && replaced !== EPERM) {
      return isErrno(replaced) ? statusOfErrno(replaced) : STATUS_SUCCESS;
    }
  }
  const isKept = stat.kind === 'file' || stat.kind === 'directory';
  if (isKept && (stat.kind === 'file' || setting.tag !== IO_REPARSE_TAG_SYMLINK)) {
    return keep(handle, setting.whole);
  }
  // Nothing is beneath a link, nor should the server ever walk through one: it is a file on the disk.
  if (setting.tag !== IO_REPARSE_TAG_SYMLINK || !(await isReplaceable(handle, stat, open))) {
    return STATUS_INVALID_DEVICE_REQUEST;
  }
  const made = await replace(request, open, handle, { kind: 'file' });
  return isErrno(made) ? statusOfErrno(made) : keep(open.handle!, setting.whole);
}

async function keep(handle: VfsHandle, whole: Buffer): Promise<NtStatus> {
  const set = await handle.keep('reparse', Buffer.from(whole));
  // "Support for this operation is optional."
  if (set === EOPNOTSUPP) return STATUS_INVALID_DEVICE_REQUEST;
  return isErrno(set) ? statusOfErrno(set) : STATUS_SUCCESS;
}

function linkTarget({ tag, whole, data }: Setting): string | undefined | NtStatus {
  try {
    return linkTargetOfReparse(tag, whole, data);
  } catch (error) {
    if (error instanceof WireError) return STATUS_IO_REPARSE_DATA_INVALID;
    throw error;
  }
}

/** Nothing of it gets lost: it is empty, has one name, no streams, and nobody else looks at it. */
async function isReplaceable(handle: VfsHandle, stat: VfsStat, open: Open): Promise<boolean> {
  const file = open.file!;
  const alone = file.opens.size === 1 && file.streams === undefined && !file.deletePending;
  if (!alone || open.watch !== undefined || open.enumeration !== undefined) return false;
  if (stat.kind === 'directory') return true;
  if (stat.linkCount > 1 || (stat.kind === 'file' && stat.size > 0)) return false;
  const streams = await handle.streams('plain');
  // What cannot be listed may be there, and would be lost.
  return isErrno(streams) ? streams === EOPNOTSUPP : streams.length === 0;
}

/** The open is of another object from now on; requests under way keep what they have. */
async function replace(
  { server }: Request,
  open: Open,
  handle: VfsHandle,
  form: VfsForm,
): Promise<Errno | 0> {
  if (open.file!.opens.size !== 1) return EOPNOTSUPP;
  const answer = handle.replaceBy(form);
  // Where it is done at once nobody can come between.
  const made = answer instanceof Promise ? await answer : answer;
  if (isErrno(made)) return made;
  server.files.moved(open.file!, made);
  open.replaceHandle(made);
  server.keptOpens?.changed(open);
  return 0;
}

/** Only a link turns into a file again: what was kept with one leaves it. */
export async function deleteReparsePoint(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const asked = await prepared(body, open);
  if (typeof asked === 'number') return asked;
  const { handle, buffer, stat } = asked;
  if (reparseTagOf(stat) === 0) return STATUS_NOT_A_REPARSE_POINT;
  if (buffer.data.length > 0) return STATUS_IO_REPARSE_DATA_INVALID;
  const refused = await refuseOther(handle, stat, buffer);
  if (refused !== undefined) return refused;
  const result = await take(request, open, handle, stat);
  return isErrno(result) ? statusOfErrno(result) : changed(body, request, open);
}

async function take(
  request: Request,
  open: Open,
  handle: VfsHandle,
  stat: VfsStat,
): Promise<Errno | 0> {
  if (stat.reparse !== undefined) return handle.keep('reparse', undefined);
  if (handle.kind !== 'symlink' || !(await isReplaceable(handle, stat, open))) return EACCES;
  return replace(request, open, handle, { kind: 'file' });
}

function changed(body: IoctlRequest, { server }: Request, open: Open): Outcome {
  open.file!.note(FILE_NOTIFY_CHANGE_ATTRIBUTES);
  server.changes.described(open.handle!, open);
  return respond(body, open);
}
