/** What was measured: rows, each with the samples of both servers. */
import type { LoadResult, Negotiated } from './load/protocol.ts';
import type { Mode } from './load/session.ts';
import type { Work } from './works.ts';

export interface Sample extends LoadResult {
  readonly serverCpuSeconds: number;
}

/** One server's part of a row. */
export interface Measured {
  readonly samples: Sample[];
  negotiated?: Negotiated;
  /** Why there are no samples, or no more. */
  failure?: string;
}

export interface Row {
  readonly work: Work;
  readonly mode: Mode;
  readonly usmbd: Measured;
  readonly samba: Measured;
}

export const rowName = ({ work, mode }: Pick<Row, 'work' | 'mode'>): string =>
  `${work.title}, ${mode}`;

/** MB/s where the row is about bytes, else operations a second. */
export const throughputs = ({ work }: Row, { samples }: Measured): number[] =>
  samples.map(({ operations, seconds }) => (operations / seconds) * ((work.bytes ?? 1e6) / 1e6));

/** Microseconds of the server's CPU for an operation. */
export const serverCosts = ({ samples }: Measured): number[] =>
  samples.map(({ serverCpuSeconds, operations }) => (serverCpuSeconds / operations) * 1e6);

/** How much of one core the client used. */
export const clientShares = ({ samples }: Measured): number[] =>
  samples.map(({ clientCpuSeconds, seconds }) => clientCpuSeconds / seconds);

export const latencies = ({ samples }: Measured): number[] => samples.map(({ p50Us }) => p50Us);
