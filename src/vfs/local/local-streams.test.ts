/** The bytes of named streams as Samba and ksmbd store them: docs/adr/0004-named-streams.md. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { getxattr, listxattr, setxattr } from '../../native/xattr.ts';
import { contentOf, must } from '../contract-kit.ts';
import { EFBIG, ENAMETOOLONG, ENOENT, ENOSPC, isErrno } from '../errno.ts';
import type { VfsHandle } from '../vfs.ts';
import { cannotRun, MEMORY_DISK, now, scratchShare } from './contract-scratch.ts';

const KiB = 1024;

interface Disk {
  /** A new file, by its name. */
  file(): string;
  stream(file: string, name: string, make?: boolean): VfsHandle;
  raw(file: string, attribute: string): Buffer | number;
  plant(file: string, attribute: string, value: Buffer): void;
  attributes(file: string): string[];
}

function disk(format: 'samba' | 'ksmbd', base?: string): Disk {
  const { root, tree } = scratchShare({ streamFormat: format }, base);
  const path = (file: string): string => join(root, file);
  let files = 0;
  return {
    file() {
      const name = `f${files++}`;
      writeFileSync(path(name), '');
      return name;
    },
    stream(file, name, make = false) {
      const object = now(tree.lookup([file]));
      const stream = now(make ? object.createStream(name) : object.stream(name));
      assert.equal(stream.open({ read: true, write: true }), 0);
      return stream;
    },
    raw(file, attribute) {
      const value = getxattr(path(file), attribute);
      return typeof value === 'number' ? value : Buffer.from(value);
    },
    plant(file, attribute, value) {
      assert.equal(setxattr(path(file), attribute, value), 0);
    },
    attributes(file) {
      const names = listxattr(path(file));
      assert.ok(!isErrno(names));
      return (names as string[]).filter((name) => name.startsWith('user.DosStream')).sort();
    },
  };
}

function onDisk(title: string, body: () => Promise<void>): void {
  test(`streams on disk: ${title}`, { skip: cannotRun }, body);
}

onDisk('Samba ends each with a NUL, ksmbd with its last byte', async () => {
  for (const [format, suffix] of [
    ['samba', '\0'],
    ['ksmbd', ''],
  ] as const) {
    const d = disk(format);
    const file = d.file();
    const stream = d.stream(file, 'strm', true);
    assert.deepEqual(d.raw(file, 'user.DosStream.strm:$DATA'), Buffer.from(suffix));
    stream.write(Buffer.from('hello\n'), 0);
    assert.deepEqual(d.raw(file, 'user.DosStream.strm:$DATA'), Buffer.from(`hello\n${suffix}`));
    stream.truncate(2);
    assert.deepEqual(d.raw(file, 'user.DosStream.strm:$DATA'), Buffer.from(`he${suffix}`));
    stream.renameStream('Zone.Identifier', false);
    assert.deepEqual(d.attributes(file), ['user.DosStream.Zone.Identifier:$DATA']);
    // A private-range character is stored as it came.
    const odd = d.stream(file, 'a\uf022b', true);
    assert.ok(d.attributes(file).includes('user.DosStream.a\uf022b:$DATA'));
    odd.close();
    stream.close();
  }
});

onDisk('what another server wrote reads the same', async () => {
  const afp = Buffer.concat([Buffer.from('AFP\0'), Buffer.alloc(56)]);
  const samba = disk('samba');
  const file = samba.file();
  samba.plant(file, 'user.DosStream.AFP_AfpInfo:$DATA', Buffer.concat([afp, Buffer.alloc(1)]));
  samba.plant(file, 'user.DosStream.empty:$DATA', Buffer.alloc(1));
  samba.plant(file, 'user.DosStream.nothing:$DATA', Buffer.alloc(0));
  samba.plant(file, 'user.DosStream.of ksmbd:$DATA', Buffer.from('text'));
  samba.plant(file, 'user.DosStream.index:$INDEX_ALLOCATION', Buffer.from('x'));
  const stream = samba.stream(file, 'afp_afpinfo');
  assert.deepEqual(Buffer.from(await contentOf(stream)), afp);
  const list = await must(stream.streams());
  assert.deepEqual(list.map(({ name, size }) => `${name} ${size}`).sort(), [
    'AFP_AfpInfo 60',
    'empty 0',
    'nothing 0',
    'of ksmbd 4',
  ]);
  stream.close();
  const ksmbd = disk('ksmbd');
  const other = ksmbd.file();
  ksmbd.plant(other, 'user.DosStream.AFP_AfpInfo:$DATA', afp);
  const same = ksmbd.stream(other, 'AFP_AfpInfo');
  assert.deepEqual(Buffer.from(await contentOf(same)), afp);
  same.close();
});

