import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import { mapUsername, parseUsernameMap, UsernameMap } from './username-map.ts';

const isMember = (user: string, group: string) => group === 'staff' && user === 'tim';
const map = (text: string, ...names: string[]) =>
  mapUsername(
    parseUsernameMap(text, () => undefined),
    names,
    isMember,
  );

test('lines in order, names without case, quoted ones with blanks, groups, and the rest', () => {
  const text = '# people\n; more\n\nann = "Ann Smith" annie\nstaffer = @staff\n';
  assert.equal(map(text, 'ann smith'), 'ann');
  assert.equal(map(text, 'ANNIE'), 'ann');
  assert.equal(map(text, 'tim'), 'staffer');
  assert.equal(map(text, 'bob'), undefined);
  assert.equal(map('guest = *\n', 'whoever'), 'guest');
});

test('a line works on what those before made of the name, unless one of them is the last', () => {
  assert.equal(map('b = a\nc = b\n', 'a'), 'c');
  assert.equal(map('!b = a\nc = b\n', 'a'), 'b');
  assert.equal(map('!b = a\nguest = *\n', 'z'), 'guest');
});

test('any of the names by which a user is known', () => {
  assert.equal(map('ann = a.smith@EXAMPLE.COM\n', 'a.smith@example.com', 'a.smith'), 'ann');
  assert.equal(map('ann = EXAMPLE\\a.smith\n', 'a.smith@x', 'EXAMPLE\\a.smith'), 'ann');
});

test('lines that are none are complained of', () => {
  const lines: number[] = [];
  assert.deepEqual(
    parseUsernameMap('ann\n= x\nb = "open\n', (line) => lines.push(line)),
    [],
  );
  assert.deepEqual(lines, [1, 2, 3]);
});

test('the file is read anew when it has changed; its last good state counts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-map-'));
  const file = join(folder, 'map');
  const users = new UsernameMap(file, SILENT_LOGGER);
  assert.equal(users.rules.length, 0);
  writeFileSync(file, 'ann = annie\n');
  assert.equal(users.rules[0]?.local, 'ann');
  writeFileSync(file, 'anna = annie bob\n');
  assert.equal(users.rules[0]?.local, 'anna');
  rmSync(folder, { recursive: true });
  assert.equal(users.rules[0]?.local, 'anna');
});
