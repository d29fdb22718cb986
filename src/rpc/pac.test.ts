import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Sid } from '../dtyp/sid.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodePac,
  encodePac,
  type KerbValidationInfo,
  MAXIMUM_PAC_GROUPS,
  sidsOfPac,
} from './pac.ts';

const NEVER = Buffer.from('ffffffffffffff7f', 'hex');
const DOMAIN: Sid = 'S-1-5-21-1-2-3';

const INFO: KerbValidationInfo = {
  logonTime: NEVER,
  logoffTime: NEVER,
  kickOffTime: NEVER,
  passwordLastSet: NEVER,
  passwordCanChange: NEVER,
  passwordMustChange: NEVER,
  effectiveName: 'ann',
  fullName: 'Ann 😀',
  logonScript: '',
  profilePath: null,
  homeDirectory: '',
  homeDirectoryDrive: '',
  logonCount: 3,
  badPasswordCount: 0,
  userId: 1104,
  primaryGroupId: 513,
  groupIds: [
    { relativeId: 513, attributes: 7 },
    { relativeId: 1105, attributes: 7 },
    { relativeId: 1106, attributes: 0x10 },
  ],
  userFlags: 0x20,
  userSessionKey: Buffer.alloc(16),
  logonServer: 'DC',
  logonDomainName: 'EXAMPLE',
  logonDomainId: DOMAIN,
  reserved1: [0, 0],
  userAccountControl: 0x10,
  subAuthStatus: 0,
  lastSuccessfulILogon: Buffer.alloc(8),
  lastFailedILogon: Buffer.alloc(8),
  failedILogonCount: 0,
  reserved3: 0,
  extraSids: [{ sid: 'S-1-18-1', attributes: 7 }],
  resourceGroupDomainSid: 'S-1-5-21-4-5-6',
  resourceGroupIds: [{ relativeId: 2000, attributes: 0x2000_0007 }],
};

test('a PAC comes back from its bytes, and gives each SID once', () => {
  const info = decodePac(encodePac(INFO));
  assert.deepEqual(info, INFO);
  assert.deepEqual(sidsOfPac(INFO), [
    'S-1-5-21-1-2-3-1104',
    'S-1-5-21-1-2-3-513',
    'S-1-5-21-1-2-3-1105',
    'S-1-18-1',
    'S-1-5-21-4-5-6-2000',
  ]);
});

test('2.5: with a UserId of 0 the account is the first of the extra SIDs', () => {
  const extraSids = [{ sid: 'S-1-5-21-9-9-9-7' as Sid, attributes: 7 }];
  assert.deepEqual(
    sidsOfPac({ ...INFO, userId: 0, groupIds: null, extraSids })[1],
    'S-1-5-21-9-9-9-7',
  );
});

test('a PAC without logon information is one that tells nothing', () => {
  // As MIT's KDC makes it: client info and signatures.
  const pac = Buffer.from('01000000000000000a000000040000001800000000000000deadbeef', 'hex');
  assert.equal(decodePac(pac), undefined);
});

test('a domain without room for a user, or more groups than anybody has, are refused', () => {
  const long = `S-1-5${'-1'.repeat(15)}` as Sid;
  assert.throws(() => sidsOfPac({ ...INFO, logonDomainId: long }), WireError);
  assert.throws(() => sidsOfPac({ ...INFO, resourceGroupDomainSid: long }), WireError);
  const groupIds = new Array(MAXIMUM_PAC_GROUPS + 1).fill({ relativeId: 1, attributes: 7 });
  assert.throws(() => sidsOfPac({ ...INFO, groupIds }), WireError);
});

function reads(pac: Buffer): boolean {
  try {
    const info = decodePac(pac);
    if (info !== undefined) sidsOfPac(info);
    return true;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return false;
  }
}

test('cut anywhere it is a WireError', () => {
  const whole = encodePac(INFO);
  for (let length = 0; length < whole.length; length++) {
    assert.equal(reads(whole.subarray(0, length)), false, `at ${length}`);
  }
});

test('changed anywhere, or any bytes at all, it is a PAC or a WireError', () => {
  const whole = encodePac(INFO);
  const at = fc.nat(whole.length - 1);
  const change = fc.array(fc.tuple(at, fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(change, (changes) => {
      const bytes = Buffer.from(whole);
      for (const [place, value] of changes) bytes[place] = value;
      reads(bytes);
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void reads(Buffer.from(bytes))),
    { numRuns: 1000 },
  );
});
