/** What was measured: rows, each with the samples of every server. */
import type { LoadResult, Negotiated } from './load/protocol.ts';
import type { RowPlan } from './works.ts';

export interface Sample extends LoadResult {
  readonly serverCpuSeconds: number;
  /** KiB of the server's memory for each session, where the row is about memory. */
  readonly sessionKib?: number;
}

/** One server's part of a row. */
export interface Measured {
  readonly samples: Sample[];
  negotiated?: Negotiated;
  /** Why there are no samples, or no more. */
  failure?: string;
}

/**
 * The columns. `limit` is the C program and `alone` a usmbd that signs and encrypts in its loop alone; only some rows have
 * those, as only some runs have `newer`.
 */
export type Column = 'usmbd' | 'samba' | 'newer' | 'limit' | 'alone';

export interface Row extends RowPlan {
  readonly of: Partial<Record<Column, Measured>>;
}

export const rowName = ({ work, protection }: Pick<RowPlan, 'work' | 'protection'>): string =>
  protection === 'plain' ? work.title : `${work.title}, ${protection}`;

export const unitOf = ({ work }: Pick<RowPlan, 'work'>): string => {
  if (work.name === 'idle') return 'KiB/session';
  return work.bytes === undefined ? 'ops/s' : 'MB/s';
};

/** What is better: more of the unit, but of memory less. */
export const betterOf = ({ work }: Pick<RowPlan, 'work'>): 'more' | 'less' =>
  work.name === 'idle' ? 'less' : 'more';

/** In the unit of the row. */
export function results({ work }: Pick<RowPlan, 'work'>, measured: Measured | undefined): number[] {
  const samples = measured?.samples ?? [];
  if (work.name === 'idle') return samples.map(({ sessionKib }) => sessionKib ?? Number.NaN);
  return samples.map(
    ({ operations, seconds }) => (operations / seconds) * ((work.bytes ?? 1e6) / 1e6),
  );
}

/** Microseconds of the server's CPU for an operation; none where the row is about memory. */
export const serverCosts = ({ work }: Pick<RowPlan, 'work'>, measured?: Measured): number[] =>
  work.name === 'idle'
    ? []
    : (measured?.samples ?? []).map(
        ({ serverCpuSeconds, operations }) => (serverCpuSeconds / operations) * 1e6,
      );

/** How much of one core the client used. */
export const clientShares = (measured?: Measured): number[] =>
  (measured?.samples ?? []).map(({ clientCpuSeconds, seconds }) => clientCpuSeconds / seconds);

/** None where no operation was timed. */
export const latencies = (measured?: Measured): number[] =>
  (measured?.samples ?? []).map(({ p50Us }) => p50Us).filter((us) => us > 0);
