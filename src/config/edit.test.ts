import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockFolder } from '../base/file-lock.ts';
import { addShare, EditError, removeShare, updateShare } from './edit.ts';
import { ProblemsError } from './problem.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-edit-'));
after(() => rmSync(folder, { recursive: true }));

const TEXT = `# ours
[global]
  workgroup = HOME   ; the house

[data]
\tpath = /data
\twriteable = yes   # for now

; about the next
[more]
  path = /more
`;
let number = 0;
function fileWith(text: string): string {
  const file = join(folder, `${++number}.conf`);
  writeFileSync(file, text);
  return file;
}
const read = (file: string): string => readFileSync(file, 'utf8');
const refusedBy = (problem: string) => (error: unknown) =>
  error instanceof EditError && error.problem === problem;

test('a share is added at the end, and the rest stays', () => {
  const file = fileWith(TEXT);
  const { configuration } = addShare(file, 'new one', [
    { key: 'path', value: '/new one' },
    { key: 'Comment', value: 'a # b' },
  ]);
  assert.equal(read(file), `${TEXT}\n[new one]\n    path = /new one\n    comment = "a # b"\n`);
  assert.equal(configuration.shares.at(-1)?.comment, 'a # b');
  assert.throws(() => addShare(file, 'DATA', []), refusedBy('share-exists'));
});

test('a share is changed under the name that is given; its synonyms make way', () => {
  const file = fileWith(TEXT);
  updateShare(file, 'Data', [
    { key: 'read only', value: 'no' },
    { key: 'valid users', value: 'ann, @staff' },
  ]);
  const changed = TEXT.replace('writeable = yes', 'read only = no').replace(
    '# for now\n',
    '# for now\n\tvalid users = ann, @staff\n',
  );
  assert.equal(read(file), changed);
  updateShare(file, 'data', [{ key: 'valid users', value: undefined }]);
  const loaded = updateShare(file, 'data', [{ key: 'writable', value: 'no' }]);
  assert.equal(read(file), TEXT.replace('writeable = yes', 'writable = no'));
  assert.equal(loaded.configuration.shares[0]?.readOnly, true);
  updateShare(file, 'global', [{ key: 'oplocks', value: 'no' }]);
  assert.match(read(file), /the house\n {2}oplocks = no\n/);
  assert.throws(() => updateShare(file, 'none', []), refusedBy('no-such-share'));
});

test('a share is removed without what introduces the next one', () => {
  const file = fileWith(TEXT);
  removeShare(file, 'DATA');
  assert.equal(read(file), TEXT.replace(/\[data\][^;]*now\n\n/, ''));
  assert.throws(() => removeShare(file, 'data'), refusedBy('no-such-share'));
  assert.throws(() => removeShare(file, 'global'), refusedBy('no-such-share'));
});

test('what could not be loaded is not written, and it is said why', () => {
  const file = fileWith(TEXT);
  const refused = (settings: { key: string; value: string }[], why: RegExp): void => {
    assert.throws(
      () => updateShare(file, 'data', settings),
      (error) => error instanceof ProblemsError && why.test(error.message),
    );
    assert.equal(read(file), TEXT);
  };
  refused(
    [{ key: 'read only', value: 'perhaps' }],
    /:7: error: bad value "perhaps" for "read only"/,
  );
  refused([{ key: 'reed only', value: 'yes' }], /unknown parameter "reed only"; expected perhaps/);
  refused([{ key: 'workgroup', value: 'W' }], /"workgroup" in \[data\]/);
  refused([{ key: 'comment', value: 'a\nguest ok = yes' }], /line end/);
  refused([{ key: 'x]\n[y', value: 'a' }], /no name of a parameter/);
  assert.throws(() => addShare(file, 'a]b', [{ key: 'path', value: '/x' }]), ProblemsError);
  assert.throws(() => addShare(file, 'pathless', []), /has no path/);
  assert.equal(read(file), TEXT);
  const broken = fileWith('[data]\npath = /d\nguest ok = perhaps\n');
  assert.throws(
    () => addShare(broken, 'x', [{ key: 'path', value: '/x' }]),
    /:3: error: bad value/,
  );
});

test('mode and links stay, nothing is left beside the file, and it is made where it is missing', () => {
  const file = fileWith(TEXT);
  chmodSync(file, 0o640);
  const link = join(folder, 'link.conf');
  symlinkSync(file, link);
  removeShare(link, 'more');
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.doesNotMatch(read(file), /more/);
  const made = join(folder, 'sub', 'made.conf');
  addShare(made, 'a', [{ key: 'path', value: '/a' }]);
  assert.equal(read(made), '[a]\n    path = /a\n');
  assert.deepEqual(readdirSync(join(folder, 'sub')), ['made.conf']);
});

test('one edit at a time', () => {
  const file = fileWith(TEXT);
  const lock = lockFolder(`${file}.lock`);
  // This process's own claim is another's, too.
  assert.throws(() => removeShare(file, 'data'), refusedBy('busy'));
  lock.release();
  removeShare(file, 'data');
});
