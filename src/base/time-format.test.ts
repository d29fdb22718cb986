import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileNumberFormat, compileTimeFormat } from './time-format.ts';

const HALLOWEEN = Date.UTC(2015, 9, 31, 19, 40, 30) / 1000;

test('names of snapshots as Samba has them', () => {
  const { format, parse } = compileTimeFormat('@GMT-%Y.%m.%d-%H.%M.%S', false)!;
  assert.equal(format(HALLOWEEN), '@GMT-2015.10.31-19.40.30');
  assert.equal(parse('@GMT-2015.10.31-19.40.30'), HALLOWEEN);
  for (const name of [
    '@GMT-2015.10.31-19.40.3',
    'x@GMT-2015.10.31-19.40.30',
    '@GMT-2015.10.31-19.40.30x',
    '@GMT-2015.02.30-19.40.30',
    '@GMT-2015.10.31-24.40.30',
    '@GMT-2015x10.31-19.40.30',
    '',
  ]) {
    assert.equal(parse(name), undefined, name);
  }
});

test('other formats', () => {
  const daily = compileTimeFormat('daily_%F_%R 100%%', false)!;
  assert.equal(daily.format(HALLOWEEN), 'daily_2015-10-31_19:40 100%');
  assert.equal(daily.parse('daily_2015-10-31_19:40 100%'), HALLOWEEN - 30);
  assert.equal(compileTimeFormat('%y%m%d', false)!.parse('690101'), Date.UTC(1969, 0, 1) / 1000);
  assert.equal(compileTimeFormat('%y%m%d', false)!.parse('681231'), Date.UTC(2068, 11, 31) / 1000);
  assert.equal(compileTimeFormat('%A', false), undefined);
  assert.equal(compileTimeFormat('50%', false), undefined);
});

test('local time is that of the machine', () => {
  const { format, parse } = compileTimeFormat('%Y-%m-%d %H:%M:%S', true)!;
  const date = new Date(2021, 4, 6, 7, 8, 9);
  const seconds = date.getTime() / 1000;
  assert.equal(format(seconds), '2021-05-06 07:08:09');
  assert.equal(parse('2021-05-06 07:08:09'), seconds);
});

test('seconds since 1970', () => {
  const { format, parse } = compileNumberFormat('snap-%lu')!;
  assert.equal(format(HALLOWEEN), `snap-${HALLOWEEN}`);
  assert.equal(parse(`snap-${HALLOWEEN}`), HALLOWEEN);
  for (const name of ['snap-', 'snap-01', 'snap-1x', 'snap--1', `snap-${'9'.repeat(13)}`]) {
    assert.equal(parse(name), undefined, name);
  }
  assert.equal(compileNumberFormat('%Y'), undefined);
  assert.equal(compileNumberFormat('%lu%lu'), undefined);
});
