/**
 * Work on long messages that no thread of the system's can do (MS-XCA): by portions, of which there is one in each turn of the
 * loop, whoever asks for how many.
 */
import { COMPRESSION_PORTION_BYTES } from '../base/limits.ts';
import type { Work } from '../xca/codec.ts';

interface Waiting {
  readonly work: Work;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

const waiting: Waiting[] = [];

/** Done at once where it is about few bytes; rejects or throws as the work does. */
export function inPortions(work: Work, bytes: number): Promise<void> | undefined {
  if (bytes <= COMPRESSION_PORTION_BYTES) {
    while (!work.go(bytes));
    return undefined;
  }
  return new Promise((done, failed) => {
    waiting.push({ work, done, failed });
    if (waiting.length === 1) setImmediate(turn);
  });
}

function turn(): void {
  const first = waiting.shift()!;
  try {
    if (first.work.go(COMPRESSION_PORTION_BYTES)) first.done();
    else waiting.push(first);
  } catch (error) {
    first.failed(error);
  }
  if (waiting.length > 0) setImmediate(turn);
}
