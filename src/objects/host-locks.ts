/**
 * smb.conf(5), `posix locking`: the byte-range locks of a file's opens are laid on the disk too, so that other programs of
 * the host and NFS see them, and what those have locked is refused here.
 *
 * To the host the server is one program. Of each byte it holds the stronger of what its clients have locked there, as one
 * set of ranges for the whole file (byte-range-locks.ts says what is covered); among themselves only SMB's rules count. What another
 * program holds tells nobody when it ends, so whoever waits for it looks again from time to time.
 */
import { EAGAIN, isErrno } from '../vfs/errno.ts';
import type { HostLockKind, VfsHostLocks } from '../vfs/host-locks.ts';
import type { HostRanges } from './host-ranges.ts';
import type { Open } from './open.ts';

/** Of a file. */
const EVERYTHING = 0xffff_ffff_ffff_ffffn;

/** A lock of another program's is missed for so long after it is gone; a look costs a call for each who waits. */
const LOOK_AGAIN_MS = 100;

class LaidLocks implements HostRanges {
  #locks: VfsHostLocks | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Whether it has a new descriptor, by which nothing is laid yet: the first, or one for writing in place of another. */
  serve(open: Open): boolean {
    if (this.#locks?.isWritable === true) return false;
    const next = open.handle?.hostLocks?.();
    if (next === undefined || isErrno(next)) return false;
    if (this.#locks !== undefined && !next.isWritable) {
      next.close();
      return false;
    }
    // The kernel would take them for those of two programs.
    this.#locks?.close();
    this.#locks = next;
    return true;
  }

  set(offset: bigint, last: bigint, kind: HostLockKind | undefined): boolean {
    // A file system that has no such locks, or no more: SMB's count all the same.
    return this.#locks?.set(offset, last, kind) !== EAGAIN;
  }

  lookAgain(look: () => void): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      look();
    }, LOOK_AGAIN_MS);
  }

  /** The descriptor stays for the next lock: who keeps records locks and unlocks again and again. */
  clear(): void {
    const refused = this.#locks?.set(0n, EVERYTHING, undefined) ?? 0;
    if (refused !== 0) this.end();
  }

  end(): void {
    this.#locks?.close();
    this.#locks = undefined;
  }
}

/** Before the open locks something: where its share wants it, and its file can, the host will know. */
export function layOnHost(open: Open): void {
  const { locks, base } = open.file!;
  if (open.home.posixLocking !== true || base !== undefined) return;
  if (open.handle?.hostLocks === undefined) return;
  const { host = new LaidLocks() } = locks;
  if (host instanceof LaidLocks && host.serve(open)) locks.layOn(host);
}
