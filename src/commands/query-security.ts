/**
 * MS-SMB2 3.3.5.20.3 and MS-FSA 2.1.5.14: the security descriptor of a file, its own or what owner, group,
 * mode and ACL amount to. Who asks for no part of it gets an empty one.
 */
import { ACCESS_SYSTEM_SECURITY, READ_CONTROL } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  ALL_SECURITY_INFORMATION,
  BACKUP_SECURITY_INFORMATION,
  encodeSecurityDescriptor,
  OWNER_FIRST,
  SACL_SECURITY_INFORMATION,
} from '../dtyp/security-descriptor.ts';
import { encodeBufferTooSmall, encodeErrorResponse, errorWithData } from '../smb2/error.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import { isErrno } from '../vfs/errno.ts';
import { toldToApple } from './apple-security.ts';
import type { OpenRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import type { QueryResult } from './query-info.ts';

export async function querySecurity(
  body: QueryInfoRequest,
  request: OpenRequest,
): Promise<QueryResult> {
  const { open, connection } = request;
  if (open.handle === undefined) return STATUS_NOT_SUPPORTED;
  const information = body.additionalInformation;
  if ((neededToRead(information) & ~open.access) !== 0) return STATUS_ACCESS_DENIED;
  const descriptor = await open.handle.security();
  if (isErrno(descriptor)) return statusOfErrno(descriptor);
  const told =
    request.session.apple === undefined
      ? descriptor
      : await toldToApple(descriptor, information, request);
  if (isErrno(told)) return statusOfErrno(told);
  const bytes = encodeSecurityDescriptor(told, information, OWNER_FIRST);
  if (bytes.length <= body.outputBufferLength) return { status: STATUS_SUCCESS, bytes };
  const error = errorWithData(
    encodeBufferTooSmall(bytes.length),
    connection.dialect!.preauthIntegrity,
  );
  return { status: STATUS_BUFFER_TOO_SMALL, body: encodeErrorResponse(error) };
}

const WITH_SACL = SACL_SECURITY_INFORMATION | BACKUP_SECURITY_INFORMATION;
const WITHOUT_SACL = ALL_SECURITY_INFORMATION & ~SACL_SECURITY_INFORMATION;

const neededToRead = (information: number): number =>
  ((information & (WITHOUT_SACL | BACKUP_SECURITY_INFORMATION)) !== 0 ? READ_CONTROL : 0) |
  ((information & WITH_SACL) !== 0 ? ACCESS_SYSTEM_SECURITY : 0);
