import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import {
  type DnsMessage,
  DnsType,
  decodeDns,
  encodeDns,
  encodeName,
  isAbout,
  sameName,
} from './dns-message.ts';

/** Written by hand from RFC 1035 4.1: who is _smb._tcp.local, with an answer that is known, its name compressed. */
const QUERY = Buffer.from(
  [
    '0000 0000 0001 0001 0000 0000',
    '04 5f736d62 04 5f746370 05 6c6f63616c 00 000c 8001',
    // The same name by a pointer; PTR, IN, 4500 s, "OFFICE" and a pointer.
    'c00c 000c 0001 00001194 0009 06 4f4646494345 c00c',
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

test('a query with a compressed answer', () => {
  const kind = ['_smb', '_tcp', 'local'];
  assert.deepEqual(decodeDns(QUERY), {
    ...{ id: 0, isResponse: false, authorities: [], additionals: [] },
    questions: [{ name: kind, type: DnsType.PTR, unicast: true }],
    answers: [
      {
        ...{ name: kind, type: DnsType.PTR, unique: false, ttl: 4500 },
        data: encodeName(['OFFICE', ...kind]),
      },
    ],
  });
});

test('every truncation is malformed, and so is what points ahead', () => {
  for (let length = 0; length < QUERY.length; length++) {
    assert.throws(() => decodeDns(QUERY.subarray(0, length)), WireError, String(length));
  }
  for (const name of ['c00c', 'c00e', 'c0ff', 'c000', '01 61 c00c', '40', '80', 'c0']) {
    const bytes = Buffer.from(`000000000001000000000000${name}000c0001`.replaceAll(' ', ''), 'hex');
    assert.throws(() => decodeDns(bytes), WireError, name);
  }
  const long = Buffer.concat([QUERY.subarray(0, 12), Buffer.alloc(300, '\x01a'), Buffer.alloc(5)]);
  assert.throws(() => decodeDns(long), WireError);
  assert.throws(() => decodeDns(Buffer.alloc(9001)), WireError);
  const many = Buffer.concat([Buffer.from('00000000ffffffffffffffff', 'hex'), Buffer.alloc(8000)]);
  assert.throws(() => decodeDns(many), WireError);
});

test('other kinds of messages are passed over', () => {
  const update = Buffer.from(QUERY);
  update.writeUInt16BE(0x2800, 2);
  assert.equal(decodeDns(update), undefined);
});

test('a question of another class is about nothing', () => {
  const chaos = Buffer.from(QUERY);
  chaos.writeUInt16BE(3, 12 + 17 + 2);
  const [question] = decodeDns(chaos)!.questions;
  assert.equal(question?.type, 0);
});

const label = fc.stringMatching(/^[A-Za-z0-9 _-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 });
const PLAIN = { noNullPrototype: true } as const;
const record = fc.record(
  {
    name,
    type: fc.constantFrom(DnsType.A, DnsType.TXT, DnsType.AAAA),
    unique: fc.boolean(),
    ttl: fc.integer({ min: 0, max: 0xffff_ffff }),
    data: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  },
  PLAIN,
);
const message: fc.Arbitrary<DnsMessage> = fc.record(
  {
    id: fc.integer({ min: 0, max: 0xffff }),
    isResponse: fc.boolean(),
    questions: fc.array(
      fc.record({ name, type: fc.constant(DnsType.ANY), unicast: fc.boolean() }, PLAIN),
    ),
    answers: fc.array(record),
    authorities: fc.array(record),
    additionals: fc.array(record),
  },
  PLAIN,
);

test('what is written is read', () => {
  fc.assert(
    fc.property(message, (wanted) => {
      const bytes = encodeDns(wanted);
      if (bytes.length <= 9000) assert.deepEqual(decodeDns(bytes), wanted);
    }),
  );
});

test('whatever comes is read or refused', () => {
  const head = fc.constantFrom(...[0, 1, 2, 12, 16, 33, 63, 64, 0x84, 0xc0, 0xff]);
  fc.assert(
    fc.property(fc.array(head, { maxLength: 120 }), fc.nat({ max: 3 }), (bytes, keep) => {
      const sent = Buffer.concat([QUERY.subarray(0, 12 * keep), Buffer.from(bytes)]);
      try {
        decodeDns(sent);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

test('names are the same whatever their case', () => {
  assert.ok(sameName(['Office', 'LOCAL'], ['office', 'local']));
  assert.ok(!sameName(['office', 'local'], ['office']));
  const asked = { name: ['office', 'local'], type: DnsType.A, unicast: false };
  const told = { name: ['OFFICE', 'local'], type: DnsType.A };
  const rest = { unique: true, ttl: 1, data: Buffer.alloc(4) };
  assert.ok(isAbout(asked, { ...told, ...rest }));
  assert.ok(!isAbout(asked, { ...told, ...rest, type: DnsType.TXT }));
  assert.ok(isAbout({ ...asked, type: DnsType.ANY }, { ...told, ...rest, type: DnsType.TXT }));
});

test('a label that is none is our own mistake', () => {
  assert.throws(() => encodeName(['']), RangeError);
  assert.throws(() => encodeName(['x'.repeat(64)]), RangeError);
});
