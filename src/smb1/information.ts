/**
 * MS-CIFS 2.2.8.2, 2.2.8.3 and 2.2.8.4: information levels of file systems and files; MS-SMB 2.2.2.3.5: those from
 * 1000 on are the classes of MS-FSCC. What NT's levels have in common with a class is taken from it.
 */
import { FileBasicInformation, FileStandardInformation } from '../fscc/file-information.ts';
import { struct, u16, u32, type Wire } from '../wire/struct.ts';
import { fromDos, toDos } from './dos-time.ts';
import { encodeTerminated, encodeText } from './strings.ts';

/** SMB_INFO_PASSTHROUGH. */
export const PASSTHROUGH = 1000;

export const QueryLevel = {
  STANDARD: 0x0001,
  QUERY_EA_SIZE: 0x0002,
  QUERY_EAS_FROM_LIST: 0x0003,
  QUERY_ALL_EAS: 0x0004,
  IS_NAME_VALID: 0x0006,
  BASIC: 0x0101,
  STANDARD_NT: 0x0102,
  EA: 0x0103,
  NAME: 0x0104,
  ALL: 0x0107,
  ALT_NAME: 0x0108,
  STREAM: 0x0109,
  COMPRESSION: 0x010b,
} as const;

export const SetLevel = {
  STANDARD: 0x0001,
  EAS: 0x0002,
  BASIC: 0x0101,
  DISPOSITION: 0x0102,
  ALLOCATION: 0x0103,
  END_OF_FILE: 0x0104,
} as const;

export const FsLevel = {
  ALLOCATION: 0x0001,
  VOLUME: 0x0002,
  LABEL: 0x0101,
  VOLUME_NT: 0x0102,
  SIZE: 0x0103,
  DEVICE: 0x0104,
  ATTRIBUTE: 0x0105,
  UNIX: 0x0200,
} as const;

export interface Known {
  readonly basic: FileBasicInformation;
  readonly standard: FileStandardInformation;
  readonly eaSize: number;
}

const U32_MAX = 0xffff_ffff;

/** 2.2.8.3.1 and, with the size, 2.2.8.3.2. */
export function encodeInfoStandard(
  { basic, standard, eaSize }: Known,
  withEaSize: boolean,
): Buffer {
  const b = Buffer.alloc(withEaSize ? 26 : 22);
  let at = 0;
  for (const time of [basic.creationTime, basic.lastAccessTime, basic.lastWriteTime]) {
    const dos = toDos(time);
    at = b.writeUInt16LE(dos.date, at);
    at = b.writeUInt16LE(dos.time, at);
  }
  at = b.writeUInt32LE(Math.min(standard.endOfFile, U32_MAX), at);
  at = b.writeUInt32LE(Math.min(standard.allocationSize, U32_MAX), at);
  at = b.writeUInt16LE(basic.fileAttributes & 0xffff, at);
  if (withEaSize) b.writeUInt32LE(eaSize, at);
  return b;
}

/** 2.2.8.3.10: without what FileAllInformation has beside; the name is Unicode, whatever strings the client takes. */
export function encodeAllInfo(known: Known, name: string): Buffer {
  const text = encodeText(name, true);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(known.eaSize);
  tail.writeUInt32LE(text.length, 4);
  return Buffer.concat([
    FileBasicInformation.encode(known.basic),
    FileStandardInformation.encode(known.standard),
    tail,
    text,
  ]);
}

/** Where FileNameInformation stands in FileAllInformation, MS-FSCC 2.4.2. */
const ALL_NAME_AT = 96;
const ALL_EA_AT = 72;
const BASIC_AND_STANDARD_BYTES = 64;

/** Basic, standard and EA information lie at the start of FileAllInformation. */
export const knownOf = (all: Buffer): Known => ({
  basic: FileBasicInformation.read(all),
  standard: FileStandardInformation.read(all, FileBasicInformation.size),
  eaSize: all.readUInt32LE(ALL_EA_AT),
});

/** The same of a whole FileAllInformation. */
export function allInfoOf(all: Buffer): Buffer {
  const text = all.subarray(ALL_NAME_AT + 4);
  const b = Buffer.allocUnsafe(BASIC_AND_STANDARD_BYTES + 8 + text.length);
  all.copy(b, 0, 0, BASIC_AND_STANDARD_BYTES);
  b.writeUInt32LE(all.readUInt32LE(ALL_EA_AT), BASIC_AND_STANDARD_BYTES);
  b.writeUInt32LE(text.length, BASIC_AND_STANDARD_BYTES + 4);
  b.set(text, BASIC_AND_STANDARD_BYTES + 8);
  return b;
}

/** Length and name, which is Unicode, whatever strings the client takes: 2.2.8.3.9. */
export function encodeNameInfo(name: string): Buffer {
  const text = encodeText(name, true);
  const b = Buffer.alloc(4 + text.length);
  b.writeUInt32LE(text.length);
  b.set(text, 4);
  return b;
}

const SetStandard = struct('SMB_INFO_STANDARD', 'MS-CIFS 2.2.8.4.1', {
  creationDate: u16,
  creationTime: u16,
  lastAccessDate: u16,
  lastAccessTime: u16,
  lastWriteDate: u16,
  lastWriteTime: u16,
});

export function decodeSetStandard(data: Buffer) {
  const v = SetStandard.read(data);
  return {
    creationTime: fromDos({ date: v.creationDate, time: v.creationTime }),
    lastAccessTime: fromDos({ date: v.lastAccessDate, time: v.lastAccessTime }),
    lastWriteTime: fromDos({ date: v.lastWriteDate, time: v.lastWriteTime }),
  };
}

/** 2.2.8.2.1 */
export const FsAllocation = struct('SMB_INFO_ALLOCATION', 'MS-CIFS 2.2.8.2.1', {
  idFileSystem: u32,
  sectorsPerUnit: u32,
  units: u32,
  unitsAvailable: u32,
  bytesPerSector: u16,
});
export type FsAllocation = Wire<typeof FsAllocation>;

/** 2.2.8.2.2: cCharCount is in bytes, without the NUL, as Samba's client and server have it. */
export function encodeInfoVolume(serial: number, label: string, unicode: boolean): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(serial);
  head[4] = encodeText(label, unicode).length;
  return Buffer.concat([head, encodeTerminated(label, unicode)]);
}

/** MS-FSCC 2.4.42.1, FILE_RENAME_INFORMATION_TYPE_1, of which type 2 is made. */
export const RenameType1 = struct('FILE_RENAME_INFORMATION_TYPE_1', 'MS-FSCC 2.4.42.1', {
  replaceIfExists: u32,
  rootDirectory: u32,
  fileNameLength: u32,
});
