/** MS-FSCC 2.5: the file system information classes. */
import { bytes, guid, id64, pad, struct, u32, u64, type Wire } from '../wire/struct.ts';
import { utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { boolean } from './boolean.ts';

/** 2.5.1 */
export interface FileFsAttributeInformation {
  readonly fileSystemAttributes: number;
  /** Longest name in characters, at most 255. */
  readonly maximumComponentNameLength: number;
  readonly fileSystemName: string;
}

const AttributeFixed = struct('FILE_FS_ATTRIBUTE_INFORMATION', '2.5.1', {
  fileSystemAttributes: u32,
  maximumComponentNameLength: u32,
  fileSystemNameLength: u32,
});

export function encodeFileFsAttributeInformation(value: FileFsAttributeInformation): Buffer {
  const name = utf16Bytes(value.fileSystemName);
  const b = AttributeFixed.encode({ ...value, fileSystemNameLength: name.length }, name.length);
  b.set(name, AttributeFixed.size);
  return b;
}

export function decodeFileFsAttributeInformation(b: Buffer): FileFsAttributeInformation {
  const { fileSystemNameLength, ...rest } = AttributeFixed.read(b);
  return { ...rest, fileSystemName: textBehind(b, AttributeFixed, fileSystemNameLength) };
}

/** 2.5.2, FileSystemControlFlags. */
export const FILE_VC_QUOTA_TRACK = 0x01;
export const FILE_VC_QUOTA_ENFORCE = 0x02;

export const FileFsControlInformation = struct('FILE_FS_CONTROL_INFORMATION', '2.5.2', {
  freeSpaceStartFiltering: u64,
  freeSpaceThreshold: u64,
  freeSpaceStopFiltering: u64,
  defaultQuotaThreshold: u64,
  defaultQuotaLimit: u64,
  fileSystemControlFlags: u32,
  padding: pad(4),
});
export type FileFsControlInformation = Wire<typeof FileFsControlInformation>;

export const FileFsFullSizeInformation = struct('FILE_FS_FULL_SIZE_INFORMATION', '2.5.4', {
  totalAllocationUnits: id64,
  callerAvailableAllocationUnits: id64,
  actualAvailableAllocationUnits: id64,
  sectorsPerAllocationUnit: u32,
  bytesPerSector: u32,
});
export type FileFsFullSizeInformation = Wire<typeof FileFsFullSizeInformation>;

export const FileFsObjectIdInformation = struct('FILE_FS_OBJECTID_INFORMATION', '2.5.6', {
  objectId: guid,
  extendedInfo: bytes(48),
});
export type FileFsObjectIdInformation = Wire<typeof FileFsObjectIdInformation>;

export const FileFsSectorSizeInformation = struct('FILE_FS_SECTOR_SIZE_INFORMATION', '2.5.7', {
  logicalBytesPerSector: u32,
  physicalBytesPerSectorForAtomicity: u32,
  physicalBytesPerSectorForPerformance: u32,
  fileSystemEffectivePhysicalBytesPerSectorForAtomicity: u32,
  flags: u32,
  byteOffsetForSectorAlignment: u32,
  byteOffsetForPartitionAlignment: u32,
});
export type FileFsSectorSizeInformation = Wire<typeof FileFsSectorSizeInformation>;

export const FileFsSizeInformation = struct('FILE_FS_SIZE_INFORMATION', '2.5.8', {
  totalAllocationUnits: id64,
  availableAllocationUnits: id64,
  sectorsPerAllocationUnit: u32,
  bytesPerSector: u32,
});
export type FileFsSizeInformation = Wire<typeof FileFsSizeInformation>;

/** 2.5.9 */
export interface FileFsVolumeInformation {
  readonly volumeCreationTime: bigint;
  readonly volumeSerialNumber: number;
  readonly supportsObjects: boolean;
  readonly volumeLabel: string;
}

/** "If the volume label is greater than 32 characters, return the first 32 characters." */
export const MAX_LABEL_UNITS = 32;

const VolumeFixed = struct('FILE_FS_VOLUME_INFORMATION', '2.5.9', {
  volumeCreationTime: u64,
  volumeSerialNumber: u32,
  volumeLabelLength: u32,
  supportsObjects: boolean,
  reserved: pad(1),
});

export function encodeFileFsVolumeInformation(value: FileFsVolumeInformation): Buffer {
  const label = utf16Bytes(value.volumeLabel.slice(0, MAX_LABEL_UNITS));
  const b = VolumeFixed.encode({ ...value, volumeLabelLength: label.length }, label.length);
  b.set(label, VolumeFixed.size);
  return b;
}

export function decodeFileFsVolumeInformation(b: Buffer): FileFsVolumeInformation {
  const { volumeLabelLength, ...rest } = VolumeFixed.read(b);
  return { ...rest, volumeLabel: textBehind(b, VolumeFixed, volumeLabelLength) };
}

export const FileFsDeviceInformation = struct('FILE_FS_DEVICE_INFORMATION', '2.5.10', {
  deviceType: u32,
  characteristics: u32,
});
export type FileFsDeviceInformation = Wire<typeof FileFsDeviceInformation>;

function textBehind(b: Buffer, fixed: { name: string; size: number }, length: number): string {
  if (length > b.length - fixed.size) throw new WireError(fixed.name, `a name of ${length} bytes`);
  return utf16(b.subarray(fixed.size, fixed.size + length), fixed.name);
}
