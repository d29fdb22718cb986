/** RFC 5040, 5041 and 5044: two ends joined by a stream that is cut anywhere, and what breaks the rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fpduOf } from '../../../test/support/fpdu.ts';
import { crc32c } from './crc32c.ts';
import {
  decodeControl,
  decodeUntagged,
  encodeReadRequest,
  Opcode,
  Queue,
  writeTaggedHeader,
  writeUntaggedHeader,
} from './ddp.ts';
import { Endpoint, type EndpointOptions } from './endpoint.ts';
import { FpduReader } from './fpdu.ts';
import { decodeTerminate, describeTerminate, Terminate } from './terminate.ts';

const OPTIONS: EndpointOptions = {
  crc: true,
  maxReads: 2,
  maxUlpduBytes: 120,
  maxMessageBytes: 1000,
  readyToReceive: 'none',
};

class Side {
  readonly messages: Buffer[] = [];
  readonly out: Buffer[] = [];
  ended: string | undefined;
  readonly endpoint: Endpoint;

  constructor(options: Partial<EndpointOptions> = {}) {
    this.endpoint = new Endpoint(
      { ...OPTIONS, ...options },
      {
        output: (parts) => this.out.push(...parts),
        received: (message) => this.messages.push(Buffer.from(message)),
        ended: (reason) => {
          this.ended = reason;
        },
      },
    );
    this.endpoint.post(100);
  }

  /** What it has said since, as one run of bytes. */
  said(): Buffer {
    return Buffer.concat(this.out.splice(0));
  }

  /** The Terminate that it has said. */
  terminate(crc = OPTIONS.crc): string {
    const segments: Buffer[] = [];
    const reader = new FpduReader(
      { segment: (ulpdu) => segments.push(ulpdu) > 0, corrupt: () => assert.fail('corrupt') },
      crc,
    );
    reader.push(this.said());
    const last = segments.at(-1);
    assert.ok(last !== undefined, 'nothing was said');
    assert.equal(decodeControl(last).opcode, Opcode.TERMINATE);
    const { queue, msn, payload } = decodeUntagged(last);
    assert.deepEqual([queue, msn], [Queue.TERMINATE, 1]);
    return describeTerminate(decodeTerminate(payload));
  }
}

/** Carries bytes both ways until nobody says anything, in pieces of the given sizes. */
function carry(a: Side, b: Side, sizes: readonly number[]): void {
  let turn = 0;
  for (;;) {
    const both = [
      [a.said(), b],
      [b.said(), a],
    ] as const;
    if (both.every(([bytes]) => bytes.length === 0)) return;
    for (const [bytes, to] of both) {
      for (let at = 0; at < bytes.length; ) {
        const size = sizes[turn++ % sizes.length]!;
        to.endpoint.receive(bytes.subarray(at, at + size));
        at += size;
      }
    }
  }
}

const arbSizes = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 400 })), {
  minLength: 1,
  maxLength: 20,
});
const arbMessage = fc.uint8Array({ maxLength: 1000 }).map((bytes) => Buffer.from(bytes));

test('messages of any length arrive, however TCP cuts the stream', () => {
  const property = (messages: Buffer[], sizes: number[], crc: boolean, maxUlpduBytes: number) => {
    const [a, b] = [new Side({ crc, maxUlpduBytes }), new Side({ crc, maxUlpduBytes })];
    for (const message of messages) a.endpoint.send([message.subarray(0, 7), message.subarray(7)]);
    carry(a, b, sizes);
    assert.equal(b.ended, undefined);
    assert.deepEqual(b.messages, messages);
  };
  fc.assert(
    fc.property(
      fc.array(arbMessage, { maxLength: 10 }),
      arbSizes,
      fc.boolean(),
      fc.integer({ min: 40, max: 1200 }),
      property,
    ),
  );
});

test('Writes and Reads reach memory that is registered, more Reads than may be under way', async () => {
  const [server, client] = [new Side(), new Side()];
  const memory = Buffer.alloc(5000, 1);
  const stag = client.endpoint.memory.register(memory);
  const written = Buffer.alloc(3000, 2);
  server.endpoint.write({ token: stag, offset: 1000n }, [written]);
  const reads = [0, 1000, 1500, 3000, 4999].map((offset) => {
    const into = Buffer.alloc(Math.min(600, 5000 - offset));
    return {
      offset,
      into,
      done: server.endpoint.read({ token: stag, offset: BigInt(offset) }, into),
    };
  });
  carry(server, client, [1, 50, 700]);
  for (const { offset, into, done } of reads) {
    assert.equal(await done, true);
    assert.deepEqual(into, memory.subarray(offset, offset + into.length));
  }
  assert.equal(memory[999], 1);
  assert.equal(memory[1000], 2);
  assert.equal(memory[3999], 2);
  assert.equal(memory[4000], 1);
});

