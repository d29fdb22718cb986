import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AT_EMPTY_PATH, AT_FDCWD } from '../../native/constants.ts';
import { missing } from '../../native/library.ts';
import { statx } from '../../native/stat.ts';
import { AttributeCache, nextChangeTells } from './attribute-cache.ts';

const options = { skip: missing ?? false };

/** Of a new file: its stat, asked at some time after its last change. */
function withFile(
  act: (stat: () => void, fd: number, touch: () => void, statOther: () => void) => void,
): void {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-known-'));
  const path = join(folder, 'file');
  writeFileSync(path, 'x');
  const fd = openSync(path, 'r');
  try {
    act(
      () => assert.equal(statx(fd, '', AT_EMPTY_PATH), 0),
      fd,
      () => utimesSync(path, 1, 1),
      () => assert.equal(statx(AT_FDCWD, folder, 0), 0),
    );
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

const LATER_MS = 60_000;

test('what is known of an inode is known until its st_ctime moves', options, () => {
  withFile((stat, fd, touch, statOther) => {
    const cache = new AttributeCache();
    const laterMs = Date.now() + LATER_MS;
    stat();
    const known = cache.ofStat(fd, laterMs)!;
    assert.equal(known.dos, null);
    known.hasNoEas = true;
    stat();
    assert.equal(cache.ofStat(fd, laterMs), known);
    statOther();
    assert.equal(cache.ofStat(undefined, laterMs)?.hasNoEas, false);
    assert.equal(cache.size, 2);
    const before = performance.now();
    // Clocks of file systems go by ticks.
    while (performance.now() < before + 30);
    touch();
    stat();
    assert.notEqual(cache.ofStat(fd, laterMs), known);
    assert.equal(cache.ofStat(fd, laterMs)?.hasNoEas, false);
    assert.equal(cache.size, 2);
  });
});

test(
  'without multigrain timestamps an inode that was changed just now, or in the future, is not relied upon',
  options,
  () => {
    withFile((stat, fd) => {
      const cache = new AttributeCache(false);
      stat();
      assert.equal(cache.ofStat(fd), undefined);
      assert.equal(cache.ofStat(fd, Date.now() - LATER_MS), undefined);
      assert.equal(cache.size, 0);
    });
  },
);

test('where the next change is told apart an inode is relied upon at once', options, (t) => {
  withFile((stat, fd, touch) => {
    stat();
    if (!nextChangeTells(fd)) {
      t.skip('the kernel, or the file system of the folder for temporary files, has none such');
      return;
    }
    const cache = new AttributeCache();
    for (let change = 0; change < 1000; change++) {
      stat();
      const known = cache.ofStat(fd);
      assert.ok(known !== undefined);
      stat();
      assert.equal(cache.ofStat(fd), known);
      touch();
      stat();
      assert.notEqual(cache.ofStat(fd), known);
    }
  });
});
