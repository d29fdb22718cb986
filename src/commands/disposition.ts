/** MS-FSA 2.1.5.15.3 and 2.1.5.15.4: marking a file for deletion, and taking that back. */
import { after } from '../base/after.ts';
import { FILE_WRITE_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_CANNOT_DELETE,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_FILE_CLOSED,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_READONLY } from '../fscc/attributes.ts';
import {
  FILE_DISPOSITION_DELETE,
  FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE,
  FILE_DISPOSITION_ON_CLOSE,
  FILE_DISPOSITION_POSIX_SEMANTICS,
  FILE_DISPOSITION_VALID_FLAGS,
  FileDispositionInformation,
  FileDispositionInformationEx,
} from '../fscc/rename-information.ts';
import type { Open } from '../objects/open.ts';
import type { SharedFiles } from '../objects/shared-file.ts';
import { releaseHandle } from '../objects/teardown.ts';
import { isEmptyToClients } from '../objects/vetoed-files.ts';
import { type Errno, isErrno } from '../vfs/errno.ts';
import type { MaybePromise, VfsHandle } from '../vfs/vfs.ts';
import { statusOfErrno } from './errno-status.ts';

export function setDisposition(
  buffer: Buffer,
  open: Open,
  handle: VfsHandle,
  files: SharedFiles,
): MaybePromise<NtStatus> {
  const { deletePending } = FileDispositionInformation.read(buffer);
  return deletePending ? markDeleted(open, handle, files, false) : unmark(open);
}

export function setDispositionEx(
  buffer: Buffer,
  open: Open,
  handle: VfsHandle,
  files: SharedFiles,
): MaybePromise<NtStatus> {
  const { flags } = FileDispositionInformationEx.read(buffer);
  if ((flags & ~FILE_DISPOSITION_VALID_FLAGS) !== 0) return STATUS_NOT_SUPPORTED;
  if ((flags & FILE_DISPOSITION_DELETE) === 0) return unmark(open);
  if ((flags & FILE_DISPOSITION_ON_CLOSE) !== 0) {
    if (open.file!.deleterOf(handle) === undefined) return STATUS_NOT_SUPPORTED;
  } else {
    // Removes the name with this open, while others have the file open.
    open.deletesAtOnce = open.isPosix || (flags & FILE_DISPOSITION_POSIX_SEMANTICS) !== 0;
  }
  const ignoresReadonly =
    (flags & FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE) !== 0 &&
    (open.access & FILE_WRITE_ATTRIBUTES) !== 0;
  return markDeleted(open, handle, files, ignoresReadonly);
}

function markDeleted(
  open: Open,
  handle: VfsHandle,
  files: SharedFiles,
  ignoresReadonly: boolean,
): MaybePromise<NtStatus> {
  return after(handle.stat(), (stat) => {
    if (isErrno(stat)) return statusOfErrno(stat);
    if ((stat.attributes & FILE_ATTRIBUTE_READONLY) !== 0 && !ignoresReadonly && !open.isPosix) {
      return STATUS_CANNOT_DELETE;
    }
    const path = handle.path();
    // The root of the share stays; a stream of it may go.
    const isRoot = handle.base === undefined && !isErrno(path) && path.length === 0;
    if (isRoot) return STATUS_CANNOT_DELETE;
    return after(handle.removable(), (removable) =>
      isErrno(removable)
        ? statusOfErrno(removable)
        : after(refuseFull(open, handle), (full) => full ?? mark(open, files, path)),
    );
  });
}

/** Of a directory in which there is something; last, so that what is made in it from now on is seen by `mark`. */
function refuseFull(open: Open, handle: VfsHandle): MaybePromise<NtStatus | undefined> {
  if (handle.kind !== 'directory') return undefined;
  return after(isEmptyToClients(handle, open.home.visibility), (empty) => {
    if (typeof empty === 'number') return statusOfErrno(empty);
    return empty ? undefined : STATUS_DIRECTORY_NOT_EMPTY;
  });
}

function mark(open: Open, files: SharedFiles, path: readonly string[] | Errno): NtStatus {
  // Closed while the file system was asked.
  if (open.closed) return STATUS_FILE_CLOSED;
  if (!isErrno(path) && files.isArrivedIn(open.home, path)) return STATUS_DIRECTORY_NOT_EMPTY;
  open.file!.markDeletePending(open);
  return STATUS_SUCCESS;
}

function unmark(open: Open): NtStatus {
  const file = open.file!;
  const handle = open.handle!;
  for (let deleter = file.deleterOf(handle); deleter !== undefined; ) {
    // What is being removed already is not kept.
    if (deleter.isDeleting) break;
    file.unmark(deleter);
    // The handle of an open that has closed meanwhile was kept for the deletion only.
    if (deleter.closed) releaseHandle(deleter);
    deleter = file.deleterOf(handle);
  }
  return STATUS_SUCCESS;
}
