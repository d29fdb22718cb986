/**
 * Byte-range locks at random on two servers at once, usmbd and another; every answer is compared. What
 * Samba's locktest does, which speaks SMB1 only.
 *
 *     npm run interop:locks -- --port 445 --share s --user u --password p
 *     npm run interop:locks -- --port 445 … --seed 7 --seeds 1
 *
 * The options name the other server; usmbd is started. Two connections have the file open twice each.
 * Nothing waits: in what order servers let in those that wait is their own affair. Ranges that end
 * behind 2^64 are left out: Samba refuses to unlock them as not locked, MS-FSA 2.1.5.9 as illegal. So
 * are shared locks of no length: of equal ranges Samba unlocks the earliest, MS-FSA the exclusive one,
 * and only those without length can be both.
 */
import { connect } from '../../src/client/connect.ts';
import type { Answer } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import { lockRequest, readRequest, writeRequest } from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import {
  type LockElement,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../../src/smb2/lock.ts';
import { commandLine } from '../support/command-line.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, startUsmbd, type Target, targetOptions } from '../support/target.ts';

const CONNECTIONS = 2;
const OPENS_PER_CONNECTION = 2;
/** Locks are this close together, so that most meet another. */
const OFFSETS = 30;
const LENGTHS = 8;
/** Where they lie: what a number holds exactly ends at 2^53, signed offsets at 2^63, all at 2^64. */
const BASES = [0n, 0n, 2n ** 53n - 15n, 2n ** 63n - 15n, 2n ** 64n - BigInt(OFFSETS + LENGTHS)];
/** Operations that a failure shows before it. */
const SHOWN = 15;

interface Step {
  readonly kind: 'lock' | 'unlock' | 'read' | 'write' | 'reopen';
  readonly open: number;
  readonly offset: bigint;
  readonly length: number;
  readonly exclusive: boolean;
}

/** The same numbers for the same seed: mulberry32. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Most unlocks are after a lock that was asked for earlier. */
function* steps(seed: number, base: bigint): Generator<Step, never> {
  const below = randomNumbers(seed);
  let asked: Step[] = [];
  for (;;) {
    const roll = below(100);
    const kind =
      roll < 45
        ? 'lock'
        : roll < 75
          ? 'unlock'
          : roll < 85
            ? 'read'
            : roll < 97
              ? 'write'
              : 'reopen';
    const open = below(CONNECTIONS * OPENS_PER_CONNECTION);
    const offset = base + BigInt(below(OFFSETS));
    const length = below(LENGTHS);
    const exclusive = below(2) === 0 || length === 0;
    const step: Step = { kind, open, offset, length, exclusive };
    const [earlier] = kind === 'unlock' && below(4) > 0 ? asked.splice(below(asked.length), 1) : [];
    if (kind === 'lock') asked.push(step);
    if (kind === 'reopen') asked = asked.filter(({ open }) => open !== step.open);
    // Files are not that long; and what READ and WRITE make of such offsets is not the question here.
    if ((kind === 'read' || kind === 'write') && base > 0n) continue;
    yield earlier === undefined ? step : { ...earlier, kind };
  }
}

class Side {
  readonly #target: Target;
  readonly #name: string;
  readonly #opens: ClientFile[] = [];

  constructor(target: Target, name: string) {
    this.#target = target;
    this.#name = name;
  }

  async start(): Promise<void> {
    const { host, port, account, share } = this.#target;
    for (let i = 0; i < CONNECTIONS; i++) {
      const connection = await connect({ host, port });
      const { user, password: secret } = account;
      const session = await connection.login({ user, secret, sign: false });
      const tree = await session.treeConnect(share);
      for (let j = 0; j < OPENS_PER_CONNECTION; j++) {
        this.#opens.push(await tree.open(this.#name, how));
      }
    }
    const whole = { offset: 0n, length: OFFSETS + LENGTHS, exclusive: false };
    await this.perform({ kind: 'write', open: 0, ...whole });
  }

  /** The status that the step is answered with. */
  async perform(step: Step): Promise<string> {
    const file = this.#opens[step.open]!;
    if (step.kind !== 'reopen') return `0x${(await ask(file, step)).status.toString(16)}`;
    await file.close();
    this.#opens[step.open] = await file.tree.open(this.#name, how);
    return 'opened';
  }

  async end(): Promise<void> {
    for (const { tree } of this.#opens) await tree.session.connection.close();
  }
}

const how = { disposition: FILE_OPEN_IF, access: FILE_GENERIC_READ | FILE_GENERIC_WRITE };

function ask(file: ClientFile, { kind, offset, length, exclusive }: Step): Promise<Answer> {
  const kindOfLock = exclusive ? SMB2_LOCKFLAG_EXCLUSIVE_LOCK : SMB2_LOCKFLAG_SHARED_LOCK;
  const flags =
    kind === 'unlock' ? SMB2_LOCKFLAG_UNLOCK : kindOfLock | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  const element: LockElement = { offset, length: BigInt(length), flags };
  const request = {
    lock: () => lockRequest(file.fileId, [element]),
    unlock: () => lockRequest(file.fileId, [element]),
    read: () => readRequest(file.fileId, Number(offset), length + 1),
    write: () => writeRequest(file.fileId, Number(offset), Buffer.alloc(length + 1)),
    reopen: () => expect(false, 'not a request') as never,
  }[kind]();
  // Samba's interim responses bear no credit charge: with a request of one's own make none is looked at.
  return file.tree.request({ ...request, craft: (message) => message });
}

async function compare(targets: readonly Target[], seed: number, operations: number) {
  const base = BASES[seed % BASES.length]!;
  const sides = targets.map((target) => new Side(target, `locks-${process.pid}-${seed}.bin`));
  await Promise.all(sides.map((side) => side.start()));
  try {
    const log: string[] = [];
    const random = steps(seed, base);
    for (let i = 0; i < operations; i++) {
      const step = random.next().value;
      const answers = await Promise.all(sides.map((side) => side.perform(step)));
      const { kind, open, offset, length, exclusive } = step;
      const what = kind === 'lock' && exclusive ? 'lock exclusively' : kind;
      log.push(`${what} ${offset - base}+${length} by ${open}: ${answers.join(', other ')}`);
      const shown = log.slice(-SHOWN).join('\n');
      expect(answers[0] === answers[1], `operation ${i}, offsets from ${base}:\n${shown}`);
    }
  } finally {
    await Promise.all(sides.map((side) => side.end()));
  }
}

const { values } = commandLine({
  options: {
    ...targetOptions,
    operations: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '10' },
  },
});
if (values.port === undefined) throw new Error('--port names the other server');
const other = await openTarget(values);
const usmbd = await startUsmbd(['server signing = auto']);
const tally = new Tally();
try {
  const first = Number(values.seed);
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    await tally.check(`seed ${seed}`, () =>
      compare([usmbd, other], seed, Number(values.operations)),
    );
  }
} finally {
  await usmbd.stop();
}
tally.close();
