/** VFS contract: identities, times, attributes, permissions and the volume. */
import assert from 'node:assert/strict';
import { UNIX_EPOCH } from '../dtyp/filetime.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE as ARCHIVE,
  FILE_ATTRIBUTE_DIRECTORY as DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN as HIDDEN,
  FILE_ATTRIBUTE_NORMAL as NORMAL,
  FILE_ATTRIBUTE_READONLY as READONLY,
  FILE_ATTRIBUTE_SYSTEM as SYSTEM,
} from '../fscc/attributes.ts';
import { type Check, gives, type Kit, must } from './contract-kit.ts';
import type { FileTime, VfsChanges, VfsHandle, VfsStat } from './vfs.ts';

const SECOND: FileTime = 10_000_000n;

/** How far a clock may be off between the test, the kernel's ticks and the disk. */
const CLOCK_SLACK = 2n * SECOND;

/** node:fs takes times as doubles of seconds, which are good to a microsecond. */
const CORE_SLACK = 20n;

const now = (): FileTime => BigInt(Date.now()) * 10_000n + UNIX_EPOCH;

const TIMES = ['creationTime', 'lastAccessTime', 'lastWriteTime', 'changeTime'] as const;

const SAMPLES: readonly FileTime[] = [
  UNIX_EPOCH,
  UNIX_EPOCH + 1_234_567_890n * SECOND + 1n,
  UNIX_EPOCH + 1_700_000_000n * SECOND + 9_999_999n,
  UNIX_EPOCH + 4_102_444_800n * SECOND + 1_234_567n,
  // 1960 and a fraction: the seconds are negative, the fraction is not.
  UNIX_EPOCH - 315_619_200n * SECOND + 7_654_321n,
];

const distance = (a: bigint, b: bigint): bigint => (a > b ? a - b : b - a);

function isTime(kit: Kit, found: FileTime, expected: FileTime): void {
  if (kit.full) assert.equal(found, expected);
  else assert.ok(distance(found, expected) <= CORE_SLACK, `${found} is not about ${expected}`);
}

const storable = (kit: Kit): (keyof VfsChanges & keyof VfsStat)[] =>
  kit.under.vfs.features.attributes
    ? ['creationTime', 'lastAccessTime', 'lastWriteTime']
    : ['lastAccessTime', 'lastWriteTime'];

