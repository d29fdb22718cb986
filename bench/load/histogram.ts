/** Durations in steps of about 3 %: what a percentile needs, in constant memory. */

/** Steps to each power of two. */
const STEPS = 32;
const STEP_BITS = 5;
/** Nanoseconds, 32 bits of them: 4.3 seconds; what lasts longer counts as that. */
const LARGEST_NS = 0xffff_ffff;
const BUCKETS = (32 - STEP_BITS + 1) * STEPS;

function bucketOf(ns: number): number {
  if (ns < STEPS) return ns;
  const shift = 31 - STEP_BITS - Math.clz32(ns);
  return (shift + 1) * STEPS + (ns >>> shift) - STEPS;
}

/** The middle of a bucket. */
function middleOf(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const shift = Math.floor(bucket / STEPS) - 1;
  return (STEPS + (bucket % STEPS) + 0.5) * 2 ** shift;
}

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;

  add(durationMs: number): void {
    const ns = Math.min(Math.max(0, Math.round(durationMs * 1e6)), LARGEST_NS) >>> 0;
    this.#counts[bucketOf(ns)]!++;
    this.#total++;
  }

  addAll(other: Histogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      this.#counts[bucket]! += other.#counts[bucket]!;
    }
    this.#total += other.#total;
  }

  /** Microseconds; NaN when nothing was added. */
  percentileUs(fraction: number): number {
    const wanted = fraction * this.#total;
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen > 0 && seen >= wanted) return middleOf(bucket) / 1000;
    }
    return Number.NaN;
  }
}
