/**
 * MS-CIFS 3.3.5.10, 3.3.5.53 and MS-SMB 2.2.8.4: RENAME, NT_RENAME, and FileRenameInformation by pass-through. Each is
 * MS-FSA 2.1.5.15.12 on an open that is made for it.
 */

import { grantable } from '../commands/access.ts';
import { breakFor } from '../commands/caching.ts';
import type { OpenRequest } from '../commands/command.ts';
import { withoutDfsPrefix } from '../commands/dfs.ts';
import { setRename } from '../commands/rename.ts';
import {
  DELETE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_READ_EA,
  READ_CONTROL,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_SUCH_FILE,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_DIRECTORY } from '../fscc/attributes.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { encodeRenameInformation } from '../fscc/rename-information.ts';
import { equalIgnoreCase } from '../fscc/upcase.ts';
import { hasWildcards } from '../fscc/wildcard.ts';
import { RenameType1 } from '../smb1/information.ts';
import { decodeNtRename, decodeRename, NtRenameLevel } from '../smb1/paths.ts';
import { decodeText } from '../smb1/strings.ts';
import { FILE_SHARE_READ, FILE_SHARE_WRITE } from '../smb2/create-options.ts';
import { isErrno } from '../vfs/errno.ts';
import { WireError } from '../wire/wire-error.ts';
import { EMPTY, type MaybePromise, type Smb1Outcome, type TreeCall } from './call.ts';
import { copyFile } from './copying.ts';
import { SHARE_ALL, withOpen } from './opening.ts';
import { hasDfsPrefix, joinPath, namesPosix, refusePath, sharePath, splitPath } from './paths.ts';
import { setInformation } from './queries.ts';
import { isSoughtFile, namesLike } from './wild-names.ts';

export async function rename(call: TreeCall): Promise<Smb1Outcome> {
  const { oldName, newName, searchAttributes } = decodeRename(call.block, call.unicode);
  const from = sharePath(call, oldName);
  const to = targetPath(call, newName);
  const refused = refusePath(splitPath(from).directory) ?? refusePath(splitPath(to).directory);
  if (refused !== undefined) return refused;
  const { directory, name } = splitPath(from);
  if (!hasWildcards(name)) {
    const status = refusePath(from) ?? (await renameOne(call, from, to, searchAttributes));
    return status === STATUS_SUCCESS ? EMPTY : status;
  }
  const names = await namesLike(call, from, searchAttributes | FILE_ATTRIBUTE_DIRECTORY);
  if (typeof names === 'number') return names;
  let renamed = 0;
  let refusal: NtStatus = STATUS_NO_SUCH_FILE;
  for (const one of names) {
    const target = splitPath(to);
    const path = joinPath({ directory: target.directory, name: replaceWild(one, target.name) });
    const status = await renameOne(
      call,
      joinPath({ directory, name: one }),
      path,
      searchAttributes,
    );
    if (status === STATUS_SUCCESS) renamed += 1;
    else refusal = status;
  }
  // "an error MUST NOT be returned if at least one of the rename operations was successful".
  return renamed > 0 ? EMPTY : refusal;
}

/** What DOS makes of a name and a pattern for the new one, of stem and extension apart. */
export function replaceWild(name: string, pattern: string): string {
  if (!hasWildcards(pattern)) return pattern;
  const cut = (text: string): [string, string] => {
    const dot = text.lastIndexOf('.');
    return dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)];
  };
  const [stem, extension] = cut(name);
  const [newStem, newExtension] = cut(pattern);
  const first = fill(stem, newStem);
  const second = fill(extension, newExtension);
  return second === '' ? first : `${first}.${second}`;
}

function fill(old: string, pattern: string): string {
  let text = '';
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === '*') return text + old.slice(i);
    text += pattern[i] === '?' ? (old[i] ?? '') : pattern[i]!;
  }
  return text;
}

/** RENAME and NT_RENAME open the file for it, which makes others give up what excludes that (raw.oplock.batch17). */
const OPENED_TO_RENAME = {
  access: DELETE | FILE_READ_ATTRIBUTES,
  // Who has the file open for more than looking keeps its name.
  share: FILE_SHARE_READ | FILE_SHARE_WRITE,
};

