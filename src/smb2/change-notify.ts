/** MS-SMB2 2.2.35 and 2.2.36: CHANGE_NOTIFY. */
import { id64, is, pad, struct, u16, u32, type Wire } from '../wire/struct.ts';
import { HEADER_SIZE } from './header.ts';
import { decodeOutput, encodeOutput, outputResponse } from './output-response.ts';

export const SMB2_WATCH_TREE = 0x0001;

export const FILE_NOTIFY_CHANGE_FILE_NAME = 0x00000001;
export const FILE_NOTIFY_CHANGE_DIR_NAME = 0x00000002;
export const FILE_NOTIFY_CHANGE_ATTRIBUTES = 0x00000004;
export const FILE_NOTIFY_CHANGE_SIZE = 0x00000008;
export const FILE_NOTIFY_CHANGE_LAST_WRITE = 0x00000010;
export const FILE_NOTIFY_CHANGE_LAST_ACCESS = 0x00000020;
export const FILE_NOTIFY_CHANGE_CREATION = 0x00000040;
export const FILE_NOTIFY_CHANGE_EA = 0x00000080;
export const FILE_NOTIFY_CHANGE_SECURITY = 0x00000100;
export const FILE_NOTIFY_CHANGE_STREAM_NAME = 0x00000200;
export const FILE_NOTIFY_CHANGE_STREAM_SIZE = 0x00000400;
export const FILE_NOTIFY_CHANGE_STREAM_WRITE = 0x00000800;

const Request = struct('SMB2 CHANGE_NOTIFY Request', '2.2.35', {
  structureSize: is(u16, 32),
  flags: u16,
  outputBufferLength: u32,
  persistentId: id64,
  volatileId: id64,
  completionFilter: u32,
  reserved: pad(4),
});
export type ChangeNotifyRequest = Wire<typeof Request>;

export const decodeChangeNotifyRequest = (message: Buffer): ChangeNotifyRequest =>
  Request.read(message, HEADER_SIZE);
export const encodeChangeNotifyRequest = (v: ChangeNotifyRequest): Buffer => Request.encode(v);

const Response = outputResponse('SMB2 CHANGE_NOTIFY Response', '2.2.36');

export interface ChangeNotifyResponse {
  /** FILE_NOTIFY_INFORMATION entries, MS-FSCC 2.7.1. */
  readonly outputBuffer: Buffer;
}

export const decodeChangeNotifyResponse = (message: Buffer): ChangeNotifyResponse => ({
  outputBuffer: decodeOutput(Response, message),
});
export const encodeChangeNotifyResponse = (v: ChangeNotifyResponse): Buffer =>
  encodeOutput(Response, v.outputBuffer);
