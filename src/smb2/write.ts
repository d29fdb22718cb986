/** MS-SMB2 2.2.21 and 2.2.22: WRITE. */
import { id64, is, pad, struct, u16, u32, type Wire } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { SMB2_CHANNEL_NONE } from './channel.ts';
import { HEADER_SIZE } from './header.ts';

export const SMB2_WRITEFLAG_WRITE_THROUGH = 0x00000001;
export const SMB2_WRITEFLAG_WRITE_UNBUFFERED = 0x00000002;

const Request = struct('SMB2 WRITE Request', '2.2.21', {
  structureSize: is(u16, 49),
  dataOffset: u16,
  length: u32,
  /** Not exact from 2^53 up, which is beyond any file; all ones (ALL_ONES) appends. */
  offset: id64,
  persistentId: id64,
  volatileId: id64,
  channel: u32,
  remainingBytes: u32,
  writeChannelInfoOffset: u16,
  writeChannelInfoLength: u16,
  flags: u32,
});
/** 0x70, where Windows puts the data; others may put it anywhere behind. */
const REQUEST_BUFFER_AT = behind(Request);
export const WRITE_REQUEST_DATA_AT = REQUEST_BUFFER_AT;
type RequestTail = 'dataOffset' | 'length' | 'writeChannelInfoOffset' | 'writeChannelInfoLength';

export interface WriteRequest extends Omit<Wire<typeof Request>, RequestTail> {
  /** A view of the payload in the message. */
  readonly data: Buffer;
  /** Empty when the channel is SMB2_CHANNEL_NONE. */
  readonly writeChannelInfo: Buffer;
}

/** Field by field: an object rest costs more here than all the reading. */
export function decodeWriteRequest(message: Buffer): WriteRequest {
  const fixed = Request.read(message, HEADER_SIZE);
  return {
    offset: fixed.offset,
    persistentId: fixed.persistentId,
    volatileId: fixed.volatileId,
    channel: fixed.channel,
    remainingBytes: fixed.remainingBytes,
    flags: fixed.flags,
    data: slice(message, fixed.dataOffset, fixed.length, REQUEST_BUFFER_AT, Request.name),
    writeChannelInfo: slice(
      message,
      fixed.writeChannelInfoOffset,
      fixed.channel === SMB2_CHANNEL_NONE ? 0 : fixed.writeChannelInfoLength,
      REQUEST_BUFFER_AT,
      Request.name,
    ),
  };
}

/** The channel information, if any, stands before the data. */
export function encodeWriteRequest(v: WriteRequest): Buffer {
  const dataAt = REQUEST_BUFFER_AT + v.writeChannelInfo.length;
  return withBuffer(
    Request,
    {
      ...v,
      dataOffset: dataAt,
      length: v.data.length,
      writeChannelInfoOffset: v.writeChannelInfo.length > 0 ? REQUEST_BUFFER_AT : 0,
      writeChannelInfoLength: v.writeChannelInfo.length,
    },
    v.writeChannelInfo.length > 0 ? Buffer.concat([v.writeChannelInfo, v.data]) : v.data,
  );
}

/** The 48 bytes before `length` bytes of data that the caller sends behind them by itself. */
export const encodeWriteRequestHeader = (
  v: Omit<WriteRequest, 'data' | 'writeChannelInfo'>,
  length: number,
): Buffer =>
  Request.encode({
    ...v,
    dataOffset: REQUEST_BUFFER_AT,
    length,
    writeChannelInfoOffset: 0,
    writeChannelInfoLength: 0,
  });

const Response = struct('SMB2 WRITE Response', '2.2.22', {
  structureSize: is(u16, 17),
  reserved: pad(2),
  count: u32,
  remaining: pad(4),
  writeChannelInfoOffset: pad(2),
  writeChannelInfoLength: pad(2),
});
export type WriteResponse = Wire<typeof Response>;

export const decodeWriteResponse = (message: Buffer): WriteResponse =>
  Response.read(message, HEADER_SIZE);
/** 16 bytes, "the actual size of the response structure notwithstanding": there is no buffer. */
export const encodeWriteResponse = (v: WriteResponse): Buffer => Response.encode(v);
