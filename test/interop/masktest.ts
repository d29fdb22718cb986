/**
 * Samba's own masktest, which speaks SMB1 only: random names and wildcards, each a file that is made, listed by the
 * pattern and removed; what the server lists is compared with what Samba's matcher says (MS-FSA 2.1.4.4).
 *
 *     npm run interop:masktest
 *     npm run interop:masktest -- --seed 7 --seeds 1 --operations 500
 *     npm run interop:masktest -- --port 445 --share s --user u --password p
 *
 * With `--port` the server that the options name is asked; a Samba needs `mangled names = yes` for it. Whether `.`
 * and `..` are listed counts for nothing: Samba's matcher takes the second for the first, and servers list them
 * by rules of their own. Needs masktest (Debian: samba-testsuite).
 */

import { commandLine } from '../support/command-line.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, type Target, targetOptions } from '../support/target.ts';

/** Six requests each; on a busy machine. */
const LIMIT_PER_OPERATION_MS = 100;
const SETTINGS = ['server signing = auto', 'server min protocol = NT1'];
const SHARE = 'whole';
/** It ends in a fault when a listing has no short name; characters that these may not have give every file one. */
const CHARACTERS = ['--filechars=+,=[]+,=[].', '--maskchars=<>"?*+,=[].'];
/** It tells how far it is. */
const STEP = 100;

/** An operation that differs: whether ".", "..", the file were listed, and should be; the pattern and the name. */
const DIFFERENCE = /^[-+]{2}([-+]) [-+]{2}([-+]) \d+ mask=/;

async function compare(
  program: string,
  on: Target,
  share: string,
  operations: number,
  seed: number,
) {
  const args = [
    ...[`//${on.host}/${share}`, '--max-protocol', 'NT1', '--option=client min protocol=NT1'],
    ...[`--option=smb ports=${on.port}`, `--user=${on.account.user}%${on.account.password}`],
    ...[`--seed=${seed}`, `--num-ops=${operations}`, ...CHARACTERS],
  ];
  const timeoutMs = 60_000 + operations * LIMIT_PER_OPERATION_MS;
  const { code, stdout, stderr, timedOut } = await run(program, args, { timeoutMs });
  const output = tail(stdout + stderr, 10);
  expect(!timedOut, `masktest does not come to an end:\n${output}`);
  expect(code === 0, `masktest, exit ${code}:\n${output}`);
  const lines = stdout.split('\n');
  const reached = operations - (operations % STEP);
  expect(reached > 0 && lines.includes(`${reached}`), `masktest stops before its end:\n${output}`);
  expect(!lines.some((line) => line.startsWith("Can't")), `a file was not made:\n${output}`);
  const differences = lines.filter((line) => {
    const [, listed, right] = DIFFERENCE.exec(line) ?? [];
    return listed !== right;
  });
  const some = differences.slice(0, 10).join('\n');
  expect(differences.length === 0, `${differences.length} differ:\n${some}`);
}

const { values } = commandLine({
  options: {
    ...targetOptions,
    operations: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '10' },
  },
});
const program = findProgram('masktest');
if (program === undefined) throw new Error('masktest is not installed (Debian: samba-testsuite)');
const target = await openTarget(values, SETTINGS, { [SHARE]: ['mangled names = yes'] });
const share = values.port === undefined ? SHARE : target.share;
const tally = new Tally();
try {
  const first = Number(values.seed);
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    const work = () => compare(program, target, share, Number(values.operations), seed);
    await tally.check(`seed ${seed}`, work);
    target.assertAlive();
  }
} finally {
  await target.stop();
}
tally.close();
