/** There is no parameter without a row in these tests, and no row that another file does not run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { IDMAP_OPTIONS } from '../../src/config/idmap.ts';
import { globalParameters, shareParameters } from '../../src/config/parameters.ts';
import { globalRows } from './global-rows.ts';
import { idmapRows } from './idmap-rows.ts';
import { shareRows } from './share-rows.ts';

const sorted = (names: Iterable<string>): string[] => [...names].sort();

test('each parameter is changed under load', () => {
  for (const [rows, parameters] of [
    [globalRows, globalParameters],
    [shareRows, shareParameters],
  ] as const) {
    assert.deepEqual(sorted(Object.keys(rows)), sorted(Object.keys(parameters)));
  }
  assert.deepEqual(sorted(Object.keys(idmapRows)), sorted(IDMAP_OPTIONS));
});

test('all parts of the rows are run', () => {
  const text = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
  assert.match(text('global.test.ts'), /testRows\('global', globalRows/);
  const parts = ['shares.test.ts', 'shares-more.test.ts'].flatMap((name) => [
    ...text(name).matchAll(/testRows\('data', shareRows, .*part: (\d), parts: (\d) }/g),
  ]);
  assert.deepEqual(
    parts.map(([, part, of]) => [part, of]),
    [
      ['0', '2'],
      ['1', '2'],
    ],
  );
  assert.match(text('idmap.test.ts'), /Object\.entries\(idmapRows\)/);
});
