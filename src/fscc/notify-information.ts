/**
 * MS-FSCC 2.7.1: FILE_NOTIFY_INFORMATION, a list of changes. The writer keeps changes as they will be
 * sent, so that what a client leaves unread costs what it asked for and no more.
 */
import { struct, u32 } from '../wire/struct.ts';
import { utf16 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

export const FILE_ACTION_ADDED = 0x00000001;
export const FILE_ACTION_REMOVED = 0x00000002;
export const FILE_ACTION_MODIFIED = 0x00000003;
export const FILE_ACTION_RENAMED_OLD_NAME = 0x00000004;
export const FILE_ACTION_RENAMED_NEW_NAME = 0x00000005;
export const FILE_ACTION_ADDED_STREAM = 0x00000006;
export const FILE_ACTION_REMOVED_STREAM = 0x00000007;
export const FILE_ACTION_MODIFIED_STREAM = 0x00000008;

export interface NotifyInformation {
  readonly action: number;
  /** Relative to the directory that is watched, with backslashes. */
  readonly fileName: string;
}

const Fixed = struct('FILE_NOTIFY_INFORMATION', '2.7.1', {
  nextEntryOffset: u32,
  action: u32,
  fileNameLength: u32,
});

/** "NextEntryOffset MUST always be an integral multiple of 4." */
const align4 = (length: number): number => (length + 3) & ~3;

const FIRST_BYTES = 256;

export class NotifyWriter {
  readonly #limit: number;
  #bytes = Buffer.alloc(0);
  #length = 0;
  #last = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  /** False where it does not fit any more. */
  add({ action, fileName }: NotifyInformation): boolean {
    const fileNameLength = fileName.length * 2;
    const at = align4(this.#length);
    const end = at + Fixed.size + fileNameLength;
    if (end > this.#limit) return false;
    if (end > this.#bytes.length) this.#grow(end);
    if (this.#length > 0) this.#bytes.writeUInt32LE(at - this.#last, this.#last);
    const nameAt = Fixed.write(this.#bytes, { nextEntryOffset: 0, action, fileNameLength }, at);
    this.#bytes.write(fileName, nameAt, 'utf16le');
    this.#length = end;
    this.#last = at;
    return true;
  }

  /** All there is; the writer is empty then. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    this.#last = 0;
  }

  #grow(needed: number): void {
    const size = Math.max(needed, FIRST_BYTES, this.#bytes.length * 2);
    const bytes = Buffer.alloc(Math.min(size, this.#limit));
    this.#bytes.copy(bytes);
    this.#bytes = bytes;
  }
}

export function decodeNotifyInformation(b: Buffer): NotifyInformation[] {
  const changes: NotifyInformation[] = [];
  let at = 0;
  while (b.length > 0) {
    const { nextEntryOffset, action, fileNameLength } = Fixed.read(b, at);
    const nameAt = at + Fixed.size;
    if (fileNameLength > b.length - nameAt) {
      throw new WireError(Fixed.name, `FileNameLength is ${fileNameLength}`);
    }
    const name = b.subarray(nameAt, nameAt + fileNameLength);
    changes.push({ action, fileName: utf16(name, Fixed.name) });
    if (nextEntryOffset === 0) break;
    if (nextEntryOffset < Fixed.size || nextEntryOffset % 4 !== 0) {
      throw new WireError(Fixed.name, `NextEntryOffset is ${nextEntryOffset}`);
    }
    at += nextEntryOffset;
  }
  return changes;
}
