import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeRequest, createRequest, RELATED } from '../../src/client/requests.ts';
import { joinCompound } from '../../src/smb2/compound.ts';
import { decodeCreateRequest } from '../../src/smb2/create.ts';
import { SMB2_FLAGS_SIGNED } from '../../src/smb2/header.ts';
import { message } from '../hostile/kit.ts';
import { turnSlashes } from './slashes.ts';

const create = (name: string, flags = 0): Buffer => {
  const { command, body } = createRequest(name);
  return message({ command, flags }, body);
};
const close = (): Buffer => {
  const { command, body } = closeRequest(RELATED);
  return message({ command }, body);
};
const nameOf = (turned: Buffer): string => decodeCreateRequest(turned).name;

test('slashes in the name of a CREATE become backslashes, and nothing else changes', () => {
  const turned = turnSlashes(create('a/b\\c/:d/e'));
  assert.equal(nameOf(turned), 'a\\b\\c\\:d\\e');
  assert.deepEqual(turned, create('a\\b\\c\\:d\\e'));
  // U+2F2F has a slash in both its bytes and is none.
  assert.equal(nameOf(turnSlashes(create('\u2f2f'))), '\u2f2f');
  assert.equal(nameOf(turnSlashes(create(''))), '');
});

test('in each member of a compound', () => {
  const parts = joinCompound([[create('a/b')], [close()], [create('c/d')]]).flat();
  const [first] = parts;
  const turned = turnSlashes(Buffer.concat(parts));
  assert.equal(nameOf(turned.subarray(0, first!.length)), 'a\\b');
  const text = turned.toString('latin1');
  assert.ok(text.includes('c\0\\\0d\0'));
  assert.ok(!text.includes('/\0'));
});

test('what is signed stays as it was, and so does what is no SMB2', () => {
  assert.equal(nameOf(turnSlashes(create('a/b', SMB2_FLAGS_SIGNED))), 'a/b');
  const other = Buffer.from('fd534d422f002f00', 'hex');
  assert.deepEqual(turnSlashes(Buffer.from(other)), other);
});
