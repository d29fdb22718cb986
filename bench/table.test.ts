import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measured, Row, Sample } from './results.ts';
import { cellsOf, incomparable, layOut, notesOf, number, tableOf } from './table.ts';
import { WORKS } from './works.ts';

const GMAC = { signing: 2, cipher: 2 } as const;
const CMAC = { signing: 1, cipher: 2 } as const;

const sample = (operations: number, serverCpuSeconds: number, clientCpuSeconds = 0.1): Sample => ({
  ...{ operations, seconds: 2, p50Us: 12.3, starved: 0 },
  ...{ serverCpuSeconds, clientCpuSeconds },
});

const measured = (...samples: Sample[]): Measured => ({ samples, negotiated: GMAC });

const row = (part: Partial<Row> = {}): Row => ({
  work: WORKS[0]!,
  mode: 'signed',
  usmbd: measured(sample(2000, 1), sample(4000, 1), sample(3000, 1)),
  samba: measured(sample(1000, 1), sample(1000, 2), sample(2000, 1)),
  ...part,
});

test('a row has medians, ratios with those of the best, spreads, costs and shares', () => {
  assert.deepEqual(cellsOf(row()), [
    'READ 1 MiB, depth 8',
    'signed',
    'MB/s',
    '1,573',
    '524',
    '3.00 (2.00)',
    '33 % 50 %',
    '333',
    '1,000',
    '0.33 (0.50)',
    '12.3',
    '12.3',
    '5 % 5 %',
  ]);
});

test('rows that are not about bytes count operations', () => {
  const cells = cellsOf(row({ work: WORKS.find(({ name }) => name === 'query-info')! }));
  assert.deepEqual(cells.slice(2, 5), ['ops/s', '1,500', '500']);
});

test('a client near its limit is marked, at the server whose row it was', () => {
  const busy = row({ samba: measured(sample(1000, 1, 1.7)) });
  assert.deepEqual(cellsOf(busy).slice(3, 5), ['1,573', '524 †']);
  assert.match(notesOf([busy]).join('\n'), /†.*80 % of a core/);
  assert.doesNotMatch(notesOf([row()]).join('\n'), /†/);
});

test('rows with different algorithms are marked, where the algorithm matters', () => {
  const samba = { ...measured(sample(1000, 1)), negotiated: CMAC };
  assert.equal(incomparable(row({ samba })), 'usmbd uses AES_GMAC, Samba AES_CMAC');
  assert.match(cellsOf(row({ samba }))[5]!, /‡$/);
  assert.equal(incomparable(row({ samba, mode: 'encrypted' })), undefined);
  assert.equal(incomparable(row({ samba, mode: 'plain' })), undefined);
});

test('a failure is shown, in the row and with its reason', () => {
  const failed = row({ usmbd: { samples: [], failure: 'READ: STATUS_ACCESS_DENIED' } });
  assert.deepEqual(cellsOf(failed).slice(3, 6), ['FAILED', '524', '–']);
  assert.deepEqual(
    notesOf([failed]).at(-1),
    'READ 1 MiB, depth 8, signed, usmbd FAILED: READ: STATUS_ACCESS_DENIED',
  );
});

test('requests that waited for credits are told', () => {
  const usmbd = measured({ ...sample(1, 1), starved: 2 }, { ...sample(1, 1), starved: 3 });
  assert.match(notesOf([row({ usmbd })]).join('\n'), /usmbd: 5 requests had to wait for credits/);
});

test('numbers keep about three digits', () => {
  assert.deepEqual([0.1234, 12.34, 123.4, 12345.6].map(number), ['0.12', '12.3', '123', '12,346']);
  assert.equal(number(undefined), '–');
});

test('columns are as wide as their widest cell, text to the left and numbers to the right', () => {
  const head = ['work', 'm', 'u', 'n'];
  assert.equal(
    layOut(head, [['a', 'bb', 'c', '10']]),
    '| work | m  | u |  n |\n| ---- | -- | - | -: |\n| a    | bb | c | 10 |',
  );
  const lines = tableOf([row(), row({ mode: 'plain' })])
    .split('\n')
    .slice(0, 4);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
});
