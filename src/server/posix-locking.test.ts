/** `posix locking` through the whole server: another program of the host with locks of fcntl(2), and clients with theirs. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, SHARE, startServer } from '../../test/support/in-process-server.ts';
import type { ClientFile } from '../client/file.ts';
import { configure } from '../config/configuration.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { STATUS_LOCK_NOT_GRANTED } from '../dtyp/ntstatus.ts';
import { FILE_OPEN_IF } from '../smb2/create-options.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../smb2/lock.ts';
import { scratchShare, cannotRun as skip } from '../vfs/local/contract-scratch.ts';
import { createLocalVfs } from '../vfs/local/local-vfs.ts';

/** struct flock of 64 bits: fcntl(2), F_SETLK. */
const PERL_LOCK = `
  use Fcntl; $| = 1;
  my ($path, $type, $start, $length) = @ARGV;
  open my $file, $type == F_RDLCK ? "<" : "+<", $path or die $!;
  my $lock = pack "s s x4 q q i x4", $type, 0, $start, $length, 0;
  print fcntl($file, F_SETLK, $lock) ? "locked\\n" : "refused\\n";
`;
const F_RDLCK = 0;
const F_WRLCK = 1;

const asArguments = (values: readonly (string | number)[]): string[] => values.map(String);

/** What another program is told which wants a lock. */
const tries = (path: string, type: number, start: number, length: number): string =>
  spawnSync('perl', ['-e', PERL_LOCK, ...asArguments([path, type, start, length])], {
    encoding: 'utf8',
  }).stdout.trim();

/** Another program that has a lock until its input ends. */
async function holder(path: string, start: number, length: number): Promise<ChildProcess> {
  const code = `${PERL_LOCK} <STDIN>;`;
  const child = spawn('perl', ['-e', code, ...asArguments([path, F_WRLCK, start, length])]);
  const [told] = await once(child.stdout, 'data');
  assert.equal(String(told).trim(), 'locked');
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  child.stdin!.end();
  await once(child, 'exit');
}

const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
const SHARED = SMB2_LOCKFLAG_SHARED_LOCK;
const NOW = SMB2_LOCKFLAG_FAIL_IMMEDIATELY;

const locks = (file: ClientFile, flags: number, offset: number | bigint, length: number) =>
  file.lock([{ flags, offset: BigInt(offset), length: BigInt(length) }]);

const refused = (attempt: Promise<void>) =>
  assert.rejects(attempt, { status: STATUS_LOCK_NOT_GRANTED });

async function serving(posixLocking: boolean) {
  const { root } = scratchShare();
  const server = await startServer({
    configuration: configure({
      global: {},
      shares: [{ name: SHARE, path: root, readOnly: false, posixLocking }],
    }),
    shares: [{ name: SHARE, vfs: createLocalVfs({ root }) }],
  });
  const connection = await server.connect();
  const tree = await (await connection.login(credentials)).treeConnect(SHARE);
  const open = (access = FILE_GENERIC_READ | FILE_GENERIC_WRITE) =>
    tree.open('file', { access, disposition: FILE_OPEN_IF });
  return { server, open, path: join(root, 'file') };
}

test('what another program has locked is refused, and had by who waits for it', {
  skip,
}, async () => {
  const { server, open, path } = await serving(true);
  try {
    const file = await open();
    const other = await holder(path, 10, 5);
    await refused(locks(file, EXCLUSIVE | NOW, 12, 1));
    await refused(locks(file, SHARED | NOW, 0, 11));
    await locks(file, EXCLUSIVE | NOW, 15, 10);
    const waiting = locks(file, EXCLUSIVE, 14, 1);
    const early = await Promise.race([waiting.then(() => true), sleep(300)]);
    assert.notEqual(early, true);
    await ended(other);
    await waiting;
    assert.equal(tries(path, F_RDLCK, 14, 1), 'refused');
  } finally {
    await server.close();
  }
});

