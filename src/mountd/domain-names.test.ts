import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import type { Sid } from '../dtyp/sid.ts';
import { DomainNames } from './domain-names.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-names-'));
after(() => rmSync(folder, { recursive: true }));

const DOM: Sid = 'S-1-5-21-7-8-9';
const user = (rid: number, name: string) => ({ sid: `${DOM}-${rid}` as Sid, name });
const domain = { sid: DOM, name: 'EXAMPLE' };

test('who came is known by name and by SID, after the next start too', () => {
  const file = join(folder, 'names.json');
  const first = new DomainNames(file, SILENT_LOGGER);
  first.learn(domain, user(1104, 'ann'));
  first.learn(domain, user(1105, 'Bob'));
  const names = new DomainNames(file, SILENT_LOGGER);
  assert.equal(names.domainBySid(DOM), 'EXAMPLE');
  assert.deepEqual(names.domainByName('example'), domain);
  assert.equal(names.userBySid(`${DOM}-1105`), 'Bob');
  assert.deepEqual(names.userByName(DOM, 'BOB'), user(1105, 'Bob'));
  assert.equal(names.userByName('S-1-5-21-1-1-1', 'bob'), undefined);
  // What is known already is not written again.
  writeFileSync(file, 'other');
  names.learn(domain, user(1104, 'ann'));
  assert.equal(readFileSync(file, 'utf8'), 'other');
  assert.equal(new DomainNames(file, SILENT_LOGGER).domainBySid(DOM), undefined);
});

test('a name or a SID has one owner, the last one; of many names the first ones go', () => {
  const names = new DomainNames(undefined, SILENT_LOGGER);
  names.learn(domain, user(1104, 'ann'));
  names.learn(domain, user(1104, 'anna'));
  assert.equal(names.userByName(DOM, 'ann'), undefined);
  names.learn(domain, user(1109, 'ANNA'));
  assert.deepEqual(names.userByName(DOM, 'anna'), user(1109, 'ANNA'));
  assert.equal(names.userBySid(`${DOM}-1104`), undefined);
  names.learn(domain, user(5, 'x'.repeat(257)));
  assert.equal(names.userBySid(`${DOM}-5`), undefined);
  for (let i = 0; i < 4096; i++) names.learn(domain, user(10_000 + i, `user-${i}`));
  assert.equal(names.userBySid(`${DOM}-1109`), undefined);
  assert.equal(names.userBySid(`${DOM}-10000`), 'user-0');
});