test('Send with Invalidate takes the memory away; of a stranger STag it is refused', () => {
  const [server, client] = [new Side(), new Side()];
  const stag = client.endpoint.memory.register(Buffer.alloc(8));
  server.endpoint.send([Buffer.from('done')], stag);
  carry(server, client, [1000]);
  assert.equal(client.endpoint.memory.has(stag), false);
  assert.equal(client.messages.length, 1);
  server.endpoint.send([Buffer.from('again')], stag);
  client.endpoint.receive(server.said());
  assert.equal(client.terminate(), 'RDMAP 2/0x09');
});

test('a Read that is under way when the stream ends is told so', async () => {
  const side = new Side();
  const reading = [1, 2, 3].map(() =>
    side.endpoint.read({ token: 1, offset: 0n }, Buffer.alloc(8)),
  );
  side.endpoint.end('gone');
  assert.deepEqual(await Promise.all(reading), [false, false, false]);
  assert.equal(await side.endpoint.read({ token: 1, offset: 0n }, Buffer.alloc(8)), false);
});

/** One FPDU as a peer might make it. */
function untagged(over: Partial<Parameters<typeof writeUntaggedHeader>[2]>, payload = 'x'): Buffer {
  const head = Buffer.alloc(20);
  const header = { opcode: 3, last: true, invalidate: 0, queue: 0, msn: 1, offset: 0, ...over };
  writeUntaggedHeader(head, 2, header);
  return fpduOf(head, Buffer.from(payload, 'latin1'), true);
}

function tagged(over: Partial<Parameters<typeof writeTaggedHeader>[2]>, payload = 'x'): Buffer {
  const head = Buffer.alloc(16);
  writeTaggedHeader(head, 2, { opcode: 0, last: true, stag: 0x100, offset: 0n, ...over });
  return fpduOf(head, Buffer.from(payload, 'latin1'), true);
}

/** The same with one octet of the segment changed, and the CRC of that. */
function changed(fpdu: Buffer, at: number, change: (octet: number) => number): Buffer {
  const copy = Buffer.from(fpdu);
  copy[at] = change(copy[at]!);
  copy.writeUInt32LE(crc32c(copy.subarray(0, -4)), copy.length - 4);
  return copy;
}

const readRequest = (size: number, sourceStag: number): string =>
  encodeReadRequest({ sinkStag: 9, sinkOffset: 0n, size, sourceStag, sourceOffset: 0n }).toString(
    'latin1',
  );

test('each breach has its Terminate, RFC 5040 7, RFC 5041 8, RFC 5044 8', () => {
  const cases: [string, Buffer, string][] = [
    ['an MSN that is not the next', untagged({ msn: 2 }), 'DDP 2/0x03'],
    ['an MSN of 0', untagged({ msn: 0 }), 'DDP 2/0x03'],
    ['an offset that is not the next', untagged({ offset: 4 }), 'DDP 2/0x04'],
    ['a message that is too long', untagged({}, 'y'.repeat(1001)), 'DDP 2/0x05'],
    ['an offset of 2^31', untagged({ offset: 2 ** 31 }), 'DDP 2/0x04'],
    ['a queue that is not there', untagged({ queue: 3 }), 'DDP 2/0x01'],
    ['a Send on the queue of Reads', untagged({ queue: 1 }), 'RDMAP 2/0x06'],
    ['an opcode that is none', untagged({ opcode: 9 }), 'RDMAP 2/0x06'],
    ['an untagged Write', untagged({ opcode: 0 }), 'RDMAP 2/0x06'],
    ['a tagged Send', tagged({ opcode: 3 }), 'RDMAP 2/0x06'],
    ['a Write to no memory', tagged({}), 'DDP 1/0x00'],
    ['a Read Response that nobody asked for', tagged({ opcode: 2 }), 'DDP 1/0x00'],
    [
      'a Read of no memory',
      untagged({ opcode: 1, queue: 1 }, readRequest(2 ** 31, 7)),
      'RDMAP 1/0x00',
    ],
    ['a Read Request that is cut', untagged({ opcode: 1, queue: 1 }, 'cut'), 'RDMAP 2/0xff'],
    ['an invalidation', untagged({ opcode: 4, invalidate: 0x100 }), 'RDMAP 2/0x09'],
    ['DDP version 2', changed(untagged({}), 2, (octet) => (octet & ~3) | 2), 'DDP 2/0x06'],
    ['tagged, DDP version 0', changed(tagged({}), 2, (octet) => octet & ~3), 'DDP 1/0x04'],
    ['RDMAP version 0', changed(untagged({}), 3, (octet) => octet & ~0xc0), 'RDMAP 2/0x05'],
    ['a segment of one octet', fpduOf(Buffer.alloc(3), Buffer.alloc(0), true), 'RDMAP 2/0xff'],
  ];
  for (const [name, bytes, expected] of cases) {
    const side = new Side();
    side.endpoint.receive(bytes);
    assert.ok(side.ended !== undefined, name);
    assert.equal(side.terminate(), expected, name);
    side.endpoint.receive(untagged({}));
    assert.deepEqual(side.messages, [], name);
  }
});

