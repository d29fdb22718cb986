/** MS-SMBD 3.1.5: two ends with few credits, whose Sends are carried in any order of turns; and a peer that cheats. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RdmaConnection } from '../rdma.ts';
import { type ChannelSettings, SmbDirectChannel } from './channel.ts';
import { decodeDataTransfer, encodeDataTransferHeader } from './messages.ts';

const SETTINGS: ChannelSettings = {
  receiveCreditMax: 255,
  receiveCreditTarget: 10,
  sendCreditTarget: 10,
  receiveCredits: 10,
  sendCredits: 10,
  maxSendSize: 128,
  maxFragmentedReceiveSize: 131_072,
  maxFragmentedSendSize: 131_072,
};

class End {
  readonly sent: { readonly bytes: Buffer; readonly invalidate: number | undefined }[] = [];
  readonly messages: Buffer[] = [];
  /** Receives that are posted: what the peer may send. */
  posted: number;
  closedFor: string | undefined;
  behind = false;
  limit = 131_072;
  readonly channel: SmbDirectChannel;

  constructor(over: Partial<ChannelSettings> = {}) {
    const settings = { ...SETTINGS, ...over };
    this.posted = settings.receiveCredits;
    const rdma: RdmaConnection = {
      remoteAddress: '192.0.2.1',
      remotePort: 1,
      localAddress: '192.0.2.2',
      unsentBytes: 0,
      post: (count) => {
        this.posted += count;
      },
      send: (parts, invalidate) => this.sent.push({ bytes: Buffer.concat(parts), invalidate }),
      write: () => assert.fail('nothing is written'),
      read: () => assert.fail('nothing is read'),
      pause: () => {},
      resume: () => {},
      close: (reason) => {
        this.closedFor ??= reason;
        this.channel.end();
      },
    };
    this.channel = new SmbDirectChannel(rdma, settings, {
      message: (payload) => this.messages.push(Buffer.from(payload)),
      maxMessageBytes: () => this.limit,
      isBehind: () => this.behind,
    });
  }

  /** One Send of the peer's, for which a receive has to be posted. */
  take(from: End): boolean {
    const next = from.sent.shift();
    if (next === undefined) return false;
    assert.ok(this.posted > 0, 'a Send without a receive');
    this.posted -= 1;
    this.channel.receive(next.bytes);
    return true;
  }
}

/** Until nothing is under way; `turns` says whose Send is carried next. */
function carry(a: End, b: End, turns: readonly boolean[]): number {
  let carried = 0;
  for (let i = 0; a.sent.length + b.sent.length > 0; i++) {
    assert.ok(i < 50_000, 'they never come to rest');
    const first = turns[i % turns.length] === true;
    const [to, from] = first ? [a, b] : [b, a];
    if (to.take(from) || from.take(to)) carried += 1;
  }
  return carried;
}

const arbMessages = fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 12 });
const arbTurns = fc.array(fc.boolean(), { minLength: 1, maxLength: 16 });
const arbCredits = fc.integer({ min: 1, max: 12 });

test('messages of any length arrive both ways by any number of credits, and each Send has its receive', () => {
  fc.assert(
    fc.property(
      arbMessages,
      arbMessages,
      arbTurns,
      arbCredits,
      arbCredits,
      (there, back, turns, x, y) => {
        const a = new End({
          receiveCreditTarget: x,
          receiveCredits: x,
          sendCredits: y,
          sendCreditTarget: y,
        });
        const b = new End({
          receiveCreditTarget: y,
          receiveCredits: y,
          sendCredits: x,
          sendCreditTarget: x,
        });
        const made = (lengths: number[], octet: number) =>
          lengths.map((length, i) => Buffer.alloc(length, octet + i));
        const [forth, hither] = [made(there, 1), made(back, 100)];
        for (const one of forth) a.channel.send([one.subarray(0, 9), one.subarray(9)]);
        for (const one of hither) b.channel.send([one]);
        carry(a, b, turns);
        assert.equal(a.closedFor ?? b.closedFor, undefined);
        assert.deepEqual(b.messages, forth);
        assert.deepEqual(a.messages, hither);
        a.channel.end();
        b.channel.end();
      },
    ),
    { numRuns: 1000 },
  );
});

test('two ends that have nothing to say come to rest, and none keeps telling of credits', () => {
  const [a, b] = [new End(), new End()];
  a.channel.send([Buffer.alloc(50)]);
  assert.ok(carry(a, b, [true]) <= 3);
  a.channel.end();
  b.channel.end();
});

test('the last credit is kept for a message that brings the peer some', () => {
  const end = new End({ sendCredits: 1, receiveCreditMax: 10 });
  end.channel.send([Buffer.alloc(50)]);
  assert.equal(end.sent.length, 0, 'all receives are posted already: it would bring none');
  const grant = { creditsRequested: 10, creditsGranted: 1, flags: 0, remainingDataLength: 0 };
  end.channel.receive(encodeDataTransferHeader(grant, 0));
  assert.equal(end.sent.length, 1);
  end.channel.end();
});

