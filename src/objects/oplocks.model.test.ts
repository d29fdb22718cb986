/**
 * Oplocks against MS-FSA 2.1.4.12 and 2.1.5.18-19 as they stand there (fsa-oplock.support.test.ts), over random
 * interleavings: what is granted, who is told what, who waits, what is left in the end, and the epochs.
 *
 * What the server adds to the object store, by MS-SMB2 and smbtorture:
 * - What is not granted as it was asked for is asked for again, as less: without W, then without H, then
 *   level II. A lease that is held is raised to all that is asked for or not at all (smb2.lease.upgrade3).
 * - A lease that is held is not raised to W beside another's open. 2.1.5.18.1 asks for the other opens only where
 *   there is no oplock yet, and has their READs break it later.
 * - Who is breaking is told of what else was demanded meanwhile when it has acknowledged, the handle first, and
 *   whoever waits waits for all of it (smb2.lease.breaking3); MS-FSA lets those that wait begin again.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import fc from 'fast-check';
import { OPLOCK_BREAK_TIMEOUT_MS } from '../base/limits.ts';
import { FILE_ALL_ACCESS, FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import { type Caching, H, type Operation, R, W } from './caching.ts';
import type { FsaOperation, Level } from './fsa-oplock.support.test.ts';
import {
  CLIENTS,
  type Client,
  flagsOf,
  type Kind,
  LEVELS,
  type Name,
  Race,
  turn,
  type Wish,
  wishes,
} from './oplocks-race.support.test.ts';

/** More by RUNS=20000 node --test … */
const RUNS = Number(process.env.RUNS ?? 800);

type Step =
  | { act: 'open'; who: number; wish: Wish; overwrites: boolean; stat: boolean; shares: boolean }
  | { act: 'operate'; who: number; what: 'write' | 'size' | 'rename' | 'delete' }
  | { act: 'change'; who: number; parent: number }
  | { act: 'upgrade'; who: number; state: Caching }
  | { act: 'close'; who: number }
  | { act: 'answer'; who: number; keep: number }
  | { act: 'timeout'; who: number };

const wish: fc.Arbitrary<Wish> = fc.record({
  kind: fc.constantFrom<Kind>('lease', 'lease', 'oplock', 'nothing'),
  state: fc.constantFrom(R, R | H, R | W, R | W | H),
});
const who = fc.nat(CLIENTS.length - 1);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant('open' as const),
      who,
      wish,
      overwrites: fc.boolean(),
      stat: fc.nat(2).map((n) => n === 0),
      shares: fc.nat(3).map((n) => n > 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('operate' as const),
      who,
      what: fc.constantFrom(
        'write' as const,
        'size' as const,
        'rename' as const,
        'delete' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('change' as const), who, parent: who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant('upgrade' as const),
      who,
      state: fc.constantFrom(R, R | H, R | W, R | W | H),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('close' as const), who }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('timeout' as const), who }) },
  {
    weight: 6,
    arbitrary: fc.record({ act: fc.constant('answer' as const), who, keep: fc.nat(7) }),
  },
);

/** Nobody has answered for as long as a break may take: who is breaking has nothing left. */
function timeOut(race: Race): void {
  const late = [...race.clients.values()].filter(({ breakingTo }) => breakingTo !== undefined);
  for (const client of late) {
    client.state = 0;
    client.breakingTo = undefined;
  }
  mock.timers.tick(OPLOCK_BREAK_TIMEOUT_MS);
  for (const { fsa, kind } of late) {
    if (!race.stream.isBreaking(fsa)) continue;
    race.released(race.stream.acknowledge(fsa, kind === 'lease' ? '' : 'LEVEL_NONE'));
  }
}

