import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  breakGrants,
  type Caching,
  type Grant,
  grantableLease,
  grantableOplock,
  H,
  type Operation,
  R,
  settle,
  stepFor,
  W,
} from './caching.ts';

const FULL = 0x001f_01ff;
const open: Operation = { kind: 'open', overwrites: false, access: FULL };
const overwrite: Operation = { kind: 'open', overwrites: true, access: FULL };
const stat: Operation = { kind: 'open', overwrites: false, access: 0x0010_0180 };

const alone = {
  directory: false,
  opened: false,
  exclusive: false,
  handleLease: false,
  oplock: false,
  locked: false,
};
const grant = (state: Caching, legacy = false, owner = 'a'): Grant<string> => ({
  owner,
  legacy,
  state,
  breakingTo: undefined,
  demanded: undefined,
});

test('what each operation takes from a lease: MS-FSA 2.1.4.12', () => {
  const RW = R | W;
  const RH = R | H;
  const RWH = R | W | H;
  const table: [Operation, Caching, Caching | undefined, boolean?, boolean?][] = [
    [stat, RWH, undefined],
    [open, RWH, RH, true, true],
    [open, RW, R, true, true],
    [open, RH, undefined],
    [open, R, undefined],
    [overwrite, RWH, 0, true, true],
    [overwrite, RH, 0, true, false],
    [overwrite, R, 0, false, false],
    [{ kind: 'share' }, RWH, RW, true, true],
    [{ kind: 'share' }, RH, R, true, true],
    [{ kind: 'share' }, RW, undefined],
    [{ kind: 'write' }, RH, 0, true, false],
    [{ kind: 'write' }, R, 0, false, false],
    [{ kind: 'rename' }, RH, R, true, true],
    [{ kind: 'delete' }, RWH, RW, true, true],
    [{ kind: 'delete' }, R, undefined],
    [{ kind: 'child' }, RH, 0, true, false],
    [{ kind: 'child' }, R, 0, false, false],
  ];
  for (const [operation, state, to, acknowledged, waits] of table) {
    const step = stepFor(false, state, operation);
    assert.deepEqual(step, to === undefined ? undefined : { to, acknowledged, waits });
  }
});

test('what each operation takes from an oplock', () => {
  const batch = R | W | H;
  assert.equal(stepFor(true, batch, stat), undefined);
  assert.deepEqual(stepFor(true, batch, open), { to: R, acknowledged: true, waits: true });
  assert.deepEqual(stepFor(true, R | W, overwrite), { to: 0, acknowledged: true, waits: true });
  assert.deepEqual(stepFor(true, R, overwrite), { to: 0, acknowledged: false, waits: false });
  assert.equal(stepFor(true, R, open), undefined);
  assert.deepEqual(stepFor(true, batch, { kind: 'rename' }), {
    to: 0,
    acknowledged: true,
    waits: true,
  });
  assert.equal(stepFor(true, R | W, { kind: 'rename' }), undefined);
});

test('what is granted beside others: smb2.lease break, oplock and upgrade tables', () => {
  assert.equal(grantableLease(R | W | H, alone), R | W | H);
  assert.equal(grantableLease(R | W | H, { ...alone, opened: true }), R | H);
  assert.equal(grantableLease(R | H, { ...alone, opened: true, oplock: true }), R);
  assert.equal(grantableLease(R, { ...alone, exclusive: true }), 0);
  assert.equal(grantableLease(W | H, alone), 0);
  assert.equal(grantableLease(8 | R, alone), 0);
  const directory = { ...alone, directory: true };
  assert.equal(grantableLease(R | W | H, directory), R | H);
  assert.equal(grantableLease(R | W, { ...directory, opened: true }), R);
  assert.equal(grantableOplock(R, directory), 0);
  assert.equal(grantableOplock(R | W | H, alone), R | W | H);
  assert.equal(grantableOplock(R | W | H, { ...alone, opened: true }), R);
  assert.equal(grantableOplock(R, { ...alone, opened: true, handleLease: true }), 0);
  assert.equal(grantableOplock(R, { ...alone, locked: true }), 0);
});

