import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { replaceFile } from './atomic-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-atomic-'));
after(() => rmSync(folder, { recursive: true }));

test('a new file has the contents and the mode', () => {
  const path = join(folder, 'new');
  replaceFile(path, 'text', { mode: 0o640 });
  assert.equal(readFileSync(path, 'utf8'), 'text');
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

test('an open reader keeps the old file', () => {
  const path = join(folder, 'old');
  writeFileSync(path, 'before');
  const inode = statSync(path).ino;
  replaceFile(path, Buffer.from('after'), { mode: 0o600 });
  assert.equal(readFileSync(path, 'utf8'), 'after');
  assert.notEqual(statSync(path).ino, inode);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a symbolic link stays one', () => {
  writeFileSync(join(folder, 'target'), 'before');
  symlinkSync('target', join(folder, 'link'));
  replaceFile(join(folder, 'link'), 'after', { mode: 0o600 });
  assert.equal(readlinkSync(join(folder, 'link')), 'target');
  assert.equal(readFileSync(join(folder, 'target'), 'utf8'), 'after');
});

test('a failure leaves nothing behind', () => {
  const inner = join(folder, 'inner');
  mkdirSync(join(inner, 'taken'), { recursive: true });
  assert.throws(() => replaceFile(join(inner, 'taken'), 'x', { mode: 0o600 }), /EISDIR|ENOTEMPTY/);
  assert.deepEqual(readdirSync(inner), ['taken']);
  assert.throws(() => replaceFile(join(folder, 'missing', 'x'), 'x', { mode: 0o600 }), /ENOENT/);
});
