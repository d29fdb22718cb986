/** The objects of one memory volume, and the walk from the root that every path operation begins with. */
import type { SidMap } from '../../dtyp/unix-sids.ts';
import { FILE_ATTRIBUTE_VALID_SET } from '../../fscc/attributes.ts';
import { checkComponent } from '../component.ts';
import { EACCES, ENOENT, ENOPATH, type Errno, isErrno } from '../errno.ts';
import type { FileTime, Identity, VfsKind } from '../vfs.ts';
import { may, SEARCH } from './access.ts';
import { type DirectoryNode, type Entry, type MemoryNode, Names } from './node.ts';
import { Pages, type Space } from './pages.ts';
import { releaseStreams } from './streams.ts';

const DEFAULT_MODE: Record<VfsKind, number> = {
  file: 0o644,
  directory: 0o755,
  symlink: 0o777,
  other: 0o644,
};

export interface NewNode {
  readonly attributes?: number;
  readonly mode?: number | undefined;
  readonly owner?: Identity | undefined;
}

/** Where a path's last component is, or would be. */
export interface Place {
  readonly parent: DirectoryNode;
  readonly name: string;
}

export interface VolumeValues {
  readonly volumeId: number;
  readonly space: Space;
  readonly clock: () => FileTime;
  readonly sids: SidMap;
  readonly rootMode: number;
}

export class Volume {
  readonly volumeId: number;
  readonly space: Space;
  readonly clock: () => FileTime;
  readonly sids: SidMap;
  readonly root: DirectoryNode;
  #nextFileId = 1n;
  #nextSerial = 1;

  constructor(values: VolumeValues) {
    this.volumeId = values.volumeId;
    this.space = values.space;
    this.clock = values.clock;
    this.sids = values.sids;
    this.root = this.make('directory', { mode: values.rootMode }) as DirectoryNode;
    this.root.linkCount = 1;
  }

  get serial(): number {
    return this.#nextSerial;
  }

  /** A new object without a name. */
  make(kind: VfsKind, what: NewNode): MemoryNode {
    const time = this.clock();
    const base = {
      fileId: this.#nextFileId++,
      mode: (what.mode ?? DEFAULT_MODE[kind]) & 0o7777,
      uid: what.owner?.uid ?? 0,
      gid: what.owner?.gid ?? 0,
      linkCount: 0,
      handleCount: 0,
      attributes: (what.attributes ?? 0) & FILE_ATTRIBUTE_VALID_SET,
      creationTime: time,
      lastAccessTime: time,
      lastWriteTime: time,
      changeTime: time,
      eas: [],
      security: undefined,
      kept: {},
      streams: undefined,
    };
    if (kind === 'directory') return { ...base, kind, names: new Names(), entry: undefined };
    if (kind !== 'file') return { ...base, kind };
    return { ...base, kind, pages: new Pages(this.space), nextFlushError: 0, flushError: 0 };
  }

  /** Gives `node` a name that is free. */
  name(node: MemoryNode, { parent, name }: Place): Entry {
    const entry: Entry = { name, parent, node, serial: 0 };
    node.linkCount++;
    if (node.kind === 'directory') node.entry = entry;
    this.#place(entry);
    return entry;
  }

  /** Takes a name away. */
  unname(entry: Entry): void {
    this.#displace(entry);
    entry.node.linkCount--;
    this.forget(entry.node);
  }

  /** Moves a name to a place that is free. */
  move(entry: Entry, { parent, name }: Place): void {
    this.#displace(entry);
    entry.parent = parent;
    entry.name = name;
    this.#place(entry);
  }

  /** Gives back the space of an object that nobody names or holds. */
  forget(node: MemoryNode): void {
    if (node.handleCount > 0) return;
    if (node.linkCount === 0) releaseStreams(node);
    if (node.kind !== 'file') return;
    node.flushError = 0;
    if (node.linkCount === 0) node.pages.release();
  }

  /** Walks to the directory that holds the last component. `path` is not empty. */
  place(path: readonly string[], identity: Identity | undefined): Place | Errno {
    let parent = this.root;
    const last = path.length - 1;
    for (let i = 0; i < last; i++) {
      const found = this.find({ parent, name: path[i]! }, identity);
      if (found === ENOENT) return ENOPATH;
      if (isErrno(found)) return found;
      if (found.node.kind !== 'directory') return ENOPATH;
      parent = found.node;
    }
    const name = path[last]!;
    const wrong = checkComponent(name);
    if (wrong !== 0) return wrong;
    return may(parent, identity, SEARCH) ? { parent, name } : EACCES;
  }

  /** What is at a place. */
  find({ parent, name }: Place, identity: Identity | undefined): Entry | Errno {
    const wrong = checkComponent(name);
    if (wrong !== 0) return wrong;
    if (!may(parent, identity, SEARCH)) return EACCES;
    return parent.names.find(name) ?? ENOENT;
  }

  #place(entry: Entry): void {
    entry.serial = this.#nextSerial++;
    entry.parent!.names.add(entry);
    this.#touch(entry);
  }

  #displace(entry: Entry): void {
    entry.parent!.names.delete(entry);
    this.#touch(entry);
    entry.parent = undefined;
  }

  #touch({ parent, node }: Entry): void {
    const time = this.clock();
    parent!.lastWriteTime = time;
    parent!.changeTime = time;
    node.changeTime = time;
  }
}
