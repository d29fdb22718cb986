import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { ProblemsError } from './problem.ts';
import {
  editUserDatabase,
  isUserName,
  parseUserDatabase,
  readUserDatabase,
  UserDatabase,
} from './user-db.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-users-'));
after(() => rmSync(folder, { recursive: true }));

// MS-NLMP 4.2.2.1.1: the NT hash of "Password".
const HASH = Buffer.from('a4f49c406510bdcab6824ee7c30fd852', 'hex');
const LINE = 'User:pPScQGUQvcq2gk7nww/YUg==\n';

test("the line of ksmbd's, both ways", () => {
  const database = parseUserDatabase(LINE, 'f');
  assert.deepEqual(database.find('User'), { name: 'User', ntHash: HASH });
  assert.equal(database.toString(), LINE);
  const made = new UserDatabase();
  made.set('User', HASH);
  assert.equal(made.toString(), LINE);
});

test('names are found in another case unless that is ambiguous', () => {
  const database = parseUserDatabase(LINE, 'f');
  assert.equal(database.find('uSER')?.name, 'User');
  assert.equal(database.find('use'), undefined);
  database.set('user', Buffer.alloc(16));
  assert.equal(database.find('USER'), undefined);
  assert.equal(database.find('user')?.name, 'user');
});

test('one bad line and nothing is taken; its contents are not repeated', () => {
  const hash = LINE.slice(5, -1);
  for (const bad of [
    'User',
    ':pPScQGUQvcq2gk7nww/YUg==',
    `${'x'.repeat(48)}:${hash}`,
    `a\u0001:${hash}`,
    ' a:pPScQGUQvcq2gk7nww/YUg==',
    'a:',
    'a:pPScQGUQvcq2gk7nww/YUg=',
    'a:pPScQGUQvcq2gk7nww/YUh==',
    'a:pPScQGUQvcq2gk7nww/YUg== ',
    `a:${hash}:1000`,
    `User:${hash}`,
  ]) {
    assert.throws(
      () => parseUserDatabase(`${LINE}\n${bad}\n`, 'f'),
      (error) =>
        error instanceof ProblemsError &&
        error.message.startsWith('f:3: error: ') &&
        !error.message.includes('pPScQ'),
      bad,
    );
  }
});

test('names', () => {
  for (const name of ['ann', 'Änne', 'a b', 'x'.repeat(47), 'a\\b']) assert.ok(isUserName(name));
  for (const name of ['', 'a:b', 'a\n', ' a', 'é'.repeat(24), '\ud800'])
    assert.ok(!isUserName(name));
  assert.throws(() => new UserDatabase().set('a:b', HASH), TypeError);
  assert.throws(() => new UserDatabase().set('a', HASH.subarray(1)), TypeError);
});

test('any accounts are read back as they were written', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 20 }).filter(isUserName);
  const hash = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.dictionary(name, hash), (accounts) => {
      const database = new UserDatabase();
      for (const [key, value] of Object.entries(accounts)) database.set(key, Buffer.from(value));
      const again = parseUserDatabase(database.toString(), 'f');
      assert.deepEqual(again.names, database.names);
      for (const key of again.names) assert.deepEqual(again.find(key), database.find(key));
    }),
  );
});

test('edits replace the file, for its owner alone', () => {
  const file = join(folder, 'users');
  writeFileSync(file, LINE, { mode: 0o644 });
  editUserDatabase(file, (database) => database.set('ann', Buffer.alloc(16)));
  editUserDatabase(file, (database) => assert.equal(database.delete('User'), true));
  assert.equal(readFileSync(file, 'utf8'), 'ann:AAAAAAAAAAAAAAAAAAAAAA==\n');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ['users', 'users.history']);
});

test('a failed edit leaves the file alone', () => {
  const file = join(folder, 'kept');
  writeFileSync(file, LINE);
  assert.throws(() => editUserDatabase(file, () => assert.fail('no')), /no/);
  writeFileSync(file, 'damaged');
  assert.throws(() => editUserDatabase(file, () => {}), ProblemsError);
  assert.equal(readFileSync(file, 'utf8'), 'damaged');
  assert.throws(() => readUserDatabase(join(folder, 'none')), /none: error: ENOENT/);
});

test('edits from several processes are all kept', async () => {
  const file = join(folder, 'many');
  const module = JSON.stringify(join(import.meta.dirname, 'user-db.ts'));
  const run = (prefix: string) =>
    new Promise((resolve) => {
      const code = `import { editUserDatabase } from ${module};
        for (let i = 0; i < 5; i++)
          editUserDatabase(${JSON.stringify(file)}, (d) => d.set('${prefix}' + i, Buffer.alloc(16)));`;
      spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' }).on(
        'close',
        resolve,
      );
    });
  assert.deepEqual(await Promise.all(['a', 'b', 'c'].map(run)), [0, 0, 0]);
  assert.equal(readUserDatabase(file).names.length, 15);
});
