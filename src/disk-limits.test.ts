/**
 * Disks at their limits, through the whole server: full in mid-write, read-only, a share's folder that vanishes
 * and returns, files and paths as large as they get. Clear statuses, and what was flushed is there.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { StatusError } from './client/client-error.ts';
import { connect } from './client/connect.ts';
import type { ClientTree } from './client/tree.ts';
import { configure } from './config/configuration.ts';
import { createServer } from './create-server.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from './dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_DISK_FULL,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from './dtyp/ntstatus.ts';
import { FileEndOfFileInformation, FileStandardInformation } from './fscc/file-information.ts';
import { FileFsFullSizeInformation } from './fscc/fs-information.ts';
import { FileInformationClass, FsInformationClass } from './fscc/information-class.ts';
import { nativeSupport } from './native/support.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from './smb2/create-options.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-disk-'));
chmodSync(folder, 0o755);
const skip = nativeSupport().unavailable ?? false;
const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
const CHUNK = Buffer.alloc(65_536, 'x');
const TINY_DISK_BYTES = 1024 * 1024;

const mounted: string[] = [];
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
after(() => {
  for (const path of mounted) execFileSync('umount', ['--lazy', path]);
  rmSync(folder, { recursive: true });
});

/** A disk of its own, in memory; undefined where nobody may mount one. */
function tinyDisk(name: string): string | undefined {
  const path = join(folder, name);
  mkdirSync(path);
  try {
    const how = ['-t', 'tmpfs', '-o', `size=${TINY_DISK_BYTES},mode=0777`, 'tiny', path];
    execFileSync('mount', how, { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  mounted.push(path);
  return path;
}

async function mount(path: string): Promise<ClientTree> {
  const server = createServer({
    configuration: configure({ shares: [{ name: 'files', path, readOnly: false }] }),
    users: [{ name: 'ann', password: 'tiger', identity }],
    hostChanges: 'off',
  });
  open.push(server);
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const client = await connect({ host: '127.0.0.1', port });
  open.push(client);
  return (await client.login({ user: 'ann', secret: 'tiger' })).treeConnect('files');
}

const refusedWith = (status: NtStatus) => (error: unknown) =>
  error instanceof StatusError && error.status === status;

test('full in mid-write: DISK_FULL, what was flushed stays, and room that is made is used', {
  skip,
}, async (t) => {
  const disk = tinyDisk('full');
  if (disk === undefined) return t.skip('may not mount');
  const tree = await mount(disk);
  await tree.writeFile('kept', CHUNK);
  const kept = await tree.open('kept', { access });
  await kept.flush();
  const growing = await tree.open('growing', { access, disposition: FILE_CREATE });
  let written = 0;
  await assert.rejects(async () => {
    for (; written < 4 * TINY_DISK_BYTES; written += CHUNK.length) {
      assert.equal(await growing.write(written, CHUNK), CHUNK.length);
    }
  }, refusedWith(STATUS_DISK_FULL));
  assert.ok(written > 0 && written < TINY_DISK_BYTES);
  const { callerAvailableAllocationUnits, totalAllocationUnits } = FileFsFullSizeInformation.read(
    await growing.queryFsInfo(FsInformationClass.FileFsFullSizeInformation),
  );
  assert.ok(callerAvailableAllocationUnits * 4096 < CHUNK.length);
  assert.equal(totalAllocationUnits * 4096, TINY_DISK_BYTES);
  assert.deepEqual(await growing.read(0, CHUNK.length), CHUNK);
  // A stream and a new file, too; the session goes on.
  await assert.rejects(
    tree.writeFile('another', Buffer.alloc(1024 * 1024)),
    refusedWith(STATUS_DISK_FULL),
  );
  await growing.close();
  assert.deepEqual(await tree.readFile('kept'), CHUNK);
  await kept.close();
  await tree.remove('growing');
  await tree.remove('another');
  await tree.writeFile('anew', CHUNK);
  assert.deepEqual(await tree.readFile('anew'), CHUNK);
});

test('a disk that becomes read-only: MEDIA_WRITE_PROTECTED, and reading goes on', {
  skip,
}, async (t) => {
  const disk = tinyDisk('fixed');
  if (disk === undefined) return t.skip('may not mount');
  const tree = await mount(disk);
  await tree.writeFile('file', CHUNK);
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  assert.deepEqual(await tree.readFile('file'), CHUNK);
  for (const work of [() => tree.writeFile('new', CHUNK), () => tree.makeDirectory('folder')]) {
    await assert.rejects(work, refusedWith(STATUS_MEDIA_WRITE_PROTECTED));
  }
  execFileSync('mount', ['-o', 'remount,rw', disk]);
  await tree.writeFile('new', CHUNK);
});

/** A disk in a file, made and mounted by shell commands; undefined where nobody may, or a program is missing. */
function diskOfFile(name: string, megabytes: number, ...commands: string[]): string | undefined {
  const path = join(folder, name);
  mkdirSync(path);
  try {
    for (const command of [`truncate --size=${megabytes}M "$1.image"`, ...commands]) {
      execFileSync('sh', ['-ec', command, 'sh', path], { stdio: 'ignore' });
      if (command.startsWith('mount')) mounted.unshift(path);
    }
  } catch {
    return undefined;
  }
  return path;
}

const EXT4 = ['mkfs.ext4 -q -F "$1.image"', 'mount -o loop "$1.image" "$1"'];
/** A limit binds root, too, who serves here: there is no privilege over it. */
const BTRFS_WITH_QUOTA = [
  ...['mkfs.btrfs -q "$1.image"', 'mount -o loop "$1.image" "$1"'],
  'btrfs quota enable "$1"; btrfs subvolume create "$1/limited"; btrfs qgroup limit 4M "$1/limited"',
];
const LIMITED: Readonly<Record<string, () => string | undefined>> = {
  'a disk of ext4 that is full': () => diskOfFile('ext4', 8, ...EXT4),
  'a quota of btrfs that is used up': () => {
    const disk = diskOfFile('btrfs', 256, ...BTRFS_WITH_QUOTA);
    return disk && join(disk, 'limited');
  },
};
for (const [what, made] of Object.entries(LIMITED)) {
  test(`${what} in mid-write: DISK_FULL, what was flushed stays, room that is made is used`, {
    skip,
  }, async (t) => {
    const path = made();
    if (path === undefined) return t.skip('may not mount, or no such disks');
    const tree = await mount(path);
    const kept = await tree.open('kept', { access, disposition: FILE_CREATE });
    await kept.write(0, CHUNK);
    await kept.flush();
    const growing = await tree.open('growing', { access, disposition: FILE_CREATE });
    let written = 0;
    await assert.rejects(async () => {
      for (; written < 16 * TINY_DISK_BYTES; written += CHUNK.length) {
        assert.equal(await growing.write(written, CHUNK), CHUNK.length);
      }
    }, refusedWith(STATUS_DISK_FULL));
    assert.ok(written > TINY_DISK_BYTES, `${written} bytes were taken`);
    // All that was acknowledged has its place.
    await growing.flush();
    execFileSync('sh', ['-c', 'echo 1 > /proc/sys/vm/drop_caches']);
    for (let at = 0; at < written; at += CHUNK.length) {
      assert.deepEqual(await growing.read(at, CHUNK.length), CHUNK);
    }
    assert.deepEqual(await kept.read(0, CHUNK.length), CHUNK);
    await growing.close();
    await kept.close();
    await tree.remove('growing');
    execFileSync('sync', ['--file-system', path]);
    await tree.writeFile('anew', CHUNK);
    assert.deepEqual(await tree.readFile('anew'), CHUNK);
  });
}

/** A file system of 64 MiB on a disk that has room for 8: what is written is taken, and not kept. */
function overcommittedDisk(): string | undefined {
  const backing = tinyDisk('backing');
  if (backing === undefined) return undefined;
  execFileSync('mount', ['-o', 'remount,size=8m', backing]);
  const image = join(backing, 'image');
  const path = join(folder, 'overcommitted');
  mkdirSync(path);
  try {
    execFileSync('truncate', ['--size=64M', image]);
    // Without a journal: one that cannot be written makes the whole disk read-only.
    const features = ['-q', '-F', '-O', '^has_journal', '-E', 'lazy_itable_init=1'];
    execFileSync('mkfs.ext4', [...features, image], { stdio: 'ignore' });
    execFileSync('mount', ['-o', 'loop,errors=continue', image, path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  mounted.unshift(path);
  chmodSync(path, 0o777);
  return path;
}

test('a disk with less behind it than it says, as thin volumes have: FLUSH says so, and what was flushed before is there', {
  skip,
}, async (t) => {
  const disk = overcommittedDisk();
  if (disk === undefined) return t.skip('may not mount, or no loop devices');
  const tree = await mount(disk);
  const kept = await tree.open('kept', { access, disposition: FILE_CREATE });
  await kept.write(0, CHUNK);
  await kept.flush();
  const lost = await tree.open('lost', { access, disposition: FILE_CREATE });
  for (let at = 0; at < 12 * TINY_DISK_BYTES; at += CHUNK.length) await lost.write(at, CHUNK);
  await assert.rejects(lost.flush(), refusedWith(STATUS_DISK_FULL));
  // The session and the other file are none the worse.
  assert.deepEqual(await kept.read(0, CHUNK.length), CHUNK);
  execFileSync('sh', ['-c', 'echo 1 > /proc/sys/vm/drop_caches']);
  assert.deepEqual(await tree.readFile('kept'), CHUNK);
  await lost.close();
  await kept.close();
});

test('4 TiB of nothing: sparse, and read where it ends', { skip }, async () => {
  const path = mkdtempSync(join(folder, 'sparse-'));
  const tree = await mount(path);
  const file = await tree.open('huge', { access, disposition: FILE_CREATE });
  const size = 4 * 1024 ** 4;
  const end = FileEndOfFileInformation.encode({ endOfFile: size });
  await file.setInfo(FileInformationClass.FileEndOfFileInformation, end);
  await file.write(size - 4, Buffer.from('end!'));
  const standard = FileStandardInformation.read(
    await file.queryInfo(FileInformationClass.FileStandardInformation),
  );
  assert.equal(standard.endOfFile, size);
  assert.ok(standard.allocationSize < 1024 * 1024);
  assert.equal((await file.read(size - 4, 10)).toString(), 'end!');
  await file.close();
});

test('deep paths: as deep as a path may be long', { skip }, async () => {
  const path = mkdtempSync(join(folder, 'deep-'));
  const tree = await mount(path);
  const names: string[] = [];
  // MS-FSCC 2.1.5: 32,760 units; more than the kernel takes in one piece.
  for (let depth = 0; depth < 60; depth++) {
    names.push('d'.repeat(200));
    await tree.makeDirectory(names.join('\\'));
  }
  const name = [...names, 'file'].join('\\');
  await tree.writeFile(name, Buffer.from('deep'));
  assert.equal((await tree.readFile(name)).toString(), 'deep');
  assert.deepEqual((await tree.list(names.join('\\'))).map((entry) => entry.name).sort(), [
    '.',
    '..',
    'file',
  ]);
});

test("a share's folder that vanishes is missing, and is there again when it returns", {
  skip,
}, async () => {
  const path = join(folder, 'coming');
  mkdirSync(path);
  const tree = await mount(path);
  await tree.writeFile('before', CHUNK);
  rmSync(path, { recursive: true });
  await assert.rejects(tree.readFile('before'), refusedWith(STATUS_OBJECT_NAME_NOT_FOUND));
  await assert.rejects(tree.writeFile('meanwhile', CHUNK));
  mkdirSync(path);
  const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
  await root.close();
  await tree.writeFile('after', CHUNK);
  assert.deepEqual((await tree.list('')).map((entry) => entry.name).sort(), ['.', '..', 'after']);
  const again = await tree.session.treeConnect('files');
  assert.deepEqual(await again.readFile('after'), CHUNK);
});
