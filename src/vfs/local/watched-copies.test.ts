/** Copies and zeros beside a watcher of the host: what it could not tell from others' changes stays on the thread. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nativeSupport } from '../../native/support.ts';
import { isErrno } from '../errno.ts';
import type { VfsHandle, VfsTree } from '../vfs.ts';
import { createLocalVfs, localShareOf } from './local-vfs.ts';

const skip = nativeSupport().unavailable ?? false;
const LENGTH = 100_000;

async function made(tree: VfsTree, name: string): Promise<VfsHandle> {
  const file = await tree.create([name], { kind: 'file', attributes: 0 });
  assert.ok(!isErrno(file));
  assert.equal(await file.write(Buffer.alloc(LENGTH, name), 0), LENGTH);
  return file;
}

for (const knowsProcess of [false, true]) {
  const where = knowsProcess ? 'off the thread' : 'on the thread';
  test(`a watcher that ${knowsProcess ? 'knows' : 'does not know'} the process: ${where}`, {
    skip,
  }, async () => {
    const root = mkdtempSync(join(tmpdir(), 'usmbd-watched-'));
    const vfs = createLocalVfs({ root, threads: false });
    const tree = await vfs.attach(undefined);
    assert.ok(!isErrno(tree));
    const [source, target] = [await made(tree, 'a'), await made(tree, 'b')];
    const heard: string[] = [];
    localShareOf(vfs)!.own.observer = {
      knowsProcess,
      begin: () => heard.push('begin'),
      did: () => {},
      touches: () => heard.push('touches'),
      end: () => heard.push('end'),
    };
    const copied = target.copyRange(source, 0, 0, LENGTH);
    const zeroed = target.zero({ position: 0, length: 10 }, true);
    assert.equal(copied instanceof Promise, knowsProcess);
    assert.equal(zeroed instanceof Promise, knowsProcess);
    assert.deepEqual([await copied, await zeroed], [LENGTH, 0]);
    const own = ['begin', 'touches', 'end'];
    assert.deepEqual(heard, knowsProcess ? [] : [...own, ...own]);
    for (const one of [source, target, tree]) one.close();
    vfs.close();
    rmSync(root, { recursive: true });
  });
}
