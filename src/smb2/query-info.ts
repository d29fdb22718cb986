/** MS-SMB2 2.2.37 and 2.2.38: QUERY_INFO. Constants are in info-types.ts. */
import { id64, is, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { HEADER_SIZE } from './header.ts';
import { decodeOutput, encodeOutput, outputResponse } from './output-response.ts';

const Request = struct('SMB2 QUERY_INFO Request', '2.2.37', {
  structureSize: is(u16, 41),
  infoType: u8,
  fileInfoClass: u8,
  outputBufferLength: u32,
  inputBufferOffset: u16,
  reserved: pad(2),
  inputBufferLength: u32,
  additionalInformation: u32,
  flags: u32,
  persistentId: id64,
  volatileId: id64,
});
const INPUT_AT = behind(Request);

export interface QueryInfoRequest
  extends Omit<Wire<typeof Request>, 'inputBufferOffset' | 'inputBufferLength'> {
  /** A view; quota and EA queries have one. */
  readonly inputBuffer: Buffer;
}

/** Field by field: an object rest costs more here than all the reading. */
export function decodeQueryInfoRequest(message: Buffer): QueryInfoRequest {
  const fixed = Request.read(message, HEADER_SIZE);
  return {
    infoType: fixed.infoType,
    fileInfoClass: fixed.fileInfoClass,
    outputBufferLength: fixed.outputBufferLength,
    additionalInformation: fixed.additionalInformation,
    flags: fixed.flags,
    persistentId: fixed.persistentId,
    volatileId: fixed.volatileId,
    inputBuffer: slice(
      message,
      fixed.inputBufferOffset,
      fixed.inputBufferLength,
      INPUT_AT,
      Request.name,
    ),
  };
}

export const encodeQueryInfoRequest = (v: QueryInfoRequest): Buffer =>
  withBuffer(
    Request,
    {
      ...v,
      inputBufferOffset: v.inputBuffer.length > 0 ? INPUT_AT : 0,
      inputBufferLength: v.inputBuffer.length,
    },
    v.inputBuffer,
  );

const Response = outputResponse('SMB2 QUERY_INFO Response', '2.2.38');

export interface QueryInfoResponse {
  readonly outputBuffer: Buffer;
}

export const decodeQueryInfoResponse = (message: Buffer): QueryInfoResponse => ({
  outputBuffer: decodeOutput(Response, message),
});
export const encodeQueryInfoResponse = (v: QueryInfoResponse): Buffer =>
  encodeOutput(Response, v.outputBuffer);
