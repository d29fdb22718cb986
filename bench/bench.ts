/** `npm run bench`: starts usmbd and Samba, measures both in turns, prints one table. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '../test/support/target.ts';
import { appendHistory } from './history.ts';
import { startLimit } from './limit.ts';
import { DATA_FILE } from './load/fixture.ts';
import { LoadClient } from './load-client.ts';
import { type Contest, measureRow, prepareShare } from './measure.ts';
import { type Options, readOptions, USAGE, UsageError } from './options.ts';
import type { Row } from './results.ts';
import { SambaMissing, startSamba } from './samba.ts';
import type { Server } from './server.ts';
import { tableOf } from './table.ts';
import { startUsmbd } from './usmbd.ts';

/** As the table has them; it is about two processes that want a processor each. */
const QUIET_LOAD = 0.5;

/** Where the whole table's medians go when nothing else is said. */
const HISTORY = join(repository, 'bench', 'history.jsonl');

function environment({ servers, options }: Contest) {
  const processors = cpus();
  const versions = servers.map(({ name, version }) => [name, version]);
  return {
    ...Object.fromEntries(versions),
    kernel: release(),
    processors: `${processors.length} × ${processors[0]?.model ?? 'unknown'}`,
    rounds: `${options.rounds} of ${options.seconds} s`,
    loadBefore: loadavg().map((load) => Number(load.toFixed(2))),
  };
}

const counter = (): ((text: string) => void) => {
  const { isTTY } = process.stderr;
  return (text) => process.stderr.write(isTTY ? `\r\u001b[K${text}` : `${text}\n`);
};

function keep(rows: readonly Row[], { options }: Contest, facts: object): void {
  const { json, history, isWhole, verify } = options;
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify({ environment: facts, options, rows }, undefined, 1)}\n`);
  }
  const file = history ?? (isWhole ? HISTORY : undefined);
  if (file !== undefined && !verify) appendHistory(file, rows, facts, repository);
}

async function compete(contest: Contest): Promise<boolean> {
  const { options, servers, say } = contest;
  const before = environment(contest);
  const rows: Row[] = [];
  for (const plan of options.rows) rows.push(await measureRow(contest, plan));
  say('');
  const names = Object.fromEntries(servers.map(({ column, name }) => [column, name]));
  console.log(`\n${tableOf(rows, names)}\n`);
  console.log(
    'Medians, the servers in turns. Ratios are of usmbd to the other, in brackets those of the best ' +
      'samples; above 1 is\nin favour of usmbd, of CPU and memory too. A goal is reached by both or not at all. ' +
      'Spread: half the range of the samples.',
  );
  for (const [name, value] of Object.entries(before)) console.log(`${name}: ${String(value)}`);
  const after = loadavg().map((load) => Number(load.toFixed(2)));
  console.log(`loadAfter: ${String(after)}`);
  if (options.verify)
    console.log('With --verify the client checked every reply: no numbers to quote.');
  const [load = 0] = before.loadBefore;
  if (load > QUIET_LOAD) {
    console.log(`The machine was not quiet (load ${load} before): compare ratios only.`);
  }
  keep(rows, contest, { ...before, loadAfter: after });
  return rows.every(({ of }) => Object.values(of).every(({ failure }) => failure === undefined));
}

async function bench(options: Options): Promise<boolean> {
  const scratch = mkdtempSync(join(options.folder ?? tmpdir(), 'usmbd-bench-'));
  // The account acts in folders below, which it must be able to reach.
  chmodSync(scratch, 0o755);
  const remove = (): void => rmSync(scratch, { recursive: true, force: true });
  process.once('exit', remove);
  const servers: Server[] = [];
  const say = counter();
  let client: LoadClient | undefined;
  try {
    const usmbd = await startUsmbd(scratch);
    servers.push(usmbd, await startSamba(scratch));
    if (options.newer !== undefined) servers.push(await startSamba(scratch, options.newer));
    if (options.rows.some(({ work }) => work.name === 'channels')) {
      servers.push(await startUsmbd(scratch, { alone: true }));
    }
    client = new LoadClient();
    for (const server of servers) await prepareShare({ client, say }, server);
    const limit = await startLimit(scratch, join(usmbd.folder, DATA_FILE));
    if (limit === undefined) say('no C compiler: nothing is compared with the limit');
    else servers.push(limit);
    return await compete({ servers, client, options, say });
  } finally {
    client?.end();
    await Promise.all(servers.map((server) => server.stop()));
  }
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else if (!(await bench(options))) process.exitCode = 1;
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  } else if (error instanceof SambaMissing) {
    console.error(error.message);
    process.exitCode = 2;
  } else {
    throw error;
  }
}
