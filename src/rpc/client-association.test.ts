import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../wire/wire-error.ts';
import { ClientAssociation } from './client-association.ts';
import { encodeFragments } from './fragments.ts';
import { encodeParameters } from './operation.ts';
import { type ContextResult, decodePdu, encodePdu } from './pdu.ts';
import { NDR32, NO_SYNTAX } from './syntax-id.ts';
import { WKSSVC } from './wkssvc.ts';

const { NetrWkstaGetInfo } = WKSSVC.operations;
const ACCEPTED: ContextResult = { result: 0, reason: 0, transferSyntax: NDR32 };
const REJECTED: ContextResult = { result: 2, reason: 1, transferSyntax: NO_SYNTAX };

const ack = (results: readonly ContextResult[], callId = 1, maxReceiveBytes = 4280): Buffer =>
  encodePdu({
    kind: 'bind-ack',
    callId,
    maxTransmitBytes: 4280,
    maxReceiveBytes,
    associationGroup: 1,
    secondaryAddress: '\\PIPE\\wkssvc',
    results,
  });

const started = (): ClientAssociation => {
  const client = new ClientAssociation(WKSSVC);
  client.bind();
  return client;
};

test('BIND_ACK and BIND_NAK', () => {
  assert.equal(started().bound(ack([ACCEPTED])), true);
  assert.equal(started().bound(ack([REJECTED])), false);
  assert.equal(started().bound(encodePdu({ kind: 'bind-nak', callId: 1, reason: 8 })), false);
  for (const wrong of [
    ack([]),
    ack([ACCEPTED, ACCEPTED]),
    ack([ACCEPTED], 2),
    ack([ACCEPTED], 1, 1431),
    encodePdu({ kind: 'cancel', callId: 1 }),
  ]) {
    assert.throws(() => started().bound(wrong), WireError);
  }
});

test('requests keep to the fragments that the server takes', () => {
  const client = started();
  client.bound(ack([ACCEPTED], 1, 1432));
  const fragments = client.request(NetrWkstaGetInfo, { serverName: 'x'.repeat(3000), level: 100 });
  assert.equal(fragments.length, 5);
  for (const fragment of fragments) {
    assert.ok(fragment.length <= 1432);
    assert.equal(decodePdu(fragment).callId, 2);
  }
});

test('answers in fragments, faults, and what belongs to another call', () => {
  const client = started();
  client.bound(ack([ACCEPTED]));
  const info = { platformId: 500, computername: 'c'.repeat(3000), langroup: '', verMajor: 6 };
  const output = { wkstaInfo: { tag: 100, value: { ...info, verMinor: 1 } }, status: 0 } as const;
  const stub = encodeParameters(NetrWkstaGetInfo.output, output);
  const response = (callId: number) =>
    encodeFragments({ kind: 'response', callId, contextId: 0 }, stub, 4280);

  client.request(NetrWkstaGetInfo, { serverName: null, level: 100 });
  const [first, last, ...more] = response(2);
  assert.equal(more.length, 0);
  assert.deepEqual(client.answer(NetrWkstaGetInfo, first!), { kind: 'partial' });
  assert.deepEqual(client.answer(NetrWkstaGetInfo, last!), { kind: 'result', output });
  assert.throws(() => client.answer(NetrWkstaGetInfo, last!), WireError);
  assert.throws(() => client.answer(NetrWkstaGetInfo, response(1)[0]!), WireError);

  client.request(NetrWkstaGetInfo, { serverName: null, level: 100 });
  const fault = { kind: 'fault', callId: 3, contextId: 0, status: 0x1c010002, flags: 3 } as const;
  assert.deepEqual(client.answer(NetrWkstaGetInfo, encodePdu(fault)), {
    kind: 'fault',
    status: 0x1c010002,
  });
});
