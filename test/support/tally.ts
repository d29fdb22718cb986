/** Counts and prints what a runner found, one line a case, with the closing line that CI reads. */
import { writeFileSync } from 'node:fs';

export interface CaseResult {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly message: string;
}

export class Tally {
  readonly results: CaseResult[] = [];
  readonly leftOut: string[] = [];

  /** Runs one case; what it throws is its failure. */
  async check(name: string, body: () => Promise<void>): Promise<boolean> {
    const startedMs = performance.now();
    let message = '';
    try {
      await body();
    } catch (error) {
      message = error instanceof Error ? error.message : String(error);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    this.add({ name, ok: message === '', seconds, message });
    return message === '';
  }

  add(result: CaseResult): void {
    this.results.push(result);
    const { ok, name, seconds, message } = result;
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`);
    if (message !== '') console.log(message.replace(/^/gm, '       '));
  }

  leaveOut(what: string): void {
    this.leftOut.push(what);
  }

  get failed(): number {
    return this.results.filter((result) => !result.ok).length;
  }

  /** Prints what was left out and the counts; a run that ran nothing has failed. */
  close(jsonFile?: string): void {
    for (const what of this.leftOut) console.log(`left out: ${what}`);
    for (const { name } of this.results.filter((result) => !result.ok)) {
      console.log(`failed: ${name}`);
    }
    if (jsonFile !== undefined) {
      const { results, leftOut } = this;
      writeFileSync(jsonFile, `${JSON.stringify({ results, leftOut }, undefined, 1)}\n`);
    }
    console.log(`${this.results.length - this.failed} passed, ${this.failed} failed`);
    if (this.failed > 0 || this.results.length === 0) process.exitCode = 1;
  }
}

/** An expectation of a runner that was not met. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}
