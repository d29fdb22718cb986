/** The rows as tables for terminals and Markdown alike, with the notes that belong below them. */
import { CipherId } from '../src/crypto/cipher.ts';
import { SigningAlgorithm } from '../src/crypto/signing.ts';
import type { Negotiated } from './load/protocol.ts';
import type { Mode } from './load/session.ts';
import {
  betterOf,
  type Column,
  clientShares,
  latencies,
  type Measured,
  type Row,
  results,
  rowName,
  serverCosts,
  unitOf,
} from './results.ts';
import { median, type Ratio, ratio, spread } from './statistics.ts';
import { ALONE_GOAL, PROTECTIONS } from './works.ts';

/** Above this share of its core the client may be the limit. */
const CLIENT_LIMIT = 0.8;
const NONE = '–';

export type Names = Partial<Record<Column, string>>;

/** The servers that usmbd is compared with. */
const RIVALS = ['samba', 'newer'] as const;
const COLUMNS = ['usmbd', ...RIVALS] as const;

export function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return NONE;
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(value >= 10 ? 1 : 2);
}

const percent = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? NONE : `${Math.round(value * 100)} %`;

const ratioText = (value: Ratio | undefined): string =>
  value === undefined ? NONE : `${value.median.toFixed(2)} (${value.best.toFixed(2)})`;

const isClientBound = (measured: Measured | undefined): boolean =>
  (median(clientShares(measured)) ?? 0) > CLIENT_LIMIT;

/** How much better than the other server usmbd is; more than 1 is in its favour. */
export interface Gains {
  readonly result: Ratio | undefined;
  readonly cost: Ratio | undefined;
}

const inverse = (value: Ratio | undefined): Ratio | undefined =>
  value && { median: 1 / value.median, best: 1 / value.best };

export function gainsOf(row: Row, than: Column): Gains {
  const better = betterOf(row);
  const result = ratio(results(row, row.of.usmbd), results(row, row.of[than]), better);
  const cost = ratio(serverCosts(row, row.of.usmbd), serverCosts(row, row.of[than]), 'less');
  return { result: better === 'more' ? result : inverse(result), cost: inverse(cost) };
}

/** Whether both reach the goal; undefined where that cannot be said. */
export function reaches({ goal, ...row }: Row): boolean | undefined {
  const { result, cost } = gainsOf({ goal, ...row }, 'samba');
  if (goal === undefined || result === undefined) return undefined;
  const all = [result, cost].filter((one) => one !== undefined);
  return all.every((one) => one.median >= goal);
}

const goalText = (row: Row): string => {
  if (row.goal === undefined) return NONE;
  const reached = reaches(row);
  return `${row.goal}×${reached === undefined ? '' : reached ? ' yes' : ' no'}`;
};

function resultCell(row: Row, column: Column): string {
  const measured = row.of[column];
  if (measured?.failure !== undefined) return 'FAILED';
  const mark = isClientBound(measured) ? ' †' : '';
  return `${number(median(results(row, measured)))}${mark}`;
}

type Table = { readonly head: readonly string[]; readonly rows: readonly string[][] };

/** The columns that are text. */
const LEFT = 3;

/** What was reached: throughput or memory, and CPU for an operation. */
export function comparison(rows: readonly Row[], names: Names): Table {
  const columns = COLUMNS.filter((column) => names[column] !== undefined);
  const rivals = RIVALS.filter((column) => names[column] !== undefined);
  const titles = columns.map((column) => names[column]!);
  const gainTitles = rivals.map((column) => `× ${names[column]} (best)`);
  return {
    head: [
      'work',
      'goal',
      'unit',
      ...titles,
      ...gainTitles,
      'CPU µs/op:',
      ...titles,
      ...gainTitles,
    ],
    rows: rows.map((row) => {
      const mark = incomparable(row) === undefined ? '' : ' ‡';
      const gains = rivals.map((rival) => gainsOf(row, rival));
      return [
        ...[rowName(row), goalText(row), unitOf(row)],
        ...columns.map((column) => resultCell(row, column)),
        ...gains.map(({ result }) => `${ratioText(result)}${mark}`),
        '',
        ...columns.map((column) => number(median(serverCosts(row, row.of[column])))),
        ...gains.map(({ cost }) => `${ratioText(cost)}${mark}`),
      ];
    }),
  };
}

/** How far that can be trusted. */
export function reliability(rows: readonly Row[], names: Names): Table {
  const columns = COLUMNS.filter((column) => names[column] !== undefined);
  const all = (value: (measured: Measured | undefined, row: Row) => string, row: Row): string =>
    columns.map((column) => value(row.of[column], row)).join(' / ');
  return {
    head: ['work', '', '', 'spread', 'p50 µs', 'client CPU'],
    rows: rows.map((row) => [
      ...[rowName(row), '', ''],
      all((measured) => percent(spread(results(row, measured))), row),
      all((measured) => number(median(latencies(measured))), row),
      all((measured) => percent(median(clientShares(measured))), row),
    ]),
  };
}

