/**
 * One run: a server, a few clients and a scheduler that chooses, by the run's seed, who does what next:
 * a client, the network, the disk, the clock. After it everything has to be given back.
 */
import type { VfsHandle, VfsTree } from '../../src/vfs/vfs.ts';
import { CELL_BYTES, R } from './cache.ts';
import { type Random, weighted } from './chance.ts';
import { Client } from './client.ts';
import type { FakeTime } from './fake-time.ts';
import { Model } from './model/model.ts';
import type { Mutation } from './mutations.ts';
import { act, chooseScript, type Script } from './script.ts';
import { Stage, type Violation } from './stage.ts';

export interface RunOptions {
  readonly seed: number;
  readonly time: FakeTime;
  /** Steps that are made; all of DEFAULT_STEPS unless told. */
  readonly steps?: readonly number[];
  readonly trace?: (line: string) => void;
  /** A bug for this run's server. */
  readonly mutation?: Mutation;
}

export const DEFAULT_STEPS = 80;
const USERS = ['ann', 'bob', 'ann', 'carol'];
const DIALECTS = [0x302, 0x302, 0x210];
/** Rounds until everything has come to rest; more than that is a bug that goes on for ever. */
const MAX_ROUNDS = 2_000;
/** Timers that go off at the end. */
const MAX_TIMERS = 1_000;

class Run {
  readonly stage: Stage;
  readonly model: Model;
  readonly clients: Client[] = [];
  readonly script: Script;

  readonly mend: () => void;

  constructor({ seed, time, trace, mutation }: RunOptions) {
    time.reset();
    this.stage = new Stage(seed, time, trace);
    this.model = new Model(this.stage);
    this.stage.witness = this.model;
    this.script = chooseScript(this.stage.random);
    this.mend = mutation?.spoil(this.stage) ?? (() => {});
  }

  get isOver(): boolean {
    return this.stage.violation !== undefined;
  }

  async prepare(): Promise<void> {
    const { random } = this.stage;
    const tree = this.stage.world.memory.attach(undefined) as VfsTree;
    (tree.create(['d'], { kind: 'directory', attributes: 0 }) as VfsHandle).close();
    tree.close();
    const slowness = random.pick([0, 10, 30, 60]);
    const count = 2 + random.below(3);
    for (let number = 0; number < count; number++) {
      const isOne = this.script.taste === 'reconnects' && random.chance(0.7);
      const user = isOne ? USERS[0]! : USERS[number]!;
      const who = { number, user, dialect: random.pick(DIALECTS) };
      const client = new Client(this.stage, who);
      this.clients.push(client);
      await client.connect();
    }
    await this.rest();
    this.stage.slowness = slowness;
  }

  async step(number: number): Promise<void> {
    const { stage } = this;
    stage.begin(number);
    const { random } = stage;
    const what = weighted(random, [
      [45, 'act'],
      [22, 'deliver'],
      [25, 'release'],
      [5, 'rest'],
      [3, 'time'],
      [this.script.taste === 'reconnects' ? 6 : 1, 'cut'],
      [2, 'channel'],
    ] as const);
    if (what === 'deliver' && this.#deliver(random)) await stage.turn();
    else if (what === 'release' && this.#release(random)) await stage.turn();
    else if (what === 'rest') await this.rest();
    else if (what === 'time') await this.#pass(1 + random.below(3));
    else if (what === 'cut') await this.#cut(random.pick(this.clients));
    else if (what === 'channel') await random.pick(this.clients).changeChannels(random);
    else act(random.pick(this.clients), random, this.script, this.clients);
    await stage.turn();
    this.#judgeLog();
  }

  /** False where nothing is under way. */
  #deliver(random: Random): boolean {
    const wires = this.clients.flatMap(({ wire }) =>
      wire !== undefined && wire.underway.length > 0 ? [wire] : [],
    );
    if (wires.length > 0) random.pick(wires).underway.shift()!();
    return wires.length > 0;
  }

  #release(random: Random): boolean {
    const { held } = this.stage;
    if (held.length === 0) return false;
    held.splice(random.below(held.length), 1)[0]!();
    return true;
  }

