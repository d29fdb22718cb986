/** What a server's log has of faults of its own: one JSON object a line, or text as a terminal gets it. */
const AS_TEXT = /^\S+ \S+ error: /;

interface Line {
  readonly level?: unknown;
}

function isError(line: string): boolean {
  // Whatever else is printed there, as a stack by Node.js, is no object.
  if (!line.startsWith('{')) return AS_TEXT.test(line);
  try {
    return (JSON.parse(line) as Line).level === 'error';
  } catch {
    return false;
  }
}

export const errorsIn = (log: string): string[] => log.split('\n').filter(isError);
