/** MS-SMB2 3.3.5.11: FLUSH. */
import { FILE_APPEND_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import { STATUS_ACCESS_DENIED } from '../dtyp/ntstatus.ts';
import { encodeFlushResponse } from '../smb2/flush.ts';
import { isErrno } from '../vfs/errno.ts';
import type { OpenRequest, Outcome } from './command.ts';
import { statusOfErrno } from './errno-status.ts';

const reply = { body: encodeFlushResponse() };

export async function flush(_body: unknown, { open }: OpenRequest): Promise<Outcome> {
  if (open.handle === undefined) return reply;
  // On a directory the rights are FILE_ADD_FILE and FILE_ADD_SUBDIRECTORY, the same bits.
  if ((open.access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0) return STATUS_ACCESS_DENIED;
  const result = await open.handle.flush();
  return isErrno(result) ? statusOfErrno(result) : reply;
}
