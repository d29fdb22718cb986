/**
 * MS-SMB2 3.3.5.9.4, 3.3.5.15.1 over snapshots that btrfs makes: subvolumes, each a device of its own to stat(2), on a
 * disk that is a file here.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from './client/connect.ts';
import type { OpenOptions } from './client/requests.ts';
import type { ClientTree } from './client/tree.ts';
import { configure } from './config/configuration.ts';
import { createServer } from './create-server.ts';
import { FILE_GENERIC_READ } from './dtyp/access-mask.ts';
import { nativeSupport } from './native/support.ts';
import { encodeTimewarpToken } from './smb2/create-context-values.ts';
import { Fsctl } from './smb2/fsctl.ts';
import { decodeSnapshotArray, timeOfToken } from './smb2/snapshots.ts';

const OLD = '@GMT-2015.10.31-19.40.30';
const NEWER = '@GMT-2020.02.29-00.00.00';
/** The smallest that mkfs.btrfs makes with room to spare. */
const DISK_BYTES = 256 * 1024 * 1024;

const scratch = mkdtempSync(join(tmpdir(), 'usmbd-btrfs-'));
const disk = join(scratch, 'disk');
let isMounted = false;
after(() => {
  if (isMounted) spawnSync('umount', [disk]);
  rmSync(scratch, { recursive: true, force: true });
});

/** Why not; undefined where it is mounted. */
function mounted(): string | undefined {
  if (process.getuid?.() !== 0) return 'a disk is mounted by root';
  const image = join(scratch, 'image');
  writeFileSync(image, '');
  truncateSync(image, DISK_BYTES);
  mkdirSync(disk);
  for (const command of [`mkfs.btrfs -q ${image}`, `mount -o loop ${image} ${disk}`]) {
    const { status, error, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
    if (status !== 0) return `${command}: ${error?.message ?? stderr.trim()}`;
  }
  isMounted = true;
  chmodSync(scratch, 0o755);
  return undefined;
}

const skip = nativeSupport().unavailable ?? mounted() ?? false;

function btrfs(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('btrfs', args, { encoding: 'utf8' });
  assert.equal(status, 0, `btrfs ${args.join(' ')}: ${stderr}`);
}

/** A subvolume that is shared, and two snapshots of it in `snapshots`. */
function lay(name: string, snapshots: string): string {
  const shared = join(disk, name);
  btrfs('subvolume', 'create', shared);
  mkdirSync(snapshots, { recursive: true });
  for (const when of [OLD, NEWER]) {
    mkdirSync(join(shared, 'sub'), { recursive: true });
    writeFileSync(join(shared, 'sub', 'file'), `of ${when}`);
    btrfs('subvolume', 'snapshot', '-r', shared, join(snapshots, when));
  }
  writeFileSync(join(shared, 'sub', 'file'), 'of today');
  return shared;
}

async function mount(path: string, layout: object): Promise<ClientTree> {
  const vfsObjects = ['streams_xattr', 'acl_xattr', 'shadow_copy2'];
  const share = { name: 's', path, readOnly: false, vfsObjects, ...layout };
  const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
  const server = createServer({
    configuration: configure({ shares: [share] }),
    users: [{ name: 'u', password: 'p', identity }],
    hostChanges: 'off',
  });
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const connection = await connect({ host: '127.0.0.1', port });
  after(async () => {
    await connection.close();
    await server.close();
  });
  return (await connection.login({ user: 'u', secret: 'p' })).treeConnect('s');
}

async function textOf(tree: ClientTree, name: string, token?: string): Promise<string> {
  const contexts = token && [{ name: 'TWrp', data: encodeTimewarpToken(timeOfToken(token)!) }];
  const how: OpenOptions = { access: FILE_GENERIC_READ, ...(contexts && { contexts }) };
  const file = await tree.open(name, how);
  try {
    return (await file.readAll()).toString();
  } finally {
    await file.close();
  }
}

async function hasBoth(tree: ClientTree): Promise<void> {
  const root = await tree.open('', { access: FILE_GENERIC_READ });
  const told = await root.ioctl(Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS, { maxOutput: 4096 });
  await root.close();
  assert.deepEqual(decodeSnapshotArray(told).tokens, [NEWER, OLD]);
  assert.equal(await textOf(tree, 'sub\\file'), 'of today');
  for (const token of [OLD, NEWER]) {
    assert.equal(await textOf(tree, 'SUB\\FILE', token), `of ${token}`);
    assert.equal(await textOf(tree, `sub\\${token}\\file`), `of ${token}`);
    const listed = await tree.list(`${token}\\sub`, '*');
    assert.deepEqual(listed.map((entry) => entry.name).sort(), ['.', '..', 'file']);
  }
}

test('snapshots within the subvolume that is shared, as without parameters', { skip }, async () => {
  const shared = lay('within', join(disk, 'within-snapshots'));
  mkdirSync(join(shared, '.snapshots'));
  for (const when of [OLD, NEWER]) {
    const from = join(disk, 'within-snapshots', when);
    btrfs('subvolume', 'snapshot', '-r', from, join(shared, '.snapshots', when));
  }
  await hasBoth(await mount(shared, {}));
});

test('snapshots beside it, which "shadow:snapdir" and "shadow:basedir" name', {
  skip,
}, async () => {
  const snapshots = join(disk, 'snapshots');
  const shared = lay('beside', snapshots);
  await hasBoth(await mount(shared, { snapshotFolder: snapshots, snapshotBase: shared }));
});

test('a folder of the subvolume that is shared', { skip }, async () => {
  const snapshots = join(disk, 'snapshots-of-all');
  const shared = join(lay('all', snapshots), 'sub');
  const tree = await mount(shared, {
    snapshotFolder: snapshots,
    snapshotBase: join(disk, 'all'),
  });
  assert.equal(await textOf(tree, 'file'), 'of today');
  assert.equal(await textOf(tree, 'file', OLD), `of ${OLD}`);
});
