/**
 * MS-SMB2 3.3.4.1, as debug output of component smb: a line for each answer, with what its request was for; and what has to be
 * told of an answer whatever is switched on.
 */
import { type NtStatus, STATUS_DISK_FULL, statusName } from '../dtyp/ntstatus.ts';
import { formatPath } from '../fscc/names.ts';
import type { Request } from '../objects/request.ts';
import { commandName } from '../smb2/header.ts';
import { isErrno } from '../vfs/errno.ts';
import { tellNoRoom } from './stream-room.ts';

/** `name`: of a command of another protocol. Costs a look into a set while the component is off. */
export function tellAnswer(request: Request, status: NtStatus, name?: string): void {
  const { log } = request.connection;
  const { header, session, tree, open } = request;
  if (status === STATUS_DISK_FULL && tree !== undefined && open?.closed === false) {
    if (open.handle?.base !== undefined) void tellNoRoom(log, tree, open.handle);
  }
  if (!log.debugs('smb')) return;
  log.debug('smb', name ?? commandName(header.command), {
    status: statusName(status),
    message: header.messageId,
    ...(session?.account !== undefined && { user: session.account.name }),
    ...(tree !== undefined && { share: tree.share.name }),
    ...(open !== undefined && { open: open.persistentId.toString(16), file: nameOf(request) }),
  });
}

/** Undefined once it is closed: its id tells which it was. */
function nameOf({ open }: Request): string | undefined {
  if (open?.closed !== false) return undefined;
  const path = open.handle?.toldPath?.() ?? open.handle?.path();
  return path === undefined || isErrno(path) ? undefined : formatPath(path);
}
