/** The command line. */
import { parseArgs } from 'node:util';
import { CipherId } from '../src/crypto/cipher.ts';
import { SigningAlgorithm } from '../src/crypto/signing.ts';
import type { Mode } from './load/session.ts';
import { rowName } from './results.ts';
import { MODES, WORKS, type Work } from './works.ts';

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly rows: readonly { readonly work: Work; readonly mode: Mode }[];
  readonly signing: SigningAlgorithm;
  readonly cipher: CipherId;
  readonly verify: boolean;
  readonly json: string | undefined;
  readonly folder: string | undefined;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const SIGNING: Readonly<Record<string, SigningAlgorithm>> = {
  gmac: SigningAlgorithm.AES_GMAC,
  cmac: SigningAlgorithm.AES_CMAC,
  hmac: SigningAlgorithm.HMAC_SHA256,
};

const CIPHERS: Readonly<Record<string, CipherId>> = {
  'aes-128-gcm': CipherId.AES_128_GCM,
  'aes-128-ccm': CipherId.AES_128_CCM,
  'aes-256-gcm': CipherId.AES_256_GCM,
  'aes-256-ccm': CipherId.AES_256_CCM,
};

export const USAGE = `Usage: npm run bench -- [options]

Compares usmbd with Samba, in one run and in turns; bench/README.md says how to read the table.
Needs root and an installed Samba.

  --quick            2 rounds of 1 second
  --only TEXT        rows whose title holds TEXT, such as "READ" or ", signed"; may be repeated
  --rounds N         samples of each server for each row (3)
  --seconds N        how long a sample takes (2)
  --json FILE        writes all samples
  --signing NAME     ${Object.keys(SIGNING).join(', ')} (gmac)
  --cipher NAME      ${Object.keys(CIPHERS).join(', ')} (aes-128-gcm)
  --verify           checks every reply and its content; not for numbers
  --folder FOLDER    where both servers' files lie (the temporary folder)
  -h, --help         this text`;

/** Undefined when help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const only = (values.only ?? []).map((text) => text.toLowerCase());
  const all = WORKS.flatMap((work) => MODES.map((mode) => ({ work, mode })));
  const rows = all.filter(
    (row) => only.length === 0 || only.some((text) => rowName(row).toLowerCase().includes(text)),
  );
  if (rows.length === 0) {
    throw new UsageError(`--only: no such row; there are\n  ${all.map(rowName).join('\n  ')}`);
  }
  return {
    rounds: positive('rounds', values.rounds, values.quick ? 2 : 3, Number.isInteger),
    seconds: positive('seconds', values.seconds, values.quick ? 1 : 2, Number.isFinite),
    rows,
    signing: choice('signing', SIGNING, values.signing),
    cipher: choice('cipher', CIPHERS, values.cipher),
    verify: values.verify ?? false,
    json: values.json,
    folder: values.folder,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        json: { type: 'string' },
        signing: { type: 'string', default: 'gmac' },
        cipher: { type: 'string', default: 'aes-128-gcm' },
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

function choice<T>(name: string, values: Readonly<Record<string, T>>, text: string): T {
  const value = Object.hasOwn(values, text) ? values[text] : undefined;
  if (value !== undefined) return value;
  throw new UsageError(`--${name} ${text}: expected ${Object.keys(values).join(', ')}`);
}
