import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFragments, Reassembly } from './fragments.ts';
import { decodePdu, PFC_FIRST_FRAG, PFC_LAST_FRAG, type RequestPdu } from './pdu.ts';

const target = { kind: 'request', callId: 3, contextId: 1, opnum: 15 } as const;

function request(wire: Buffer): RequestPdu {
  const pdu = decodePdu(wire);
  assert.equal(pdu.kind, 'request');
  return pdu as RequestPdu;
}

test('a stub survives any fragment size, and the flags and hints are C706 12.6.2', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 5000 }),
      fc.integer({ min: 1432, max: 5840 }),
      (bytes, fragmentBytes) => {
        const stub = Buffer.from(bytes);
        const pdus = encodeFragments(target, stub, fragmentBytes);
        const reassembly = new Reassembly<RequestPdu>(1 << 20);
        let rest = stub.length;
        for (const [i, wire] of pdus.entries()) {
          const last = i === pdus.length - 1;
          assert.ok(wire.length <= fragmentBytes);
          const pdu = request(wire);
          const flags = (i === 0 ? PFC_FIRST_FRAG : 0) | (last ? PFC_LAST_FRAG : 0);
          assert.equal(pdu.flags, flags);
          assert.equal(pdu.allocHint, rest);
          if (!last) assert.equal(pdu.stub.length % 8, 0);
          rest -= pdu.stub.length;
          const assembled = reassembly.add(pdu);
          wire.fill(0xee);
          assert.equal(assembled.kind, last ? 'whole' : 'partial');
          if (assembled.kind === 'whole' && pdus.length > 1) {
            assert.deepEqual(assembled.pdu.stub, stub);
          }
        }
        assert.equal(rest, 0);
      },
    ),
    { numRuns: 100 },
  );
});

test('an empty stub is one fragment', () => {
  const [wire, ...more] = encodeFragments(target, Buffer.alloc(0), 1432);
  assert.equal(more.length, 0);
  assert.equal(wire!.length, 24);
});

test('fragments out of order are refused', () => {
  const [first, middle, last] = encodeFragments(target, Buffer.alloc(4000), 1432).map(request);
  const fresh = () => new Reassembly<RequestPdu>(1 << 20);
  assert.equal(fresh().add(middle!).kind, 'out-of-order');
  assert.equal(fresh().add(last!).kind, 'out-of-order');
  for (const wrong of [
    first!,
    { ...middle!, callId: 4 },
    { ...middle!, contextId: 0 },
    { ...middle!, opnum: 16 },
    { ...middle!, bigEndian: true },
  ]) {
    const reassembly = fresh();
    assert.equal(reassembly.add(first!).kind, 'partial');
    assert.equal(reassembly.add(wrong).kind, 'out-of-order');
  }
});

test('the limit counts headers, so empty fragments end too', () => {
  const [first, middle] = encodeFragments(target, Buffer.alloc(4000), 1432).map(request);
  const reassembly = new Reassembly<RequestPdu>(10_000);
  reassembly.add(first!);
  const empty = { ...middle!, stub: Buffer.alloc(0) };
  let added = 0;
  while (reassembly.add(empty).kind === 'partial') added++;
  assert.ok(added > 100 && added < 10_000 / 24, String(added));
});

test('an abandoned call leaves room for the next', () => {
  const [first] = encodeFragments(target, Buffer.alloc(4000), 1432).map(request);
  const reassembly = new Reassembly<RequestPdu>(1 << 20);
  reassembly.add(first!);
  assert.equal(reassembly.callId, 3);
  reassembly.abandon();
  assert.equal(reassembly.callId, undefined);
  assert.equal(reassembly.add(first!).kind, 'partial');
});
