/**
 * MS-FSCC 2.4: the file information classes of a fixed size, and those that are a name. Each structure
 * is read and written through the declaration that bears its class's name.
 *
 * Sizes and offsets are `id64`: a negative one, which a client may send and no file has, reads as 2^63
 * or more, so `> MAX_FILE_OFFSET` catches it.
 */
import { guid, i64, id64, pad, struct, u8, u16, u32, u64, type Wire } from '../wire/struct.ts';
import { utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { boolean } from './boolean.ts';

/** The largest size and offset that an answer or a request may hold: exact in a number. */
export const MAX_FILE_OFFSET = Number.MAX_SAFE_INTEGER;

/** 2.4.1 */
export const FileAccessInformation = struct('FILE_ACCESS_INFORMATION', '2.4.1', {
  accessFlags: u32,
});
export type FileAccessInformation = Wire<typeof FileAccessInformation>;

/** 2.4.3, AlignmentRequirement: the alignment less one. */
export const FILE_BYTE_ALIGNMENT = 0x00000000;
export const FILE_WORD_ALIGNMENT = 0x00000001;
export const FILE_LONG_ALIGNMENT = 0x00000003;
export const FILE_QUAD_ALIGNMENT = 0x00000007;
export const FILE_512_BYTE_ALIGNMENT = 0x000001ff;

export const FileAlignmentInformation = struct('FILE_ALIGNMENT_INFORMATION', '2.4.3', {
  alignmentRequirement: u32,
});
export type FileAlignmentInformation = Wire<typeof FileAlignmentInformation>;

export const FileAllocationInformation = struct('FILE_ALLOCATION_INFORMATION', '2.4.4', {
  allocationSize: id64,
});
export type FileAllocationInformation = Wire<typeof FileAllocationInformation>;

export const FileAttributeTagInformation = struct('FILE_ATTRIBUTE_TAG_INFORMATION', '2.4.6', {
  fileAttributes: u32,
  reparseTag: u32,
});
export type FileAttributeTagInformation = Wire<typeof FileAttributeTagInformation>;

/** Times of a set request may be 0 (keep), -1 and -2: see TIME_FREEZE and TIME_THAW in filetime.ts. */
export const FileBasicInformation = struct('FILE_BASIC_INFORMATION', '2.4.7', {
  creationTime: u64,
  lastAccessTime: u64,
  lastWriteTime: u64,
  changeTime: u64,
  fileAttributes: u32,
  reserved: pad(4),
});
export type FileBasicInformation = Wire<typeof FileBasicInformation>;

/** 2.4.9, CompressionFormat */
export const COMPRESSION_FORMAT_NONE = 0x0000;
export const COMPRESSION_FORMAT_LZNT1 = 0x0002;

export const FileCompressionInformation = struct('FILE_COMPRESSION_INFORMATION', '2.4.9', {
  compressedFileSize: id64,
  compressionFormat: u16,
  compressionUnitShift: u8,
  chunkShift: u8,
  clusterShift: u8,
  reserved: pad(3),
});
export type FileCompressionInformation = Wire<typeof FileCompressionInformation>;

export const FileEaInformation = struct('FILE_EA_INFORMATION', '2.4.13', { eaSize: u32 });
export type FileEaInformation = Wire<typeof FileEaInformation>;

export const FileEndOfFileInformation = struct('FILE_END_OF_FILE_INFORMATION', '2.4.14', {
  endOfFile: id64,
});
export type FileEndOfFileInformation = Wire<typeof FileEndOfFileInformation>;

/** The 128-bit file ID is `fileId` below `fileIdHigh`, as in a listing. */
export const FileIdInformation = struct('FILE_ID_INFORMATION', '2.4.26', {
  volumeSerialNumber: u64,
  fileId: u64,
  fileIdHigh: u64,
});
export type FileIdInformation = Wire<typeof FileIdInformation>;

export const FileInternalInformation = struct('FILE_INTERNAL_INFORMATION', '2.4.27', {
  indexNumber: u64,
});
export type FileInternalInformation = Wire<typeof FileInternalInformation>;

/** 2.4.31, Mode: the create options of the same names. */
export const FILE_MODE_SETTABLE = 0x00000036;
/** What a query tells of the create options. */
export const FILE_MODE_QUERYABLE = 0x0000103e;

export const FileModeInformation = struct('FILE_MODE_INFORMATION', '2.4.31', { mode: u32 });
export type FileModeInformation = Wire<typeof FileModeInformation>;

export const FileNetworkOpenInformation = struct('FILE_NETWORK_OPEN_INFORMATION', '2.4.34', {
  creationTime: u64,
  lastAccessTime: u64,
  lastWriteTime: u64,
  changeTime: u64,
  allocationSize: id64,
  endOfFile: id64,
  fileAttributes: u32,
  reserved: pad(4),
});
export type FileNetworkOpenInformation = Wire<typeof FileNetworkOpenInformation>;

/** 2.4.36.1, without FileReferenceNumber the buffer of FSCTL_GET_OBJECT_ID (2.1.3.1). */
export const FileObjectIdInformation = struct('FILE_OBJECTID_INFORMATION_TYPE_1', '2.4.36.1', {
  fileReferenceNumber: u64,
  objectId: guid,
  birthVolumeId: guid,
  birthObjectId: guid,
  domainId: guid,
});
export type FileObjectIdInformation = Wire<typeof FileObjectIdInformation>;

/** 2.4.37 */
export const FILE_PIPE_BYTE_STREAM_MODE = 0;
export const FILE_PIPE_MESSAGE_MODE = 1;
export const FILE_PIPE_QUEUE_OPERATION = 0;
export const FILE_PIPE_COMPLETE_OPERATION = 1;

export const FilePipeInformation = struct('FILE_PIPE_INFORMATION', '2.4.37', {
  readMode: u32,
  completionMode: u32,
});
export type FilePipeInformation = Wire<typeof FilePipeInformation>;

/** 2.4.38 */
export const FILE_PIPE_BYTE_STREAM_TYPE = 0;
export const FILE_PIPE_MESSAGE_TYPE = 1;
export const FILE_PIPE_INBOUND = 0;
export const FILE_PIPE_OUTBOUND = 1;
export const FILE_PIPE_FULL_DUPLEX = 2;
export const FILE_PIPE_DISCONNECTED_STATE = 1;
export const FILE_PIPE_LISTENING_STATE = 2;
export const FILE_PIPE_CONNECTED_STATE = 3;
export const FILE_PIPE_CLOSING_STATE = 4;
export const FILE_PIPE_CLIENT_END = 0;
export const FILE_PIPE_SERVER_END = 1;

export const FilePipeLocalInformation = struct('FILE_PIPE_LOCAL_INFORMATION', '2.4.38', {
  namedPipeType: u32,
  namedPipeConfiguration: u32,
  maximumInstances: u32,
  currentInstances: u32,
  inboundQuota: u32,
  readDataAvailable: u32,
  outboundQuota: u32,
  writeQuotaAvailable: u32,
  namedPipeState: u32,
  namedPipeEnd: u32,
});
export type FilePipeLocalInformation = Wire<typeof FilePipeLocalInformation>;

export const FilePipeRemoteInformation = struct('FILE_PIPE_REMOTE_INFORMATION', '2.4.39', {
  collectDataTime: i64,
  maximumCollectionCount: u32,
});
export type FilePipeRemoteInformation = Wire<typeof FilePipeRemoteInformation>;

export const FilePositionInformation = struct('FILE_POSITION_INFORMATION', '2.4.40', {
  currentByteOffset: id64,
});
export type FilePositionInformation = Wire<typeof FilePositionInformation>;

export const FileStandardInformation = struct('FILE_STANDARD_INFORMATION', '2.4.47', {
  allocationSize: id64,
  endOfFile: id64,
  numberOfLinks: u32,
  deletePending: boolean,
  directory: boolean,
  reserved: pad(2),
});
export type FileStandardInformation = Wire<typeof FileStandardInformation>;

export const FileValidDataLengthInformation = struct(
  'FILE_VALID_DATA_LENGTH_INFORMATION',
  '2.4.50',
  { validDataLength: id64 },
);
export type FileValidDataLengthInformation = Wire<typeof FileValidDataLengthInformation>;

const NAME_HEADER_BYTES = 4;

/** FILE_NAME_INFORMATION (2.1.7): FileName, NormalizedName, AlternateName and ShortName information. */
export function encodeFileNameInformation(name: string): Buffer {
  const text = utf16Bytes(name);
  const b = Buffer.allocUnsafe(NAME_HEADER_BYTES + text.length);
  b.writeUInt32LE(text.length, 0);
  b.set(text, NAME_HEADER_BYTES);
  return b;
}

export const decodeFileNameInformation = (b: Buffer): string =>
  readName(b, 0, 'FILE_NAME_INFORMATION');

function readName(b: Buffer, at: number, structure: string): string {
  if (b.length - at < NAME_HEADER_BYTES) throw new WireError(structure, `${b.length} bytes`);
  const length = b.readUInt32LE(at);
  const start = at + NAME_HEADER_BYTES;
  if (length > b.length - start) throw new WireError(structure, `FileNameLength is ${length}`);
  return utf16(b.subarray(start, start + length), structure);
}

/** 2.4.2: what its parts hold, which have no field in common, and the name. */
export interface FileAllInformation
  extends FileBasicInformation,
    FileStandardInformation,
    FileInternalInformation,
    FileEaInformation,
    FileAccessInformation,
    FilePositionInformation,
    FileModeInformation,
    FileAlignmentInformation {
  readonly name: string;
}

const allFixedSize =
  FileBasicInformation.size +
  FileStandardInformation.size +
  FileInternalInformation.size +
  FileEaInformation.size +
  FileAccessInformation.size +
  FilePositionInformation.size +
  FileModeInformation.size +
  FileAlignmentInformation.size;

export function encodeFileAllInformation(all: FileAllInformation): Buffer {
  const textBytes = 2 * all.name.length;
  const b = Buffer.allocUnsafe(allFixedSize + NAME_HEADER_BYTES + textBytes);
  let at = FileBasicInformation.write(b, all);
  at = FileStandardInformation.write(b, all, at);
  at = FileInternalInformation.write(b, all, at);
  at = FileEaInformation.write(b, all, at);
  at = FileAccessInformation.write(b, all, at);
  at = FilePositionInformation.write(b, all, at);
  at = FileModeInformation.write(b, all, at);
  at = FileAlignmentInformation.write(b, all, at);
  b.writeUInt32LE(textBytes, at);
  b.write(all.name, at + NAME_HEADER_BYTES, 'utf16le');
  return b;
}

export function decodeFileAllInformation(b: Buffer): FileAllInformation {
  let at = 0;
  const part = <V>(structure: { size: number; read(b: Buffer, at: number): V }): V => {
    const value = structure.read(b, at);
    at += structure.size;
    return value;
  };
  return {
    ...part(FileBasicInformation),
    ...part(FileStandardInformation),
    ...part(FileInternalInformation),
    ...part(FileEaInformation),
    ...part(FileAccessInformation),
    ...part(FilePositionInformation),
    ...part(FileModeInformation),
    ...part(FileAlignmentInformation),
    name: readName(b, allFixedSize, 'FILE_ALL_INFORMATION'),
  };
}
