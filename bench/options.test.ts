import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions, UsageError } from './options.ts';
import { rowName } from './results.ts';

test('without arguments: every work plain, signed and encrypted', () => {
  const options = readOptions([])!;
  assert.equal(options.rows.length, 21);
  assert.deepEqual(
    [options.rounds, options.seconds, options.signing, options.cipher, options.verify],
    [3, 2, 2, 2, false],
  );
});

test('quick is short, and what is said beside it counts', () => {
  const { rounds, seconds } = readOptions(['--quick'])!;
  assert.deepEqual([rounds, seconds], [2, 1]);
  assert.equal(readOptions(['--quick', '--seconds', '0.5'])!.seconds, 0.5);
});

test('only the rows that hold one of the texts', () => {
  const titles = readOptions(['--only', 'query_info, depth 1, s', '--only', 'write'])!.rows;
  assert.deepEqual(titles.map(rowName), [
    'WRITE 1 MiB, depth 8, plain',
    'WRITE 1 MiB, depth 8, signed',
    'WRITE 1 MiB, depth 8, encrypted',
    'QUERY_INFO, depth 1, signed',
  ]);
});

test('what is wrong is said, not ignored', () => {
  for (const args of [
    ['--only', 'nonsense'],
    ['--rounds', '0'],
    ['--rounds', '1.5'],
    ['--seconds', 'x'],
    ['--seconds', ''],
    ['--signing', 'toString'],
    ['--cipher', 'rot13'],
    ['--fast'],
    ['README'],
  ]) {
    assert.throws(() => readOptions(args), UsageError, args.join(' '));
  }
  assert.equal(readOptions(['--help']), undefined);
});
