/** MS-SMBD 2.2: the messages of SMB Direct. */
import { pad, struct, u16, u32, type Wire } from '../../wire/struct.ts';
import { WireError } from '../../wire/wire-error.ts';

export const SMB_DIRECT_VERSION = 0x0100;

const NegotiateRequest = struct('SMB_DIRECT Negotiate Request', '2.2.1', {
  minVersion: u16,
  maxVersion: u16,
  reserved: pad(2),
  creditsRequested: u16,
  preferredSendSize: u32,
  maxReceiveSize: u32,
  maxFragmentedSize: u32,
});
export type NegotiateRequest = Wire<typeof NegotiateRequest>;

export const decodeNegotiateRequest = (message: Buffer): NegotiateRequest =>
  NegotiateRequest.read(message);
export const encodeNegotiateRequest = (v: NegotiateRequest): Buffer => NegotiateRequest.encode(v);

const NegotiateResponse = struct('SMB_DIRECT Negotiate Response', '2.2.2', {
  minVersion: u16,
  maxVersion: u16,
  negotiatedVersion: u16,
  reserved: pad(2),
  creditsRequested: u16,
  creditsGranted: u16,
  status: u32,
  maxReadWriteSize: u32,
  preferredSendSize: u32,
  maxReceiveSize: u32,
  maxFragmentedSize: u32,
});
export type NegotiateResponse = Wire<typeof NegotiateResponse>;

export const decodeNegotiateResponse = (message: Buffer): NegotiateResponse =>
  NegotiateResponse.read(message);
export const encodeNegotiateResponse = (v: NegotiateResponse): Buffer =>
  NegotiateResponse.encode(v);

/** Flags of a data transfer: the peer wants an answer at once. */
export const SMB_DIRECT_RESPONSE_REQUESTED = 0x0001;

const DataTransfer = struct('SMB_DIRECT Data Transfer', '2.2.3', {
  creditsRequested: u16,
  creditsGranted: u16,
  flags: u16,
  reserved: pad(2),
  remainingDataLength: u32,
  dataOffset: u32,
  dataLength: u32,
});
export const EMPTY_TRANSFER_BYTES = DataTransfer.size;
/** DataOffset, a multiple of 8: where the data of what we send begin. */
export const DATA_AT = 24;

export interface DataTransfer extends Omit<Wire<typeof DataTransfer>, 'dataOffset' | 'dataLength'> {
  readonly data: Buffer;
}

export function decodeDataTransfer(message: Buffer): DataTransfer {
  const { dataOffset, dataLength, ...rest } = DataTransfer.read(message);
  if (dataLength === 0) return { ...rest, data: message.subarray(0, 0) };
  if (dataOffset % 8 !== 0 || dataOffset < DATA_AT || dataOffset + dataLength > message.length) {
    throw new WireError(DataTransfer.name, `${dataLength} bytes at ${dataOffset}`);
  }
  return { ...rest, data: message.subarray(dataOffset, dataOffset + dataLength) };
}

/** Header and padding before `dataLength` bytes that the caller sends behind; 20 bytes where there are none. */
export function encodeDataTransferHeader(
  fields: Omit<DataTransfer, 'data'>,
  dataLength: number,
): Buffer {
  const dataOffset = dataLength === 0 ? 0 : DATA_AT;
  const tail = dataLength === 0 ? 0 : DATA_AT - DataTransfer.size;
  return DataTransfer.encode({ ...fields, dataOffset, dataLength }, tail);
}
