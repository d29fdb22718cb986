import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions, UsageError } from './options.ts';
import { rowName } from './results.ts';
import { TABLE } from './works.ts';

test('without arguments: the whole table, five rounds', () => {
  const options = readOptions([])!;
  assert.equal(options.rows.length, TABLE.length);
  assert.deepEqual(
    [options.rounds, options.seconds, options.isWhole, options.verify],
    [5, 2, true, false],
  );
});

test('quick is short, and what is said beside it counts', () => {
  const { rounds, seconds } = readOptions(['--quick'])!;
  assert.deepEqual([rounds, seconds], [2, 1]);
  assert.equal(readOptions(['--quick', '--seconds', '0.5'])!.seconds, 0.5);
  const idle = readOptions(['--quick', '--only', 'idle'])!.rows[0]!;
  assert.equal(idle.work.connections, 100);
});

test('only the rows that hold one of the texts', () => {
  const options = readOptions(['--only', 'query_info, depth 1', '--only', 'write 1 MiB, depth'])!;
  assert.deepEqual(options.rows.map(rowName), [
    'QUERY_INFO, depth 1',
    'WRITE 1 MiB, depth 8',
    'WRITE 1 MiB, depth 8, CMAC',
    'WRITE 1 MiB, depth 8, GMAC',
    'WRITE 1 MiB, depth 8, GCM-128',
  ]);
  assert.equal(options.isWhole, false);
});

test('other protection than the table has, with the goal where it has one', () => {
  const { rows } = readOptions(['--mode', 'gmac', '--mode', 'CCM-256', '--only', 'read 1'])!;
  assert.deepEqual(
    rows.map((row) => [rowName(row), row.goal]),
    [
      ['READ 1 MiB, depth 8, GMAC', 1.5],
      ['READ 1 MiB, depth 8, CCM-256', undefined],
    ],
  );
});

test('what is wrong is said, not ignored', () => {
  for (const args of [
    ['--only', 'nonsense'],
    ['--rounds', '0'],
    ['--rounds', '1.5'],
    ['--seconds', 'x'],
    ['--seconds', ''],
    ['--mode', 'toString'],
    ['--mode', 'rot13'],
    ['--fast'],
    ['README'],
  ]) {
    assert.throws(() => readOptions(args), UsageError, args.join(' '));
  }
  assert.equal(readOptions(['--help']), undefined);
});
