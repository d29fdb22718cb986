import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSubunit } from './subunit.ts';

const OUTPUT = `smbtorture 4.17.12-Debian
Using seed 1
time: 2026-01-02 03:04:05.000000
progress: 3
test: smb2.read.eof
time: 2026-01-02 03:04:06.000000
reading 12 bytes
time: 2026-01-02 03:04:06.250000
success: smb2.read.eof
test: smb2.delete-on-close-perms.CREATE Existing
failure: smb2.delete-on-close-perms.CREATE Existing [
../../source4/torture/x.c:12: wrong
second line
]
test: smb2.read.skipped
skip: smb2.read.skipped [
not here
]
test: smb2.read.hangs
time: 2026-01-02 03:04:07.000000
`;

test('results, messages, seconds and the test without a result', () => {
  const { tests, unfinished } = parseSubunit(OUTPUT);
  assert.deepEqual(tests, [
    { name: 'smb2.read.eof', verdict: 'pass', seconds: 0.25, message: '' },
    {
      name: 'smb2.delete-on-close-perms.CREATE Existing',
      verdict: 'fail',
      seconds: 0,
      message: '../../source4/torture/x.c:12: wrong\nsecond line',
    },
    { name: 'smb2.read.skipped', verdict: 'skip', seconds: 0, message: 'not here' },
  ]);
  assert.equal(unfinished, 'smb2.read.hangs');
});

test('output cut at every character parses', () => {
  for (let length = 0; length < OUTPUT.length; length++) {
    const { tests } = parseSubunit(OUTPUT.slice(0, length));
    assert.ok(tests.length <= 3);
  }
});
