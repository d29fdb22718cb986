/** Trees of files made for the interop runs, the same on every run, and their checksums. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Path below the tree's root and SHA-256, sorted by path. Folders have an empty checksum. */
export type Manifest = ReadonlyMap<string, string>;

/** Bytes that look random and are the same for the same seed: a chain of SHA-256. */
export function noise(length: number, seed: string): Buffer {
  const block = 32;
  const bytes = Buffer.alloc(Math.ceil(length / block) * block);
  let link = createHash('sha256').update(seed).digest();
  for (let offset = 0; offset < bytes.length; offset += block) {
    link.copy(bytes, offset);
    link = createHash('sha256').update(link).digest();
  }
  return bytes.subarray(0, length);
}

const FILES: readonly (readonly [path: string, lengthBytes: number])[] = [
  ['empty', 0],
  ['one byte.txt', 1],
  ['block', 4096],
  ['64KiB', 65536],
  ['odd-length.bin', 65537],
  ['megabyte and one', 1048577],
  ['large.bin', 9 * 1048576 + 13],
  ['.dotfile', 10],
  ['name with spaces and (brackets) & more.txt', 300],
  ['Grüße aus Köln – žluťoučký kůň.txt', 400],
  ['漢字とかな.txt', 500],
  ['emoji 😀 surrogates.txt', 600],
  [`${'long'.repeat(50)}.txt`, 700],
  ['deep/er/and/deep/er/file', 800],
  ['deep/er/other', 900],
  ['MixedCase/File.TXT', 1000],
];

/** A small tree with the names and lengths that go wrong. */
export function makeSampleTree(root: string): void {
  for (const [path, length] of FILES) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), noise(length, path));
  }
  mkdirSync(join(root, 'many'));
  for (let i = 0; i < 60; i++)
    writeFileSync(join(root, 'many', `file-${i}.dat`), noise(i * 37, `${i}`));
}

/** `count` files of 0 to 12 KiB in folders of fifty, as [path, bytes]. */
export function* manySmallFiles(count: number): Generator<readonly [string, Buffer]> {
  const pool = noise(65536, 'many small files');
  for (let i = 0; i < count; i++) {
    const length = (i * 769) % 12289;
    const offset = (i * 1021) % (pool.length - length);
    yield [
      `d${String(Math.floor(i / 50)).padStart(3, '0')}/file ${String(i).padStart(4, '0')}.dat`,
      pool.subarray(offset, offset + length),
    ];
  }
}

export function manifestOf(root: string): Manifest {
  const found: [string, string][] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        found.push([relative(root, path), '']);
        walk(path);
      } else found.push([relative(root, path), sha256(readFileSync(path))]);
    }
  };
  walk(root);
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** What differs between two manifests, at most a few lines. */
export function differences(expected: Manifest, actual: Manifest): string[] {
  const lines: string[] = [];
  for (const [path, sum] of expected) {
    const other = actual.get(path);
    if (other === undefined) lines.push(`missing: ${path}`);
    else if (other !== sum) lines.push(`differs: ${path}`);
  }
  for (const path of actual.keys()) if (!expected.has(path)) lines.push(`not expected: ${path}`);
  return lines.slice(0, 8);
}

/** Past 4 GiB, so that no 32-bit offset carries it. */
export const HUGE_LENGTH_BYTES = 5 * 1024 ** 3;

/** A sparse file with data at its start, around 4 GiB, and at its end. */
export function makeHugeFile(path: string): void {
  const piece = noise(1 << 20, 'huge');
  const file = openSync(path, 'w');
  for (const offset of [0, 2 ** 31 - 4096, 2 ** 32 - 4096, HUGE_LENGTH_BYTES - piece.length]) {
    writeSync(file, piece, 0, piece.length, offset);
  }
  closeSync(file);
}

export function sha256OfFile(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    createReadStream(path, { highWaterMark: 1 << 20 })
      .on('error', reject)
      .on('data', (piece) => hash.update(piece))
      .on('end', () => resolve(hash.digest('hex')));
  });
}
