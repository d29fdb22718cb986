/** MS-SMB2 3.3.5.10: CLOSE. */
import { STATUS_FILE_CLOSED } from '../dtyp/ntstatus.ts';
import { closeOpen } from '../objects/teardown.ts';
import {
  type CloseRequest,
  encodeCloseResponse,
  SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB,
} from '../smb2/close.ts';
import { isErrno, type Result } from '../vfs/errno.ts';
import type { VfsStat } from '../vfs/vfs.ts';
import type { MaybePromise, OpenRequest, Outcome } from './command.ts';
import { openAttributes } from './directory-entry.ts';

const bare = {
  body: encodeCloseResponse({
    flags: 0,
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 0n,
    changeTime: 0n,
    allocationSize: 0,
    endOfFile: 0,
    fileAttributes: 0,
  }),
};

export function close(body: CloseRequest, request: OpenRequest): MaybePromise<Outcome> {
  const { open } = request;
  const wanted = (body.flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB) !== 0;
  const stat = wanted && open.handle !== undefined ? open.handle.stat() : undefined;
  return stat instanceof Promise
    ? stat.then((later) => finish(request, later))
    : finish(request, stat);
}

function finish(request: OpenRequest, stat: Result<VfsStat> | undefined): MaybePromise<Outcome> {
  const { open, server } = request;
  // Another CLOSE was faster.
  if (open.closed) return STATUS_FILE_CLOSED;
  const reply = stat === undefined || isErrno(stat) ? bare : attributesReply(request, stat);
  const closing = closeOpen(server, open);
  return closing === undefined ? reply : closing.then(() => reply);
}

function attributesReply({ open }: OpenRequest, stat: VfsStat): Outcome {
  return {
    body: encodeCloseResponse({
      flags: SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB,
      creationTime: stat.creationTime,
      lastAccessTime: stat.lastAccessTime,
      lastWriteTime: stat.lastWriteTime,
      changeTime: stat.changeTime,
      allocationSize: stat.allocationSize,
      endOfFile: stat.size,
      fileAttributes: openAttributes(open, stat, open.handle!.path()),
    }),
  };
}
