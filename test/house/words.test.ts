/** The repository stands on its own: nothing in it points at the place where it was written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesBelow } from './source-files.ts';

/** In two pieces each, so that this file is clean. */
const WORDS = [
  ['/wo', 'rk/'],
  ['shared/', 'tools'],
  ['shared/', 'specs'],
  ['shared/', 'design'],
  ['shared/', 'reference'],
  ['.lib', 'rary/'],
].map((pieces) => pieces.join(''));

test('no file names a path of a workplace', () => {
  const faults = filesBelow('.').flatMap(({ path, text }) =>
    WORDS.filter((word) => text.includes(word)).map((word) => `${path}: ${word}`),
  );
  assert.deepEqual(faults, []);
});
