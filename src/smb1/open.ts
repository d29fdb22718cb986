/**
 * MS-CIFS 2.2.4.64 and MS-SMB 2.2.4.9: NT_CREATE_ANDX; MS-CIFS 2.2.4.41, 2.2.4.3 to 2.2.4.5, 2.2.4.15, 2.2.4.16:
 * OPEN_ANDX, OPEN, CREATE, CLOSE, CREATE_TEMPORARY, CREATE_NEW.
 */
import { bytes, id64, pad, struct, u8, u16, u32, u64, type Wire } from '../wire/struct.ts';
import type { Block } from './block.ts';
import { BytesReader } from './strings.ts';

const NtCreateWords = struct('SMB_COM_NT_CREATE_ANDX Request', 'MS-CIFS 2.2.4.64.1', {
  andX: pad(4),
  reserved: pad(1),
  nameLength: u16,
  flags: u32,
  rootDirectoryFid: u32,
  desiredAccess: u32,
  allocationSize: id64,
  extFileAttributes: u32,
  shareAccess: u32,
  createDisposition: u32,
  createOptions: u32,
  impersonationLevel: u32,
  securityFlags: u8,
});

export const NT_CREATE_REQUEST_OPLOCK = 0x02;
export const NT_CREATE_REQUEST_OPBATCH = 0x04;
export const NT_CREATE_OPEN_TARGET_DIR = 0x08;
export const NT_CREATE_REQUEST_EXTENDED_RESPONSE = 0x10;

export interface NtCreate extends Omit<Wire<typeof NtCreateWords>, 'nameLength'> {
  readonly name: string;
}

export function decodeNtCreate(block: Block, unicode: boolean): NtCreate {
  const { nameLength, ...rest } = NtCreateWords.read(block.words);
  const reader = new BytesReader(block, unicode);
  // Some clients count the NUL, some do not count at all.
  return { ...rest, name: nameLength === 0 ? '' : reader.text() };
}

const ntCreated = {
  oplockLevel: u8,
  fid: u16,
  createAction: u32,
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
};
export const NtCreateAnswer = struct('SMB_COM_NT_CREATE_ANDX Response', 'MS-CIFS 2.2.4.64.2', {
  andX: pad(4),
  ...ntCreated,
});
export const NtCreateExtendedAnswer = struct(
  'SMB_COM_NT_CREATE_ANDX Response',
  'MS-SMB 2.2.4.9.2',
  {
    andX: pad(4),
    ...ntCreated,
    volumeGuid: bytes(16),
    fileId: u64,
    maximalAccessRights: u32,
    guestMaximalAccessRights: u32,
  },
);
/** MS-SMB 2.2.4.9.2: WordCount of the long response, which has 50 words. */
export const EXTENDED_WORD_COUNT = 0x2a;

/** NmPipeStatus of a pipe in message mode, MS-CIFS 2.2.1.3: 255 instances, read and write by messages. */
export const MESSAGE_PIPE_STATUS = 0x05ff;
export const ResourceType = { DISK: 0, MESSAGE_PIPE: 2 } as const;

/** Levels on the wire of NT_CREATE_ANDX. */
export const OplockLevel = { NONE: 0, EXCLUSIVE: 1, BATCH: 2, LEVEL_II: 3 } as const;

const OpenAndXWords = struct('SMB_COM_OPEN_ANDX Request', 'MS-CIFS 2.2.4.41.1', {
  andX: pad(4),
  flags: u16,
  accessMode: u16,
  searchAttrs: u16,
  fileAttrs: u16,
  creationTime: u32,
  openMode: u16,
  allocationSize: u32,
  timeout: u32,
  reserved: pad(4),
});

export const REQ_ATTRIB = 0x0001;
export const REQ_OPLOCK = 0x0002;
export const REQ_OPLOCK_BATCH = 0x0004;
export const SMB_OPEN_EXTENDED_RESPONSE = 0x0010;

export interface OldOpen {
  readonly flags: number;
  readonly accessMode: number;
  readonly searchAttrs: number;
  readonly fileAttrs: number;
  readonly creationTime: number;
  readonly openMode: number;
  readonly allocationSize: number;
  readonly name: string;
}

export function decodeOpenAndX(block: Block, unicode: boolean): OldOpen {
  const { timeout: _, ...rest } = OpenAndXWords.read(block.words);
  return { ...rest, name: new BytesReader(block, unicode).text() };
}

const openedWords = {
  fid: u16,
  fileAttrs: u16,
  lastWriteTime: u32,
  fileDataSize: u32,
  accessRights: u16,
  resourceType: u16,
  nmPipeStatus: u16,
  openResults: u16,
};
export const OpenAndXAnswer = struct('SMB_COM_OPEN_ANDX Response', 'MS-CIFS 2.2.4.41.2', {
  andX: pad(4),
  ...openedWords,
  reserved: pad(6),
});
export const OpenAndXExtendedAnswer = struct('SMB_COM_OPEN_ANDX Response', 'MS-SMB 2.2.4.1.2', {
  andX: pad(4),
  ...openedWords,
  serverFid: u32,
  reserved: pad(2),
  maximalAccessRights: u32,
  guestMaximalAccessRights: u32,
});
/** OpenResults: what was done, and whether an oplock came with it. */
export const OpenResult = { OPENED: 1, CREATED: 2, TRUNCATED: 3, OPLOCK: 0x8000 } as const;

const OpenWords = struct('SMB_COM_OPEN Request', 'MS-CIFS 2.2.4.3.1', {
  accessMode: u16,
  searchAttributes: u16,
});

export function decodeOpen(block: Block, unicode: boolean) {
  const words = OpenWords.read(block.words);
  return { ...words, name: new BytesReader(block, unicode).ascii() };
}
export const OpenAnswer = struct('SMB_COM_OPEN Response', 'MS-CIFS 2.2.4.3.2', {
  fid: u16,
  fileAttrs: u16,
  lastModified: u32,
  fileSize: u32,
  accessMode: u16,
});

const CreateWords = struct('SMB_COM_CREATE Request', 'MS-CIFS 2.2.4.4.1', {
  fileAttributes: u16,
  creationTime: u32,
});

export function decodeOldCreate(block: Block, unicode: boolean) {
  const words = CreateWords.read(block.words);
  return { ...words, name: new BytesReader(block, unicode).ascii() };
}
export const FidAnswer = struct('SMB_COM_CREATE Response', 'MS-CIFS 2.2.4.4.2', { fid: u16 });

export const CloseWords = struct('SMB_COM_CLOSE Request', 'MS-CIFS 2.2.4.5.1', {
  fid: u16,
  lastTimeModified: u32,
});
