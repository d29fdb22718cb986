/** Long work is divided, and others have their turn between any two portions, whoever has asked for how many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMPRESSION_PORTION_BYTES } from '../base/limits.ts';
import { inPortions } from './portions.ts';

/** Work of so many portions, that tells when it is gone on with. */
const workOf = (name: string, portions: number, steps: string[]) => {
  let left = portions;
  return {
    go(bytes: number): boolean {
      assert.ok(bytes <= COMPRESSION_PORTION_BYTES);
      steps.push(name);
      left--;
      return left === 0;
    },
  };
};

test('what is short is done at once', () => {
  const steps: string[] = [];
  const later = inPortions(workOf('short', 2, steps), COMPRESSION_PORTION_BYTES);
  assert.equal(later, undefined);
  assert.deepEqual(steps, ['short', 'short']);
});

test('one portion in a turn of the loop, in rotation', async () => {
  const steps: string[] = [];
  const long = COMPRESSION_PORTION_BYTES + 1;
  const first = inPortions(workOf('a', 4, steps), long)!;
  const second = inPortions(workOf('b', 2, steps), long)!;
  assert.equal(steps.length, 0);
  let isBusy = true;
  const beside = (): void => {
    steps.push('-');
    if (isBusy) setImmediate(beside);
  };
  setImmediate(beside);
  await Promise.all([first, second]);
  isBusy = false;
  assert.deepEqual(
    steps.filter((one) => one !== '-'),
    ['a', 'b', 'a', 'b', 'a', 'a'],
  );
  for (let i = 1; i < steps.length; i++) {
    assert.ok(steps[i] === '-' || steps[i - 1] === '-', steps.join(' '));
  }
});

test('work that fails costs its own caller only', async () => {
  const steps: string[] = [];
  const long = COMPRESSION_PORTION_BYTES + 1;
  const bad = inPortions(
    {
      go: () => {
        throw new Error('bad');
      },
    },
    long,
  )!;
  const good = inPortions(workOf('good', 3, steps), long)!;
  await assert.rejects(bad, { message: 'bad' });
  await good;
  assert.equal(steps.length, 3);
});
