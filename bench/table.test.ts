import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyLine } from './history.ts';
import type { Measured, Row, Sample } from './results.ts';
import {
  comparison,
  gainsOf,
  incomparable,
  layOut,
  limits,
  notesOf,
  number,
  reaches,
  reliability,
  tableOf,
} from './table.ts';
import { TABLE, type WorkName } from './works.ts';

const GMAC = { signing: 2, cipher: 2 } as const;
const CMAC = { signing: 1, cipher: 2 } as const;
const NAMES = { usmbd: 'usmbd', samba: 'Samba' };

const sample = (operations: number, serverCpuSeconds: number, clientCpuSeconds = 0.1): Sample => ({
  ...{ operations, seconds: 2, p50Us: 12.3, starved: 0 },
  ...{ serverCpuSeconds, clientCpuSeconds },
});

const measured = (...samples: Sample[]): Measured => ({ samples, negotiated: GMAC });

const workOf = (wanted: WorkName) => TABLE.find(({ work }) => work.name === wanted)!.work;

const row = (of: Row['of'] = {}, part: Partial<Row> = {}): Row => ({
  work: workOf('read'),
  protection: 'GMAC',
  goal: 1.5,
  of: {
    usmbd: measured(sample(2000, 1), sample(4000, 1), sample(3000, 1)),
    samba: measured(sample(1000, 1), sample(1000, 2), sample(2000, 1)),
    ...of,
  },
  ...part,
});

const cellsOf = (one: Row): string[] => comparison([one], NAMES).rows[0]!;

test('a row has medians, ratios with those of the best, and costs, all in favour of usmbd above 1', () => {
  assert.deepEqual(cellsOf(row()), [
    'READ 1 MiB, depth 8, GMAC',
    '1.5× yes',
    'MB/s',
    '1,573',
    '524',
    '3.00 (2.00)',
    '',
    '333',
    '1,000',
    '3.00 (2.00)',
  ]);
  assert.deepEqual(reliability([row()], NAMES).rows[0]!.slice(3), [
    '33 % / 50 %',
    '12.3 / 12.3',
    '5 % / 5 %',
  ]);
});

test('a goal is reached by throughput and CPU, or not at all', () => {
  const cheap = row({ usmbd: measured(sample(1000, 0.1)), samba: measured(sample(1000, 1)) });
  assert.equal(reaches(cheap), false);
  const fast = row({ usmbd: measured(sample(4000, 4)), samba: measured(sample(1000, 1)) });
  assert.equal(reaches(fast), false);
  assert.equal(reaches(row()), true);
  assert.equal(reaches(row({}, { goal: undefined })), undefined);
  assert.equal(reaches(row({ samba: measured() })), undefined);
});

test('rows that are not about bytes count operations', () => {
  const cells = cellsOf(row({}, { work: workOf('query-info'), protection: 'plain' }));
  assert.deepEqual(cells.slice(0, 5), ['QUERY_INFO, depth 1', '1.5× yes', 'ops/s', '1,500', '500']);
});

test('of memory less is better, and there is no CPU', () => {
  const idle = (kib: number): Measured => measured({ ...sample(1, 0), sessionKib: kib });
  const one = row(
    { usmbd: idle(50), samba: idle(800) },
    { work: workOf('idle'), protection: 'plain', goal: 10 },
  );
  assert.deepEqual(gainsOf(one, 'samba'), { result: { median: 16, best: 16 }, cost: undefined });
  assert.equal(reaches(one), true);
  assert.deepEqual(cellsOf(one).slice(2, 6), ['KiB/session', '50.0', '800', '16.00 (16.00)']);
});

test('another Samba has columns of its own, and the C program a table', () => {
  const one = row({ newer: measured(sample(1500, 1)), limit: measured(sample(6000, 1)) });
  const names = { ...NAMES, newer: 'Samba 4.25', limit: 'C limit' };
  const { head, rows } = comparison([one], names);
  assert.equal(head.length, rows[0]!.length);
  assert.deepEqual(rows[0]!.slice(3, 8), ['1,573', '524', '786', '3.00 (2.00)', '2.00 (2.67)']);
  assert.deepEqual(limits([one, row()]).rows, [
    ['READ 1 MiB, depth 8, GMAC', '', '', '333', '167', '2.00 (1.50)'],
  ]);
});

test('a client near its limit is marked, at the server whose row it was', () => {
  const busy = row({ samba: measured(sample(1000, 1, 1.7)) });
  assert.deepEqual(cellsOf(busy).slice(3, 5), ['1,573', '524 †']);
  assert.match(notesOf([busy], NAMES).join('\n'), /†.*80 % of a core/);
  assert.doesNotMatch(notesOf([row()], NAMES).join('\n'), /†/);
});

test('rows with different algorithms are marked, where the algorithm matters', () => {
  const samba = { ...measured(sample(1000, 1)), negotiated: CMAC };
  assert.equal(incomparable(row({ samba })), 'the servers use AES_GMAC and AES_CMAC');
  assert.match(cellsOf(row({ samba }))[5]!, /‡$/);
  assert.equal(incomparable(row({ samba }, { protection: 'GCM-128' })), undefined);
  assert.equal(incomparable(row({ samba }, { protection: 'plain' })), undefined);
});

test('a failure is shown, in the row and with its reason', () => {
  const failed = row({ usmbd: { samples: [], failure: 'READ: STATUS_ACCESS_DENIED' } });
  assert.deepEqual(cellsOf(failed).slice(3, 6), ['FAILED', '524', '–']);
  assert.deepEqual(
    notesOf([failed], NAMES).at(-1),
    'READ 1 MiB, depth 8, GMAC, usmbd FAILED: READ: STATUS_ACCESS_DENIED',
  );
});

test('requests that waited for credits are told', () => {
  const usmbd = measured({ ...sample(1, 1), starved: 2 }, { ...sample(1, 1), starved: 3 });
  assert.match(notesOf([row({ usmbd })], NAMES).join('\n'), /usmbd: 5 requests had to wait/);
});

test('numbers keep about three digits', () => {
  assert.deepEqual([0.1234, 12.34, 123.4, 12345.6].map(number), ['0.12', '12.3', '123', '12,346']);
  assert.equal(number(undefined), '–');
});

test('columns are as wide as their widest cell, text to the left and numbers to the right', () => {
  const head = ['work', 'm', '', 'n'];
  assert.equal(
    layOut({ head, rows: [['a', 'bb', '', '10']] }),
    '| work | m  |  n |\n| ---- | -- | -: |\n| a    | bb | 10 |',
  );
  const lines = tableOf([row(), row({}, { protection: 'plain' })], NAMES)
    .split('\n')
    .slice(0, 4);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
});

test('the history has the medians of each row', () => {
  const line = JSON.parse(historyLine([row()], { revision: 'abc' }));
  assert.deepEqual(line, {
    revision: 'abc',
    rows: {
      'READ 1 MiB, depth 8, GMAC': {
        unit: 'MB/s',
        usmbd: { result: 1570, cpuUs: 333 },
        samba: { result: 524, cpuUs: 1000 },
        gain: 3,
        cpuGain: 3,
      },
    },
  });
});
