/** MS-FSA 2.1.5.1.2.2: the rule itself; src/server/share-modes.test.ts asks the whole server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_READ_EA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  FILE_WRITE_EA,
  READ_CONTROL,
  SYNCHRONIZE,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import { fsaViolation } from './fsa-sharing.support.test.ts';
import { conflicts, type ShareMode } from './share-modes.ts';

const COUNTED = [FILE_READ_DATA, FILE_EXECUTE, FILE_WRITE_DATA, FILE_APPEND_DATA, DELETE] as const;

test('share modes: every access and share mode against every other', () => {
  const modes: ShareMode[] = [];
  for (let bits = 0; bits < 32; bits++) {
    const access = COUNTED.reduce((all, one, i) => all | ((bits >> i) & 1 ? one : 0), 0);
    for (let share = 0; share < 8; share++) modes.push({ access, share });
  }
  for (const open of modes) {
    for (const existing of modes) {
      const violates = fsaViolation({ ...open, stream: '' }, [{ ...existing, stream: '' }]);
      if (conflicts(open, existing) !== violates) {
        assert.fail(`${JSON.stringify(open)} against ${JSON.stringify(existing)}`);
      }
    }
  }
});

test('share modes: rights that touch neither data nor name never conflict', () => {
  const harmless =
    FILE_READ_ATTRIBUTES |
    FILE_WRITE_ATTRIBUTES |
    FILE_READ_EA |
    FILE_WRITE_EA |
    READ_CONTROL |
    WRITE_DAC |
    WRITE_OWNER |
    SYNCHRONIZE;
  const exclusive = { access: 0x001f_01ff, share: 0 };
  assert.equal(conflicts({ access: harmless, share: 0 }, exclusive), false);
  assert.equal(conflicts(exclusive, { access: harmless, share: 0 }), false);
  assert.equal(conflicts(exclusive, exclusive), true);
});
