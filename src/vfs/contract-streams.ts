/** VFS contract: named streams (MS-FSA 2.1.1.5). */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
} from '../fscc/attributes.ts';
import { bytes, type Check, contentOf, gives, hasPath, type Kit, must } from './contract-kit.ts';
import {
  EACCES,
  EBADF,
  EEXIST,
  EFBIG,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  EOPNOTSUPP,
  isErrno,
} from './errno.ts';
import type { VfsHandle } from './vfs.ts';

/** The stream of a fresh handle, which it takes over. */
async function streamOf(kit: Kit, path: string, name: string): Promise<VfsHandle> {
  const base = await must(kit.tree.lookup(path.split('/')));
  const stream = await base.stream(name);
  if (isErrno(stream)) base.close();
  return kit.keep(await must(stream));
}

async function makeStream(kit: Kit, path: string, name: string, text = ''): Promise<VfsHandle> {
  const base = await must(kit.tree.lookup(path.split('/')));
  const stream = await base.createStream(name);
  if (isErrno(stream)) base.close();
  const handle = kit.keep(await must(stream));
  if (text !== '') await gives(handle.write(bytes(text), 0), Buffer.byteLength(text));
  return handle;
}

async function streamText(kit: Kit, path: string, name: string): Promise<string> {
  const handle = await streamOf(kit, path, name);
  await gives(handle.open({ read: true, write: false }), 0);
  const text = await contentOf(handle);
  kit.close(handle);
  return text;
}

/** Name to size. */
async function sizesOf(handle: VfsHandle): Promise<Record<string, number>> {
  const streams = await must(handle.streams());
  return Object.fromEntries(streams.map(({ name, size }) => [name, size]));
}

const NAMES = ['s', 'S', 'Zone.Identifier', 'ZONE.identifier', 'é', 'É', '\u0005Summary', '?*"<>|'];

