/**
 * MS-CIFS 2.2.6.2, 2.2.6.3 and 2.2.8.1: TRANS2_FIND_FIRST2 and TRANS2_FIND_NEXT2, and the entries that they tell, at
 * each information level; MS-SMB 2.2.8.1 has the two with a FileId.
 */
import type { DirectoryEntry } from '../fscc/directory-information.ts';
import { isShortName, shortNameOf } from '../fscc/short-name.ts';
import { struct, u16, u32 } from '../wire/struct.ts';
import { toDos } from './dos-time.ts';
import { decodeText, encodeTerminated, encodeText, untilNul } from './strings.ts';
import { encodeUnixEntry, UnixFindLevel, type UnixInfo2 } from './unix.ts';

export const SMB_FIND_CLOSE_AFTER_REQUEST = 0x0001;
export const SMB_FIND_CLOSE_AT_EOS = 0x0002;
export const SMB_FIND_RETURN_RESUME_KEYS = 0x0004;
export const SMB_FIND_CONTINUE_FROM_LAST = 0x0008;

export const FindLevel = {
  STANDARD: 0x0001,
  QUERY_EA_SIZE: 0x0002,
  QUERY_EAS_FROM_LIST: 0x0003,
  DIRECTORY: 0x0101,
  FULL_DIRECTORY: 0x0102,
  NAMES: 0x0103,
  BOTH_DIRECTORY: 0x0104,
  ID_FULL_DIRECTORY: 0x0105,
  ID_BOTH_DIRECTORY: 0x0106,
} as const;

const First = struct('TRANS2_FIND_FIRST2 Request', 'MS-CIFS 2.2.6.2.1', {
  searchAttributes: u16,
  searchCount: u16,
  flags: u16,
  informationLevel: u16,
  searchStorageType: u32,
});
const Next = struct('TRANS2_FIND_NEXT2 Request', 'MS-CIFS 2.2.6.3.1', {
  sid: u16,
  searchCount: u16,
  informationLevel: u16,
  resumeKey: u32,
  flags: u16,
});

export function decodeFindFirst(parameters: Buffer, unicode: boolean) {
  const fileName = untilNul(decodeText(parameters.subarray(First.size), unicode));
  return { ...First.read(parameters), fileName };
}

export function decodeFindNext(parameters: Buffer, unicode: boolean) {
  const fileName = untilNul(decodeText(parameters.subarray(Next.size), unicode));
  return { ...Next.read(parameters), fileName };
}

const found = { searchCount: u16, endOfSearch: u16, eaErrorOffset: u16, lastNameOffset: u16 };
export const FindFirstAnswer = struct('TRANS2_FIND_FIRST2 Response', 'MS-CIFS 2.2.6.2.2', {
  sid: u16,
  ...found,
});
export const FindNextAnswer = struct('TRANS2_FIND_NEXT2 Response', 'MS-CIFS 2.2.6.3.2', found);

export interface FoundEntry extends DirectoryEntry {
  readonly resumeKey: number;
  /** Where the level tells extended attributes: an SMB_FEA_LIST. */
  readonly eas?: Buffer;
  /** At the levels of the Unix extensions. */
  readonly unix?: UnixInfo2;
}

export interface FoundHow {
  readonly unicode: boolean;
  readonly resumeKeys: boolean;
  /** Where the entry begins in the data: Unicode names of the old levels are aligned. */
  readonly position: number;
}

const U32_MAX = 0xffff_ffff;
const cap = (size: number): number => Math.min(size, U32_MAX);

/** 2.2.8.1.1 to 2.2.8.1.3: the levels of LANMAN 2.0; undefined at others. */
function encodeOld(
  level: number,
  entry: FoundEntry,
  { unicode, resumeKeys, position }: FoundHow,
): Buffer | undefined {
  if (level > FindLevel.QUERY_EAS_FROM_LIST) return undefined;
  const name = encodeText(entry.name, unicode);
  const head = Buffer.alloc((resumeKeys ? 4 : 0) + 22);
  let at = resumeKeys ? head.writeUInt32LE(entry.resumeKey) : 0;
  for (const time of [entry.creationTime, entry.lastAccessTime, entry.lastWriteTime]) {
    const dos = toDos(time);
    at = head.writeUInt16LE(dos.date, at);
    at = head.writeUInt16LE(dos.time, at);
  }
  at = head.writeUInt32LE(cap(entry.endOfFile), at);
  at = head.writeUInt32LE(cap(entry.allocationSize), at);
  head.writeUInt16LE(entry.fileAttributes & 0xffff, at);
  const eas = easOf(level, entry);
  // Behind attributes the name ends in one zero byte, also in Unicode: clients go on from there.
  const isStandard = level === FindLevel.STANDARD;
  const tail = isStandard
    ? encodeTerminated(entry.name, unicode)
    : Buffer.concat([name, Buffer.alloc(1)]);
  const nameAt = position + head.length + eas.length + 1;
  const padding = Buffer.alloc(unicode && isStandard ? nameAt % 2 : 0);
  return Buffer.concat([head, eas, Buffer.from([name.length & 0xff]), padding, tail]);
}

