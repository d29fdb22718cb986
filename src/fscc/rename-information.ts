/**
 * MS-FSCC 2.4.11, 2.4.12, 2.4.28.2, 2.4.42.2, 2.4.43: what a client sets to rename, link and delete a
 * file. The forms are those of SMB2 (type 2).
 */
import { id64, pad, struct, u32 } from '../wire/struct.ts';
import { utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { boolean } from './boolean.ts';

/** 2.4.42.2 FILE_RENAME_INFORMATION_TYPE_2 and 2.4.28.2 FILE_LINK_INFORMATION_TYPE_2 */
export interface RenameInformation {
  readonly replaceIfExists: boolean;
  /** MUST be zero in network operations. */
  readonly rootDirectory: number;
  readonly fileName: string;
}

/** 2.4.43 FILE_RENAME_INFORMATION_EX, and FILE_LINK_INFORMATION_EX of the same shape. */
export interface RenameInformationEx {
  readonly flags: number;
  readonly rootDirectory: number;
  readonly fileName: string;
}

export const FILE_RENAME_REPLACE_IF_EXISTS = 0x00000001;
export const FILE_RENAME_POSIX_SEMANTICS = 0x00000002;
export const FILE_RENAME_SUPPRESS_PIN_STATE_INHERITANCE = 0x00000004;
export const FILE_RENAME_SUPPRESS_STORAGE_RESERVE_INHERITANCE = 0x00000008;
export const FILE_RENAME_NO_INCREASE_AVAILABLE_SPACE = 0x00000010;
export const FILE_RENAME_NO_DECREASE_AVAILABLE_SPACE = 0x00000020;
export const FILE_RENAME_PRESERVE_AVAILABLE_SPACE = 0x00000030;
export const FILE_RENAME_IGNORE_READONLY_ATTRIBUTE = 0x00000040;
export const FILE_RENAME_FORCE_RESIZE_TARGET_SR = 0x00000080;
export const FILE_RENAME_FORCE_RESIZE_SOURCE_SR = 0x00000100;
export const FILE_RENAME_FORCE_RESIZE_SR = 0x00000180;

const RenameFixed = struct('FILE_RENAME_INFORMATION_TYPE_2', '2.4.42.2', {
  replaceIfExists: boolean,
  reserved: pad(7),
  rootDirectory: id64,
  fileNameLength: u32,
});
const RenameExFixed = struct('FILE_RENAME_INFORMATION_EX', '2.4.43', {
  flags: u32,
  reserved: pad(4),
  rootDirectory: id64,
  fileNameLength: u32,
});

/** "The number of bytes required to make the size of this structure at least 24." */
const MINIMUM_BYTES = 24;

export function encodeRenameInformation(value: RenameInformation): Buffer {
  const name = utf16Bytes(value.fileName);
  const b = padded(RenameFixed.size + name.length);
  b.set(name, RenameFixed.write(b, { ...value, fileNameLength: name.length }));
  return b;
}

export function decodeRenameInformation(b: Buffer): RenameInformation {
  const { fileNameLength, ...rest } = RenameFixed.read(b);
  return { ...rest, fileName: nameBehind(b, RenameFixed, fileNameLength) };
}

export function encodeRenameInformationEx(value: RenameInformationEx): Buffer {
  const name = utf16Bytes(value.fileName);
  const b = padded(RenameExFixed.size + name.length);
  b.set(name, RenameExFixed.write(b, { ...value, fileNameLength: name.length }));
  return b;
}

export function decodeRenameInformationEx(b: Buffer): RenameInformationEx {
  const { fileNameLength, ...rest } = RenameExFixed.read(b);
  return { ...rest, fileName: nameBehind(b, RenameExFixed, fileNameLength) };
}

const padded = (bytes: number): Buffer => Buffer.alloc(Math.max(bytes, MINIMUM_BYTES));

function nameBehind(b: Buffer, fixed: { name: string; size: number }, length: number): string {
  if (length > b.length - fixed.size) {
    throw new WireError(fixed.name, `FileNameLength is ${length}`);
  }
  return utf16(b.subarray(fixed.size, fixed.size + length), fixed.name);
}

export const FileDispositionInformation = struct('FILE_DISPOSITION_INFORMATION', '2.4.11', {
  deletePending: boolean,
});

export const FILE_DISPOSITION_DO_NOT_DELETE_FILE = 0x00000000;
export const FILE_DISPOSITION_DELETE = 0x00000001;
export const FILE_DISPOSITION_POSIX_SEMANTICS = 0x00000002;
export const FILE_DISPOSITION_FORCE_IMAGE_SECTION_CHECK = 0x00000004;
export const FILE_DISPOSITION_ON_CLOSE = 0x00000008;
export const FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE = 0x00000010;
/** MS-FSA 2.1.5.15.4: any other flag is STATUS_NOT_SUPPORTED. */
export const FILE_DISPOSITION_VALID_FLAGS = 0x0000001f;

export const FileDispositionInformationEx = struct('FILE_DISPOSITION_INFORMATION_EX', '2.4.12', {
  flags: u32,
});
