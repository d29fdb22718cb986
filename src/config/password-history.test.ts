import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ntHash } from '../auth/ntlm-crypto.ts';
import { historyFileOf, MUST_CHANGE, readPasswordHistory } from './password-history.ts';
import { ProblemsError } from './problem.ts';
import { editUserDatabase } from './user-db.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-history-'));
after(() => rmSync(folder, { recursive: true }));

const hashes = ['one', 'two', 'three', 'four'].map((password) => ntHash(password));
const [one, two, three, four] = hashes as [Buffer, Buffer, Buffer, Buffer];

function database(name: string) {
  const file = join(folder, name);
  const set = (ntHashOf: Buffer, historyLength: number, nowMs = 1) =>
    editUserDatabase(file, (accounts) => accounts.set('ann', ntHashOf), { historyLength, nowMs });
  return { file, set, history: () => readPasswordHistory(file) };
}

test('the time of a password is that of its being set, and nobody’s of one that came otherwise', () => {
  const { file, set, history } = database('times');
  assert.equal(history().setAtMs('ann', one), undefined);
  set(one, 0, 1000);
  assert.equal(history().setAtMs('ann', one), 1000);
  set(one, 0, 2000);
  assert.equal(history().setAtMs('ann', one), 2000);
  // Somebody's editor.
  assert.equal(history().setAtMs('ann', two), undefined);
  const mustChange = { mustChange: true };
  editUserDatabase(file, (accounts) => accounts.set('ann', two, mustChange), { nowMs: 3000 });
  assert.equal(history().setAtMs('ann', two), MUST_CHANGE);
  editUserDatabase(file, (accounts) => accounts.set('bob', one), { nowMs: 4000 });
  assert.equal(history().setAtMs('ann', two), MUST_CHANGE);
  editUserDatabase(file, (accounts) => void accounts.delete('ann'));
  assert.equal(history().setAtMs('ann', two), undefined);
  assert.equal(statSync(historyFileOf(file)).mode & 0o777, 0o600);
});

test('of the last three passwords none is new; of what is not asked for nothing is kept', () => {
  const { file, set, history } = database('former');
  for (const each of hashes) set(each, 3);
  const has = (hash: Buffer, length: number) => history().has('ann', hash, four, length);
  assert.deepEqual(
    hashes.map((each) => has(each, 3)),
    [false, true, true, true],
  );
  assert.deepEqual(
    hashes.map((each) => has(each, 1)),
    [false, false, false, true],
  );
  assert.equal(has(four, 0), false);
  // Neither hash nor password can be read there.
  const text = readFileSync(historyFileOf(file), 'utf8');
  for (const each of hashes) assert.ok(!text.includes(each.toString('base64')));
  set(one, 1);
  const { former } = JSON.parse(readFileSync(historyFileOf(file), 'utf8')).accounts[0];
  assert.deepEqual(former, []);
  assert.equal(history().has('ann', three, one, 3), false);
});

test('a history that usmbd did not write stops every change, and says what to do', () => {
  const { file, set } = database('damaged');
  set(one, 3);
  set(two, 3);
  const whole = readFileSync(historyFileOf(file), 'utf8');
  const { accounts } = JSON.parse(whole);
  const damaged = [
    whole.slice(0, -9),
    '{}',
    JSON.stringify({ accounts: [null] }),
    JSON.stringify({ accounts: [{ ...accounts[0], setAtMs: -1 }] }),
    JSON.stringify({ accounts: [{ ...accounts[0], salt: 'AA==' }] }),
    JSON.stringify({ accounts: [{ ...accounts[0], former: ['x'] }] }),
  ];
  const before = readFileSync(file, 'utf8');
  for (const text of damaged) {
    writeFileSync(historyFileOf(file), text);
    assert.throws(
      () => set(three, 3),
      (error) => error instanceof ProblemsError && /restore it, or remove it/.test(error.message),
      text,
    );
    assert.equal(readFileSync(file, 'utf8'), before);
  }
});
