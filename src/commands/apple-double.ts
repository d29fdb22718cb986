/**
 * vfs_fruit(8), `fruit:convert_adouble`: what macOS, Netatalk or Samba has left in `._NAME` beside NAME (fscc/apple-double.ts) becomes
 * streams of NAME, where MS-FSA 2.1.1.5 and every client look for it, and `._NAME` goes. That is done by whoever opens a
 * stream of NAME, or lists both as a client of Apple's, in his name and by his rights.
 *
 * Nothing is lost: of a `._NAME` that is not understood whole, that somebody has open, or whose content differs from
 * streams that are there, nothing is touched; it goes only after all of it is on the disk as streams.
 */
import { DELETE, FILE_READ_DATA, FILE_READ_EA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import { decodeAppleDouble } from '../fscc/apple-double.ts';
import { FILE_ATTRIBUTE_READONLY } from '../fscc/attributes.ts';
import { clientName } from '../fscc/private-names.ts';
import { foldKey } from '../fscc/upcase.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { defaultAfpInfo, FINDER_INFO_AT } from '../vfs/apple-streams.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsTree } from '../vfs/vfs.ts';
import { grantable, permitRemoval } from './access.ts';

const PREFIX = '._';
/** What streams hold at most, of which most disks take less, and what is said of them. */
const MAX_FILE_BYTES = 1024 * 1024 + 64 * 1024;

interface NewStream {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The name that a `._NAME` belongs to; undefined for any other. */
export const ownerOfAppleDouble = (name: string): string | undefined =>
  name.startsWith(PREFIX) && name.length > PREFIX.length ? name.slice(PREFIX.length) : undefined;

/** Paths that are being unpacked, so that nobody does it twice at a time. */
const underWay = new WeakMap<ServerState, Set<string>>();

/** Whatever comes of it: what is not done leaves all as it was. */
export async function unpackAppleDouble(
  server: ServerState,
  tree: TreeConnect,
  path: readonly string[],
): Promise<void> {
  const { files, share } = tree;
  const name = path.at(-1);
  if (share.convertsAppleDouble !== true || tree.readOnly || files === undefined) return;
  if (name === undefined || !share.vfs!.features.namedStreams) return;
  const from = [...path.slice(0, -1), `${PREFIX}${name}`];
  const busy = underWay.get(server) ?? new Set<string>();
  underWay.set(server, busy);
  const packed = await files.lookup(from);
  if (isErrno(packed)) return;
  const key = `${packed.volumeId}/${packed.fileId}`;
  try {
    if (busy.has(key) || packed.kind !== 'file' || packed.snapshot !== undefined) return;
    busy.add(key);
    try {
      await unpack(server, tree, files, path, packed);
    } finally {
      busy.delete(key);
    }
  } finally {
    packed.close();
  }
}

async function unpack(
  server: ServerState,
  tree: TreeConnect,
  files: VfsTree,
  path: readonly string[],
  packed: VfsHandle,
): Promise<void> {
  const before = await packed.stat();
  if (isErrno(before) || before.size > MAX_FILE_BYTES || before.size === 0) return;
  if (server.files.findOf(packed) !== undefined) return;
  if (!(await grantable(tree, packed, FILE_READ_DATA | DELETE))) return;
  const streams = await contentOf(packed, before.size);
  if (streams === undefined || !(await mayWrite(tree, files, path))) return;
  const made: string[] = [];
  for (const stream of streams) {
    const result = await addStream(server, tree, files, path, stream);
    if (result === 'made') made.push(stream.name);
    if (result !== 'refused') continue;
    for (const name of made) await takeBack(files, path, name);
    return;
  }
  // Who has changed or opened it meanwhile keeps it.
  const now = await packed.stat();
  const isSame =
    !isErrno(now) && now.size === before.size && now.lastWriteTime === before.lastWriteTime;
  if (!isSame || isErrno(await permitRemoval(tree, packed, DELETE))) return;
  const where = server.changes.where(tree.share, packed);
  if (server.files.findOf(packed) !== undefined) return;
  if ((await packed.remove()) === 0) server.changes.removed(where, packed, undefined);
}

/** What it is to become; undefined where it has to stay. */
async function contentOf(packed: VfsHandle, size: number): Promise<NewStream[] | undefined> {
  const opened = await packed.open({ read: true, write: false });
  if (isErrno(opened)) return undefined;
  const bytes = Buffer.alloc(size);
  const count = await packed.read(bytes, 0);
  const content = count === size ? decodeAppleDouble(bytes) : undefined;
  if (content === undefined) return undefined;
  const { finderInfo, resourceFork, attributes } = content;
  const streams: NewStream[] = attributes.map(({ name, value }) => ({
    name: clientName(name),
    bytes: value,
  }));
  if (finderInfo !== undefined) {
    const info = defaultAfpInfo();
    finderInfo.copy(info, FINDER_INFO_AT);
    streams.push({ name: 'AFP_AfpInfo', bytes: info });
  }
  if (resourceFork !== undefined) streams.push({ name: 'AFP_Resource', bytes: resourceFork });
  const keys = new Set(streams.map(({ name }) => foldKey(name)));
  return keys.size === streams.length ? streams : undefined;
}

async function mayWrite(
  tree: TreeConnect,
  files: VfsTree,
  path: readonly string[],
): Promise<boolean> {
  const file = await files.lookup(path);
  if (isErrno(file)) return false;
  try {
    if (file.kind !== 'file' && file.kind !== 'directory') return false;
    const stat = await file.stat();
    if (isErrno(stat) || (stat.attributes & FILE_ATTRIBUTE_READONLY) !== 0) return false;
    return await grantable(tree, file, FILE_WRITE_DATA | FILE_READ_DATA | FILE_READ_EA);
  } finally {
    file.close();
  }
}

/** 'there': it has been so before. */
async function addStream(
  server: ServerState,
  { share }: TreeConnect,
  files: VfsTree,
  path: readonly string[],
  { name, bytes }: NewStream,
): Promise<'made' | 'there' | 'refused'> {
  const known = await readStream(files, path, name, bytes.length + 1);
  if (known !== undefined) return known.equals(bytes) ? 'there' : 'refused';
  const file = await files.lookup(path);
  if (isErrno(file)) return 'refused';
  const stream = await file.createStream(name, 'plain');
  if (isErrno(stream)) {
    file.close();
    return 'refused';
  }
  try {
    const count = bytes.length === 0 ? 0 : await stream.write(bytes, 0);
    const flushed = count === bytes.length ? await stream.flush() : count;
    if (flushed !== 0) {
      await stream.remove();
      return 'refused';
    }
    server.changes.streamAdded(share, stream);
    return 'made';
  } finally {
    stream.close();
  }
}

/** The first bytes of a stream; undefined where it is not there. */
async function readStream(
  files: VfsTree,
  path: readonly string[],
  name: string,
  most: number,
): Promise<Buffer | undefined> {
  const file = await files.lookup(path);
  if (isErrno(file)) return undefined;
  const stream = await file.stream(name, 'plain');
  if (isErrno(stream)) {
    file.close();
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(most);
    const opened = await stream.open({ read: true, write: false });
    const count = isErrno(opened) ? opened : await stream.read(bytes, 0);
    // What cannot be read is another's content.
    return bytes.subarray(0, isErrno(count) ? most : count);
  } finally {
    stream.close();
  }
}

async function takeBack(files: VfsTree, path: readonly string[], name: string): Promise<void> {
  const file = await files.lookup(path);
  if (isErrno(file)) return;
  await file.removeStream(name);
  file.close();
}
