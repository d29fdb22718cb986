import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tunnel } from './tunnel.ts';

const file = (name: string) => ({ name, creationTime: 1n });

test('an entry is good once, for its directory, in any case, for 15 seconds', () => {
  let nowMs = 1_000_000;
  const tunnel = new Tunnel(() => nowMs);
  tunnel.remember('d', 'M~N89M8I.DOC', file('Minutes of May.docx'));
  assert.equal(tunnel.take('other', 'M~N89M8I.DOC'), undefined);
  assert.equal(tunnel.take('d', 'm~n89m8i.doc')?.name, 'Minutes of May.docx');
  assert.equal(tunnel.take('d', 'M~N89M8I.DOC'), undefined);
  tunnel.remember('d', 'A', file('a'));
  nowMs += 14_999;
  assert.equal(tunnel.take('d', 'A')?.name, 'a');
  tunnel.remember('d', 'A', file('a'));
  nowMs += 15_000;
  assert.equal(tunnel.take('d', 'A'), undefined);
  assert.equal(tunnel.size, 0);
});

test('there are never more than a thousand', () => {
  const tunnel = new Tunnel(() => 0);
  for (let i = 0; i < 3000; i++) tunnel.remember('d', `N${i}`, file(`${i}`));
  assert.equal(tunnel.size, 1024);
  assert.equal(tunnel.take('d', 'N2999')?.name, '2999');
  assert.equal(tunnel.take('d', 'N0'), undefined);
});
