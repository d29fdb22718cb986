/**
 * MS-SMB2 2.2.13.2.1-15 and 2.2.14.2.1-15: what is inside the create contexts. ExtA, SecD and AAPL carry
 * other documents' structures and stay bytes; a QFid request is empty.
 */
import {
  bytes,
  guid,
  id64,
  is,
  pad,
  type Struct,
  struct,
  u16,
  u32,
  u64,
  type Wire,
} from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import type { FileId } from './file-id.ts';

/** Flags of DH2Q, both ways, and of DH2C. */
export const SMB2_DHANDLE_FLAG_PERSISTENT = 0x00000002;

/** The data of a context has exactly the size of its structure. */
function exact<V>(layout: Struct<V>, data: Buffer): V {
  if (data.length !== layout.size) {
    throw new WireError(layout.name, `${data.length} bytes instead of ${layout.size}`);
  }
  return layout.read(data);
}

const DurableRequest = struct('SMB2_CREATE_DURABLE_HANDLE_REQUEST', '2.2.13.2.3', {
  reserved: pad(16),
});
const DurableResponse = struct('SMB2_CREATE_DURABLE_HANDLE_RESPONSE', '2.2.14.2.3', {
  reserved: pad(8),
});
/** DHnQ: there is nothing in it; only its length is checked. */
export const decodeDurableHandleRequest = (data: Buffer): void => {
  exact(DurableRequest, data);
};
export const encodeDurableHandleRequest = (): Buffer => DurableRequest.encode({});
export const decodeDurableHandleResponse = (data: Buffer): void => {
  exact(DurableResponse, data);
};
export const encodeDurableHandleResponse = (): Buffer => DurableResponse.encode({});

const DurableReconnect = struct('SMB2_CREATE_DURABLE_HANDLE_RECONNECT', '2.2.13.2.4', {
  persistentId: id64,
  volatileId: id64,
});
/** DHnC */
export const decodeDurableHandleReconnect = (data: Buffer): FileId => exact(DurableReconnect, data);
export const encodeDurableHandleReconnect = (v: FileId): Buffer => DurableReconnect.encode(v);

const Time = struct('FILETIME', '2.2.13.2.7', { timestamp: u64 });
/** MxAc request: a time stamp, or undefined for the empty form. */
export const decodeQueryMaximalAccessRequest = (data: Buffer): bigint | undefined =>
  data.length === 0 ? undefined : exact(Time, data).timestamp;
export const encodeQueryMaximalAccessRequest = (timestamp?: bigint): Buffer =>
  timestamp === undefined ? Buffer.alloc(0) : Time.encode({ timestamp });

const MaximalAccess = struct('SMB2_CREATE_QUERY_MAXIMAL_ACCESS_RESPONSE', '2.2.14.2.5', {
  queryStatus: u32,
  maximalAccess: u32,
});
export type MaximalAccessResponse = Wire<typeof MaximalAccess>;
/** MxAc response */
export const decodeQueryMaximalAccessResponse = (data: Buffer): MaximalAccessResponse =>
  exact(MaximalAccess, data);
export const encodeQueryMaximalAccessResponse = (v: MaximalAccessResponse): Buffer =>
  MaximalAccess.encode(v);

const Allocation = struct('SMB2_CREATE_ALLOCATION_SIZE', '2.2.13.2.6', { allocationSize: id64 });
/** AlSi: bytes to reserve. */
export const decodeAllocationSize = (data: Buffer): number =>
  exact(Allocation, data).allocationSize;
export const encodeAllocationSize = (allocationSize: number): Buffer =>
  Allocation.encode({ allocationSize });

/** TWrp: the FILETIME of the version to open. */
export const decodeTimewarpToken = (data: Buffer): bigint => exact(Time, data).timestamp;
export const encodeTimewarpToken = (timestamp: bigint): Buffer => Time.encode({ timestamp });

const OnDiskId = struct('SMB2_CREATE_QUERY_ON_DISK_ID', '2.2.14.2.9', {
  diskFileId: u64,
  volumeId: u64,
  reserved: pad(16),
});
export type OnDiskId = Wire<typeof OnDiskId>;
/** QFid response */
export const decodeQueryOnDiskIdResponse = (data: Buffer): OnDiskId => exact(OnDiskId, data);
export const encodeQueryOnDiskIdResponse = (v: OnDiskId): Buffer => OnDiskId.encode(v);

