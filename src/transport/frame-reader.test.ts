import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrameHeader } from '../smb2/framing.ts';
import { FrameReader } from './frame-reader.ts';

function reader(limit = 1 << 20) {
  const seen: Buffer[] = [];
  const state = { congested: false, hasRoom: true, broken: '', sessionRequests: 0 };
  const frames = new FrameReader({
    maxMessageBytes: () => limit,
    congested: () => state.congested,
    hasRoom: () => state.hasRoom,
    message: (payload) => seen.push(Buffer.from(payload)),
    sessionRequest: () => {
      state.sessionRequests += 1;
    },
    broken: (problem) => {
      state.broken = problem;
    },
  });
  return { frames, seen, state };
}

const frame = (payload: Buffer): Buffer =>
  Buffer.concat([encodeFrameHeader(payload.length), payload]);

test('messages come out whole, however the stream is cut', () => {
  const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(payloads, fc.infiniteStream(fc.integer({ min: 1, max: 97 })), (list, cuts) => {
      const { frames, seen } = reader();
      const sent = list.map((bytes) => Buffer.from(bytes));
      const stream = Buffer.concat(sent.map(frame));
      for (let at = 0; at < stream.length; ) {
        const size = cuts.next().value ?? 1;
        frames.push(stream.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(seen, sent);
      assert.equal(frames.inMessage, false);
    }),
  );
});

test('a message larger than what is allocated at once arrives', () => {
  const { frames, seen } = reader(4 << 20);
  const payload = Buffer.alloc(3 << 20, 7);
  const stream = frame(payload);
  for (let at = 0; at < stream.length; at += 65_536) frames.push(stream.subarray(at, at + 65_536));
  assert.ok(seen[0]!.equals(payload));
});

test('a length above the limit ends the stream before its body', () => {
  const { frames, seen, state } = reader(100);
  frames.push(Buffer.concat([encodeFrameHeader(101), Buffer.alloc(101), frame(Buffer.alloc(1))]));
  assert.match(state.broken, /101 bytes, 100 allowed/);
  assert.equal(seen.length, 0);
});

test('a frame of no known type ends the stream', () => {
  const { frames, state } = reader();
  frames.push(Buffer.from('GET / HTTP/1.0\r\n\r\n'));
  assert.match(state.broken, /type 71/);
});

test('keep-alives are passed over, session requests answered', () => {
  const { frames, seen, state } = reader();
  frames.push(Buffer.from([0x85, 0, 0, 0]));
  frames.push(Buffer.from([0x81, 0, 0, 2, 1, 2]));
  frames.push(frame(Buffer.from('x')));
  assert.equal(state.sessionRequests, 1);
  assert.deepEqual(seen, [Buffer.from('x')]);
});

test('a congested transport gets one message at a time, in order', () => {
  const { frames, seen, state } = reader();
  const sent = ['a', 'b', 'c'].map((text) => Buffer.from(text));
  state.congested = true;
  frames.push(Buffer.concat(sent.map(frame)));
  frames.push(frame(Buffer.from('d')));
  assert.equal(seen.length, 0);
  assert.ok(frames.holds);
  state.congested = false;
  frames.resume();
  assert.deepEqual(seen.map(String), ['a', 'b', 'c', 'd']);
  assert.ok(!frames.holds);
});