/** Does one step in both. */
async function take(race: Race, one: Step): Promise<void> {
  const name = CLIENTS[one.who]!;
  const client = race.clients.get(name);
  switch (one.act) {
    case 'open':
      if (client === undefined && !race.waiting.some(({ fsa }) => fsa.name === name)) {
        openFile(race, name, one);
      }
      break;
    case 'operate':
      if (client !== undefined && !race.waiting.some(({ fsa }) => fsa === client.fsa)) {
        operate(race, client, one.what);
      }
      break;
    case 'change':
      if (race.isDirectory) change(race, name, CLIENTS[one.parent]!);
      break;
    case 'upgrade':
      if (client?.kind === 'lease') upgrade(race, client, one.state);
      break;
    case 'close':
      if (client !== undefined && !race.waiting.some(({ fsa }) => fsa === client.fsa)) {
        close(race, client);
      }
      break;
    case 'answer':
      if (client?.breakingTo !== undefined) answer(race, client, one.keep & client.breakingTo);
      break;
    case 'timeout':
      timeOut(race);
      break;
  }
  await turn();
}

function openFile(
  race: Race,
  name: Name,
  { wish: asked, overwrites, stat, shares }: Extract<Step, { act: 'open' }>,
): void {
  const access = stat ? FILE_READ_ATTRIBUTES : FILE_ALL_ACCESS;
  const opens = race.newOpen(name, asked, access);
  const actor = { open: undefined, leaseId: opens.open.leaseId };
  const opening: Operation = {
    kind: 'open',
    overwrites: overwrites && !race.isDirectory && !stat,
    access,
  };
  const fsaOpening: FsaOperation = {
    code: 'OPEN',
    attributesOnly: stat,
    overwrites: opening.overwrites,
  };
  // A sharing violation is one with whoever has it open; opens that only look at attributes have none.
  const violates = !shares && !stat;
  race.begin({
    fsa: opens.fsa,
    before: () => race.oplocks.before(race.file, violates ? { kind: 'share' } : opening, actor),
    check: () => race.stream.check(opens.fsa, violates ? { code: 'OPEN_BREAK_H' } : fsaOpening),
    done: () => {
      if (!violates) race.grant(name, opens, asked);
    },
  });
}

function operate(race: Race, client: Client, what: 'write' | 'size' | 'rename' | 'delete'): void {
  if (race.isDirectory && (what === 'write' || what === 'size')) return;
  const actor = { open: client.open, leaseId: client.open.lease?.id };
  const kind = what === 'size' ? 'write' : what;
  const there: FsaOperation =
    what === 'write'
      ? { code: 'WRITE' }
      : {
          code: 'SET_INFORMATION',
          what:
            what === 'size'
              ? 'FileEndOfFile'
              : what === 'rename'
                ? 'FileRename'
                : 'FileDisposition',
        };
  race.begin({
    fsa: client.fsa,
    before: () => race.oplocks.before(race.file, { kind }, actor),
    check: () => race.stream.check(client.fsa, there),
    done: () => {},
  });
}

/** Something in the directory changes, by an open that names a client's lease as the directory's. */
function change(race: Race, name: Name, parent: Name): void {
  const parentLeaseKey = Buffer.alloc(16, parent);
  const actor = { open: undefined, leaseId: undefined, parentLeaseKey };
  const fsa = { name, key: `child of ${name}`, parentKey: `lease ${parent}` };
  const waits = race.oplocks.before(race.file, { kind: 'child' }, actor);
  assert.equal(waits, undefined, 'nobody waits for the lease on a directory');
  assert.equal(race.stream.check(fsa, { code: 'PARENT_OBJECT' }), false);
}

function upgrade(race: Race, client: Client, state: Caching): void {
  const { stream } = race;
  const wanted = race.isDirectory ? state & ~W : state;
  const { lease, state: after, breaking } = race.grantLease(client.name, client.open, state, 0);
  assert.equal(breaking, stream.isBreaking(client.fsa));
  if (breaking) return;
  const isMore = wanted !== client.state && (client.state & ~wanted) === 0;
  // From nothing as for the first time, else all or nothing.
  const levels = client.state === 0 ? wishes({ kind: 'lease', state: wanted }) : [flagsOf(wanted)];
  const isBeside = stream.openList.some((other) => other !== client.fsa);
  const there = levels.find(
    (level) => isMore && !(isBeside && level.includes('W')) && stream.request(client.fsa, level),
  );
  assert.equal(after, there === undefined ? client.state : LEVELS[there]);
  assert.equal(lease.epoch, client.epoch + (after === client.state ? 0 : 1));
  client.state = after;
  client.epoch = lease.epoch;
}

