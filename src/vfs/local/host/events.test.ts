/** fanotify(7) and inotify(7): records as the kernel writes them, and any other bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeFanotifyEvents, type FanotifyEvent } from './fanotify-events.ts';
import { decodeInotifyEvents, type InotifyEvent } from './inotify-events.ts';

const hex = (...parts: string[]): Buffer => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');

/** An ext4 directory's: file system, 8 bytes of type 1, inode and generation. */
const handle = (inode: string): string => `1122334455667788 08000000 01000000 ${inode} a0b0c0d0`;
const key = (inode: string): string => hex(handle(inode)).toString('latin1');

/** struct fanotify_event_info_fid, with a name but for the object's own. */
const info = (type: string, inode: string, name: string): string => {
  const text = Buffer.from(`${name}\0`).toString('hex').padEnd(8, '0');
  const length = 4 + 24 + (type === '01' ? 0 : text.length / 2);
  return `${type}00 ${length.toString(16).padStart(2, '0')}00 ${handle(inode)}${type === '01' ? '' : text}`;
};

const event = (mask: string, pid: string, ...infos: string[]): string => {
  const body = infos.join('').replaceAll(' ', '');
  const length = (24 + body.length / 2).toString(16).padStart(2, '0');
  return `${length}000000 03 00 1800 ${mask} 00000000 ffffffff ${pid} ${body}`;
};

/** A rename of `d` to `ee` in another directory, by process 7; a file `f` that process 8 wrote and closed. */
const records = hex(
  event(
    '00000050',
    '07000000',
    info('0a', '01000000', 'd'),
    info('0c', '02000000', 'ee'),
    info('01', '03000000', ''),
  ),
  event('0a000000', '08000000', info('02', '01000000', 'f'), info('01', '04000000', '')),
  event('00400000', '00000000'),
);

const all = (bytes: Buffer): FanotifyEvent[] => {
  const events: FanotifyEvent[] = [];
  decodeFanotifyEvents(bytes, () => true, events);
  return events;
};

test('fanotify: a rename with both names, a change, an overflow', () => {
  assert.deepEqual(all(records), [
    {
      mask: 0x5000_0000,
      pid: 7,
      at: { directory: key('01000000'), name: 'd' },
      to: { directory: key('02000000'), name: 'ee' },
      target: key('03000000'),
    },
    {
      mask: 0x0a,
      pid: 8,
      at: { directory: key('01000000'), name: 'f' },
      to: undefined,
      target: key('04000000'),
    },
    { mask: 0x4000, pid: 0, at: undefined, to: undefined, target: undefined },
  ]);
  const some: FanotifyEvent[] = [];
  decodeFanotifyEvents(records, (_, pid) => pid === 8, some);
  assert.deepEqual(
    some.map(({ pid }) => pid),
    [8],
  );
});

/** `d` comes into directory 1 by cookie 9; what is in directory 2 itself has changed. */
const inotify = hex(
  '01000000 80000040 09000000 04000000 64000000',
  '02000000 04000000 00000000 00000000',
);

const seen = (bytes: Buffer): InotifyEvent[] => {
  const events: InotifyEvent[] = [];
  decodeInotifyEvents(bytes, (one) => events.push(one));
  return events;
};

test('inotify: an event with a name, and one of the directory itself', () => {
  assert.deepEqual(seen(inotify), [
    { wd: 1, mask: 0x4000_0080, cookie: 9, name: 'd' },
    { wd: 2, mask: 4, cookie: 0, name: '' },
  ]);
});

test('a name that is no UTF-8 is told as listings have it', () => {
  const broken = Buffer.from(records);
  broken[records.indexOf('f\0', 0, 'latin1')] = 0xff;
  assert.equal(all(broken)[1]!.at!.name, '\uefff');
  const other = Buffer.from(inotify);
  other[16] = 0xff;
  assert.deepEqual(
    seen(other).map(({ name }) => name),
    ['\uefff', ''],
  );
});

test('cut anywhere, or of any bytes, they give what is whole', () => {
  for (let end = 0; end <= records.length; end++)
    assert.ok(all(records.subarray(0, end)).length <= 3);
  for (let end = 0; end <= inotify.length; end++)
    assert.ok(seen(inotify.subarray(0, end)).length <= 2);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      all(Buffer.from(bytes));
      seen(Buffer.from(bytes));
    }),
  );
});
