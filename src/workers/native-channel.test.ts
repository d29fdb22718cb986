import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { CHANNEL_HIGH_WATER_BYTES } from '../base/limits.ts';
import { socketPair } from '../native/descriptors.ts';
import { transportKind } from '../transport/listen.ts';
import { NativeChannel } from './native-channel.ts';

const skip = transportKind() !== 'native';

function pair(): readonly [NativeChannel, NativeChannel] {
  const made = socketPair('stream');
  assert.ok(typeof made !== 'number');
  return [new NativeChannel(made[0]), new NativeChannel(made[1])];
}

interface Heard {
  readonly messages: Buffer[];
  drains: number;
  reason: string | undefined;
}

function listening(channel: NativeChannel): Heard {
  const heard: Heard = { messages: [], drains: 0, reason: undefined };
  channel.listen({
    message: (payload) => void heard.messages.push(payload),
    drained: () => {
      heard.drains += 1;
    },
    closed: (reason) => {
      heard.reason = reason;
    },
  });
  return heard;
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition() && performance.now() < end) await new Promise((done) => setImmediate(done));
  assert.ok(condition());
}

test('messages of any size arrive whole and in order, in both directions', { skip }, async () => {
  const [one, other] = pair();
  const sent = [1, 70_000, 3, 1 << 20, 20, (8 << 20) + 100, 5].map((length) => randomBytes(length));
  // Before the other end listens: nothing is lost.
  for (const message of sent)
    one.send([Buffer.from(message.subarray(0, 1)), Buffer.from(message.subarray(1))]);
  const here = listening(one);
  const there = listening(other);
  await until(() => there.messages.length === sent.length);
  assert.ok(there.messages.every((message, i) => message.equals(sent[i]!)));
  other.send([Buffer.from('back')]);
  await until(() => here.messages.length === 1);
  assert.equal(here.messages[0]!.toString(), 'back');
  other.close();
  await until(() => here.reason !== undefined);
  assert.equal(here.reason, 'the other end is closed');
  one.send([Buffer.from('to nobody')]);
});

test('an end that does not read makes the other congested, until it does', { skip }, async () => {
  const [one, other] = pair();
  const here = listening(one);
  assert.equal(one.congested, false);
  const piece = 1 << 20;
  for (let sent = 0; sent <= CHANNEL_HIGH_WATER_BYTES + piece; sent += piece) {
    one.send([Buffer.alloc(piece)]);
  }
  assert.equal(one.congested, true);
  await new Promise((done) => setTimeout(done, 20));
  assert.deepEqual([one.congested, here.drains], [true, 0]);
  const there = listening(other);
  await until(() => here.drains === 1);
  assert.equal(one.congested, false);
  await until(() => there.messages.length === CHANNEL_HIGH_WATER_BYTES / piece + 2);
  one.close();
  other.close();
});
