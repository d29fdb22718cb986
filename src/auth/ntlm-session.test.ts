import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NtlmSession } from './ntlm-session.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const PLAINTEXT = Buffer.from('Plaintext', 'utf16le');

test('the examples of MS-NLMP 4.2: sealed and signed', () => {
  for (const [what, flags, key, data, signature] of [
    [
      '4.2.2.4, NTLMv1 with a key exchange',
      0xe2028233,
      '55'.repeat(16),
      '56 fe 04 d8 61 f9 31 9a f0 d7 23 8a 2e 3b 4d 45 7f b8',
      '01 00 00 00 00 00 00 00 09 dc d1 df 2e 45 9d 36',
    ],
    [
      '4.2.3.4, extended session security',
      0x820a8235,
      'eb93429a8bd952f8b89c55b87f475edc',
      'a0 23 72 f6 53 02 73 f3 aa 1e b9 01 90 ce 52 00 c9 9d',
      '01 00 00 00 ff 2a eb 52 f6 81 79 3a 00 00 00 00',
    ],
    [
      '4.2.4.4, NTLMv2',
      0xe28a8233,
      '55'.repeat(16),
      '54 e5 01 65 bf 19 36 dc 99 60 20 c1 81 1b 0f 06 fb 5f',
      '01 00 00 00 7f b3 8e c5 c5 5d 49 76 00 00 00 00',
    ],
  ] as const) {
    const client = new NtlmSession(flags, hex(key), 'client');
    const message = Buffer.from(PLAINTEXT);
    const made = client.seal(message, message);
    assert.deepEqual(message, hex(data), what);
    assert.deepEqual(made, hex(signature), what);
    const server = new NtlmSession(flags, hex(key), 'server');
    assert.ok(server.unseal(message, message, made), what);
    assert.deepEqual(message, PLAINTEXT, what);
  }
});

test('a sequence of messages both ways, whole messages signed where only the data are sealed', () => {
  for (const flags of [0xe28a8233, 0xa28a8233, 0xe2828233 & ~0x0008_0000]) {
    const client = new NtlmSession(flags >>> 0, hex('55'.repeat(16)), 'client');
    const server = new NtlmSession(flags >>> 0, hex('55'.repeat(16)), 'server');
    const extended = (flags & 0x0008_0000) !== 0;
    for (const [i, [from, to]] of [
      [client, server],
      [server, client],
      [client, server],
      [client, server],
    ].entries() as ArrayIterator<[number, [NtlmSession, NtlmSession]]>) {
      const message = Buffer.from(`head ${i} and a body tail`);
      const body = message.subarray(7, 20);
      const before = Buffer.from(message);
      if (i % 2 === 0) {
        const signature = from.seal(message, body);
        assert.notDeepEqual(message, before);
        assert.ok(to.unseal(message, body, signature));
        assert.deepEqual(message, before);
      } else {
        assert.ok(to.verify(message, body, from.sign(message, body)));
      }
    }
    const message = Buffer.from('head and a body');
    const signature = client.sign(message, message.subarray(5));
    message[0]! ^= 1;
    assert.equal(server.verify(message, message.subarray(5), signature), !extended);
  }
});

test('a message that is repeated, left out or changed is not the next one', () => {
  const pair = () =>
    [
      new NtlmSession(0xe28a8233, hex('55'.repeat(16)), 'client'),
      new NtlmSession(0xe28a8233, hex('55'.repeat(16)), 'server'),
    ] as const;
  const message = Buffer.from('one');
  const [client, server] = pair();
  const first = client.sign(message, message);
  assert.ok(server.verify(message, message, first));
  assert.equal(server.verify(message, message, first), false);
  const [other, late] = pair();
  other.sign(message, message);
  assert.equal(late.verify(message, message, other.sign(message, message)), false);
});

test('what was not agreed on cannot be done', () => {
  const key = hex('55'.repeat(16));
  const plain = new NtlmSession(0xe28a8203, key, 'server');
  assert.deepEqual([plain.canSign, plain.canSeal], [false, false]);
  const signing = new NtlmSession(0xe28a8213, key, 'server');
  assert.deepEqual([signing.canSign, signing.canSeal], [true, false]);
});