test('what clients have locked other programs see, and nothing after that', { skip }, async () => {
  const { server, open, path } = await serving(true);
  try {
    const [one, two] = [await open(), await open()];
    await locks(one, EXCLUSIVE | NOW, 100, 10);
    await locks(one, SHARED | NOW, 105, 10);
    await locks(two, SHARED | NOW, 110, 10);
    // Windows' locks lie on each other, and the stronger counts.
    assert.equal(tries(path, F_RDLCK, 109, 1), 'refused');
    assert.equal(tries(path, F_RDLCK, 110, 10), 'locked');
    assert.equal(tries(path, F_WRLCK, 119, 1), 'refused');
    assert.equal(tries(path, F_WRLCK, 0, 100), 'locked');
    await locks(one, SMB2_LOCKFLAG_UNLOCK, 100, 10);
    assert.equal(tries(path, F_WRLCK, 100, 5), 'locked');
    assert.equal(tries(path, F_RDLCK, 100, 20), 'locked');
    assert.equal(tries(path, F_WRLCK, 105, 1), 'refused');
    await one.close();
    assert.equal(tries(path, F_WRLCK, 105, 5), 'locked');
    assert.equal(tries(path, F_WRLCK, 110, 1), 'refused');
    await two.close();
    assert.equal(tries(path, F_WRLCK, 0, 0), 'locked');
  } finally {
    await server.close();
  }
});

/** How many descriptors of the file this process, which is the server, has. */
function descriptorsOf(path: string): number {
  let count = 0;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) === path) count += 1;
    } catch {
      // The one that lists the folder itself.
    }
  }
  return count;
}

test('one descriptor serves the locks of a file, until nobody has it open', { skip }, async () => {
  const { server, open, path } = await serving(true);
  try {
    const [one, two] = [await open(), await open()];
    const before = descriptorsOf(path);
    for (let i = 0; i < 3; i++) {
      await locks(one, EXCLUSIVE | NOW, i, 1);
      assert.equal(descriptorsOf(path), before + 1);
      assert.equal(tries(path, F_RDLCK, i, 1), 'refused');
      await locks(one, SMB2_LOCKFLAG_UNLOCK, i, 1);
      assert.equal(tries(path, F_WRLCK, 0, 0), 'locked');
    }
    await one.close();
    await locks(two, EXCLUSIVE | NOW, 0, 1);
    assert.equal(tries(path, F_RDLCK, 0, 1), 'refused');
    await two.close();
    assert.equal(descriptorsOf(path), 0);
    const again = await open();
    await locks(again, EXCLUSIVE | NOW, 0, 1);
    assert.equal(tries(path, F_RDLCK, 0, 1), 'refused');
  } finally {
    await server.close();
  }
});

test('who only reads locks for reading on the disk, until somebody who writes locks', {
  skip,
}, async () => {
  const { server, open, path } = await serving(true);
  try {
    await (await open()).close();
    const reader = await open(FILE_GENERIC_READ);
    await locks(reader, EXCLUSIVE | NOW, 0, 10);
    assert.equal(tries(path, F_RDLCK, 0, 10), 'locked');
    assert.equal(tries(path, F_WRLCK, 0, 10), 'refused');
    const writer = await open();
    await locks(writer, EXCLUSIVE | NOW, 20, 10);
    for (const at of [0, 20]) assert.equal(tries(path, F_RDLCK, at, 10), 'refused');
    // Beyond what the kernel counts, SMB's rules alone.
    await locks(writer, EXCLUSIVE | NOW, 2n ** 63n, 10);
    await locks(writer, EXCLUSIVE | NOW, 2n ** 63n - 5n, 5);
    await refused(locks(reader, SHARED | NOW, 2n ** 63n, 10));
  } finally {
    await server.close();
  }
});

test('posix locking = no', { skip }, async () => {
  const { server, open, path } = await serving(false);
  try {
    const file = await open();
    const other = await holder(path, 0, 10);
    await locks(file, EXCLUSIVE | NOW, 0, 10);
    await ended(other);
    assert.equal(tries(path, F_WRLCK, 0, 10), 'locked');
  } finally {
    await server.close();
  }
});
