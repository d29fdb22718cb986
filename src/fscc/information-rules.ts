/**
 * MS-FSCC 2.4 and 2.5, MS-SMB2 3.3.5.20 and 3.3.5.21, MS-FSA 2.1.5.12 to 2.1.5.16: which information classes
 * SMB2 can query and set, how many bytes each needs at least, and which rights.
 */
import {
  type AccessMask,
  DELETE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_EA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  FILE_WRITE_EA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileInformationClass as File, FsInformationClass as Fs } from './information-class.ts';

export interface InformationRule {
  /** Buffers below that, in or out, are STATUS_INFO_LENGTH_MISMATCH. */
  readonly fixedSize: number;
  /** Rights that the open needs, all of them; 0: none. */
  readonly requiredAccess: AccessMask;
}

type Rules = Readonly<Record<number, InformationRule>>;

const rule = (fixedSize: number, requiredAccess: AccessMask = 0): InformationRule => ({
  fixedSize,
  requiredAccess,
});

/**
 * What QUERY_INFO knows of files. Where a name follows, the fixed size counts one character of it and the
 * alignment of the structure, as Windows does and smb2.getinfo.qfile_buffercheck asks for.
 */
export const fileQueryRules: Rules = {
  [File.FileBasicInformation]: rule(40, FILE_READ_ATTRIBUTES),
  [File.FileStandardInformation]: rule(24),
  [File.FileInternalInformation]: rule(8),
  [File.FileEaInformation]: rule(4),
  [File.FileAccessInformation]: rule(4),
  [File.FileNameInformation]: rule(8),
  [File.FilePositionInformation]: rule(8),
  [File.FileFullEaInformation]: rule(8, FILE_READ_EA),
  [File.FileModeInformation]: rule(4),
  [File.FileAlignmentInformation]: rule(4),
  [File.FileAllInformation]: rule(104, FILE_READ_ATTRIBUTES),
  [File.FileAlternateNameInformation]: rule(8),
  [File.FileStreamInformation]: rule(32),
  [File.FilePipeInformation]: rule(8, FILE_READ_ATTRIBUTES),
  [File.FilePipeLocalInformation]: rule(40, FILE_READ_ATTRIBUTES),
  [File.FilePipeRemoteInformation]: rule(12, FILE_READ_ATTRIBUTES),
  [File.FileCompressionInformation]: rule(16),
  [File.FileNetworkOpenInformation]: rule(56, FILE_READ_ATTRIBUTES),
  [File.FileAttributeTagInformation]: rule(8, FILE_READ_ATTRIBUTES),
  [File.FileNormalizedNameInformation]: rule(8),
  [File.FileIdInformation]: rule(24),
};

/**
 * What SET_INFO knows of files. Rename and link need their fixed part only: MS-FSCC pads them to 24 bytes,
 * which clients leave out (Samba and ksmbd take them so).
 */
export const fileSetRules: Rules = {
  [File.FileBasicInformation]: rule(40, FILE_WRITE_ATTRIBUTES),
  [File.FileRenameInformation]: rule(20, DELETE),
  [File.FileLinkInformation]: rule(20),
  [File.FileDispositionInformation]: rule(1, DELETE),
  [File.FilePositionInformation]: rule(8),
  [File.FileFullEaInformation]: rule(8, FILE_WRITE_EA),
  [File.FileModeInformation]: rule(4),
  [File.FileAllocationInformation]: rule(8, FILE_WRITE_DATA),
  [File.FileEndOfFileInformation]: rule(8, FILE_WRITE_DATA),
  [File.FilePipeInformation]: rule(8, FILE_WRITE_ATTRIBUTES),
  [File.FileValidDataLengthInformation]: rule(8, FILE_WRITE_DATA),
  [File.FileShortNameInformation]: rule(4, DELETE),
  [File.FileDispositionInformationEx]: rule(4, DELETE),
  [File.FileRenameInformationEx]: rule(20, DELETE),
  [File.FileLinkInformationEx]: rule(20),
};

