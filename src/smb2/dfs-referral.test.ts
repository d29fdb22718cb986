import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeReferralRequest,
  decodeReferralRequestEx,
  encodeReferral,
  encodeReferralRequest,
  type Referral,
} from './dfs-referral.ts';

const LINK: Referral = {
  pathConsumed: 12,
  dfsPath: '\\srv\\dfs\\lnk',
  kind: 'link',
  targets: ['\\a\\b', '\\other\\share\\folder'],
  timeToLiveSeconds: 600,
};

const text = (b: Buffer, at: number): string => {
  let end = at;
  while (b.readUInt16LE(end) !== 0) end += 2;
  return b.toString('utf16le', at, end);
};

test('requests, plain and with a site', () => {
  const request = { maxReferralLevel: 4, requestFileName: '\\srv\\dfs' };
  assert.deepEqual(decodeReferralRequest(encodeReferralRequest(request)), request);
  const name = Buffer.from('\\srv\\dfs\0', 'utf16le');
  const ex = Buffer.alloc(10);
  ex.writeUInt16LE(4, 0);
  ex.writeUInt32LE(2 + name.length, 4);
  ex.writeUInt16LE(name.length, 8);
  assert.deepEqual(decodeReferralRequestEx(Buffer.concat([ex, name])), request);
});

test('whatever is sent is a request or a WireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const decode of [decodeReferralRequest, decodeReferralRequestEx]) {
        try {
          decode(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof WireError);
        }
      }
    }),
  );
});

for (const version of [2, 3, 4]) {
  test(`version ${version}: entries point at their strings (2.2.5)`, () => {
    const b = encodeReferral(LINK, version);
    assert.equal(b.readUInt16LE(0), 24);
    assert.equal(b.readUInt16LE(2), 2);
    assert.equal(b.readUInt32LE(4), 2);
    let at = 8;
    for (const [i, target] of LINK.targets.entries()) {
      assert.equal(b.readUInt16LE(at), version);
      const size = b.readUInt16LE(at + 2);
      assert.equal(size, version === 2 ? 22 : 34);
      assert.equal(b.readUInt16LE(at + 4), 0);
      assert.equal(b.readUInt16LE(at + 6), version === 4 && i === 0 ? 4 : 0);
      const field = at + (version === 2 ? 12 : 8);
      assert.equal(b.readUInt32LE(field), 600);
      assert.equal(text(b, at + b.readUInt16LE(field + 4)), LINK.dfsPath);
      assert.equal(text(b, at + b.readUInt16LE(field + 6)), LINK.dfsPath);
      assert.equal(text(b, at + b.readUInt16LE(field + 8)), target);
      at += size;
    }
  });
}

test('version 1 has its share inline, and a root says that it is one', () => {
  const b = encodeReferral({ ...LINK, kind: 'root', targets: ['\\srv\\dfs'] }, 1);
  assert.equal(b.readUInt32LE(4), 3);
  assert.equal(b.readUInt16LE(8), 1);
  assert.equal(b.readUInt16LE(10), b.length - 8);
  assert.equal(b.readUInt16LE(12), 1);
  assert.equal(text(b, 16), '\\srv\\dfs');
});
