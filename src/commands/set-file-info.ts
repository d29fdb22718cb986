/** MS-FSA 2.1.5.15: setting times, attributes, sizes and the modes of an open. */
import { isSettableTime, TIME_FREEZE, TIME_THAW } from '../dtyp/filetime.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DISK_FULL,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_TEMPORARY,
  FILE_ATTRIBUTE_VALID_SET,
} from '../fscc/attributes.ts';
import {
  FILE_MODE_SETTABLE,
  FileAllocationInformation,
  FileBasicInformation,
  FileEndOfFileInformation,
  FileModeInformation,
  FilePositionInformation,
  FileValidDataLengthInformation,
  MAX_FILE_OFFSET,
} from '../fscc/file-information.ts';
import type { Open } from '../objects/open.ts';
import { isAfpInfo } from '../vfs/apple-streams.ts';
import { EFBIG, EOPNOTSUPP, type Errno, isErrno } from '../vfs/errno.ts';
import type { VfsChanges, VfsHandle } from '../vfs/vfs.ts';
import { archive } from './archive.ts';
import { statusOfErrno } from './errno-status.ts';
import { meetsLock } from './locked.ts';
import { streamRules } from './stream-rules.ts';
import { ALLOCATION, keepUserTimes, type UserTimes } from './user-times.ts';

const statusOf = (result: Errno | 0): NtStatus =>
  isErrno(result) ? statusOfErrno(result) : STATUS_SUCCESS;

const TIMES = ['creationTime', 'lastAccessTime', 'lastWriteTime', 'changeTime'] as const;

