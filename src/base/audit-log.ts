/**
 * Who did what: `audit log` of smb.conf, one JSON object a line, appended to a file that is its owner's alone. Both
 * planes write to it, whole lines at a time, so that they never mix. Lines of one turn of the event loop are
 * written at once; a full disk costs lines and is told in the log, and nobody waits for it.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Logger } from './log.ts';

export const AUDIT_EVENTS = ['login', 'connect', 'open', 'rename', 'delete', 'security'] as const;
export type AuditEvent = (typeof AUDIT_EVENTS)[number];

export interface AuditOptions {
  readonly file: string;
  readonly events: readonly AuditEvent[];
}

export type AuditDetails = Readonly<Record<string, unknown>>;

export class AuditLog {
  readonly #events: ReadonlySet<AuditEvent>;
  readonly #file: string;
  readonly #log: Logger;
  #fd: number;
  #lines: string[] = [];
  #fails = false;

  /** Throws the system's error where the file cannot be written to. */
  constructor({ file, events }: AuditOptions, log: Logger) {
    this.#events = new Set(events);
    this.#file = file;
    this.#log = log;
    this.#fd = openSync(file, 'a', 0o600);
  }

  notes(event: AuditEvent): boolean {
    return this.#events.has(event);
  }

  /** `result`: 'ok', or why not. */
  note(event: AuditEvent, result: string, details: AuditDetails): void {
    if (!this.#events.has(event) || this.#fd < 0) return;
    const line = { time: new Date().toISOString(), event, result, ...details };
    this.#lines.push(`${JSON.stringify(line)}\n`);
    if (this.#lines.length === 1) setImmediate(() => this.#write());
  }

  close(): void {
    this.#write();
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #write(): void {
    const lines = this.#lines;
    this.#lines = [];
    if (lines.length === 0 || this.#fd < 0) return;
    try {
      writeSync(this.#fd, lines.join(''));
      this.#fails = false;
    } catch (error) {
      if (this.#fails) return;
      this.#fails = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error('the audit log loses lines', { file: this.#file, reason });
    }
  }
}
