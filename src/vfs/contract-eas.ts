/** VFS contract: extended attributes. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FILE_ATTRIBUTE_HIDDEN } from '../fscc/attributes.ts';
import { MAX_EAS_BYTES } from '../fscc/extended-attributes.ts';
import { at, bytes, type Check, gives, type Kit, must } from './contract-kit.ts';
import { E2BIG, EACCES, EINVAL, EOPNOTSUPP } from './errno.ts';
import { eaKey, MAX_EA_NAME_BYTES } from './extended-attributes.ts';
import type { VfsHandle } from './vfs.ts';

const ea = (name: string, value: string | Buffer) => ({
  name,
  value: typeof value === 'string' ? bytes(value) : value,
});

/** Name to value, as text of one byte a character. */
async function easOf(handle: VfsHandle): Promise<Record<string, string>> {
  const eas = await must(handle.eas());
  return Object.fromEntries(eas.map(({ name, value }) => [name, value.toString('latin1')]));
}

const RESERVED = ['DOSATTRIB', 'dosattrib', 'NTACL', 'DosStream.x', 'dosstream.y', 'SAMBA_PAI'];
const ILLEGAL = [
  '',
  'a:b',
  'a/b',
  'tab\t',
  '\u4e00',
  'é'.repeat(MAX_EA_NAME_BYTES / 2 + 1),
  'x'.repeat(MAX_EA_NAME_BYTES + 1),
];

/** ext4 has room for a few hundred bytes at least. */
const SMALL_NAMES = ['a', 'A', 'b', 'Name', 'NAME', 'user.a'];

