/**
 * The SMB3 POSIX extensions, beside MS-SMB2 3.3.5.9: what an open made with their CREATE context is, and
 * the information of level 100. For such an open names are exact (posix-names.ts), the mode decides in
 * place of FILE_ATTRIBUTE_READONLY, and a new object gets the mode that the client asks for.
 */
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../dtyp/ntstatus.ts';
import { NULL_SID, unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import {
  type FilePosixInformation,
  type PosixDirectoryEntry,
  type PosixOwnership,
  wantedMode,
  wireMode,
} from '../fscc/posix-information.ts';
import type { Open } from '../objects/open.ts';
import type { Share } from '../objects/share.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { decodePosixCreateRequest } from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsStat, VfsTree } from '../vfs/vfs.ts';
import { modeOf, reparseTagOf, withTag } from './directory-entry.ts';
import type { Teller } from './directory-scan.ts';
import { shownAttributes } from './shown-attributes.ts';

/** What the CREATE context asks for. */
export interface PosixWish {
  /** Permission bits for a new object; undefined: the share's. */
  readonly mode: number | undefined;
  /** The share's files by exact names. */
  readonly files: VfsTree;
}

const MODE_BYTES = 4;

/** Undefined where the context is not there, or not agreed upon. */
export function posixWish(
  { createContexts }: CreateRequest,
  { posixFiles }: TreeConnect,
): PosixWish | undefined | NtStatus {
  if (posixFiles === undefined) return undefined;
  const data = findCreateContext(createContexts, CreateContextName.POSIX);
  if (data === undefined) return undefined;
  if (data.length !== MODE_BYTES) return STATUS_INVALID_PARAMETER;
  return { mode: wantedMode(decodePosixCreateRequest(data)), files: posixFiles };
}

/** The files as this open names them; of one that was reclaimed, as far as its new tree connect can. */
export const filesOf = (open: Open, tree: TreeConnect): VfsTree =>
  open.handle?.snapshot?.tree ?? (open.isPosix ? tree.posixFiles : undefined) ?? tree.files!;

/** Owners are told as Unix SIDs: the client wants numbers of them. */
export const posixOwnership = (stat: VfsStat): PosixOwnership => ({
  linkCount: stat.linkCount,
  reparseTag: reparseTagOf(stat),
  mode: wireMode(modeOf(stat)),
  owner: unixUserSid(stat.uid),
  group: unixGroupSid(stat.gid),
});

const U32 = 2 ** 32;

export function posixInformation(
  share: Share,
  stat: VfsStat,
  path: Parameters<typeof shownAttributes>[2],
): FilePosixInformation {
  const shown = shownAttributes(share, stat, path);
  const ownership = posixOwnership(stat);
  return {
    creationTime: stat.creationTime,
    lastAccessTime: stat.lastAccessTime,
    lastWriteTime: stat.lastWriteTime,
    changeTime: stat.changeTime,
    endOfFile: stat.size,
    allocationSize: stat.allocationSize,
    fileAttributes: withTag(shown, ownership.reparseTag),
    inode: stat.fileId,
    deviceId: stat.volumeId % U32,
    ...ownership,
  };
}

/** Makes entries of a listing. */
export function posixTeller(open: Open): Teller<PosixDirectoryEntry> {
  const path = open.handle!.path();
  const isRoot = !isErrno(path) && path.length === 0;
  return (name, stat) => {
    const information = posixInformation(open.home, stat, isDot(name) ? '' : name);
    return { name, ...(isRoot && name === '..' ? aboveTheRoot(information) : information) };
  };
}

const isDot = (name: string): boolean => name === '.' || name === '..';

/** `..` of the share's root is not shown: nobody's, and nowhere. */
const aboveTheRoot = (information: FilePosixInformation): FilePosixInformation => ({
  ...information,
  inode: 0n,
  deviceId: 0,
  owner: NULL_SID,
  group: NULL_SID,
});
