import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyFileRange, copyFileRangeInPool } from './copy.ts';
import { nativeSupport } from './support.ts';

const skip = nativeSupport().unavailable ?? false;
const EBADF = -9;
const EINVAL = -22;

test('ranges are copied on this thread and off it, errors are told', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-copy-'));
  const name = join(folder, 'target');
  writeFileSync(join(folder, 'source'), '0123456789');
  const source = openSync(join(folder, 'source'), 'r');
  const target = openSync(name, 'w+');
  try {
    const range = { source, target, from: 2, position: 1, length: 3 };
    assert.equal(copyFileRange(range), 3);
    assert.equal(readFileSync(name, 'latin1'), '\x00234');
    const copies = [
      copyFileRangeInPool({ ...range, from: 8, position: 0, length: 100 }),
      copyFileRangeInPool({ ...range, from: 0, position: 5 }),
      copyFileRangeInPool({ ...range, from: 10 }),
      copyFileRangeInPool({ ...range, target: source }),
      copyFileRangeInPool({ ...range, source: target, length: 5 }),
    ];
    assert.deepEqual(await Promise.all(copies), [2, 3, 0, EBADF, EINVAL]);
    assert.equal(copyFileRange({ ...range, source: -1 }), EBADF);
    assert.equal(readFileSync(name, 'latin1'), '8934\x00012');
  } finally {
    closeSync(source);
    closeSync(target);
    rmSync(folder, { recursive: true });
  }
});
