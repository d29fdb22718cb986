/**
 * The CIFS Unix extensions, beside MS-CIFS 3.3.5.58: what they tell of files, of file systems, and of who is asking.
 * The stat of a file is told as it is; a special file that a client has made is what it stands for.
 */
import type { OpenRequest } from '../commands/command.ts';
import { modeOf } from '../commands/directory-entry.ts';
import { plainTeller, type Teller } from '../commands/directory-scan.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { targetOf } from '../commands/symlinks.ts';
import {
  type NtStatus,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
} from '../dtyp/ntstatus.ts';
import type { DirectoryEntry } from '../fscc/directory-information.ts';
import { linkTargetOfReparse, nfsDeviceOf } from '../fscc/special-files.ts';
import type { Open } from '../objects/open.ts';
import type { Share } from '../objects/share.ts';
import { encodeTerminated } from '../smb1/strings.ts';
import {
  CIFS_UNIX_FCNTL_LOCKS_CAP,
  CIFS_UNIX_POSIX_ACLS_CAP,
  CIFS_UNIX_POSIX_PATH_OPERATIONS_CAP,
  CIFS_UNIX_POSIX_PATHNAMES_CAP,
  CifsUnixInfo,
  encodeWhoAmI,
  UnixBasic,
  UnixInfo2,
  UnixLevel,
  unixType,
} from '../smb1/unix.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsStat } from '../vfs/vfs.ts';
import type { TreeCall } from './call.ts';
import { queryPosixAcls } from './posix-acls.ts';

/** Whether this server speaks them with this client about this share. */
export const speaksUnix = ({ request }: TreeCall): boolean => request.tree.posixFiles !== undefined;

/**
 * Extended attributes are those of MS-CIFS; there is no encryption at SMB1.
 * With larger reads and writes than MS-SMB has them smbclient's `put` breaks off (INVALID_PARAMETER_MIX).
 */
const CAPABILITIES =
  CIFS_UNIX_FCNTL_LOCKS_CAP |
  CIFS_UNIX_POSIX_ACLS_CAP |
  CIFS_UNIX_POSIX_PATHNAMES_CAP |
  CIFS_UNIX_POSIX_PATH_OPERATIONS_CAP;
const VERSION = { majorVersion: 1, minorVersion: 0 };

export const cifsUnixInfo = (): Buffer =>
  CifsUnixInfo.encode({ ...VERSION, capabilities: BigInt(CAPABILITIES) });

/** SMB_SET_CIFS_UNIX_INFO: of what the client will use, names and operations matter here. */
export function setCifsUnixInfo(call: TreeCall, data: Buffer): NtStatus {
  const { majorVersion, capabilities } = CifsUnixInfo.read(data);
  if (majorVersion !== VERSION.majorVersion) return STATUS_INVALID_PARAMETER;
  call.link.posixNames = (capabilities & BigInt(CIFS_UNIX_POSIX_PATHNAMES_CAP)) !== 0n;
  // Linux opens and deletes by path, and says PATHNAMES alone (its CIFS_UNIX_CAP_MASK).
  call.link.speaksUnix = true;
  return 0;
}

export function whoAmI({ request }: TreeCall, limit: number): Buffer {
  const { tree, session } = request;
  const identity = tree.identity ?? {
    uid: process.geteuid!(),
    gid: process.getegid!(),
    groups: process.getgroups!(),
  };
  const isGuest = session.account?.kind !== 'user';
  return encodeWhoAmI({ ...identity, isGuest, sids: tree.token.sids }, limit);
}

interface Device {
  readonly major: number;
  readonly minor: number;
}

export function unixInformation(stat: VfsStat, device?: Device): UnixInfo2 {
  const mode = modeOf(stat);
  return {
    endOfFile: BigInt(stat.size),
    numBytes: BigInt(stat.allocationSize),
    changeTime: stat.changeTime,
    lastAccessTime: stat.lastAccessTime,
    lastWriteTime: stat.lastWriteTime,
    uid: BigInt(stat.uid),
    gid: BigInt(stat.gid),
    type: unixType(mode),
    deviceMajor: BigInt(device?.major ?? 0),
    deviceMinor: BigInt(device?.minor ?? 0),
    uniqueId: stat.fileId,
    permissions: BigInt(mode & 0o7777),
    linkCount: BigInt(stat.linkCount),
    creationTime: stat.creationTime,
    // Flags as chflags(2) has them are known to none of the file systems here.
    fileFlags: 0,
    flagsMask: 0,
  };
}

async function deviceOf(handle: VfsHandle, stat: VfsStat): Promise<Device | undefined> {
  if (stat.reparse === undefined) return undefined;
  const reparse = await handle.kept('reparse');
  return isErrno(reparse) ? undefined : nfsDeviceOf(reparse);
}

/** UNIX_BASIC, INFO2 and LINK of an open. */
export async function queryUnix(
  call: TreeCall,
  request: OpenRequest,
  level: number,
): Promise<Buffer | NtStatus> {
  const { open, tree } = request;
  const { handle } = open;
  if (handle === undefined) return STATUS_INVALID_HANDLE;
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  if (level === UnixLevel.ACL) return queryPosixAcls(request);
  if (level === UnixLevel.LINK) {
    const target = await linkOf(handle, stat, tree.share);
    return typeof target === 'number' ? target : encodeTerminated(target, call.unicode);
  }
  const information = unixInformation(stat, await deviceOf(handle, stat));
  return level === UnixLevel.INFO2 ? UnixInfo2.encode(information) : UnixBasic.encode(information);
}

async function linkOf(handle: VfsHandle, stat: VfsStat, share: Share): Promise<string | NtStatus> {
  if (handle.kind === 'symlink') {
    const path = handle.path();
    const target = isErrno(path) ? path : await targetOf(handle, path, share, true);
    return isErrno(target) ? statusOfErrno(target) : target.substituteName;
  }
  if (stat.reparse === undefined) return STATUS_INVALID_PARAMETER;
  const whole = await handle.kept('reparse');
  if (isErrno(whole)) return statusOfErrno(whole);
  return (
    linkTargetOfReparse(stat.reparse.tag, whole, whole.subarray(8)) ?? STATUS_INVALID_PARAMETER
  );
}

export interface UnixEntry extends DirectoryEntry {
  readonly unix: UnixInfo2;
}

/** Of a listing. Who wants to know which device it is asks the file. */
export function unixTeller(open: Open): Teller<UnixEntry> {
  const plain = plainTeller(open);
  return async (name, stat) => ({ ...(await plain(name, stat)), unix: unixInformation(stat) });
}
