/** A well-behaved client that wants to be served, whatever others do: each operation within two seconds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../../src/client/connect.ts';
import type { ClientTree } from '../../../src/client/tree.ts';
import type { FuzzTarget } from './corpus.ts';
import type { Findings } from './findings.ts';

const LIMIT_MS = 2_000;
const PAUSE_MS = 50;
const FOLDER = 'witness';

export interface Witness {
  /** Ends it, and tells how long the slowest operation took and how many there were. */
  stop(): Promise<{ slowestMs: number; operations: number }>;
}

export async function startWitness(target: FuzzTarget, findings: Findings): Promise<Witness> {
  let stopped = false;
  let slowestMs = 0;
  let operations = 0;
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    try {
      return await work();
    } finally {
      const took = performance.now() - start;
      operations += 1;
      slowestMs = Math.max(slowestMs, took);
      if (took > LIMIT_MS) findings.problem(`the witness waited for ${name}`, `${took} ms`);
    }
  };
  const first = await mount(target);
  await first.makeDirectory(FOLDER).catch(() => undefined);
  const round = async (tree: ClientTree, i: number): Promise<void> => {
    const name = `${FOLDER}\\file ${i % 50}`;
    const content = Buffer.alloc(5_000, `content ${i}`);
    await timed('write', () => tree.writeFile(name, content));
    const read = await timed('read', () => tree.readFile(name));
    if (!read.equals(content)) findings.problem('the witness read something else', name);
    await timed('list', () => tree.list(FOLDER));
  };
  const running = (async () => {
    for (let i = 0; !stopped; i++) {
      try {
        await round(first, i);
        const tree = await timed('login', () => mount(target));
        await round(tree, i);
        await tree.session.connection.close();
      } catch (error) {
        findings.problem('the witness was not served', String(error));
        await sleep(PAUSE_MS * 10);
      }
      await sleep(PAUSE_MS);
    }
    await first.session.connection.close();
  })();
  return {
    async stop() {
      stopped = true;
      await running;
      return { slowestMs, operations };
    },
  };
}

async function mount({ host, port, share, user, password }: FuzzTarget): Promise<ClientTree> {
  const connection = await connect({ host, port, timeoutMs: LIMIT_MS * 2 });
  const session = await connection.login({ user, secret: password });
  return session.treeConnect(share);
}
