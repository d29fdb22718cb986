/**
 * MS-FSA 2.1.1.5 knows no stream that is more than bytes; Apple's two are, for whoever opens them.
 * AFP_AfpInfo holds what the Finder knows of a file: always 60 bytes, and not there while FinderInfo in
 * it is all zeros. AFP_Resource, a resource fork, is not there while it is empty. Both are stored as every
 * stream is, an absent one as a stream of no bytes, which goes with its file or when it is written.
 */
import { foldKey } from '../fscc/upcase.ts';
import { EEXIST, EINVAL, ENOENT, type Errno, ESTREAMSIZE, isErrno, type Result } from './errno.ts';
import type { StreamSizes, SyncStreamObject } from './stream-handle.ts';
import type { VfsStream } from './vfs.ts';

/** "AFP", version 1.0, four bytes of nothing, the day of the last backup; FinderInfo of 32 bytes; the rest zeros. */
const AFP_INFO_BYTES = 60;
const EMPTY = Buffer.alloc(0);
const SIGNATURE = Buffer.from('AFP\0', 'latin1');
/** Of it a writer must give three bytes. */
const SIGNED_BYTES = 3;
const VERSION_AT = 4;
const VERSION = 0x0001_0000;
const BACKUP_TIME_AT = 12;
/** Never. */
const NO_BACKUP = 0x8000_0000;
const FINDER_INFO_AT = 16;
const FINDER_INFO_BYTES = 32;

const AFP_INFO = foldKey('AFP_AfpInfo');
const AFP_RESOURCE = foldKey('AFP_Resource');

/** As a client finds it that has just made it. */
export function defaultAfpInfo(): Buffer {
  const info = Buffer.alloc(AFP_INFO_BYTES);
  SIGNATURE.copy(info);
  info.writeUInt32BE(VERSION, VERSION_AT);
  info.writeUInt32BE(NO_BACKUP, BACKUP_TIME_AT);
  return info;
}

/** Names are of one length, which tells most streams from them. */
export const isAfpInfo = (name: string): boolean =>
  name.length === AFP_INFO.length && foldKey(name) === AFP_INFO;
const isResource = (name: string): boolean =>
  name.length === AFP_RESOURCE.length && foldKey(name) === AFP_RESOURCE;

/** A stream that is stored, and yet not there. */
const isAbsent = (name: string, size: number): boolean =>
  size !== AFP_INFO_BYTES && ((size === 0 && isResource(name)) || isAfpInfo(name));

/** Of what is stored, what is there. */
export const present = (streams: readonly VfsStream[]): readonly VfsStream[] =>
  streams.some(({ name, size }) => isAbsent(name, size))
    ? streams.filter(({ name, size }) => !isAbsent(name, size))
    : streams;

/** A stream of this name, as its opener sees it. */
export const asSeen = (name: string, stream: SyncStreamObject): SyncStreamObject =>
  isAfpInfo(name) ? new AfpInfo(stream) : stream;

const isStoredOnly = (name: string, stream: SyncStreamObject): boolean => {
  const sizes = stream.sizes();
  return !isErrno(sizes) && isAbsent(name, sizes.size);
};

/** What was opened by this name, as its opener sees it. */
export function opened(name: string, stream: Result<SyncStreamObject>): Result<SyncStreamObject> {
  if (isErrno(stream) || !(isAfpInfo(name) || isResource(name))) return stream;
  if (!isStoredOnly(name, stream)) return asSeen(name, stream);
  stream.close();
  return ENOENT;
}

/** What was made, or was stored and not there, which is as good; `existing` opens that. */
export function made(
  name: string,
  stream: Result<SyncStreamObject>,
  existing: () => Result<SyncStreamObject>,
): Result<SyncStreamObject> {
  if (!isErrno(stream)) return asSeen(name, stream);
  if (stream !== EEXIST || !(isAfpInfo(name) || isResource(name))) return stream;
  const stored = existing();
  if (isErrno(stored)) return stored;
  if (isStoredOnly(name, stored)) return asSeen(name, stored);
  stored.close();
  return EEXIST;
}

class AfpInfo implements SyncStreamObject {
  readonly #stream: SyncStreamObject;

  constructor(stream: SyncStreamObject) {
    this.#stream = stream;
  }

  name(): string | Errno {
    return this.#stream.name();
  }

  sizes(): Result<StreamSizes> {
    const stored = this.#stream.sizes();
    if (isErrno(stored)) return stored;
    return { size: AFP_INFO_BYTES, allocationSize: Math.max(stored.allocationSize, 64) };
  }

  read(buffer: Uint8Array, position: number): number {
    const info = this.#info();
    if (isErrno(info)) return info;
    // As macOS has it: wherever in it is read, and at its very end, that is from its start.
    const part = position <= AFP_INFO_BYTES ? info.subarray(0, buffer.length) : EMPTY;
    buffer.set(part);
    return part.length;
  }

  /** As macOS has it: what begins as AFP_AfpInfo does is taken from its start, wherever it is written. */
  write(buffer: Uint8Array, position: number): number {
    if (buffer.length < SIGNED_BYTES) return EINVAL;
    if (position !== 0 && buffer.length < AFP_INFO_BYTES) return EINVAL;
    const signed = Buffer.from(buffer.buffer, buffer.byteOffset, SIGNED_BYTES);
    if (!signed.equals(SIGNATURE.subarray(0, SIGNED_BYTES))) return EINVAL;
    const info = this.#info();
    if (isErrno(info)) return info;
    info.set(buffer.subarray(0, AFP_INFO_BYTES));
    const result = this.#store(info);
    return isErrno(result) ? result : buffer.length;
  }

  #store(info: Buffer): number {
    const finderInfo = info.subarray(FINDER_INFO_AT, FINDER_INFO_AT + FINDER_INFO_BYTES);
    if (finderInfo.every((byte) => byte === 0)) return this.#stream.truncate(0);
    const written = this.#stream.write(info, 0);
    return isErrno(written) ? written : this.#stream.truncate(AFP_INFO_BYTES);
  }

  #info(): Buffer | Errno {
    const sizes = this.#stream.sizes();
    if (isErrno(sizes)) return sizes;
    const info = defaultAfpInfo();
    if (sizes.size !== AFP_INFO_BYTES) return info;
    const count = this.#stream.read(info, 0);
    return isErrno(count) ? count : info;
  }

  /** It has its size; set to nothing it is not there any more. */
  truncate(length: number): Errno | 0 {
    if (length > AFP_INFO_BYTES) return ESTREAMSIZE;
    return length === 0 ? this.#stream.truncate(0) : 0;
  }

  allocate(length: number): Errno | 0 {
    return this.#stream.allocate(length);
  }

  flush() {
    return this.#stream.flush();
  }

  rename(name: string, replace: boolean): Errno | 0 {
    return this.#stream.rename(name, replace);
  }

  remove(): Errno | 0 {
    return this.#stream.remove();
  }

  close(): void {
    this.#stream.close();
  }
}
