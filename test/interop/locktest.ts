/**
 * Samba's own locktest, which speaks SMB1 only: random byte-range locks, unlocks, reopens and closes on two servers at
 * once, usmbd and another, by several connections; every answer is compared (MS-CIFS 2.2.4.32, MS-FSA 2.1.5.8).
 *
 *     npm run interop:locktest -- --port 445 --share s --user u --password p
 *     npm run interop:locktest -- --port 445 … --seed 7 --seeds 1 --operations 500
 *
 * The options name the other server; usmbd is started. locktest takes one port for both, so the other server is
 * reached through a relay on an address of its own. Needs locktest (Debian: samba-testsuite).
 */

import { commandLine } from '../support/command-line.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { relay } from '../support/relay.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, startUsmbd, type Target, targetOptions } from '../support/target.ts';

const RELAY_HOST = '127.0.0.2';
/** Repeated refusals take 200 ms each. */
const LIMIT_PER_OPERATION_MS = 100;
/** Ranges lie at the start of the file, about 2^32 and where error codes change (raw.lock.errorcode). */
const BASES = [0, 0xffff_ff80, 0xef00_0000 - 50];

const login = ({ account }: Target): string => `${account.user}%${account.password}`;

interface Plan {
  readonly program: string;
  readonly own: Target;
  readonly other: Target;
  readonly operations: number;
}

async function compare({ program, own, other, operations }: Plan, seed: number): Promise<void> {
  const args = [
    ...[`//${own.host}/${own.share}`, `//${RELAY_HOST}/${other.share}`],
    ...['--max-protocol', 'NT1', '--option=client min protocol=NT1'],
    ...[`--option=smb ports=${own.port}`, `--user1=${login(own)}`, `--user2=${login(other)}`],
    ...[`--seed=${seed}`, `--num-ops=${operations}`, `--lockbase=${BASES[seed % BASES.length]}`],
    ...['--exacterrors', ...(seed % 2 === 0 ? ['--zerozero'] : [])],
  ];
  const timeoutMs = 60_000 + operations * LIMIT_PER_OPERATION_MS;
  const { code, stdout, stderr, timedOut } = await run(program, args, { timeoutMs });
  const output = tail(stdout + stderr, 25);
  expect(!timedOut, `locktest does not come to an end:\n${output}`);
  // It has gone through all of them when it says so; a difference ends it before.
  expect(code === 0 && !/differ|fail/i.test(stdout), `locktest, exit ${code}:\n${output}`);
  expect(stdout.includes(`Testing ${operations}`), `locktest did nothing:\n${output}`);
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
const program = findProgram('locktest');
if (program === undefined) throw new Error('locktest is not installed (Debian: samba-testsuite)');
const other = await openTarget(values);
const own = await startUsmbd(['server signing = auto', 'server min protocol = NT1']);
const way = await relay(RELAY_HOST, own.port, other);
const tally = new Tally();
try {
  const plan = { program, own, other, operations: Number(values.operations) };
  const first = Number(values.seed);
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    await tally.check(`seed ${seed}`, () => compare(plan, seed));
    own.assertAlive();
  }
} finally {
  way.close();
  await own.stop();
}
tally.close();
