import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationText } from './configuration.ts';
import { readConfiguration } from './load.ts';
import { ProblemsError, problemText } from './problem.ts';

const load = (...lines: string[]) =>
  readConfiguration(`[global]\n${lines.join('\n')}\n`, 'f').configuration;

function problems(...lines: string[]): string {
  try {
    load(...lines);
    return '';
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems.map(problemText).join('\n');
    throw error;
  }
}

test('idmap config: the lines of a Samba configuration', () => {
  const { idmap } = load(
    'idmap config * : backend = autorid',
    'idmap config *:range = 1000000 - 1999999',
    'idmap config example : backend = rid',
    'IDMAP CONFIG EXAMPLE : range = 100000-299999',
  );
  assert.deepEqual(idmap, [
    { domain: '*', backend: 'autorid', low: 1_000_000, high: 1_999_999, rangeSize: 100_000 },
    { domain: 'EXAMPLE', backend: 'rid', low: 100_000, high: 299_999, rangeSize: 200_000 },
  ]);
  assert.equal(load().idmap, undefined);
  assert.equal(load('idmap config * : range = 3000-7999').idmap?.[0]?.backend, 'tdb');
});

test('what is printed is read as the same', () => {
  const lines = ['idmap config * : backend = autorid', 'idmap config * : range = 100000-199999'];
  const configuration = load(...lines, 'idmap config * : rangesize = 5000');
  const text = configurationText(configuration);
  assert.deepEqual(readConfiguration(text, 'f').configuration.idmap, configuration.idmap);
});

test('each fault is told at its line, with what would be right', () => {
  const range = 'idmap config * : range = 100000-199999';
  assert.match(problems('idmap config * : backend = ad', range), /^f:2: error: .*autorid or tdb/);
  assert.match(
    problems('idmap config A : backend = ad', 'idmap config A : range = 5000-9000'),
    /rid/,
  );
  assert.match(problems('idmap config * : backend = tdb'), /f:2: .*has no range/);
  for (const bad of ['0-100000', '500-400', '5000', '1000-4294967295', 'x'])
    assert.match(problems(`idmap config * : range = ${bad}`), /f:2: error: bad range/);
  assert.match(problems(range, 'idmap config * : schema_mode = rfc2307'), /f:3: .*not supported/);
  assert.match(
    problems('idmap config * : backend = autorid', 'idmap config * : range = 3000-7999'),
    /a larger range/,
  );
  assert.match(problems(range, 'idmap config A : range = 150000-160000'), /f:3: .*overlaps/);
});
