/** Whether a series of measurements still grows at its end. */

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
};

/** From the second quarter to the last: in the first caches fill and code is compiled. */
export function growthOf(series: readonly number[]): number {
  if (series.length < 8) throw new RangeError('fewer than 8 samples tell no growth');
  const quarter = Math.floor(series.length / 4);
  return median(series.slice(-quarter)) - median(series.slice(quarter, 2 * quarter));
}
