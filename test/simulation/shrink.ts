/** Leaves out of a failing run whatever it fails without, by halves, then quarters, and so on. */
import { allSteps, type RunOptions, simulate } from './run.ts';

export async function shrink(options: RunOptions): Promise<readonly number[]> {
  const { violation } = await simulate({ ...options, steps: allSteps });
  if (violation === undefined) return allSteps;
  const fails = async (steps: readonly number[]): Promise<boolean> =>
    (await simulate({ ...options, steps })).violation?.rule === violation.rule;
  let steps: readonly number[] = allSteps.filter(
    (step) => violation.step < 0 || step <= violation.step,
  );
  for (let size = steps.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < steps.length; ) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if (await fails(fewer)) steps = fewer;
      else at += size;
    }
  }
  return steps;
}