export function metadataRules(check: Check): void {
  check('fileId and volumeId name an object and stay', async (kit) => {
    await kit.mkdir('d');
    for (const name of ['a', 'b', 'd/c']) await kit.put(name, name);
    const ids = new Set<string>();
    for (const path of ['', 'd', 'a', 'b', 'd/c']) {
      const first = await kit.lookup(path);
      const second = await kit.lookup(path.toUpperCase());
      const stat = await must(first.stat());
      assert.equal(typeof stat.fileId, 'bigint');
      assert.equal(first.fileId, stat.fileId);
      assert.equal(second.fileId, stat.fileId);
      assert.equal(first.volumeId, stat.volumeId);
      assert.equal(second.volumeId, stat.volumeId);
      ids.add(`${stat.volumeId}:${stat.fileId}`);
    }
    assert.equal(ids.size, 5);
  });

  check('a new object has the times of its making', async (kit) => {
    const before = now() - CLOCK_SLACK;
    for (const kind of ['file', 'directory'] as const) {
      const handle = await kit.create(kind, kind);
      const stat = await must(handle.stat());
      for (const time of TIMES) {
        assert.ok(stat[time] >= before && stat[time] <= now() + CLOCK_SLACK, time);
      }
    }
  });

  check('each time is kept exactly and alone', async (kit) => {
    for (const kind of ['file', 'directory'] as const) {
      const handle = await kit.create(kind, kind);
      for (const sample of SAMPLES) {
        for (const time of storable(kit)) {
          const before = await must(handle.stat());
          await gives(handle.set({ [time]: sample }), 0);
          const after = await must(handle.stat());
          isTime(kit, after[time] as FileTime, sample);
          for (const other of storable(kit)) {
            if (other !== time) isTime(kit, after[other] as FileTime, before[other] as FileTime);
          }
          assert.equal(after.attributes, before.attributes);
        }
      }
      kit.close(handle);
      const found = await kit.stat(kind);
      for (const time of storable(kit)) isTime(kit, found[time] as FileTime, SAMPLES.at(-1)!);
    }
  });

  check('several times are set at once; none is none', async (kit) => {
    const handle = await kit.create('f');
    const [, one, two, three] = SAMPLES as [FileTime, FileTime, FileTime, FileTime, FileTime];
    const changes = { lastAccessTime: one, lastWriteTime: two };
    const more = kit.under.vfs.features.attributes ? { creationTime: three } : {};
    await gives(handle.set({ ...changes, ...more }), 0);
    await gives(handle.set({}), 0);
    const stat = await must(handle.stat());
    isTime(kit, stat.lastAccessTime, one);
    isTime(kit, stat.lastWriteTime, two);
    if (kit.under.vfs.features.attributes) isTime(kit, stat.creationTime, three);
  });

  check('changeTime may be set to no effect, and touches no other', async (kit) => {
    const handle = await kit.create('f');
    await gives(handle.set({ lastWriteTime: SAMPLES[1]!, lastAccessTime: SAMPLES[1]! }), 0);
    const before = await must(handle.stat());
    await gives(handle.set({ changeTime: SAMPLES[2]! }), 0);
    const after = await must(handle.stat());
    isTime(kit, after.lastWriteTime, before.lastWriteTime);
    isTime(kit, after.lastAccessTime, before.lastAccessTime);
    isTime(kit, after.creationTime, before.creationTime);
  });

  check('a write moves the time of the last write', async (kit) => {
    const handle = await kit.create('f');
    for (const change of [
      () => handle.write(Buffer.from('x'), 0),
      () => handle.truncate(0),
      () => handle.truncate(9),
    ]) {
      await gives(handle.set({ lastWriteTime: SAMPLES[1]! }), 0);
      const before = await must(handle.stat());
      assert.ok((await change()) >= 0);
      const after = await must(handle.stat());
      assert.ok(after.lastWriteTime > now() - 60n * SECOND);
      assert.ok(after.changeTime >= before.changeTime);
      assert.equal(after.creationTime, before.creationTime);
    }
  });

  check('times stay through a rename', async (kit) => {
    const handle = await kit.create('f');
    const changes = Object.fromEntries(storable(kit).map((time) => [time, SAMPLES[2]!]));
    await gives(handle.set(changes), 0);
    await gives(handle.rename(['g'], false), 0);
    const stat = await kit.stat('g');
    for (const time of storable(kit)) isTime(kit, stat[time] as FileTime, SAMPLES[2]!);
  });

  attributeRules(check);

  check('stat tells kind, sizes and links', async (kit) => {
    const file = await kit.create('f');
    const directory = await kit.create('d', 'directory');
    await gives(file.write(Buffer.alloc(10_000, 1), 0), 10_000);
    await gives(file.flush(), 0);
    const stat = await must(file.stat());
    assert.equal(stat.kind, 'file');
    assert.equal(stat.size, 10_000);
    assert.ok(stat.allocationSize >= 10_000);
    assert.equal(stat.linkCount, 1);
    assert.equal(stat.mode & 0o170000, 0o100000);
    const found = await must(directory.stat());
    assert.equal(found.kind, 'directory');
    assert.equal(found.size, 0);
    assert.equal(found.allocationSize, 0);
    assert.equal(found.mode & 0o170000, 0o040000);
  });

  check('mode is what create was given', async (kit) => {
    const modeOf = async (handle: VfsHandle) => (await must(handle.stat())).mode & 0o7777;
    assert.equal(await modeOf(await kit.create('f', 'file', { mode: 0o600 })), 0o600);
    assert.equal(await modeOf(await kit.create('d', 'directory', { mode: 0o700 })), 0o700);
  });

  check('an owner may do what the mode says', async (kit) => {
    const file = await kit.create('f', 'file', { mode: 0o600 });
    const found = await must(file.permissions());
    assert.deepEqual({ ...found, execute: false }, { ...ALL, execute: false });
    const directory = await kit.create('d', 'directory', { mode: 0o700 });
    assert.deepEqual({ ...(await must(directory.permissions())) }, ALL);
    await gives(file.removable(), 0);
    await gives(directory.removable(), 0);
  });

  check('the volume describes itself', async (kit) => {
    const volume = await must(kit.tree.volume());
    assert.ok(Number.isSafeInteger(volume.totalBytes) && volume.totalBytes > 0);
    assert.ok(volume.freeBytes >= 0 && volume.freeBytes <= volume.totalBytes);
    assert.ok(volume.availableBytes >= 0 && volume.availableBytes <= volume.freeBytes);
    assert.ok(volume.blockSize >= 1);
    assert.ok(volume.maxNameLength >= 255);
    assert.equal(volume.readOnly, false);
    assert.ok(Number.isSafeInteger(volume.volumeId));
    assert.equal((await must(kit.tree.volume())).volumeId, volume.volumeId);
    assert.ok(kit.under.vfs.features.fileSystemName.length > 0);
  });
}

