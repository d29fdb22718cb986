import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import type { IdmapDomain } from '../config/idmap.ts';
import type { Sid } from '../dtyp/sid.ts';
import { Idmap } from './idmap.ts';

const AD: Sid = 'S-1-5-21-1-2-3';
const OTHER: Sid = 'S-1-5-21-4-5-6';
const REST: IdmapDomain = {
  ...{ domain: '*', backend: 'autorid', low: 100_000, high: 139_999, rangeSize: 10_000 },
};

const user = (rid: number, ...more: Sid[]) => ({
  ...{ domainName: 'AD', domainSid: AD },
  user: `${AD}-${rid}` as Sid,
  primaryGroup: `${AD}-513` as Sid,
  sids: [`${AD}-${rid}` as Sid, `${AD}-513` as Sid, ...more],
});

function idmap(t: { after(fn: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-idmap-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'idmap.json');
  const anew = (...domains: IdmapDomain[]) => {
    const made = new Idmap(file, SILENT_LOGGER);
    made.configure(domains);
    return made;
  };
  return { file, anew };
}

test('autorid: a block for each domain as it comes, the same after a restart', (t) => {
  const { anew } = idmap(t);
  const first = anew(REST);
  assert.deepEqual(first.mapped(user(1105, `${AD}-2000`, `${OTHER}-7`)), {
    ...{ uid: 101_105, gid: 100_513, groups: [100_513, 102_000, 110_007] },
    blocks: first.ids.blocks,
  });
  assert.equal(first.ids.blocks.length, 2);
  const again = anew(REST);
  assert.deepEqual(again.ids.blocks, first.ids.blocks);
  assert.equal(again.ids.idOf(`${AD}-1105`), 101_105);
  assert.equal(again.mapped(user(1106))?.uid, 101_106);
  // RIDs beyond the first block take another one.
  assert.equal(again.mapped(user(25_000))?.uid, 125_000);
});

test('a full range gives nothing, and what was given stays', (t) => {
  const { anew } = idmap(t);
  const small = anew({ ...REST, high: 109_999 });
  assert.equal(small.mapped(user(1105))?.uid, 101_105);
  assert.deepEqual(small.mapped(user(1105, `${OTHER}-7`))?.groups, [100_513]);
  assert.equal(small.mapped({ ...user(10_001) })?.uid, undefined);
  assert.equal(small.mapped(user(1105))?.uid, 101_105);
});

test('tdb: each SID takes the next number', (t) => {
  const { anew } = idmap(t);
  const tdb = { ...REST, backend: 'tdb', low: 3000, high: 3002, rangeSize: 1 } as const;
  const map = anew(tdb);
  assert.deepEqual(map.mapped(user(1105))?.uid, 3000);
  assert.deepEqual(map.mapped(user(1106)), {
    ...{ uid: 3002, gid: 3001, groups: [3001] },
    blocks: [map.ids.blocks[2], map.ids.blocks[1]],
  });
  assert.equal(map.mapped(user(1107))?.uid, undefined);
  assert.equal(anew(tdb).ids.sidOf(3002), `${AD}-1106`);
});

test('rid: a domain by its name, the RID above the beginning of its range', (t) => {
  const { anew } = idmap(t);
  const rid = {
    domain: 'AD',
    backend: 'rid',
    low: 50_000,
    high: 59_999,
    rangeSize: 10_000,
  } as const;
  const map = anew(rid);
  const { uid, gid, groups } = map.mapped(user(1105, `${OTHER}-7`))!;
  assert.deepEqual([uid, gid, groups], [51_105, 50_513, [50_513]]);
  assert.equal(map.mapped({ ...user(1105), domainName: 'ELSE', domainSid: OTHER })?.uid, 51_105);
  assert.equal(map.mapped(user(10_000))?.uid, undefined);
});

test('numbers of a range that is not configured any more count for nobody, until it is again', (t) => {
  const { anew } = idmap(t);
  anew(REST).mapped(user(1105));
  const without = anew();
  assert.equal(without.ids.sidOf(101_105), undefined);
  assert.equal(without.mapped(user(1105)), undefined);
  const moved = anew({ ...REST, low: 200_000, high: 299_999 });
  assert.equal(moved.mapped(user(1105))?.uid, 201_105);
  moved.configure([REST]);
  assert.equal(moved.ids.sidOf(101_105), `${AD}-1105`);
});

test('a damaged file is not replaced: nobody gets a number then', (t) => {
  const { file, anew } = idmap(t);
  for (const text of ['[{"domain":"x"}]', '{}', 'nonsense']) {
    writeFileSync(file, text);
    assert.equal(anew(REST).mapped(user(1105))?.uid, undefined);
    assert.equal(readFileSync(file, 'utf8'), text);
  }
});
