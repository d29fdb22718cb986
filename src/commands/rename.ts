/** MS-FSA 2.1.5.15.12, .13, .7 and .8: renaming a file, and giving it one more name. */
import { DELETE, FILE_ADD_FILE, FILE_ADD_SUBDIRECTORY } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DELETE_PENDING,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_READONLY } from '../fscc/attributes.ts';
import { isRefusedName, type ParsedPath, parsePath } from '../fscc/names.ts';
import { parsePosixPath } from '../fscc/posix-names.ts';
import {
  decodeRenameInformation,
  decodeRenameInformationEx,
  FILE_RENAME_IGNORE_READONLY_ATTRIBUTE,
  FILE_RENAME_POSIX_SEMANTICS,
  FILE_RENAME_REPLACE_IF_EXISTS,
} from '../fscc/rename-information.ts';
import type { Open } from '../objects/open.ts';
import { type SharedFile, SharedFiles } from '../objects/shared-file.ts';
import { isEmptyToClients } from '../objects/vetoed-files.ts';
import { vetoed } from '../objects/visibility.ts';
import { FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE } from '../smb2/create-options.ts';
import { EEXIST, ENOENT, ENOPATH, isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import { grantable, mayAdd } from './access.ts';
import { archive } from './archive.ts';
import { audited } from './audited.ts';
import { breakFor } from './caching.ts';
import type { OpenRequest } from './command.ts';
import { arriving } from './doomed.ts';
import { statusOfErrno } from './errno-status.ts';
import { directoryThroughLinks } from './follow-links.ts';
import { namesBefore } from './names-before.ts';
import { filesOf } from './posix.ts';
import { renameStream } from './rename-stream.ts';
import { longPath } from './short-names.ts';
import { refuseInside } from './symlinks.ts';

interface Target {
  readonly rootDirectory: number;
  readonly fileName: string;
  readonly replace: boolean;
  readonly ignoresReadonly: boolean;
  /** What stands at the new name is replaced while others have it open; they keep it. */
  readonly isPosix: boolean;
}

export function setRename(buffer: Buffer, request: OpenRequest): Promise<NtStatus> | NtStatus {
  const { replaceIfExists, ...rest } = decodeRenameInformation(buffer);
  const { isPosix } = request.open;
  return rename({ ...rest, replace: replaceIfExists, ignoresReadonly: isPosix, isPosix }, request);
}

export function setRenameEx(buffer: Buffer, request: OpenRequest): Promise<NtStatus> | NtStatus {
  return rename(ex(buffer, request.open), request);
}

export function setLink(buffer: Buffer, request: OpenRequest): Promise<NtStatus> | NtStatus {
  const { replaceIfExists, ...rest } = decodeRenameInformation(buffer);
  const { isPosix } = request.open;
  return link({ ...rest, replace: replaceIfExists, ignoresReadonly: isPosix, isPosix }, request);
}

export function setLinkEx(buffer: Buffer, request: OpenRequest): Promise<NtStatus> | NtStatus {
  return link(ex(buffer, request.open), request);
}

function ex(buffer: Buffer, { isPosix }: Open): Target {
  const { flags, ...rest } = decodeRenameInformationEx(buffer);
  return {
    ...rest,
    replace: (flags & FILE_RENAME_REPLACE_IF_EXISTS) !== 0,
    ignoresReadonly: isPosix || (flags & FILE_RENAME_IGNORE_READONLY_ATTRIBUTE) !== 0,
    isPosix: isPosix || (flags & FILE_RENAME_POSIX_SEMANTICS) !== 0,
  };
}

/** The new path, relative to the share: 3.3.5.21.1 and the checks that MS-FSA begins with. */
function destination(target: Target, { isPosix }: Open): ParsedPath | NtStatus {
  if (target.rootDirectory !== 0) return STATUS_INVALID_PARAMETER;
  if (target.fileName === '') return STATUS_INVALID_PARAMETER;
  if (!isPosix && target.fileName.startsWith('\\')) return STATUS_INVALID_PARAMETER;
  const path = isPosix ? parsePosixPath(target.fileName) : parsePath(target.fileName);
  if (isRefusedName(path)) return path;
  return path.components.length === 0 ? STATUS_OBJECT_NAME_INVALID : path;
}

const rename = (target: Target, request: OpenRequest): Promise<NtStatus> =>
  audited('rename', request, () => move(target, request));

async function move(target: Target, request: OpenRequest): Promise<NtStatus> {
  const { open } = request;
  if (target.fileName.startsWith(':') && !open.isPosix) return renameStream(target, request);
  const parsed = destination(target, open);
  if (typeof parsed === 'number') return parsed;
  const named = parsed.components;
  const path = open.isPosix ? named : await placeOf(named, request);
  if (open.file!.isDoomed(open.handle!)) return STATUS_ACCESS_DENIED;
  const own = open.handle!.path();
  if (isErrno(own)) return statusOfErrno(own);
  if (own.length === 0) return STATUS_ACCESS_DENIED;
  return arriving(path, request, async () => {
    const refused =
      (await refuseDestination(path, request)) ??
      (open.handle!.kind === 'directory' ? await refuseOpenFiles(own, request) : undefined) ??
      (parsed.stream === undefined ? undefined : STATUS_OBJECT_NAME_INVALID) ??
      (await refuseOpenStreams(open.file!, request));
    return refused ?? name(path, target, request, 'rename');
  });
}

async function link(target: Target, request: OpenRequest): Promise<NtStatus> {
  const { open, tree } = request;
  // 2.1.5.15.7: "Open.Stream.Name is not empty"
  if (open.handle!.base !== undefined) return STATUS_INVALID_PARAMETER;
  const parsed = destination(target, open);
  if (typeof parsed === 'number') return parsed;
  if (parsed.stream !== undefined) return STATUS_OBJECT_NAME_INVALID;
  const named = parsed.components;
  if (open.handle!.kind === 'directory') return STATUS_FILE_IS_A_DIRECTORY;
  if (tree.readOnly || open.file!.isDoomed(open.handle!)) return STATUS_ACCESS_DENIED;
  const path = open.isPosix ? named : await placeOf(named, request);
  return arriving(path, request, async () => {
    const refused = await refuseDestination(path, request);
    return refused ?? name(path, target, request, 'link');
  });
}

/** Where a name is to go that is one of Windows: by its folder's long names, through links where they are followed. */
async function placeOf(
  named: readonly string[],
  { open, tree }: OpenRequest,
): Promise<readonly string[]> {
  const long = await longPath(tree, named);
  if (tree.share.followsLinks !== true) return long;
  const folder = await directoryThroughLinks(long.slice(0, -1), filesOf(open, tree), tree.share);
  return [...folder, long.at(-1)!];
}

/** What stands at the new name may change until the file system is asked; then all starts anew. */
const MAX_ATTEMPTS = 4;

/** Gives the file the name, in the place of another one that nobody has open, nor opens meanwhile. */
async function name(
  path: readonly string[],
  target: Target,
  request: OpenRequest,
  how: 'rename' | 'link',
): Promise<NtStatus> {
  const { files } = request.server;
  const handle = request.open.handle!;
  for (let attempt = 1; ; attempt++) {
    const standing = await whatStands(path, target, request);
    if (typeof standing === 'number') return standing;
    const names = await namesBefore(path, request);
    const { key, replace } = standing;
    const isLast = attempt === MAX_ATTEMPTS;
    if (key !== undefined && !target.isPosix) {
      if (files.find(key) !== undefined && !isLast) continue;
      if (files.find(key) !== undefined || files.replaced.has(key)) return STATUS_ACCESS_DENIED;
      files.replaced.add(key);
    }
    const result = await handle[how](path, replace);
    if (key !== undefined && !target.isPosix) files.replaced.delete(key);
    if (result === EEXIST && target.replace && !isLast) continue;
    if (isErrno(result)) return statusOfErrno(result);
    if (how === 'rename' && request.open.archives) await archive(request.open);
    if (how === 'rename') names?.tellRename();
    else await names?.tellLink();
    return STATUS_SUCCESS;
  }
}

/** The new name's directory has to take it. */
async function refuseDestination(
  path: readonly string[],
  request: OpenRequest,
): Promise<NtStatus | undefined> {
  const hidden = vetoed(request.tree.share.visibility, path);
  if (hidden !== undefined) return statusOfErrno(hidden === 'name' ? ENOENT : ENOPATH);
  const files = filesOf(request.open, request.tree);
  const parent = await files.lookup(path.slice(0, -1), 'look');
  if (isErrno(parent)) return statusOfErrno(parent === ENOENT ? ENOPATH : parent);
  const key = SharedFiles.key(parent.volumeId, parent.fileId);
  try {
    const found = parent.takeFound?.();
    const takes = await mayAdd(request.tree, parent, addingRight(request.open));
    const isPlain = found !== undefined && found.reparse === undefined;
    const elsewhere = isPlain ? undefined : await refuseInside(parent);
    if (elsewhere !== undefined) return elsewhere;
    if (!takes) return STATUS_ACCESS_DENIED;
  } finally {
    parent.close();
  }
  return refuseAdding(key, request);
}

const addingRight = ({ handle }: Open) =>
  handle!.kind === 'directory' ? FILE_ADD_SUBDIRECTORY : FILE_ADD_FILE;

/**
 * The destination's directory is opened for adding a name: whoever has it open for deletion or without
 * FILE_SHARE_WRITE is in the way, unless that is only a cached handle.
 */
async function refuseAdding(key: string, request: OpenRequest): Promise<NtStatus | undefined> {
  const { open, server } = request;
  const adding = {
    access: addingRight(open),
    // Windows leaves FILE_SHARE_DELETE out: MS-FSA notes 183 and 185.
    share: FILE_SHARE_READ | FILE_SHARE_WRITE,
  };
  const directory = server.files.find(key);
  if (directory?.sharingViolation(adding) && !directory.deletePending) {
    const given = await breakFor(request, directory, { kind: 'share' }, open);
    if (given !== undefined) return given;
  }
  const left = server.files.find(key);
  if (left?.deletePending) return STATUS_DELETE_PENDING;
  return left?.sharingViolation(adding) ? STATUS_SHARING_VIOLATION : undefined;
}

/** MS-FSA 2.1.4.2: a directory with open files in it is not moved; handles that are only cached are given up. */
async function refuseOpenFiles(
  own: readonly string[],
  request: OpenRequest,
): Promise<NtStatus | undefined> {
  for (const other of openFilesBelow(own, request)) {
    const given = await breakFor(request, other.file!, { kind: 'rename' }, request.open);
    if (given !== undefined) return given;
  }
  return openFilesBelow(own, request).length > 0 ? STATUS_ACCESS_DENIED : undefined;
}

/** Opens below this directory, in the same share. */
function openFilesBelow(directory: readonly string[], { open, server }: OpenRequest): Open[] {
  return [...server.opens.values()].filter((other) => {
    if (other.handle === undefined || other.home !== open.home) return false;
    // As POSIX has it, a directory is moved with what is open in it.
    if (open.isPosix && other.isPosix) return false;
    const path = other.handle.path();
    if (isErrno(path) || path.length <= directory.length) return false;
    return directory.every((component, i) => component === path[i]);
  });
}

/**
 * Other streams of the file that are open, as smb2.streams.basefile-rename-with-open-stream wants it. Those of a
 * directory stop nothing (raw.rename.directory rename).
 */
async function refuseOpenStreams(
  file: SharedFile,
  request: OpenRequest,
): Promise<NtStatus | undefined> {
  if (request.open.handle!.kind === 'directory') return undefined;
  for (const other of otherStreams(file)) {
    const given = await breakFor(request, other, { kind: 'rename' }, request.open);
    if (given !== undefined) return given;
  }
  return otherStreams(file).length > 0 ? STATUS_ACCESS_DENIED : undefined;
}

function otherStreams(file: SharedFile): SharedFile[] {
  const whole = file.base ?? file;
  const all = [whole, ...(whole.streams?.values() ?? [])];
  return all.filter((other) => other !== file && other.opens.size > 0);
}

/**
 * Whether a directory would take the place of one that is not empty. 2.1.5.15.12 has STATUS_ACCESS_DENIED for every
 * directory; Linux' client, to which that is EACCES, would not learn why: Samba tells it as rename(2) does.
 */
async function standsFull(existing: VfsHandle, { open }: OpenRequest): Promise<boolean> {
  if (existing.kind !== 'directory' || open.handle!.kind !== 'directory') return false;
  return (await isEmptyToClients(existing, open.home.visibility)) === false;
}

/** The file at the new name that is to be replaced; none, or the renamed one itself, without a key. */
interface Standing {
  readonly key: string | undefined;
  readonly replace: boolean;
}

/** What stands at the new name: a directory, a read-only file or one that is open is not replaced. */
async function whatStands(
  path: readonly string[],
  target: Target,
  request: OpenRequest,
): Promise<NtStatus | Standing> {
  const { open, tree, server } = request;
  const existing = await filesOf(open, tree).lookup(path);
  if (existing === ENOENT) return { key: undefined, replace: false };
  if (isErrno(existing)) return statusOfErrno(existing);
  const same =
    existing.fileId === open.handle!.fileId && existing.volumeId === open.handle!.volumeId;
  const look = async () => ({
    replaceable: same || !target.replace || (await grantable(tree, existing, DELETE)),
    stat: await existing.stat(),
    full: target.replace && !open.isPosix && (await standsFull(existing, request)),
  });
  const { replaceable, stat, full } = await look().finally(() => existing.close());
  if (same) return { key: undefined, replace: target.replace };
  if (!target.replace) return STATUS_OBJECT_NAME_COLLISION;
  if (isErrno(stat)) return statusOfErrno(stat);
  const readonly = (stat.attributes & FILE_ATTRIBUTE_READONLY) !== 0 && !target.ignoresReadonly;
  // rename(2) puts a directory in the place of an empty one, and tells what does not fit.
  if (stat.kind === 'directory' && open.isPosix) return { key: undefined, replace: true };
  if (full) return STATUS_DIRECTORY_NOT_EMPTY;
  if (stat.kind === 'directory' || readonly || !replaceable) return STATUS_ACCESS_DENIED;
  const key = SharedFiles.key(existing.volumeId, existing.fileId);
  const file = server.files.find(key);
  if (file === undefined) return { key, replace: true };
  for (const each of [file, ...otherStreams(file)]) {
    const given = await breakFor(request, each, { kind: 'delete' }, open);
    if (given !== undefined) return given;
  }
  const left = server.files.find(key);
  if (left === undefined || (target.isPosix && mayLoseName(left))) return { key, replace: true };
  return STATUS_ACCESS_DENIED;
}

/** Who has it open lets others delete it. */
function mayLoseName(file: SharedFile): boolean {
  for (const each of [file, ...(file.streams?.values() ?? [])]) {
    for (const { share } of each.opens) if ((share & FILE_SHARE_DELETE) === 0) return false;
  }
  return !file.deletePending;
}
