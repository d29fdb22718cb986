/**
 * `npm run simulate [-- --runs N --seed N]`: random clients on one server, see run.ts. A seed that fails is
 * printed with its rule; `--seed N --runs 1 --trace` shows its history, made as short as it still fails.
 * `--mutations` puts bugs into the server instead and counts the runs until each is found.
 */

import { commandLine } from '../support/command-line.ts';
import { FakeTime } from './fake-time.ts';
import { type Mutation, mutations } from './mutations.ts';
import { allSteps, simulate } from './run.ts';
import { shrink } from './shrink.ts';

const { values } = commandLine({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    whole: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
    mutation: { type: 'string' },
  },
});
const runs = Number(values.runs);
const first = Number(values.seed);
/** Within how many runs a bug has to be found. */
const MAX_RUNS_PER_BUG = 1_000;
const now = performance.now.bind(performance);
const time = new FakeTime();
time.install();

async function findBugs(): Promise<boolean> {
  let missed = 0;
  for (const mutation of mutations) {
    let found: string | undefined;
    let seed = first;
    for (; found === undefined && seed < first + MAX_RUNS_PER_BUG; seed++) {
      const { violation } = await simulate({ seed, time, mutation });
      if (violation !== undefined) found = `${violation.rule} (${violation.text})`;
    }
    const after = String(seed - first).padStart(4);
    console.log(`${after} ${found === undefined ? 'NOT FOUND' : ''}${mutation.name}: ${found}`);
    if (found === undefined) missed += 1;
  }
  console.log(`${mutations.length - missed} of ${mutations.length} bugs found`);
  return missed === 0;
}

async function show(seed: number, mutation: Mutation | undefined): Promise<void> {
  const options = { seed, time, ...(mutation !== undefined && { mutation }) };
  const steps = values.whole ? allSteps : await shrink(options);
  await simulate({ ...options, steps, trace: (line) => console.log(line) });
}

async function run(): Promise<boolean> {
  const mutation = mutations.find(({ name }) => name === values.mutation);
  const started = now();
  const rules = new Map<string, { count: number; seed: number; text: string }>();
  let moments = 0;
  for (let seed = first; seed < first + runs; seed++) {
    const result = await simulate({ seed, time, ...(mutation !== undefined && { mutation }) });
    moments += result.moments;
    const { violation } = result;
    if (violation === undefined) continue;
    const known = rules.get(violation.rule);
    if (known !== undefined) known.count += 1;
    else rules.set(violation.rule, { count: 1, seed, text: violation.text });
    if (values.trace) await show(seed, mutation);
  }
  if (values.trace && rules.size === 0 && runs === 1) await show(first, mutation);
  const seconds = (now() - started) / 1000;
  for (const [rule, { count, seed, text }] of rules) {
    console.log(`${count} x ${rule}; seed ${seed}: ${text}`);
  }
  const speed = `${seconds.toFixed(1)} s, ${(runs / seconds).toFixed(0)} runs a second`;
  const outcome = rules.size === 0 ? 'no violation' : 'VIOLATIONS';
  console.log(`${runs} runs from seed ${first}, ${moments} events, ${speed}: ${outcome}`);
  return rules.size === 0;
}

process.exit((await (values.mutations ? findBugs() : run())) ? 0 : 1);
