/** Between paths on disk and the places that clients' names make (see host-changes.ts). */

import { clientName } from '../../../fscc/private-names.ts';
import { readlinkat } from '../../../native/names.ts';
import { isErrno } from '../../errno.ts';
import type { LocalShare } from '../share.ts';

/** Where the share's folder is; '' for the root of the host. */
export function locationOf({ procFd, root }: LocalShare): string | undefined {
  const link = readlinkat(procFd, `${root}`);
  if (isErrno(link)) return undefined;
  return link.length === 1 ? '' : link.toString();
}

/** The place of `path`; undefined where it is not below the share's folder. */
export function placeBelow(share: LocalShare, path: string): string | undefined {
  const location = locationOf(share);
  if (location === undefined || !path.startsWith(location)) return undefined;
  if (path.length === location.length) return path;
  if (path[location.length] !== '/') return undefined;
  return location + path.slice(location.length).split('/').map(clientName).join('/');
}

/** The place of the names on disk that lead to it from the share's folder. */
export function placeOf(share: LocalShare, names: readonly string[]): string | undefined {
  const location = locationOf(share);
  if (location === undefined) return undefined;
  return names.reduce((place, name) => `${place}/${clientName(name)}`, location);
}
