/** The short form of `npm run simulate`: some runs, seeds that found something, and most bugs. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { FakeTime } from './fake-time.ts';
import { mutations } from './mutations.ts';
import { type RunOptions, simulate } from './run.ts';
import { shrink } from './shrink.ts';

const RUNS = 120;
/** Each found a fault of the server or of the model once, in the script of that day. */
const SEEDS = [875, 1063, 1469, 3525, 50070];
const RUNS_PER_BUG = 1_000;

const time = new FakeTime();
const mend = time.install();
after(mend);

async function violationOf(options: Omit<RunOptions, 'time'>): Promise<string | undefined> {
  const { violation } = await simulate({ ...options, time });
  if (violation === undefined) return undefined;
  return `seed ${options.seed}: ${violation.rule}: ${violation.text}`;
}

test(`simulation: ${RUNS} runs, and the seeds that found something`, async () => {
  const seeds = [...Array.from({ length: RUNS }, (_, i) => i + 1), ...SEEDS];
  for (const seed of seeds) assert.equal(await violationOf({ seed }), undefined);
});

test('simulation: a seed makes the same run again', async () => {
  const histories: string[][] = [[], []];
  for (const history of histories) {
    await simulate({ seed: 5, time, trace: (line) => history.push(line) });
  }
  assert.ok(histories[0]!.length > 20);
  assert.deepEqual(histories[0], histories[1]);
});

for (const mutation of mutations.filter(({ isRare }) => isRare !== true)) {
  test(`simulation finds: ${mutation.name}`, async () => {
    for (let seed = 1; seed <= RUNS_PER_BUG; seed++) {
      if ((await violationOf({ seed, mutation })) === undefined) continue;
      assert.equal(await violationOf({ seed }), undefined, 'without the bug there is nothing');
      return;
    }
    assert.fail(`not found in ${RUNS_PER_BUG} runs`);
  });
}

test('simulation: a run that fails is made shorter, and still fails', async () => {
  const mutation = mutations[0]!;
  for (let seed = 1; ; seed++) {
    const { violation } = await simulate({ seed, time, mutation });
    if (violation === undefined) continue;
    const steps = await shrink({ seed, time, mutation });
    assert.ok(steps.length < 20, `${steps.length} steps`);
    const again = await simulate({ seed, time, mutation, steps });
    assert.equal(again.violation?.rule, violation.rule);
    return;
  }
});
