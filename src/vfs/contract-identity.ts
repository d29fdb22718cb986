/** VFS contract: what one user may do to the objects of another. Needs an `identity`. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { at, type Check, gives, type Kit, must } from './contract-kit.ts';
import { EACCES, EPERM } from './errno.ts';
import type { Identity, VfsTree } from './vfs.ts';

const FILE = { kind: 'file', attributes: 0 } as const;

interface Users {
  readonly identity: Identity;
  /** The share as the unprivileged user sees it. */
  readonly user: VfsTree;
}

export function identityRules(plain: Check): void {
  const check = (title: string, body: (kit: Kit, users: Users) => Promise<void>): void =>
    plain(title, async (kit, context) => {
      const { identity } = kit.under;
      if (identity === undefined) context.skip('no identity');
      else await body(kit, { identity, user: await kit.attach(identity) });
    });

  check('what a user makes is the user’s', async (kit, { identity, user }) => {
    for (const kind of ['file', 'directory'] as const) {
      const handle = await kit.create(kind, kind, { tree: user });
      const stat = await must(handle.stat());
      assert.equal(stat.uid, identity.uid);
      assert.equal(stat.gid, identity.gid);
    }
    const mine = await must((await kit.create('root-made')).stat());
    assert.notEqual(mine.uid, identity.uid);
  });

  check('opening is refused where the mode says so', async (kit, { user }) => {
    await kit.create('secret', 'file', { mode: 0o600 });
    await kit.create('public', 'file', { mode: 0o644 });
    await kit.create('own', 'file', { mode: 0o400, tree: user });
    const secret = await kit.lookup('secret', user);
    assert.deepEqual({ ...(await must(secret.permissions())) }, { ...NOTHING });
    await gives(secret.open({ read: true, write: false }), EACCES);
    await gives(secret.open({ read: false, write: true }), EACCES);
    const shared = await kit.lookup('public', user);
    assert.deepEqual({ ...(await must(shared.permissions())) }, { ...NOTHING, read: true });
    await gives(shared.open({ read: true, write: true }), EACCES);
    await gives(shared.open({ read: true, write: false }), 0);
    await gives(shared.read(Buffer.alloc(1), 0), 0);
    const own = await kit.lookup('own', user);
    assert.deepEqual(
      { ...(await must(own.permissions())) },
      { ...NOTHING, read: true, owns: true },
    );
    await gives(own.open({ read: false, write: true }), EACCES);
    // The superuser's view is another.
    await gives((await kit.lookup('own')).open({ read: true, write: true }), 0);
  });

  check('a closed directory hides what is in it', async (kit, { user }) => {
    await kit.create('closed', 'directory', { mode: 0o700 });
    await kit.put('closed/f', 'x');
    await gives(user.lookup(at('closed/f')), EACCES);
    await gives(user.create(at('closed/g'), FILE), EACCES);
    const directory = await kit.lookup('closed', user);
    await gives(directory.cursor(), EACCES);
    await gives(directory.child('f'), EACCES);
    assert.deepEqual({ ...(await must(directory.permissions())) }, { ...NOTHING });
    assert.deepEqual(await kit.list('closed'), ['f']);
  });

  check('names in another’s directory stay', async (kit, { user }) => {
    await kit.create('theirs', 'directory', { mode: 0o755 });
    await kit.create('theirs/f', 'file', { mode: 0o666 });
    await kit.create('theirs/d', 'directory', { mode: 0o777 });
    await kit.create('mine', 'directory', { tree: user });
    await gives(user.create(at('theirs/g'), FILE), EACCES);
    for (const path of ['theirs/f', 'theirs/d']) {
      const handle = await kit.lookup(path, user);
      await gives(handle.removable(), EACCES);
      await gives(handle.remove(), EACCES);
      await gives(handle.rename(at('mine/x'), false), EACCES);
      await gives(handle.rename(at('theirs/x'), false), EACCES);
    }
    const own = await kit.create('mine/own', 'file', { tree: user });
    await gives(own.removable(), 0);
    await gives(own.rename(at('theirs/own'), false), EACCES);
    await gives(own.link(at('theirs/own'), false), EACCES);
    assert.deepEqual(await kit.list('theirs'), ['d', 'f']);
    await gives(own.remove(), 0);
  });

  check('groups open what the mode gives to groups', async (kit, { identity }) => {
    const group = identity.gid + 1;
    const colleague = await kit.attach({ uid: identity.uid + 1, gid: group, groups: [group] });
    await kit.create('shared', 'file', { mode: 0o640, tree: colleague });
    const member = await kit.attach({ ...identity, groups: [identity.gid, group] });
    const stranger = await kit.attach({ ...identity, groups: [identity.gid] });
    const asMember = await kit.lookup('shared', member);
    await gives(asMember.open({ read: true, write: true }), EACCES);
    await gives(asMember.open({ read: true, write: false }), 0);
    const asStranger = await kit.lookup('shared', stranger);
    await gives(asStranger.open({ read: true, write: false }), EACCES);
    // Again and in turn: the groups of one are not those of the next.
    await gives((await kit.lookup('shared', member)).open({ read: true, write: false }), 0);
    await gives(asStranger.open({ read: true, write: false }), EACCES);
  });

  check('in a sticky directory each removes only what is theirs', async (kit, { user }) => {
    await kit.create('sticky', 'directory', { mode: 0o1777 });
    // Where there is a disk, the umask of the process may have taken the write permission.
    const { root } = kit.under.plant ?? {};
    if (root !== undefined) chmodSync(join(root, 'sticky'), 0o1777);
    assert.equal((await kit.stat('sticky')).mode & 0o7777, 0o1777);
    await kit.create('sticky/theirs', 'file', { mode: 0o666 });
    await kit.create('sticky/own', 'file', { tree: user });
    const theirs = await kit.lookup('sticky/theirs', user);
    await gives(theirs.removable(), EPERM);
    await gives(theirs.remove(), EPERM);
    await gives(theirs.rename(at('sticky/x'), false), EPERM);
    const own = await kit.lookup('sticky/own', user);
    await gives(own.rename(at('sticky/theirs'), true), EPERM);
    await gives(own.removable(), 0);
    await gives(own.remove(), 0);
    assert.deepEqual(await kit.list('sticky'), ['theirs']);
  });

  check('times are the owner’s to set', async (kit, { user }) => {
    await kit.create('theirs', 'file', { mode: 0o666 });
    const theirs = await kit.lookup('theirs', user);
    await gives(theirs.set({ lastWriteTime: 132_223_104_000_000_000n }), EPERM);
    const own = await kit.create('own', 'file', { tree: user });
    await gives(own.set({ lastWriteTime: 132_223_104_000_000_000n }), 0);
  });

  check('one user’s operations leave no trace on the next', async (kit, { identity, user }) => {
    await kit.create('a', 'file', { tree: user });
    const mine = await must((await kit.create('b')).stat());
    await kit.create('c', 'file', { tree: user });
    assert.notEqual(mine.uid, identity.uid);
    await kit.create('secret', 'file', { mode: 0o600 });
    const [asUser, asRoot] = [await kit.lookup('secret', user), await kit.lookup('secret')];
    const answers = await Promise.all([
      asUser.open({ read: true, write: false }),
      asRoot.open({ read: true, write: false }),
    ]);
    assert.deepEqual(answers, [EACCES, 0]);
  });
}

const NOTHING = { read: false, write: false, execute: false, owns: false };
