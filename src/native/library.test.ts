/** The native layer against node:fs, and switched off. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as k from './constants.ts';
import { hasEntries, type RawEntry, readEntries, readSomeNames } from './directory.ts';
import * as files from './files.ts';
import { fsgid, fsuid, ownGroups, secureBits } from './identity.ts';
import { addressOf } from './library.ts';
import * as names from './names.ts';
import { fstatfs, statx, stfs, stx } from './stat.ts';
import { nativeSupport } from './support.ts';
import * as xattr from './xattr.ts';

const { unavailable } = nativeSupport();
const skip = unavailable ?? false;
const EAGAIN = -11;
const EBADF = -9;
const EEXIST = -17;
const ELOOP = -40;
const ENODATA = -61;
const ENOENT = -2;
const ENOSYS = -38;
const EOPNOTSUPP = -95;
const EXDEV = -18;

const root = mkdtempSync(join(tmpdir(), 'usmbd-native-'));
after(() => rmSync(root, { recursive: true, force: true }));

const dir = files.openat(k.AT_FDCWD, root, k.O_PATH | k.O_DIRECTORY);

test('statx tells what fs.statSync tells', { skip }, () => {
  const path = join(root, 'stat');
  writeFileSync(path, 'x'.repeat(5000));
  linkSync(path, join(root, 'stat2'));
  // Before 1970: the seconds are negative.
  utimesSync(path, -1000, -2000.25);
  for (const name of ['stat', '.']) {
    const found = lstatSync(join(root, name), { bigint: true });
    assert.equal(statx(dir, name, k.AT_SYMLINK_NOFOLLOW), 0);
    assert.equal(stx.inode(), found.ino);
    assert.equal(BigInt(stx.inodeHigh()) * 2n ** 32n + BigInt(stx.inodeLow()), found.ino);
    assert.equal(BigInt(stx.linkCount()), found.nlink);
    assert.equal(BigInt(stx.uid()), found.uid);
    assert.equal(BigInt(stx.gid()), found.gid);
    assert.equal(BigInt(stx.mode()), found.mode);
    assert.equal(BigInt(stx.size()), found.size);
    assert.equal(BigInt(stx.blocks512()), found.blocks);
    const nanoseconds = (seconds: number, rest: number): bigint =>
      BigInt(seconds) * 1_000_000_000n + BigInt(rest);
    const modified = nanoseconds(stx.modificationSeconds(), stx.modificationNanoseconds());
    assert.equal(modified, found.mtimeNs);
    assert.equal(nanoseconds(stx.accessSeconds(), stx.accessNanoseconds()), found.atimeNs);
    assert.equal(nanoseconds(stx.changeSeconds(), stx.changeNanoseconds()), found.ctimeNs);
    if ((stx.mask() & k.STATX_BTIME) !== 0) {
      assert.equal(nanoseconds(stx.birthSeconds(), stx.birthNanoseconds()), found.birthtimeNs);
    }
  }
  assert.equal(statx(dir, 'none', 0), ENOENT);
});

test('fstatfs tells what fs.statfsSync tells', { skip }, () => {
  const found = statfsSync(root);
  assert.equal(fstatfs(dir), 0);
  assert.equal(stfs.type(), found.type >>> 0);
  assert.equal(stfs.blockSize(), found.bsize);
  assert.equal(stfs.blocks(), found.blocks);
  assert.ok(stfs.nameLength() >= 255);
  assert.equal(fstatfs(-1), EBADF);
});

test('openBeneath leaves the directory by no way', {
  skip: skip || !nativeSupport().openat2,
}, () => {
  mkdirSync(join(root, 'in'));
  writeFileSync(join(root, 'in', 'f'), '');
  symlinkSync('/etc', join(root, 'in', 'out'));
  symlinkSync('f', join(root, 'in', 'link'));
  const flags = k.O_PATH | k.O_NOFOLLOW;
  const found = files.openBeneath(dir, 'in/f', flags);
  assert.ok(found >= 0);
  assert.equal(files.close(found), 0);
  const link = files.openBeneath(dir, 'in/link', flags);
  assert.equal(statx(link, '', k.AT_EMPTY_PATH), 0);
  assert.equal(stx.mode() & k.S_IFMT, k.S_IFLNK);
  files.close(link);
  assert.equal(files.openBeneath(dir, 'in/out/passwd', flags), ELOOP);
  assert.equal(files.openBeneath(dir, '../x', flags), EXDEV);
  assert.equal(files.openBeneath(dir, '/etc', flags), EXDEV);
  assert.equal(files.openBeneath(dir, 'in/link', k.O_RDONLY), ELOOP);
  assert.equal(files.openBeneath(dir, 'none', flags), ENOENT);
});

test('bytes are read and written where they belong, in a part of a buffer', { skip }, () => {
  const fd = files.openat(dir, 'bytes', k.O_CREAT | k.O_EXCL | k.O_RDWR, 0o600);
  const outer = Buffer.from('..payload..');
  const inner = outer.subarray(2, 9);
  assert.equal(addressOf(inner) - addressOf(outer), 2);
  const far = 5 * 2 ** 32 + 1;
  assert.equal(files.pwrite(fd, inner, 3, 4, far), 4);
  assert.equal(statx(fd, '', k.AT_EMPTY_PATH), 0);
  assert.equal(stx.size(), far + 4);
  for (const read of [files.pread, files.preadNowait]) {
    const buffer = Buffer.from('---------').subarray(1, 8);
    const count = read(fd, buffer, 1, 6, far);
    // A disk that has no non-blocking reads, or has not cached what was written.
    if (count === EOPNOTSUPP || count === EAGAIN) continue;
    assert.equal(count, 4);
    assert.equal(buffer.toString(), '-load--');
  }
  assert.equal(files.ftruncate(fd, 4 * 2 ** 32), 0);
  assert.equal(files.pread(fd, outer, 0, 4, far), 0);
  const copy = files.openat(dir, 'bytes', k.O_RDONLY);
  assert.equal(files.dup3(fd, copy), copy);
  assert.equal(files.pwrite(copy, outer, 0, 1, 0), 1);
  assert.equal(files.close(copy), 0);
  assert.equal(files.reserve(fd, 100_000), 0);
  assert.equal(files.fdatasync(fd), 0);
  assert.equal(files.fsync(fd), 0);
  assert.equal(files.close(fd), 0);
  assert.equal(files.close(fd), EBADF);
  assert.equal(files.pread(fd, outer, 0, 1, 0), EBADF);
  assert.equal(files.preadNowait(fd, outer, 0, 1, 0), EBADF);
});

test('names are made, moved, linked and removed', { skip }, () => {
  assert.equal(names.mkdirat(dir, 'names', 0o755), 0);
  assert.equal(names.mkdirat(dir, 'names', 0o755), EEXIST);
  const at = files.openat(dir, 'names', k.O_PATH);
  writeFileSync(join(root, 'names', 'a'), 'a');
  assert.equal(names.linkat(at, 'a', at, 'b', 0), 0);
  assert.equal(names.renameat2(at, 'a', at, 'b', k.RENAME_NOREPLACE), EEXIST);
  assert.equal(names.renameat2(at, 'a', at, 'ä', k.RENAME_NOREPLACE), 0);
  assert.deepEqual(readdirSync(join(root, 'names')).sort(), ['b', 'ä']);
  assert.equal(names.unlinkat(at, 'b', 0), 0);
  assert.equal(names.unlinkat(at, 'b', 0), ENOENT);
  assert.equal(names.fchmodat(at, 'ä', 0o640), 0);
  assert.equal(statSync(join(root, 'names', 'ä')).mode & 0o7777, 0o640);
  const at1960 = { seconds: -315_619_200n, nanoseconds: 123_456_700 };
  assert.equal(names.utimensat(at, 'ä', undefined, at1960, 0), 0);
  const { mtimeNs } = statSync(join(root, 'names', 'ä'), { bigint: true });
  assert.equal(mtimeNs, -315_619_200_000_000_000n + 123_456_700n);
  symlinkSync('to/somewhere', join(root, 'names', 'link'));
  const target = names.readlinkat(at, 'link');
  assert.equal(target.toString(), readlinkSync(join(root, 'names', 'link')));
  assert.equal(names.faccessat2(at, 'ä', k.R_OK, k.AT_EACCESS), 0);
  assert.equal(names.faccessat2(at, 'none', k.R_OK, k.AT_EACCESS), ENOENT);
  files.close(at);
});

test('a directory is read whole, without dots, and names that are no text as disk-names.ts has them', {
  skip,
}, () => {
  mkdirSync(join(root, 'many'));
  const expected: string[] = [];
  for (let i = 0; i < 2500; i++) {
    // Names of every length up to 60, so that the records' padding varies.
    const name = `${'n'.repeat(i % 60)}${i}`;
    expected.push(name);
    writeFileSync(join(root, 'many', name), '');
  }
  for (const name of ['.hidden', '..two', '...', 'ünïcödé', '\ufffd real']) {
    expected.push(name);
    writeFileSync(join(root, 'many', name), '');
  }
  const broken = Buffer.concat([Buffer.from(`${root}/many/x`), Buffer.from([0xff, 0xfe])]);
  writeFileSync(broken, '');
  expected.push('x\uefff\ueffe');
  const fd = files.openat(dir, 'many', k.O_RDONLY | k.O_DIRECTORY);
  const found: RawEntry[] = [];
  while (readEntries(fd, found) === 'more');
  assert.deepEqual(found.map((entry) => entry.name).sort(), expected.sort());
  for (const { name, inode } of found.slice(0, 50)) {
    assert.equal(inode, lstatSync(join(root, 'many', name), { bigint: true }).ino);
  }
  assert.equal(files.rewind(fd), 0);
  const again: string[] = [];
  const batches: number[] = [];
  do batches.push(readSomeNames(fd, (name) => again.push(name)));
  while (batches.at(-1)! > 0);
  assert.equal(batches.at(-1), 0);
  assert.ok(batches.length > 2, 'a batch is 64 KiB');
  assert.deepEqual(again.sort(), expected);
  files.rewind(fd);
  assert.equal(hasEntries(fd), true);
  files.close(fd);
  assert.equal(
    readSomeNames(fd, () => {}),
    EBADF,
  );
  assert.equal(hasEntries(fd), EBADF);
  assert.equal(readEntries(fd, []), EBADF);
});

test('a name that is no text counts as an entry', { skip }, () => {
  mkdirSync(join(root, 'one'));
  const fd = files.openat(dir, 'one', k.O_RDONLY | k.O_DIRECTORY);
  assert.equal(hasEntries(fd), false);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/one/`), Buffer.from([0xff])]), '');
  files.rewind(fd);
  assert.equal(hasEntries(fd), true);
  files.close(fd);
});

test('extended attributes go in and out by every way', { skip }, (context) => {
  const path = join(root, 'xattr');
  writeFileSync(path, '');
  const value = Buffer.from([0, 1, 2, 255]);
  const set = xattr.setxattr(path, 'user.usmbd', value);
  if (set === EOPNOTSUPP) {
    context.skip('no extended attributes here');
    return;
  }
  assert.equal(set, 0);
  const fd = files.openat(dir, 'xattr', k.O_RDWR);
  const ways: [string, (name: string) => Buffer | number][] = [
    ['fgetxattr', (name) => xattr.fgetxattr(fd, name)],
    ['getxattr', (name) => xattr.getxattr(path, name)],
    ['lgetxattr', (name) => xattr.lgetxattr(path, name)],
  ];
  if (xattr.hasGetxattrat) {
    ways.push(['getxattrat', (name) => xattr.getxattrat(dir, 'xattr', false, name)]);
  }
  for (const [way, get] of ways) {
    assert.deepEqual(Buffer.from(get('user.usmbd') as Buffer), value, way);
    assert.equal(get('user.none'), ENODATA, way);
  }
  assert.equal(xattr.fsetxattr(fd, 'user.two', Buffer.alloc(0)), 0);
  assert.deepEqual((xattr.flistxattr(fd) as string[]).sort(), ['user.two', 'user.usmbd']);
  assert.deepEqual(xattr.listxattr(path), xattr.flistxattr(fd));
  const listed = Buffer.from(xattr.flistxattrBytes(fd) as Buffer);
  assert.deepEqual(listed.toString().split('\0').sort(), ['', 'user.two', 'user.usmbd']);
  if (xattr.hasGetxattrat) assert.deepEqual(xattr.listxattratBytes(dir, 'xattr'), listed);
  assert.equal(xattr.fremovexattr(fd, 'user.two'), 0);
  assert.equal(xattr.removexattr(path, 'user.usmbd'), 0);
  assert.deepEqual(xattr.flistxattr(fd), []);
  files.close(fd);
});

test('the thread knows who it is', { skip }, () => {
  assert.equal(fsuid(), process.geteuid?.());
  assert.equal(fsgid(), process.getegid?.());
  const groups = /^Groups:[ \t]*(.*?)[ \t]*$/m.exec(
    readFileSync('/proc/self/status', 'latin1'),
  )![1]!;
  assert.equal(ownGroups()?.join(' '), groups);
  assert.ok(secureBits() >= 0);
});

test('USMBD_NATIVE=0 leaves functions that fail and a reason', () => {
  const script = `
    import { nativeSupport } from './support.ts';
    import { openat, pwrite } from './files.ts';
    import { statx } from './stat.ts';
    import { hasGetxattrat } from './xattr.ts';
    const { unavailable, openat2 } = nativeSupport();
    const results = [openat(-100, '/', 0), pwrite(1, Buffer.from('x'), 0, 1, 0), statx(0, '', 0)];
    console.log(JSON.stringify({ unavailable, openat2, hasGetxattrat, results }));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    env: { ...process.env, USMBD_NATIVE: '0', NODE_NO_WARNINGS: '1' },
    encoding: 'utf8',
  });
  assert.deepEqual(JSON.parse(output), {
    unavailable: 'USMBD_NATIVE=0 switches it off',
    openat2: false,
    hasGetxattrat: false,
    results: [ENOSYS, ENOSYS, ENOSYS],
  });
});
