/**
 * The objects of the memory back end. A node is an object, an entry one name of it. A handle keeps
 * both: the node, to act on it whatever its names are, and the entry that it was opened by. Renaming
 * moves the entry itself, so that every handle of it knows the new name; removing detaches it.
 */
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_NORMAL } from '../../fscc/attributes.ts';
import { tagOfReparseBuffer } from '../../fscc/reparse-buffer.ts';
import { fileTypeOfReparse } from '../../fscc/special-files.ts';
import { foldKey } from '../../fscc/upcase.ts';
import { ENOENT, type Errno } from '../errno.ts';
import type { FileTime, VfsEa, VfsKept, VfsKind, VfsStat } from '../vfs.ts';
import type { Pages } from './pages.ts';
import type { StreamNode } from './streams.ts';

export interface Entry {
  name: string;
  /** Undefined once the name has been removed. */
  parent: DirectoryNode | undefined;
  readonly node: MemoryNode;
  /** Grows with every naming; a cursor stops at those that are newer than itself. */
  serial: number;
}

interface NodeBase {
  readonly fileId: bigint;
  mode: number;
  uid: number;
  gid: number;
  linkCount: number;
  /** Handles that are open; without them and without links the object is gone. */
  handleCount: number;
  attributes: number;
  creationTime: FileTime;
  lastAccessTime: FileTime;
  lastWriteTime: FileTime;
  changeTime: FileTime;
  eas: readonly VfsEa[];
  security: SecurityDescriptor | undefined;
  kept: { readonly [what in VfsKept]?: Buffer | undefined };
  /** By folded name; undefined where there are none. */
  streams: Map<string, StreamNode> | undefined;
}

export interface FileNode extends NodeBase {
  readonly kind: 'file';
  readonly pages: Pages;
  /** The next write-back fails with this. */
  nextFlushError: Errno | 0;
  /** What every flush answers until the last handle closes. */
  flushError: Errno | 0;
}

export interface DirectoryNode extends NodeBase {
  readonly kind: 'directory';
  readonly names: Names;
  /** The name of the directory; undefined for the root. */
  entry: Entry | undefined;
}

export interface OtherNode extends NodeBase {
  readonly kind: 'symlink' | 'other';
  /** Where a link leads. */
  target?: string;
}

export type MemoryNode = FileNode | DirectoryNode | OtherNode;

const TYPE_BITS: Record<VfsKind, number> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  other: 0o010000,
};

/** The names in one directory, in the order of their making. */
export class Names {
  readonly #exact = new Map<string, Entry>();
  readonly #folded = new Map<string, Entry[]>();

  get size(): number {
    return this.#exact.size;
  }

  exact(name: string): Entry | undefined {
    return this.#exact.get(name);
  }

  /** The exact name, else one that differs in case only; of several, `preferred` if it is one. */
  find(name: string, preferred?: Entry): Entry | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    const alike = this.#folded.get(foldKey(name));
    return preferred !== undefined && alike?.includes(preferred) ? preferred : alike?.[0];
  }

  add(entry: Entry): void {
    this.#exact.set(entry.name, entry);
    const key = foldKey(entry.name);
    const alike = this.#folded.get(key);
    if (alike === undefined) this.#folded.set(key, [entry]);
    else alike.push(entry);
  }

  delete(entry: Entry): void {
    this.#exact.delete(entry.name);
    const key = foldKey(entry.name);
    const alike = this.#folded.get(key)?.filter((other) => other !== entry) ?? [];
    if (alike.length === 0) this.#folded.delete(key);
    else this.#folded.set(key, alike);
  }

  /** Alive: sees what is added and deleted while it runs. */
  entries(): IterableIterator<Entry> {
    return this.#exact.values();
  }
}

/** Where a name is now; ENOENT when it, or a directory that it was in, has been removed. */
export function pathOf(entry: Entry | undefined): readonly string[] | Errno {
  const path: string[] = [];
  for (let here = entry; here !== undefined; here = here.parent.entry) {
    if (here.parent === undefined) return ENOENT;
    path.push(here.name);
  }
  return path.reverse();
}

/** Whether `inner` is `outer` or somewhere in it. */
export function isWithin(inner: DirectoryNode, outer: MemoryNode): boolean {
  for (let here: DirectoryNode | undefined = inner; here !== undefined; here = here.entry?.parent) {
    if (here === outer) return true;
  }
  return false;
}

export function statOf(node: MemoryNode, volumeId: number): VfsStat {
  const isFile = node.kind === 'file';
  const directory = node.kind === 'directory' ? FILE_ATTRIBUTE_DIRECTORY : 0;
  const { reparse } = node.kept;
  return {
    kind: node.kind,
    fileId: node.fileId,
    volumeId,
    linkCount: node.linkCount,
    size: isFile ? node.pages.size : 0,
    allocationSize: isFile ? node.pages.allocationSize : 0,
    creationTime: node.creationTime,
    lastAccessTime: node.lastAccessTime,
    lastWriteTime: node.lastWriteTime,
    changeTime: node.changeTime,
    attributes: node.attributes | directory || FILE_ATTRIBUTE_NORMAL,
    mode: node.mode | TYPE_BITS[node.kind],
    uid: node.uid,
    gid: node.gid,
    ...(reparse !== undefined && {
      reparse: { tag: tagOfReparseBuffer(reparse) ?? 0, fileType: fileTypeOfReparse(reparse) },
    }),
  };
}
