/**
 * MS-SMB2 2.2.31 and 2.2.32: IOCTL. Control codes are in fsctl.ts, what they carry in
 * ioctl-structures.ts.
 */
import { id64, is, pad, struct, u16, u32, type Wire } from '../wire/struct.ts';
import { align8, slice } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { HEADER_SIZE } from './header.ts';

/** Flags of the request; without it the code is no FSCTL. */
export const SMB2_0_IOCTL_IS_FSCTL = 0x00000001;

const Request = struct('SMB2 IOCTL Request', '2.2.31', {
  structureSize: is(u16, 57),
  reserved: pad(2),
  ctlCode: u32,
  persistentId: id64,
  volatileId: id64,
  inputOffset: u32,
  inputCount: u32,
  maxInputResponse: u32,
  outputOffset: u32,
  outputCount: u32,
  maxOutputResponse: u32,
  flags: u32,
  reserved2: pad(4),
});
const REQUEST_BUFFER_AT = behind(Request);
type Tail = 'inputOffset' | 'inputCount' | 'outputOffset' | 'outputCount';

export interface IoctlRequest extends Omit<Wire<typeof Request>, Tail> {
  readonly input: Buffer;
  /** 2.2.31 wants none in a request; it counts for the credit charge. */
  readonly output: Buffer;
}

export function decodeIoctlRequest(message: Buffer): IoctlRequest {
  const { inputOffset, inputCount, outputOffset, outputCount, ...rest } = Request.read(
    message,
    HEADER_SIZE,
  );
  return {
    ...rest,
    input: slice(message, inputOffset, inputCount, REQUEST_BUFFER_AT, Request.name),
    output: slice(message, outputOffset, outputCount, REQUEST_BUFFER_AT, Request.name),
  };
}

/** Input, then output at the next multiple of 8, both counted from the start of the message. */
function buffers(input: Buffer, output: Buffer, bufferAt: number) {
  const outputAt = align8(bufferAt + input.length);
  const tail = Buffer.alloc(output.length > 0 ? outputAt - bufferAt + output.length : input.length);
  tail.set(input);
  if (output.length > 0) tail.set(output, outputAt - bufferAt);
  return { tail, outputAt };
}

export function encodeIoctlRequest(v: IoctlRequest): Buffer {
  const { tail, outputAt } = buffers(v.input, v.output, REQUEST_BUFFER_AT);
  return withBuffer(
    Request,
    {
      ...v,
      inputOffset: v.input.length > 0 ? REQUEST_BUFFER_AT : 0,
      inputCount: v.input.length,
      outputOffset: v.output.length > 0 ? outputAt : 0,
      outputCount: v.output.length,
    },
    tail,
  );
}

const Response = struct('SMB2 IOCTL Response', '2.2.32', {
  structureSize: is(u16, 49),
  reserved: pad(2),
  ctlCode: u32,
  persistentId: id64,
  volatileId: id64,
  inputOffset: u32,
  inputCount: u32,
  outputOffset: u32,
  outputCount: u32,
  flags: u32,
  reserved2: pad(4),
});
/** 0x70 */
const RESPONSE_BUFFER_AT = behind(Response);

export interface IoctlResponse extends Omit<Wire<typeof Response>, Tail> {
  readonly input: Buffer;
  readonly output: Buffer;
}

export function decodeIoctlResponse(message: Buffer): IoctlResponse {
  const { inputOffset, inputCount, outputOffset, outputCount, ...rest } = Response.read(
    message,
    HEADER_SIZE,
  );
  return {
    ...rest,
    input: slice(message, inputOffset, inputCount, RESPONSE_BUFFER_AT, Response.name),
    output: slice(message, outputOffset, outputCount, RESPONSE_BUFFER_AT, Response.name),
  };
}

/** Both offsets lie inside the message even for empty buffers: Windows refuses one that does not. */
export function encodeIoctlResponse(v: IoctlResponse): Buffer {
  const { tail, outputAt } = buffers(v.input, v.output, RESPONSE_BUFFER_AT);
  return withBuffer(
    Response,
    {
      ...v,
      inputOffset: RESPONSE_BUFFER_AT,
      inputCount: v.input.length,
      outputOffset: v.output.length > 0 ? outputAt : RESPONSE_BUFFER_AT,
      outputCount: v.output.length,
    },
    tail,
  );
}