export function streamRules(check: Check): void {
  const withStreams = (title: string, body: (kit: Kit) => Promise<void>): void =>
    check(title, async (kit, context) => {
      if (kit.under.vfs.features.namedStreams) await body(kit);
      else context.skip('features.namedStreams is false');
    });

  check('without named streams there are none, and none can be made', async (kit, context) => {
    if (kit.under.vfs.features.namedStreams) {
      context.skip('features.namedStreams is true');
      return;
    }
    const file = await kit.create('f');
    await gives(file.streams(), EOPNOTSUPP);
    await gives(file.stream('s'), ENOENT);
    await gives(file.createStream('s'), EOPNOTSUPP);
    assert.equal(file.streamName(), undefined);
  });

  withStreams('a stream has bytes and a size of its own', async (kit) => {
    for (const kind of ['file', 'directory'] as const) {
      const base = await kit.create(kind, kind);
      assert.deepEqual(await sizesOf(base), {});
      await makeStream(kit, kind, 'One', 'first');
      await makeStream(kit, kind, 'two');
      assert.deepEqual(await sizesOf(base), { One: 5, two: 0 });
      assert.equal(await streamText(kit, kind, 'One'), 'first');
      assert.equal((await must(base.stat())).size, 0);
      const stat = await must((await streamOf(kit, kind, 'One')).stat());
      assert.ok(stat.allocationSize >= 5);
    }
    await kit.put('g', 'content');
    await makeStream(kit, 'g', 's', 'stream');
    assert.equal(await kit.content('g'), 'content');
    assert.equal(await streamText(kit, 'g', 's'), 'stream');
  });

  withStreams('the handle of a stream tells of its object', async (kit) => {
    const file = await kit.create('f', 'file', { attributes: FILE_ATTRIBUTE_HIDDEN });
    await kit.create('d', 'directory');
    for (const [path, attributes] of [
      ['f', FILE_ATTRIBUTE_HIDDEN],
      ['d', FILE_ATTRIBUTE_NORMAL],
    ] as const) {
      const stream = await makeStream(kit, path, 'Name', 'x');
      assert.equal(stream.streamName(), 'Name');
      assert.equal(stream.base?.kind, path === 'd' ? 'directory' : 'file');
      hasPath(stream, path);
      const own = await must(stream.stat());
      const base = await kit.stat(path);
      assert.equal(stream.kind, 'file');
      assert.deepEqual(
        [own.kind, own.fileId, own.volumeId, own.attributes, own.creationTime],
        ['file', base.fileId, base.volumeId, attributes, base.creationTime],
      );
      assert.deepEqual(await sizesOf(stream), { Name: 1 });
      await gives(stream.cursor(), ENOTDIR);
      await gives(stream.child('x'), ENOTDIR);
      await gives(stream.isEmpty(), ENOTDIR);
      await gives(stream.stream('other'), EINVAL);
      await gives(stream.createStream('other'), EINVAL);
    }
    const stream = await streamOf(kit, 'f', 'Name');
    await gives(
      stream.set({ attributes: FILE_ATTRIBUTE_ARCHIVE, lastWriteTime: 130n * 10n ** 15n }),
      0,
    );
    const stat = await must(file.stat());
    assert.equal(stat.attributes, FILE_ATTRIBUTE_ARCHIVE);
    assert.equal(stat.lastWriteTime, 130n * 10n ** 15n);
  });

  withStreams('streams are found without regard to case, and keep theirs', async (kit) => {
    await kit.create('f');
    await makeStream(kit, 'f', 'Stream É', 'x');
    const base = await kit.lookup('f');
    await gives(base.createStream('STREAM É'), EEXIST);
    await gives(base.createStream('Stream É'), EEXIST);
    assert.equal((await streamOf(kit, 'f', 'sTREAM é')).streamName(), 'Stream É');
    await gives(base.stream('other'), ENOENT);
    assert.deepEqual(await sizesOf(base), { 'Stream É': 1 });
  });

  withStreams('every name that a client may send is one', async (kit) => {
    const base = await kit.create('f');
    for (const name of NAMES) {
      const object = await must(kit.tree.lookup(['f']));
      const made = await object.createStream(name);
      if (isErrno(made)) await gives(made, EEXIST);
      kit.keep(isErrno(made) ? object : made);
    }
    const found = Object.keys(await sizesOf(base)).sort();
    assert.deepEqual(found, ['s', 'Zone.Identifier', 'é', '\u0005Summary', '?*"<>|'].sort());
    await makeStream(kit, 'f', 'x'.repeat(200));
    const object = await must(kit.tree.lookup(['f']));
    const long = await object.createStream('ü'.repeat(255));
    if (isErrno(long)) await gives(long, ENAMETOOLONG);
    kit.keep(isErrno(long) ? object : long);
  });

  withStreams('a stream reads as it was written, with zeros between', async (kit) => {
    await kit.create('f');
    const stream = await makeStream(kit, 'f', 's');
    await gives(stream.write(bytes('end'), 10), 3);
    await gives(stream.write(bytes('AB'), 2), 2);
    const buffer = Buffer.alloc(20, 0x2e);
    await gives(stream.read(buffer, 0), 13);
    assert.equal(buffer.toString('latin1'), `${'\0\0AB'.padEnd(10, '\0')}end.......`);
    await gives(stream.read(buffer, 13), 0);
    await gives(stream.read(buffer, 2 ** 40), 0);
    await gives(stream.truncate(3), 0);
    await gives(stream.truncate(5), 0);
    assert.equal(await contentOf(stream), '\0\0A\0\0');
    await gives(stream.write(Buffer.alloc(0), 100), 0);
    assert.equal((await must(stream.stat())).size, 5);
    await gives(stream.allocate(64), 0);
    await gives(stream.flush(), 0);
    assert.equal((await must(stream.stat())).size, 5);
    await gives(stream.truncate(0), 0);
    assert.equal(await contentOf(stream), '');
  });

  withStreams('reading and writing need an open for it', async (kit) => {
    await kit.create('f');
    await makeStream(kit, 'f', 's', 'x');
    const stream = await streamOf(kit, 'f', 's');
    await gives(stream.read(Buffer.alloc(1), 0), EBADF);
    await gives(stream.write(bytes('y'), 0), EBADF);
    await gives(stream.truncate(0), EBADF);
    await gives(stream.open({ read: true, write: false }), 0);
    await gives(stream.write(bytes('y'), 0), EBADF);
    await gives(stream.read(Buffer.alloc(1), 0), 1);
    await gives(stream.open({ read: false, write: true }), 0);
    await gives(stream.write(bytes('yz'), 0), 2);
    assert.equal(await contentOf(stream), 'yz');
  });

  withStreams('a change of a stream is one of its object', async (kit) => {
    const base = await kit.create('f');
    await gives(base.set({ lastWriteTime: 130n * 10n ** 15n }), 0);
    const stream = await makeStream(kit, 'f', 's');
    const made = await must(base.stat());
    assert.equal(made.lastWriteTime, 130n * 10n ** 15n);
    await gives(stream.write(bytes('x'), 0), 1);
    assert.ok((await must(base.stat())).lastWriteTime > made.lastWriteTime);
  });

  withStreams('streams go with their object, by all its names', async (kit) => {
    const file = await kit.create('f');
    const stream = await makeStream(kit, 'f', 's', 'x');
    if (kit.under.vfs.features.hardLinks) {
      await gives(file.link(['link'], false), 0);
      assert.equal(await streamText(kit, 'link', 's'), 'x');
    }
    await gives(file.rename(['g'], false), 0);
    assert.equal(await streamText(kit, 'g', 's'), 'x');
    hasPath(stream, 'g');
    await gives(stream.rename(['h'], false), 0);
    hasPath(file, 'h');
    await gives(file.truncate(0), 0);
    assert.equal(await streamText(kit, 'h', 's'), 'x');
    await gives(file.remove(), 0);
    assert.equal(await contentOf(stream), 'x');
  });

  withStreams('streams are no extended attributes', async (kit) => {
    const file = await kit.create('f');
    const stream = await makeStream(kit, 'f', 's', 'x');
    assert.deepEqual(await must(file.eas()), []);
    await gives(stream.setEas([{ name: 'a', value: bytes('1') }]), 0);
    assert.deepEqual(await must(file.eas()), [{ name: 'a', value: bytes('1') }]);
    assert.deepEqual(await sizesOf(file), { s: 1 });
  });

  withStreams('a stream that is removed is gone for all its handles', async (kit) => {
    const file = await kit.create('f');
    const stream = await makeStream(kit, 'f', 's', 'x');
    const other = await streamOf(kit, 'f', 's');
    await gives(other.removable(), 0);
    await gives(other.remove(), 0);
    assert.deepEqual(await sizesOf(file), {});
    for (const handle of [stream, other]) {
      assert.equal(handle.streamName(), ENOENT);
      await gives(handle.stat(), ENOENT);
      await gives(handle.remove(), ENOENT);
      await gives(handle.renameStream('t', false), ENOENT);
    }
    await gives(stream.read(Buffer.alloc(1), 0), ENOENT);
    await gives(stream.write(bytes('y'), 0), ENOENT);
    await gives(stream.truncate(1), ENOENT);
    const again = await makeStream(kit, 'f', 's', 'new');
    assert.equal(stream.streamName(), ENOENT);
    assert.equal(await streamText(kit, 'f', 's'), 'new');
    await gives(file.removeStream('other'), ENOENT);
    await gives(file.removeStream('S'), 0);
    assert.equal(again.streamName(), ENOENT);
    assert.deepEqual(await sizesOf(file), {});
  });

  withStreams('a stream is renamed under all its handles', async (kit) => {
    const file = await kit.create('f');
    const stream = await makeStream(kit, 'f', 's', 'x');
    const other = await streamOf(kit, 'f', 's');
    await gives(other.renameStream('t', false), 0);
    assert.equal(stream.streamName(), 't');
    await gives(stream.write(bytes('yz'), 1), 2);
    assert.deepEqual(await sizesOf(file), { t: 3 });
    await gives(other.renameStream('T', false), 0);
    assert.deepEqual(await sizesOf(file), { T: 3 });
    await gives(other.renameStream('T', false), 0);
    await makeStream(kit, 'f', 'Taken', 'old');
    await gives(stream.renameStream('taken', false), EEXIST);
    assert.deepEqual(await sizesOf(file), { T: 3, Taken: 3 });
    await gives(stream.renameStream('taken', true), 0);
    assert.deepEqual(await sizesOf(file), { taken: 3 });
    assert.equal(await streamText(kit, 'f', 'TAKEN'), 'xyz');
    await gives(file.renameStream('x', false), EINVAL);
  });

  withStreams('what is no file or directory has no streams', async (kit) => {
    const { plant } = kit.under;
    if (plant === undefined) return;
    await plant.symlink(['link'], 'nowhere');
    const link = await kit.lookup('link');
    assert.deepEqual(await must(link.streams()), []);
    await gives(link.stream('s'), ENOENT);
    await gives(link.createStream('s'), EOPNOTSUPP);
  });

  withStreams('what the disk has no room for changes nothing', async (kit) => {
    const file = await kit.create('f');
    const stream = await makeStream(kit, 'f', 's', 'kept');
    for (const size of [3000, 6000, 70_000, 2_000_000]) {
      const large = Buffer.alloc(size, `${size}`);
      const before = await contentOf(stream);
      const written = await stream.write(large, 0);
      if (isErrno(written)) {
        assert.ok(written === ENOSPC || written === EFBIG, `errno ${written}`);
        assert.equal(await contentOf(stream), before);
        await gives(stream.truncate(4), 0);
      } else {
        assert.equal(await contentOf(stream), large.toString());
        await gives(stream.write(bytes('other'), size - 100), 5);
        assert.equal((await must(stream.stat())).size, size);
        assert.equal((await contentOf(stream)).slice(-100, -95), 'other');
      }
    }
    const far = await stream.write(bytes('x'), 2 ** 43);
    if (isErrno(far)) assert.ok(far === ENOSPC || far === EFBIG);
    const most = await stream.truncate(2 ** 43);
    if (isErrno(most)) assert.ok(most === ENOSPC || most === EFBIG);
    assert.deepEqual(Object.keys(await sizesOf(file)), ['s']);
    await gives(stream.remove(), 0);
    assert.deepEqual(await sizesOf(file), {});
  });

  identityRule(check);
  modelRule(withStreams);
}

