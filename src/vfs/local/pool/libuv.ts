/**
 * libuv's own threads for what waits for a disk of the machine: cheaper than a thread of the device's, and there
 * without a start. There are four, for all disks and for all else that Node.js does (names of hosts, node:fs),
 * so a few jobs at once are theirs and the rest is the device's; reads and syncs are counted apart.
 */
import { close as closeFile, fdatasync, fsync } from 'node:fs';
import type { Errno } from '../../errno.ts';
import { errnoOf, type ReadRest, readInLibuv } from '../file-data.ts';
import type { ShareThreads } from './share-threads.ts';

const MAX_READS = 2;
const MAX_SYNCS = 1;

let reads = 0;
let syncs = 0;

export const readRestBy =
  (threads: ShareThreads): ReadRest =>
  (fd, buffer, position, done) => {
    if (reads >= MAX_READS) return threads.read(fd, buffer, position, done);
    reads += 1;
    return readInLibuv(fd, buffer, position, done).finally(() => {
      reads -= 1;
    });
  };

export const syncBy =
  (threads: ShareThreads, isFull: boolean) =>
  (fd: number): Promise<Errno | 0> => {
    if (syncs >= MAX_SYNCS) return threads.sync(fd, isFull);
    syncs += 1;
    return new Promise((resolve) => {
      (isFull ? fsync : fdatasync)(fd, (error) => {
        syncs -= 1;
        resolve(error === null ? 0 : errnoOf(error));
      });
    });
  };

export const closeBy =
  (threads: ShareThreads) =>
  (fd: number): void => {
    if (syncs >= MAX_SYNCS) {
      threads.close(fd);
      return;
    }
    syncs += 1;
    closeFile(fd, () => {
      syncs -= 1;
    });
  };
