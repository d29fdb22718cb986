/** MS-SMB2 3.3.5.20.2 and MS-FSA 2.1.5.13: information about the file system of a share. */
import { createHash } from 'node:crypto';
import { STATUS_INVALID_DEVICE_REQUEST } from '../dtyp/ntstatus.ts';
import {
  FILE_CASE_PRESERVED_NAMES,
  FILE_CASE_SENSITIVE_SEARCH,
  FILE_DEVICE_DISK,
  FILE_DEVICE_IS_MOUNTED,
  FILE_NAMED_STREAMS,
  FILE_PERSISTENT_ACLS,
  FILE_READ_ONLY_VOLUME,
  FILE_SUPPORTS_BLOCK_REFCOUNTING,
  FILE_SUPPORTS_EXTENDED_ATTRIBUTES,
  FILE_SUPPORTS_HARD_LINKS,
  FILE_SUPPORTS_OBJECT_IDS,
  FILE_SUPPORTS_REPARSE_POINTS,
  FILE_SUPPORTS_SPARSE_FILES,
  FILE_UNICODE_ON_DISK,
  FILE_VOLUME_QUOTAS,
  SSINFO_FLAGS_ALIGNED_DEVICE,
  SSINFO_FLAGS_PARTITION_ALIGNED_ON_DEVICE,
} from '../fscc/fs-attributes.ts';
import {
  encodeFileFsAttributeInformation,
  encodeFileFsVolumeInformation,
  FileFsDeviceInformation,
  FileFsFullSizeInformation,
  FileFsObjectIdInformation,
  FileFsSectorSizeInformation,
  FileFsSizeInformation,
} from '../fscc/fs-information.ts';
import { FsInformationClass as Class } from '../fscc/information-class.ts';
import { fitInformation, fsQueryRules, refuseFs } from '../fscc/information-rules.ts';
import { FileFsPosixInformation } from '../fscc/posix-information.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsFeatures, VfsVolume } from '../vfs/vfs.ts';
import { ALL_ONES } from '../wire/struct.ts';
import { backupVolume } from './backup-volume.ts';
import type { OpenRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import { volumeObjectId } from './object-id.ts';
import type { QueryResult } from './query-info.ts';
import { queryControl } from './quotas.ts';

/** Logical sectors; what every client takes for granted. */
const BYTES_PER_SECTOR = 512;
/** MS-FSCC 2.5.1: names of at most 255 characters, whatever the disk takes in bytes. */
const MAX_NAME_UNITS = 255;

export async function queryFsInfo(
  body: QueryInfoRequest,
  request: OpenRequest,
): Promise<QueryResult> {
  const { tree, server } = request;
  const rule = fsQueryRules[body.fileInfoClass];
  if (rule === undefined) return queryPosix(body, request);
  if (tree.files === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (body.fileInfoClass === Class.FileFsControlInformation) {
    const control = await queryControl(tree);
    if (isErrno(control)) return statusOfErrno(control);
    return fitInformation(rule.fixedSize, control, body.outputBufferLength);
  }
  const disk = await tree.files.volume();
  if (isErrno(disk)) return statusOfErrno(disk);
  // A limit on what backups take changes nothing about the disk's sectors.
  const isAboutSectors = body.fileInfoClass === Class.FileFsSectorSizeInformation;
  const volume = isAboutSectors ? disk : await backupVolume(tree, disk);
  const encoded = fsInformation(body.fileInfoClass, tree, volume, server);
  return fitInformation(rule.fixedSize, encoded, body.outputBufferLength);
}

const NOT_KNOWN = ALL_ONES;
/** "For undefined recommended transfer size" of the POSIX extensions. */
const NO_OPTIMAL_SIZE = 0xffff_ffff;

/** The class of the SMB3 POSIX extensions, where they are spoken: statfs(2) as the client's users know it. */
async function queryPosix(body: QueryInfoRequest, { tree }: OpenRequest): Promise<QueryResult> {
  const isKnown = body.fileInfoClass === Class.FileFsPosixInformation;
  if (!isKnown || tree.posixFiles === undefined) return refuseFs(body.fileInfoClass);
  const volume = await tree.posixFiles.volume();
  if (isErrno(volume)) return statusOfErrno(volume);
  const { blockSize, volumeId } = volume;
  const blocks = (size: number): number => Math.floor(size / blockSize);
  const encoded = FileFsPosixInformation.encode({
    optimalTransferSize: NO_OPTIMAL_SIZE,
    blockSize,
    totalBlocks: blocks(volume.totalBytes),
    blocksAvailable: blocks(volume.freeBytes),
    userBlocksAvailable: blocks(volume.availableBytes),
    totalFileNodes: volume.totalObjects ?? NOT_KNOWN,
    freeFileNodes: volume.freeObjects ?? NOT_KNOWN,
    fileSystemId: BigInt(volumeId),
  });
  return fitInformation(FileFsPosixInformation.size, encoded, body.outputBufferLength);
}

function fsInformation(
  fsInfoClass: number,
  tree: TreeConnect,
  volume: VfsVolume,
  { guid, options }: ServerState,
): Buffer {
  const { share } = tree;
  const units = (size: number): number => Math.floor(size / unitBytes(volume));
  // 2.1.5.13.3, .7: to whoever has a quota there is no more.
  const totalAllocationUnits = units(Math.min(volume.totalBytes, volume.limitBytes ?? Infinity));
  const sectorsPerAllocationUnit = unitBytes(volume) / BYTES_PER_SECTOR;
  switch (fsInfoClass) {
    case Class.FileFsVolumeInformation:
      return encodeFileFsVolumeInformation({
        volumeCreationTime: 0n,
        volumeSerialNumber: serialNumber(volume.volumeId, share.name),
        supportsObjects: false,
        volumeLabel: share.volumeLabel,
      });
    case Class.FileFsSizeInformation:
      return FileFsSizeInformation.encode({
        totalAllocationUnits,
        availableAllocationUnits: units(volume.availableBytes),
        sectorsPerAllocationUnit,
        bytesPerSector: BYTES_PER_SECTOR,
      });
    case Class.FileFsFullSizeInformation:
      return FileFsFullSizeInformation.encode({
        totalAllocationUnits,
        callerAvailableAllocationUnits: units(volume.availableBytes),
        actualAvailableAllocationUnits: units(volume.freeBytes),
        sectorsPerAllocationUnit,
        bytesPerSector: BYTES_PER_SECTOR,
      });
    case Class.FileFsDeviceInformation:
      return FileFsDeviceInformation.encode({
        deviceType: FILE_DEVICE_DISK,
        characteristics: FILE_DEVICE_IS_MOUNTED,
      });
    case Class.FileFsAttributeInformation:
      return encodeFileFsAttributeInformation({
        fileSystemAttributes:
          fsAttributes(share.vfs!.features, volume, tree.readOnly) |
          (options.fakeFsAttributes ?? 0),
        maximumComponentNameLength: Math.min(volume.maxNameLength, MAX_NAME_UNITS),
        fileSystemName: share.vfs!.features.fileSystemName,
      });
    case Class.FileFsObjectIdInformation:
      return FileFsObjectIdInformation.encode({
        objectId: volumeObjectId(guid, volume.volumeId),
        extendedInfo: Buffer.alloc(48),
      });
    default:
      return sectorSize(volume);
  }
}

/** Sectors of 512 bytes must divide the allocation unit, whatever the disk says. */
const unitBytes = (volume: VfsVolume): number =>
  Math.max(BYTES_PER_SECTOR, volume.blockSize - (volume.blockSize % BYTES_PER_SECTOR));

function fsAttributes(features: VfsFeatures, volume: VfsVolume, readOnly: boolean): number {
  return (
    FILE_CASE_SENSITIVE_SEARCH |
    FILE_CASE_PRESERVED_NAMES |
    FILE_UNICODE_ON_DISK |
    FILE_SUPPORTS_OBJECT_IDS |
    (features.namedStreams ? FILE_NAMED_STREAMS : 0) |
    (features.securityDescriptors ? FILE_PERSISTENT_ACLS : 0) |
    (features.extendedAttributes ? FILE_SUPPORTS_EXTENDED_ATTRIBUTES : 0) |
    (features.hardLinks ? FILE_SUPPORTS_HARD_LINKS : 0) |
    (features.sparseFiles && features.attributes ? FILE_SUPPORTS_SPARSE_FILES : 0) |
    (features.reparsePoints ? FILE_SUPPORTS_REPARSE_POINTS : 0) |
    (features.cloning ? FILE_SUPPORTS_BLOCK_REFCOUNTING : 0) |
    (volume.hasQuotas === true ? FILE_VOLUME_QUOTAS : 0) |
    (readOnly || volume.readOnly ? FILE_READ_ONLY_VOLUME : 0)
  );
}

/** Stable over restarts, different for two shares of one disk. */
const serialNumber = (volumeId: number, share: string): number =>
  createHash('sha256').update(`${volumeId} ${share.toLowerCase()}`).digest().readUInt32LE(0);

function sectorSize(volume: VfsVolume): Buffer {
  const physical = unitBytes(volume);
  return FileFsSectorSizeInformation.encode({
    logicalBytesPerSector: BYTES_PER_SECTOR,
    physicalBytesPerSectorForAtomicity: physical,
    physicalBytesPerSectorForPerformance: physical,
    fileSystemEffectivePhysicalBytesPerSectorForAtomicity: physical,
    flags: SSINFO_FLAGS_ALIGNED_DEVICE | SSINFO_FLAGS_PARTITION_ALIGNED_ON_DEVICE,
    byteOffsetForSectorAlignment: 0,
    byteOffsetForPartitionAlignment: 0,
  });
}
