/**
 * The CIFS Unix extensions, beside MS-CIFS 3.3.5.58.6 and 3.3.5.58.8: chmod, chown and utime; links, and special files
 * as reparse points; open, mkdir and unlink by path. The kernel says who may, by the user's own identity.
 */
import type { OpenRequest } from '../commands/command.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { setReparsePoint } from '../commands/reparse-points.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileEndOfFileInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { PosixFileType } from '../fscc/posix-information.ts';
import { FileDispositionInformation } from '../fscc/rename-information.ts';
import { encodeNfsReparseData } from '../fscc/special-files.ts';
import { OplockLevel } from '../smb1/open.ts';
import { decodeText, untilNul } from '../smb1/strings.ts';
import {
  decodeUnixBasic,
  decodeUnixInfo2,
  decodeUnlink,
  NO_CHANGE,
  NO_LEVEL,
  NO_TYPE,
  PosixOpen,
  PosixOpened,
  SMB_O_CREAT,
  SMB_O_DIRECTORY,
  SMB_O_EXCL,
  SMB_O_RDONLY,
  SMB_O_RDWR,
  SMB_O_SYNC,
  SMB_O_TRUNC,
  SMB_O_WRONLY,
  type UnixBasic,
  type UnixInfo2,
  UnixLevel,
} from '../smb1/unix.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPEN_REPARSE_POINT,
  FILE_WRITE_THROUGH,
} from '../smb2/create-options.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { SMB2_0_IOCTL_IS_FSCTL } from '../smb2/ioctl.ts';
import { isErrno } from '../vfs/errno.ts';
import type { MaybePromise, TreeCall } from './call.ts';
import { OPLOCK_LEVELS, wantedOplock } from './files.ts';
import { openFile, openRequest, SHARE_ALL, type Wish, withOpen } from './opening.ts';
import { refusePath, sharePath } from './paths.ts';
import { setPosixAcls } from './posix-acls.ts';
import { setInformation, statusOf } from './queries.ts';
import { setName } from './renaming.ts';
import { setTimes } from './times.ts';
import { queryUnix } from './unix-queries.ts';

const NOTHING = Buffer.alloc(0);
const PERMISSION_BITS = 0o7777n;
/** SMB_LARGEST id of Linux: what is above is none. */
const MAX_ID = 0xffff_fffen;

/** Levels that TRANS2_SET_PATH_INFORMATION has of the extensions: data of the answer, or why not. */
export async function setUnixPath(
  call: TreeCall,
  name: string,
  level: number,
  data: Buffer,
): Promise<Buffer | NtStatus> {
  switch (level) {
    case UnixLevel.LINK: {
      const target = untilNul(decodeText(data, call.unicode));
      if (target === '') return STATUS_INVALID_PARAMETER;
      return done(await makeSpecial(call, name, encodeNfsReparseData(S_IFLNK, { target })));
    }
    case UnixLevel.HARD_LINK:
      return done(await hardLink(call, name, untilNul(decodeText(data, call.unicode))));
    case UnixLevel.OPEN:
      return posixOpen(call, name, data);
    case UnixLevel.ACL:
      return done(await withOpen(call, { name }, (request) => setPosixAcls(request, data)));
    case UnixLevel.UNLINK:
      return done(await unlink(call, name, decodeUnlink(data)));
    default:
      return done(await setBasic(call, name, decodedBasic(level, data)));
  }
}

const done = (status: NtStatus): Buffer | NtStatus =>
  status === STATUS_SUCCESS ? NOTHING : status;

const decodedBasic = (level: number, data: Buffer): UnixBasic | UnixInfo2 =>
  level === UnixLevel.INFO2 ? decodeUnixInfo2(data) : decodeUnixBasic(data);

async function setBasic(call: TreeCall, name: string, wanted: UnixBasic): Promise<NtStatus> {
  const access = FILE_READ_ATTRIBUTES | rightsFor(wanted);
  const status = await withOpen(call, { name, access }, (request) => setOn(request, wanted));
  if (status !== STATUS_OBJECT_NAME_NOT_FOUND || wanted.type === NO_TYPE) return status;
  return makeNode(call, name, wanted);
}

/** SET_FILE_INFORMATION's: BASIC, INFO2 and ACL of an open file. */
export const setUnixFile = (
  request: OpenRequest,
  level: number,
  data: Buffer,
): Promise<NtStatus> =>
  level === UnixLevel.ACL ? setPosixAcls(request, data) : setOn(request, decodedBasic(level, data));

