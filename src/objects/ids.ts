/**
 * Identifiers that a client cannot guess: 47 random bits, never 0, unique in their table.
 * They stay below 2^53, so that a 64-bit id read from a message is exact if it is one of ours.
 */
import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 6 * 512;
const pool = Buffer.alloc(POOL_BYTES);
let position = POOL_BYTES;

function random47(): number {
  if (position === POOL_BYTES) {
    randomFillSync(pool);
    position = 0;
  }
  const value = pool.readUIntLE(position, 6) % 2 ** 47;
  position += 6;
  return value;
}

/** A session id that `table` does not hold: 32 bits, since some clients keep no more of it. */
export function unusedSessionId(table: { has(id: number): boolean }): number {
  for (;;) {
    const id = random47() % 2 ** 32;
    if (id !== 0 && !table.has(id)) return id;
  }
}

/** An id that `table` does not hold. */
export function unusedId(table: { has(id: number): boolean }): number {
  for (;;) {
    const id = random47();
    if (id !== 0 && !table.has(id)) return id;
  }
}
