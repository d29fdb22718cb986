/** What is wrong in a file of the operator's, where, and what was expected instead. */
export interface Problem {
  /** An error keeps the server from starting; a warning is told and passed over. */
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** From 1; 0 where no line is to blame. */
  readonly line: number;
  readonly message: string;
  readonly expected?: string;
}

export function problemText({ severity, file, line, message, expected }: Problem): string {
  const place = line === 0 ? file : `${file}:${line}`;
  return `${place}: ${severity}: ${message}${expected === undefined ? '' : `; expected ${expected}`}`;
}

export const isError = (problem: Problem): boolean => problem.severity === 'error';

/** Files that cannot be used. The message has a line for each problem. */
export class ProblemsError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(problemText).join('\n'));
    this.name = 'ProblemsError';
    this.problems = problems;
  }
}
