/**
 * MS-SMB2 3.3.5.18 as Apple's READ_DIR_ATTR has it: a listing that tells of each file the rights to it, the size of its resource
 * fork, its Finder information and its mode, for which the client would otherwise open it; as READ_DIR_ATTR_V2 also
 * that it has no streams, of which it would otherwise be asked one by one.
 */
import {
  APPLE_FINDER_INFO_BYTES,
  APPLE_READ_DIR_NO_XATTR,
  type AppleAttributes,
  type DirectoryEntry,
} from '../fscc/directory-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import type { Open } from '../objects/open.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { isErrno, type Result } from '../vfs/errno.ts';
import type { VfsHandle, VfsStat, VfsStream } from '../vfs/vfs.ts';
import { maximalAccess } from './access.ts';
import { ownerOfAppleDouble, unpackAppleDouble } from './apple-double.ts';
import { directoryEntry } from './directory-entry.ts';
import { filesOf } from './posix.ts';

/** Streams of Apple's: what the Finder knows of a file, and its resource fork. */
const AFP_INFO = 'AFP_AfpInfo';
const AFP_RESOURCE = 'AFP_Resource';

/** A stream AFP_AfpInfo: "AFP", its version, and FinderInfo of 32 bytes from byte 16. */
const AFP_INFO_BYTES = 60;
const FINDER_INFO_AT = 16;
/** In FinderInfo: type and creator, flags, the day it was added, extended flags. */
const TYPE_AND_CREATOR = { at: 0, bytes: 8 };
const FLAGS = { at: 8, bytes: 2 };
const DATE_ADDED = { at: 20, bytes: 4 };
const EXTENDED_FLAGS = { at: 24, bytes: 2 };

/** Entries for a client of Apple's, in the information class that it asked for. */
export function appleTeller(server: ServerState, open: Open, informationClass: number) {
  const apple = open.session!.apple!;
  const tree = open.tree!;
  const lists =
    apple.listsAttributes &&
    informationClass === FileInformationClass.FileIdBothDirectoryInformation;
  return async (name: string, stat: VfsStat): Promise<DirectoryEntry> => {
    if (tree.share.convertsAppleDouble === true) await unpackFor(server, open, tree, name);
    const plain = directoryEntry(open.home, name, stat);
    const entry = tree.share.appleFileIds === true ? plain : { ...plain, fileId: 0n };
    if (!lists) return entry;
    const attributes = await attributesOf(open, tree, name, stat);
    return attributes === undefined ? entry : { ...entry, apple: attributes };
  };
}

/** What is listed as `._NAME` this time is so no more the next. */
async function unpackFor(
  server: ServerState,
  open: Open,
  tree: TreeConnect,
  name: string,
): Promise<void> {
  const owner = ownerOfAppleDouble(name);
  if (owner === undefined || open.handle!.snapshot !== undefined) return;
  const path = childPath(open, owner);
  if (!isErrno(path)) await unpackAppleDouble(server, tree, path);
}

/** Undefined: it is not there any more. */
async function attributesOf(
  open: Open,
  tree: TreeConnect,
  name: string,
  { mode }: VfsStat,
): Promise<AppleAttributes | undefined> {
  const path = childPath(open, name);
  const handle = isErrno(path) ? path : await filesOf(open, tree).lookup(path);
  if (isErrno(handle)) return undefined;
  const finderInfo = Buffer.alloc(APPLE_FINDER_INFO_BYTES);
  let resourceForkBytes = 0;
  // A stream's handle holds that of its file and closes it with itself.
  let last = handle;
  try {
    const rights = await maximalAccess(tree, handle);
    const streams = await streamsOf(handle);
    for (const { name: stream, size } of streams ?? []) {
      if (stream === AFP_RESOURCE) resourceForkBytes = size;
      if (stream !== AFP_INFO || size < AFP_INFO_BYTES) continue;
      const info = await handle.stream(AFP_INFO);
      if (isErrno(info)) continue;
      last = info;
      await readFinderInfo(info, finderInfo);
    }
    const flags = streams?.length === 0 ? APPLE_READ_DIR_NO_XATTR : 0;
    return {
      ...{ maximalAccess: rights, mode, resourceForkBytes, finderInfo },
      flags: open.session!.apple!.listsStreamless ? flags : undefined,
    };
  } finally {
    last.close();
  }
}

function childPath(open: Open, name: string): Result<readonly string[]> {
  const path = open.handle!.path();
  if (isErrno(path) || name === '.') return path;
  return name === '..' ? path.slice(0, -1) : [...path, name];
}

/** Undefined: nobody knows. */
async function streamsOf(handle: VfsHandle): Promise<readonly VfsStream[] | undefined> {
  const streams = await handle.streams();
  return isErrno(streams) ? undefined : streams;
}

/** Whoever may not read it is told of none. */
async function readFinderInfo(stream: VfsHandle, into: Buffer): Promise<void> {
  const opened = await stream.open({ read: true, write: false });
  if (isErrno(opened)) return;
  const info = Buffer.alloc(AFP_INFO_BYTES);
  const count = await stream.read(info, 0);
  if (count === AFP_INFO_BYTES) pack(info.subarray(FINDER_INFO_AT), into);
}

function pack(from: Buffer, to: Buffer): void {
  let at = 0;
  for (const part of [TYPE_AND_CREATOR, FLAGS, EXTENDED_FLAGS, DATE_ADDED]) {
    to.set(from.subarray(part.at, part.at + part.bytes), at);
    at += part.bytes;
  }
}
