/** VFS contract: security descriptors. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { FILE_ALL_ACCESS, FILE_READ_DATA } from '../dtyp/access-mask.ts';
import { allowedAce, CONTAINER_INHERIT_ACE, deniedAce, makeAcl } from '../dtyp/acl.ts';
import { SE_DACL_PROTECTED, type SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { EVERYONE, type Sid } from '../dtyp/sid.ts';
import { at, type Check, gives, type Kit, must } from './contract-kit.ts';
import { EACCES, ENOENT, EOPNOTSUPP, EPERM } from './errno.ts';
import type { VfsHandle } from './vfs.ts';

const STRANGER: Sid = 'S-1-5-21-9-8-7-1234';

/** All that a descriptor can hold, in an order that no tool would write. */
const SPECIAL: SecurityDescriptor = {
  control: SE_DACL_PROTECTED,
  owner: STRANGER,
  group: STRANGER,
  sacl: undefined,
  dacl: makeAcl([
    allowedAce(EVERYONE, FILE_ALL_ACCESS),
    deniedAce(STRANGER, FILE_READ_DATA, CONTAINER_INHERIT_ACE),
    { kind: 'raw', type: 0x09, flags: 0, body: Buffer.from('0123456789abcdef') },
  ]),
};
const EMPTY = { ...SPECIAL, control: 0, dacl: makeAcl([]) };

const set = (handle: VfsHandle, descriptor: SecurityDescriptor) =>
  handle.setSecurity(() => descriptor);

const stored = async (handle: VfsHandle) => handle.storedSecurity();

export function securityRules(check: Check): void {
  const withSecurity = (title: string, body: (kit: Kit) => Promise<void>): void =>
    check(title, async (kit, context) => {
      if (kit.under.vfs.features.securityDescriptors) await body(kit);
      else context.skip('features.securityDescriptors is false');
    });

  check('without security descriptors what is told comes from the mode', async (kit, context) => {
    if (kit.under.vfs.features.securityDescriptors) {
      context.skip('features.securityDescriptors is true');
      return;
    }
    const file = await kit.create('f');
    await gives(set(file, SPECIAL), EOPNOTSUPP);
    assert.equal(await stored(file), undefined);
    const told = await must(file.security());
    assert.ok(told.owner?.startsWith('S-1-22-1-') && told.dacl);
  });

  withSecurity('an object has none of its own, and one is told all the same', async (kit) => {
    for (const kind of ['file', 'directory'] as const) {
      const handle = await kit.create(kind, kind);
      assert.equal(await stored(handle), undefined);
      const told = await must(handle.security());
      const { uid, gid } = await must(handle.stat());
      assert.equal(told.owner, `S-1-22-1-${uid}`);
      assert.equal(told.group, `S-1-22-2-${gid}`);
      assert.ok(told.dacl!.aces.length >= 3);
    }
  });

  withSecurity('what is set is kept, every part and every entry as it is', async (kit) => {
    for (const kind of ['file', 'directory'] as const) {
      for (const descriptor of [SPECIAL, EMPTY, { ...EMPTY, dacl: null }]) {
        const name = `${kind} ${descriptor.control} ${descriptor.dacl?.aces.length}`;
        const handle = await kit.create(name, kind);
        await gives(set(handle, descriptor), 0);
        assert.deepEqual(await stored(handle), descriptor);
        assert.deepEqual(await must(handle.security()), descriptor);
        const again = await kit.lookup(name);
        assert.deepEqual(await stored(again), descriptor);
        await gives(again.rename([`${name} 2`], false), 0);
        assert.deepEqual(await stored(handle), descriptor);
      }
    }
  });

  withSecurity('who edits is told what there is, and may refuse', async (kit) => {
    const file = await kit.create('f');
    const seen: unknown[] = [];
    const before = await must(file.security());
    for (const descriptor of [SPECIAL, EMPTY]) {
      const result = file.setSecurity((current, isStored) => {
        seen.push(current, isStored);
        return descriptor;
      });
      await gives(result, 0);
    }
    assert.deepEqual(seen, [before, false, SPECIAL, true]);
    await gives(
      file.setSecurity(() => EPERM),
      EPERM,
    );
    assert.deepEqual(await stored(file), EMPTY);
  });

  withSecurity('an object is made with its descriptor, as its directory allows', async (kit) => {
    const directory = await kit.create('d', 'directory');
    const parents: unknown[] = [];
    const make = (name: string, answer: SecurityDescriptor | undefined | number) =>
      kit.tree.create(['d', name], {
        kind: 'file',
        attributes: 0,
        security: (parent) => {
          parents.push(parent);
          return answer;
        },
      });
    assert.equal(await stored(kit.keep(await must(make('plain', undefined)))), undefined);
    await gives(set(directory, EMPTY), 0);
    const made = kit.keep(await must(make('made', SPECIAL)));
    assert.deepEqual(await stored(made), SPECIAL);
    assert.deepEqual(await made.parentSecurity(), EMPTY);
    assert.equal(await directory.parentSecurity(), undefined);
    await gives(make('refused', EACCES), EACCES);
    await kit.missing('d/refused', ENOENT);
    assert.deepEqual(parents, [undefined, EMPTY, EMPTY]);
    await gives(made.write(Buffer.from('x'), 0), 1);
  });

  withSecurity('a stream has the descriptor of its object', async (kit) => {
    const file = await kit.create('f');
    await gives(set(file, SPECIAL), 0);
    const stream = kit.keep(await must((await must(kit.tree.lookup(['f']))).createStream('s')));
    assert.deepEqual(await stored(stream), SPECIAL);
    await gives(set(stream, EMPTY), 0);
    assert.deepEqual(await stored(file), EMPTY);
  });

  withSecurity('a link has none', async (kit) => {
    const { plant } = kit.under;
    if (plant === undefined) return;
    await plant.symlink(['link'], 'nowhere');
    const link = await kit.lookup('link');
    await gives(set(link, SPECIAL), EOPNOTSUPP);
    assert.equal(await stored(link), undefined);
  });

  withSecurity('a mode that others change says more than what was stored', async (kit) => {
    const { root } = kit.under.plant ?? {};
    if (root === undefined) return;
    const file = await kit.create('f');
    await gives(set(file, SPECIAL), 0);
    chmodSync(join(root, 'f'), 0o600);
    assert.equal(await stored(file), undefined);
    assert.notDeepEqual(await must(file.security()), SPECIAL);
    await gives(set(file, EMPTY), 0);
    assert.deepEqual(await stored(file), EMPTY);
  });

  withSecurity('a permitted removal is done in spite of the mode', async (kit) => {
    const { identity } = kit.under;
    if (identity === undefined) return;
    await kit.create('theirs', 'directory', { mode: 0o755 });
    for (const name of ['a', 'b']) {
      await gives(set(await kit.create(`theirs/${name}`), SPECIAL), 0);
    }
    const user = await kit.attach(identity);
    const refused = await kit.lookup('theirs/a', user);
    await gives(refused.removable(), EACCES);
    await gives(refused.remove(), EACCES);
    const permitted = await kit.lookup('theirs/b', user);
    permitted.permitRemoval();
    await gives(permitted.removable(), 0);
    await gives(permitted.remove(), 0);
    assert.deepEqual(await kit.list('theirs'), ['a']);
    await gives(user.lookup(at('theirs/b')), ENOENT);
  });
}
