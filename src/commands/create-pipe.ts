/** MS-SMB2 3.3.5.9 on a named pipe of IPC$. */
import { FILE_ALL_ACCESS, MAXIMUM_ALLOWED, mapGenericRights } from '../dtyp/access-mask.ts';
import {
  STATUS_BAD_IMPERSONATION_LEVEL,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_NORMAL } from '../fscc/attributes.ts';
import { Pipe } from '../objects/pipe.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { ImpersonationLevel } from '../smb2/create-options.ts';
import type { Outcome, TreeRequest } from './command.ts';
import { createWithoutFile } from './create-without-file.ts';

/** Longest pipe name looked up; the services have names of a dozen characters. */
const MAX_PIPE_NAME = 64;
const PIPE_BUFFER_BYTES = 4096;

export function createPipe(body: CreateRequest, request: TreeRequest): Outcome {
  const { server, session } = request;
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
  return createWithoutFile(body, request, {
    access: (mapped & MAXIMUM_ALLOWED) !== 0 ? FILE_ALL_ACCESS : mapped,
    pipe: new Pipe(name, endpoint),
    fileAttributes: FILE_ATTRIBUTE_NORMAL,
    allocationSize: PIPE_BUFFER_BYTES,
  });
}
