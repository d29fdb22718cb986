/** What is laid on the disk of byte-range locks: of each byte the stronger, whoever takes and leaves what in whatever order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteRangeLocks, type LockRange, type WaitingLock } from './byte-range-locks.ts';
import type { HostRanges } from './host-ranges.ts';

type Kind = 'shared' | 'exclusive' | undefined;
const BYTES = 12;

/** A disk of some bytes, on which another program has locks as well. */
class Disk implements HostRanges {
  readonly ours: Kind[] = Array.from({ length: BYTES });
  readonly theirs: Kind[] = Array.from({ length: BYTES });
  look: (() => void) | undefined;

  set(offset: bigint, last: bigint, kind: Kind): boolean {
    for (let at = Number(offset); at <= Number(last); at++) if (this.#stops(at, kind)) return false;
    this.ours.fill(kind, Number(offset), Number(last) + 1);
    return true;
  }

  #stops(at: number, kind: Kind): boolean {
    const other = this.theirs[at];
    if (kind === undefined || other === undefined) return false;
    return kind === 'exclusive' || other === 'exclusive';
  }

  clear(): void {
    this.ours.fill(undefined);
  }

  end(): void {
    this.clear();
  }

  lookAgain(look: () => void): void {
    this.look ??= look;
  }

  lookNow(): void {
    const { look } = this;
    this.look = undefined;
    look?.();
  }
}

const range = (offset: number, length: number): LockRange => ({
  offset: BigInt(offset),
  length: BigInt(length),
});

/** What is held, byte by byte, by those who hold it. */
function strongest(locks: ByteRangeLocks<string>): Kind[] {
  const bytes: Kind[] = Array.from({ length: BYTES });
  for (const owner of OWNERS) {
    for (const { offset, length, exclusive } of locks.held(owner, 1000)!) {
      for (let at = Number(offset); at < Number(offset + length); at++) {
        if (bytes[at] !== 'exclusive') bytes[at] = exclusive ? 'exclusive' : 'shared';
      }
    }
  }
  return bytes;
}

const OWNERS = ['A', 'B', 'C'];
const steps = fc.array(
  fc.record({
    action: fc.constantFrom(
      ...(['lock', 'lock', 'wait', 'unlock', 'posix', 'unlock as posix'] as const),
      ...(['release', 'cancel', 'theirs', 'look', 'lay'] as const),
    ),
    owner: fc.constantFrom(...OWNERS),
    exclusive: fc.boolean(),
    at: fc.nat(BYTES - 1),
    length: fc.integer({ min: 0, max: 5 }),
    which: fc.nat(20),
  }),
  { maxLength: 120, size: 'max' },
);

test('the disk has the stronger of what is held, and nobody locks what another program has locked', () => {
  let refusals = 0;
  fc.assert(
    fc.property(steps, (todo) => {
      const locks = new ByteRangeLocks<string>();
      const disk = new Disk();
      locks.layOn(disk);
      const waiting: WaitingLock[] = [];
      for (const { action, owner, exclusive, at, length, which } of todo) {
        const wanted = range(at, Math.min(length, BYTES - at));
        const isPosix = action.endsWith('posix');
        // Of one owner either kind: Windows' may overlap, POSIX' may not.
        const by = isPosix ? 'C' : owner === 'C' ? 'A' : owner;
        const isStopped = disk.theirs
          .slice(at, at + Number(wanted.length))
          .some((kind) => kind === 'exclusive' || (exclusive && kind !== undefined));
        if (action === 'lock') {
          const taken = locks.lock(by, wanted, exclusive);
          if (isStopped) {
            assert.equal(taken, false);
            refusals += 1;
          }
        } else if (action === 'wait') {
          waiting.push(locks.wait(by, wanted, exclusive, () => {}));
        } else if (action === 'unlock') {
          const held = locks.held(by, 1000)!;
          const one = held[which % (held.length || 1)];
          if (one !== undefined) locks.unlock(by, one);
        } else if (action === 'posix' && wanted.length > 0n) {
          const taken = locks.lockAsPosix(by, wanted, exclusive);
          if (isStopped) assert.equal(taken, false);
        } else if (action === 'unlock as posix' && wanted.length > 0n) {
          locks.unlockAsPosix(by, wanted);
        } else if (action === 'release') {
          locks.releaseAll(by);
        } else if (action === 'cancel') {
          const one = waiting[which % (waiting.length || 1)];
          if (one !== undefined) locks.cancel(one);
        } else if (action === 'theirs') {
          // As the kernel lets them.
          const kind = which % 3 === 0 ? undefined : exclusive ? 'exclusive' : 'shared';
          for (let one = at; one < at + Number(wanted.length); one++) {
            const ours = disk.ours[one];
            const stops = ours === 'exclusive' || (ours !== undefined && kind === 'exclusive');
            if (kind === undefined || !stops) disk.theirs[one] = kind;
          }
        } else if (action === 'look') {
          disk.lookNow();
        } else if (action === 'lay') {
          locks.layOn(disk);
        }
        assert.deepEqual(disk.ours, strongest(locks));
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(refusals > 0, 'nothing was refused');
});

test('who waits for another program has the lock when it looks again', () => {
  const locks = new ByteRangeLocks<string>();
  const disk = new Disk();
  locks.layOn(disk);
  disk.theirs[3] = 'exclusive';
  const settled: string[] = [];
  const wait = (owner: string, at: number) =>
    locks.wait(owner, range(at, 2), true, (granted) => settled.push(`${owner} ${granted}`));
  wait('A', 2);
  wait('B', 3);
  disk.lookNow();
  assert.deepEqual(settled, []);
  disk.theirs[3] = undefined;
  disk.lookNow();
  // The second waits for the first from now on.
  assert.deepEqual(settled, ['A true']);
  assert.equal(disk.look, undefined);
  locks.releaseAll('A');
  assert.deepEqual(settled, ['A true', 'B true']);
});
