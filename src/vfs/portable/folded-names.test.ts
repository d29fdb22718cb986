import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NamedDirectory } from './directory.ts';
import { FoldedNames } from './folded-names.ts';

/** Long enough ago to be settled. */
const LONG_AGO = new Date('2020-01-01T00:00:00Z');

function folder(context: TestContext, ...names: string[]) {
  const path = fs.mkdtempSync(join(tmpdir(), 'usmbd-folded-'));
  context.after(() => fs.rmSync(path, { recursive: true }));
  for (const name of names) fs.writeFileSync(join(path, name), '');
  fs.utimesSync(path, LONG_AGO, LONG_AGO);
  return { path, directory: new NamedDirectory(path) };
}

test('names are found by what they are without case', (context) => {
  const { directory } = folder(context, 'One', 'ONE', 'two');
  const folded = new FoldedNames();
  assert.deepEqual([...(folded.alike(directory, 'one') as string[])].sort(), ['ONE', 'One']);
  assert.deepEqual(folded.alike(directory, 'TWO'), ['two']);
  assert.deepEqual(folded.alike(directory, 'three'), []);
});

test('a settled directory is read once, until its time changes', (context) => {
  const { path, directory } = folder(context, 'one');
  const folded = new FoldedNames();
  assert.deepEqual(folded.alike(directory, 'ONE'), ['one']);
  fs.writeFileSync(join(path, 'new'), '');
  const { mtime } = fs.statSync(path);
  fs.utimesSync(path, LONG_AGO, LONG_AGO);
  // Nothing shows that it changed: the answer is the one from before.
  assert.deepEqual(folded.alike(directory, 'NEW'), []);
  fs.utimesSync(path, mtime, mtime);
  assert.deepEqual(folded.alike(directory, 'NEW'), ['new']);
});

test('a directory that has just changed is remembered for a moment only', (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const { path, directory } = folder(context, 'one');
  let time = 0;
  context.mock.method(performance, 'now', () => time);
  const now = new Date();
  fs.utimesSync(path, now, now);
  const folded = new FoldedNames();
  assert.deepEqual(folded.alike(directory, 'ONE'), ['one']);
  fs.writeFileSync(join(path, 'new'), '');
  fs.utimesSync(path, now, now);
  time = 999;
  assert.deepEqual(folded.alike(directory, 'NEW'), []);
  time = 1001;
  assert.deepEqual(folded.alike(directory, 'NEW'), ['new']);
});

test('what this server changes is known at once, without reading again', (context) => {
  const { path, directory } = folder(context, 'one', 'two');
  const folded = new FoldedNames();
  folded.alike(directory, 'x');
  const reads = context.mock.method(fs, 'readdirSync');
  fs.renameSync(join(path, 'one'), join(path, 'Three'));
  folded.removed(directory, 'one');
  folded.added(directory, 'Three');
  assert.deepEqual(folded.alike(directory, 'THREE'), ['Three']);
  assert.deepEqual(folded.alike(directory, 'ONE'), []);
  assert.equal(reads.mock.callCount(), 0);
});

test('a directory that cannot be read is an errno', () => {
  const folded = new FoldedNames();
  assert.equal(folded.alike(new NamedDirectory('/nowhere/at/all'), 'x'), -2);
});
