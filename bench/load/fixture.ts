/** What the works find on a share: names, sizes, content. Made through the server that is measured. */
import { type Payload, payloadOf } from './request.ts';

export const DATA_FILE = 'data.bin';
export const WRITTEN_FILE = 'written.bin';
export const NAMES_FOLDER = 'names';
export const LISTED_FOLDER = 'listed';

/** Of both files. More than the caches of a processor, less than anything evicts from the page cache. */
export const FILE_BYTES = 128 * 1024 * 1024;
export const BLOCK_BYTES = 1024 * 1024;
export const FILE_BLOCKS = FILE_BYTES / BLOCK_BYTES;

/** Opened in turn by the CREATE and CLOSE work. */
export const NAMES = 200;
export const nameOf = (i: number): string =>
  `${NAMES_FOLDER}\\name-${String(i).padStart(5, '0')}.txt`;

export const LISTED = 10_000;
export const listedLeaf = (i: number): string => `entry-${String(i).padStart(7, '0')}.txt`;
export const listedName = (i: number): string => `${LISTED_FOLDER}\\${listedLeaf(i)}`;

export const CHURN_FOLDER = 'churn';

/** Content of block `i` of both files: a window of one run of bytes that no other block has. */
const WINDOW_STEP = 4096 + 64;
const pattern = Buffer.allocUnsafeSlow(BLOCK_BYTES + FILE_BLOCKS * WINDOW_STEP);
let state = 0x9e3779b9;
for (let i = 0; i < pattern.length; i += 4) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  pattern.writeInt32LE(state, i);
}

export const blockContent = (i: number): Buffer =>
  pattern.subarray(i * WINDOW_STEP, i * WINDOW_STEP + BLOCK_BYTES);

/** All blocks, for WRITEs. */
export const blockPayloads = (): Payload[] =>
  Array.from({ length: FILE_BLOCKS }, (_, i) => payloadOf(blockContent(i)));
