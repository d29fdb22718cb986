/** Extended attributes that others left on the disk, and what a disk has no room for. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lgetxattr, listxattr, setxattr } from '../../native/xattr.ts';
import { E2BIG, EACCES, isErrno } from '../errno.ts';
import type { VfsHandle } from '../vfs.ts';
import { MEMORY_DISK, now, scratchShare, cannotRun as skip } from './contract-scratch.ts';

/** What ext4 keeps of one file's attributes at most, with the features that mkfs sets today. */
const MORE_THAN_A_BLOCK = 8192;

const ea = (name: string, value: string) => ({ name, value: Buffer.from(value) });

function easOf(handle: VfsHandle): Record<string, string> {
  const eas = now(handle.eas() as readonly { name: string; value: Buffer }[]);
  return Object.fromEntries(eas.map(({ name, value }) => [name, value.toString()]));
}

const onDisk = (path: string): string[] => {
  const names = listxattr(path);
  assert.ok(typeof names !== 'number');
  return names.filter((name) => name !== 'user.DOSATTRIB').sort();
};

const valueAt = (path: string, name: string): string => {
  const value = lgetxattr(path, name);
  assert.ok(!isErrno(value), `${name}: ${value}`);
  return value.toString();
};

function file(root: string, attributes: Record<string, string>): string {
  const path = join(root, 'f');
  writeFileSync(path, '');
  for (const [name, value] of Object.entries(attributes)) {
    assert.equal(setxattr(path, name, Buffer.from(value)), 0);
  }
  return path;
}

test('only what a client can name and set is shown; the rest stays', { skip }, () => {
  const { root, tree } = scratchShare();
  const foreign = {
    'user.a:b': '1',
    'user.über': '2',
    'user.\u4e00': '3',
    'user.empty': '',
    'user.DosStream.s:$DATA': 's',
    'user.mime_type': 'text/plain',
  };
  const path = file(root, foreign);
  const handle = now(tree.lookup(['f']));
  assert.deepEqual(easOf(handle), { über: '2', mime_type: 'text/plain' });
  assert.equal(handle.setEas([ea('MIME_TYPE', ''), ea('ÜBER', '4'), ea('own', 'x')]), 0);
  assert.deepEqual(onDisk(path), [
    'user.DosStream.s:$DATA',
    'user.a:b',
    'user.empty',
    'user.own',
    'user.über',
    'user.\u4e00',
  ]);
  assert.equal(handle.setEas([ea('Empty', 'full')]), 0);
  assert.deepEqual(easOf(handle), { own: 'x', Empty: 'full', über: '4' });
  handle.close();
});

test('a value that no EaValueLength can tell is not shown', { skip }, (context) => {
  const { root, tree } = scratchShare({}, MEMORY_DISK);
  const path = file(root, {});
  if (setxattr(path, 'user.huge', Buffer.alloc(65_536, 'x')) !== 0) {
    context.skip('the disk takes no value of 64 KiB');
    return;
  }
  const handle = now(tree.lookup(['f']));
  assert.deepEqual(easOf(handle), {});
  assert.equal(handle.setEas([ea('a', '1')]), 0);
  assert.deepEqual(easOf(handle), { a: '1' });
  assert.deepEqual(onDisk(path), ['user.a', 'user.huge']);
  handle.close();
});

test('names in several cases: a change makes one of them, and touches no others', { skip }, () => {
  const { root, tree } = scratchShare();
  const path = file(root, { 'user.k': '1', 'user.K': '2', 'user.other': '3', 'user.OTHER': '4' });
  const handle = now(tree.lookup(['f']));
  assert.equal(handle.setEas([ea('k', 'new')]), 0);
  const names = onDisk(path);
  assert.equal(names.length, 3);
  assert.equal(valueAt(path, names.find((name) => name.toLowerCase() === 'user.k')!), 'new');
  assert.equal(valueAt(path, 'user.other'), '3');
  assert.equal(valueAt(path, 'user.OTHER'), '4');
  assert.equal(handle.setEas([ea('Other', '')]), 0);
  assert.equal(onDisk(path).length, 1);
  handle.close();
});

test('what the object has no room for is E2BIG, and everything is as before', {
  skip,
}, (context) => {
  const { root, tree } = scratchShare();
  const path = file(root, { 'user.probe': 'x' });
  if (setxattr(path, 'user.probe', Buffer.alloc(MORE_THAN_A_BLOCK)) === 0) {
    context.skip('the disk takes large attributes');
    return;
  }
  assert.equal(setxattr(path, 'user.probe', Buffer.from('x')), 0);
  const handle = now(tree.create(['g'], { kind: 'file', attributes: 0 }));
  assert.equal(handle.setEas([ea('a', '1'), ea('gone', '2')]), 0);
  const large = ea('large', 'x'.repeat(MORE_THAN_A_BLOCK));
  assert.equal(handle.setEas([ea('a', '3'), ea('b', '4'), ea('gone', ''), large]), E2BIG);
  assert.deepEqual(easOf(handle), { a: '1', gone: '2' });
  handle.close();
});

test('a reserved name is refused in any case', { skip }, () => {
  const { root, tree } = scratchShare();
  const path = file(root, {});
  const handle = now(tree.lookup(['f']));
  for (const name of ['dosattrib', 'DosStream.x', 'security.NTACL']) {
    assert.equal(handle.setEas([ea('a', '1'), ea(name, 'x')]), EACCES);
  }
  assert.deepEqual(onDisk(path), []);
  handle.close();
});
