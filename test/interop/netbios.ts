/**
 * NetBIOS names by clients of others: Samba's nmblookup and nbtscan ask usmbd on UDP port 137. In a network namespace of
 * its own, so that the port is free and nobody else hears of it.
 *
 *     npm run interop:netbios
 *
 * As root. Needs nmblookup (samba-common-bin), nbtscan, ip and unshare.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findProgram, run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { startUsmbd } from '../support/target.ts';

const LIMIT_MS = 60_000;
const INSIDE = 'USMBD_TEST_NETNS';
const SETTINGS = ['disable netbios = no', 'netbios name = OFFICE', 'workgroup = ATELIER'];
const HERE = '127.0.0.1';

async function told(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(program, [...args], { timeoutMs: LIMIT_MS });
  return stdout + stderr;
}

/** `-s /dev/null`: none of this machine's settings. */
const nmblookup = (...args: readonly string[]) => told('nmblookup', '-s', '/dev/null', ...args);

async function nameIsTold(): Promise<void> {
  const answer = await nmblookup('-U', HERE, 'office');
  expect(/^127\.0\.0\.1 office<00>$/m.test(answer), tail(answer, 5));
}

async function strangersNameIsNot(): Promise<void> {
  const answer = await nmblookup('-U', HERE, 'elsewhere');
  expect(/name_query failed to find name elsewhere/.test(answer), tail(answer, 5));
}

async function nodeStatus(): Promise<void> {
  const answer = await nmblookup('-A', HERE);
  expect(/OFFICE\s+<20> -\s+\S/.test(answer), tail(answer, 10));
  expect(/ATELIER\s+<00> - <GROUP>/.test(answer), tail(answer, 10));
}

async function scan(): Promise<void> {
  const answer = await told('nbtscan', '-v', HERE);
  expect(/OFFICE\s+<20>\s+UNIQUE/.test(answer), tail(answer, 10));
  expect(/ATELIER\s+<00>\s+GROUP/.test(answer), tail(answer, 10));
}

async function inside(): Promise<void> {
  const tally = new Tally();
  const server = await startUsmbd(SETTINGS);
  try {
    await tally.check('nmblookup: the name', nameIsTold);
    await tally.check('nmblookup: the name of somebody else', strangersNameIsNot);
    await tally.check('nmblookup: the status of the node', nodeStatus);
    await tally.check('nbtscan', scan);
  } finally {
    await server.stop();
  }
  tally.close();
}

if (process.env[INSIDE] === '1') await inside();
else {
  for (const program of ['nmblookup', 'nbtscan', 'ip', 'unshare']) {
    if (findProgram(program) !== undefined) continue;
    console.error(`${program} is not installed`);
    process.exit(2);
  }
  const script = 'ip link set lo up && exec "$0" "$@"';
  const self = [process.execPath, fileURLToPath(import.meta.url)];
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', script, ...self], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  process.exitCode = status ?? 1;
}