test('a Send for which no receive was posted', () => {
  const side = new Side();
  for (let msn = 1; msn <= 100; msn++) side.endpoint.receive(untagged({ msn }));
  assert.equal(side.ended, undefined);
  side.endpoint.receive(untagged({ msn: 101 }));
  assert.equal(side.terminate(), 'DDP 2/0x02');
});

test('a wrong CRC ends the stream, wherever the bit is', () => {
  const fpdu = untagged({}, 'some payload');
  for (let at = 2; at < fpdu.length; at++) {
    const side = new Side();
    const bad = Buffer.from(fpdu);
    bad[at]! ^= 0x10;
    side.endpoint.receive(bad);
    assert.equal(side.terminate(), describeTerminate(Terminate.CRC));
    assert.deepEqual(side.messages, []);
  }
});

test('a Read Response that is too long, too short, or not in its place', () => {
  const cases: [string, Buffer[]][] = [
    ['too long', [tagged({ opcode: 2 }, 'x'.repeat(9))]],
    ['too short', [tagged({ opcode: 2 }, 'x')]],
    ['not in its place', [tagged({ opcode: 2, offset: 1n })]],
    ['far away', [tagged({ opcode: 2, offset: 2n ** 63n })]],
  ];
  for (const [name, fpdus] of cases) {
    const side = new Side();
    void side.endpoint.read({ token: 5, offset: 0n }, Buffer.alloc(8));
    side.said();
    for (const fpdu of fpdus) side.endpoint.receive(fpdu);
    assert.equal(side.terminate(), 'DDP 1/0x01', name);
  }
});

test('what RFC 6581 begins with is taken: an empty Write, Read or Send', () => {
  const beginnings = [
    ['write', tagged({ stag: 1 }, '')],
    ['read', untagged({ opcode: 1, queue: 1 }, readRequest(0, 0))],
    ['send', untagged({}, '')],
  ] as const;
  for (const [readyToReceive, bytes] of beginnings) {
    const side = new Side({ readyToReceive });
    side.endpoint.receive(bytes);
    side.endpoint.receive(untagged({ msn: readyToReceive === 'send' ? 2 : 1 }, 'first'));
    assert.equal(side.ended, undefined, readyToReceive);
    assert.deepEqual(side.messages, [Buffer.from('first')], readyToReceive);
    assert.equal(side.said().length > 0, readyToReceive === 'read');
  }
});

test('a peer that terminates gets no answer', () => {
  const side = new Side();
  side.endpoint.receive(untagged({ opcode: 7, queue: 2 }, '\x12\x03\0\0'));
  assert.equal(side.ended, 'the peer terminated: DDP 2/0x03');
  assert.equal(side.said().length, 0);
});

test('arbitrary bytes give messages, a Terminate or nothing, and no growth', () => {
  const arbFpdu = fc
    .record({
      opcode: fc.nat(15),
      queue: fc.nat(4),
      msn: fc.nat(3),
      offset: fc.constantFrom(0, 1, 5, 2 ** 31, 2 ** 32 - 1),
      last: fc.boolean(),
      payload: fc.uint8Array({ maxLength: 64 }),
    })
    .map(({ payload, ...header }) => untagged(header, Buffer.from(payload).toString('latin1')));
  const arbBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(
      fc.array(fc.oneof(arbFpdu, arbBytes), { maxLength: 20 }),
      arbSizes,
      (all, sizes) => {
        const side = new Side({ crc: false });
        let turn = 0;
        const bytes = Buffer.concat(all);
        for (let at = 0; at < bytes.length; ) {
          const size = sizes[turn++ % sizes.length]!;
          side.endpoint.receive(bytes.subarray(at, at + size));
          at += size;
        }
        assert.ok(side.said().length <= 2 * bytes.length + 100);
      },
    ),
    { numRuns: 500 },
  );
});
