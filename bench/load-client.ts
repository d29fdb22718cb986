/** The bench's end of the load process. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, LoadResult, Negotiated, Order } from './load/protocol.ts';
import type { SessionOptions } from './load/session.ts';
import type { Work } from './works.ts';

const PROGRAM = fileURLToPath(new URL('./load/load-process.ts', import.meta.url));

/** What the load process could not do, in its words; it goes on with the next order. */
export class LoadFailed extends Error {
  override readonly name = 'LoadFailed';
}

export class LoadClient {
  readonly #process: ChildProcess = fork(PROGRAM, { execArgv: [] });

  async prepare(session: SessionOptions): Promise<void> {
    await this.#order({ kind: 'prepare', session });
  }

  async open(session: SessionOptions, work: Work, verify: boolean): Promise<Negotiated> {
    const answer = await this.#order({ kind: 'open', session, work, verify });
    if (answer.kind !== 'opened') throw new Error(`the load process answered ${answer.kind}`);
    return answer.negotiated;
  }

  async run(seconds: number): Promise<LoadResult> {
    const answer = await this.#order({ kind: 'run', seconds });
    if (answer.kind !== 'result') throw new Error(`the load process answered ${answer.kind}`);
    return answer.result;
  }

  async close(): Promise<void> {
    await this.#order({ kind: 'close' });
  }

  /** Ends the process, whatever it does. */
  end(): void {
    this.#process.kill('SIGKILL');
  }

  #order(order: Order): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const load = this.#process;
      const onExit = (): void => reject(new Error('the load process has ended'));
      load.once('exit', onExit);
      load.once('message', (message) => {
        load.off('exit', onExit);
        const answer = message as Answer;
        if (answer.kind === 'failed') reject(new LoadFailed(answer.message));
        else resolve(answer);
      });
      load.send(order);
    });
  }
}
