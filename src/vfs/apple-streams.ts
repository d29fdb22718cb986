/**
 * MS-FSA 2.1.1.5 knows no stream that is more than bytes; Apple's two are, where Apple's rules hold (VfsStreamRules).
 * AFP_AfpInfo holds what the Finder knows of a file: always 60 bytes, and not there while FinderInfo in it is all
 * zeros. AFP_Resource, a resource fork, is not there while it is empty, and every file has one, so nobody deletes it
 * but by cutting it to nothing. To clients of Apple's no stream is there while it is empty. All are stored as every
 * stream is, an absent one as a stream of no bytes, which goes with its file or when it is written.
 */
import { foldKey } from '../fscc/upcase.ts';
import { EEXIST, EINVAL, ENOENT, type Errno, ESTREAMSIZE, isErrno, type Result } from './errno.ts';
import type { StreamSizes, SyncStreamObject } from './stream-handle.ts';
import type { VfsStream, VfsStreamRules } from './vfs.ts';

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
export const FINDER_INFO_AT = 16;
export const FINDER_INFO_BYTES = 32;

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
export const isResource = (name: string): boolean =>
  name.length === AFP_RESOURCE.length && foldKey(name) === AFP_RESOURCE;

/** A stream that is stored, and yet not there. */
function isAbsent(name: string, size: number, rules: VfsStreamRules): boolean {
  if (rules === 'plain' || size === AFP_INFO_BYTES) return false;
  return (size === 0 && (rules === 'apple' || isResource(name))) || isAfpInfo(name);
}

/** Of what is stored, what is there. */
export const present = (
  streams: readonly VfsStream[],
  rules: VfsStreamRules = 'fruit',
): readonly VfsStream[] =>
  streams.some(({ name, size }) => isAbsent(name, size, rules))
    ? streams.filter(({ name, size }) => !isAbsent(name, size, rules))
    : streams;

/** A stream of this name, as its opener sees it. */
export function asSeen(
  name: string,
  stream: SyncStreamObject,
  rules: VfsStreamRules = 'fruit',
): SyncStreamObject {
  if (rules === 'plain') return stream;
  if (isAfpInfo(name)) return new AfpInfo(stream);
  return isResource(name) ? new ResourceFork(stream) : stream;
}

const isStoredOnly = (name: string, stream: SyncStreamObject, rules: VfsStreamRules): boolean => {
  const sizes = stream.sizes();
  return !isErrno(sizes) && isAbsent(name, sizes.size, rules);
};

/** Whether a stream of this name may be stored and not there. */
const mayBeAbsent = (name: string, rules: VfsStreamRules): boolean =>
  rules === 'apple' || (rules === 'fruit' && (isAfpInfo(name) || isResource(name)));

/** What was opened by this name, as its opener sees it. */
export function opened(
  name: string,
  stream: Result<SyncStreamObject>,
  rules: VfsStreamRules = 'fruit',
): Result<SyncStreamObject> {
  if (isErrno(stream) || !mayBeAbsent(name, rules)) return stream;
  if (!isStoredOnly(name, stream, rules)) return asSeen(name, stream, rules);
  stream.close();
  return ENOENT;
}

/** What was made, or was stored and not there, which is as good; `existing` opens that. */
export function made(
  name: string,
  stream: Result<SyncStreamObject>,
  existing: () => Result<SyncStreamObject>,
  rules: VfsStreamRules = 'fruit',
): Result<SyncStreamObject> {
  if (!isErrno(stream)) return asSeen(name, stream, rules);
  if (stream !== EEXIST || !mayBeAbsent(name, rules)) return stream;
  const stored = existing();
  if (isErrno(stored)) return stored;
  if (isStoredOnly(name, stored, rules)) return asSeen(name, stored, rules);
  stored.close();
  return EEXIST;
}

/** A stream as another has it, but for what is said otherwise. */
abstract class Seen implements SyncStreamObject {
  protected readonly stored: SyncStreamObject;

  constructor(stored: SyncStreamObject) {
    this.stored = stored;
  }

  name(): string | Errno {
    return this.stored.name();
  }

  sizes(): Result<StreamSizes> {
    return this.stored.sizes();
  }

  read(buffer: Uint8Array, position: number): number {
    return this.stored.read(buffer, position);
  }

  write(buffer: Uint8Array, position: number): number {
    return this.stored.write(buffer, position);
  }

  truncate(length: number): Errno | 0 {
    return this.stored.truncate(length);
  }

  allocate(length: number): Errno | 0 {
    return this.stored.allocate(length);
  }

  flush() {
    return this.stored.flush();
  }

  rename(name: string, replace: boolean): Errno | 0 {
    return this.stored.rename(name, replace);
  }

  remove(): Errno | 0 {
    return this.stored.remove();
  }

  close(): void {
    this.stored.close();
  }
}

class ResourceFork extends Seen {
  /** As macOS has it: said to be done. */
  override remove(): 0 {
    return 0;
  }
}

class AfpInfo extends Seen {
  override sizes(): Result<StreamSizes> {
    const stored = this.stored.sizes();
    if (isErrno(stored)) return stored;
    return { size: AFP_INFO_BYTES, allocationSize: Math.max(stored.allocationSize, 64) };
  }

  override read(buffer: Uint8Array, position: number): number {
    const info = this.#info();
    if (isErrno(info)) return info;
    // As macOS has it: wherever in it is read, and at its very end, that is from its start.
    const part = position <= AFP_INFO_BYTES ? info.subarray(0, buffer.length) : EMPTY;
    buffer.set(part);
    return part.length;
  }

  /** As macOS has it: what begins as AFP_AfpInfo does is taken from its start, wherever it is written. */
  override write(buffer: Uint8Array, position: number): number {
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
    if (finderInfo.every((byte) => byte === 0)) return this.stored.truncate(0);
    const written = this.stored.write(info, 0);
    return isErrno(written) ? written : this.stored.truncate(AFP_INFO_BYTES);
  }

  #info(): Buffer | Errno {
    const sizes = this.stored.sizes();
    if (isErrno(sizes)) return sizes;
    const info = defaultAfpInfo();
    if (sizes.size !== AFP_INFO_BYTES) return info;
    const count = this.stored.read(info, 0);
    return isErrno(count) ? count : info;
  }

  /** It has its size; set to nothing it is not there any more. */
  override truncate(length: number): Errno | 0 {
    if (length > AFP_INFO_BYTES) return ESTREAMSIZE;
    return length === 0 ? this.stored.truncate(0) : 0;
  }
}
