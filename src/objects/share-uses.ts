/** MS-SMB2 3.3.1.6, Share.CurrentUses: how many tree connects lead to each share, and its bound. */
import type { Share } from './share.ts';

/** All places of one name are one share; each home is one. */
const countedAs = (share: Share): Share =>
  share.origin?.name === share.name ? share.origin : share;

export class ShareUses {
  readonly #uses = new Map<Share, number>();
  readonly #tell: (share: Share, uses: number) => void;

  /** `tell` learns of every change. */
  constructor(tell: (share: Share, uses: number) => void) {
    this.#tell = tell;
  }

  /** One use more; false where Share.MaxUses allows none. */
  take(one: Share): boolean {
    const share = countedAs(one);
    const uses = this.#uses.get(share) ?? 0;
    if (uses >= share.maxUses) return false;
    this.#set(share, uses + 1);
    return true;
  }

  release(one: Share): void {
    const share = countedAs(one);
    this.#set(share, this.#uses.get(share)! - 1);
  }

  #set(share: Share, uses: number): void {
    if (uses === 0) this.#uses.delete(share);
    else this.#uses.set(share, uses);
    this.#tell(share, uses);
  }
}