test('a further demand on a break is met in steps, the handle first', () => {
  const lease = grant(R | W | H);
  const others = () => false;
  assert.deepEqual(
    breakGrants([lease], open, others).breaks.map(({ to }) => to),
    [R | H],
  );
  const second = breakGrants([lease], overwrite, others);
  assert.deepEqual([second.breaks.length, second.waits], [0, true]);
  assert.equal(settle(lease, R | H)?.to, R);
  // Who waits for the rest of it waits on.
  assert.ok(breakGrants([lease], open, others).waits);
  const last = settle(lease, R);
  assert.deepEqual([last?.to, last?.acknowledged], [0, false]);
  assert.equal(lease.state, 0);
});

/** The naive model: bits that another's operation must not leave in anybody's hands. */
function excluded(operation: Operation): Caching {
  if (operation.kind === 'open') return operation.overwrites ? R | W : W;
  return operation.kind === 'write' ? R | W : H;
}

const operations = fc.oneof(
  fc.constantFrom<Operation>(open, overwrite, stat, { kind: 'write' }),
  fc.constantFrom<Operation>({ kind: 'share' }, { kind: 'delete' }, { kind: 'rename' }),
);

const actions = fc.array(
  fc.oneof(
    fc.record({
      act: fc.constant('request' as const),
      who: fc.nat(3),
      state: fc.constantFrom(R, R | H, R | W, R | W | H),
    }),
    fc.record({ act: fc.constant('operate' as const), who: fc.nat(3), operation: operations }),
    fc.record({ act: fc.constant('acknowledge' as const), who: fc.nat(3), state: fc.nat(7) }),
    fc.record({ act: fc.constant('close' as const), who: fc.nat(3) }),
  ),
  { maxLength: 40 },
);

test('in any interleaving nobody is left with what another has excluded', () => {
  fc.assert(
    fc.property(actions, (list) => {
      const grants: Grant<string>[] = [];
      for (const one of list) {
        const who = `client ${one.who}`;
        const own = grants.find(({ owner }) => owner === who);
        if (one.act === 'close') {
          if (own !== undefined) grants.splice(grants.indexOf(own), 1);
        } else if (one.act === 'acknowledge') {
          if (own?.breakingTo === undefined) continue;
          settle(own, one.state & own.breakingTo);
        } else if (one.act === 'operate') {
          const isOwn = ({ owner }: Grant<string>) => owner === who;
          const before = grants.map((each) => ({ ...each }));
          const { waits } = breakGrants(grants, one.operation, isOwn);
          for (const [i, each] of grants.entries()) {
            // Own grants are untouched, and no operation gives anybody more.
            if (each.owner === who) assert.deepEqual(each, before[i]);
            assert.equal(each.state & ~before[i]!.state, 0);
            if (each.owner === who || one.operation === stat || each.state === 0) continue;
            const left: Caching =
              (each.demanded ?? each.breakingTo ?? each.state) & excluded(one.operation);
            assert.equal(left, 0, `${JSON.stringify(one)} leaves ${left} to ${each.owner}`);
          }
          // Going on at once is allowed only where nobody still caches writes against it.
          if (!waits && (excluded(one.operation) & W) !== 0 && one.operation !== stat) {
            assert.ok(grants.every(({ owner, state }) => owner === who || (state & W) === 0));
          }
        } else if (own === undefined) {
          const others = grants.filter(({ state }) => state !== 0);
          const state = grantableLease(one.state, {
            ...alone,
            opened: others.length > 0,
            exclusive: others.some(({ state: theirs }) => (theirs & W) !== 0),
          });
          grants.push(grant(state, false, who));
        }
        const writers = grants.filter(({ state }) => (state & W) !== 0);
        assert.ok(writers.length <= 1, 'two cache writes');
        if (writers.length === 1) {
          const beside = grants.filter((each) => each !== writers[0] && each.state !== 0);
          assert.equal(beside.length, 0, 'somebody caches beside one who caches writes');
        }
      }
    }),
    { numRuns: 2_000 },
  );
});