export function extendedAttributeRules(check: Check): void {
  const withEas = (title: string, body: (kit: Kit) => Promise<void>): void =>
    check(title, async (kit, context) => {
      if (kit.under.vfs.features.extendedAttributes) await body(kit);
      else context.skip('features.extendedAttributes is false');
    });

  check('without extended attributes both calls say so', async (kit, context) => {
    if (kit.under.vfs.features.extendedAttributes) {
      context.skip('features.extendedAttributes is true');
      return;
    }
    const file = await kit.create('f');
    await gives(file.eas(), EOPNOTSUPP);
    await gives(file.setEas([ea('a', '1')]), EOPNOTSUPP);
  });

  withEas('extended attributes are kept with the object', async (kit) => {
    for (const kind of ['file', 'directory'] as const) {
      const handle = await kit.create(kind, kind);
      assert.deepEqual(await easOf(handle), {});
      const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      await gives(handle.setEas([ea('One', 'first'), ea('two.X', every)]), 0);
      const expected = { One: 'first', 'two.X': every.toString('latin1') };
      assert.deepEqual(await easOf(handle), expected);
      await gives(handle.rename([`${kind}2`], false), 0);
      const again = await kit.lookup(`${kind}2`);
      assert.deepEqual(await easOf(again), expected);
      await gives(again.setEas([]), 0);
      await gives(handle.setEas([ea('One', '')]), 0);
      assert.deepEqual(await easOf(again), { 'two.X': expected['two.X'] });
    }
  });

  withEas(
    'a file has its extended attributes by all its names and however it is open',
    async (kit) => {
      const file = await kit.create('f');
      if (kit.under.vfs.features.hardLinks) await gives(file.link(['g'], false), 0);
      const writing = await kit.open('f', { read: false, write: true });
      await gives(writing.setEas([ea('a', '1')]), 0);
      assert.deepEqual(await easOf(writing), { a: '1' });
      const reading = await kit.open('f', { read: true, write: false });
      await gives(reading.setEas([ea('b', '2')]), 0);
      assert.deepEqual(await easOf(file), { a: '1', b: '2' });
      if (kit.under.vfs.features.hardLinks) {
        assert.deepEqual(await easOf(await kit.lookup('g')), { a: '1', b: '2' });
      }
      await gives(file.truncate(0), 0);
      assert.deepEqual(await easOf(file), { a: '1', b: '2' });
    },
  );

  withEas('names are one without regard to case, and stay as they were stored', async (kit) => {
    const file = await kit.create('f');
    await gives(file.setEas([ea('Name', 'old')]), 0);
    await gives(file.setEas([ea('NAME', 'new')]), 0);
    assert.deepEqual(await easOf(file), { Name: 'new' });
    await gives(file.setEas([ea('name', ''), ea('missing', '')]), 0);
    assert.deepEqual(await easOf(file), {});
    await gives(file.setEas([ea('x', '1'), ea('X', '2')]), 0);
    assert.deepEqual(await easOf(file), { x: '2' });
  });

  withEas('the server’s own attributes are neither seen nor set', async (kit) => {
    const file = await kit.create('f', 'file', { attributes: FILE_ATTRIBUTE_HIDDEN });
    await gives(file.setEas([ea('a', '1')]), 0);
    for (const name of RESERVED) {
      await gives(file.setEas([ea('a', '2'), ea(name, 'x')]), EACCES);
      await gives(file.setEas([ea(name, '')]), EACCES);
    }
    assert.deepEqual(await easOf(file), { a: '1' });
    assert.equal((await must(file.stat())).attributes, FILE_ATTRIBUTE_HIDDEN);
  });

  withEas('all changes are made or none', async (kit) => {
    const file = await kit.create('f');
    await gives(file.setEas([ea('a', '1'), ea('longest'.padEnd(MAX_EA_NAME_BYTES, 't'), '1')]), 0);
    const before = await easOf(file);
    for (const name of ILLEGAL) {
      await gives(file.setEas([ea('a', '2'), ea('b', '1'), ea(name, 'x')]), EINVAL);
    }
    const half = Buffer.alloc(MAX_EAS_BYTES / 2);
    await gives(file.setEas([ea('a', ''), ea('b', half), ea('c', half)]), E2BIG);
    assert.deepEqual(await easOf(file), before);
  });

  withEas('what is no file or directory has none', async (kit) => {
    const { plant } = kit.under;
    if (plant === undefined) return;
    await plant.symlink(['link'], 'nowhere');
    const link = await kit.lookup('link');
    assert.deepEqual(await easOf(link), {});
    await gives(link.setEas([ea('a', '1')]), EOPNOTSUPP);
  });

  withEas('the identity’s permissions decide', async (kit) => {
    const { identity } = kit.under;
    if (identity === undefined) return;
    const file = await kit.create('f', 'file', { mode: 0o600 });
    await gives(file.setEas([ea('a', '1')]), 0);
    await kit.create('readable', 'file', { mode: 0o644 });
    const tree = await kit.attach(identity);
    const theirs = await kit.lookup('f', tree);
    await gives(theirs.eas(), EACCES);
    await gives(theirs.setEas([ea('a', '2')]), EACCES);
    const readable = await kit.lookup('readable', tree);
    assert.deepEqual(await easOf(readable), {});
    await gives(readable.setEas([ea('a', '2')]), EACCES);
    assert.deepEqual(await easOf(file), { a: '1' });
    const own = kit.keep(await must(tree.create(at('own'), { kind: 'file', attributes: 0 })));
    await gives(own.setEas([ea('a', '3')]), 0);
    assert.deepEqual(await easOf(own), { a: '3' });
  });

  withEas('any changes come to what a map would', async (kit) => {
    const change = fc.record({
      name: fc.constantFrom(...SMALL_NAMES),
      value: fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value)),
    });
    const runs = fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 5 });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(runs, async (lists) => {
        const handle = await kit.create(`f${count++}`);
        const model = new Map<string, { name: string; value: Buffer }>();
        for (const changes of lists) {
          await gives(handle.setEas(changes), 0);
          for (const { name, value } of changes) {
            const key = eaKey(name);
            if (value.length === 0) model.delete(key);
            else model.set(key, { name: model.get(key)?.name ?? name, value });
          }
          const expected = [...model.values()].map((one) => [
            one.name,
            one.value.toString('latin1'),
          ]);
          assert.deepEqual(await easOf(handle), Object.fromEntries(expected));
        }
        kit.close(handle);
      }),
      { numRuns: 50 },
    );
  });
}
