/** What the objects of one share whose storage may block have in common: jobs, with their results made whole. */
import { close as closeFile } from 'node:fs';
import { MAX_REMEMBERED_DIRECTORIES } from '../../../base/limits.ts';
import { addressOf } from '../../../native/library.ts';
import { EIO, ENOENT, type Errno, isErrno, type Result } from '../../errno.ts';
import type { Identity, VfsObjectId, VfsStat } from '../../vfs.ts';
import { changeTimes, inodeKeyOf } from '../metadata.ts';
import type { Volumes } from '../volumes.ts';
import { type Device, deviceOf, type Lane } from './device.ts';
import type { JobName, Jobs, ShareRecipe } from './jobs.ts';

export class ShareThreads {
  readonly recipe: ShareRecipe;
  readonly device: Device;
  readonly #volumes: Volumes;
  readonly #release: () => void;
  /** Directories by their path on disk, as somebody last found them; the one that was found last is last. */
  readonly #directories = new Map<string, VfsObjectId>();
  #running = 0;
  #close: (() => void) | undefined;
  /** The device's threads may be gone. */
  #hasEnded = false;

  constructor(recipe: ShareRecipe, volumes: Volumes) {
    const { device, release } = deviceOf(recipe.root);
    this.recipe = recipe;
    this.device = device;
    this.#release = release;
    this.#volumes = volumes;
  }

  /** So that whoever comes first need not wait for a thread to start. */
  prepare(): void {
    this.device.ask.prepare();
  }

  async run<N extends JobName>(
    lane: Lane,
    who: Identity | undefined,
    name: N,
    what: Jobs[N][0],
    memory?: Uint8Array,
  ): Promise<Jobs[N][1] | Errno> {
    this.#running += 1;
    try {
      const acting = { share: this.recipe, who };
      const { result, seen } = await this.device.run(lane, acting, name, what, memory);
      for (const [device, fsid] of seen) this.#volumes.learn(device, fsid);
      return result;
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#close?.();
    }
  }

  /** When no job of the share is under way any more: `last`, and the device is let go. */
  end(last: () => void): void {
    const end = (): void => {
      this.#hasEnded = true;
      last();
      this.#release();
    };
    if (this.#running === 0) end();
    else this.#close = end;
  }

  /** A thread has left the device's number in the place of the id. */
  idOf<T extends { readonly volumeId: number }>(object: T): T {
    return { ...object, volumeId: this.#volumes.learn(object.volumeId, 0) };
  }

  /** A directory has been found at this path. */
  knowDirectory(path: string, { fileId, volumeId }: VfsObjectId): void {
    this.#directories.delete(path);
    this.#directories.set(path, { fileId, volumeId });
    if (this.#directories.size <= MAX_REMEMBERED_DIRECTORIES) return;
    const [oldest] = this.#directories.keys();
    this.#directories.delete(oldest!);
  }

  /** The directory at this path, without asking; ENOENT where nobody knows. */
  directoryAt(path: string): VfsObjectId | Errno {
    return this.#directories.get(path) ?? ENOENT;
  }

  stat(found: Result<VfsStat>): Result<VfsStat> {
    if (isErrno(found)) return found;
    const told =
      changeTimes.size === 0
        ? undefined
        : changeTimes.told(inodeKeyOf(found.volumeId, found.fileId), found.changeTime);
    const stat = this.idOf(found);
    return told === undefined ? stat : { ...stat, changeTime: told };
  }

  /** See ReadRest. */
  async read(fd: number, buffer: Uint8Array, position: number, done: number): Promise<number> {
    const address = addressOf(buffer);
    for (let from = done; from < buffer.length; ) {
      const what = {
        fd,
        address: address + from,
        length: buffer.length - from,
        position: position + from,
      };
      const count = await this.run('ask', undefined, 'read', what, buffer);
      if (count < 0) return count;
      if (count === 0) return from;
      from += count;
    }
    return buffer.length;
  }

  sync(fd: number, isFull: boolean): Promise<Errno | 0> {
    return this.run('change', undefined, 'sync', { fd, isFull });
  }

  close(fd: number): void {
    // What hung longer than the server waited for it: libuv's threads have the time.
    if (this.#hasEnded) {
      closeFile(fd, () => {});
      return;
    }
    // A bug of the thread's: then the descriptor is lost, and the log has it from the thread.
    this.run('change', undefined, 'close', { fd }).catch(() => EIO);
  }
}