const isSet = (time: bigint): boolean => time !== 0n && time !== NO_CHANGE;

/** Mode, owner and times are asked of the kernel alone: an owner changes them also of what may not be written. */
const rightsFor = ({ endOfFile }: UnixBasic): number =>
  endOfFile === NO_CHANGE ? 0 : FILE_WRITE_DATA;

async function setOn(request: OpenRequest, wanted: UnixBasic | UnixInfo2): Promise<NtStatus> {
  const { handle } = request.open;
  if (handle === undefined) return STATUS_INVALID_PARAMETER;
  if (request.tree.readOnly) return STATUS_ACCESS_DENIED;
  // No flag is known here that could be set.
  if ('flagsMask' in wanted && (wanted.flagsMask & wanted.fileFlags) !== 0) {
    return STATUS_INVALID_PARAMETER;
  }
  if (wanted.endOfFile !== NO_CHANGE) {
    const size = FileEndOfFileInformation.encode({ endOfFile: Number(wanted.endOfFile) });
    const status = await setInformation(request, Class.FileEndOfFileInformation, size);
    if (status !== STATUS_SUCCESS) return status;
  }
  const { permissions, uid, gid, lastAccessTime, lastWriteTime } = wanted;
  const changes = {
    ...(permissions !== NO_CHANGE && { mode: Number(permissions & PERMISSION_BITS) }),
    ...(uid <= MAX_ID && { uid: Number(uid) }),
    ...(gid <= MAX_ID && { gid: Number(gid) }),
  };
  if (Object.keys(changes).length > 0) {
    const set = await handle.set(changes);
    if (isErrno(set)) return statusOfErrno(set);
  }
  if (!isSet(lastAccessTime) && !isSet(lastWriteTime)) return STATUS_SUCCESS;
  return setTimes(request, {
    ...(isSet(lastAccessTime) && { lastAccessTime }),
    ...(isSet(lastWriteTime) && { lastWriteTime }),
  });
}

const S_IFLNK = 0o120000;
const NODES: ReadonlyMap<number, number> = new Map([
  [PosixFileType.CHARACTER_DEVICE, 0o020000],
  [PosixFileType.BLOCK_DEVICE, 0o060000],
  [PosixFileType.FIFO, 0o010000],
  [PosixFileType.SOCKET, 0o140000],
]);

/** mknod(2): nobody's device but the clients'. */
async function makeNode(call: TreeCall, name: string, wanted: UnixBasic): Promise<NtStatus> {
  const mode =
    wanted.permissions === NO_CHANGE ? {} : { mode: Number(wanted.permissions & PERMISSION_BITS) };
  if (wanted.type === PosixFileType.FILE || wanted.type === PosixFileType.DIRECTORY) {
    const isFile = wanted.type === PosixFileType.FILE;
    const options = isFile ? FILE_NON_DIRECTORY_FILE : FILE_DIRECTORY_FILE;
    return withOpen(call, { name, disposition: FILE_CREATE, options, ...mode }, () => 0);
  }
  const type = NODES.get(wanted.type);
  if (type === undefined) return STATUS_INVALID_PARAMETER;
  const isDevice = type === 0o020000 || type === 0o060000;
  const device = {
    major: Number(BigInt.asUintN(32, wanted.deviceMajor)),
    minor: Number(BigInt.asUintN(32, wanted.deviceMinor)),
  };
  return makeSpecial(call, name, encodeNfsReparseData(type, isDevice ? { device } : {}), mode);
}

const DISPOSED = FileDispositionInformation.encode({ deletePending: true });

/** A file with this reparse point; a link that stays in the share is one on the disk. */
function makeSpecial(
  call: TreeCall,
  name: string,
  input: Buffer,
  mode: Pick<Wish, 'mode'> = {},
): MaybePromise<NtStatus> {
  const wish = {
    name,
    access: DELETE | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES | FILE_READ_ATTRIBUTES,
    disposition: FILE_CREATE,
    options: FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT,
    ...mode,
  };
  return withOpen(call, wish, async (request) => {
    const body = {
      persistentId: 0,
      volatileId: 0,
      ctlCode: Fsctl.FSCTL_SET_REPARSE_POINT,
      maxInputResponse: 0,
      maxOutputResponse: 0,
      flags: SMB2_0_IOCTL_IS_FSCTL,
      input,
      output: NOTHING,
    };
    const status = statusOf(await setReparsePoint(body, request, request.open));
    if (status !== STATUS_SUCCESS) {
      await setInformation(request, Class.FileDispositionInformation, DISPOSED);
    }
    return status;
  });
}