const ALL = { read: true, write: true, execute: true, owns: true };

function attributeRules(check: Check): void {
  check('DIRECTORY is always right and NORMAL stands only alone', async (kit) => {
    const file = await must((await kit.create('f')).stat());
    const directory = await must((await kit.create('d', 'directory')).stat());
    assert.equal(file.attributes & DIRECTORY, 0);
    assert.equal(directory.attributes & (DIRECTORY | NORMAL), DIRECTORY);
    assert.ok(file.attributes !== 0);
    assert.ok((file.attributes & NORMAL) === 0 || file.attributes === NORMAL);
    assert.equal((await kit.stat('')).attributes & DIRECTORY, DIRECTORY);
  });

  check('attributes are kept as they were set', async (kit, context) => {
    if (!kit.under.vfs.features.attributes) {
      context.skip('features.attributes is false');
      return;
    }
    const file = await kit.create('f');
    const directory = await kit.create('d', 'directory');
    const all = READONLY | HIDDEN | SYSTEM | ARCHIVE;
    for (const bits of [READONLY, HIDDEN, SYSTEM, ARCHIVE, all, 0, all, NORMAL, DIRECTORY]) {
      const kept = bits & all;
      await gives(file.set({ attributes: bits }), 0);
      assert.equal((await must(file.stat())).attributes, kept === 0 ? NORMAL : kept);
      await gives(directory.set({ attributes: bits }), 0);
      assert.equal((await must(directory.stat())).attributes, kept | DIRECTORY);
    }
    await gives(file.set({ attributes: HIDDEN | ARCHIVE }), 0);
    await gives(file.set({ lastWriteTime: SAMPLES[1]!, creationTime: SAMPLES[2]! }), 0);
    await gives(file.rename(['g'], false), 0);
    const stat = await kit.stat('G');
    assert.equal(stat.attributes, HIDDEN | ARCHIVE);
    assert.equal(stat.creationTime, SAMPLES[2]!);
  });

  check('create stores the attributes it is given', async (kit, context) => {
    if (!kit.under.vfs.features.attributes) {
      context.skip('features.attributes is false');
      return;
    }
    await kit.create('f', 'file', { attributes: HIDDEN | ARCHIVE });
    await kit.create('n', 'file', { attributes: NORMAL });
    await kit.create('r', 'file', { attributes: READONLY });
    await kit.create('d', 'directory', { attributes: SYSTEM | NORMAL });
    assert.equal((await kit.stat('f')).attributes, HIDDEN | ARCHIVE);
    assert.equal((await kit.stat('n')).attributes, NORMAL);
    assert.equal((await kit.stat('r')).attributes, READONLY);
    assert.equal((await kit.stat('d')).attributes, SYSTEM | DIRECTORY);
  });

  check('READONLY is the server’s to enforce', async (kit, context) => {
    if (!kit.under.vfs.features.attributes) {
      context.skip('features.attributes is false');
      return;
    }
    await kit.create('f', 'file', { attributes: READONLY });
    const again = await kit.open('f');
    await gives(again.write(Buffer.from('x'), 0), 1);
    await gives(again.set({ attributes: HIDDEN }), 0);
    assert.equal((await must(again.stat())).attributes, HIDDEN);
  });
}
