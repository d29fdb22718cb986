/**
 * MS-FSA 2.1.5.13 on a share for Time Machine (`time machine = yes`): the size of the volume is what
 * backups may take. Time Machine fills a disk up, so the size is the only quota that it heeds. What the
 * backups take is the bands of their images, counted rather than measured: a full disk has 100,000 of them.
 */
import type { Share } from '../objects/share.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsTree, VfsVolume } from '../vfs/vfs.ts';

/** Folders that are disk images; the second since macOS 11. */
const IMAGES = ['.sparsebundle', '.backupbundle'];
/** An Info.plist of an image has some 500 bytes. */
const MAX_PLIST_BYTES = 16_384;
const BAND_SIZE = /<key>band-size<\/key>\s*<integer>(\d{1,12})<\/integer>/;
/** Time Machine asks often, and a backup of many bands does not grow fast. */
const REMEMBERED_MS = 10_000;
/** Up to so many names are counted anew each time, which takes some milliseconds. */
const CHEAP_NAMES = 1_000;
/** The unit in which Samba tells such a disk: a limit need not be a multiple of the disk's blocks. */
const UNIT_BYTES = 1_024;

const remembered = new WeakMap<Share, { readonly bytes: number; readonly untilMs: number }>();

/** The disk itself, but on a share with a limit of its own. */
export async function backupVolume(tree: TreeConnect, disk: VfsVolume): Promise<VfsVolume> {
  const limit = tree.share.timeMachineBytes ?? Infinity;
  if (limit === Infinity) return disk;
  const left = Math.max(0, limit - (await usedBytes(tree)));
  return {
    ...disk,
    blockSize: UNIT_BYTES,
    totalBytes: Math.min(limit, disk.totalBytes),
    freeBytes: Math.min(left, disk.freeBytes),
    availableBytes: Math.min(left, disk.availableBytes),
  };
}

async function usedBytes({ share, files }: TreeConnect): Promise<number> {
  const known = remembered.get(share);
  if (known !== undefined && performance.now() < known.untilMs) return known.bytes;
  let bytes = 0;
  let names = 0;
  for await (const name of namesIn(files!, [])) {
    names += 1;
    if (!IMAGES.some((ending) => name.endsWith(ending))) continue;
    const image = await bandsOf(files!, name);
    bytes += image.bands * image.bandBytes;
    names += image.bands;
  }
  const untilMs = names > CHEAP_NAMES ? performance.now() + REMEMBERED_MS : 0;
  remembered.set(share, { bytes, untilMs });
  return bytes;
}

/** None for what is no image, or cannot be read: a limit that fails must not stop backups. */
async function bandsOf(files: VfsTree, image: string) {
  const bandBytes = await bandSize(files, image);
  let bands = 0;
  if (bandBytes > 0) for await (const _ of namesIn(files, [image, 'bands'])) bands += 1;
  return { bands, bandBytes };
}

async function bandSize(files: VfsTree, image: string): Promise<number> {
  const handle = await files.lookup([image, 'Info.plist']);
  if (isErrno(handle)) return 0;
  try {
    const plist = Buffer.alloc(MAX_PLIST_BYTES);
    const count = await readFrom(handle, plist);
    return Number(BAND_SIZE.exec(plist.toString('latin1', 0, Math.max(0, count)))?.[1] ?? 0);
  } finally {
    handle.close();
  }
}

async function readFrom(handle: VfsHandle, into: Buffer): Promise<number> {
  const opened = await handle.open({ read: true, write: false });
  return isErrno(opened) ? opened : handle.read(into, 0);
}

async function* namesIn(files: VfsTree, path: readonly string[]): AsyncGenerator<string> {
  const directory = await files.lookup(path);
  if (isErrno(directory)) return;
  const cursor = await directory.cursor();
  try {
    if (isErrno(cursor)) return;
    for (;;) {
      const entries = await cursor.next();
      if (isErrno(entries) || entries.length === 0) return;
      for (const { name } of entries) yield name;
    }
  } finally {
    if (!isErrno(cursor)) cursor.close();
    directory.close();
  }
}
