/**
 * MS-SMB2 3.3.5.20.3: QUERY_INFO for a security descriptor. Files have none of their own here, and
 * FILE_PERSISTENT_ACLS is not advertised; what is told is what mode and owner amount to, as MS-DTYP
 * 2.4.6 writes it: the owning user and group as Unix SIDs and what the user may do as a DACL.
 */
import { READ_CONTROL } from '../dtyp/access-mask.ts';
import { STATUS_ACCESS_DENIED, STATUS_NOT_SUPPORTED } from '../dtyp/ntstatus.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import type { OpenRequest } from './command.ts';
import type { QueryResult } from './query-info.ts';

export function querySecurity(_body: QueryInfoRequest, { open }: OpenRequest): QueryResult {
  if (open.handle === undefined) return STATUS_NOT_SUPPORTED;
  if ((open.access & READ_CONTROL) === 0) return STATUS_ACCESS_DENIED;
  return STATUS_NOT_SUPPORTED;
}
