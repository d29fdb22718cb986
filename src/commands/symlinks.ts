/**
 * MS-SMB2 2.2.2.2.1 and MS-FSA 2.1.5.10.14: symbolic links on the server's disk. The server follows none: who meets one,
 * on the way or at the end, is told where it leads and goes there himself, by a path of the share.
 */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_IO_REPARSE_TAG_NOT_HANDLED,
  STATUS_PATH_NOT_COVERED,
  STATUS_STOPPED_ON_SYMLINK,
} from '../dtyp/ntstatus.ts';
import { decodeSymbolicLinkReparseData, SYMLINK_FLAG_RELATIVE } from '../fscc/reparse-data.ts';
import { IO_REPARSE_TAG_SYMLINK } from '../fscc/reparse-tags.ts';
import type { Share } from '../objects/share.ts';
import { encodeErrorResponse, encodeSymbolicLinkError, errorWithData } from '../smb2/error.ts';
import { EACCES, EINVAL, ENODATA, ENOPATH, EOPNOTSUPP, type Errno, isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsTree } from '../vfs/vfs.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Outcome, Reply, TreeRequest } from './command.ts';
import type { Wanted } from './create-wanted.ts';
import { dfsTargets } from './dfs.ts';
import { statusOfErrno } from './errno-status.ts';

interface Target {
  readonly substituteName: string;
  readonly printName: string;
  readonly flags: number;
}

/**
 * Where the link at `path` leads, as Windows writes it. An absolute target within the share is told relative to the
 * link; any other stays as it is on the host, where no client of this share gets to. To POSIX opens it is told as
 * POSIX writes it: Linux takes a backslash for itself there.
 */
export async function targetOf(
  handle: VfsHandle,
  path: readonly string[],
  share: Share,
  isPosix: boolean,
): Promise<Target | Errno> {
  if (handle.kind === 'file') return keptTarget(await handle.kept('reparse'));
  const link = await handle.readLink();
  if (typeof link === 'number') return link;
  const text = belowShare(link, path, share.vfs!.location?.()) ?? link;
  const name = isPosix ? text : text.replaceAll('/', '\\');
  const flags = text.startsWith('/') ? 0 : SYMLINK_FLAG_RELATIVE;
  return { substituteName: name, printName: name, flags };
}

/** Of a link that is kept with a file: as its client has written it. */
function keptTarget(reparse: Buffer | Errno): Target | Errno {
  if (typeof reparse === 'number') return reparse;
  try {
    return decodeSymbolicLinkReparseData(reparse);
  } catch (error) {
    if (error instanceof WireError) return EINVAL;
    throw error;
  }
}

/** Whether it is a symbolic link, of the disk or kept with a file. */
async function isLink(handle: VfsHandle): Promise<boolean> {
  if (handle.kind !== 'file') return handle.kind === 'symlink';
  const stat = await handle.stat();
  return !isErrno(stat) && stat.reparse?.tag === IO_REPARSE_TAG_SYMLINK;
}

function belowShare(
  link: string,
  path: readonly string[],
  location: string | undefined,
): string | undefined {
  if (location === undefined || !`${link}/`.startsWith(`${location}/`)) return undefined;
  const up = '../'.repeat(path.length - 1);
  const below = link.slice(location.length).replace(/^\/+/, '');
  return `${up}${below}` === '' ? '.' : `${up}${below}`;
}

/** What of the name stands behind so many components, the backslash first. */
function unparsedBytes(name: string, components: number): number {
  let end = name.startsWith('\\') ? 1 : 0;
  for (let i = 0; i < components; i++) {
    const next = name.indexOf('\\', end);
    if (next < 0) return 0;
    end = i === components - 1 ? next : next + 1;
  }
  return 2 * (name.length - end);
}

/** The answer to a CREATE that meets the link, which is the component before `components`. */
export async function stoppedOn(
  handle: VfsHandle,
  { name, path, posix }: Wanted,
  components: number,
  { connection, tree }: TreeRequest,
): Promise<Reply | NtStatus> {
  if (tree.share.dfs !== undefined && (await dfsTargets(handle)) !== undefined) {
    return STATUS_PATH_NOT_COVERED;
  }
  const isPosix = posix !== undefined;
  const target = await targetOf(handle, path.slice(0, components), tree.share, isPosix);
  if (typeof target === 'number') return STATUS_ACCESS_DENIED;
  const unparsedPathLength = unparsedBytes(name, components);
  const data = encodeSymbolicLinkError({ ...target, unparsedPathLength });
  const error = errorWithData(data, connection.dialect!.preauthIntegrity);
  return { status: STATUS_STOPPED_ON_SYMLINK, body: encodeErrorResponse(error) };
}

/** It has none, can have none, or nobody who may know has asked. */
const WITHOUT: ReadonlySet<Errno> = new Set([ENODATA, EOPNOTSUPP, EACCES]);

/** What has a reparse point leads where no client of this server gets to, so nothing is in it. */
export async function refuseInside(directory: VfsHandle): Promise<NtStatus | undefined> {
  const reparse = await directory.kept('reparse');
  if (!isErrno(reparse)) return STATUS_IO_REPARSE_TAG_NOT_HANDLED;
  return WITHOUT.has(reparse) ? undefined : statusOfErrno(reparse);
}

/**
 * A directory on the way is missing, or is a link: the longest part of the path that leads somewhere tells. One
 * look as a rule, since most directories that are asked for in vain are missing by themselves.
 */
export async function stoppedOnTheWay(
  wanted: Wanted,
  request: TreeRequest,
  files: VfsTree,
): Promise<Outcome | Errno> {
  for (let components = wanted.path.length - 1; components > 0; components--) {
    const handle = await files.lookup(wanted.path.slice(0, components));
    if (handle === ENOPATH) continue;
    if (isErrno(handle)) return ENOPATH;
    const answer = (await isLink(handle))
      ? await stoppedOn(handle, wanted, components, request)
      : ((await refuseInside(handle)) ?? ENOPATH);
    handle.close();
    return answer;
  }
  return ENOPATH;
}
