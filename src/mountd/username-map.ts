/**
 * `username map` of smb.conf(5): a file of lines `local = name "other name" @group *`, by which clients' names
 * become local ones. Lines are taken in order, each on what the ones before made of the name; one that
 * begins with ! and fits is the last. Looked at once a login; read anew when it has changed.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '../base/log.ts';
import { words } from '../config/value-types.ts';
import type { SystemAccounts } from './system-accounts.ts';

/** A map of ten thousand people has half a megabyte. */
const MAXIMUM_BYTES = 4 * 1024 * 1024;

interface Line {
  readonly local: string;
  readonly names: readonly string[];
  readonly last: boolean;
}

export type UsernameRules = readonly Line[];

/** Lines that are none are passed over; `complain` hears of them. */
export function parseUsernameMap(text: string, complain: (line: number) => void): UsernameRules {
  const rules: Line[] = [];
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const [, bang, local, rest] = /^(!?)\s*([^=]+?)\s*=\s*(.*)$/.exec(line) ?? [];
    const names = rest === undefined ? undefined : words.parse(rest);
    if (local === undefined || names === undefined) complain(i + 1);
    else rules.push({ local, names, last: bang === '!' });
  }
  return rules;
}

/**
 * What the rules make of a user who is known by any of `names`, the first of which stays where no rule fits
 * (undefined then). `isMember`: of a group of the system's.
 */
export function mapUsername(
  rules: UsernameRules,
  names: readonly string[],
  isMember: (user: string, group: string) => boolean,
): string | undefined {
  let mapped: string | undefined;
  for (const { local, names: fitting, last } of rules) {
    const current = (mapped === undefined ? names : [mapped]).map((name) => name.toLowerCase());
    const fits = fitting.some((one) => {
      if (one === '*') return true;
      if (/^[@+&]/.test(one)) return current.some((name) => isMember(name, one.slice(1)));
      return current.includes(one.toLowerCase());
    });
    if (!fits) continue;
    mapped = local;
    if (last) break;
  }
  return mapped;
}

export class UsernameMap {
  readonly #file: string;
  readonly #log: Logger;
  #version = '';
  #rules: UsernameRules = [];

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** Undefined: no rule fits. */
  map(names: readonly string[], system: () => SystemAccounts): string | undefined {
    const { rules } = this;
    if (rules.length === 0) return undefined;
    const accounts = system();
    return mapUsername(rules, names, (user, group) => accounts.isMember(user, group));
  }

  get rules(): UsernameRules {
    try {
      const { ino, size, mtimeMs, ctimeMs } = statSync(this.#file);
      const version = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
      if (version === this.#version) return this.#rules;
      this.#version = version;
      if (size > MAXIMUM_BYTES) throw new Error(`it has ${size} bytes; ${MAXIMUM_BYTES} at most`);
      this.#rules = parseUsernameMap(readFileSync(this.#file, 'utf8'), (line) =>
        this.#log.warn('a line of the username map is not "local = names"', {
          file: this.#file,
          line,
        }),
      );
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#version) {
        this.#log.error('the username map cannot be read; its last good state counts', { problem });
      }
      this.#version = problem;
    }
    return this.#rules;
  }
}
