/** VFS contract: the named streams of Apple's that are more than bytes (apple-streams.ts). */
import assert from 'node:assert/strict';
import { type Check, gives, type Kit, must } from './contract-kit.ts';
import { EEXIST, EINVAL, ENOENT, ESTREAMSIZE, isErrno } from './errno.ts';
import type { VfsHandle, VfsStreamRules } from './vfs.ts';

const INFO = 'AFP_AfpInfo';
const RESOURCE = 'AFP_Resource';
/** "AFP", version 1.0, never backed up, no FinderInfo. */
const DEFAULT = Buffer.from(
  `41465000 00010000 00000000 80000000 ${'00'.repeat(44)}`.replaceAll(' ', ''),
  'hex',
);

function infoOf(finderInfo: string): Buffer {
  const info = Buffer.from(DEFAULT);
  info.write(finderInfo, 16, 'latin1');
  return info;
}

async function opened(
  kit: Kit,
  name: string,
  make = false,
  rules?: VfsStreamRules,
): Promise<VfsHandle | number> {
  const base = await must(kit.tree.lookup(['f']));
  const stream = make ? await base.createStream(name, rules) : await base.stream(name, rules);
  if (isErrno(stream)) {
    base.close();
    return stream;
  }
  kit.keep(stream);
  await gives(stream.open({ read: true, write: true }), 0);
  return stream;
}

async function content(stream: VfsHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(100);
  const count = await stream.read(buffer, 0);
  return buffer.subarray(0, count);
}

async function names(kit: Kit, rules?: VfsStreamRules): Promise<string[]> {
  const handle = await must(kit.tree.lookup(['f']));
  const list = await must(handle.streams(rules));
  handle.close();
  return list.map(({ name, size }) => `${name} ${size}`).sort();
}

