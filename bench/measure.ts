/** Runs the rows: each on every server in turn, A B A B, so that all meet the same neighbours. */

import type { SessionOptions } from './load/session.ts';
import { type LoadClient, LoadFailed } from './load-client.ts';
import type { Options } from './options.ts';
import { cpuSeconds, memoryKib, settle } from './process-tree.ts';
import { type Measured, type Row, rowName, type Sample } from './results.ts';
import { ACCOUNT, type Server } from './server.ts';
import { PROTECTIONS, type ProtectionName, type RowPlan } from './works.ts';

/** Before each sample: caches fill, on both sides. */
const WARM_UP_SECONDS = 0.3;
/**
 * Before the first sample of a row, on each server alike: V8 compiles what runs often, in steps, and is done
 * after some tens of thousands of requests. Until then it is not the server's speed that is measured, and what
 * a row shows depends on the rows before it.
 */
const FIRST_WARM_UP_SECONDS = 4;

export interface Contest {
  /** In the order in which they take turns. */
  readonly servers: readonly Server[];
  readonly client: LoadClient;
  readonly options: Options;
  /** Tells what goes on. */
  readonly say: (text: string) => void;
}

const sessionOn = (server: Server, protection: ProtectionName): SessionOptions => ({
  port: server.port,
  share: server.share,
  user: ACCOUNT.user,
  password: ACCOUNT.password,
  bare: server.bare,
  ...PROTECTIONS[protection],
});

export async function prepareShare(
  { client, say }: Pick<Contest, 'client' | 'say'>,
  server: Server,
): Promise<void> {
  say(`making the files on ${server.name}`);
  const session = sessionOn(server, 'plain');
  try {
    await client.prepare({ ...session, share: server.preparationShare });
  } catch (error) {
    server.assertAlive();
    throw new Error(`${server.name} does not take the files`, { cause: error });
  }
}

/** Rounds of the row about memory: it hardly varies, and a thousand logins take their time. */
const MEMORY_ROUNDS = 2;

export async function measureRow(contest: Contest, plan: RowPlan): Promise<Row> {
  const { work, protection } = plan;
  const takesPart = ({ column }: Server): boolean => {
    if (column === 'alone') return work.name === 'channels';
    return column !== 'limit' || (work.hasLimit && protection === 'plain');
  };
  const servers = contest.servers.filter(takesPart);
  const of: Row['of'] = Object.fromEntries(servers.map(({ column }) => [column, { samples: [] }]));
  const row: Row = { ...plan, of };
  const rounds =
    work.name === 'idle' ? Math.min(MEMORY_ROUNDS, contest.options.rounds) : contest.options.rounds;
  for (let round = 1; round <= rounds; round++) {
    for (const server of servers) {
      const measured = of[server.column]!;
      if (measured.failure !== undefined) continue;
      contest.say(`${rowName(row)}: round ${round} of ${rounds}, ${server.name}`);
      await attempt(contest, server, row, measured);
      server.assertAlive();
    }
  }
  return row;
}

async function attempt(
  contest: Contest,
  server: Server,
  row: Row,
  measured: Measured,
): Promise<void> {
  try {
    const take = row.work.name === 'idle' ? sampleMemory : sample;
    measured.samples.push(await take(contest, server, row, measured));
  } catch (error) {
    if (!(error instanceof LoadFailed)) throw error;
    measured.failure = error.message;
  }
}

async function sample(
  { client, options }: Contest,
  server: Server,
  { work, protection }: Row,
  measured: Measured,
): Promise<Sample> {
  const session = sessionOn(server, protection);
  measured.negotiated = await client.open(session, work, options.verify);
  // With --verify nobody reads the numbers.
  const isFirst = measured.samples.length === 0 && !options.verify;
  await client.run(isFirst ? FIRST_WARM_UP_SECONDS : Math.min(WARM_UP_SECONDS, options.seconds));
  await settle(server.pid);
  const before = cpuSeconds(server.pid);
  const result = await client.run(options.seconds);
  // A process that has served a log-on may still be at its end.
  if (work.name === 'session') await settle(server.pid);
  const serverCpuSeconds = cpuSeconds(server.pid) - before;
  await client.close();
  await settle(server.pid);
  return { ...result, serverCpuSeconds };
}

/** What the sessions add to what the server has when nobody is there. */
async function sampleMemory(
  { client, options }: Contest,
  server: Server,
  { work, protection }: Row,
  measured: Measured,
): Promise<Sample> {
  await settle(server.pid);
  const before = memoryKib(server.pid);
  const session = sessionOn(server, protection);
  measured.negotiated = await client.open(session, work, options.verify);
  await settle(server.pid);
  const sessionKib = (memoryKib(server.pid) - before) / work.connections;
  const result = await client.run(0);
  await client.close();
  await settle(server.pid);
  return { ...result, serverCpuSeconds: 0, sessionKib };
}