onDisk('beyond 64 KiB Samba’s format goes on in further values', async () => {
  const d = disk('samba', MEMORY_DISK);
  const file = d.file();
  const stream = d.stream(file, 's', true);
  const bytes = Buffer.from(Array.from({ length: 150 * KiB }, (_, i) => (i * 7) & 0xff));
  const written = stream.write(bytes, 0);
  // A memory disk of an older kernel takes no user attributes of that size.
  if (written === ENOSPC) return;
  assert.equal(written, bytes.length);
  const first = d.raw(file, 'user.DosStream.s:$DATA') as Buffer;
  assert.equal(first.length, 64 * KiB);
  assert.equal(first[first.length - 1], 2);
  assert.deepEqual(first.subarray(0, -1), bytes.subarray(0, 64 * KiB - 1));
  const third = d.raw(file, 'user.DosStreamExt.2.s:$DATA') as Buffer;
  assert.deepEqual(third, bytes.subarray(128 * KiB - 1));
  const read = Buffer.alloc(bytes.length);
  assert.equal(stream.read(read, 0), bytes.length);
  assert.deepEqual(read, bytes);
  assert.equal(stream.renameStream('t', false), 0);
  assert.equal(stream.read(read, 0), bytes.length);
  assert.deepEqual(d.attributes(file), [
    'user.DosStream.t:$DATA',
    'user.DosStreamExt.1.t:$DATA',
    'user.DosStreamExt.2.t:$DATA',
  ]);
  assert.equal(stream.truncate(10), 0);
  assert.deepEqual(d.attributes(file), ['user.DosStream.t:$DATA']);
  assert.equal(stream.write(Buffer.alloc(1), 1024 * KiB), EFBIG);
  assert.equal(stream.truncate(1024 * KiB - 1), 0);
  assert.equal(stream.remove(), 0);
  assert.deepEqual(d.attributes(file), []);
  stream.close();
});

onDisk('a count of values that are not there is no count', async () => {
  const d = disk('samba');
  const file = d.file();
  d.plant(file, 'user.DosStream.s:$DATA', Buffer.from([1, 2, 3]));
  const stream = d.stream(file, 's');
  const read = Buffer.alloc(3);
  assert.equal(stream.read(read, 0), 3);
  assert.deepEqual(read, Buffer.from([1, 2, 3]));
  // From here on it is Samba's.
  stream.write(Buffer.from([9]), 0);
  assert.deepEqual(d.raw(file, 'user.DosStream.s:$DATA'), Buffer.from([9, 2, 3, 0]));
  stream.close();
});

onDisk('the longest name is what an attribute’s may be', async () => {
  const d = disk('samba');
  const file = d.file();
  d.stream(file, 'x'.repeat(234), true).close();
  const handle = d.stream(file, 'x'.repeat(234)).base!;
  assert.equal(handle.createStream('y'.repeat(235)), ENAMETOOLONG);
  assert.equal(handle.createStream('é'.repeat(118)), ENAMETOOLONG);
  handle.close();
});

onDisk('what another program takes away is gone, and comes not back', async () => {
  const d = disk('samba');
  const file = d.file();
  const stream = d.stream(file, 's', true);
  const other = d.stream(file, 's').base!;
  assert.equal(other.removeStream('s'), 0);
  assert.equal(stream.write(Buffer.from('x'), 0), ENOENT);
  assert.deepEqual(d.attributes(file), []);
  other.close();
  stream.close();
});
