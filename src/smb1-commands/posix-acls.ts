/**
 * The CIFS Unix extensions, beside MS-CIFS 3.3.5.58.6 and 3.3.5.58.8: SMB_QUERY_POSIX_ACL and SMB_SET_POSIX_ACL. The
 * kernel says who may set one, by the user's own identity.
 */
import type { OpenRequest } from '../commands/command.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_HANDLE,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { decodePosixAcls, encodePosixAcls } from '../smb1/unix.ts';
import { isErrno } from '../vfs/errno.ts';

export async function queryPosixAcls({ open }: OpenRequest): Promise<Buffer | NtStatus> {
  const { handle } = open;
  if (handle === undefined) return STATUS_INVALID_HANDLE;
  const lists = await handle.posixAcls?.();
  if (lists === undefined) return STATUS_NOT_SUPPORTED;
  return isErrno(lists) ? statusOfErrno(lists) : encodePosixAcls(lists);
}

export async function setPosixAcls({ open, tree }: OpenRequest, data: Buffer): Promise<NtStatus> {
  const { handle } = open;
  const lists = decodePosixAcls(data);
  if (handle === undefined) return STATUS_INVALID_HANDLE;
  if (tree.readOnly) return STATUS_ACCESS_DENIED;
  const set = await handle.setPosixAcls?.(lists);
  if (set === undefined) return STATUS_NOT_SUPPORTED;
  return isErrno(set) ? statusOfErrno(set) : STATUS_SUCCESS;
}
