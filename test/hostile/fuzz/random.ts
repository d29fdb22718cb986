/** A repeatable source of chance: the seed that a run prints makes the same run again. */

export interface Random {
  /** From 0 to less than `limit`. */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  bytes(count: number): Buffer;
}

/** xorshift32: good enough to choose bytes, and quick. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const below = (limit: number): number => Math.floor((next() / 0x1_0000_0000) * limit);
  return {
    below,
    chance: (probability) => next() / 0x1_0000_0000 < probability,
    pick: (from) => from[below(from.length)]!,
    bytes(count) {
      const b = Buffer.allocUnsafe(count);
      for (let i = 0; i < count; i++) b[i] = next();
      return b;
    },
  };
}
