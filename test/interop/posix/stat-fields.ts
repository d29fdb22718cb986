/** What pjdfstest's `stat` prints of level 100. */
import { toUnix } from '../../../src/dtyp/filetime.ts';
import { gidOf, uidOf } from '../../../src/dtyp/sid.ts';
import { FILE_ATTRIBUTE_DIRECTORY } from '../../../src/fscc/attributes.ts';
import { type FilePosixInformation, PosixFileType } from '../../../src/fscc/posix-information.ts';

const TYPES = new Map<number, string>([
  [PosixFileType.SYMLINK, 'symlink'],
  [PosixFileType.CHARACTER_DEVICE, 'char'],
  [PosixFileType.BLOCK_DEVICE, 'block'],
  [PosixFileType.FIFO, 'fifo'],
  [PosixFileType.SOCKET, 'socket'],
]);

export function typeOf({ mode, fileAttributes }: FilePosixInformation): string {
  const special = TYPES.get(mode >> 12);
  return special ?? ((fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0 ? 'dir' : 'regular');
}

/** `type,mode,nlink`. */
export function show(
  info: FilePosixInformation,
  what: string,
  device: readonly [major: number, minor: number] = [0, 0],
): string {
  const seconds = (time: bigint) => String(toUnix(time).seconds);
  const nanoseconds = (time: bigint) => String(toUnix(time).nanoseconds);
  const fields: Record<string, () => string> = {
    type: () => typeOf(info),
    mode: () => `0${(info.mode & 0o7777).toString(8)}`,
    inode: () => String(info.inode),
    nlink: () => String(info.linkCount),
    uid: () => String(uidOf(info.owner)),
    gid: () => String(gidOf(info.group)),
    size: () => String(info.endOfFile),
    blocks: () => String(Number(info.allocationSize) / 512),
    major: () => String(device[0]),
    minor: () => String(device[1]),
    atime: () => seconds(info.lastAccessTime),
    mtime: () => seconds(info.lastWriteTime),
    ctime: () => seconds(info.changeTime),
    atime_ns: () => nanoseconds(info.lastAccessTime),
    mtime_ns: () => nanoseconds(info.lastWriteTime),
    ctime_ns: () => nanoseconds(info.changeTime),
  };
  return what
    .split(',')
    .map((each) => fields[each]?.() ?? `?${each}`)
    .join(',');
}
