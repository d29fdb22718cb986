/**
 * The bytes of one open descriptor. Reads take what the page cache has without leaving the thread
 * (preadv2 RWF_NOWAIT) and go to libuv's pool only for what must come from the disk; writes are
 * synchronous, since Linux has no other for buffered files. Neither needs an identity: the kernel
 * checked at open.
 */
import { read as readInPool } from 'node:fs';
import { AT_EMPTY_PATH } from '../../native/constants.ts';
import { pread, preadNowait, pwrite } from '../../native/files.ts';
import { statx, stx } from '../../native/stat.ts';
import { EAGAIN, EIO, EOPNOTSUPP, type Errno } from '../errno.ts';
import type { MaybePromise } from '../vfs.ts';
import { isInMemory } from './volumes.ts';

/** How reads of a descriptor are made; learnt from the first. */
export type ReadMode = 'nowait' | 'memory' | 'pool';

export interface Readable {
  readonly fd: number;
  readMode: ReadMode;
}

/** Reads what has to come from the disk, off the thread: from `done` to the end of buffer or file. */
export type ReadRest = (
  fd: number,
  buffer: Uint8Array,
  position: number,
  done: number,
) => Promise<number>;

export function readData(
  file: Readable,
  buffer: Uint8Array,
  position: number,
  readRest: ReadRest,
): MaybePromise<number> {
  const { length } = buffer;
  let done = 0;
  while (done < length) {
    if (file.readMode === 'pool') return readRest(file.fd, buffer, position, done);
    const count =
      file.readMode === 'nowait'
        ? preadNowait(file.fd, buffer, done, length - done, position + done)
        : pread(file.fd, buffer, done, length - done, position + done);
    if (count === 0) break;
    if (count > 0) done += count;
    else if (file.readMode === 'memory') return count;
    else if (count === EOPNOTSUPP) file.readMode = isInMemory(file.fd) ? 'memory' : 'pool';
    else if (count === EAGAIN) return readRest(file.fd, buffer, position, done);
    else return count;
  }
  return done;
}

/** By libuv's pool. */
export const readInLibuv: ReadRest = (fd, buffer, position, done) =>
  new Promise((resolve) => {
    const step = (from: number): void => {
      readInPool(fd, buffer, from, buffer.length - from, position + from, (error, count) => {
        if (error !== null) resolve(errnoOf(error));
        else if (count === 0 || from + count === buffer.length) resolve(from + count);
        else step(from + count);
      });
    };
    step(done);
  });

/** Of an error that node:fs gave. */
export const errnoOf = (error: NodeJS.ErrnoException): Errno => error.errno ?? EIO;

/** All of the buffer, or an errno. */
export function writeData(fd: number, buffer: Uint8Array, position: number): number {
  const { length } = buffer;
  for (let done = 0; done < length; ) {
    const count = pwrite(fd, buffer, done, length - done, position + done);
    if (count <= 0) return count < 0 ? count : EIO;
    done += count;
  }
  return length;
}

/** 64 MiB: ext4 frees as much in about a millisecond. */
const LARGE_BLOCKS_512 = (64 * 1024 * 1024) / 512;

/** The last close of a large removed file frees its blocks, which takes its time. */
export const isLargeFile = (fd: number): boolean =>
  statx(fd, '', AT_EMPTY_PATH) === 0 && stx.blocks512() > LARGE_BLOCKS_512;
