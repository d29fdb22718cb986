/** Works that are about sessions: how fast they come and go, and what they cost while nobody asks anything. */
import { Histogram } from './histogram.ts';
import type { Limit, Outcome } from './pipeline.ts';
import { Session, type SessionOptions } from './session.ts';

/** TCP connect, NEGOTIATE, SESSION_SETUP twice, TREE_CONNECT, LOGOFF, TCP close. */
export class LogOnJob {
  readonly #options: SessionOptions;
  /** Tells what was negotiated. */
  readonly session: Session;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.session = this.#once();
  }

  run(limit: Limit): Outcome {
    const times = new Histogram();
    const startMs = performance.now();
    let nowMs = startMs;
    let operations = 0;
    const wanted = (): boolean =>
      'seconds' in limit ? nowMs - startMs < limit.seconds * 1000 : operations < limit.operations;
    while (wanted()) {
      const beganMs = nowMs;
      this.#once();
      nowMs = performance.now();
      times.add(nowMs - beganMs);
      operations += 1;
    }
    const seconds = (nowMs - startMs) / 1000;
    return { operations, seconds, p50Us: times.percentileUs(0.5), starved: 0 };
  }

  #once(): Session {
    const session = new Session(this.#options);
    session.logOff();
    session.wire.close();
    return session;
  }

  close(): void {}

  abandon(): void {}
}

/** Sessions with a tree connect each, on a connection each. */
export class IdleJob {
  readonly #sessions: Session[] = [];

  constructor(options: SessionOptions, connections: number) {
    try {
      for (let i = 0; i < connections; i++) this.#sessions.push(new Session(options));
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  get session(): Session {
    return this.#sessions[0]!;
  }

  run(): Outcome {
    return { operations: this.#sessions.length, seconds: 1, p50Us: 0, starved: 0 };
  }

  close(): void {
    for (const session of this.#sessions) session.logOff();
    this.abandon();
  }

  abandon(): void {
    for (const { wire } of this.#sessions) wire.close();
    this.#sessions.length = 0;
  }
}