/** The server's CPU beside that of the C program, where it was measured. */
export function limits(rows: readonly Row[]): Table {
  return {
    head: ['work', '', '', 'CPU µs/op: usmbd', 'C limit', 'usmbd × limit (best)'],
    rows: rows
      .filter(({ of }) => of.limit !== undefined)
      .map((row) => {
        const [ours, theirs] = [row.of.usmbd, row.of.limit].map((one) => serverCosts(row, one));
        return [
          ...[rowName(row), '', ''],
          ...[number(median(ours!)), number(median(theirs!))],
          ratioText(ratio(ours!, theirs!, 'less')),
        ];
      }),
  };
}

/** What other processors add where one client's messages are signed slowly. */
export function pools(rows: readonly Row[]): Table {
  return {
    head: ['work', 'goal', 'unit', 'usmbd', 'all in its loop', '× (best)'],
    rows: rows
      .filter(({ of }) => of.alone !== undefined)
      .map((row) => {
        const [ours, alone] = [row.of.usmbd, row.of.alone].map((one) => results(row, one));
        const gain = ratio(ours!, alone!, 'more');
        const reached = gain === undefined ? '' : gain.median >= ALONE_GOAL ? ' yes' : ' no';
        return [
          ...[rowName(row), `${ALONE_GOAL}×${reached}`, unitOf(row)],
          ...[number(median(ours!)), number(median(alone!)), ratioText(gain)],
        ];
      }),
  };
}

/** Pads the columns, so that the Markdown reads as a table in a terminal too. */
export function layOut({ head, rows }: Table): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((cells) => cells[i]!.length)),
  );
  const kept = [...widths.keys()].filter((i) => widths[i]! > 0);
  const line = (cells: readonly string[]): string =>
    `| ${kept.map((i) => (i < LEFT ? cells[i]!.padEnd(widths[i]!) : cells[i]!.padStart(widths[i]!))).join(' | ')} |`;
  const rule = kept.map((i) =>
    i < LEFT ? '-'.repeat(widths[i]!) : `${'-'.repeat(Math.max(1, widths[i]! - 1))}:`,
  );
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}

const nameIn = (names: Readonly<Record<string, number>>, id: number | undefined): string =>
  Object.keys(names).find((name) => names[name] === id) ?? 'none';

/** What protects the messages of a row. */
export function algorithmOf(mode: Mode, negotiated: Negotiated | undefined): string | undefined {
  if (negotiated === undefined || mode === 'plain') return undefined;
  return mode === 'signed'
    ? nameIn(SigningAlgorithm, negotiated.signing)
    : nameIn(CipherId, negotiated.cipher);
}

/** Why the numbers of a row say nothing about each other; undefined when they do. */
export function incomparable({ protection, of }: Row): string | undefined {
  const { mode } = PROTECTIONS[protection];
  const used = COLUMNS.map((column) => algorithmOf(mode, of[column]?.negotiated));
  const different = new Set(used.filter((name) => name !== undefined));
  return different.size < 2 ? undefined : `the servers use ${[...different].join(' and ')}`;
}

function starvedTimes(measured: Measured): number {
  return measured.samples.reduce((sum, { starved }) => sum + starved, 0);
}

export function notesOf(rows: readonly Row[], names: Names): string[] {
  const notes: string[] = [];
  if (rows.some(({ of }) => COLUMNS.some((column) => isClientBound(of[column])))) {
    notes.push(
      `† The client used more than ${CLIENT_LIMIT * 100} % of a core: its limit, perhaps.`,
    );
  }
  for (const row of rows) {
    const why = incomparable(row);
    if (why !== undefined) notes.push(`‡ ${rowName(row)}: not comparable, ${why}`);
    for (const [column, measured] of Object.entries(row.of) as [Column, Measured][]) {
      const starved = starvedTimes(measured);
      const who = `${rowName(row)}, ${names[column] ?? column}`;
      if (starved > 0) notes.push(`${who}: ${starved} requests had to wait for credits`);
      if (measured.failure !== undefined) notes.push(`${who} FAILED: ${measured.failure}`);
    }
  }
  return notes;
}

export function tableOf(rows: readonly Row[], names: Names): string {
  const limited = limits(rows);
  const tables = [comparison(rows, names), reliability(rows, names)];
  if (limited.rows.length > 0) tables.push(limited);
  const pooled = pools(rows);
  if (pooled.rows.length > 0) tables.push(pooled);
  const notes = notesOf(rows, names).map((note) => `- ${note}`);
  const parts = tables.map(layOut);
  if (notes.length > 0) parts.push(notes.join('\n'));
  return parts.join('\n\n');
}
