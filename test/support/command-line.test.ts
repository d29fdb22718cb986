import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headOf, optionLines } from './command-line.ts';

test('what stands on top of a file is its help, without the stars', () => {
  const source =
    '/**\n * Copies.\n *\n *     npm run copy -- --twice\n */\nimport x;\n/** Later. */';
  assert.equal(headOf(source), 'Copies.\n\n    npm run copy -- --twice');
  assert.equal(headOf('import x;'), '');
});

test('an option is listed with what follows it, its default, and whether it may come again', () => {
  assert.deepEqual(
    optionLines({
      'budget-minutes': { type: 'string', default: '30' },
      mount: { type: 'string', multiple: true, default: ['a', 'b'] },
      smb1: { type: 'boolean', default: false },
    }),
    [
      '  --budget-minutes MINUTES  (30)',
      '  --mount MOUNT             (a b) may be repeated',
      '  --smb1',
    ],
  );
});
