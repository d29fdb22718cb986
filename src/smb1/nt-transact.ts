/** MS-CIFS 2.2.7: the parameters and setup words of NT_TRANSACT's subcommands. */
import { id64, pad, struct, u8, u16, u32, u64, type Wire } from '../wire/struct.ts';
import { BytesReader } from './strings.ts';

const Create = struct('NT_TRANSACT_CREATE Request', 'MS-CIFS 2.2.7.1.1', {
  flags: u32,
  rootDirectoryFid: u32,
  desiredAccess: u32,
  allocationSize: id64,
  extFileAttributes: u32,
  shareAccess: u32,
  createDisposition: u32,
  createOptions: u32,
  securityDescriptorLength: u32,
  eaLength: u32,
  nameLength: u32,
  impersonationLevel: u32,
  securityFlags: u8,
});

export interface NtTransactCreate extends Omit<Wire<typeof Create>, 'nameLength'> {
  readonly name: string;
}

export function decodeNtTransactCreate(parameters: Buffer, unicode: boolean): NtTransactCreate {
  const { nameLength, ...rest } = Create.read(parameters);
  const bytes = parameters.subarray(Create.size);
  // Parameters are aligned to 4 in the message, so the name is to 2 in here.
  const reader = new BytesReader({ bytes, bytesAt: Create.size }, unicode);
  return { ...rest, name: nameLength === 0 ? '' : reader.sized(nameLength) };
}

export const NtTransactCreateAnswer = struct('NT_TRANSACT_CREATE Response', 'MS-CIFS 2.2.7.1.2', {
  oplockLevel: u8,
  reserved: pad(1),
  fid: u16,
  createAction: u32,
  eaErrorOffset: u32,
  creationTime: u64,
  lastAccessTime: u64,
  lastWriteTime: u64,
  changeTime: u64,
  extFileAttributes: u32,
  allocationSize: id64,
  endOfFile: id64,
  resourceType: u16,
  nmPipeStatus: u16,
  directory: u8,
});

export const IoctlSetup = struct('NT_TRANSACT_IOCTL Request', 'MS-CIFS 2.2.7.2.1', {
  functionCode: u32,
  fid: u16,
  isFsctl: u8,
  isFlags: u8,
});

export const NotifySetup = struct('NT_TRANSACT_NOTIFY_CHANGE Request', 'MS-CIFS 2.2.7.4.1', {
  completionFilter: u32,
  fid: u16,
  watchTree: u8,
  reserved: pad(1),
});

/** The part behind the FID is a SMB2_QUERY_QUOTA_INFO (MS-SMB2 2.2.37.1), but for what is reserved there. */
export const QueryQuotaParameters = struct('NT_TRANSACT_QUERY_QUOTA Request', 'MS-SMB 2.2.7.5.1', {
  fid: u16,
  returnSingleEntry: u8,
  restartScan: u8,
  sidListLength: u32,
  startSidLength: u32,
  startSidOffset: u32,
});

export const SetQuotaParameters = struct('NT_TRANSACT_SET_QUOTA Request', 'MS-SMB 2.2.7.6.1', {
  fid: u16,
});

export const SecurityParameters = struct(
  'NT_TRANSACT_QUERY_SECURITY_DESC Request',
  'MS-CIFS 2.2.7.6.1',
  { fid: u16, reserved: pad(2), securityInfoFields: u32 },
);
