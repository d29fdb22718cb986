/**
 * Changes that other programs make on the host, in the terms of MS-FSA 2.1.4.1. A place is an absolute
 * path, as `Vfs.location()` and `VfsHandle.path()` together give it.
 */
import type { Vfs, VfsHandle } from './vfs.ts';

export type HostChange =
  | {
      readonly kind: 'added' | 'removed';
      readonly place: string;
      readonly isDirectory: boolean;
    }
  | {
      readonly kind: 'renamed';
      readonly from: string;
      readonly to: string;
      readonly isDirectory: boolean;
    }
  /** 'metadata': mode, owner, times or attributes, which the kernel does not tell apart. */
  | { readonly kind: 'modified'; readonly place: string; readonly what: 'data' | 'metadata' }
  /** The kernel had too many to keep: anything may have changed. */
  | { readonly kind: 'lost' };

/** Gets changes in the order in which they were made; those of one call were seen together. */
export type TellHostChanges = (changes: readonly HostChange[]) => void;

export interface HostWatch {
  close(): void;
}

export interface HostShare {
  readonly name: string;
  readonly vfs: Vfs | undefined;
  /** The share of smb.conf that this is a folder of, which comes and goes with its clients. */
  readonly origin?: unknown;
}

/**
 * One for a server. It tells of what other programs do to the names in watched directories and to what
 * bears them, never of what the server does by its own shares; and it may tell of more places than are
 * watched. A change that was made before one of the server's is told before that returns.
 */
export interface HostWatcher {
  /**
   * Until it is closed, changes in this directory are told, and with `tree` those of all below. Undefined
   * where that is not possible.
   */
  watch(vfs: Vfs, directory: VfsHandle, tree: boolean): HostWatch | undefined;
  /**
   * Until it is closed, `changed` is called when other programs have changed the names in this directory or what
   * bears them, wherever the directory is by then: once, however much was changed together. Nothing that
   * happens elsewhere costs anything. Undefined where `watch` alone can tell.
   */
  watchEntries(vfs: Vfs, directory: VfsHandle, changed: () => void): HostWatch | undefined;
  /** A share that was not there when the watcher was made. */
  learn(share: HostShare): void;
  /** A share that is no more, and whose watches are closed. */
  forget(vfs: Vfs): void;
  /** Ends all watches. */
  close(): void;
}
