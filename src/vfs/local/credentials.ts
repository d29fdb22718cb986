/**
 * The identity of path operations. Linux keeps fsuid, fsgid and groups for each thread, so an operation
 * becomes the user, makes its system calls and becomes itself again without giving up the thread:
 *
 *     const refused = credentials.enter();
 *     if (refused !== 0) return refused;
 *     try { …system calls, no await… } finally { credentials.leave(); }
 *
 * With an fsuid other than 0 the kernel takes CAP_DAC_OVERRIDE and its like out of the effective set.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { SECBIT_NO_SETUID_FIXUP } from '../../native/constants.ts';
import {
  fsgid,
  fsuid,
  NOBODY_ID,
  ownGroups,
  secureBits,
  setFsgid,
  setFsuid,
  setGroups,
} from '../../native/identity.ts';
import { EINVAL, EPERM, type Errno } from '../errno.ts';
import type { Identity } from '../vfs.ts';

/** Whose operations these are. */
export interface Actor {
  readonly uid: number;
  readonly gid: number;
  readonly groups: { includes(gid: number): boolean };
}

export interface Credentials extends Actor {
  /** Whether `enter` costs anything: some 10 µs for six calls that each make new credentials. */
  readonly isSwitched: boolean;
  /** Undefined: the process's own. */
  readonly identity: Identity | undefined;
  /** Becomes the identity. Not 0: an errno, and nothing has changed. */
  enter(): Errno | 0;
  /** Becomes the process's own self again. Harmless when it is already. */
  leave(): void;
}

/** Runs `act`, which waits for nothing, as the identity. */
export function actAs<T>(credentials: Credentials, act: () => T): T | Errno {
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  try {
    return act();
  } finally {
    credentials.leave();
  }
}

/** Acts as the process does. */
export const ownCredentials = (): Credentials => ({
  uid: fsuid(),
  gid: fsgid(),
  groups: ownGroups() ?? [],
  isSwitched: false,
  identity: undefined,
  enter: () => 0,
  leave: () => {},
});

const NOT_ITSELF = 'the thread is not itself again after acting for a user';

class UserCredentials implements Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: Uint32Array;
  readonly isSwitched = true;
  readonly identity: Identity;
  readonly #ownUid = fsuid();
  readonly #ownGid = fsgid();
  readonly #ownGroups: Uint32Array;
  readonly #groupsDiffer: boolean;

  constructor(identity: Identity, own: Uint32Array) {
    this.identity = identity;
    this.uid = identity.uid;
    this.gid = identity.gid;
    this.groups = Uint32Array.from(identity.groups);
    this.#ownGroups = own;
    this.#groupsDiffer = this.groups.join() !== own.join();
  }

  enter(): Errno | 0 {
    if (this.#groupsDiffer) {
      const refused = setGroups(this.groups);
      if (refused !== 0) return refused;
    }
    const gid = this.gid === this.#ownGid ? this.#ownGid : setFsgid(this.gid);
    const uid = this.uid === this.#ownUid ? this.#ownUid : setFsuid(this.uid);
    const isUser = fsuid() === this.uid && fsgid() === this.gid;
    const wasItself = uid === this.#ownUid && gid === this.#ownGid;
    if (isUser && wasItself) return 0;
    this.leave();
    assert.ok(wasItself, NOT_ITSELF);
    return EPERM;
  }

  /**
   * That it went well the next `enter` sees, to which the kernel tells who the thread was: to ask at once would be two
   * more calls. The kernel refuses nobody his own identity, and memory for it alone could be missing; the thread would be
   * a user's until then, and may less.
   */
  leave(): void {
    setFsuid(this.#ownUid);
    if (this.gid !== this.#ownGid) setFsgid(this.#ownGid);
    assert.ok(!this.#groupsDiffer || setGroups(this.#ownGroups) === 0, NOT_ITSELF);
  }
}

/** capabilities(7): bits of the effective set. */
const CAP_SETGID = 1n << 6n;
const CAP_SETUID = 1n << 7n;
const CAP_SYS_ADMIN = 1n << 21n;
/**
 * Those that fsuid 0 brings and another fsuid takes away: CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER,
 * FSETID, LINUX_IMMUTABLE, MKNOD, MAC_OVERRIDE.
 */
const CAP_FS = 0x1fn | (1n << 9n) | (1n << 27n) | (1n << 32n);

function effectiveCapabilities(): bigint {
  const status = readFileSync('/proc/thread-self/status', 'latin1');
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
}

/** xattr(7): attributes in `security.` are written with CAP_SYS_ADMIN. */
export const mayWriteSecurity = (): boolean => (effectiveCapabilities() & CAP_SYS_ADMIN) !== 0n;

/** Whether this process can act for users, and lays down its privileges when it does. */
export function canBecomeUsers(): boolean {
  const effective = effectiveCapabilities();
  if ((effective & CAP_SETUID) === 0n || (effective & CAP_SETGID) === 0n) return false;
  // Between two fsuids other than 0 the kernel changes no capability.
  if (fsuid() !== 0) return (effective & CAP_FS) === 0n;
  const bits = secureBits();
  return bits >= 0 && (bits & SECBIT_NO_SETUID_FIXUP) === 0;
}

/** The credentials for `identity`: EPERM when this process cannot act for it. */
export function credentialsFor(
  identity: Identity | undefined,
  mayBecomeUsers: boolean,
): Credentials | Errno {
  if (identity === undefined) return ownCredentials();
  const isId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id < NOBODY_ID;
  if (![identity.uid, identity.gid, ...identity.groups].every(isId)) return EINVAL;
  const groups = ownGroups();
  if (mayBecomeUsers && groups !== undefined) return new UserCredentials(identity, groups);
  return identity.uid === fsuid() ? ownCredentials() : EPERM;
}
