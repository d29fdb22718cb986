import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { connectHints, quoteForShell, reachableHost } from './serve-hints.ts';

test('on the usual port', () => {
  assert.deepEqual(connectHints({ host: '192.0.2.5', port: 445, share: 'files', user: 'ann' }), [
    'Windows    net use Z: \\\\192.0.2.5\\files /user:ann',
    'macOS      open smb://ann@192.0.2.5/files',
    'Linux      sudo mount -t cifs //192.0.2.5/files /mnt -o username=ann,uid=$(id -u)',
    'smbclient  smbclient //192.0.2.5/files -U ann',
  ]);
});

test('on another port, with names that need quotes', () => {
  const hints = connectHints({ host: 'h', port: 4450, share: "my files'", user: 'ann b' });
  assert.deepEqual(hints, [
    'Windows    net use Z: "\\\\h\\my files\'" /user:"ann b" /TCPPORT:4450',
    '           (a port other than 445 needs Windows 11 24H2 or Server 2025)',
    "macOS      open 'smb://ann%20b@h:4450/my%20files'\\'''",
    "Linux      sudo mount -t cifs '//h/my files'\\''' /mnt -o 'username=ann b,port=4450',uid=$(id -u)",
    "smbclient  smbclient '//h/my files'\\''' -p 4450 -U 'ann b'",
  ]);
});

test('IPv6', () => {
  const [windows, mac] = connectHints({ host: 'fe80::1', port: 445, share: 's', user: 'u' });
  assert.equal(windows, 'Windows    net use Z: \\\\fe80--1.ipv6-literal.net\\s /user:u');
  assert.equal(mac, "macOS      open 'smb://u@[fe80::1]/s'");
  assert.equal(reachableHost(['fe80::1%eth0']), 'fe80::1%eth0');
  assert.equal(reachableHost(['127.0.0.1', 'fe80::1%eth0', '10.0.0.1']), '10.0.0.1');
  assert.notEqual(reachableHost(['::']), '::');
});

test('the shell reads back what was quoted', () => {
  const text = fc.string({ maxLength: 12 }).filter((s) => !s.includes('\0'));
  fc.assert(
    fc.property(fc.array(text, { minLength: 20, maxLength: 20 }), (texts) => {
      const script = `printf '%s\\0' ${texts.map(quoteForShell).join(' ')}`;
      const printed = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
      assert.equal(printed, texts.map((s) => `${s}\0`).join(''));
    }),
    { numRuns: 20 },
  );
});
