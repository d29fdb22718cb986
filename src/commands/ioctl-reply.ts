/** MS-SMB2 2.2.32: the answer to an IOCTL. */
import { type NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import { encodeIoctlResponse, type IoctlRequest } from '../smb2/ioctl.ts';
import type { Outcome, Reply } from './command.ts';

const NOTHING: Buffer = Buffer.alloc(0);

/** Success with this output, if the client has room for it. */
export function respond(body: IoctlRequest, open: Open | undefined, output = NOTHING): Outcome {
  if (output.length > body.maxOutputResponse) return STATUS_BUFFER_TOO_SMALL;
  return reply(body, open, output, STATUS_SUCCESS);
}

export function reply(
  body: IoctlRequest,
  open: Open | undefined,
  output: Buffer,
  status: NtStatus,
): Reply {
  return {
    status,
    body: encodeIoctlResponse({
      ctlCode: body.ctlCode,
      persistentId: open?.persistentId ?? body.persistentId,
      volatileId: open?.volatileId ?? body.volatileId,
      flags: 0,
      input: NOTHING,
      output,
    }),
  };
}
