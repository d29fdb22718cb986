/**
 * A file system in memory: complete by the rules of vfs.ts, the oracle of the tests and a scratch share.
 * Every answer is there at once. Without an identity, or with uid 0, nothing is refused.
 */
import assert from 'node:assert/strict';
import * as filetime from '../../dtyp/filetime.ts';
import { type SidMap, unixSidMap } from '../../dtyp/unix-sids.ts';
import { MAX_COMPONENT_BYTES } from '../component.ts';
import { EEXIST, EIO, ENOENT, ENOPATH, isErrno, type Result } from '../errno.ts';
import type { VfsQuotas } from '../quotas.ts';
import type {
  FileTime,
  Identity,
  Vfs,
  VfsHandle,
  VfsKind,
  VfsNewObject,
  VfsTree,
  VfsVolume,
} from '../vfs.ts';
import { mayAdd } from './access.ts';
import { MemoryHandle } from './handle.ts';
import type { MemoryNode } from './node.ts';
import { Space } from './pages.ts';
import { MemoryLimits, MemoryQuotas } from './quotas.ts';
import { applySecurity } from './security.ts';
import { Volume } from './volume.ts';

export interface MemoryVfsOptions {
  /** What all files may hold together. */
  readonly capacityBytes?: number;
  /** For times that a test can foretell. */
  readonly clock?: () => FileTime;
  readonly volumeId?: number;
  /** The root's permissions: 0o777 unless told. */
  readonly rootMode?: number;
  /** Whose the SIDs in security descriptors are: the Unix SIDs unless told. */
  readonly sids?: SidMap;
  /** Whether it keeps quotas of users. */
  readonly quotas?: boolean;
}

/** Changes behind the tree's back, for tests. They go wrong only by a bug of the test. */
export interface MemoryPlant {
  file(path: readonly string[], content?: Uint8Array): void;
  symlink(path: readonly string[], target: string): void;
  other(path: readonly string[]): void;
  unspeakable(): void;
  breakFlush(path: readonly string[]): void;
}

export interface MemoryVfs extends Vfs {
  readonly plant: MemoryPlant;
}

/** As much as a large disk. */
const DEFAULT_CAPACITY_BYTES = 2 ** 40;
/** Of the first that is given none; the others are told apart by what follows. */
const FIRST_VOLUME_ID = 0x6d656d;
const DEFAULT_ROOT_MODE = 0o777;
let nextVolumeId = FIRST_VOLUME_ID;
const BLOCK_BYTES = 4096;

class MemoryTree implements VfsTree {
  readonly quotas?: VfsQuotas;
  readonly #volume: Volume;
  readonly #identity: Identity | undefined;
  #closed = false;

  constructor(volume: Volume, identity: Identity | undefined, limits: MemoryLimits | undefined) {
    this.#volume = volume;
    this.#identity = identity;
    if (limits !== undefined) this.quotas = new MemoryQuotas(volume, limits, identity?.uid ?? 0);
  }

  lookup(path: readonly string[]): Result<VfsHandle> {
    this.#used();
    const volume = this.#volume;
    if (path.length === 0) {
      return new MemoryHandle(volume, volume.root, undefined, this.#identity);
    }
    const place = volume.place(path, this.#identity);
    if (isErrno(place)) return place;
    const entry = volume.find(place, this.#identity);
    if (isErrno(entry)) return entry;
    return new MemoryHandle(volume, entry.node, entry, this.#identity);
  }

  create(path: readonly string[], what: VfsNewObject): Result<VfsHandle> {
    this.#used();
    if (path.length === 0) return EEXIST;
    const place = this.#volume.place(path, this.#identity);
    if (isErrno(place)) return place;
    if (place.parent.kept.reparse !== undefined) return ENOPATH;
    const there = this.#volume.find(place, this.#identity);
    if (there !== ENOENT) return isErrno(there) ? there : EEXIST;
    const refusal = mayAdd(place.parent, this.#identity);
    if (refusal !== 0) return refusal;
    const descriptor = what.security?.(place.parent.security);
    if (isErrno(descriptor)) return descriptor;
    const node = this.#volume.make(what.kind, { ...what, owner: this.#identity });
    if (descriptor !== undefined) applySecurity(this.#volume, node, descriptor);
    const entry = this.#volume.name(node, place);
    const handle = new MemoryHandle(this.#volume, node, entry, this.#identity);
    if (what.kind === 'file') handle.opened({ read: true, write: true });
    return handle;
  }

  volume(): VfsVolume {
    this.#used();
    const { capacityBytes, usedBytes } = this.#volume.space;
    return {
      totalBytes: capacityBytes,
      freeBytes: capacityBytes - usedBytes,
      availableBytes: capacityBytes - usedBytes,
      blockSize: BLOCK_BYTES,
      maxNameLength: MAX_COMPONENT_BYTES,
      volumeId: this.#volume.volumeId,
      readOnly: false,
      hasQuotas: this.quotas !== undefined,
    };
  }

  close(): void {
    this.#used();
    this.#closed = true;
  }

  #used(): void {
    assert.ok(!this.#closed, 'a closed tree was used');
  }
}

export function createMemoryVfs(options: MemoryVfsOptions = {}): MemoryVfs {
  const volume = new Volume({
    volumeId: options.volumeId ?? nextVolumeId++,
    space: new Space(options.capacityBytes ?? DEFAULT_CAPACITY_BYTES),
    clock: options.clock ?? filetime.now,
    sids: options.sids ?? unixSidMap,
    rootMode: options.rootMode ?? DEFAULT_ROOT_MODE,
  });
  const limits = options.quotas === true ? new MemoryLimits() : undefined;
  return {
    features: {
      attributes: true,
      extendedAttributes: true,
      namedStreams: true,
      securityDescriptors: true,
      hardLinks: true,
      sparseFiles: true,
      reparsePoints: true,
      cloning: false,
      fileSystemName: 'NTFS',
    },
    attach: (identity) => new MemoryTree(volume, identity, limits),
    close: () => {},
    plant: plantIn(volume),
  };
}

function plantIn(volume: Volume): MemoryPlant {
  const add = (path: readonly string[], kind: VfsKind): MemoryNode => {
    const place = volume.place(path, undefined);
    assert.ok(!isErrno(place) && place.parent.names.exact(place.name) === undefined);
    const node = volume.make(kind, {});
    volume.name(node, place);
    return node;
  };
  return {
    file: (path, content) => {
      const node = add(path, 'file');
      if (node.kind === 'file' && content !== undefined) node.pages.write(content, 0);
    },
    symlink: (path, target) => {
      const node = add(path, 'symlink');
      if (node.kind === 'symlink') node.target = target;
    },
    other: (path) => {
      add(path, 'other');
    },
    unspeakable: () => {
      volume.name(volume.make('file', {}), { parent: volume.root, name: 'raw-\udcff' });
    },
    breakFlush: (path) => {
      const place = volume.place(path, undefined);
      assert.ok(!isErrno(place));
      const node = place.parent.names.find(place.name)?.node;
      assert.ok(node?.kind === 'file');
      node.nextFlushError = EIO;
    },
  };
}
