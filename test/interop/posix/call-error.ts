/** What the calls of POSIX fail with, and which statuses Linux' client turns into it. */
import * as Status from '../../../src/dtyp/ntstatus.ts';

/** What a call fails with. */
export class CallError extends Error {
  readonly errno: string;

  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

/** As Linux' client has them (smb2maperror.c); what is not here is EIO there. */
const ERRNOS: ReadonlyMap<number, string> = new Map([
  [Status.STATUS_ACCESS_DENIED, 'EACCES'],
  [Status.STATUS_CANNOT_DELETE, 'EACCES'],
  [Status.STATUS_DELETE_PENDING, 'ENOENT'],
  [Status.STATUS_DIRECTORY_NOT_EMPTY, 'ENOTEMPTY'],
  [Status.STATUS_DISK_FULL, 'ENOSPC'],
  [Status.STATUS_FILE_IS_A_DIRECTORY, 'EISDIR'],
  [Status.STATUS_INVALID_PARAMETER, 'EINVAL'],
  [Status.STATUS_NOT_A_DIRECTORY, 'ENOTDIR'],
  [Status.STATUS_NOT_SUPPORTED, 'EOPNOTSUPP'],
  [Status.STATUS_OBJECT_NAME_COLLISION, 'EEXIST'],
  [Status.STATUS_OBJECT_NAME_INVALID, 'ENOENT'],
  [Status.STATUS_OBJECT_NAME_NOT_FOUND, 'ENOENT'],
  [Status.STATUS_OBJECT_PATH_NOT_FOUND, 'ENOENT'],
  [Status.STATUS_PRIVILEGE_NOT_HELD, 'EPERM'],
  [Status.STATUS_SHARING_VIOLATION, 'EBUSY'],
  [Status.STATUS_TOO_MANY_LINKS, 'EMLINK'],
]);

/** Throws unless it succeeded. */
export function check(status: number): void {
  if (status === Status.STATUS_SUCCESS) return;
  throw new CallError(ERRNOS.get(status) ?? `0x${status.toString(16)}`);
}
