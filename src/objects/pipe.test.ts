import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PipeEndpoint } from '../ipc/control-plane.ts';
import { Pipe, type PipeRead } from './pipe.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Gives each message back after its write has taken a turn or none. */
class Mirror implements PipeEndpoint {
  readonly delays: boolean;
  readonly answers: Buffer[] = [];
  closed = 0;

  constructor(delays: boolean) {
    this.delays = delays;
  }

  write(message: Buffer): boolean | Promise<boolean> {
    assert.equal(this.closed, 0, 'written to after its close');
    if (!this.delays) return this.#answer(message);
    return Promise.resolve().then(() => this.#answer(message));
  }

  #answer(message: Buffer): boolean {
    if (message.length > 0) this.answers.push(message);
    return true;
  }

  read(limit: number): PipeRead | undefined {
    assert.equal(this.closed, 0, 'read after its close');
    const first = this.answers.shift();
    if (first === undefined) return undefined;
    if (first.length > limit) this.answers.unshift(first.subarray(limit));
    return { bytes: first.subarray(0, limit), more: first.length > limit };
  }

  close(): void {
    this.closed += 1;
  }
}

const steps = fc.array(
  fc.oneof(
    fc.record({ write: fc.nat(5) }),
    fc.record({ read: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ readNow: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ cancel: fc.nat(5) }),
    fc.constant('turn' as const),
    fc.constant('close' as const),
  ),
  { maxLength: 30 },
);

test('pipe: readers get every byte in order, once each, whoever is cancelled or closes when', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), steps, async (delays, list) => {
      const endpoint = new Mirror(delays);
      const pipe = new Pipe('mirror', endpoint);
      const got: number[] = [];
      const take = (read: PipeRead | undefined) => got.push(...(read?.bytes ?? []));
      const reads: { controller: AbortController; settled: boolean }[] = [];
      let next = 0;
      let closed = false;
      for (const step of list) {
        if (step === 'turn') {
          await turn();
        } else if (step === 'close') {
          if (!closed) pipe.close();
          closed = true;
        } else if ('write' in step) {
          void pipe.write(Buffer.from(Array.from({ length: step.write }, () => next++ & 0xff)));
        } else if ('readNow' in step) {
          take(pipe.readNow(step.readNow));
        } else if ('cancel' in step) {
          reads[step.cancel]?.controller.abort();
        } else {
          const read = { controller: new AbortController(), settled: false };
          reads.push(read);
          // As READ does: what is there first, else wait.
          const now = pipe.readNow(step.read);
          if (now === undefined) {
            void pipe.read(step.read, read.controller.signal).then((later) => {
              read.settled = true;
              take(later);
            });
          } else {
            read.settled = true;
            take(now);
          }
        }
      }
      await turn();
      for (const { controller, settled } of reads) {
        if (controller.signal.aborted || closed) assert.ok(settled, 'cancelled or closed: woken');
        else controller.abort();
      }
      await turn();
      assert.ok(reads.every(({ settled }) => settled));
      if (!closed) pipe.close();
      const left = endpoint.answers.flatMap((bytes) => [...bytes]);
      assert.deepEqual(
        [...got, ...left],
        Array.from({ length: next }, (_, i) => i & 0xff).slice(0, got.length + left.length),
      );
      if (!closed) assert.equal(got.length + left.length, next);
      assert.equal(endpoint.closed, 1);
    }),
  );
});

test('pipe: a read that was cancelled before it began does not wait', async () => {
  const pipe = new Pipe('mirror', new Mirror(false));
  assert.equal(await pipe.read(10, AbortSignal.abort()), undefined);
});

test('pipe: after its close nothing is read, written or waited for', async () => {
  const endpoint = new Mirror(true);
  const pipe = new Pipe('mirror', endpoint);
  const writing = pipe.write(Buffer.from('x'));
  pipe.close();
  assert.equal(await writing, false);
  assert.equal(await pipe.write(Buffer.from('y')), false);
  assert.equal(pipe.readNow(10), undefined);
  assert.equal(await pipe.read(10, new AbortController().signal), undefined);
});