test('who is behind grants one credit at a time, and all of them when it is not', () => {
  const end = new End();
  end.behind = true;
  const said = { creditsRequested: 10, creditsGranted: 1, flags: 0, remainingDataLength: 0 };
  for (let i = 0; i < 10; i++) end.channel.receive(encodeDataTransferHeader(said, 0));
  const granted = () =>
    end.sent.splice(0).map(({ bytes }) => decodeDataTransfer(bytes).creditsGranted);
  assert.equal(
    granted().reduce((sum, n) => sum + n, 0),
    1,
  );
  end.behind = false;
  end.channel.send([Buffer.alloc(1)]);
  assert.deepEqual(granted(), [9]);
  end.channel.end();
});

test('memory is released with the first fragment; more of it by empty Sends before', () => {
  const end = new End();
  end.channel.send([Buffer.alloc(300)], [7, 8, 9]);
  assert.deepEqual(
    end.sent.map(({ bytes, invalidate }) => [decodeDataTransfer(bytes).data.length, invalidate]),
    [
      [0, 8],
      [0, 9],
      [104, 7],
      [104, undefined],
      [92, undefined],
    ],
  );
  end.channel.end();
});

test('what a peer may not do ends the connection', () => {
  const fields = { creditsRequested: 1, creditsGranted: 1, flags: 0, remainingDataLength: 0 };
  const said = (over: Partial<typeof fields>, data = Buffer.alloc(0)): Buffer =>
    Buffer.concat([encodeDataTransferHeader({ ...fields, ...over }, data.length), data]);
  const bytes = Buffer.alloc(10);
  const cases: [string, Buffer[]][] = [
    ['asks for no credit', [said({ creditsRequested: 0 })]],
    ['more credits than have 16 bits', [said({ creditsGranted: 0xffff })]],
    ['a message that is too long', [said({ remainingDataLength: 2 ** 31 }, bytes)]],
    ['empty, with more to come', [said({ remainingDataLength: 5 })]],
    [
      'less remains than should',
      [said({ remainingDataLength: 20 }, bytes), said({ remainingDataLength: 1 }, bytes)],
    ],
    [
      'more remains than should',
      [said({ remainingDataLength: 20 }, bytes), said({ remainingDataLength: 90 }, bytes)],
    ],
    ['half a header', [said({}).subarray(0, 10)]],
  ];
  for (const [name, messages] of cases) {
    const end = new End();
    for (const one of messages) end.channel.receive(one);
    assert.ok(end.closedFor !== undefined, name);
    assert.deepEqual(end.messages, [], name);
  }
});

test('who says nothing for two minutes is asked, and lost when it does not answer', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const end = new End();
  const pass = (seconds: number): void => {
    for (let gone = 0; gone < seconds; gone += 5) t.mock.timers.tick(5_000);
  };
  pass(115);
  assert.equal(end.sent.length, 0);
  pass(5);
  assert.equal(decodeDataTransfer(end.sent.shift()!.bytes).flags, 1, 'a response is requested');
  const answer = { creditsRequested: 10, creditsGranted: 1, flags: 0, remainingDataLength: 0 };
  end.channel.receive(encodeDataTransferHeader(answer, 0));
  pass(5);
  assert.equal(end.closedFor, undefined);
  // It was heard of, then it is not for two minutes, to within a look.
  pass(150);
  assert.equal(end.sent.length, 1);
  assert.equal(end.closedFor, undefined);
  pass(5);
  assert.equal(end.closedFor, 'no answer to the keepalive');
});

test('a peer that grants no credits for its answers is lost', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const end = new End({ sendCredits: 0 });
  end.channel.send([Buffer.alloc(50)]);
  t.mock.timers.tick(30_000);
  assert.equal(end.closedFor, 'the peer grants no credits for its answers');
});

test('arbitrary Sends give messages, an end or nothing', () => {
  const arbSend = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc
      .record({
        creditsRequested: fc.nat(3),
        creditsGranted: fc.nat(3),
        flags: fc.nat(1),
        remainingDataLength: fc.constantFrom(0, 1, 100, 2 ** 31, 2 ** 32 - 1),
        length: fc.nat(30),
      })
      .map(({ length, ...fields }) =>
        Buffer.concat([encodeDataTransferHeader(fields, length), Buffer.alloc(length)]),
      ),
  );
  fc.assert(
    fc.property(fc.array(arbSend, { maxLength: 12 }), (sends) => {
      const end = new End();
      for (const one of sends) end.channel.receive(one);
      assert.ok(end.sent.length <= sends.length, 'no more is said than was heard');
      end.channel.end();
    }),
    { numRuns: 2000 },
  );
});
