/**
 * MS-SMB2 2.2.2.2.1 done by the server, smb.conf `follow symlinks`: it goes where a symbolic link leads, so that clients
 * need not, which Windows by itself does not on a share (SymlinkEvaluation, R2R). It reads the link and looks for the path
 * that it makes, each time through no link at all, as it looks for every other: so a link leads nowhere that its client
 * could not have named, and whoever changes one meanwhile gains nothing. One that leads out of the share is its client's,
 * as without this.
 *
 * The link itself is meant by who opens it as such (FILE_OPEN_REPARSE_POINT, as Windows does to delete or rename), or for
 * nothing but its deletion or its name, by who makes a file that must not be there yet, and by POSIX opens.
 */
import { DELETE, FILE_READ_ATTRIBUTES, READ_CONTROL, SYNCHRONIZE } from '../dtyp/access-mask.ts';
import { clientName } from '../fscc/private-names.ts';
import { SYMLINK_FLAG_RELATIVE } from '../fscc/reparse-data.ts';
import type { Share } from '../objects/share.ts';
import { vetoed } from '../objects/visibility.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN_REPARSE_POINT,
} from '../smb2/create-options.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsTree } from '../vfs/vfs.ts';
import type { Wanted } from './create-wanted.ts';
import { dfsTargets } from './dfs.ts';
import { targetOf } from './symlinks.ts';

/** As Linux has it (path_resolution(7)). */
export const MAX_LINKS = 40;

/** Of a path that a link makes: each is looked for, and others wait meanwhile. */
const MAX_COMPONENTS = 255;
/** Of one link whose target goes up from names, which nobody writes by hand: each time what is there is looked for. */
const MAX_LOOKUPS = 16;
/** A listing looks through so many for each link in it. */
const MAX_LISTED_LINKS = 4;

/** Rights by which nobody sees what is in a file. */
const OF_NAMES = DELETE | FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE;

/** Whether the server goes through links for this open, before its last component at least. */
export const follows = ({ posix, then }: Wanted, { followsLinks }: Share): boolean =>
  followsLinks === true && posix === undefined && then === undefined;

/** Whether the link that is the last component is meant. */
export function meansLink({ access, maximum, createOptions, createDisposition }: Wanted): boolean {
  if ((createOptions & (FILE_OPEN_REPARSE_POINT | FILE_DELETE_ON_CLOSE)) !== 0) return true;
  if (createDisposition === FILE_CREATE) return true;
  return (access & DELETE) !== 0 && (access & ~OF_NAMES) === 0 && !maximum;
}

/**
 * The path that the link at `path` makes; undefined: it leads out of the share, or is one of a namespace's, or goes up
 * from what is no directory of the share, or is one by way of another link.
 */
export async function linkedPath(
  handle: VfsHandle,
  path: readonly string[],
  files: VfsTree,
  share: Share,
): Promise<readonly string[] | undefined> {
  if (share.dfs !== undefined && (await dfsTargets(handle)) !== undefined) return undefined;
  const target = await targetOf(handle, path, share, true);
  if (typeof target === 'number' || (target.flags & SYMLINK_FLAG_RELATIVE) === 0) return undefined;
  const made = path.slice(0, -1);
  let isNamed = false;
  let lookups = 0;
  for (const name of target.substituteName.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (made.length === 0) return undefined;
      // What is above a link is above where it leads: of a directory alone the text tells.
      if (isNamed && (lookups++ === MAX_LOOKUPS || !(await isDirectory(made, files, share)))) {
        return undefined;
      }
      made.pop();
    } else {
      made.push(clientName(name));
      isNamed = true;
    }
  }
  return made.length > MAX_COMPONENTS ? undefined : made;
}

/** Looked for as every path is, through no link. */
async function isDirectory(
  path: readonly string[],
  files: VfsTree,
  { visibility }: Share,
): Promise<boolean> {
  if (path.length > MAX_COMPONENTS || vetoed(visibility, path) !== undefined) return false;
  const handle = await files.lookup(path);
  if (isErrno(handle)) return false;
  handle.close();
  return handle.kind === 'directory';
}

/** Of a path that a link is on: what that makes of it; undefined where there is none to be followed. */
export async function pathThroughLink(
  path: readonly string[],
  files: VfsTree,
  share: Share,
): Promise<readonly string[] | undefined> {
  for (let components = path.length - 1; components > 0; components--) {
    const handle = await files.lookup(path.slice(0, components));
    // A link, or none, is before.
    if (isErrno(handle)) continue;
    try {
      if (handle.kind !== 'symlink') return undefined;
      const made = await linkedPath(handle, path.slice(0, components), files, share);
      return made && [...made, ...path.slice(components)];
    } finally {
      handle.close();
    }
  }
  return undefined;
}

/** What the links of a path to a directory make of it; the same where there are none. */
export async function directoryThroughLinks(
  path: readonly string[],
  files: VfsTree,
  share: Share,
  most = MAX_LINKS,
): Promise<readonly string[]> {
  let at = path;
  for (let links = 0; links < most && at.length > 0; links++) {
    // As if something were in it: its own last component may be one.
    const next = await pathThroughLink([...at, ''], files, share);
    if (next === undefined) break;
    at = next.slice(0, -1);
  }
  return at;
}

/** Whether the link at `path` leads to a directory of the share, by a few others at most. */
export async function leadsToDirectory(
  handle: VfsHandle,
  path: readonly string[],
  files: VfsTree,
  share: Share,
): Promise<boolean> {
  const first = await linkedPath(handle, path, files, share);
  if (first === undefined) return false;
  const end = await files.lookup(
    await directoryThroughLinks(first, files, share, MAX_LISTED_LINKS),
  );
  if (isErrno(end)) return false;
  end.close();
  return end.kind === 'directory';
}
