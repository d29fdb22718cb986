/** MS-SMB2 3.3.5.9 on a named pipe of IPC$. */
import { FILE_ALL_ACCESS, MAXIMUM_ALLOWED, mapGenericRights } from '../dtyp/access-mask.ts';
import {
  STATUS_BAD_IMPERSONATION_LEVEL,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_NORMAL } from '../fscc/attributes.ts';
import { unusedId } from '../objects/ids.ts';
import { Open } from '../objects/open.ts';
import { Pipe } from '../objects/pipe.ts';
import { type CreateRequest, encodeCreateResponse } from '../smb2/create.ts';
import { FILE_OPENED, ImpersonationLevel } from '../smb2/create-options.ts';
import { SMB2_OPLOCK_LEVEL_NONE } from '../smb2/oplock-levels.ts';
import { sequenceOf } from './channel-sequence.ts';
import type { Outcome, TreeRequest } from './command.ts';

/** Longest pipe name looked up; the services have names of a dozen characters. */
const MAX_PIPE_NAME = 64;

export function createPipe(body: CreateRequest, request: TreeRequest): Outcome {
  const { server, session, tree } = request;
  if (body.impersonationLevel === ImpersonationLevel.Delegate) {
    return STATUS_BAD_IMPERSONATION_LEVEL;
  }
  // With a backslash before it, or below \PIPE\, it names nothing, as on Windows.
  const name = body.name.toLowerCase();
  if (name.length > MAX_PIPE_NAME) return STATUS_OBJECT_NAME_INVALID;
  const endpoint = server.controlPlane.openPipe(session.account!, name, {
    address: request.connection.transport.remoteAddress,
    sessionKey: session.applicationKey,
  });
  if (endpoint === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  const mapped = mapGenericRights(body.desiredAccess);
  const open = new Open(
    {
      persistentId: unusedId(server.opens),
      volatileId: unusedId(session.opens),
      session,
      tree,
      access: (mapped & MAXIMUM_ALLOWED) !== 0 ? FILE_ALL_ACCESS : mapped,
      share: body.shareAccess,
      createOptions: body.createOptions,
      pipe: new Pipe(name, endpoint),
      channelSequence: sequenceOf(request),
    },
    { deleteOnClose: false, mode: 0 },
  );
  server.opens.set(open.persistentId, open);
  session.opens.set(open.volatileId, open);
  tree.openCount += 1;
  request.open = open;
  return {
    body: encodeCreateResponse({
      oplockLevel: SMB2_OPLOCK_LEVEL_NONE,
      flags: 0,
      createAction: FILE_OPENED,
      creationTime: 0n,
      lastAccessTime: 0n,
      lastWriteTime: 0n,
      changeTime: 0n,
      allocationSize: 4096,
      endOfFile: 0,
      fileAttributes: FILE_ATTRIBUTE_NORMAL,
      persistentId: open.persistentId,
      volatileId: open.volatileId,
      createContexts: [],
    }),
  };
}
