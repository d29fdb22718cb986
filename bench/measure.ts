/** Runs the rows: each on both servers in turn, A B A B, so that both meet the same neighbours. */

import type { SessionOptions } from './load/session.ts';
import { type LoadClient, LoadFailed } from './load-client.ts';
import type { Options } from './options.ts';
import { cpuSeconds, settle } from './process-tree.ts';
import { type Measured, type Row, rowName, type Sample } from './results.ts';
import { ACCOUNT, type Server } from './server.ts';

/** Before each sample: caches fill, and code is compiled, on both sides. */
const WARM_UP_SECONDS = 0.3;

export interface Contest {
  readonly usmbd: Server;
  readonly samba: Server;
  readonly client: LoadClient;
  readonly options: Options;
  /** Tells what goes on. */
  readonly say: (text: string) => void;
}

const sessionOn = (server: Server, row: Pick<Row, 'mode'>, options: Options): SessionOptions => ({
  port: server.port,
  share: server.share,
  user: ACCOUNT.user,
  password: ACCOUNT.password,
  mode: row.mode,
  signing: options.signing,
  cipher: options.cipher,
});

export async function prepareShares(contest: Contest): Promise<void> {
  const { usmbd, samba, client, options, say } = contest;
  for (const server of [usmbd, samba]) {
    say(`making the files on ${server.name}`);
    const session = sessionOn(server, { mode: 'plain' }, options);
    try {
      await client.prepare({ ...session, share: server.preparationShare });
    } catch (error) {
      server.assertAlive();
      throw new Error(`${server.name} does not take the files`, { cause: error });
    }
  }
}

export async function measureRow(contest: Contest, which: Options['rows'][number]): Promise<Row> {
  const row: Row = { ...which, usmbd: { samples: [] }, samba: { samples: [] } };
  const { rounds } = contest.options;
  for (let round = 1; round <= rounds; round++) {
    for (const [server, measured] of [
      [contest.usmbd, row.usmbd],
      [contest.samba, row.samba],
    ] as const) {
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
    measured.samples.push(await sample(contest, server, row, measured));
  } catch (error) {
    if (!(error instanceof LoadFailed)) throw error;
    measured.failure = error.message;
  }
}

async function sample(
  { client, options }: Contest,
  server: Server,
  row: Row,
  measured: Measured,
): Promise<Sample> {
  const session = sessionOn(server, row, options);
  measured.negotiated = await client.open(session, row.work, options.verify);
  await client.run(Math.min(WARM_UP_SECONDS, options.seconds));
  await settle(server.pid);
  const before = cpuSeconds(server.pid);
  const result = await client.run(options.seconds);
  const serverCpuSeconds = cpuSeconds(server.pid) - before;
  await client.close();
  await settle(server.pid);
  return { ...result, serverCpuSeconds };
}
