/**
 * Quotas of users, as the kernel keeps them: the hard limit is MS-FSCC 2.4.41's QuotaLimit, the soft one its
 * QuotaThreshold, as with Samba. Only the server asks and sets (CAP_SYS_ADMIN): call with no identity entered,
 * after it was asked whether the user may.
 */
import type { Sid } from '../../dtyp/sid.ts';
import { XFS_SUPER_MAGIC } from '../../native/constants.ts';
import {
  FS_QUOTA_UDQ_ACCT,
  FS_QUOTA_UDQ_ENFD,
  nextUserQuota,
  quotaFlags,
  setUserQuota,
  type UserQuota,
  userQuota,
} from '../../native/quota.ts';
import { fstatfs, stfs } from '../../native/stat.ts';
import { ENOENT, EOPNOTSUPP, type Errno, isErrno, type Result } from '../errno.ts';
import type { VfsQuota, VfsQuotaLimits, VfsQuotaState, VfsQuotas } from '../quotas.ts';
import type { LocalShare } from './share.ts';

const NONE: VfsQuotaLimits = { threshold: undefined, limit: undefined };
/** To the kernel 0 is no limit; this is the least that it can be told. */
const LEAST_LIMIT = 1;
/** (uid_t) -1 is nobody. */
const MAX_UID = 0xffff_fffe;
/** XFS gives what the superuser's limits are to all who have none of their own. */
const DEFAULTS_OF_XFS = 0;

/** What this user may take in all, and has taken; undefined where the file system sets no limit. */
export function ownLimit(
  root: number,
  uid: number,
): { readonly limit: number; readonly used: number } | undefined {
  const flags = quotaFlags(root);
  if (flags < 0 || (flags & FS_QUOTA_UDQ_ENFD) === 0) return undefined;
  const quota = userQuota(root, uid);
  if (isErrno(quota)) return undefined;
  const { hardLimit, softLimit, used } = quota as UserQuota;
  const limit = hardLimit || softLimit;
  return limit === 0 ? undefined : { limit, used };
}

export const hasQuotas = (root: number): boolean => {
  const flags = quotaFlags(root);
  return flags >= 0 && (flags & FS_QUOTA_UDQ_ACCT) !== 0;
};

/** XFS has no entry of who has no files and no limits. */
function quotaOf(root: number, uid: number): UserQuota | number {
  const found = userQuota(root, uid);
  return found === ENOENT ? { uid, used: 0, softLimit: 0, hardLimit: 0 } : found;
}

export class LocalQuotas implements VfsQuotas {
  readonly #share: Pick<LocalShare, 'root' | 'sids'>;
  readonly #uid: number;

  constructor(share: Pick<LocalShare, 'root' | 'sids'>, uid: number) {
    this.#share = share;
    this.#uid = uid;
  }

  state(): Result<VfsQuotaState> {
    const { root } = this.#share;
    const flags = quotaFlags(root);
    if (flags < 0 || (flags & FS_QUOTA_UDQ_ACCT) === 0) return EOPNOTSUPP;
    const defaults = this.#hasDefaults() ? userQuota(root, DEFAULTS_OF_XFS) : ENOENT;
    return {
      isEnforced: (flags & FS_QUOTA_UDQ_ENFD) !== 0,
      defaults: typeof defaults === 'number' ? NONE : limitsOf(defaults),
    };
  }

  own(): Result<VfsQuota> {
    return this.#told(quotaOf(this.#share.root, this.#uid));
  }

  of(owner: Sid): Result<VfsQuota> {
    const uid = this.#uidOf(owner);
    return isErrno(uid) ? uid : this.#told(quotaOf(this.#share.root, uid));
  }

  from(index: number): Result<VfsQuota> {
    if (index > MAX_UID) return ENOENT;
    return this.#told(nextUserQuota(this.#share.root, index));
  }

  set(owner: Sid, limits: VfsQuotaLimits): Errno | 0 {
    const uid = this.#uidOf(owner);
    return isErrno(uid) ? uid : this.#limit(uid, limits);
  }

  setDefaults(limits: VfsQuotaLimits): Errno | 0 {
    if (this.#hasDefaults()) return this.#limit(DEFAULTS_OF_XFS, limits);
    return limits.limit === undefined && limits.threshold === undefined ? 0 : EOPNOTSUPP;
  }

  #limit(uid: number, { threshold, limit }: VfsQuotaLimits): Errno | 0 {
    const least = (bytes: number | undefined): number =>
      bytes === undefined ? 0 : Math.max(bytes, LEAST_LIMIT);
    const limits = { uid, softLimit: least(threshold), hardLimit: least(limit) };
    return setUserQuota(this.#share.root, limits);
  }

  #hasDefaults(): boolean {
    return fstatfs(this.#share.root) === 0 && stfs.type() === XFS_SUPER_MAGIC;
  }

  #uidOf(owner: Sid): number | Errno {
    const id = this.#share.sids.idOf(owner);
    return id !== undefined && id.kind !== 'group' && id.id <= MAX_UID ? id.id : ENOENT;
  }

  #told(quota: UserQuota | number): Result<VfsQuota> {
    if (typeof quota === 'number') return quota;
    const owner = this.#share.sids.userSid(quota.uid);
    return { owner, index: quota.uid, used: quota.used, ...limitsOf(quota) };
  }
}

const limitsOf = ({ softLimit, hardLimit }: UserQuota): VfsQuotaLimits => ({
  threshold: softLimit === 0 ? undefined : softLimit,
  limit: hardLimit === 0 ? undefined : hardLimit,
});
