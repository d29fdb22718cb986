/**
 * MS-CIFS 3.3.5.57: TRANSACTION on named pipes: messages go to the DCE/RPC endpoints that SMB2 reaches, too. Pipes are in
 * message mode and block.
 */
import type { OpenRequest } from '../commands/command.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_CANCELLED,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PIPE_DISCONNECTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Pipe } from '../objects/pipe.ts';
import { encodeTerminated } from '../smb1/strings.ts';
import type { Assembly, TransactionAnswer, TransactionHead } from '../smb1/transaction.ts';
import { struct, u8, u16 } from '../wire/struct.ts';
import type { TreeCall } from './call.ts';
import { openOf, withOpen } from './opening.ts';

/** MS-CIFS 2.2.5: subcommands of TRANSACTION. The two raw ones are refused, as Windows NT and what follows do. */
export const TransNamedPipe = {
  TRANS_SET_NMPIPE_STATE: 0x0001,
  TRANS_RAW_READ_NMPIPE: 0x0011,
  TRANS_QUERY_NMPIPE_STATE: 0x0021,
  TRANS_QUERY_NMPIPE_INFO: 0x0022,
  TRANS_PEEK_NMPIPE: 0x0023,
  TRANS_TRANSACT_NMPIPE: 0x0026,
  TRANS_RAW_WRITE_NMPIPE: 0x0031,
  TRANS_READ_NMPIPE: 0x0036,
  TRANS_WRITE_NMPIPE: 0x0037,
  TRANS_WAIT_NMPIPE: 0x0053,
  TRANS_CALL_NMPIPE: 0x0054,
} as const;

const PipeInfo = struct('TRANS_QUERY_NMPIPE_INFO Response', 'MS-CIFS 2.2.5.4.2', {
  outputBufferSize: u16,
  inputBufferSize: u16,
  maximumInstances: u8,
  currentInstances: u8,
  pipeNameLength: u8,
});
const PipeState = struct('TRANS_PEEK_NMPIPE Response', 'MS-CIFS 2.2.5.5.2', {
  readDataAvailable: u16,
  messageBytesLength: u16,
  namedPipeState: u16,
});

const PIPE_BUFFER_BYTES = 4096;
const NO_LIMIT = 0xff;
const PIPE_IS_CONNECTED = 3;
const NOTHING = Buffer.alloc(0);

type Answer = TransactionAnswer & { status?: NtStatus };

const answered = (data: Buffer, more: boolean): Answer => ({
  status: more ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
  setup: NOTHING,
  parameters: NOTHING,
  data,
});

/** MS-RAP 2.1: TRANSACTION on \PIPE\LANMAN, which nobody opens. */
async function remoteAdministration(call: TreeCall, parameters: Buffer) {
  const { link, request } = call;
  const answer = await link.server.controlPlane.rap(request.session.account!, parameters);
  return answer === undefined ? STATUS_ACCESS_DENIED : { setup: NOTHING, ...answer };
}

export async function transactPipe(
  call: TreeCall,
  { head, parameters, data }: Assembly,
): Promise<Answer | NtStatus> {
  const { setup, name } = head;
  if (/^\\pipe\\lanman$/i.test(name)) return remoteAdministration(call, parameters);
  if (!/^\\pipe/i.test(name)) return STATUS_NOT_SUPPORTED;
  if (head.function === TransNamedPipe.TRANS_WAIT_NMPIPE) return waitForPipe(call, name);
  if (head.function === TransNamedPipe.TRANS_CALL_NMPIPE) return callPipe(call, head, data);
  if (setup.length < 4) return STATUS_INVALID_PARAMETER;
  const file = openOf(call, setup.readUInt16LE(2));
  if (typeof file === 'number') return file;
  const { pipe } = file.open;
  if (pipe === undefined) return STATUS_NOT_SUPPORTED;
  switch (head.function) {
    case TransNamedPipe.TRANS_SET_NMPIPE_STATE:
      return answered(NOTHING, false);
    case TransNamedPipe.TRANS_QUERY_NMPIPE_STATE: {
      const parameters = Buffer.from([0xff, 0x05]);
      return { setup: NOTHING, parameters, data: NOTHING };
    }
    case TransNamedPipe.TRANS_QUERY_NMPIPE_INFO:
      return pipeInfo(call, pipe, parameters, head.maxDataCount);
    case TransNamedPipe.TRANS_PEEK_NMPIPE:
      return peek(pipe, head.maxDataCount);
    case TransNamedPipe.TRANS_TRANSACT_NMPIPE:
      return transceive(call, pipe, data, head.maxDataCount);
    case TransNamedPipe.TRANS_READ_NMPIPE:
      return readPipe(call, pipe, head.maxDataCount);
    case TransNamedPipe.TRANS_WRITE_NMPIPE: {
      if (!(await pipe.write(Buffer.from(data)))) return STATUS_PIPE_DISCONNECTED;
      const written = Buffer.alloc(2);
      written.writeUInt16LE(data.length);
      return { setup: NOTHING, parameters: written, data: NOTHING };
    }
    case TransNamedPipe.TRANS_RAW_READ_NMPIPE:
    case TransNamedPipe.TRANS_RAW_WRITE_NMPIPE:
      return STATUS_INVALID_PARAMETER;
    default:
      return STATUS_NOT_SUPPORTED;
  }
}

