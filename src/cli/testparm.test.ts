/** `usmbd testparm` as a user starts it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfiguration } from '../config/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-testparm-'));
after(() => rmSync(folder, { recursive: true }));
const usmbd = join(import.meta.dirname, '../../bin/usmbd.js');
const file = join(folder, 'usmbd.conf');

function testparm(text: string, ...flags: string[]) {
  writeFileSync(file, text);
  return spawnSync(process.execPath, [usmbd, 'testparm', file, ...flags], { encoding: 'utf8' });
}

test('the effective configuration, itself a configuration; warnings by line', () => {
  const text = '[global]\nworkgroup = HOME\nwide links = yes\n[a]\npath = /a\nwritable = yes\n';
  const { status, stdout, stderr } = testparm(text);
  assert.equal(status, 0);
  assert.match(stderr, /usmbd\.conf:3: warning: .*wide links/);
  assert.match(stdout, /^\[global\]\n {4}workgroup = HOME\n[\s\S]*\n\[a\]\n/);
  assert.match(stdout, / {4}read only = no\n/);
  assert.deepEqual(
    readConfiguration(stdout, 'f').configuration,
    readConfiguration(text, 'f').configuration,
  );
});

test('as JSON, with the problems', () => {
  const good = testparm('[global]\nwide links = yes\n[a]\npath = /a\n', '--json');
  const { global, shares, problems } = JSON.parse(good.stdout);
  assert.deepEqual([global.workgroup, shares[0].path, problems[0].line], ['WORKGROUP', '/a', 2]);
});

test('a file with errors: each of them, and status 1', () => {
  const { status, stdout, stderr } = testparm('[global]\ndeadtime = soon\n[a]\nread onyl = no\n');
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /usmbd\.conf:2: error: bad value "soon" for "deadtime"; expected/);
  assert.match(stderr, /usmbd\.conf:4: error: .*"read onyl"; expected perhaps "read only"/);
});

test('--explain says what a parameter does, by any of its names', () => {
  const explain = (name: string) =>
    spawnSync(process.execPath, [usmbd, 'testparm', '--explain', name], { encoding: 'utf8' });
  const { status, stdout } = explain('Writable');
  assert.equal(status, 0);
  assert.match(stdout, /^read only \(in a share/);
  assert.match(stdout, /Value: yes or no\. Default: yes; a reload makes it count at once\./);
  // Of the server, and of a share.
  assert.equal(explain('max connections').stdout.split('max connections (in').length, 3);
  const none = explain('read onyl');
  assert.deepEqual([none.status, none.stdout], [1, '']);
  assert.match(none.stderr, /there is no parameter "read onyl"; perhaps "read only"/);
});
