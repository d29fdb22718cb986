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

/** Workers have numbers from 1 on; what is served without them bears any. */
export const MAX_WORKER_NUMBER = 63;
/** Of a session id, below its worker's number. */
const WORKER_SHIFT = 2 ** 26;

/**
 * A session id that `table` does not hold: 32 bits, since some clients keep no more of it. Those of a worker bear its
 * number in the upper 6, so that no two workers give the same.
 */
export function unusedSessionId(table: { has(id: number): boolean }, worker = 0): number {
  for (;;) {
    const id =
      worker === 0 ? random47() % 2 ** 32 : worker * WORKER_SHIFT + (random47() % WORKER_SHIFT);
    if (id !== 0 && !table.has(id)) return id;
  }
}

/** Whose a session id is, where workers give them. */
export const workerOfSession = (id: number): number => Math.floor(id / WORKER_SHIFT);

/** An id that `table` does not hold. */
export function unusedId(table: { has(id: number): boolean }): number {
  for (;;) {
    const id = random47();
    if (id !== 0 && !table.has(id)) return id;
  }
}
