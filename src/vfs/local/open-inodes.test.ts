import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EBADF, EINVAL, EIO, ENOSPC } from '../errno.ts';
import { flushed, OpenInodes } from './open-inodes.ts';

test('an error of a write-back is answered until the last handle closes', () => {
  const inodes = new OpenInodes();
  const first = inodes.retain('1/2');
  const second = inodes.retain('1/2');
  const other = inodes.retain('1/3');
  assert.equal(flushed(first, 0), 0);
  assert.equal(flushed(first, EIO), EIO);
  assert.equal(flushed(first, 0), EIO);
  assert.equal(flushed(second, 0), EIO);
  assert.equal(flushed(other, 0), 0);
  inodes.release(first);
  const third = inodes.retain('1/2');
  assert.equal(flushed(third, ENOSPC), EIO);
  inodes.release(second);
  assert.equal(flushed(third, 0), EIO);
  inodes.release(third);
  assert.equal(flushed(inodes.retain('1/2'), 0), 0);
});

test('a call that was wrong lost nothing', () => {
  const inodes = new OpenInodes();
  const inode = inodes.retain('x');
  for (const errno of [EBADF, EINVAL]) {
    assert.equal(flushed(inode, errno), errno);
    assert.equal(flushed(inode, 0), 0);
  }
});

test('nothing stays behind', () => {
  const inodes = new OpenInodes();
  const held = Array.from({ length: 100 }, (_, i) => inodes.retain(`${i % 10}`));
  assert.equal(inodes.size, 10);
  for (const inode of held) inodes.release(inode);
  assert.equal(inodes.size, 0);
});
