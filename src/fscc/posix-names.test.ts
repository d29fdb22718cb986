/** Paths of the SMB3 POSIX extensions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
} from '../dtyp/ntstatus.ts';
import { isRefusedName, refuseFilename } from './names.ts';
import { parsePosixPath } from './posix-names.ts';

const componentsOf = (text: string): readonly string[] => {
  const path = parsePosixPath(text);
  assert.ok(!isRefusedName(path), text);
  assert.equal(path.stream, undefined);
  assert.equal(path.trailingBackslash, false);
  return path.components;
};

test('slashes separate, however many, and nothing else does', () => {
  assert.deepEqual(componentsOf(''), []);
  assert.deepEqual(componentsOf('a/b//c/'), ['a', 'b', 'c']);
  assert.deepEqual(componentsOf('a b/.c'), ['a b', '.c']);
});

test('what Windows may not have in a name is there in the form that Windows sees', () => {
  assert.deepEqual(componentsOf('a\\b'), ['a\uf026b']);
  assert.deepEqual(componentsOf('a:b/<c>'), ['a\uf022b', '\uf023c\uf024']);
  assert.deepEqual(componentsOf('dot./blank '), ['dot\uf029', 'blank\uf028']);
  assert.deepEqual(componentsOf('\x01'), ['\uf001']);
  assert.deepEqual(componentsOf('...'), ['...']);
});

test('what is refused', () => {
  assert.equal(parsePosixPath('/a'), STATUS_INVALID_PARAMETER);
  assert.equal(parsePosixPath('a/../b'), STATUS_OBJECT_PATH_SYNTAX_BAD);
  assert.equal(parsePosixPath('.'), STATUS_OBJECT_PATH_SYNTAX_BAD);
  assert.equal(parsePosixPath('a\0'), STATUS_OBJECT_NAME_INVALID);
  assert.equal(parsePosixPath('a/\ud800'), STATUS_OBJECT_NAME_INVALID);
  assert.equal(parsePosixPath('x'.repeat(256)), STATUS_NAME_TOO_LONG);
  assert.equal(parsePosixPath('x/'.repeat(20_000)), STATUS_NAME_TOO_LONG);
});

test('every component that comes out is one that Windows could name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const path = parsePosixPath(text);
      if (isRefusedName(path)) return;
      for (const name of path.components) assert.equal(refuseFilename(name), undefined);
    }),
  );
});