async function transceive(
  call: TreeCall,
  pipe: Pipe,
  data: Buffer,
  limit: number,
): Promise<Answer | NtStatus> {
  if (!(await pipe.write(Buffer.from(data)))) return STATUS_PIPE_DISCONNECTED;
  return readPipe(call, pipe, limit);
}

async function readPipe(call: TreeCall, pipe: Pipe, limit: number): Promise<Answer | NtStatus> {
  const found = pipe.readNow(limit) ?? (await pipe.read(limit, call.request.pend()));
  if (found !== undefined) return answered(found.bytes, found.more);
  return call.request.cancelled ? STATUS_CANCELLED : STATUS_PIPE_DISCONNECTED;
}

/** 3.3.5.57.5: level 1; what of the name does not fit is left out. */
function pipeInfo(
  { unicode }: TreeCall,
  pipe: Pipe,
  parameters: Buffer,
  limit: number,
): Answer | NtStatus {
  if (parameters.length < 2 || parameters.readUInt16LE() !== 1) return STATUS_INVALID_PARAMETER;
  if (limit < PipeInfo.size) return STATUS_BUFFER_TOO_SMALL;
  const name = encodeTerminated(`\\PIPE\\${pipe.name}`, unicode);
  const fixed = PipeInfo.encode({
    outputBufferSize: PIPE_BUFFER_BYTES,
    inputBufferSize: PIPE_BUFFER_BYTES,
    maximumInstances: NO_LIMIT,
    currentInstances: 1,
    pipeNameLength: name.length,
  });
  const whole = Buffer.concat([fixed, name]);
  return answered(whole.subarray(0, limit), whole.length > limit);
}

/** 3.3.5.57.6: nothing is taken away, and nothing waited for. */
function peek(pipe: Pipe, limit: number): Answer {
  const { bytes, more } = pipe.peek() ?? { bytes: NOTHING, more: false };
  const data = bytes.subarray(0, limit);
  const parameters = PipeState.encode({
    readDataAvailable: bytes.length,
    messageBytesLength: bytes.length - data.length,
    namedPipeState: PIPE_IS_CONNECTED,
  });
  const isCut = more || data.length < bytes.length;
  return { ...answered(data, isCut), parameters };
}

const nameOf = (text: string): string => text.replace(/^\\pipe\\?/i, '');

/** 3.3.5.57.11, MS-FSCC 2.3.49: there is always an instance left, or no such pipe at all. */
function waitForPipe({ link, request }: TreeCall, name: string): Answer | NtStatus {
  const peer = { address: link.connection.transport.remoteAddress, sessionKey: undefined };
  const pipe = nameOf(name).toLowerCase();
  const endpoint = link.server.controlPlane.openPipe(request.session.account!, pipe, peer);
  if (endpoint === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  endpoint.close();
  return answered(NOTHING, false);
}

/** 3.3.5.57.12: opened, written, read and closed in one. */
function callPipe(call: TreeCall, { name, maxDataCount }: TransactionHead, data: Buffer) {
  if (call.request.tree.files !== undefined) return STATUS_NOT_SUPPORTED;
  const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
  const wish = { name: nameOf(name), access, options: 0 };
  return withOpen<Answer | NtStatus>(call, wish, ({ open }: OpenRequest) =>
    transceive(call, open.pipe!, data, maxDataCount),
  );
}
