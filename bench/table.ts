/** The rows as a table for terminals and Markdown alike, with the notes that belong below it. */
import { CipherId } from '../src/crypto/cipher.ts';
import { SigningAlgorithm } from '../src/crypto/signing.ts';
import type { Negotiated } from './load/protocol.ts';
import type { Mode } from './load/session.ts';
import {
  clientShares,
  latencies,
  type Measured,
  type Row,
  rowName,
  serverCosts,
  throughputs,
} from './results.ts';
import { median, type Ratio, ratio, spread } from './statistics.ts';

/** Above this share of its core the client may be the limit. */
const CLIENT_LIMIT = 0.8;
const NONE = '–';

const HEAD = [
  ...['work', 'mode', 'unit', 'usmbd', 'Samba', 'ratio (best)', 'spread'],
  ...['CPU µs/op usmbd', 'Samba', 'ratio (best)', 'p50 µs usmbd', 'Samba', 'client CPU'],
];
/** The columns that are text. */
const LEFT = 3;

export function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return NONE;
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(value >= 10 ? 1 : 2);
}

const percent = (value: number | undefined): string =>
  value === undefined ? NONE : `${Math.round(value * 100)} %`;

const ratioText = (value: Ratio | undefined): string =>
  value === undefined ? NONE : `${value.median.toFixed(2)} (${value.best.toFixed(2)})`;

const isClientBound = (measured: Measured): boolean =>
  (median(clientShares(measured)) ?? 0) > CLIENT_LIMIT;

export function cellsOf(row: Row): string[] {
  const { work, mode, usmbd, samba } = row;
  const both = [usmbd, samba];
  const rates = both.map((one) => throughputs(row, one));
  const costs = both.map(serverCosts);
  const rateCells = both.map((one, i) =>
    one.failure === undefined
      ? `${number(median(rates[i]!))}${isClientBound(one) ? ' †' : ''}`
      : 'FAILED',
  );
  const mark = incomparable(row) === undefined ? '' : ' ‡';
  return [
    work.title,
    mode,
    work.bytes === undefined ? 'ops/s' : 'MB/s',
    ...rateCells,
    `${ratioText(ratio(rates[0]!, rates[1]!, 'more'))}${mark}`,
    both.map((_, i) => percent(spread(rates[i]!))).join(' '),
    ...costs.map((values) => number(median(values))),
    `${ratioText(ratio(costs[0]!, costs[1]!, 'less'))}${mark}`,
    ...both.map((one) => number(median(latencies(one)))),
    both.map((one) => percent(median(clientShares(one)))).join(' '),
  ];
}

/** Pads the columns, so that the Markdown reads as a table in a terminal too. */
export function layOut(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((cells) => cells[i]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i < LEFT ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((width, i) =>
    i < LEFT ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
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

/** Why the two numbers of a row say nothing about each other; undefined when they do. */
export function incomparable({ mode, usmbd, samba }: Row): string | undefined {
  const ours = algorithmOf(mode, usmbd.negotiated);
  const theirs = algorithmOf(mode, samba.negotiated);
  if (ours === undefined || theirs === undefined || ours === theirs) return undefined;
  return `usmbd uses ${ours}, Samba ${theirs}`;
}

function starvedTimes(measured: Measured): number {
  return measured.samples.reduce((sum, { starved }) => sum + starved, 0);
}

export function notesOf(rows: readonly Row[]): string[] {
  const notes: string[] = [];
  for (const mode of ['signed', 'encrypted'] as const) {
    const used = rows
      .filter((row) => row.mode === mode)
      .flatMap((row) => [row.usmbd, row.samba])
      .map(({ negotiated }) => algorithmOf(mode, negotiated));
    const names = [...new Set(used)].filter((name) => name !== undefined);
    if (names.length > 0) notes.push(`${mode}: ${names.join(', ')}`);
  }
  if (rows.some(({ usmbd, samba }) => isClientBound(usmbd) || isClientBound(samba))) {
    notes.push(
      `† The client used more than ${CLIENT_LIMIT * 100} % of a core: its limit, perhaps.`,
    );
  }
  for (const row of rows) {
    const why = incomparable(row);
    if (why !== undefined) notes.push(`‡ ${rowName(row)}: not comparable, ${why}`);
    for (const [name, measured] of [
      ['usmbd', row.usmbd],
      ['Samba', row.samba],
    ] as const) {
      const starved = starvedTimes(measured);
      if (starved > 0) {
        notes.push(`${rowName(row)}, ${name}: ${starved} requests had to wait for credits`);
      }
      if (measured.failure !== undefined) {
        notes.push(`${rowName(row)}, ${name} FAILED: ${measured.failure}`);
      }
    }
  }
  return notes;
}

export function tableOf(rows: readonly Row[]): string {
  const table = layOut(HEAD, rows.map(cellsOf));
  const notes = notesOf(rows).map((note) => `- ${note}`);
  return notes.length === 0 ? table : `${table}\n\n${notes.join('\n')}`;
}
