import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Logger, SILENT_LOGGER } from '../base/log.ts';
import { ProblemsError } from '../config/problem.ts';
import { editUserDatabase } from '../config/user-db.ts';
import { AccountFile } from './account-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-accounts-'));
after(() => rmSync(folder, { recursive: true }));
const HASH = Buffer.alloc(16, 0xa5);
let count = 0;

function open(text: string) {
  const file = join(folder, `users-${count++}`);
  writeFileSync(file, text);
  const lines: string[] = [];
  const note =
    (level: string) =>
    (message: string, details?: object): void =>
      void lines.push(`${level} ${message} ${JSON.stringify(details)}`);
  const log: Logger = {
    ...SILENT_LOGGER,
    warn: note('warn'),
    error: note('error'),
    info: note('info'),
  };
  return { file, lines, accounts: new AccountFile(file, log) };
}

test('accounts come and go while the file is watched', () => {
  const { file, lines, accounts } = open('ann:AAAAAAAAAAAAAAAAAAAAAA==\n');
  const first = accounts.accounts;
  assert.deepEqual(first.names, ['ann']);
  assert.equal(accounts.accounts, first, 'read once');
  editUserDatabase(file, (database) => database.set('bob', HASH));
  assert.deepEqual(accounts.accounts.names, ['ann', 'bob']);
  editUserDatabase(file, (database) => database.set('ann', HASH));
  assert.deepEqual(accounts.accounts.find('ann')?.ntHash, HASH);
  editUserDatabase(file, (database) => database.delete('ann'));
  assert.deepEqual(accounts.accounts.names, ['bob']);
  assert.equal(lines.length, 3);
});

test('a bad file changes nothing, is told once and without its contents', () => {
  const { file, lines, accounts } = open('ann:AAAAAAAAAAAAAAAAAAAAAA==\n');
  writeFileSync(file, 'ann:AAAAAAAAAAAAAAAAAAAAAA==\nbob:c2VjcmV0\n');
  assert.deepEqual(accounts.accounts.names, ['ann']);
  assert.deepEqual(accounts.accounts.names, ['ann']);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^error .*:2: error: bad hash of \\"bob\\"/);
  assert.doesNotMatch(lines[0]!, /c2VjcmV0/);
});

test('a file that is gone has no accounts, and may come back', () => {
  const { file, lines, accounts } = open('ann:AAAAAAAAAAAAAAAAAAAAAA==\n');
  rmSync(file);
  assert.deepEqual(accounts.accounts.names, []);
  assert.match(lines.join(), /^warn the user database is gone/);
  writeFileSync(file, 'cat:AAAAAAAAAAAAAAAAAAAAAA==\n');
  assert.deepEqual(accounts.accounts.names, ['cat']);
});

test('to begin with the file has to be there', () => {
  assert.throws(() => new AccountFile(join(folder, 'none'), SILENT_LOGGER), ProblemsError);
});
