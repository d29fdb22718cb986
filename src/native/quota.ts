/**
 * quotactl_fd(2), of Linux 5.14: the quotas of users on the file system that a descriptor's object is on, an
 * O_PATH one too. The kernel asks for CAP_SYS_ADMIN, save of whoever asks about itself.
 */
import { SYS } from './constants.ts';
import { bind, lastErrno } from './library.ts';

const quotactl = bind<
  (nr: number, fd: number, command: number, id: number, into: Buffer) => number
>('syscall', 'int64', ['int64', 'int64', 'int64', 'int64', 'void *']);

/** uapi/linux/quota.h: QCMD(command, USRQUOTA). */
const ofUsers = (command: number): number => command << 8;
const Q_GETQUOTA = ofUsers(0x80_0007);
const Q_SETQUOTA = ofUsers(0x80_0008);
const Q_GETNEXTQUOTA = ofUsers(0x80_0009);
/** uapi/linux/dqblk_xfs.h; file systems other than XFS answer it, too. */
const Q_XGETQSTAT = ofUsers(0x5805);
const QIF_BLIMITS = 1;

/** Limits of blocks are counted in these. */
const BLOCK_BYTES = 1024;

/** struct if_nextdqblk, which begins as struct if_dqblk does. */
const block = Buffer.alloc(72);
const HARD_LIMIT_AT = 0;
const SOFT_LIMIT_AT = 8;
const SPACE_AT = 16;
const VALID_AT = 64;
const ID_AT = 68;
/** struct fs_quota_stat. */
const stat = Buffer.alloc(80);
const FLAGS_AT = 2;

export const FS_QUOTA_UDQ_ACCT = 1;
export const FS_QUOTA_UDQ_ENFD = 2;

/** Bytes; a limit of 0 is none. */
export interface UserQuota {
  readonly uid: number;
  readonly used: number;
  readonly softLimit: number;
  readonly hardLimit: number;
}

function call(fd: number, command: number, uid: number, into: Buffer): number {
  return quotactl(SYS.quotactlFd, fd, command, uid, into) < 0 ? -lastErrno() : 0;
}

/** FS_QUOTA_…, or a negative errno: ESRCH and ENOSYS where there are no quotas. */
export function quotaFlags(fd: number): number {
  stat.fill(0);
  stat[0] = 1;
  const refused = call(fd, Q_XGETQSTAT, 0, stat);
  return refused !== 0 ? refused : stat.readUInt16LE(FLAGS_AT);
}

/** Of one user; those without a limit are told as well. */
export function userQuota(fd: number, uid: number): UserQuota | number {
  const refused = call(fd, Q_GETQUOTA, uid, block);
  return refused !== 0 ? refused : told(uid);
}

/** Of the user with the smallest uid that is not below this one; ENOENT behind the last. */
export function nextUserQuota(fd: number, uid: number): UserQuota | number {
  const refused = call(fd, Q_GETNEXTQUOTA, uid, block);
  return refused !== 0 ? refused : told(block.readUInt32LE(ID_AT));
}

const told = (uid: number): UserQuota => ({
  uid,
  used: Number(block.readBigUInt64LE(SPACE_AT)),
  softLimit: Number(block.readBigUInt64LE(SOFT_LIMIT_AT)) * BLOCK_BYTES,
  hardLimit: Number(block.readBigUInt64LE(HARD_LIMIT_AT)) * BLOCK_BYTES,
});

/** 0 or a negative errno. Limits are rounded up to 1 KiB. */
export function setUserQuota(
  fd: number,
  { uid, softLimit, hardLimit }: Omit<UserQuota, 'used'>,
): number {
  block.fill(0);
  block.writeBigUInt64LE(BigInt(Math.ceil(hardLimit / BLOCK_BYTES)), HARD_LIMIT_AT);
  block.writeBigUInt64LE(BigInt(Math.ceil(softLimit / BLOCK_BYTES)), SOFT_LIMIT_AT);
  block.writeUInt32LE(QIF_BLIMITS, VALID_AT);
  return call(fd, Q_SETQUOTA, uid, block);
}
