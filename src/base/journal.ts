/**
 * Values by key that outlive the process and the power: a file that is only added to, written anew beside the old one
 * when most of it is of no account any more.
 *
 *     header │ entry │ entry │ …      entry: length of the rest, CRC-32 of the rest, kind, key, value
 *
 * What was written last counts. Reading ends with the first entry that is not whole, which is what a write leaves that
 * something has cut short; as entries are written in the order in which they were asked for, what is read is always
 * the state at some moment, and nothing that was told to be on disk comes behind that moment. Whatever is asked for
 * while the disk is busy goes with the next write, and they share its fdatasync.
 */
import { readFileSync, rmSync } from 'node:fs';
import { type FileHandle, open as openFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { MAX_JOURNAL_BYTES, MAX_JOURNAL_VALUE_BYTES } from './limits.ts';

const HEADER = Buffer.from('usmbd journal 1\n');
const PREFIX_BYTES = 8;
const KEY_BYTES = 9;
const PUT = 1;
const DELETE = 2;
/** Written anew when the file is larger than this and twice what counts. */
const SLACK_BYTES = 1024 * 1024;

interface Entry {
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Makes what was added durable. */
export type Sync = (file: Pick<FileHandle, 'datasync'>) => Promise<void>;

export class Journal {
  readonly #path: string;
  /** In the order in which they were written last. */
  readonly #live: Map<number, Buffer>;
  #liveBytes = 0;
  #file: FileHandle | undefined;
  #length = 0;
  #slackBytes = SLACK_BYTES;
  readonly #sync: Sync;
  /** What is in the file is not known: nothing is added to it. */
  #isBroken = true;
  #isFrozen = false;
  #queue: Entry[] = [];
  #writing: Promise<void> | undefined;

  private constructor(path: string, live: Map<number, Buffer>, sync: Sync) {
    this.#path = path;
    this.#sync = sync;
    this.#live = live;
    for (const value of live.values()) this.#liveBytes += sizeOf(value);
  }

  /** Reads what is there, and writes it anew. Throws where the file can be neither read nor written. */
  static async open(path: string, sync: Sync = (file) => file.datasync()): Promise<Journal> {
    rmSync(temporary(path), { force: true });
    const journal = new Journal(path, entriesIn(readIfThere(path)), sync);
    await journal.#rewrite();
    return journal;
  }

  get entries(): ReadonlyMap<number, Buffer> {
    return this.#live;
  }

  /** Settles when it is on disk; rejects where it cannot be. */
  put(key: number, value: Buffer): Promise<void> {
    if (value.length > MAX_JOURNAL_VALUE_BYTES) {
      return Promise.reject(new Error(`a value of ${value.length} bytes`));
    }
    if (this.#isFrozen) return Promise.reject(new Error('nothing is written any more'));
    this.#forget(key);
    this.#live.set(key, value);
    this.#liveBytes += sizeOf(value);
    return this.#add(encodeEntry(PUT, key, value));
  }

  /** The key goes, soon; nobody need wait for that. */
  delete(key: number): void {
    if (this.#isFrozen || !this.#forget(key)) return;
    this.#add(encodeEntry(DELETE, key, Buffer.alloc(0))).catch(() => {});
  }

  /** What is there stays as it is, whatever is asked for. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** When all that was asked for is written, or has failed. */
  async close(): Promise<void> {
    this.freeze();
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  #forget(key: number): boolean {
    const value = this.#live.get(key);
    if (value === undefined) return false;
    this.#liveBytes -= sizeOf(value);
    return this.#live.delete(key);
  }

  #add(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ bytes, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    // What is asked for in the same turn is written together.
    await undefined;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        // In both, all of the batch and nothing that comes after it.
        if (this.#isBroken) await this.#rewrite();
        else if (!this.#isWasteful() || !(await this.#isRewritten())) {
          await this.#append(batch.map(({ bytes }) => bytes));
        }
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.#isBroken = true;
        for (const { reject } of batch) reject(error as Error);
      }
    }
    this.#writing = undefined;
  }

  #isWasteful(): boolean {
    return this.#length > this.#slackBytes && this.#length > 2 * this.#liveBytes;
  }

  /** Where it cannot be, as by a process that may not write to the folder any more, the old file grows on. */
  async #isRewritten(): Promise<boolean> {
    try {
      await this.#rewrite();
      this.#slackBytes = SLACK_BYTES;
      return true;
    } catch {
      this.#slackBytes = 2 * this.#length;
      return false;
    }
  }

  async #append(entries: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(entries);
    await writeAll(this.#file!, bytes, this.#length);
    await this.#sync(this.#file!);
    this.#length += bytes.length;
  }

  /** Beside the old file, which counts until the new one is whole and has its name. */
  async #rewrite(): Promise<void> {
    const entries = [...this.#live].map(([key, value]) => encodeEntry(PUT, key, value));
    const bytes = Buffer.concat([HEADER, ...entries]);
    const file = await openFile(temporary(this.#path), 'w', 0o600);
    try {
      await writeAll(file, bytes, 0);
      await file.sync();
      await rename(temporary(this.#path), this.#path);
      await syncFolderOf(this.#path);
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#length = bytes.length;
    this.#isBroken = false;
  }
}

const temporary = (path: string): string => `${path}.new`;
const sizeOf = (value: Buffer): number => PREFIX_BYTES + KEY_BYTES + value.length;

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, undefined, position + done);
    done += bytesWritten;
  }
}

async function syncFolderOf(path: string): Promise<void> {
  const folder = await openFile(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function encodeEntry(kind: number, key: number, value: Buffer): Buffer {
  const entry = Buffer.alloc(sizeOf(value));
  entry.writeUInt32LE(KEY_BYTES + value.length, 0);
  entry.writeUInt8(kind, PREFIX_BYTES);
  entry.writeBigUInt64LE(BigInt(key), PREFIX_BYTES + 1);
  value.copy(entry, PREFIX_BYTES + KEY_BYTES);
  entry.writeUInt32LE(crc32(entry.subarray(PREFIX_BYTES)), 4);
  return entry;
}

function readIfThere(path: string): Buffer {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_JOURNAL_BYTES) throw new Error(`${path} has ${bytes.length} bytes`);
    return bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** All that is whole, up to the first that is not. */
export function entriesIn(bytes: Buffer): Map<number, Buffer> {
  const live = new Map<number, Buffer>();
  if (!bytes.subarray(0, HEADER.length).equals(HEADER)) return live;
  for (let at = HEADER.length; at + PREFIX_BYTES + KEY_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    const end = at + PREFIX_BYTES + length;
    if (length < KEY_BYTES || length > KEY_BYTES + MAX_JOURNAL_VALUE_BYTES) break;
    if (end > bytes.length) break;
    const rest = bytes.subarray(at + PREFIX_BYTES, end);
    if (crc32(rest) !== bytes.readUInt32LE(at + 4)) break;
    const kind = rest.readUInt8(0);
    const key = rest.readBigUInt64LE(1);
    if ((kind !== PUT && kind !== DELETE) || key > BigInt(Number.MAX_SAFE_INTEGER)) break;
    live.delete(Number(key));
    if (kind === PUT) live.set(Number(key), Buffer.from(rest.subarray(KEY_BYTES)));
    at = end;
  }
  return live;
}
