/** File systems that share blocks, each in an image of its own: needs root, losetup and mkfs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nativeSupport } from '../../native/support.ts';
import { EINVAL, isErrno } from '../errno.ts';
import type { VfsHandle, VfsTree } from '../vfs.ts';
import { createLocalVfs } from './local-vfs.ts';

const IMAGE_BYTES = 400 * 1024 * 1024;
const BLOCK = 4096;
const MKFS = { btrfs: ['-q'], xfs: ['-q', '-m', 'reflink=1'] } as const;

const run = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

function why(kind: string): string | false {
  if (process.getuid?.() !== 0) return 'only root mounts';
  if (!run('which', `mkfs.${kind}`)) return `there is no mkfs.${kind}`;
  return nativeSupport().unavailable ?? false;
}

for (const kind of ['btrfs', 'xfs'] as const) {
  test(`files share blocks on ${kind}, holes are told`, { skip: why(kind) }, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'usmbd-clone-'));
    const [image, root] = [join(folder, 'image'), join(folder, 'root')];
    mkdirSync(root);
    writeFileSync(image, '');
    truncateSync(image, IMAGE_BYTES);
    try {
      assert.ok(run(`mkfs.${kind}`, ...MKFS[kind], image));
      if (!run('mount', '-o', 'loop', image, root)) {
        context.skip(`${kind} cannot be mounted here`);
        return;
      }
      for (const threads of [false, true]) await sharing(root, threads);
    } finally {
      run('umount', '-l', root);
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

async function sharing(root: string, threads: boolean): Promise<void> {
  const vfs = createLocalVfs({ root, threads });
  assert.equal(vfs.features.cloning, true);
  const tree = await vfs.attach(undefined);
  assert.ok(!isErrno(tree));
  const data = Buffer.alloc(64 * BLOCK, 0x5a);
  const source = await made(tree, `source ${threads}`, data);
  const target = await made(tree, `target ${threads}`, Buffer.alloc(data.length));
  assert.equal(await target.cloneRange(source, BLOCK, 0, 2 * BLOCK), 0);
  const read = Buffer.alloc(3 * BLOCK);
  assert.equal(await target.read(read, 0), read.length);
  assert.ok(read.subarray(0, 2 * BLOCK).equals(data.subarray(0, 2 * BLOCK)));
  assert.ok(read.subarray(2 * BLOCK).every((byte) => byte === 0));
  assert.equal(await source.cloneRange(source, 0, 32 * BLOCK, 32 * BLOCK), 0);
  assert.equal(await target.cloneRange(source, 1, 0, BLOCK), EINVAL);
  assert.equal(await source.cloneRange(source, 0, BLOCK, 2 * BLOCK), EINVAL);
  // What the one writes now is not the other's.
  assert.equal(await source.write(Buffer.alloc(BLOCK), BLOCK), BLOCK);
  assert.equal(await target.read(read, 0), read.length);
  assert.equal(read[0], 0x5a);
  const hole = { position: 16 * BLOCK, length: 16 * BLOCK };
  assert.equal(await source.zero(hole, false), 0);
  assert.deepEqual(await source.dataRanges({ position: 0, length: data.length }, 10), [
    { position: 0, length: 16 * BLOCK },
    { position: 32 * BLOCK, length: 32 * BLOCK },
  ]);
  for (const one of [source, target, tree]) one.close();
  vfs.close();
}

async function made(tree: VfsTree, name: string, content: Buffer): Promise<VfsHandle> {
  const file = await tree.create([name], { kind: 'file', attributes: 0 });
  assert.ok(!isErrno(file));
  assert.equal(await file.write(content, 0), content.length);
  return file;
}
