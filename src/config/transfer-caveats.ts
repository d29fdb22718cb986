/** What is told of sizes that some distributions set for ksmbd, by which transfers are slow. */
const KiB = 1024;
const MiB = 1024 * KiB;

const slowIfBelow = (least: number, advice: string) => ({
  caveat: (value: number): string | undefined =>
    value < least ? `transfers are slow with so little; ${advice}` : undefined,
});

/** Each request costs the same whatever it carries: below this size that is most of what a transfer costs. */
export const SLOW_IF_SMALL = slowIfBelow(MiB, 'leave it out for 8M, or set 1M at least');
/** A request of 8 MiB needs 128: with less than four of that size under way a client waits for answers. */
export const SLOW_IF_FEW = slowIfBelow(512, 'leave it out for 8192, or set 512 at least');
