/** MS-CIFS 2.2.4.58 to 2.2.4.61: SEARCH, FIND, FIND_UNIQUE and FIND_CLOSE, the searches of DOS. */
import { encodeOem } from '../fscc/code-page.ts';
import type { DirectoryEntry } from '../fscc/directory-information.ts';
import { struct, u16 } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Block } from './block.ts';
import { toDos } from './dos-time.ts';
import { BUFFER_FORMAT_VARIABLE, BytesReader } from './strings.ts';

const Words = struct('SMB_COM_SEARCH Request', 'MS-CIFS 2.2.4.58.1', {
  maxCount: u16,
  searchAttributes: u16,
});

/** 2.2.4.58.1, SMB_Resume_Key. */
const RESUME_KEY_BYTES = 21;
const SERVER_STATE_AT = 1;
const CLIENT_STATE_AT = 17;
const NAME_BYTES = 13;
/** SMB_Directory_Information. */
export const SEARCH_ENTRY_BYTES = 43;

export interface ResumeKey {
  readonly sid: number;
  /** Entries that were told up to and with this one. */
  readonly told: number;
  readonly clientState: Buffer;
}

export interface OldSearch {
  readonly maxCount: number;
  readonly searchAttributes: number;
  readonly fileName: string;
  /** Undefined: the search begins. */
  readonly resumeKey: ResumeKey | undefined;
}

export function decodeSearch(block: Block, unicode: boolean): OldSearch {
  const reader = new BytesReader(block, unicode);
  const words = Words.read(block.words);
  const fileName = reader.ascii();
  const format = reader.u8();
  if (format !== BUFFER_FORMAT_VARIABLE) throw new WireError(Words.name, `BufferFormat ${format}`);
  const length = reader.take(2).readUInt16LE(0);
  if (length === 0) return { ...words, fileName, resumeKey: undefined };
  if (length !== RESUME_KEY_BYTES)
    throw new WireError(Words.name, `a resume key of ${length} bytes`);
  const key = reader.take(length);
  return {
    ...words,
    fileName,
    resumeKey: {
      sid: key.readUInt16LE(SERVER_STATE_AT),
      told: key.readUInt32LE(SERVER_STATE_AT + 2),
      clientState: key.subarray(CLIENT_STATE_AT),
    },
  };
}

export function encodeSearchEntry(
  entry: Pick<DirectoryEntry, 'lastWriteTime' | 'fileAttributes' | 'endOfFile'>,
  name: string,
  { sid, told, clientState }: ResumeKey,
): Buffer {
  const b = Buffer.alloc(SEARCH_ENTRY_BYTES);
  b.writeUInt16LE(sid, SERVER_STATE_AT);
  b.writeUInt32LE(told, SERVER_STATE_AT + 2);
  clientState.copy(b, CLIENT_STATE_AT, 0, 4);
  const { date, time } = toDos(entry.lastWriteTime);
  b[RESUME_KEY_BYTES] = entry.fileAttributes & 0x3f;
  b.writeUInt16LE(time, 22);
  b.writeUInt16LE(date, 24);
  // "the least significant 32 bits of the file size".
  b.writeUInt32LE(entry.endOfFile % 0x1_0000_0000, 26);
  const text = encodeOem(name).subarray(0, NAME_BYTES - 1);
  b.set(text, SEARCH_ENTRY_BYTES - NAME_BYTES);
  return b;
}

/** BufferFormat, DataLength and the entries. */
export function encodeSearchBytes(entries: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(3);
  head[0] = BUFFER_FORMAT_VARIABLE;
  head.writeUInt16LE(entries.length * SEARCH_ENTRY_BYTES, 1);
  return Buffer.concat([head, ...entries]);
}

export const SearchAnswer = struct('SMB_COM_SEARCH Response', 'MS-CIFS 2.2.4.58.2', { count: u16 });
