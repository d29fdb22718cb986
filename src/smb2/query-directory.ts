/** MS-SMB2 2.2.33 and 2.2.34: QUERY_DIRECTORY. */
import { id64, is, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { HEADER_SIZE } from './header.ts';
import { decodeOutput, encodeOutput, outputResponse } from './output-response.ts';

export const SMB2_RESTART_SCANS = 0x01;
export const SMB2_RETURN_SINGLE_ENTRY = 0x02;
export const SMB2_INDEX_SPECIFIED = 0x04;
export const SMB2_REOPEN = 0x10;

const Request = struct('SMB2 QUERY_DIRECTORY Request', '2.2.33', {
  structureSize: is(u16, 33),
  fileInformationClass: u8,
  flags: u8,
  fileIndex: u32,
  persistentId: id64,
  volatileId: id64,
  fileNameOffset: u16,
  fileNameLength: u16,
  outputBufferLength: u32,
});
const FILE_NAME_AT = behind(Request);

export interface QueryDirectoryRequest
  extends Omit<Wire<typeof Request>, 'fileNameOffset' | 'fileNameLength'> {
  /** The search pattern; empty when none is given. */
  readonly fileName: string;
}

export function decodeQueryDirectoryRequest(message: Buffer): QueryDirectoryRequest {
  const { fileNameOffset, fileNameLength, ...rest } = Request.read(message, HEADER_SIZE);
  const name = slice(message, fileNameOffset, fileNameLength, FILE_NAME_AT, Request.name);
  return { ...rest, fileName: utf16(name, Request.name) };
}

export function encodeQueryDirectoryRequest(v: QueryDirectoryRequest): Buffer {
  const name = utf16Bytes(v.fileName);
  return withBuffer(
    Request,
    {
      ...v,
      fileNameOffset: name.length > 0 ? FILE_NAME_AT : 0,
      fileNameLength: name.length,
    },
    name,
  );
}

const Response = outputResponse('SMB2 QUERY_DIRECTORY Response', '2.2.34');

export interface QueryDirectoryResponse {
  readonly outputBuffer: Buffer;
}

export const decodeQueryDirectoryResponse = (message: Buffer): QueryDirectoryResponse => ({
  outputBuffer: decodeOutput(Response, message),
});
export const encodeQueryDirectoryResponse = (v: QueryDirectoryResponse): Buffer =>
  encodeOutput(Response, v.outputBuffer);