/** What QUERY_INFO knows of file systems; names are counted as above (qfs_buffercheck). */
export const fsQueryRules: Rules = {
  [Fs.FileFsVolumeInformation]: rule(24),
  [Fs.FileFsSizeInformation]: rule(24),
  [Fs.FileFsDeviceInformation]: rule(8),
  [Fs.FileFsAttributeInformation]: rule(16),
  [Fs.FileFsControlInformation]: rule(48),
  [Fs.FileFsFullSizeInformation]: rule(32),
  [Fs.FileFsObjectIdInformation]: rule(64),
  [Fs.FileFsSectorSizeInformation]: rule(28),
};

export const fsSetRules: Rules = {
  [Fs.FileFsControlInformation]: rule(48, FILE_WRITE_DATA),
  [Fs.FileFsObjectIdInformation]: rule(64, FILE_WRITE_DATA),
};

/** MS-SMB2 3.3.5.20.1, note 415: documented, not for SMB2, and INVALID_INFO_CLASS from Windows. */
const QUERY_INVALID: ReadonlySet<number> = new Set([
  1, 2, 3, 10, 11, 12, 13, 19, 20, 27, 31, 36, 37, 38, 39, 40, 50,
]);
/** MS-FSCC 2.4: documented, not for SMB2, in neither list of notes; and what note 416 adds. */
const QUERY_NOT_SUPPORTED: ReadonlySet<number> = new Set([
  26, 29, 32, 33, 41, 43, 44, 45, 46, 47, 49, 51, 53, 54,
]);
/** MS-SMB2 3.3.5.21.1, note 428. */
const SET_NOT_SUPPORTED: ReadonlySet<number> = new Set([File.FileQuotaInformation, 30, 41, 42, 43]);

/** The answer to a query of a class that fileQueryRules does not hold. */
export function refuseFileQuery(informationClass: number): NtStatus {
  if (QUERY_INVALID.has(informationClass)) return STATUS_INVALID_INFO_CLASS;
  return QUERY_NOT_SUPPORTED.has(informationClass)
    ? STATUS_NOT_SUPPORTED
    : STATUS_INVALID_INFO_CLASS;
}

/** The answer to setting a class that fileSetRules does not hold. */
export const refuseFileSet = (informationClass: number): NtStatus =>
  SET_NOT_SUPPORTED.has(informationClass) ? STATUS_NOT_SUPPORTED : STATUS_INVALID_INFO_CLASS;

/** MS-SMB2 3.3.5.20.2, 3.3.5.21.2: documented for local use is "not supported", the rest invalid. */
export const refuseFs = (informationClass: number): NtStatus =>
  informationClass === Fs.FileFsLabelInformation ||
  informationClass === Fs.FileFsDriverPathInformation ||
  informationClass === Fs.FileFsVolumeFlagsInformation
    ? STATUS_NOT_SUPPORTED
    : STATUS_INVALID_INFO_CLASS;

export interface FittedInformation {
  readonly status: NtStatus;
  readonly bytes: Buffer;
}

const nothing = Buffer.alloc(0);

/**
 * Cuts what was encoded to the OutputBufferLength of a query (MS-FSA 2.1.5.12): nothing when it is below
 * the fixed size, otherwise a name is cut between characters; its length field keeps the whole length.
 * Lists of entries are not cut: their encoders take the limit.
 */
export function fitInformation(
  fixedSize: number,
  encoded: Buffer,
  outputBufferLength: number,
): FittedInformation {
  if (outputBufferLength < fixedSize) {
    return { status: STATUS_INFO_LENGTH_MISMATCH, bytes: nothing };
  }
  if (encoded.length <= outputBufferLength) return { status: STATUS_SUCCESS, bytes: encoded };
  const end = outputBufferLength - (outputBufferLength % 2);
  return { status: STATUS_BUFFER_OVERFLOW, bytes: encoded.subarray(0, end) };
}