function close(race: Race, client: Client): void {
  race.clients.delete(client.name);
  race.file.opens.delete(client.open);
  race.oplocks.closed(race.file, client.open);
  race.released(race.stream.close(client.fsa));
}

/** Keeps so much of what it was told to keep. */
function answer(race: Race, client: Client, keep: Caching): void {
  const { oplocks, file, stream } = race;
  const isLease = client.kind === 'lease';
  // R alone or with others; an oplock keeps level II or nothing.
  const kept = (keep & R) === 0 ? 0 : isLease ? keep : R;
  const grant = isLease
    ? oplocks.lease(client.open.lease!.id)!.grant
    : oplocks.grantOfOpen(client.open)!;
  client.breakingTo = undefined;
  client.state = kept;
  client.answering = true;
  oplocks.acknowledge(file, grant, kept);
  client.answering = false;
  if (!stream.isBreaking(client.fsa)) return;
  const keptThere = kept & LEVELS[stream.lastTold.get(client.fsa)!];
  const level: Level = isLease ? flagsOf(keptThere) : keptThere === R ? 'LEVEL_TWO' : 'LEVEL_NONE';
  const released = [...stream.acknowledge(client.fsa, level)];
  // "CANNOT_GRANT_REQUESTED_OPLOCK": it acknowledges again. Here the break that follows says so.
  if (stream.isBreaking(client.fsa)) released.push(...stream.acknowledge(client.fsa, ''));
  race.released(released);
}

/** All breaks answered, each with all that may be kept, until nobody waits. */
async function settle(race: Race): Promise<void> {
  for (let round = 0; round < 50; round++) {
    await turn();
    race.finish();
    await turn();
    const breaking = [...race.clients.values()].find(({ breakingTo }) => breakingTo !== undefined);
    if (breaking !== undefined) {
      answer(race, breaking, breaking.breakingTo!);
      continue;
    }
    // What the model breaks once more, when it lets those that wait look again, is answered there.
    const there = [...race.clients.values()].find(({ fsa }) => race.stream.isBreaking(fsa));
    if (there !== undefined) {
      const level = there.kind === 'lease' ? '' : 'LEVEL_NONE';
      race.released(race.stream.acknowledge(there.fsa, level));
      continue;
    }
    if (race.waiting.length === 0) return;
  }
  assert.fail('somebody waits for ever');
}

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

for (const isDirectory of [false, true]) {
  const what = isDirectory ? 'a directory' : 'a file';
  test(`oplocks of ${what} as in MS-FSA, one operation after the other`, async () => {
    const runs = fc.array(step, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(runs, async (steps) => {
        const race = new Race(isDirectory);
        for (const one of steps) {
          if (one.act === 'answer') continue;
          await take(race, one);
          // Who is told, and who waits.
          const [here, there] = await race.takeTold();
          assert.deepEqual(here, there, JSON.stringify(one));
          for (const { waitsHere, waitsThere } of race.waiting) {
            assert.equal(waitsHere, waitsThere, JSON.stringify(one));
          }
          await settle(race);
          await race.takeTold();
          assertAlike(race);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test(`oplocks of ${what} as in MS-FSA, while breaks are under way`, async () => {
    const bursts = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(bursts, async (list) => {
        const race = new Race(isDirectory);
        for (const burst of list) {
          for (const one of burst) await take(race, one);
          await settle(race);
          await race.takeTold();
          assertAlike(race);
        }
      }),
      { numRuns: RUNS },
    );
  });
}

/** Nothing is under way: all know the same. */
function assertAlike(race: Race): void {
  for (const { fsa, state, breakingTo, open, kind } of race.clients.values()) {
    assert.equal(breakingTo, undefined);
    assert.equal(state, LEVELS[race.stream.levelOf(fsa)], `${fsa.name} holds`);
    const grant =
      kind === 'lease' ? race.oplocks.lease(open.lease!.id)?.grant : race.oplocks.grantOfOpen(open);
    assert.equal(grant?.state ?? 0, state, `${fsa.name} believes`);
  }
}
