/** Acting for users: what the kernel says of the thread meanwhile and after, and what is refused. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EACCES, EINVAL, EPERM } from '../errno.ts';
import { cannotRun, isRoot, NOBODY, now, scratchShare } from './contract-scratch.ts';
import { canBecomeUsers, credentialsFor } from './credentials.ts';

const skip = cannotRun || !isRoot ? cannotRun || 'needs root' : false;

/** Uid, Gid (the last column is the file system's), Groups and effective capabilities. */
function self(): { uid: string; gid: string; groups: string; capabilities: bigint } {
  const status = readFileSync('/proc/thread-self/status', 'latin1');
  const line = (name: string): string =>
    new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)![1]!;
  return {
    uid: line('Uid').split('\t')[3]!,
    gid: line('Gid').split('\t')[3]!,
    groups: line('Groups'),
    capabilities: BigInt(`0x${line('CapEff')}`),
  };
}

const CAP_DAC_OVERRIDE = 1n << 1n;

test('the thread is the user between enter and leave, and itself after', { skip }, () => {
  const before = self();
  const credentials = credentialsFor({ uid: 1234, gid: 2345, groups: [7, 9] }, true);
  assert.ok(typeof credentials !== 'number');
  for (let i = 0; i < 3; i++) {
    assert.equal(credentials.enter(), 0);
    const during = self();
    credentials.leave();
    assert.deepEqual(
      { ...during, capabilities: during.capabilities & CAP_DAC_OVERRIDE },
      { uid: '1234', gid: '2345', groups: '7 9', capabilities: 0n },
    );
    assert.deepEqual(self(), before);
  }
  credentials.leave();
  assert.deepEqual(self(), before);
});

test('ids that are none are refused', { skip }, () => {
  for (const id of [-1, 0xffff_ffff, 1.5, Number.NaN]) {
    assert.equal(credentialsFor({ uid: id, gid: 1, groups: [] }, true), EINVAL);
    assert.equal(credentialsFor({ uid: 1, gid: id, groups: [] }, true), EINVAL);
    assert.equal(credentialsFor({ uid: 1, gid: 1, groups: [id] }, true), EINVAL);
  }
});

test('an identity that the kernel does not take leaves the thread as it was', { skip }, () => {
  const before = self();
  const groups = Array.from({ length: 65537 }, (_, i) => i);
  const credentials = credentialsFor({ uid: 1, gid: 1, groups }, true);
  assert.ok(typeof credentials !== 'number');
  assert.equal(credentials.enter(), EINVAL);
  assert.deepEqual(self(), before);
});

test('supplementary groups open what they may, and only for their user', { skip }, () => {
  const { root, as } = scratchShare();
  writeFileSync(join(root, 'team'), 'x');
  chownSync(join(root, 'team'), 0, 4711);
  chmodSync(join(root, 'team'), 0o640);
  const read = { read: true, write: false };
  const member = now(as({ uid: 1000, gid: 1000, groups: [1000, 4711] }).lookup(['team']));
  assert.equal(member.open(read), 0);
  const stranger = now(as({ uid: 1000, gid: 1000, groups: [1000] }).lookup(['team']));
  assert.equal(stranger.open(read), EACCES);
  member.close();
  stranger.close();
});

test('a write by a user takes setuid away', { skip }, () => {
  const { root, as, tree } = scratchShare();
  for (const change of ['write', 'truncate'] as const) {
    const path = join(root, change);
    writeFileSync(path, 'abc');
    chmodSync(path, 0o6777);
    const handle = now(as(NOBODY).lookup([change]));
    assert.equal(handle.open({ read: false, write: true }), 0);
    if (change === 'write') assert.equal(handle.write(Buffer.from('x'), 0), 1);
    else assert.equal(handle.truncate(1), 0);
    const { mode } = now(handle.stat());
    assert.equal(mode & 0o6000, 0);
    handle.close();
  }
  // As the kernel does, the superuser's writes keep it.
  chmodSync(join(root, 'write'), 0o4755);
  const own = now(tree.lookup(['write']));
  own.open({ read: true, write: true });
  assert.equal(own.write(Buffer.from('x'), 0), 1);
  assert.equal(now(own.stat()).mode & 0o7777, 0o4755);
  own.close();
});

