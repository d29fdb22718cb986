/**
 * Numbers of the Linux ABI on x64 and arm64: uapi/linux/{fcntl,openat2,stat,falloc,fs}.h and the
 * system call tables. They are the same on both where nothing else is said.
 */
import { constants } from 'node:fs';

const isArm64 = process.arch === 'arm64';

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EACCESS = 0x200;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
/** These two differ between architectures. */
export const O_DIRECTORY: number = constants.O_DIRECTORY;
export const O_NOFOLLOW: number = constants.O_NOFOLLOW;

export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;

export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;

export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;
export const FALLOC_FL_ZERO_RANGE = 0x10;

export const RWF_NOWAIT = 0x08;

export const R_OK = 4;
export const W_OK = 2;
export const X_OK = 1;

export const SEEK_SET = 0;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/** _IOW(0x94, 13, struct file_clone_range) */
export const FICLONERANGE = 0x4020_940d;

export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;
export const STATX_ATTR_IMMUTABLE = 0x10;
export const STATX_ATTR_APPEND = 0x20;

export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFLNK = 0o120000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;

export const UTIME_NOW = 0x3fff_ffff;
export const UTIME_OMIT = 0x3fff_fffe;

/** statfs.f_flags */
export const ST_RDONLY = 1;

export const F_SETFD = 2;

export const PR_CAPBSET_DROP = 24;
export const PR_GET_SECUREBITS = 27;
export const SECBIT_NO_SETUID_FIXUP = 4;

/** statfs.f_type (uapi/linux/magic.h), as it comes: 32 bits. */
export const EXT4_SUPER_MAGIC = 0xef53;
export const TMPFS_MAGIC = 0x01021994;
export const RAMFS_MAGIC = 0x858458f6;
export const MSDOS_SUPER_MAGIC = 0x4d44;
export const BTRFS_SUPER_MAGIC = 0x9123683e;
export const XFS_SUPER_MAGIC = 0x58465342;
export const BCACHEFS_SUPER_MAGIC = 0xca451a4e;
export const EXFAT_SUPER_MAGIC = 0x2011bab0;

/** The same: file systems of the kernel on disks and memory of this machine, and what is stacked on them. */
export const DISK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  TMPFS_MAGIC,
  RAMFS_MAGIC,
  MSDOS_SUPER_MAGIC,
  EXFAT_SUPER_MAGIC,
  /** ext2, ext3, ext4 */
  0xef53,
  /** xfs */
  0x58465342,
  /** btrfs */
  0x9123683e,
  /** f2fs */
  0xf2f52010,
  /** bcachefs */
  0xca451a4e,
  /** zfs */
  0x2fc12fc1,
  /** jfs, reiserfs, nilfs */
  0x3153464a,
  0x52654973,
  0x3434,
  /** ntfs3, hfs+, udf, iso9660, squashfs, erofs */
  0x7366746e,
  0x482b,
  0x15013346,
  0x9660,
  0x73717368,
  0xe0f5e1e2,
  /** overlayfs, ecryptfs */
  0x794c7630,
  0xf15f,
]);

/** Calls that older C libraries do not wrap, or wrap otherwise (setgroups, for all threads). */
export const SYS = {
  setgroups: isArm64 ? 159 : 116,
  getdents64: isArm64 ? 61 : 217,
  renameat2: isArm64 ? 276 : 316,
  capset: isArm64 ? 91 : 126,
  preadv2: isArm64 ? 286 : 327,
  statx: isArm64 ? 291 : 332,
  openat2: 437,
  faccessat2: 439,
  quotactlFd: 443,
  getxattrat: 464,
  listxattrat: 465,
} as const;
