/**
 * Quotas of users on the file system that a share's root is on (MS-FSA 2.1.1.1, Volume.QuotaInformation). Whoever
 * calls has asked whether the user may: they are asked and set as the server.
 */
import type { Sid } from '../dtyp/sid.ts';
import type { Errno, Result } from './errno.ts';
import type { MaybePromise } from './vfs.ts';

/** Bytes; undefined: there is none. */
export interface VfsQuotaLimits {
  /** From where on the user is warned. */
  readonly threshold: number | undefined;
  /** What the user's files take at most. */
  readonly limit: number | undefined;
}

export interface VfsQuota extends VfsQuotaLimits {
  readonly owner: Sid;
  /** Where this entry stands in the list of all. */
  readonly index: number;
  /** Bytes that the user's files take. */
  readonly used: number;
}

export interface VfsQuotaState {
  /** Limits are kept, not only counted. */
  readonly isEnforced: boolean;
  /** Of users who have none of their own. */
  readonly defaults: VfsQuotaLimits;
}

export interface VfsQuotas {
  /** EOPNOTSUPP: the file system keeps none now, and all the others fail. */
  state(): MaybePromise<Result<VfsQuotaState>>;
  /** Of whom the tree was attached for. */
  own(): MaybePromise<Result<VfsQuota>>;
  /** ENOENT: the SID is no user's of this machine. */
  of(owner: Sid): MaybePromise<Result<VfsQuota>>;
  /** The first entry whose index is not below this one; ENOENT behind the last. */
  from(index: number): MaybePromise<Result<VfsQuota>>;
  /** ENOENT as `of`. Limits may be rounded up. */
  set(owner: Sid, limits: VfsQuotaLimits): MaybePromise<Errno | 0>;
  /** EOPNOTSUPP: the file system has no place for them. */
  setDefaults(limits: VfsQuotaLimits): MaybePromise<Errno | 0>;
}
