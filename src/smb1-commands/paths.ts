/**
 * MS-CIFS 2.2.1.1.1 and 3.3.5.2.7: path names of SMB1. They begin with a backslash or not, and end in some; SMB2's
 * begin with none. What has a slash is one with backslashes, as Windows' clients of old sent it.
 */

import { isDfsRequest } from '../commands/dfs.ts';
import {
  type NtStatus,
  STATUS_NAME_TOO_LONG,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
} from '../dtyp/ntstatus.ts';
import { isRefusedName, type ParsedPath, parsePath } from '../fscc/names.ts';
import { clientName } from '../fscc/private-names.ts';
import { hasWildcards } from '../fscc/wildcard.ts';
import type { Call, TreeCall } from './call.ts';

/** Whether this command names files as POSIX has it: the client has said so, and the share's files have such names. */
export const namesPosix = ({ link, request }: Call): boolean =>
  link.posixNames && request.tree?.posixFiles !== undefined;

/**
 * Relative to the share, as CREATE of SMB2 takes it. Of a client that speaks the Unix extensions, with what Windows
 * would not have in a name as the private character for it: separators are backslashes here as well.
 */
export function sharePath(call: Call, text: string): string {
  if (namesPosix(call)) return posixPath(text.split('/').map(clientName));
  const path = text.replaceAll('/', '\\').replace(/\\{2,}/g, '\\');
  return path.replace(/^\\/, '').replace(/\\$/, '');
}

const posixPath = (names: readonly string[]): string =>
  names.filter((name) => name !== '').join('\\');

/** Whether a path of a namespace names server and share, as all are meant to. */
export function hasDfsPrefix({ request }: TreeCall, path: string): boolean {
  const [, share] = path.split('\\', 2);
  return share?.toLowerCase() === request.tree.share.name.toLowerCase();
}

/** Clients say SMB_FLAGS2_DFS of every request, and leave server and share out in some. */
export function withDfsPrefix(call: TreeCall, path: string): string {
  const { request } = call;
  if (request.tree.share.dfs === undefined || !isDfsRequest(request)) return path;
  return hasDfsPrefix(call, path) ? path : `server\\${request.tree.share.name}\\${path}`;
}

export interface SplitPath {
  /** Of the directory; '' for the root. */
  readonly directory: string;
  readonly name: string;
}

export function splitPath(path: string): SplitPath {
  const at = path.lastIndexOf('\\');
  return at < 0
    ? { directory: '', name: path }
    : { directory: path.slice(0, at), name: path.slice(at + 1) };
}

export const joinPath = ({ directory, name }: SplitPath): string =>
  directory === '' || name === '' ? directory + name : `${directory}\\${name}`;

/** Of what a search is for: its last component is a pattern. */
export function searchPath(call: Call, text: string): SplitPath {
  if (!namesPosix(call)) return splitPath(sharePath(call, text));
  const names = text.split('/');
  const name = names.pop()!;
  return { directory: posixPath(names.map(clientName)), name };
}

/**
 * What servers of SMB1 say of names that cannot be: a "." in front is no name, one behind another is a path
 * that leads nowhere (base.chkpath, raw.samba3badpath).
 */
export function refusePath(path: string): NtStatus | undefined {
  const components = path.split('\\');
  for (const [i, component] of components.entries()) {
    const last = i === components.length - 1;
    if (component === '.') return last ? STATUS_OBJECT_NAME_INVALID : STATUS_OBJECT_PATH_NOT_FOUND;
    if (!last && component !== '' && hasWildcards(component)) return STATUS_OBJECT_NAME_INVALID;
  }
  const parsed: ParsedPath | NtStatus = parsePath(path);
  if (!isRefusedName(parsed)) return undefined;
  return parsed === STATUS_NAME_TOO_LONG ? STATUS_OBJECT_NAME_INVALID : parsed;
}

/** Of a path query: OBJECT_NAME_NOT_FOUND of a directory on the way is its path's. */
export const ofPath = (status: NtStatus): NtStatus =>
  status === STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : status;

export const isSyntaxBad = (status: NtStatus): boolean => status === STATUS_OBJECT_PATH_SYNTAX_BAD;
