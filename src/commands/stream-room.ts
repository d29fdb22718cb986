/**
 * MS-FSA 2.1.5.4, STATUS_DISK_FULL of a named stream whose disk has room: its bytes lie in extended attributes
 * (docs/adr/0004-named-streams.md), of which ext4 as mkfs makes it has 4 KiB for a file. A client hears the status; whoever
 * runs the server is told, once for each share, what can be done.
 */
import type { Logger } from '../base/log.ts';
import { formatPath } from '../fscc/names.ts';
import type { Share } from '../objects/share.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';

/** More than any stream takes: a disk that has less is full. */
const ROOM_BYTES = 16 * 1024 * 1024;
const REMEDY =
  'ext4 takes more than 4 KiB of them with its feature ea_inode (umount DISK; tune2fs -O ea_inode DISK), XFS and tmpfs always';

const told = new WeakSet<Share>();

/** `file`: the stream, or the object that was to have one. */
export async function tellNoRoom(log: Logger, tree: TreeConnect, file: VfsHandle): Promise<void> {
  const { share, files } = tree;
  if (files === undefined || told.has(share)) return;
  told.add(share);
  const path = file.path();
  const volume = await files.volume();
  if (isErrno(volume) || volume.availableBytes < ROOM_BYTES) {
    told.delete(share);
    return;
  }
  log.warn('a named stream does not fit into the extended attributes of its file', {
    share: share.name,
    file: isErrno(path) ? '' : formatPath(path),
    remedy: REMEDY,
  });
}
