/**
 * What a VFS operation answers when it fails: a negative number, the kernel's convention, so that an
 * error costs no more than a result. One table (commands/errno-status.ts) maps them to NTSTATUS.
 */
export const EPERM = -1;
export const ENOENT = -2;
export const EIO = -5;
export const ENXIO = -6;
/** More extended attributes than the object can have. */
export const E2BIG = -7;
export const EBADF = -9;
export const EAGAIN = -11;
export const ENOMEM = -12;
export const EACCES = -13;
export const EBUSY = -16;
export const EEXIST = -17;
export const EXDEV = -18;
export const ENODEV = -19;
export const ENOTDIR = -20;
export const EISDIR = -21;
export const EINVAL = -22;
export const ENFILE = -23;
export const EMFILE = -24;
export const ETXTBSY = -26;
export const EFBIG = -27;
export const ENOSPC = -28;
export const EROFS = -30;
export const EMLINK = -31;
export const ERANGE = -34;
export const ENAMETOOLONG = -36;
export const ENOSYS = -38;
export const ENOTEMPTY = -39;
export const ELOOP = -40;
export const ENODATA = -61;
export const EOVERFLOW = -75;
export const EOPNOTSUPP = -95;
export const ESTALE = -116;
export const EDQUOT = -122;
/** Not a kernel number: a directory on the way to the last component is missing. */
export const ENOPATH = -4001;
/** Not a kernel number: a stream that has its size, and no other. */
export const ESTREAMSIZE = -4002;

/** A negative errno. */
export type Errno = number;

export type Result<T extends object> = T | Errno;

export const isErrno = (result: unknown): result is Errno =>
  typeof result === 'number' && result < 0;