const RENAMING = { access: DELETE, share: SHARE_ALL };

/**
 * By path of TRANS2_SET_PATH_INFORMATION: an open that only looks, since one for deletion would break exclusive oplocks, which a rename leaves alone; what else
 * it would be refused for is asked here.
 */
export async function renameLooking(
  request: OpenRequest,
  fileName: string,
  replaceIfExists: boolean,
): Promise<NtStatus> {
  const { open, tree } = request;
  if (fileName === '') return STATUS_OBJECT_PATH_SYNTAX_BAD;
  const given = await breakFor(request, open.file!, { kind: 'rename' }, open);
  if (given !== undefined) return given;
  if (tree.readOnly || !(await grantable(tree, open.handle!, DELETE))) return STATUS_ACCESS_DENIED;
  if (open.file!.sharingViolation(RENAMING, open)) return STATUS_SHARING_VIOLATION;
  const target = { replaceIfExists, rootDirectory: 0, fileName: namedFor(request, fileName) };
  return setRename(encodeRenameInformation(target), request);
}

/** 3.3.5.10: a directory goes to no place within itself. */
const isBelow = (path: string, directory: string): boolean =>
  path[directory.length] === '\\' && equalIgnoreCase(path.slice(0, directory.length), directory);

function renameOne(
  call: TreeCall,
  from: string,
  to: string,
  searchAttributes: number,
): MaybePromise<NtStatus> {
  return withOpen(call, { name: from, ...OPENED_TO_RENAME }, async (request, { response }) => {
    if (!isSoughtFile(response.fileAttributes, searchAttributes | FILE_ATTRIBUTE_DIRECTORY)) {
      return STATUS_NO_SUCH_FILE;
    }
    if (hasWildcards(splitPath(to).name)) return STATUS_OBJECT_NAME_INVALID;
    const isDirectory = (response.fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0;
    if (isDirectory && isBelow(to, from)) return STATUS_OBJECT_PATH_SYNTAX_BAD;
    return setName(request, to, false, FileInformationClass.FileRenameInformation);
  });
}

/**
 * Relative to the share also where the client names it by the namespace (SMB_FLAGS2_DFS). Samba's clients name the
 * old file so, and the new one not.
 */
function targetPath(call: TreeCall, text: string): string {
  const path = sharePath(call, text);
  return hasDfsPrefix(call, path) ? withoutDfsPrefix(path, call.request) : path;
}

/** As FileRenameInformation and FileLinkInformation take names. */
const namedFor = ({ open }: OpenRequest, path: string): string =>
  open.isPosix ? path.replaceAll('\\', '/') : path;

export function setName(
  request: OpenRequest,
  path: string,
  replaceIfExists: boolean,
  how: number,
): MaybePromise<NtStatus> {
  if (path === '') return STATUS_OBJECT_PATH_SYNTAX_BAD;
  const fileName = namedFor(request, path);
  const buffer = encodeRenameInformation({ replaceIfExists, rootDirectory: 0, fileName });
  return setInformation(request, how, buffer);
}

export async function ntRename(call: TreeCall): Promise<Smb1Outcome> {
  const body = decodeNtRename(call.block, call.unicode);
  const from = sharePath(call, body.oldName);
  const to = body.newName.startsWith(':') ? body.newName : targetPath(call, body.newName);
  if (hasWildcards(from) || hasWildcards(to)) return STATUS_OBJECT_PATH_SYNTAX_BAD;
  const streams = body.informationLevel === NtRenameLevel.RENAME && refuseStreams(call, from, to);
  if (streams === 'of this file') return renameStream(call, from, to, body.searchAttributes);
  if (streams !== false && streams !== undefined) return streams;
  const refused = refusePath(from) ?? refusePath(to);
  if (refused !== undefined) return refused;
  switch (body.informationLevel) {
    case NtRenameLevel.RENAME: {
      const status = await renameOne(call, from, to, body.searchAttributes);
      return status === STATUS_SUCCESS ? EMPTY : status;
    }
    case NtRenameLevel.HARD_LINK: {
      const status = await hardLink(call, from, to, body.searchAttributes);
      return status === STATUS_SUCCESS ? EMPTY : status;
    }
    case NtRenameLevel.COPY: {
      const status = await copyFile(call, from, to);
      return status === STATUS_SUCCESS ? EMPTY : status;
    }
    // As Windows before 7 and Samba have it (raw.rename.ntrename).
    case NtRenameLevel.MOVE_CLUSTER:
      return STATUS_INVALID_PARAMETER;
    default:
      return STATUS_ACCESS_DENIED;
  }
}

/** 3.3.5.53: "MUST have at least read access to the file for the hard linking operation to succeed". */
const TO_LINK = READ_CONTROL | FILE_READ_DATA | FILE_READ_ATTRIBUTES | FILE_READ_EA;

async function hardLink(
  call: TreeCall,
  from: string,
  to: string,
  searchAttributes: number,
): Promise<NtStatus> {
  const opened = { name: from, access: TO_LINK };
  const status = await withOpen(call, opened, (request, { response }) =>
    // "Only … HIDDEN and … SYSTEM … are tested": that a directory has no links the object store says.
    isSoughtFile(response.fileAttributes, searchAttributes | FILE_ATTRIBUTE_DIRECTORY)
      ? setName(request, to, false, FileInformationClass.FileLinkInformation)
      : STATUS_NO_SUCH_FILE,
  );
  // "If the target name already exists, the hard linking operation MUST fail with STATUS_ACCESS_DENIED."
  return status === STATUS_OBJECT_NAME_COLLISION ? STATUS_ACCESS_DENIED : status;
}

/** A stream gets another name within its file, which begins with a colon, and a file none of a stream's. */
function refuseStreams(
  call: TreeCall,
  from: string,
  to: string,
): NtStatus | 'of this file' | undefined {
  if (namesPosix(call)) return undefined;
  const isStream = splitPath(from).name.includes(':');
  if (!isStream) return splitPath(to).name.includes(':') ? STATUS_OBJECT_NAME_INVALID : undefined;
  if (!to.startsWith(':')) return STATUS_INVALID_PARAMETER;
  return /^::/.test(to) ? STATUS_OBJECT_NAME_COLLISION : 'of this file';
}

async function renameStream(
  call: TreeCall,
  from: string,
  to: string,
  searchAttributes: number,
): Promise<Smb1Outcome> {
  const status = refusePath(from) ?? (await renameOne(call, from, to, searchAttributes));
  return status === STATUS_SUCCESS ? EMPTY : status;
}

/** MS-FSCC 2.4.42.1: the new name is one beside the old. `looking`: the open was made for this, by the path. */
export function passthroughRename(
  call: TreeCall,
  request: OpenRequest,
  data: Buffer,
  looking: boolean,
) {
  const { replaceIfExists, rootDirectory, fileNameLength } = RenameType1.read(data);
  if (RenameType1.size + fileNameLength > data.length) {
    throw new WireError(RenameType1.name, `FileNameLength is ${fileNameLength}`);
  }
  if (rootDirectory !== 0) return STATUS_INVALID_PARAMETER;
  const named = data.subarray(RenameType1.size, RenameType1.size + fileNameLength);
  const newName = decodeText(named, call.unicode);
  if (newName.startsWith(':')) {
    return setName(
      request,
      newName,
      (replaceIfExists & 1) !== 0,
      FileInformationClass.FileRenameInformation,
    );
  }
  // "beside the old": other names are for RENAME.
  if (/[\\/]/.test(newName)) return STATUS_NOT_SUPPORTED;
  const own = request.open.handle?.path();
  if (own === undefined || isErrno(own)) return STATUS_SHARING_VIOLATION;
  const path = joinPath({ directory: own.slice(0, -1).join('\\'), name: newName });
  const replaces = (replaceIfExists & 1) !== 0;
  if (looking) return renameLooking(request, path, replaces);
  return setName(request, path, replaces, FileInformationClass.FileRenameInformation);
}
