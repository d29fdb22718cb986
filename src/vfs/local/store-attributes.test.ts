/** `store dos attributes = no`: user.DOSATTRIB is neither written nor believed. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FILE_ATTRIBUTE_HIDDEN, FILE_ATTRIBUTE_NORMAL } from '../../fscc/attributes.ts';
import { lgetxattr, setxattr } from '../../native/xattr.ts';
import { EOPNOTSUPP } from '../errno.ts';
import { now, scratchShare, cannotRun as skip } from './contract-scratch.ts';
import { DOSATTRIB, decodeDosAttribute, encodeDosAttribute } from './dos-attribute.ts';

const TIME = 132_000_000_000_000_000n;

test('attributes and creation times are refused, times are set, nothing is written', {
  skip,
}, () => {
  const { root, tree } = scratchShare({ storeAttributes: false });
  const file = now(tree.create(['a'], { kind: 'file', attributes: FILE_ATTRIBUTE_HIDDEN }));
  assert.equal(file.set({ attributes: FILE_ATTRIBUTE_HIDDEN }), EOPNOTSUPP);
  assert.equal(file.set({ creationTime: TIME }), EOPNOTSUPP);
  assert.equal(file.set({ lastWriteTime: TIME }), 0);
  const stat = now(file.stat());
  assert.equal(stat.attributes, FILE_ATTRIBUTE_NORMAL);
  assert.equal(stat.lastWriteTime, TIME);
  assert.equal(typeof lgetxattr(join(root, 'a'), DOSATTRIB), 'number');
  file.close();
});

test('what is stored already counts for nothing', { skip }, (context) => {
  const { root, tree } = scratchShare({ storeAttributes: false });
  const path = join(root, 'b');
  writeFileSync(path, '');
  const stored = { attributes: FILE_ATTRIBUTE_HIDDEN, creationTime: TIME, initialTime: TIME };
  if (setxattr(path, DOSATTRIB, encodeDosAttribute(stored)) !== 0) {
    context.skip('no extended attributes here');
    return;
  }
  const file = now(tree.lookup(['b']));
  const stat = now(file.stat());
  assert.equal(stat.attributes, FILE_ATTRIBUTE_NORMAL);
  assert.notEqual(stat.creationTime, TIME);
  file.close();
});

test('a directory says when it was made, to whoever reads the disk', { skip }, (context) => {
  const { root, tree } = scratchShare();
  const directory = now(tree.create(['d'], { kind: 'directory', attributes: 0 }));
  const { creationTime } = now(directory.stat());
  directory.close();
  const stored = lgetxattr(join(root, 'd'), DOSATTRIB);
  if (typeof stored === 'number') {
    context.skip('no extended attributes here');
    return;
  }
  assert.equal(decodeDosAttribute(Buffer.from(stored))?.creationTime, creationTime);
});
