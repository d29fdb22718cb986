/** Of a handful of samples, what the table shows. Undefined stands for "there is none". */

export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The least disturbed sample: neighbours on the machine only take away. */
export function best(values: readonly number[], better: 'more' | 'less'): number | undefined {
  if (values.length === 0) return undefined;
  return better === 'more' ? Math.max(...values) : Math.min(...values);
}

/** Half the distance between the extremes, relative to the median. */
export function spread(values: readonly number[]): number | undefined {
  const middle = median(values);
  if (middle === undefined || middle === 0 || values.length < 2) return undefined;
  return (Math.max(...values) - Math.min(...values)) / 2 / middle;
}

export interface Ratio {
  /** Of the medians. */
  readonly median: number;
  /** Of the best samples. */
  readonly best: number;
}

/** How many times the second the first is. */
export function ratio(
  first: readonly number[],
  second: readonly number[],
  better: 'more' | 'less',
): Ratio | undefined {
  const medians = quotient(median(first), median(second));
  const bests = quotient(best(first, better), best(second, better));
  return medians === undefined || bests === undefined
    ? undefined
    : { median: medians, best: bests };
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}