export function appleStreamRules(check: Check): void {
  const withFile = (title: string, body: (kit: Kit) => Promise<void>): void =>
    check(title, async (kit, context) => {
      if (!kit.under.vfs.features.namedStreams) {
        context.skip('features.namedStreams is false');
        return;
      }
      kit.close(await kit.create('f'));
      await body(kit);
    });

  withFile('to others streams of these names are bytes as all are', async (kit) => {
    const stream = await must(opened(kit, INFO, true, 'plain'));
    assert.equal(await stream.write(Buffer.from('foo'), 0), 3);
    await gives(stream.truncate(4), 0);
    assert.equal((await content(stream)).toString('latin1'), 'foo\0');
    assert.equal(await stream.read(Buffer.alloc(9), 4), 0);
    assert.deepEqual(await names(kit, 'plain'), [`${INFO} 4`]);
    // It is none for whom it would have to be one.
    for (const rules of ['fruit', 'apple'] as const) {
      assert.deepEqual(await names(kit, rules), []);
      assert.equal(await opened(kit, INFO, false, rules), ENOENT);
    }
    await gives(stream.remove(), 0);
    const info = await must(opened(kit, INFO, true, 'apple'));
    assert.equal(await info.write(infoOf('TEXT'), 0), 60);
    const plain = await must(opened(kit, INFO, false, 'plain'));
    assert.deepEqual(await content(plain), infoOf('TEXT'));
    assert.equal(await plain.read(Buffer.alloc(60), 60), 0);
    const fork = await must(opened(kit, RESOURCE, true, 'plain'));
    assert.deepEqual(await names(kit, 'plain'), [`${INFO} 60`, `${RESOURCE} 0`]);
    await gives(fork.remove(), 0);
    assert.deepEqual(await names(kit, 'plain'), [`${INFO} 60`]);
  });

  withFile('a resource fork goes by being cut to nothing, not by being deleted', async (kit) => {
    const fork = await must(opened(kit, RESOURCE, true, 'fruit'));
    assert.equal(await fork.write(Buffer.from('x'), 0), 1);
    await gives(fork.remove(), 0);
    assert.equal(await fork.streamName(), RESOURCE);
    assert.deepEqual(await names(kit, 'fruit'), [`${RESOURCE} 1`]);
    await gives(fork.truncate(0), 0);
    assert.deepEqual(await names(kit, 'fruit'), []);
    assert.equal(await opened(kit, RESOURCE, false, 'fruit'), ENOENT);
  });

  withFile("to clients of Apple's no empty stream is there, whatever its name", async (kit) => {
    const stream = await must(opened(kit, 'foo', true, 'apple'));
    assert.deepEqual([await names(kit, 'apple'), await names(kit)], [[], ['foo 0']]);
    assert.equal(await opened(kit, 'foo', false, 'apple'), ENOENT);
    // To make it is as good as to open it.
    const again = await must(opened(kit, 'FOO', true, 'apple'));
    assert.equal(await stream.write(Buffer.from('x'), 0), 1);
    assert.equal((await content(again)).toString('latin1'), 'x');
    assert.deepEqual(await names(kit, 'apple'), ['foo 1']);
    assert.equal(await opened(kit, 'foo', true, 'apple'), EEXIST);
    await gives(stream.truncate(0), 0);
    assert.equal(await opened(kit, 'foo', false, 'apple'), ENOENT);
  });

  withFile(
    'AFP_AfpInfo that was made and not written is there for its opener alone',
    async (kit) => {
      const stream = await must(opened(kit, INFO, true));
      assert.deepEqual(await content(stream), DEFAULT);
      assert.equal((await must(stream.stat())).size, 60);
      assert.equal(await opened(kit, INFO), ENOENT);
      assert.deepEqual(await names(kit), []);
      const again = await must(opened(kit, 'afp_afpinfo', true));
      await gives(again.write(infoOf('TEXT'), 0), 60);
      assert.deepEqual(await content(stream), infoOf('TEXT'));
      assert.deepEqual(await names(kit), ['AFP_AfpInfo 60']);
      assert.equal(await opened(kit, INFO, true), EEXIST);
    },
  );

  withFile(
    'AFP_AfpInfo takes what begins as it does, at its start, and 60 bytes of it',
    async (kit) => {
      const stream = await must(opened(kit, INFO, true));
      for (const [bytes, at] of [
        [Buffer.alloc(60), 0],
        [DEFAULT.subarray(0, 2), 0],
        [infoOf('TEXT').subarray(0, 59), 1],
        [Buffer.from('AFQ'), 0],
      ] as const) {
        await gives(stream.write(bytes, at), EINVAL);
      }
      const long = Buffer.concat([infoOf('TEXTttxt'), Buffer.alloc(40, 1)]);
      await gives(stream.write(long, 10_000), 100);
      assert.deepEqual(await content(stream), infoOf('TEXTttxt'));
      await gives(stream.write(infoOf('APPL').subarray(0, 20), 0), 20);
      assert.deepEqual(await content(stream), infoOf('APPLttxt'));
      for (const [at, count] of [
        [16, 4],
        [60, 4],
        [61, 0],
      ] as const) {
        const part = Buffer.alloc(4);
        await gives(stream.read(part, at), count);
        if (count > 0) assert.equal(part.toString('latin1'), 'AFP\0');
      }
      await gives(stream.truncate(61), ESTREAMSIZE);
      await gives(stream.truncate(1), 0);
      assert.deepEqual(await names(kit), ['AFP_AfpInfo 60']);
    },
  );

  withFile('AFP_AfpInfo goes with its last information, and comes back', async (kit) => {
    const stream = await must(opened(kit, INFO, true));
    await gives(stream.write(infoOf('TEXT'), 0), 60);
    await gives(stream.write(DEFAULT, 0), 60);
    assert.deepEqual(await names(kit), []);
    assert.equal(await opened(kit, INFO), ENOENT);
    await gives(stream.write(infoOf('BACK'), 0), 60);
    assert.deepEqual(await names(kit), ['AFP_AfpInfo 60']);
    await gives(stream.remove(), 0);
    assert.deepEqual(await names(kit), []);
  });

  withFile('AFP_Resource is not there while it is empty; other streams are', async (kit) => {
    const fork = await must(opened(kit, RESOURCE, true));
    await must(opened(kit, 'other', true));
    assert.deepEqual(await names(kit), ['other 0']);
    assert.equal(await opened(kit, RESOURCE), ENOENT);
    await gives(fork.write(Buffer.from('icon'), 0), 4);
    assert.deepEqual(await names(kit), ['AFP_Resource 4', 'other 0']);
    await gives(fork.truncate(0), 0);
    assert.deepEqual(await names(kit), ['other 0']);
  });
}
