/**
 * MS-SMB2 3.3.5.9.4 and 3.3.5.15.1: previous versions. A CREATE asks for one by a TWrp context, or by an @GMT token
 * among the components of its name (MS-SMB 2.2.1.1.1), as at SMB1.
 *
 * What a name says stands before what it may mean: where a folder of snapshots lies in the share itself, its
 * folders can be opened by their names.
 */
import type { FileTime } from '../dtyp/filetime.ts';
import {
  type NtStatus,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_NOT_SAME_DEVICE,
} from '../dtyp/ntstatus.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import type { Open } from '../objects/open.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { decodeTimewarpToken } from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { FILE_DELETE_ON_CLOSE } from '../smb2/create-options.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import { encodeSnapshotArray, MIN_SNAPSHOT_ARRAY_BYTES, timeOfToken } from '../smb2/snapshots.ts';
import { ENOENT, isErrno } from '../vfs/errno.ts';
import type { VfsTree } from '../vfs/vfs.ts';
import type { Outcome } from './command.ts';
import { createsIfMissing, overwrites, type Wanted } from './create-wanted.ts';
import { statusOfErrno } from './errno-status.ts';
import { respond } from './ioctl-reply.ts';

/** The same CREATE in the tree of the previous version that it asks for, to be closed; undefined: in that of today. */
export function asOfThen(
  wanted: Wanted,
  { files }: TreeConnect,
): Promise<Wanted | NtStatus> | undefined {
  const context = findCreateContext(wanted.createContexts, CreateContextName.TIMEWARP_TOKEN);
  if (context !== undefined) return viewed(wanted, files!, decodeTimewarpToken(context));
  const index = wanted.path.findIndex((name) => name.startsWith('@'));
  return index < 0 ? undefined : byToken(wanted, files!, index);
}

async function byToken(wanted: Wanted, files: VfsTree, from: number): Promise<Wanted | NtStatus> {
  const { path } = wanted;
  const index = path.findIndex((name, i) => i >= from && timeOfToken(name) !== undefined);
  if (index < 0) return wanted;
  // With nothing to go back to it is a name like others, for who makes one.
  const isLast = index === path.length - 1;
  if (files.previous === undefined && isLast && createsIfMissing(wanted)) return wanted;
  const literal = await files.lookup(path.slice(0, index + 1));
  if (!isErrno(literal)) {
    literal.close();
    return wanted;
  }
  const without = {
    ...wanted,
    path: path.toSpliced(index, 1),
    name: path.toSpliced(index, 1).join('\\'),
  };
  return viewed(without, files, timeOfToken(path[index]!)!);
}

/** "If it does not, the server MUST fail the request with STATUS_OBJECT_NAME_NOT_FOUND." */
async function viewed(wanted: Wanted, files: VfsTree, time: FileTime): Promise<Wanted | NtStatus> {
  const then = (await files.previous?.at(time)) ?? ENOENT;
  return isErrno(then) ? statusOfErrno(then) : { ...wanted, then };
}

/** Whether the CREATE would change the previous version, where it finds its file. */
export const changesThePast = (wanted: Wanted): boolean =>
  wanted.then !== undefined &&
  (overwrites(wanted) || (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0);

/** What SET_INFO of a file class is refused with; undefined for what is the open's own. */
export function refusePast(open: Open, fileInfoClass: number): NtStatus | undefined {
  if (open.handle?.snapshot === undefined) return undefined;
  switch (fileInfoClass) {
    case Class.FilePositionInformation:
    case Class.FileModeInformation:
      return undefined;
    case Class.FileRenameInformation:
    case Class.FileRenameInformationEx:
    case Class.FileLinkInformation:
    case Class.FileLinkInformationEx:
      return STATUS_NOT_SAME_DEVICE;
    default:
      return STATUS_MEDIA_WRITE_PROTECTED;
  }
}

export async function enumerateSnapshots(
  body: IoctlRequest,
  open: Open,
  tree: TreeConnect,
): Promise<Outcome> {
  const { files } = tree;
  if (open.handle === undefined || files?.previous === undefined) {
    return STATUS_INVALID_DEVICE_REQUEST;
  }
  if (body.maxOutputResponse < MIN_SNAPSHOT_ARRAY_BYTES) return STATUS_INVALID_PARAMETER;
  const times = await files.previous.times();
  if (isErrno(times)) return statusOfErrno(times);
  return respond(body, open, encodeSnapshotArray(times, body.maxOutputResponse));
}
