/** MS-CIFS 2.2.4.1, 2.2.4.7 to 2.2.4.10, 2.2.4.17, 2.2.4.30, 2.2.4.31, 2.2.4.66: commands that name files by path. */
import { bytes, pad, struct, u16, u32 } from '../wire/struct.ts';
import type { Block } from './block.ts';
import { BytesReader } from './strings.ts';

const SearchWords = struct('SMB_COM_DELETE Request', 'MS-CIFS 2.2.4.7.1', {
  searchAttributes: u16,
});

export const decodePath = (block: Block, unicode: boolean): string =>
  new BytesReader(block, unicode).ascii();

export function decodeDelete(block: Block, unicode: boolean) {
  return { ...SearchWords.read(block.words), name: decodePath(block, unicode) };
}

export function decodeRename(block: Block, unicode: boolean) {
  const reader = new BytesReader(block, unicode);
  const { searchAttributes } = SearchWords.read(block.words);
  return { searchAttributes, oldName: reader.ascii(), newName: reader.ascii() };
}

const NtRenameWords = struct('SMB_COM_NT_RENAME Request', 'MS-CIFS 2.2.4.66.1', {
  searchAttributes: u16,
  informationLevel: u16,
  reserved: pad(4),
});
export const NtRenameLevel = {
  MOVE_CLUSTER: 0x0102,
  HARD_LINK: 0x0103,
  RENAME: 0x0104,
  COPY: 0x0105,
} as const;

export function decodeNtRename(block: Block, unicode: boolean) {
  const reader = new BytesReader(block, unicode);
  return { ...NtRenameWords.read(block.words), oldName: reader.ascii(), newName: reader.ascii() };
}

export const QueryInformationAnswer = struct(
  'SMB_COM_QUERY_INFORMATION Response',
  'MS-CIFS 2.2.4.9.2',
  { fileAttributes: u16, lastWriteTime: u32, fileSize: u32, reserved: pad(10) },
);

const SetInformationWords = struct('SMB_COM_SET_INFORMATION Request', 'MS-CIFS 2.2.4.10.1', {
  fileAttributes: u16,
  lastWriteTime: u32,
  reserved: pad(10),
});

export function decodeSetInformation(block: Block, unicode: boolean) {
  return { ...SetInformationWords.read(block.words), name: decodePath(block, unicode) };
}

const dates = {
  creationDate: u16,
  creationTime: u16,
  lastAccessDate: u16,
  lastAccessTime: u16,
  lastWriteDate: u16,
  lastWriteTime: u16,
};
export const SetInformation2Words = struct(
  'SMB_COM_SET_INFORMATION2 Request',
  'MS-CIFS 2.2.4.30.1',
  { fid: u16, dates: bytes(12) },
);
export const QueryInformation2Answer = struct(
  'SMB_COM_QUERY_INFORMATION2 Response',
  'MS-CIFS 2.2.4.31.2',
  { ...dates, fileDataSize: u32, fileAllocationSize: u32, fileAttributes: u16 },
);
