/**
 * What the kernel lets the entered identity do with an object, by mode, ACL and mount: faccessat2(2)
 * with the effective identity. Linux before 5.8 has no such question; there the mode alone is asked.
 */
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  R_OK,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  W_OK,
  X_OK,
} from '../../native/constants.ts';
import { faccessat2 } from '../../native/names.ts';
import { statx, stx } from '../../native/stat.ts';
import { EACCES, type Errno } from '../errno.ts';
import type { VfsPermissions } from '../vfs.ts';
import type { KnownAttributes } from './attribute-cache.ts';
import type { Actor, Credentials } from './credentials.ts';
import type { NtAclName } from './nt-acl.ts';

const ENOSYS = -38;

/** 0 when all of `wanted` (R_OK, W_OK, X_OK) is allowed. Call with the identity entered. */
export function refusal(fd: number, wanted: number, credentials: Credentials): Errno | 0 {
  const answer = faccessat2(fd, '', wanted, AT_EMPTY_PATH | AT_EACCESS);
  if (answer !== ENOSYS) return answer;
  const refused = statx(fd, '', AT_EMPTY_PATH);
  if (refused !== 0) return refused;
  const allowed = allowedByMode(stx.mode(), stx.uid(), stx.gid(), credentials);
  return (allowed & wanted) === wanted ? 0 : EACCES;
}

const ANY_EXECUTE = 0o111;

/** Nobody executes a file whose mode has no such bit: in the group's are those of an ACL's mask. */
const isNoProgram = (mode: number): boolean =>
  (mode & S_IFMT) === S_IFREG && (mode & ANY_EXECUTE) === 0;

/**
 * `mode`, where statx has just told it, spares questions, and that the identity has opened `fd` for both reading and
 * writing. Call with the identity entered.
 */
export function permissionsOf(
  fd: number,
  credentials: Credentials,
  mode?: number,
  isOpened = false,
): VfsPermissions {
  const may = (wanted: number): boolean => refusal(fd, wanted, credentials) === 0;
  const both = isOpened || may(R_OK | W_OK);
  return {
    read: both || may(R_OK),
    write: both || may(W_OK),
    execute: !(mode !== undefined && isNoProgram(mode)) && may(X_OK),
    owns: credentials.uid === 0 || ownerOf(fd, mode !== undefined) === credentials.uid,
  };
}

function ownerOf(fd: number, isTold: boolean): number | undefined {
  return isTold || statx(fd, '', AT_EMPTY_PATH) === 0 ? stx.uid() : undefined;
}

/** R_OK, W_OK and X_OK that the mode gives: of the owner's bits, the group's or the others', one. */
export function allowedByMode(mode: number, uid: number, gid: number, actor: Actor): number {
  if (actor.uid === 0) {
    const runs = (mode & S_IFMT) === S_IFDIR || (mode & ANY_EXECUTE) !== 0;
    return R_OK | W_OK | (runs ? X_OK : 0);
  }
  if (actor.uid === uid) return (mode >> 6) & 7;
  return (actor.gid === gid || actor.groups.includes(gid) ? mode >> 3 : mode) & 7;
}

/**
 * What the owner of the object of the statx just made may do with it: an ACL has the owner's permissions in the mode
 * (acl(5)). Undefined for others, and for root, whom the mode does not bind.
 */
export function ownersPermissions({ uid }: Actor): VfsPermissions | undefined {
  if (uid === 0 || stx.uid() !== uid) return undefined;
  const allowed = (stx.mode() >> 6) & 7;
  return {
    read: (allowed & R_OK) !== 0,
    write: (allowed & W_OK) !== 0,
    execute: (allowed & X_OK) !== 0,
    owns: true,
  };
}

/** Permissions that were asked for with the lookup, good while ctime says that nothing changed. */
export class ForeseenPermissions {
  readonly #permissions: VfsPermissions;
  readonly #seconds = stx.changeSeconds();
  readonly #nanoseconds = stx.changeNanoseconds();

  /** Of what statx has just told of. */
  constructor(permissions: VfsPermissions) {
    this.#permissions = permissions;
  }

  /** As they were when its st_ctime was this. */
  at(seconds: number, nanoseconds: number): VfsPermissions | undefined {
    const isSame = this.#seconds === seconds && this.#nanoseconds === nanoseconds;
    return isSame ? this.#permissions : undefined;
  }

  now(fd: number): VfsPermissions | undefined {
    if (statx(fd, '', AT_EMPTY_PATH) !== 0) return undefined;
    return this.at(stx.changeSeconds(), stx.changeNanoseconds());
  }
}

/** What an object was found or made with. */
interface FoundObject {
  readonly foreseen: ForeseenPermissions | undefined;
  readonly asMade: ForeseenPermissions | undefined;
  readonly known: KnownAttributes | undefined;
  readonly changeSeconds: number;
  readonly changeNanoseconds: number;
}

/** See VfsHandle.plainPermissions: undefined where it may have a security descriptor of this name. */
export function plainPermissionsOf(
  { foreseen, asMade, known, changeSeconds, changeNanoseconds }: FoundObject,
  ntAclName: NtAclName | undefined,
): VfsPermissions | undefined {
  const isPlain = ntAclName === undefined || known?.noNtAcl === ntAclName;
  const found = asMade ?? (isPlain ? foreseen : undefined);
  return found?.at(changeSeconds, changeNanoseconds);
}

/** Whether it, or what statx has just told of, has the setuid or setgid bit. */
export const isPrivileged = (fd?: number): boolean =>
  (fd === undefined || statx(fd, '', AT_EMPTY_PATH) === 0) &&
  (stx.mode() & (S_ISUID | S_ISGID)) !== 0;