const Lease = struct('SMB2_CREATE_REQUEST_LEASE', '2.2.13.2.8', {
  leaseKey: bytes(16),
  leaseState: u32,
  leaseFlags: u32,
  leaseDuration: pad(8),
});
const LeaseV2 = struct('SMB2_CREATE_REQUEST_LEASE_V2', '2.2.13.2.10', {
  leaseKey: bytes(16),
  leaseState: u32,
  leaseFlags: u32,
  leaseDuration: pad(8),
  parentLeaseKey: bytes(16),
  epoch: u16,
  reserved: pad(2),
});

export type LeaseContext =
  | ({ readonly version: 1 } & Wire<typeof Lease>)
  | ({ readonly version: 2 } & Wire<typeof LeaseV2>);

/** RqLs, request and response alike: 32 bytes are version 1, 52 bytes version 2. */
export const decodeLease = (data: Buffer): LeaseContext =>
  data.length === Lease.size
    ? { version: 1, ...Lease.read(data) }
    : { version: 2, ...exact(LeaseV2, data) };
export const encodeLease = (v: LeaseContext): Buffer =>
  v.version === 1 ? Lease.encode(v) : LeaseV2.encode(v);

const DurableV2 = struct('SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2', '2.2.13.2.11', {
  timeout: u32,
  flags: u32,
  reserved: pad(8),
  createGuid: guid,
});
export type DurableHandleRequestV2 = Wire<typeof DurableV2>;
/** DH2Q request; the timeout is in milliseconds, 0 leaves it to the server. */
export const decodeDurableHandleRequestV2 = (data: Buffer): DurableHandleRequestV2 =>
  exact(DurableV2, data);
export const encodeDurableHandleRequestV2 = (v: DurableHandleRequestV2): Buffer =>
  DurableV2.encode(v);

const DurableV2Response = struct('SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2', '2.2.14.2.12', {
  timeout: u32,
  flags: u32,
});
export type DurableHandleResponseV2 = Wire<typeof DurableV2Response>;
/** DH2Q response */
export const decodeDurableHandleResponseV2 = (data: Buffer): DurableHandleResponseV2 =>
  exact(DurableV2Response, data);
export const encodeDurableHandleResponseV2 = (v: DurableHandleResponseV2): Buffer =>
  DurableV2Response.encode(v);

const ReconnectV2 = struct('SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2', '2.2.13.2.12', {
  persistentId: id64,
  volatileId: id64,
  createGuid: guid,
  flags: u32,
});
export type DurableHandleReconnectV2 = Wire<typeof ReconnectV2>;
/** DH2C */
export const decodeDurableHandleReconnectV2 = (data: Buffer): DurableHandleReconnectV2 =>
  exact(ReconnectV2, data);
export const encodeDurableHandleReconnectV2 = (v: DurableHandleReconnectV2): Buffer =>
  ReconnectV2.encode(v);

const AppInstanceId = struct('SMB2_CREATE_APP_INSTANCE_ID', '2.2.13.2.13', {
  structureSize: is(u16, 20),
  reserved: pad(2),
  appInstanceId: guid,
});
export const decodeAppInstanceId = (data: Buffer): Buffer =>
  exact(AppInstanceId, data).appInstanceId;
export const encodeAppInstanceId = (appInstanceId: Buffer): Buffer =>
  AppInstanceId.encode({ appInstanceId });

const AppInstanceVersion = struct('SMB2_CREATE_APP_INSTANCE_VERSION', '2.2.13.2.15', {
  structureSize: is(u16, 24),
  reserved: pad(2),
  padding: pad(4),
  appInstanceVersionHigh: u64,
  appInstanceVersionLow: u64,
});
export type AppInstanceVersion = Wire<typeof AppInstanceVersion>;
export const decodeAppInstanceVersion = (data: Buffer): AppInstanceVersion =>
  exact(AppInstanceVersion, data);
export const encodeAppInstanceVersion = (v: AppInstanceVersion): Buffer =>
  AppInstanceVersion.encode(v);

/** The SMB3 POSIX extensions: the mode of what is made, as a client of Linux has it, or in the form of the wire. */
const PosixRequest = struct('SMB3 POSIX create context request', '2.2.13.2', { mode: u32 });
export const decodePosixCreateRequest = (data: Buffer): number => PosixRequest.read(data).mode;
export const encodePosixCreateRequest = (mode: number): Buffer => PosixRequest.encode({ mode });
