/**
 * Who the process is. node:fs acts as the process, on threads that cannot be told to act as someone else,
 * so this back end must not run as root: a process that was started as root becomes one user for good.
 */
import type { Identity } from '../vfs.ts';

export interface ForcedShare {
  readonly name: string;
  /** `force user` of the share. */
  readonly forceUser?: Identity | undefined;
}

export const isRoot = (): boolean => process.geteuid?.() === 0;

/**
 * Whether the portable back end may serve these shares. Undefined: as the process is. An identity:
 * after `dropPrivileges` to it. Throws with the reason when it may not.
 */
export function assertPortableMayRun(
  { shares }: { readonly shares: readonly ForcedShare[] },
  asRoot = isRoot(),
): Identity | undefined {
  if (!asRoot) return undefined;
  let user: Identity | undefined;
  for (const { name, forceUser } of shares) {
    if (forceUser === undefined) throw refusal(`share ${name} has no force user`);
    if (forceUser.uid === 0) throw refusal(`the force user of share ${name} is root`);
    if (user !== undefined && (user.uid !== forceUser.uid || user.gid !== forceUser.gid)) {
      throw refusal(`share ${name} has another force user or group than the others`);
    }
    user ??= forceUser;
  }
  if (user === undefined) throw refusal('there is no share with a force user');
  return user;
}

/** Becomes `user` and nobody else again; throws when the way back is still open. */
export function dropPrivileges(user: Identity): void {
  const { setgroups, setgid, setuid, getuid, geteuid } = process;
  if (!setgroups || !setgid || !setuid || !getuid || !geteuid) {
    throw refusal('this system cannot change the user of a process');
  }
  // The groups first and the user last: afterwards nothing may be changed any more.
  setgroups([...user.groups]);
  setgid(user.gid);
  setuid(user.uid);
  if (getuid() !== user.uid || geteuid() !== user.uid) throw refusal('the user did not change');
  let isBack = true;
  try {
    setuid(0);
  } catch {
    isBack = false;
  }
  if (isBack && user.uid !== 0) throw refusal('the process could become root again');
}

const refusal = (reason: string): Error =>
  new Error(`the portable file system must not run as root: ${reason}`);
