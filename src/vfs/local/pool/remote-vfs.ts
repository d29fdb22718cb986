/** A share whose storage may never answer: nothing that could reach it is asked in the loop. */
import { close } from '../../../native/files.ts';
import { isErrno, type Result } from '../../errno.ts';
import type { Identity, Vfs, VfsFeatures, VfsTree } from '../../vfs.ts';
import { canBecomeUsers, credentialsFor } from '../credentials.ts';
import { locationOf } from '../own-name.ts';
import type { LocalShare } from '../share.ts';
import { RemoteTree } from './remote-tree.ts';
import type { ShareThreads } from './share-threads.ts';

export class RemoteVfs implements Vfs {
  readonly features: VfsFeatures;
  readonly #share: LocalShare;
  readonly #threads: ShareThreads;
  readonly #mayBecomeUsers = canBecomeUsers();

  constructor(share: LocalShare, threads: ShareThreads) {
    this.#share = share;
    this.#threads = threads;
    this.features = share.features;
  }

  attach(identity: Identity | undefined): Result<VfsTree> {
    const credentials = credentialsFor(identity, this.#mayBecomeUsers);
    if (isErrno(credentials)) return credentials;
    this.#threads.prepare();
    return new RemoteTree({
      share: this.#share,
      threads: this.#threads,
      who: identity,
      credentials,
    });
  }

  location(): string | undefined {
    return locationOf(this.#share);
  }

  close(): void {
    this.#threads.end(() => close(this.#share.root));
  }
}