function easOf(level: number, { eaSize, eas }: FoundEntry): Buffer {
  if (level === FindLevel.STANDARD) return Buffer.alloc(0);
  if (level === FindLevel.QUERY_EAS_FROM_LIST) return eas ?? Buffer.from([4, 0, 0, 0]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(eaSize);
  return size;
}

/** Bytes between the common part and the name. */
const TAILS: Readonly<Record<number, number>> = {
  [FindLevel.DIRECTORY]: 0,
  [FindLevel.FULL_DIRECTORY]: 4,
  [FindLevel.BOTH_DIRECTORY]: 4 + 26,
  [FindLevel.ID_FULL_DIRECTORY]: 4 + 4 + 8,
  [FindLevel.ID_BOTH_DIRECTORY]: 4 + 26 + 2 + 8,
};
const COMMON_BYTES = 64;
/** Its length, a reserved byte and 12 characters, always Unicode. */
const SHORT_NAME_AT = 68;

export const isFindLevel = (level: number): boolean =>
  level === FindLevel.NAMES ||
  TAILS[level] !== undefined ||
  (level >= FindLevel.STANDARD && level <= FindLevel.QUERY_EAS_FROM_LIST);

export const isUnixFindLevel = (level: number): boolean =>
  level === UnixFindLevel.UNIX || level === UnixFindLevel.INFO2;

/** At other levels than those of NT. */
function encodeOther(level: number, entry: FoundEntry, how: FoundHow): Buffer | undefined {
  const old = encodeOld(level, entry, how);
  if (old !== undefined || !isUnixFindLevel(level)) return old;
  const name = encodeText(entry.name, how.unicode);
  return encodeUnixEntry(level, entry.unix!, entry.resumeKey, name);
}

const NAMES_NAME_AT = 12;

const nameAtOf = (level: number): number =>
  level === FindLevel.NAMES ? NAMES_NAME_AT : COMMON_BYTES + TAILS[level]!;

function writeName(b: Buffer, at: number, name: string, unicode: boolean): void {
  if (unicode) b.write(name, at, 'utf16le');
  else b.set(encodeText(name, false), at);
}

/** 2.2.8.1.4 to 2.2.8.1.7: the levels of NT, at `at`, where there are zeros. */
function writeNt(b: Buffer, at: number, level: number, entry: FoundEntry, unicode: boolean): void {
  const { name } = entry;
  const nameBytes = unicode ? 2 * name.length : name.length;
  const nameAt = at + nameAtOf(level);
  b.writeUInt32LE(entry.resumeKey, at + 4);
  writeName(b, nameAt, name, unicode);
  if (level === FindLevel.NAMES) {
    b.writeUInt32LE(nameBytes, at + 8);
    return;
  }
  b.writeBigUInt64LE(entry.creationTime, at + 8);
  b.writeBigUInt64LE(entry.lastAccessTime, at + 16);
  b.writeBigUInt64LE(entry.lastWriteTime, at + 24);
  b.writeBigUInt64LE(entry.changeTime, at + 32);
  b.writeBigUInt64LE(BigInt(entry.endOfFile), at + 40);
  b.writeBigUInt64LE(BigInt(entry.allocationSize), at + 48);
  b.writeUInt32LE(entry.fileAttributes, at + 56);
  b.writeUInt32LE(nameBytes, at + 60);
  if (TAILS[level] !== 0) b.writeUInt32LE(entry.eaSize, at + 64);
  if (level === FindLevel.ID_FULL_DIRECTORY || level === FindLevel.ID_BOTH_DIRECTORY) {
    b.writeBigUInt64LE(entry.fileId, nameAt - 8);
  }
  if (level === FindLevel.BOTH_DIRECTORY || level === FindLevel.ID_BOTH_DIRECTORY) {
    const short = isShortName(name) ? '' : shortNameOf(name);
    b[at + SHORT_NAME_AT] = short.length * 2;
    b.write(short, at + SHORT_NAME_AT + 2, 'utf16le');
  }
}

/** Whether entries of this level tell where the next one is. */
export const isChained = (level: number): boolean => level > FindLevel.QUERY_EAS_FROM_LIST;

/** What most listings of a few names fit in. */
const FIRST_BYTES = 4096;

/** The data of an answer: entries one behind the other, in one buffer that grows to what the client takes. */
export class FoundData {
  readonly #level: number;
  readonly #limit: number;
  readonly #how: Pick<FoundHow, 'unicode' | 'resumeKeys'>;
  #b = NOTHING;
  #length = 0;
  #count = 0;
  #lastNameOffset = 0;

  constructor(level: number, limit: number, how: Pick<FoundHow, 'unicode' | 'resumeKeys'>) {
    this.#level = level;
    this.#limit = limit;
    this.#how = how;
  }

  get bytes(): Buffer {
    return this.#b.subarray(0, this.#length);
  }

  get count(): number {
    return this.#count;
  }

  /** LastNameOffset: where the last entry begins. */
  get lastNameOffset(): number {
    return this.#lastNameOffset;
  }

  /** False where there is no room for it. */
  push(entry: FoundEntry): boolean {
    const { unicode, resumeKeys } = this.#how;
    const level = this.#level;
    const chained = isChained(level);
    const at = this.#length + (chained ? -this.#length & 7 : 0);
    const other = encodeOther(level, entry, { unicode, resumeKeys, position: at });
    const nameBytes = unicode ? 2 * entry.name.length : entry.name.length;
    const end = at + (other?.length ?? nameAtOf(level) + nameBytes);
    if (end > this.#limit) return false;
    this.#make(end);
    this.#b.fill(0, this.#length, end);
    if (other === undefined) writeNt(this.#b, at, level, entry, unicode);
    else this.#b.set(other, at);
    if (chained && this.#count > 0) {
      this.#b.writeUInt32LE(at - this.#lastNameOffset, this.#lastNameOffset);
    }
    this.#lastNameOffset = at;
    this.#length = end;
    this.#count += 1;
    return true;
  }

  #make(length: number): void {
    if (length <= this.#b.length) return;
    const larger = Buffer.allocUnsafe(Math.max(length, FIRST_BYTES, 2 * this.#b.length));
    this.#b.copy(larger, 0, 0, this.#length);
    this.#b = larger;
  }
}

const NOTHING = Buffer.alloc(0);