/** 2.1.5.15.2: times of 0, -1 and -2 leave the stored time alone, and so does an attribute value of 0. */
export async function setBasic(
  buffer: Buffer,
  open: UserTimes,
  handle: VfsHandle,
): Promise<NtStatus> {
  const info = FileBasicInformation.read(buffer);
  const changes: { -readonly [K in keyof VfsChanges]: VfsChanges[K] } = {};
  for (const time of TIMES) {
    const value = info[time];
    if (value === 0n || value === TIME_FREEZE || value === TIME_THAW) continue;
    if (!isSettableTime(value)) return STATUS_INVALID_PARAMETER;
    changes[time] = value;
  }
  const { fileAttributes } = info;
  if ((fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0 && handle.kind === 'file') {
    return STATUS_INVALID_PARAMETER;
  }
  if ((fileAttributes & FILE_ATTRIBUTE_TEMPORARY) !== 0 && handle.kind === 'directory') {
    return STATUS_INVALID_PARAMETER;
  }
  if (fileAttributes !== 0) changes.attributes = fileAttributes & FILE_ATTRIBUTE_VALID_SET;
  const status = await setChanges(changes, open, handle);
  if (status !== STATUS_SUCCESS) return status;
  const { lastWriteTime, changeTime } = info;
  if (lastWriteTime !== 0n) open.userSetModificationTime = lastWriteTime !== TIME_THAW;
  if (changeTime !== 0n) open.userSetChangeTime = changeTime !== TIME_THAW;
  return STATUS_SUCCESS;
}

async function setChanges(
  changes: VfsChanges,
  { userSetChangeTime }: UserTimes,
  handle: VfsHandle,
): Promise<NtStatus> {
  if (Object.keys(changes).length === 0) return STATUS_SUCCESS;
  const kept = { userSetModificationTime: false, userSetChangeTime };
  if (changes.changeTime !== undefined) kept.userSetChangeTime = false;
  const refused = await keepUserTimes(kept, handle, () => handle.set(changes));
  return refused === EOPNOTSUPP ? setWhatIsKept(changes, handle) : statusOf(refused);
}

/**
 * For a file system that keeps no DOS attributes and no creation time. Copying programs set them together with
 * the times of access and writing, which are what matters to them: those are set, the rest is left as
 * FAT leaves what it has no room for. Asked for without such a time, the refusal is the whole answer.
 */
async function setWhatIsKept(changes: VfsChanges, handle: VfsHandle): Promise<NtStatus> {
  const { creationTime: _creation, attributes: _attributes, ...kept } = changes;
  const { lastAccessTime, lastWriteTime } = kept;
  if (lastAccessTime === undefined && lastWriteTime === undefined) return STATUS_NOT_SUPPORTED;
  return statusOf(await handle.set(kept));
}

/** 2.1.5.15.5; on a directory INVALID_PARAMETER. */
export async function setEndOfFile(
  buffer: Buffer,
  open: Open,
  handle: VfsHandle,
): Promise<NtStatus> {
  const { endOfFile } = FileEndOfFileInformation.read(buffer);
  if (handle.kind !== 'file' || endOfFile > MAX_FILE_OFFSET) return STATUS_INVALID_PARAMETER;
  return resize(open, handle, endOfFile, tooLarge(handle));
}

/** More than the file system lets a file have; of a stream it is the room beside the file that is full. */
const tooLarge = (handle: VfsHandle): NtStatus =>
  handle.base === undefined ? STATUS_INVALID_PARAMETER : STATUS_DISK_FULL;

async function resize(
  open: Open,
  handle: VfsHandle,
  size: number,
  whenTooLarge: NtStatus = STATUS_DISK_FULL,
): Promise<NtStatus> {
  if (size > MAX_FILE_OFFSET) return STATUS_DISK_FULL;
  // As macOS has it: only what is written there, or another disposition, empties AFP_AfpInfo.
  const stream = handle.streamName();
  const isInfo = typeof stream === 'string' && isAfpInfo(stream);
  if (size === 0 && isInfo && streamRules(open.session, open.home) !== 'plain')
    return STATUS_SUCCESS;
  if (open.file!.locks.size > 0) {
    const refused = await refuseLocked(open, handle, size);
    if (refused !== undefined) return refused;
  }
  if (open.archives) await archive(open);
  const result = await keepUserTimes(open, handle, () => handle.truncate(size));
  return result === EFBIG ? whenTooLarge : statusOf(result);
}

/** A new size is a write to what it cuts off or adds, and to nothing beyond: programs lock there. */
async function refuseLocked(
  open: Open,
  handle: VfsHandle,
  size: number,
): Promise<NtStatus | undefined> {
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  const offset = BigInt(Math.min(size, stat.size));
  const range = { offset, length: BigInt(Math.max(size, stat.size)) - offset };
  return meetsLock(open, open, range, true) ? STATUS_FILE_LOCK_CONFLICT : undefined;
}

/** 2.1.5.15.1: an allocation smaller than the file truncates it; any other is a change, but no writing. */
export async function setAllocation(
  buffer: Buffer,
  open: Open,
  handle: VfsHandle,
): Promise<NtStatus> {
  const { allocationSize } = FileAllocationInformation.read(buffer);
  if (handle.kind !== 'file' || allocationSize >= 2 ** 63) return STATUS_INVALID_PARAMETER;
  if (allocationSize > MAX_FILE_OFFSET) return STATUS_DISK_FULL;
  const stat = await handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  if (allocationSize < stat.size) return resize(open, handle, allocationSize);
  const reserved = await keepUserTimes(ALLOCATION, handle, () =>
    allocationSize === 0 ? 0 : handle.allocate(allocationSize),
  );
  // Reserving is a favour: a file system that cannot is none the worse.
  return reserved === EOPNOTSUPP ? STATUS_SUCCESS : statusOf(reserved);
}

/**
 * 2.1.5.15.14: valid data beyond what was written exposes old blocks; it wants a privilege that no
 * user has here. A length within the file changes nothing.
 */
export async function setValidDataLength(buffer: Buffer, handle: VfsHandle): Promise<NtStatus> {
  FileValidDataLengthInformation.read(buffer);
  return handle.kind === 'file' ? STATUS_ACCESS_DENIED : STATUS_INVALID_PARAMETER;
}

/** 2.1.5.15.10; the position is the client's affair, the server only keeps it. */
export function setPosition(buffer: Buffer, open: Open): NtStatus {
  const { currentByteOffset } = FilePositionInformation.read(buffer);
  if (currentByteOffset >= 2 ** 63) return STATUS_INVALID_PARAMETER;
  open.position = currentByteOffset;
  return STATUS_SUCCESS;
}

/** 2.1.5.15.9 */
export function setMode(buffer: Buffer, open: Open): NtStatus {
  const { mode } = FileModeInformation.read(buffer);
  if ((mode & ~FILE_MODE_SETTABLE) !== 0) return STATUS_INVALID_PARAMETER;
  open.mode = (open.mode & ~FILE_MODE_SETTABLE) | mode;
  return STATUS_SUCCESS;
}
