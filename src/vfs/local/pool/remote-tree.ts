/** One user's view of a share whose storage may block. */
import { type Errno, isErrno, type Result } from '../../errno.ts';
import type { VfsHandle, VfsTree, VfsVolume } from '../../vfs.ts';
import type { NewObject } from '../local-tree.ts';
import type { FoundObject } from './jobs.ts';
import { RemoteHandle, type RemoteUser } from './remote-handle.ts';

export class RemoteTree implements VfsTree {
  readonly #user: RemoteUser;

  constructor(user: RemoteUser) {
    this.#user = user;
  }

  async lookup(path: readonly string[]): Promise<Result<VfsHandle>> {
    const { threads, who } = this.#user;
    return this.#opened(await threads.run('ask', who, 'lookup', { path }));
  }

  create(path: readonly string[], what: NewObject): Promise<Result<VfsHandle>> {
    const { threads, who } = this.#user;
    // No two at once: names that differ in case only are one.
    return threads.device.inTurn('names', async () =>
      this.#opened(await threads.run('ask', who, 'create', { path, what })),
    );
  }

  #opened(found: Result<FoundObject>): RemoteHandle | Errno {
    return isErrno(found) ? found : new RemoteHandle(this.#user, found);
  }

  async volume(): Promise<Result<VfsVolume>> {
    const { threads, who } = this.#user;
    const found = await threads.run('ask', who, 'volume', {});
    return isErrno(found) ? found : threads.idOf(found);
  }

  close(): void {}
}