/** The path is the new name, the data have the old one. */
async function hardLink(call: TreeCall, newName: string, oldText: string): Promise<NtStatus> {
  const name = sharePath(call, oldText);
  const refused = refusePath(name);
  if (refused !== undefined) return refused;
  const access = FILE_WRITE_ATTRIBUTES | FILE_READ_ATTRIBUTES;
  return withOpen(call, { name, access }, (request) =>
    setName(request, newName, false, Class.FileLinkInformation),
  );
}

function unlink(call: TreeCall, name: string, directory: boolean): MaybePromise<NtStatus> {
  const options = directory
    ? FILE_DIRECTORY_FILE
    : FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT;
  return withOpen(call, { name, access: DELETE | FILE_READ_ATTRIBUTES, options }, (request) =>
    setInformation(request, Class.FileDispositionInformation, DISPOSED),
  );
}

const hasAny = (flags: number, wanted: number): boolean => (flags & wanted) !== 0;

function dispositionOf(flags: number): number {
  if (!hasAny(flags, SMB_O_CREAT)) return FILE_OPEN;
  return hasAny(flags, SMB_O_EXCL | SMB_O_DIRECTORY) ? FILE_CREATE : FILE_OPEN_IF;
}

function accessOf(flags: number): number {
  const writes = hasAny(flags, SMB_O_WRONLY | SMB_O_RDWR | SMB_O_TRUNC);
  const reads = hasAny(flags, SMB_O_RDONLY | SMB_O_RDWR) || !writes;
  return FILE_READ_ATTRIBUTES | (reads ? FILE_GENERIC_READ : 0) | (writes ? FILE_GENERIC_WRITE : 0);
}

/** The answer's FID where there is none: a directory that was made. */
const NO_FID = 0xffff;

async function posixOpen(call: TreeCall, name: string, data: Buffer): Promise<Buffer | NtStatus> {
  const { openFlags, posixOpenFlags: flags, permissions, level } = PosixOpen.read(data);
  const isDirectory = hasAny(flags, SMB_O_DIRECTORY);
  const wish: Wish = {
    name,
    access: isDirectory ? FILE_READ_ATTRIBUTES : accessOf(flags),
    share: SHARE_ALL,
    disposition: dispositionOf(flags),
    options:
      (isDirectory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE) |
      (hasAny(flags, SMB_O_SYNC) ? FILE_WRITE_THROUGH : 0),
    attributes: 0,
    oplockLevel: isDirectory ? 0 : wantedOplock(openFlags),
    ...(permissions !== NO_CHANGE && { mode: Number(permissions & PERMISSION_BITS) }),
  };
  if (isDirectory) {
    return withOpen(call, wish, (request, { response }) =>
      opened(call, request, level, { ...response, fid: NO_FID, oplock: 0 }),
    );
  }
  const made = await openFile(wish, call);
  if (typeof made === 'number') return made;
  const { file, made: result } = made;
  const request = openRequest(call);
  if (hasAny(flags, SMB_O_TRUNC)) {
    const size = FileEndOfFileInformation.encode({ endOfFile: 0 });
    await setInformation(request, Class.FileEndOfFileInformation, size);
  }
  const oplock = OPLOCK_LEVELS[result.response.oplockLevel] ?? OplockLevel.NONE;
  result.onSent?.();
  return opened(call, request, level, { ...result.response, fid: file.fid, oplock });
}

async function opened(
  call: TreeCall,
  request: OpenRequest,
  level: number,
  { fid, oplock, createAction }: { fid: number; oplock: number; createAction: number },
): Promise<Buffer | NtStatus> {
  const tells = level === UnixLevel.BASIC || level === UnixLevel.INFO2;
  const information = tells ? await queryUnix(call, request, level) : NOTHING;
  if (typeof information === 'number') return information;
  const returnedLevel = tells ? level : NO_LEVEL;
  const head = PosixOpened.encode({ oplockFlags: oplock, fid, createAction, returnedLevel });
  return Buffer.concat([head, information]);
}
