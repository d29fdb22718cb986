/** Ports of RPC over TCP: what is taken for them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rpcParameters } from './rpc-parameters.ts';

test('a range of ports has two ends, in order, that are ports', () => {
  const { type } = rpcParameters.rpcDynamicPorts;
  assert.deepEqual(type.parse('50000-50009'), { low: 50_000, high: 50_009 });
  assert.deepEqual(type.parse('1 - 65535'), { low: 1, high: 65_535 });
  assert.deepEqual(type.parse('7-7'), { low: 7, high: 7 });
  assert.equal(type.print({ low: 50_000, high: 50_009 }), '50000-50009');
  for (const bad of ['', '50000', '2-1', '0-5', '1-65536', '1-2-3', '-1-5', '1-123456', 'a-b']) {
    assert.equal(type.parse(bad), undefined, bad);
  }
});

test('the service may have any port, by 0; the endpoint mapper has one', () => {
  assert.equal(rpcParameters.rpcServerPort.type.parse('0'), 0);
  assert.equal(rpcParameters.rpcServerPort.type.parse('65536'), undefined);
  assert.equal(rpcParameters.rpcMapperPort.type.parse('0'), undefined);
  assert.equal(rpcParameters.rpcMapperPort.type.parse('1135'), 1135);
});
