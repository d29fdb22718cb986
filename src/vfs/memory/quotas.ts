/** Quotas of a memory volume: what each user's files take is counted, limits are kept and held by nobody. */
import type { Sid } from '../../dtyp/sid.ts';
import { ENOENT, type Errno, isErrno, type Result } from '../errno.ts';
import type { VfsQuota, VfsQuotaLimits, VfsQuotaState, VfsQuotas } from '../quotas.ts';
import type { MemoryNode } from './node.ts';
import type { Volume } from './volume.ts';

const NONE: VfsQuotaLimits = { threshold: undefined, limit: undefined };

/** Of a volume. */
export class MemoryLimits {
  readonly byUid = new Map<number, VfsQuotaLimits>();
  defaults = NONE;
}

export class MemoryQuotas implements VfsQuotas {
  readonly #volume: Volume;
  readonly #limits: MemoryLimits;
  readonly #uid: number;

  constructor(volume: Volume, limits: MemoryLimits, uid: number) {
    this.#volume = volume;
    this.#limits = limits;
    this.#uid = uid;
  }

  state(): VfsQuotaState {
    return { isEnforced: false, defaults: this.#limits.defaults };
  }

  own(): VfsQuota {
    return this.#told(this.#uid, this.#used());
  }

  of(owner: Sid): Result<VfsQuota> {
    const uid = this.#uidOf(owner);
    return isErrno(uid) ? uid : this.#told(uid, this.#used());
  }

  from(index: number): Result<VfsQuota> {
    const used = this.#used();
    const uids = new Set([...used.keys(), ...this.#limits.byUid.keys()]);
    const uid = Math.min(...[...uids].filter((each) => each >= index));
    return Number.isFinite(uid) ? this.#told(uid, used) : ENOENT;
  }

  set(owner: Sid, limits: VfsQuotaLimits): Errno | 0 {
    const uid = this.#uidOf(owner);
    if (isErrno(uid)) return uid;
    this.#limits.byUid.set(uid, limits);
    return 0;
  }

  setDefaults(limits: VfsQuotaLimits): 0 {
    this.#limits.defaults = limits;
    return 0;
  }

  #uidOf(owner: Sid): number | Errno {
    const id = this.#volume.sids.idOf(owner);
    return id !== undefined && id.kind !== 'group' ? id.id : ENOENT;
  }

  #told(uid: number, used: ReadonlyMap<number, number>): VfsQuota {
    const owner = this.#volume.sids.userSid(uid);
    const limits = this.#limits.byUid.get(uid) ?? this.#limits.defaults;
    return { owner, index: uid, used: used.get(uid) ?? 0, ...limits };
  }

  /** By uid; every file once, however many names it has. */
  #used(): Map<number, number> {
    const used = new Map<number, number>();
    const seen = new Set<MemoryNode>();
    const count = (node: MemoryNode): void => {
      if (seen.has(node)) return;
      seen.add(node);
      const bytes = node.kind === 'file' ? node.pages.allocationSize : 0;
      used.set(node.uid, (used.get(node.uid) ?? 0) + bytes);
      if (node.kind === 'directory') for (const entry of node.names.entries()) count(entry.node);
    };
    count(this.#volume.root);
    return used;
  }
}
