/**
 * MS-SMB2 3.3.5.15.3, .4 and .10: what IOCTL does with named pipes: a transaction, a look at what is there to be read,
 * and the wait for an instance, with which .NET and other users of WaitNamedPipe begin.
 */
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_CANCELLED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PIPE_DISCONNECTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import {
  decodePipeWaitRequest,
  encodePipePeekReply,
  FILE_PIPE_CONNECTED_STATE,
  PIPE_PEEK_FIXED_BYTES,
} from '../smb2/ioctl-structures.ts';
import type { Outcome } from './command.ts';
import { reply, respond } from './ioctl-reply.ts';

const NOTHING = Buffer.alloc(0);

/** 3.3.5.15.3 */
export async function transceive(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const { pipe } = open;
  if (pipe === undefined) return STATUS_NOT_SUPPORTED;
  if (!request.mayPend) return STATUS_INSUFFICIENT_RESOURCES;
  if (!(await pipe.write(Buffer.from(body.input)))) return STATUS_PIPE_DISCONNECTED;
  const limit = body.maxOutputResponse;
  const answer = pipe.readNow(limit) ?? (await pipe.read(limit, request.pend()));
  if (answer === undefined) return request.cancelled ? STATUS_CANCELLED : STATUS_PIPE_DISCONNECTED;
  return reply(body, open, answer.bytes, answer.more ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS);
}

/** 3.3.5.15.4, MS-FSCC 2.3.46: nothing is taken away, and nothing waited for. */
export function peekPipe(body: IoctlRequest, open: Open): Outcome {
  const { pipe } = open;
  if (pipe === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const limit = body.maxOutputResponse;
  // "A MaxOutputResponse value of zero is allowed."
  if (limit === 0) return respond(body, open);
  if (limit < PIPE_PEEK_FIXED_BYTES) return STATUS_BUFFER_TOO_SMALL;
  const { bytes, more } = pipe.peek() ?? { bytes: NOTHING, more: false };
  const data = bytes.subarray(0, limit - PIPE_PEEK_FIXED_BYTES);
  const output = encodePipePeekReply({
    namedPipeState: FILE_PIPE_CONNECTED_STATE,
    readDataAvailable: bytes.length,
    numberOfMessages: bytes.length > 0 ? 1 : 0,
    messageLength: bytes.length,
    data,
  });
  const isCut = more || data.length < bytes.length;
  return reply(body, open, output, isCut ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS);
}

/** 3.3.5.15.10, MS-FSCC 2.3.49: there is always an instance left, or no such pipe at all. */
export function waitForPipe(body: IoctlRequest, { server, session, tree, connection }: Request) {
  if (tree!.share.type !== 'pipe') return STATUS_INVALID_DEVICE_REQUEST;
  const peer = { address: connection.transport.remoteAddress, sessionKey: undefined };
  const name = decodePipeWaitRequest(body.input).name.toLowerCase();
  const endpoint = server.controlPlane.openPipe(session!.account!, name, peer);
  if (endpoint === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  endpoint.close();
  return respond(body, undefined);
}
