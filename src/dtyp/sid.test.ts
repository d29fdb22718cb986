import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import {
  BUILTIN_ADMINISTRATORS,
  decodeSid,
  EVERYONE,
  encodeSid,
  gidOf,
  MAX_SID_BYTES,
  makeSid,
  nfsModeOf,
  nfsModeSid,
  parseSid,
  sidBytes,
  sidInDomain,
  splitSid,
  uidOf,
  unixGroupSid,
  unixUserSid,
} from './sid.ts';

const sids = fc
  .tuple(
    fc.oneof(fc.nat({ max: 30 }), fc.integer({ min: 0, max: 2 ** 48 - 1 })),
    fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 15 }),
  )
  .map(([authority, subAuthorities]) => makeSid(authority, ...subAuthorities));

test('golden bytes both ways', () => {
  for (const [sid, hex] of [
    [EVERYONE, '010100000000000100000000'],
    [BUILTIN_ADMINISTRATORS, '01020000000000052000000020020000'],
    ['S-1-5-21-1-2-4294967295-513', '0105000000000005150000000100000002000000ffffffff01020000'],
    ['S-1-0x0123456789ab-7', '01010123456789ab07000000'],
    ['S-1-5', '0100000000000005'],
  ] as const) {
    assert.equal(encodeSid(sid).toString('hex'), hex);
    assert.equal(decodeSid(Buffer.from(hex, 'hex')), sid);
    assert.equal(sidBytes(sid), hex.length / 2);
  }
});

test('text in canonical form', () => {
  assert.equal(parseSid('s-1-5-032-0544'), 'S-1-5-32-544');
  assert.equal(parseSid('S-1-0x000000000005-1'), 'S-1-5-1');
  assert.equal(parseSid('S-1-0X0123456789AB-1'), 'S-1-0x0123456789ab-1');
});

test('text that is no SID', () => {
  for (const text of [
    '',
    'S-1',
    'S-2-5-1',
    'S-1-5-',
    'S-1-5--1',
    'S-1-5-4294967296',
    'S-1-4294967296-1',
    'S-1-0x123-1',
    'S-1-5-x',
    `S-1-5${'-1'.repeat(16)}`,
    'S-1-5-1\n',
  ]) {
    assert.equal(parseSid(text), undefined, JSON.stringify(text));
  }
});

test('every truncation and bad headers are WireErrors', () => {
  const b = encodeSid('S-1-5-21-1-2-3-500');
  for (let n = 0; n < b.length; n++) assert.throws(() => decodeSid(b.subarray(0, n)), WireError);
  assert.throws(() => decodeSid(b, -1), WireError);
  assert.throws(() => decodeSid(b, 1000), WireError);
  const bad = Buffer.alloc(200);
  bad[0] = 2;
  assert.throws(() => decodeSid(bad), WireError);
  bad[0] = 1;
  bad[1] = 16;
  assert.throws(() => decodeSid(bad), WireError);
});

test('bytes and text agree', () => {
  fc.assert(
    fc.property(sids, (sid) => {
      const b = encodeSid(sid);
      assert.ok(b.length <= MAX_SID_BYTES);
      assert.equal(b.length, sidBytes(sid));
      assert.equal(decodeSid(Buffer.concat([Buffer.alloc(3), b]), 3), sid);
      assert.equal(parseSid(sid), sid);
    }),
  );
});

test('Unix and NFS identities', () => {
  assert.equal(unixUserSid(1000), 'S-1-22-1-1000');
  assert.equal(unixGroupSid(0), 'S-1-22-2-0');
  assert.equal(uidOf('S-1-22-1-4294967294'), 4294967294);
  assert.equal(uidOf(unixGroupSid(5)), undefined);
  assert.equal(gidOf(unixGroupSid(5)), 5);
  assert.equal(uidOf('S-1-22-1'), undefined);
  assert.equal(uidOf('S-1-22-1-1-1'), undefined);
  assert.equal(nfsModeOf(nfsModeSid(0o100644)), 0o100644);
});

test('domains', () => {
  const domain = 'S-1-5-21-1-2-3';
  assert.equal(sidInDomain(domain, 513), 'S-1-5-21-1-2-3-513');
  assert.deepEqual(splitSid('S-1-5-21-1-2-3-513'), { domain, rid: 513 });
  assert.equal(splitSid('S-1-5'), undefined);
  assert.throws(() => sidInDomain(domain, -1), RangeError);
  assert.throws(() => makeSid(2 ** 48), RangeError);
});
