import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeNotifyInformation,
  FILE_ACTION_ADDED,
  FILE_ACTION_REMOVED,
  FILE_ACTION_RENAMED_NEW_NAME,
  FILE_ACTION_RENAMED_OLD_NAME,
  type NotifyInformation,
  NotifyWriter,
} from './notify-information.ts';

const written = (changes: readonly NotifyInformation[], limit = 65_536): Buffer => {
  const writer = new NotifyWriter(limit);
  for (const change of changes) assert.ok(writer.add(change));
  return writer.take();
};

test('a rename as a pair, the first entry padded to 4', () => {
  const changes = [
    { action: FILE_ACTION_RENAMED_OLD_NAME, fileName: 'a' },
    { action: FILE_ACTION_RENAMED_NEW_NAME, fileName: 'd\\b' },
  ];
  const hex = '10000000 04000000 02000000 6100 0000 00000000 05000000 06000000 6400 5c00 6200';
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  assert.deepEqual(written(changes), bytes);
  assert.deepEqual(decodeNotifyInformation(bytes), changes);
});

test('what does not fit is refused and leaves what is there', () => {
  const writer = new NotifyWriter(12 + 2 + 2 + 12 + 2);
  assert.ok(writer.add({ action: FILE_ACTION_ADDED, fileName: 'a' }));
  assert.ok(!writer.add({ action: FILE_ACTION_ADDED, fileName: 'bb' }));
  assert.ok(writer.add({ action: FILE_ACTION_REMOVED, fileName: 'b' }));
  assert.deepEqual(decodeNotifyInformation(writer.take()), [
    { action: FILE_ACTION_ADDED, fileName: 'a' },
    { action: FILE_ACTION_REMOVED, fileName: 'b' },
  ]);
  assert.equal(writer.length, 0);
  assert.deepEqual(writer.take(), Buffer.alloc(0));
});

test('any list comes back; any cut or wrong list is a WireError or a list', () => {
  const change = fc.record(
    { action: fc.integer({ min: 1, max: 8 }), fileName: fc.string({ maxLength: 20 }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      const bytes = written(changes);
      assert.deepEqual(decodeNotifyInformation(bytes), changes);
      for (let cut = 0; cut < bytes.length; cut += 3) total(bytes.subarray(0, cut));
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (any) => total(Buffer.from(any))));
});

function total(bytes: Buffer): void {
  try {
    decodeNotifyInformation(bytes);
  } catch (error) {
    assert.ok(error instanceof WireError);
  }
}
