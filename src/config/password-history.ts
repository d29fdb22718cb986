/**
 * When the passwords of a user database were set, and what an account's former ones were (MS-SAMR's pwdLastSet and
 * ntPwdHistory): beside the database, as `FILE.history`, since its own lines have no room for it.
 *
 * A former password may still be another server's. So what is kept of it can only be compared with, and slowly: scrypt
 * of its hash, with a salt of the account's. Only as many are kept as the policy asks for; none, where it asks for none.
 * Of the password that counts there is a digest, which tells that the database has it still: somebody may have edited that
 * without usmbd, and then nobody knows when.
 */
import { createHmac, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { replaceFile } from '../base/atomic-file.ts';
import { ProblemsError } from './problem.ts';

const SALT_BYTES = 16;
const DIGEST_BYTES = 32;
/** 16 MiB and some 40 ms each, once for a change of a password. */
const SCRYPT = { N: 2 ** 14, r: 8, p: 1 } as const;

/** The user's password has to be changed before anything else: pwdLastSet is 0. */
export const MUST_CHANGE = 0;

interface PasswordRecord {
  /** Milliseconds since 1970, or MUST_CHANGE. */
  readonly setAtMs: number;
  readonly salt: Buffer;
  readonly current: Buffer;
  /** The last one first. */
  readonly former: readonly Buffer[];
}

export const historyFileOf = (database: string): string => `${database}.history`;

const digest = (salt: Buffer, ntHash: Buffer): Buffer =>
  createHmac('sha256', salt).update(ntHash).digest();
const slowDigest = (salt: Buffer, ntHash: Buffer): Buffer =>
  scryptSync(ntHash, salt, DIGEST_BYTES, SCRYPT);

export class PasswordHistory {
  readonly #records: Map<string, PasswordRecord>;

  constructor(records: ReadonlyMap<string, PasswordRecord> = new Map()) {
    this.#records = new Map(records);
  }

  /** Milliseconds since 1970, or MUST_CHANGE; undefined: nobody knows. `ntHash` is what the database has. */
  setAtMs(name: string, ntHash: Buffer): number | undefined {
    const record = this.#records.get(name);
    if (record === undefined) return undefined;
    return timingSafeEqual(digest(record.salt, ntHash), record.current)
      ? record.setAtMs
      : undefined;
  }

  /** Whether `next` is among the last `length` passwords, of which `ntHash` is the first. */
  has(name: string, next: Buffer, ntHash: Buffer, length: number): boolean {
    if (length === 0) return false;
    if (timingSafeEqual(next, ntHash)) return true;
    const record = this.#records.get(name);
    const former = record?.former.slice(0, length - 1) ?? [];
    if (record === undefined || former.length === 0) return false;
    const sought = slowDigest(record.salt, next);
    return former.some((one) => timingSafeEqual(one, sought));
  }

  /** A password was set in place of `before`; of the former ones so many stay as `length` asks for. */
  note(
    name: string,
    {
      ntHash,
      before,
      setAtMs,
      length,
    }: {
      readonly ntHash: Buffer;
      readonly before: Buffer | undefined;
      readonly setAtMs: number;
      readonly length: number;
    },
  ): void {
    const record = this.#records.get(name);
    const salt = record?.salt ?? randomBytes(SALT_BYTES);
    const room = Math.max(0, length - 1);
    const isOther = before !== undefined && !timingSafeEqual(before, ntHash);
    const last = isOther && room > 0 ? [slowDigest(salt, before)] : [];
    const former = [...last, ...(record?.former ?? [])].slice(0, room);
    this.#records.set(name, { setAtMs, salt, current: digest(salt, ntHash), former });
  }

  /** Accounts that are no more have no history either. */
  keepOnly(names: readonly string[]): void {
    const kept = new Set(names);
    for (const name of this.#records.keys()) if (!kept.has(name)) this.#records.delete(name);
  }

  toString(): string {
    const base64 = (bytes: Buffer) => bytes.toString('base64');
    const accounts = [...this.#records].map(([name, { setAtMs, salt, current, former }]) => ({
      ...{ name, setAtMs, salt: base64(salt), current: base64(current) },
      former: former.map(base64),
    }));
    return `${JSON.stringify({ accounts })}\n`;
  }
}

/** Throws ProblemsError for a file that usmbd did not write; one that is not there knows nothing. */
export function readPasswordHistory(database: string): PasswordHistory {
  const file = historyFileOf(database);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return new PasswordHistory();
    }
    throw problem(file, error instanceof Error ? error.message : String(error));
  }
  const records = parse(text);
  if (records === undefined) {
    const advice = 'restore it, or remove it: then nobody knows how old passwords are';
    throw problem(file, `damaged; ${advice}`);
  }
  return new PasswordHistory(records);
}

export function writePasswordHistory(database: string, history: PasswordHistory): void {
  replaceFile(historyFileOf(database), history.toString(), { mode: 0o600 });
}

const problem = (file: string, message: string): ProblemsError =>
  new ProblemsError([{ severity: 'error', file, line: 0, message }]);

function parse(text: string): ReadonlyMap<string, PasswordRecord> | undefined {
  let value: { readonly accounts?: unknown } | null;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const accounts = value?.accounts;
  if (!Array.isArray(accounts)) return undefined;
  const records = accounts.map((one: Record<string, unknown> | null) => {
    const { name, setAtMs, salt, current, former } = one ?? {};
    const time = Number.isSafeInteger(setAtMs) && Number(setAtMs) >= 0;
    if (typeof name !== 'string' || !time || !Array.isArray(former)) return undefined;
    const parts = {
      salt: bytes(salt, SALT_BYTES),
      current: bytes(current, DIGEST_BYTES),
      former: former.map((each) => bytes(each, DIGEST_BYTES)),
    };
    const whole = parts.salt && parts.current && parts.former.every((each) => each !== undefined);
    return whole ? ([name, { setAtMs, ...parts }] as const) : undefined;
  });
  return records.every((each) => each !== undefined)
    ? new Map(records as unknown as readonly (readonly [string, PasswordRecord])[])
    : undefined;
}

function bytes(value: unknown, size: number): Buffer | undefined {
  const decoded = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  return decoded?.length === size ? decoded : undefined;
}