  async #pass(timers: number): Promise<void> {
    for (let i = 0; i < timers && !this.isOver; i++) {
      this.stage.time.fireNext();
      this.stage.trace(`it is ${this.stage.time.nowMs} ms`);
      await this.stage.turn();
    }
  }

  async #cut(client: Client): Promise<void> {
    client.cut();
    await this.stage.turn();
    if (this.stage.random.chance(0.8)) await this.#connect(client);
  }

  /** A login is done at once, whatever the disk does. */
  async #connect(client: Client): Promise<void> {
    await client.connect();
  }

  /** All that can happen without time passing, and without a client's own accord, has happened. */
  async rest(): Promise<void> {
    const { stage } = this;
    for (let round = 0; !this.isOver; round++) {
      if (round > MAX_ROUNDS) stage.fail('everything comes to rest', `${round} rounds`);
      await stage.turn();
      if (!this.#deliver(stage.random) && !this.#release(stage.random)) break;
    }
    if (this.isOver) return;
    this.model.atRest();
    for (const client of this.clients) this.#judgeCaches(client);
  }

  /** What a client believes in is what is there. */
  #judgeCaches(client: Client): void {
    const caches = new Set(
      client.usable.flatMap(({ cache }) => (cache === undefined ? [] : [cache])),
    );
    for (const { file, state, cells, dirty, isBreaking } of caches) {
      if ((state & R) === 0 || isBreaking) continue;
      const content = this.model.data.contentOf(this.model.fileOf(file));
      for (const [cell, value] of cells) {
        const there = Buffer.alloc(CELL_BYTES);
        there.set(content.subarray(cell * CELL_BYTES, (cell + 1) * CELL_BYTES));
        if (dirty.has(cell) || there.equals(value)) continue;
        const text = `${client.name} has ${value.toString('hex')}, #${file} ${there.toString('hex')}`;
        this.stage.fail('caches are coherent', text);
      }
    }
  }

  #judgeLog(): void {
    const [error] = this.stage.world.errors;
    if (error !== undefined) this.stage.fail('no bugs', error);
  }

  /** Everybody leaves, in one way or another, and nothing may be left of them. */
  async end(): Promise<void> {
    const { stage } = this;
    stage.begin(-2);
    for (const client of this.clients) {
      const way = stage.random.pick(['close', 'logoff', 'cut', 'untree'] as const);
      if (way === 'close') for (const open of client.usable) client.close(open);
      else if (way === 'logoff') client.ask({ kind: 'logoff' });
      else if (way === 'untree') client.ask({ kind: 'treeDisconnect' });
      else client.cut();
    }
    await this.rest();
    for (let i = 0; i < 3; i++) await this.#pass(1);
    await this.rest();
    for (const client of this.clients) client.cut();
    await this.rest();
    for (let i = 0; stage.time.pending > 0 && i < MAX_TIMERS && !this.isOver; i++) {
      await this.#pass(1);
      await this.rest();
    }
    this.#judgeLog();
    if (!this.isOver) this.#judgeLeaks();
  }

  #judgeLeaks(): void {
    const { world, time } = this.stage;
    const { files } = world.server;
    try {
      world.assertEmpty();
    } catch (error) {
      this.stage.fail('nothing is left', error instanceof Error ? error.message : String(error));
    }
    const left = {
      timers: time.pending,
      locks: files.lockTally.locks,
      doomed: files.doomed.size,
      isWatched: !world.server.notifier.isIdle,
    };
    for (const [what, count] of Object.entries(left)) {
      if (Number(count) !== 0) this.stage.fail('nothing is left', `${count} ${what}`);
    }
  }
}

export interface Result {
  readonly violation: Violation | undefined;
  /** What happened. */
  readonly moments: number;
}

export const allSteps = Array.from({ length: DEFAULT_STEPS }, (_, i) => i);

export async function simulate(options: RunOptions): Promise<Result> {
  const run = new Run(options);
  try {
    await run.prepare();
    for (const number of options.steps ?? allSteps) {
      if (run.isOver) break;
      await run.step(number);
    }
    if (!run.isOver) await run.end();
  } finally {
    run.mend();
  }
  return { violation: run.stage.violation, moments: run.stage.moment };
}