test('the sticky bit keeps the names of others', { skip }, () => {
  const { root, as } = scratchShare();
  mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);
  writeFileSync(join(root, 'tmp', 'theirs'), '');
  const user = as(NOBODY);
  const theirs = now(user.lookup(['tmp', 'theirs']));
  assert.equal(theirs.removable(), EPERM);
  assert.equal(theirs.remove(), EPERM);
  assert.equal(theirs.rename(['mine'], false), EPERM);
  const mine = now(user.create(['tmp', 'mine'], { kind: 'file', attributes: 0 }));
  assert.equal(mine.removable(), 0);
  assert.equal(mine.remove(), 0);
  theirs.close();
  mine.close();
});

test('names are found in any case where the user may search but not list', { skip }, () => {
  const { root, as } = scratchShare();
  mkdirSync(join(root, 'dropbox'));
  writeFileSync(join(root, 'dropbox', 'Known'), 'x');
  chmodSync(join(root, 'dropbox'), 0o711);
  const user = as(NOBODY);
  const handle = now(user.lookup(['DROPBOX', 'KNOWN']));
  assert.deepEqual(handle.path(), ['dropbox', 'Known']);
  assert.equal(now(user.lookup(['dropbox'])).cursor(), EACCES);
  handle.close();
});

const NOTHING = { read: false, write: false, execute: false, owns: false };

test('permissions that came with the lookup follow a change of mode', { skip }, () => {
  const { root, as } = scratchShare();
  const path = join(root, 'f');
  writeFileSync(path, '');
  chmodSync(path, 0o644);
  const handle = now(as(NOBODY).lookup(['f']));
  assert.deepEqual(handle.permissions(), { ...NOTHING, read: true });
  chmodSync(path, 0o666);
  assert.deepEqual(handle.permissions(), { ...NOTHING, read: true, write: true });
  chmodSync(path, 0o600);
  assert.deepEqual(handle.permissions(), NOTHING);
  handle.close();
});

test('an owner sets attributes though the mode forbids writing', { skip }, () => {
  const { as } = scratchShare();
  const user = as(NOBODY);
  const handle = now(user.create(['f'], { kind: 'file', attributes: 0x20, mode: 0o444 }));
  assert.equal(handle.set({ attributes: 0x22 }), 0);
  const found = now(handle.stat());
  assert.equal(found.attributes, 0x22);
  assert.equal(found.mode & 0o7777, 0o444);
  handle.close();
});

const child = `
  import { createLocalVfs } from './local-vfs.ts';
  const { root, uid } = JSON.parse(process.argv[1]);
  process.setgroups([]);
  process.setgid(uid);
  process.setuid(uid);
  const vfs = createLocalVfs({ root });
  const attach = (identity) => {
    const tree = vfs.attach(identity);
    return typeof tree === 'number' ? tree : 'attached';
  };
  const own = vfs.attach(undefined);
  const made = own.create(['made'], { kind: 'file', attributes: 2, mode: 0o400 });
  const secret = own.lookup(['secret']);
  console.log(JSON.stringify({
    other: attach({ uid: uid + 1, gid: uid, groups: [] }),
    root: attach({ uid: 0, gid: 0, groups: [] }),
    self: attach({ uid, gid: uid, groups: [uid] }),
    owner: made.stat().uid,
    mode: made.stat().mode & 0o7777,
    attributes: made.stat().attributes,
    refused: secret.open({ read: true, write: false }),
    permissions: secret.permissions(),
  }));`;

test('an unprivileged process acts for itself and for nobody else', { skip }, () => {
  assert.equal(canBecomeUsers(), true);
  const { root } = scratchShare();
  writeFileSync(join(root, 'secret'), 'x');
  chmodSync(join(root, 'secret'), 0o600);
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', child, JSON.stringify({ root, uid: 65534 })],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  );
  assert.ok(stdout !== '', stderr);
  assert.deepEqual(JSON.parse(stdout), {
    other: EPERM,
    root: EPERM,
    self: 'attached',
    owner: 65534,
    mode: 0o400,
    attributes: 2,
    refused: EACCES,
    permissions: NOTHING,
  });
  assert.ok(existsSync(join(root, 'made')));
});
