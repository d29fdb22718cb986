/** Files of the operator's, as text. */
import { readFileSync } from 'node:fs';
import { ProblemsError } from './problem.ts';

/** Throws ProblemsError when it cannot be read or is no text. */
export function readText(file: string): string {
  const fault = (message: string, expected?: string): ProblemsError =>
    new ProblemsError([
      { severity: 'error', file, line: 0, message, ...(expected && { expected }) },
    ]);
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw fault(error instanceof Error ? error.message : String(error));
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fault('it is no text in UTF-8', 'UTF-8');
  }
}
