import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelSequence } from './channel-sequence.ts';

test('newer by at most 0x7fff goes on, older does not: smb2.replay.channel-sequence', () => {
  const sequence = new ChannelSequence(0);
  const rows: readonly [number, boolean][] = [
    [0, true],
    [0x8000, false],
    [0x8001, false],
    [0xffff, false],
    [0x7fff, true],
    [0x7ffe, false],
    [0, false],
    [0x8000, true],
    [0xffff, true],
    [0, true],
    [1, true],
    [0, false],
    [0xffff, false],
  ];
  for (const isReplay of [false, true]) {
    const again = isReplay ? new ChannelSequence(0) : sequence;
    for (const [number, goesOn] of rows) {
      const admitted = again.admit(number, isReplay);
      assert.equal(admitted !== undefined, goesOn, number.toString(16));
      if (admitted !== undefined) again.done(admitted);
    }
  }
});

test('what is sent again waits until nothing older is under way', () => {
  const sequence = new ChannelSequence(5);
  const first = sequence.admit(5, false)!;
  const second = sequence.admit(5, false)!;
  assert.equal(sequence.admit(6, true), undefined);
  const newer = sequence.admit(6, false)!;
  assert.equal(sequence.admit(6, true), undefined, 'two of the old channel are under way');
  sequence.done(first);
  assert.equal(sequence.admit(6, true), undefined);
  sequence.done(second);
  const replay = sequence.admit(6, true);
  assert.notEqual(replay, undefined);
  sequence.done(newer);
  sequence.done(replay!);
  assert.notEqual(sequence.admit(7, true), undefined);
});

test('a request that stays while the numbers come round is still an old one', () => {
  const sequence = new ChannelSequence(0);
  const notify = sequence.admit(0, false)!;
  for (const number of [30_000, 60_000, 0]) sequence.done(sequence.admit(number, false)!);
  assert.equal(sequence.admit(0, true), undefined);
  sequence.done(notify);
  assert.notEqual(sequence.admit(0, true), undefined);
});
