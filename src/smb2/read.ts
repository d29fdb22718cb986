/** MS-SMB2 2.2.19 and 2.2.20: READ. */
import { id64, is, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { SMB2_CHANNEL_NONE } from './channel.ts';
import { HEADER_SIZE } from './header.ts';

export const SMB2_READFLAG_READ_UNBUFFERED = 0x01;
export const SMB2_READFLAG_REQUEST_COMPRESSED = 0x02;
/** Of an answer at 3.1.1: its buffer is an SMB2_RDMA_TRANSFORM, the data went by RDMA. */
export const SMB2_READFLAG_RESPONSE_RDMA_TRANSFORM = 0x0000_0001;

const Request = struct('SMB2 READ Request', '2.2.19', {
  structureSize: is(u16, 49),
  /** Where the client would like the data to start; not binding. */
  padding: u8,
  flags: u8,
  length: u32,
  /** Not exact from 2^53 up, which is beyond any file. */
  offset: id64,
  persistentId: id64,
  volatileId: id64,
  minimumCount: u32,
  channel: u32,
  remainingBytes: u32,
  readChannelInfoOffset: u16,
  readChannelInfoLength: u16,
});
const REQUEST_BUFFER_AT = behind(Request);

export interface ReadRequest
  extends Omit<Wire<typeof Request>, 'readChannelInfoOffset' | 'readChannelInfoLength'> {
  /** Empty when the channel is SMB2_CHANNEL_NONE. */
  readonly readChannelInfo: Buffer;
}

/** Field by field: an object rest costs more here than all the reading. */
export function decodeReadRequest(message: Buffer): ReadRequest {
  const fixed = Request.read(message, HEADER_SIZE);
  return {
    padding: fixed.padding,
    flags: fixed.flags,
    length: fixed.length,
    offset: fixed.offset,
    persistentId: fixed.persistentId,
    volatileId: fixed.volatileId,
    minimumCount: fixed.minimumCount,
    channel: fixed.channel,
    remainingBytes: fixed.remainingBytes,
    readChannelInfo: slice(
      message,
      fixed.readChannelInfoOffset,
      fixed.channel === SMB2_CHANNEL_NONE ? 0 : fixed.readChannelInfoLength,
      REQUEST_BUFFER_AT,
      Request.name,
    ),
  };
}

export const encodeReadRequest = (v: ReadRequest): Buffer =>
  withBuffer(
    Request,
    {
      ...v,
      readChannelInfoOffset: v.readChannelInfo.length > 0 ? REQUEST_BUFFER_AT : 0,
      readChannelInfoLength: v.readChannelInfo.length,
    },
    v.readChannelInfo,
  );

const Response = struct('SMB2 READ Response', '2.2.20', {
  structureSize: is(u16, 17),
  dataOffset: u8,
  reserved: pad(1),
  dataLength: u32,
  dataRemaining: u32,
  /** Reserved2 below 3.1.1. */
  flags: u32,
});
/** 0x50: Windows and others expect the data nowhere else. */
const DATA_AT = behind(Response);

export interface ReadResponse {
  readonly data: Buffer;
  readonly dataRemaining: number;
  readonly flags: number;
}

export function decodeReadResponse(message: Buffer): ReadResponse {
  const { dataOffset, dataLength, dataRemaining, flags } = Response.read(message, HEADER_SIZE);
  return {
    data: slice(message, dataOffset, dataLength, DATA_AT, Response.name),
    dataRemaining,
    flags,
  };
}

/** Copies the data; for large ones there is encodeReadResponseHeader. */
export const encodeReadResponse = (v: ReadResponse): Buffer =>
  withBuffer(
    Response,
    {
      dataOffset: DATA_AT,
      dataLength: v.data.length,
      dataRemaining: v.dataRemaining,
      flags: v.flags,
    },
    v.data,
  );

/**
 * The 16 bytes before the data, which the caller sends behind them as a buffer of its own. For a length
 * of 0 use encodeReadResponse: the body is 17 bytes at least.
 */
export const encodeReadResponseHeader = (
  dataLength: number,
  dataRemaining = 0,
  flags = 0,
): Buffer => Response.encode({ dataOffset: DATA_AT, dataLength, dataRemaining, flags });
