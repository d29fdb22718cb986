/** docs/reload.md names every parameter whose change does not simply count now, in the row of its class. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Effect, globalEffects, shareEffects } from './effects.ts';
import { globalParameters, shareParameters } from './parameters.ts';

const ROWS: Readonly<Record<Exclude<Effect, 'now'>, string>> = {
  'new connections': 'counts for new connections',
  'share anew': 'its clients connect to the share anew',
  restart: 'NEEDS A RESTART',
  none: 'is not supported, and changes nothing',
};

const page = readFileSync(new URL('../../docs/reload.md', import.meta.url), 'utf8').split('\n');

const tables = [
  [globalParameters, globalEffects],
  [shareParameters, shareEffects],
] as const;

for (const [parameters, effects] of tables) {
  for (const [field, { name }] of Object.entries(parameters)) {
    const effect = new Map<string, Effect>(Object.entries(effects)).get(field)!;
    test(`${name}: ${effect}`, () => {
      const rows = page.filter((line) => line.startsWith('|') && line.includes(`\`${name}\``));
      if (effect === 'now') return;
      const mentioned = rows.length > 0 ? rows : page.filter((line) => line.includes('`shadow:…`'));
      assert.ok(
        mentioned.some((line) => line.startsWith(`| ${ROWS[effect]}`)),
        `the row "${ROWS[effect]}" does not name ${name}`,
      );
    });
  }
}
