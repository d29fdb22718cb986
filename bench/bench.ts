/** `npm run bench`: starts usmbd and Samba, measures both in turns, prints one table. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoadClient } from './load-client.ts';
import { type Contest, measureRow, prepareShares } from './measure.ts';
import { type Options, readOptions, USAGE, UsageError } from './options.ts';
import type { Row } from './results.ts';
import { SambaMissing, startSamba } from './samba.ts';
import type { Server } from './server.ts';
import { tableOf } from './table.ts';
import { startUsmbd } from './usmbd.ts';

/** As the table has them; it is about two processes that want a processor each. */
const QUIET_LOAD = 0.5;

function environment({ usmbd, samba }: Contest) {
  const processors = cpus();
  return {
    usmbd: usmbd.version,
    samba: samba.version,
    kernel: release(),
    processors: `${processors.length} × ${processors[0]?.model ?? 'unknown'}`,
    loadBefore: loadavg().map((load) => Number(load.toFixed(2))),
  };
}

const counter = (): ((text: string) => void) => {
  const { isTTY } = process.stderr;
  return (text) => process.stderr.write(isTTY ? `\r\u001b[K${text}` : `${text}\n`);
};

async function compete(contest: Contest): Promise<boolean> {
  const { options, say } = contest;
  const before = environment(contest);
  await prepareShares(contest);
  const rows: Row[] = [];
  for (const which of options.rows) rows.push(await measureRow(contest, which));
  say('');
  const { rounds, seconds, json, verify } = options;
  console.log(`\n${tableOf(rows)}\n`);
  console.log(
    `Medians of ${rounds} rounds of ${seconds} s, usmbd and Samba in turns. Ratios are usmbd / Samba, in ` +
      'brackets those of the best samples:\nthroughput above 1 and CPU below 1 are in favour of usmbd. ' +
      'Spread: half the range of the samples.',
  );
  for (const [name, value] of Object.entries(before)) console.log(`${name}: ${String(value)}`);
  if (verify) console.log('With --verify the client checked every reply: no numbers to quote.');
  const [load = 0] = before.loadBefore;
  if (load > QUIET_LOAD) {
    console.log(`The machine was not quiet (load ${load} before): compare ratios only.`);
  }
  if (json !== undefined) {
    writeFileSync(
      json,
      `${JSON.stringify({ environment: before, options, rows }, undefined, 1)}\n`,
    );
  }
  return rows.every(({ usmbd, samba }) => (usmbd.failure ?? samba.failure) === undefined);
}

async function bench(options: Options): Promise<boolean> {
  const scratch = mkdtempSync(join(options.folder ?? tmpdir(), 'usmbd-bench-'));
  // The account acts in folders below, which it must be able to reach.
  chmodSync(scratch, 0o755);
  const remove = (): void => rmSync(scratch, { recursive: true, force: true });
  process.once('exit', remove);
  const servers: Server[] = [];
  let client: LoadClient | undefined;
  try {
    const samba = await startSamba(scratch);
    servers.push(samba);
    const usmbd = await startUsmbd(scratch);
    servers.push(usmbd);
    client = new LoadClient();
    return await compete({ usmbd, samba, client, options, say: counter() });
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
