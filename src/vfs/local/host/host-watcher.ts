/**
 * The watcher of a server with local shares: by fanotify where the kernel has it and lets this process
 * use it, else by inotify. The choice is made for each share when the server starts, and told in the log.
 *
 *     idle: no descriptor ── first watch ──▶ watching ── last watch closed ──▶ idle
 */
import { MAX_HOST_DIRECTORIES } from '../../../base/limits.ts';
import type { LogDetails, Logger } from '../../../base/log.ts';
import { type Errno, isErrno } from '../../errno.ts';
import type { HostShare, HostWatch, HostWatcher, TellHostChanges } from '../../host-changes.ts';
import type { Vfs, VfsHandle } from '../../vfs.ts';
import { LocalHandle } from '../local-handle.ts';
import { localShareOf } from '../local-vfs.ts';
import type { LocalShare } from '../share.ts';
import { EntriesWatcher } from './entries-watcher.ts';
import { canUseFanotify, FanotifyWatcher } from './fanotify-watcher.ts';
import { InotifyWatcher } from './inotify-watcher.ts';
import { HostTeller } from './teller.ts';

const LOSS_QUIET_MS = 60_000;

export type HostMethod = 'fanotify' | 'inotify';

export interface HostWatcherOptions {
  readonly shares: readonly { readonly name: string; readonly vfs: Vfs | undefined }[];
  readonly tell: TellHostChanges;
  readonly log: Logger;
  /** 'inotify': fanotify is not tried. */
  readonly method?: 'inotify';
  /** Directories that inotify watches at most. */
  readonly maxDirectories?: number;
}

export interface LocalHostWatcher extends HostWatcher {
  /** How the changes of this share are known; undefined for one that is not local. */
  methodOf(vfs: Vfs): HostMethod | undefined;
  /** Tells what has happened until now, without waiting for the kernel to wake this process. */
  catchUp(): void;
  /** All directories of the trees that are watched have been entered. */
  readonly isComplete: boolean;
}

export const createHostWatcher = (options: HostWatcherOptions): LocalHostWatcher =>
  new Watcher(options);

class Watcher implements LocalHostWatcher {
  readonly #log: Logger;
  readonly #maxDirectories: number;
  readonly #teller: HostTeller;
  readonly #methods = new Map<LocalShare, HostMethod>();
  /** How many watches each share has. */
  readonly #watched = new Map<LocalShare, number>();
  #fanotify: FanotifyWatcher | undefined;
  #inotify: InotifyWatcher | undefined;
  #entries: EntriesWatcher | undefined;
  readonly #warned = new Set<string>();
  /** By performance.now(); until then nothing is said of lost changes. */
  #quietUntil = 0;
  readonly #method: 'inotify' | undefined;

  constructor(options: HostWatcherOptions) {
    const { shares, tell, log, method } = options;
    this.#maxDirectories = options.maxDirectories ?? MAX_HOST_DIRECTORIES;
    this.#log = log;
    this.#teller = new HostTeller(tell, () => this.#lost());
    this.#method = method;
    for (const share of shares) this.learn(share);
  }

  learn({ name, vfs, origin }: HostShare): void {
    const share = vfs === undefined ? undefined : localShareOf(vfs);
    if (share === undefined) return;
    const by = this.#method ?? (canUseFanotify(share) ? 'fanotify' : 'inotify');
    this.#methods.set(share, by);
    const text = 'changes by other programs are told to clients';
    if (origin === undefined) this.#log.info(text, { share: name, by });
    else this.#log.debug('vfs', text, { share: name, by });
  }

  forget(vfs: Vfs): void {
    const share = localShareOf(vfs);
    if (share !== undefined) this.#methods.delete(share);
  }

  get isComplete(): boolean {
    return this.#inotify?.isComplete ?? true;
  }

  catchUp(): void {
    this.#fanotify?.catchUp();
    this.#inotify?.catchUp();
    this.#entries?.catchUp();
  }

  methodOf(vfs: Vfs): HostMethod | undefined {
    const share = localShareOf(vfs);
    return share === undefined ? undefined : this.#methods.get(share);
  }

