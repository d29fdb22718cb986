/**
 * getdents64(2): the entries of a directory, batch by batch, from one static buffer. `.` and `..` are
 * left out.
 */
import { textOfName } from '../base/disk-names.ts';
import { SYS } from './constants.ts';
import { bind, lastErrno } from './library.ts';

const c = {
  getdents64: bind<(nr: number, fd: number, into: Buffer, size: number) => number>(
    'syscall',
    'int64',
    ['int64', 'int64', 'void *', 'int64'],
  ),
};

/** About 2,000 entries with names of a dozen letters. */
const BATCH_BYTES = 65536;
const batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
const longs = new BigUint64Array(batch.buffer, batch.byteOffset, BATCH_BYTES / 8);

/** struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, name. */
const RECORD_LENGTH_AT = 16;
const TYPE_AT = 18;
const NAME_AT = 19;
const DOT = 0x2e;

/** What the decoder puts for a broken byte. */
const REPLACEMENT = '\ufffd';

export interface RawEntry {
  readonly name: string;
  readonly inode: bigint;
}

/** Reads the next batch: its length in bytes, 0 at the end, or a negative errno. */
function fill(fd: number): number {
  const length = c.getdents64(SYS.getdents64, fd, batch, BATCH_BYTES);
  return length < 0 ? -lastErrno() : length;
}

/** The name of the record at `at`; undefined for one that is left out. */
function nameAt(at: number, recordLength: number): string | undefined {
  const start = at + NAME_AT;
  // The record is padded to 8 bytes, and the padding is not cleared.
  let end = Math.max(start, at + recordLength - 8);
  while (batch[end] !== 0) end++;
  if (
    batch[start] === DOT &&
    (end - start === 1 || (end - start === 2 && batch[start + 1] === DOT))
  )
    return undefined;
  const name = batch.toString('utf8', start, end);
  return name.includes(REPLACEMENT) ? textOfName(batch.subarray(start, end)) : name;
}

/** The next entries. `end` when there are no more; a batch may be empty before that. */
export function readEntries(fd: number, into: RawEntry[]): 'more' | 'end' | number {
  const length = fill(fd);
  if (length <= 0) return length < 0 ? length : 'end';
  for (let at = 0; at < length; ) {
    const recordLength = batch.readUInt16LE(at + RECORD_LENGTH_AT);
    const name = nameAt(at, recordLength);
    if (name !== undefined) into.push({ name, inode: longs[at >> 3]! });
    at += recordLength;
  }
  return 'more';
}

/** The names of the next batch: more than 0 where there may be others, 0 at the end, or a negative errno. */
export function readSomeNames(fd: number, visit: (name: string) => void): number {
  const length = fill(fd);
  for (let at = 0; at < length; ) {
    const recordLength = batch.readUInt16LE(at + RECORD_LENGTH_AT);
    const name = nameAt(at, recordLength);
    if (name !== undefined) visit(name);
    at += recordLength;
  }
  return length;
}

/** DT_… of dirent.h; not every file system tells more than DT_UNKNOWN. */
export const DT_UNKNOWN = 0;
export const DT_DIR = 4;

/** All names with their types to the end; 0 or a negative errno. */
export function readTypes(fd: number, visit: (name: string, type: number) => void): number {
  for (;;) {
    const length = fill(fd);
    if (length <= 0) return length;
    for (let at = 0; at < length; ) {
      const recordLength = batch.readUInt16LE(at + RECORD_LENGTH_AT);
      const name = nameAt(at, recordLength);
      if (name !== undefined) visit(name, batch[at + TYPE_AT]!);
      at += recordLength;
    }
  }
}

/** Whether the directory holds any entry. */
export function hasEntries(fd: number): boolean | number {
  for (;;) {
    const length = fill(fd);
    if (length <= 0) return length < 0 ? length : false;
    for (let at = 0; at < length; ) {
      const start = at + NAME_AT;
      const isDot =
        batch[start] === DOT &&
        (batch[start + 1] === 0 || (batch[start + 1] === DOT && batch[start + 2] === 0));
      if (!isDot) return true;
      at += batch.readUInt16LE(at + RECORD_LENGTH_AT);
    }
  }
}
