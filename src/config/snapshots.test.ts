import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfiguration } from './load.ts';
import { problemText } from './problem.ts';
import { basicExpression } from './snapshots.ts';

const read = (text: string) =>
  readConfiguration(`[s]\npath = /s\nvfs objects = acl_xattr shadow_copy2\n${text}`, 'f');

test('the parameters of shadow_copy2', () => {
  const { configuration, warnings } = read(`
shadow:snapdir = /data/snapshots
shadow:basedir = /data/home
shadow:sort = asc
shadow:format = _GMT-%Y-%m-%d
shadow:snapprefix = ^s[a-z]*p$
shadow:localtime = yes
`);
  assert.deepEqual(warnings, []);
  const [share] = configuration.shares;
  assert.equal(share!.snapshotFolder, '/data/snapshots');
  assert.equal(share!.snapshotBase, '/data/home');
  assert.equal(share!.snapshotOrder, 'asc');
  assert.equal(share!.snapshotFormat, '_GMT-%Y-%m-%d');
  assert.equal(share!.snapshotPrefix, '^s[a-z]*p$');
  assert.equal(share!.snapshotLocalTime, true);
  assert.equal(share!.snapshotDelimiter, '_GMT');
});

test('formats that are not understood are errors, other layouts warnings', () => {
  for (const format of ['%A', 'a/%Y', '100%']) {
    assert.throws(() => read(`shadow:format = ${format}`), /shadow:format/);
  }
  assert.throws(() => read('shadow:snapprefix = \\(x'), /shadow:snapprefix/);
  const { warnings } = read('shadow:snapdirseverywhere = yes');
  assert.match(
    problemText(warnings[0]!),
    /"shadow:snapdirseverywhere = yes" is not supported, there is one folder/,
  );
});

test('basic regular expressions', () => {
  const matches = (source: string, text: string) => basicExpression(source)!.test(text);
  assert.ok(matches('^\\(dai\\|week\\)ly$', 'weekly'));
  assert.ok(!matches('^(dai|week)ly$', 'weekly'));
  assert.ok(matches('^(a)+$', '(a)+'));
  assert.ok(matches('^x\\{2\\}$', 'xx'));
  assert.ok(matches('^[^{}]*$', 'plain'));
  assert.ok(matches('^[\\]a$', '\\a'));
});
