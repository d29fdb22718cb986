/** The command line. */
import { parseArgs } from 'node:util';
import { rowName } from './results.ts';
import {
  NOT_BY_MODE,
  PROTECTIONS,
  type ProtectionName,
  type RowPlan,
  TABLE,
  type Work,
} from './works.ts';

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly rows: readonly RowPlan[];
  /** The table as it stands, no part of it: what the history is of. */
  readonly isWhole: boolean;
  readonly verify: boolean;
  readonly json: string | undefined;
  readonly history: string | undefined;
  readonly folder: string | undefined;
  /** Runs the smbd and the smbpasswd of another Samba. */
  readonly newer: string | undefined;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const NAMES = Object.keys(PROTECTIONS) as ProtectionName[];

export const USAGE = `Usage: npm run bench -- [options]

Compares usmbd with Samba, in one run and in turns; bench/README.md says how to read the table.
Needs root and an installed Samba.

  --quick            2 rounds of 1 second, 100 idle sessions
  --only TEXT        rows whose title holds TEXT, such as "READ" or ", GMAC"; may be repeated
  --mode NAME        these rows with other protection than the table's: ${NAMES.join(', ')};
                     may be repeated
  --rounds N         samples of each server for each row (5)
  --seconds N        how long a sample takes (2)
  --newer COMMAND    another Samba as a column of its own: COMMAND smbd … and COMMAND smbpasswd … run it
  --json FILE        writes all samples
  --history FILE     appends the medians as one line of JSON (bench/history.jsonl for the whole table)
  --verify           checks every reply and its content; not for numbers
  --folder FOLDER    where the servers' files lie (the temporary folder)
  -h, --help         this text`;

const QUICK_SESSIONS = 100;

/** The rows of the works that are selected, with the protections asked for or the table's own. */
function plans(modes: readonly ProtectionName[], quick: boolean): RowPlan[] {
  const table = TABLE.map((plan) =>
    plan.work.name === 'idle' && quick
      ? { ...plan, work: { ...plan.work, connections: QUICK_SESSIONS } }
      : plan,
  );
  if (modes.length === 0) return table;
  const works = new Set<Work>(table.map(({ work }) => work));
  return [...works]
    .filter(({ name }) => !NOT_BY_MODE.includes(name))
    .flatMap((work) =>
      modes.map((protection) => ({
        work,
        protection,
        goal: table.find((row) => row.work === work && row.protection === protection)?.goal,
      })),
    );
}

/** Undefined when help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const only = (values.only ?? []).map((text) => text.toLowerCase());
  const modes = (values.mode ?? []).map(modeOf);
  const all = plans(modes, values.quick ?? false);
  const rows = all.filter(
    (row) => only.length === 0 || only.some((text) => rowName(row).toLowerCase().includes(text)),
  );
  if (rows.length === 0) {
    throw new UsageError(`--only: no such row; there are\n  ${all.map(rowName).join('\n  ')}`);
  }
  return {
    rounds: positive('rounds', values.rounds, values.quick ? 2 : 5, Number.isInteger),
    seconds: positive('seconds', values.seconds, values.quick ? 1 : 2, Number.isFinite),
    rows,
    isWhole: rows.length === TABLE.length && modes.length === 0,
    verify: values.verify ?? false,
    json: values.json,
    history: values.history,
    folder: values.folder,
    newer: values.newer,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string', multiple: true },
        mode: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        newer: { type: 'string' },
        json: { type: 'string' },
        history: { type: 'string' },
        verify: { type: 'boolean' },
        folder: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positive(
  name: string,
  text: string | undefined,
  otherwise: number,
  is: (value: number) => boolean,
): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() === '' || !is(value) || value <= 0) {
    throw new UsageError(`--${name} ${text}: expected a number above 0`);
  }
  return value;
}

function modeOf(text: string): ProtectionName {
  const found = NAMES.find((name) => name.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError(`--mode ${text}: expected ${NAMES.join(', ')}`);
}
