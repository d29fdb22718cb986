/**
 * A value that outlives the server: a file of JSON in the state directory, replaced as a whole. Without a file it
 * lasts as long as the process.
 */
import { readFileSync } from 'node:fs';
import { replaceFile } from '../base/atomic-file.ts';
import type { Logger } from '../base/log.ts';

/** It may hold secrets. */
const MODE = 0o600;

export interface KeptRecordOptions<T> {
  readonly path: string | undefined;
  readonly initial: T;
  /** Undefined: it is none. */
  parse(value: unknown): T | undefined;
  readonly log: Logger;
}

export class KeptRecord<T> {
  readonly #options: KeptRecordOptions<T>;
  #value: T | undefined;
  /** A file that cannot be read is never replaced unasked. */
  #damaged = false;

  constructor(options: KeptRecordOptions<T>) {
    this.#options = options;
  }

  get value(): T {
    this.#value ??= this.#read();
    return this.#value;
  }

  /** It is there, but cannot be read. */
  get isDamaged(): boolean {
    return this.value !== undefined && this.#damaged;
  }

  /** False: it cannot be written, so nothing has changed. */
  replace(value: T): boolean {
    const { path, log } = this.#options;
    if (this.isDamaged) return false;
    try {
      if (path !== undefined) replaceFile(path, `${JSON.stringify(value)}\n`, { mode: MODE });
    } catch (error) {
      log.error('a change by a management interface cannot be kept', {
        path,
        problem: said(error),
      });
      return false;
    }
    this.#value = value;
    return true;
  }

  #read(): T {
    const { path, initial, parse, log } = this.#options;
    if (path === undefined) return initial;
    try {
      const value = parse(JSON.parse(readFileSync(path, 'utf8')));
      if (value !== undefined) return value;
      throw new TypeError('it is not what this server writes');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return initial;
      this.#damaged = true;
      log.error(`${path} is damaged; restore it, or remove it to begin with an empty one`, {
        problem: said(error),
      });
      return initial;
    }
  }
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