  watch(vfs: Vfs, directory: VfsHandle, tree: boolean): HostWatch | undefined {
    const share = localShareOf(vfs);
    const method = share === undefined ? undefined : this.#methods.get(share);
    if (method === undefined || !(directory instanceof LocalHandle)) return undefined;
    // What happened before concerns others.
    this.catchUp();
    const end = this.#begin(method, share!, directory, tree);
    if (isErrno(end)) {
      this.#warn('a directory on the host cannot be watched', { by: method, errno: end });
      this.#release();
      return undefined;
    }
    this.#retain(share!);
    let isClosed = false;
    return {
      close: () => {
        if (isClosed || !this.#watched.has(share!)) return;
        isClosed = true;
        end();
        this.#forget(share!);
      },
    };
  }

  watchEntries(vfs: Vfs, directory: VfsHandle, changed: () => void): HostWatch | undefined {
    const share = localShareOf(vfs);
    if (share === undefined || this.#methods.get(share) !== 'fanotify') return undefined;
    if (!(directory instanceof LocalHandle)) return undefined;
    const entries = this.#entries ?? EntriesWatcher.open(() => this.#lost(), this.#notices.fail);
    if (isErrno(entries)) return undefined;
    this.#entries = entries;
    // What happened before concerns others.
    entries.catchUp();
    const end = entries.watch(share, directory.fd, changed);
    if (isErrno(end)) {
      // Most likely fs.fanotify.max_user_marks: the mark of the whole file system is another one.
      this.#releaseEntries();
      return undefined;
    }
    let isClosed = false;
    return {
      close: () => {
        if (isClosed || this.#entries !== entries) return;
        isClosed = true;
        end();
        this.#releaseEntries();
      },
    };
  }

  #releaseEntries(): void {
    if (this.#entries?.isIdle !== true) return;
    this.#entries.close();
    this.#entries = undefined;
  }

  close(): void {
    this.#entries?.close();
    this.#entries = undefined;
    for (const share of this.#watched.keys()) share.own.observer = undefined;
    this.#watched.clear();
    this.#release();
  }

  #begin(
    method: HostMethod,
    share: LocalShare,
    directory: LocalHandle,
    tree: boolean,
  ): (() => void) | Errno {
    if (method === 'inotify') {
      const inotify =
        this.#inotify ??
        InotifyWatcher.open(this.#teller, {
          maxDirectories: this.#maxDirectories,
          ...this.#notices,
        });
      if (isErrno(inotify)) return inotify;
      this.#inotify = inotify;
      const base = inotify.watch(share, directory, tree);
      return isErrno(base) ? base : () => inotify.unwatch(base);
    }
    const fanotify = this.#fanotify ?? FanotifyWatcher.open(this.#teller, this.#notices.fail);
    if (isErrno(fanotify)) return fanotify;
    this.#fanotify = fanotify;
    const mount = fanotify.watch(share, directory.fd);
    return isErrno(mount) ? mount : () => fanotify.unwatch(mount);
  }

  readonly #notices = {
    full: () => {
      const hint = 'fs.inotify.max_user_watches';
      this.#warn('too many directories: changes in some are not told', { hint });
    },
    fail: (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#log.error('a bug: changes on the host could not be told', { error: text });
    },
  };

  /** Once a minute at most: a program that makes so many changes does not stop soon. */
  #lost(): void {
    const now = performance.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + LOSS_QUIET_MS;
    this.#log.warn('changes by other programs came too fast: clients look at their folders again');
  }

  /** Once; as many clients as like may watch. */
  #warn(text: string, details: LogDetails): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#log.warn(text, details);
  }

  #retain(share: LocalShare): void {
    share.own.observer ??= this.#methods.get(share) === 'inotify' ? this.#inotify : this.#fanotify;
    this.#watched.set(share, (this.#watched.get(share) ?? 0) + 1);
  }

  #forget(share: LocalShare): void {
    const left = this.#watched.get(share)! - 1;
    if (left > 0) this.#watched.set(share, left);
    else {
      this.#watched.delete(share);
      share.own.observer = undefined;
    }
    this.#release();
  }

  /** Nobody watches: nothing is kept. */
  #release(): void {
    const left = [...this.#watched.keys()].map((share) => this.#methods.get(share));
    if (!left.includes('fanotify')) {
      this.#fanotify?.close();
      this.#fanotify = undefined;
    }
    if (!left.includes('inotify')) {
      this.#inotify?.close();
      this.#inotify = undefined;
    }
    if (left.length === 0) this.#teller.reset();
  }
}