function identityRule(check: Check): void {
  check('streams are as private as their object', async (kit, context) => {
    const { identity, vfs } = kit.under;
    if (identity === undefined || !vfs.features.namedStreams) {
      context.skip('needs an identity and named streams');
      return;
    }
    await kit.create('secret', 'file', { mode: 0o600 });
    await kit.create('public', 'file', { mode: 0o644 });
    for (const path of ['secret', 'public']) await makeStream(kit, path, 's', 'x');
    const tree = await kit.attach(identity);
    const base = await kit.lookup('public', tree);
    await gives(base.createStream('mine'), EACCES);
    const stream = kit.keep(await must((await must(tree.lookup(['public']))).stream('s')));
    await gives(stream.open({ read: false, write: true }), EACCES);
    await gives(stream.remove(), EACCES);
    await gives(stream.removable(), EACCES);
    await gives(stream.renameStream('t', false), EACCES);
    await gives(stream.open({ read: true, write: false }), 0);
    assert.equal(await contentOf(stream), 'x');
    const secret = kit.keep(await must((await must(tree.lookup(['secret']))).stream('s')));
    await gives(secret.open({ read: true, write: false }), EACCES);
    assert.deepEqual(await sizesOf(base), { s: 1 });
  });
}

/** Random changes of three streams, beside a plain map of buffers. */
function modelRule(withStreams: (title: string, body: (kit: Kit) => Promise<void>) => void): void {
  withStreams('streams agree with a map of buffers', async (kit) => {
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({
        do: fc.constant('write' as const),
        name,
        at: fc.nat(40),
        text: fc.string({ maxLength: 9 }),
      }),
      fc.record({ do: fc.constant('truncate' as const), name, size: fc.nat(50) }),
      fc.record({ do: fc.constant('rename' as const), name, to: name, replace: fc.boolean() }),
      fc.record({ do: fc.constant('remove' as const), name }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const path = `f${run++}`;
        const file = await kit.create(path);
        const model = new Map<string, Buffer>();
        for (const one of steps) {
          const base = await must(kit.tree.lookup([path]));
          const found = await base.stream(one.name);
          const stream = isErrno(found) ? await must(base.createStream(one.name)) : found;
          const value = model.get(one.name) ?? Buffer.alloc(0);
          await gives(stream.open({ read: true, write: true }), 0);
          model.set(one.name, value);
          if (one.do === 'remove') {
            await gives(stream.remove(), 0);
            model.delete(one.name);
          } else if (one.do === 'truncate') {
            await gives(stream.truncate(one.size), 0);
            const next = Buffer.alloc(one.size);
            value.copy(next);
            model.set(one.name, next);
          } else if (one.do === 'write') {
            const data = bytes(one.text);
            await gives(stream.write(data, one.at), data.length);
            const end = data.length === 0 ? 0 : one.at + data.length;
            const next = Buffer.alloc(Math.max(value.length, end));
            value.copy(next);
            data.copy(next, data.length === 0 ? 0 : one.at);
            model.set(one.name, next);
          } else {
            const isTaken = one.to !== one.name && model.has(one.to) && !one.replace;
            await gives(stream.renameStream(one.to, one.replace), isTaken ? EEXIST : 0);
            if (!isTaken) {
              model.delete(one.name);
              model.set(one.to, value);
            }
          }
          stream.close();
        }
        for (const [each, value] of model) {
          assert.equal(await streamText(kit, path, each), value.toString());
        }
        assert.equal(Object.keys(await sizesOf(file)).length, model.size);
        kit.close(file);
      }),
      { numRuns: 60 },
    );
  });
}
