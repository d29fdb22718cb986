/**
 * MS-SMB2 3.3.5.20.3 and MS-FSA 2.1.5.14: the security descriptor of a file. Files have none of their
 * own here (FILE_PERSISTENT_ACLS is not advertised); what is told is what owner, group and mode amount
 * to: Unix SIDs, and an entry each for the owner, the group and everybody.
 */
import {
  ACCESS_SYSTEM_SECURITY,
  type AccessMask,
  DELETE,
  FILE_ALL_ACCESS,
  FILE_DELETE_CHILD,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  READ_CONTROL,
  SYNCHRONIZE,
} from '../dtyp/access-mask.ts';
import { allowedAce, makeAcl } from '../dtyp/acl.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  encodeSecurityDescriptor,
  SACL_SECURITY_INFORMATION,
  type SecurityDescriptor,
} from '../dtyp/security-descriptor.ts';
import { EVERYONE, unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import { encodeBufferTooSmall, encodeErrorResponse, errorWithData } from '../smb2/error.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsStat } from '../vfs/vfs.ts';
import type { OpenRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import type { QueryResult } from './query-info.ts';

export async function querySecurity(
  body: QueryInfoRequest,
  request: OpenRequest,
): Promise<QueryResult> {
  const { open, connection } = request;
  if (open.handle === undefined) return STATUS_NOT_SUPPORTED;
  const wantsSacl = (body.additionalInformation & SACL_SECURITY_INFORMATION) !== 0;
  const needed = READ_CONTROL | (wantsSacl ? ACCESS_SYSTEM_SECURITY : 0);
  if ((needed & ~open.access) !== 0) return STATUS_ACCESS_DENIED;
  const stat = await open.handle.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  const bytes = encodeSecurityDescriptor(descriptorOf(stat), body.additionalInformation);
  if (bytes.length <= body.outputBufferLength) return { status: STATUS_SUCCESS, bytes };
  const error = errorWithData(
    encodeBufferTooSmall(bytes.length),
    connection.dialect!.preauthIntegrity,
  );
  return { status: STATUS_BUFFER_TOO_SMALL, body: encodeErrorResponse(error) };
}

function descriptorOf(stat: VfsStat): SecurityDescriptor {
  const { uid, gid, mode } = stat;
  return {
    control: 0,
    owner: unixUserSid(uid),
    group: unixGroupSid(gid),
    sacl: undefined,
    dacl: makeAcl([
      allowedAce(unixUserSid(uid), rights(mode >> 6)),
      allowedAce(unixGroupSid(gid), rights(mode >> 3)),
      allowedAce(EVERYONE, rights(mode)),
    ]),
  };
}

/** What one of the three digits of a mode lets its class do. */
function rights(bits: number): AccessMask {
  if ((bits & 7) === 7) return FILE_ALL_ACCESS;
  return (
    FILE_READ_ATTRIBUTES |
    READ_CONTROL |
    SYNCHRONIZE |
    ((bits & 4) !== 0 ? FILE_GENERIC_READ : 0) |
    ((bits & 2) !== 0 ? FILE_GENERIC_WRITE | FILE_DELETE_CHILD | DELETE : 0) |
    ((bits & 1) !== 0 ? FILE_GENERIC_EXECUTE : 0)
  );
}
