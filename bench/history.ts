/** What a run found, as a line of a file that grows: how the numbers went over time. */
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { type Row, results, rowName, serverCosts, unitOf } from './results.ts';
import { median } from './statistics.ts';
import { gainsOf } from './table.ts';

/** Three digits are more than the machine gives. */
const rounded = (value: number | undefined): number | undefined =>
  value === undefined || Number.isNaN(value) ? undefined : Number(value.toPrecision(3));

/** The commit that was measured, with a + when the files differ from it. */
function revision(folder: string): string | undefined {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    // Not a clone.
    return undefined;
  }
}

export function historyLine(rows: readonly Row[], facts: object): string {
  const entries = rows.map((row) => {
    const gains = gainsOf(row, 'samba');
    const columns = Object.entries(row.of).map(([column, measured]) => [
      column,
      {
        result: rounded(median(results(row, measured))),
        cpuUs: rounded(median(serverCosts(row, measured))),
      },
    ]);
    return [
      rowName(row),
      {
        unit: unitOf(row),
        ...Object.fromEntries(columns),
        gain: rounded(gains.result?.median),
        cpuGain: rounded(gains.cost?.median),
      },
    ];
  });
  return JSON.stringify({ ...facts, rows: Object.fromEntries(entries) });
}

export function appendHistory(
  file: string,
  rows: readonly Row[],
  facts: object,
  folder: string,
): void {
  const all = { date: new Date().toISOString(), revision: revision(folder), ...facts };
  appendFileSync(file, `${historyLine(rows, all)}\n`);
}
