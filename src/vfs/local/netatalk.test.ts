/** What Netatalk and Samba keep of a file for the Finder is AFP_AfpInfo, and names of streams that no client can send. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { getxattr, setxattr } from '../../native/xattr.ts';
import { contentOf } from '../contract-kit.ts';
import { EEXIST, ENOENT, isErrno } from '../errno.ts';
import type { VfsHandle, VfsStreamRules } from '../vfs.ts';
import { cannotRun, now, scratchShare } from './contract-scratch.ts';
import { afpInfoOf, NETATALK } from './netatalk.ts';

const INFO = 'AFP_AfpInfo';
const FINDER_INFO_AT = 16;
/** As Netatalk lays them out: FinderInfo, comment, dates, and four numbers of its own. */
const ENTRIES = [
  [9, 122, 32],
  [4, 154, 0],
  [8, 354, 16],
  [14, 370, 4],
] as const;

function netatalk(finderInfo: string): Buffer {
  const value = Buffer.alloc(402);
  Buffer.from('0005160700020000', 'hex').copy(value);
  value.writeUInt16BE(ENTRIES.length, 24);
  for (const [index, [id, from, bytes]] of ENTRIES.entries()) {
    const at = 26 + 12 * index;
    value.writeUInt32BE(id, at);
    value.writeUInt32BE(from, at + 4);
    value.writeUInt32BE(bytes, at + 8);
  }
  value.write(finderInfo, 122, 'latin1');
  value.writeUInt32BE(0x1b44_2169, 354 + 8);
  value.write('comment', 154, 'latin1');
  return value;
}

interface Place {
  open(name: string, rules?: VfsStreamRules): VfsHandle | number;
  make(name: string, rules?: VfsStreamRules): VfsHandle | number;
  names(rules?: VfsStreamRules): string[];
  raw(attribute: string): Buffer | number;
}

function fileWith(attribute: string, value: Buffer): Place {
  const { root, tree } = scratchShare({ streamFormat: 'samba' });
  const path = join(root, 'f');
  writeFileSync(path, '');
  assert.equal(setxattr(path, attribute, value), 0);
  const object = (): VfsHandle => now(tree.lookup(['f']));
  return {
    open: (name, rules) => object().stream(name, rules) as VfsHandle | number,
    make: (name, rules) => object().createStream(name, rules) as VfsHandle | number,
    names(rules) {
      const list = object().streams(rules);
      assert.ok(Array.isArray(list));
      return list.map(({ name, size }) => `${name} ${size}`);
    },
    raw(name) {
      const found = getxattr(path, name);
      return typeof found === 'number' ? found : Buffer.from(found);
    },
  };
}

const opened = (stream: VfsHandle | number): VfsHandle => {
  assert.ok(typeof stream !== 'number', `${stream}`);
  assert.equal(stream.open({ read: true, write: true }), 0);
  return stream;
};

test('FinderInfo that Netatalk kept is AFP_AfpInfo', { skip: cannotRun }, async () => {
  const place = fileWith(NETATALK, netatalk('BARRFOOO'));
  assert.deepEqual(place.names(), [`${INFO} 60`]);
  const stream = opened(place.open('afp_afpinfo'));
  const info = Buffer.from(await contentOf(stream), 'latin1');
  assert.equal(info.toString('latin1', 0, 4), 'AFP\0');
  assert.equal(info.readUInt32BE(12), 0x1b44_2169);
  assert.equal(info.toString('latin1', FINDER_INFO_AT, FINDER_INFO_AT + 8), 'BARRFOOO');
  assert.equal(place.make(INFO), EEXIST);
});

test('a change is seen by both, and a removal', { skip: cannotRun }, async () => {
  const place = fileWith(NETATALK, netatalk('BARRFOOO'));
  const stream = opened(place.open(INFO, 'apple'));
  const info = Buffer.from(await contentOf(stream), 'latin1');
  info.write('TESTSLOW', FINDER_INFO_AT, 'latin1');
  assert.equal(stream.write(info, 0), 60);
  assert.deepEqual(place.raw(NETATALK), netatalk('TESTSLOW'));
  assert.deepEqual(place.names(), [`${INFO} 60`]);
  assert.equal(stream.remove(), 0);
  assert.deepEqual(place.raw(NETATALK), netatalk(''));
  assert.deepEqual(place.names(), []);
  assert.equal(place.open(INFO), ENOENT);
  // The comment and the dates are still there: it is none that cannot be made.
  opened(place.make(INFO));
});

test('it is removed where no stream was ever stored', { skip: cannotRun }, () => {
  const place = fileWith(NETATALK, netatalk('BARRFOOO'));
  assert.equal(opened(place.open(INFO)).remove(), 0);
  assert.deepEqual(place.raw(NETATALK), netatalk(''));
});

test('to whom streams are bytes it is no stream', { skip: cannotRun }, () => {
  const place = fileWith(NETATALK, netatalk('BARRFOOO'));
  assert.deepEqual(place.names('plain'), []);
  assert.equal(place.open(INFO, 'plain'), ENOENT);
});

test('what is no AppleDouble, or says nothing, is none', { skip: cannotRun }, () => {
  for (const value of [Buffer.from('x'), netatalk(''), netatalk('BARR').subarray(0, 130)]) {
    const place = fileWith(NETATALK, value);
    assert.deepEqual(place.names(), []);
    assert.equal(place.open(INFO), ENOENT);
    const stream = opened(place.make(INFO));
    assert.ok(!isErrno(stream));
    assert.deepEqual(place.raw(NETATALK), value);
  }
});

test('any bytes are read, or are none', () => {
  const changed = fc.tuple(fc.nat(401), fc.nat(255));
  fc.assert(
    fc.property(fc.array(changed, { maxLength: 8 }), fc.nat(402), (changes, length) => {
      const value = netatalk('BARRFOOO').subarray(0, length);
      for (const [at, byte] of changes) if (at < value.length) value[at] = byte;
      const info = afpInfoOf(value);
      assert.ok(info === undefined || info.length === 60);
    }),
  );
});

test('a stream whose name has a colon on disk is told, opened and kept', {
  skip: cannotRun,
}, async () => {
  const attribute = 'user.DosStream.bar:baz:$DATA';
  const place = fileWith(attribute, Buffer.from('data\0'));
  const told = 'bar\uf022baz';
  assert.deepEqual(place.names(), [`${told} 4`]);
  const stream = opened(place.open(told.toUpperCase()));
  assert.equal(stream.streamName(), told);
  assert.equal(await contentOf(stream), 'data');
  assert.equal(place.make(told), EEXIST);
  assert.equal(stream.write(Buffer.from('DA'), 0), 2);
  assert.deepEqual(place.raw(attribute), Buffer.from('DAta\0'));
});
