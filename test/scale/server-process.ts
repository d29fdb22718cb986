/** The measured server, from the outside. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlClient, connectControl } from '../../src/ipc/control-client.ts';
import type { ServerSummary } from '../../src/ipc/data-plane.ts';
import type { Memory, ServerSettings, Started } from './server.ts';

const PROGRAM = join(import.meta.dirname, 'server.ts');

export class ServerProcess {
  readonly port: number;
  readonly pid: number;
  readonly #statePath: string;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, { port }: Started, statePath: string) {
    this.#process = child;
    this.pid = child.pid!;
    this.port = port;
    this.#statePath = statePath;
  }

  static async start(settings: ServerSettings): Promise<ServerProcess> {
    // Node raises the soft limit on descriptors to the hard one by itself.
    const child = fork(PROGRAM, [JSON.stringify(settings)], { execArgv: ['--expose-gc'] });
    process.once('exit', () => child.kill('SIGKILL'));
    const [started] = (await once(child, 'message')) as [Started];
    return new ServerProcess(child, started, settings.statePath);
  }

  async memory(): Promise<Memory> {
    this.#process.send('memory');
    const [memory] = (await once(this.#process, 'message')) as [Memory];
    return memory;
  }

  summary(): Promise<ServerSummary> {
    return this.#ask((control) => control.summary());
  }

  /** Directories that are watched, in all sessions. */
  watches(): Promise<number> {
    return this.#ask(async (control) => {
      let watches = 0;
      const sessions = control.sessions({ user: undefined, share: undefined });
      for (;;) {
        const page = await sessions.next();
        if (page === undefined) return watches;
        for (const session of page) watches += session.watches;
      }
    });
  }

  /** Every open, once; how many there are, and how long the listing took. */
  list(): Promise<{ opens: number; tookMs: number }> {
    return this.#ask(async (control) => {
      const start = performance.now();
      const filter = { user: undefined, share: undefined };
      const listing = control.opens({ filter, ranges: false });
      let opens = 0;
      for (;;) {
        const page = await listing.next();
        if (page === undefined) return { opens, tookMs: performance.now() - start };
        opens += page.length;
      }
    });
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
  }

  /** A connection that is silent for long would be ended. */
  async #ask<T>(work: (control: ControlClient) => Promise<T>): Promise<T> {
    const control = await connectControl(this.#statePath);
    try {
      return await work(control);
    } finally {
      control.close();
    }
  }
}
