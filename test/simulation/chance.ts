/**
 * A run's chance. Each step of a run draws from a source of its own, made of the run's seed and the
 * step's number: when a step is left out, the others stay what they were, which is how a failing run is
 * made shorter.
 */
import { createRandom, type Random } from '../hostile/fuzz/random.ts';

export type { Random };

export function chanceOf(seed: number, step: number): Random {
  // The finalizer of MurmurHash3: neighbours share nothing.
  let h = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(step + 1, 0x85ebca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
  return createRandom((h ^ (h >>> 16)) >>> 0);
}

/** Chooses by weight. */
export function weighted<T>(
  random: Random,
  choices: readonly (readonly [weight: number, value: T])[],
): T {
  let total = 0;
  for (const [weight] of choices) total += weight;
  let at = random.below(total);
  for (const [weight, value] of choices) {
    if (at < weight) return value;
    at -= weight;
  }
  return choices[0]![1];
}
