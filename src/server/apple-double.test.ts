/** `fruit:convert_adouble` through the whole server: what a disk's `._` files become, and when they stay. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentials, SHARE, startServer } from '../../test/support/in-process-server.ts';
import { configure } from '../config/configuration.ts';
import { FILE_GENERIC_READ } from '../dtyp/access-mask.ts';
import { appleDouble } from '../fscc/apple-double.support.test.ts';
import { getxattr } from '../native/xattr.ts';
import { FILE_OPEN } from '../smb2/create-options.ts';
import { scratchShare, cannotRun as skip } from '../vfs/local/contract-scratch.ts';
import { createLocalVfs } from '../vfs/local/local-vfs.ts';

const FINDER_INFO = Buffer.concat([Buffer.from('TESTSLOW'), Buffer.alloc(24)]);
const FORK = Buffer.from('a resource fork');
const FILE = appleDouble({
  finderInfo: FINDER_INFO,
  fork: FORK,
  attributes: [{ name: 'foo:bar', value: Buffer.from('baz') }],
});

async function serving(
  share: { appleConvertsDouble?: boolean; vfsObjects?: string[]; readOnly?: boolean } = {},
) {
  const { root } = scratchShare();
  const server = await startServer({
    configuration: configure({
      global: {},
      shares: [
        {
          name: SHARE,
          path: root,
          readOnly: false,
          vfsObjects: ['fruit', 'streams_xattr'],
          ...share,
        },
      ],
    }),
    shares: [{ name: SHARE, vfs: createLocalVfs({ root }) }],
  });
  const tree = await (await (await server.connect()).login(credentials)).treeConnect(SHARE);
  const plant = (name: string, content = FILE): void => {
    for (const [path, bytes] of [
      [join(root, name), ''],
      [join(root, `._${name}`), content],
    ] as const) {
      writeFileSync(path, bytes);
      chmodSync(path, 0o666);
    }
  };
  const fork = async (name: string): Promise<string> => {
    const how = { access: FILE_GENERIC_READ, disposition: FILE_OPEN };
    const file = await tree.open(`${name}:AFP_Resource`, how).catch(() => undefined);
    if (file === undefined) return 'none';
    const bytes = await file.read(0, 100);
    await file.close();
    return String(bytes);
  };
  const packed = (name: string): boolean => existsSync(join(root, `._${name}`));
  return { server, tree, root, plant, fork, packed };
}

test('who opens a stream finds all that was beside the file, which is gone then', {
  skip,
}, async () => {
  const { server, tree, root, plant, fork, packed } = await serving();
  try {
    plant('file');
    assert.equal(await fork('file'), 'a resource fork');
    assert.equal(packed('file'), false);
    const info = await tree.readFile('file:AFP_AfpInfo');
    assert.equal(info.toString('latin1', 16, 24), 'TESTSLOW');
    assert.equal(String(await tree.readFile('file:foo\uf022bar')), 'baz');
    assert.ok(Buffer.isBuffer(getxattr(join(root, 'file'), 'user.DosStream.AFP_Resource:$DATA')));
    mkdirSync(join(root, 'folder'));
    chmodSync(join(root, 'folder'), 0o777);
    writeFileSync(join(root, '._folder'), FILE);
    chmodSync(join(root, '._folder'), 0o666);
    assert.equal(await fork('folder'), 'a resource fork');
    assert.equal(packed('folder'), false);
  } finally {
    await server.close();
  }
});

test('what differs, is open, is not understood or has no file stays as it was', {
  skip,
}, async () => {
  const { server, tree, root, plant, fork, packed } = await serving();
  try {
    plant('other');
    // A stream of it is there already, and is not what is beside it.
    writeFileSync(join(root, '._other'), 'none yet');
    await tree.writeFile('other:AFP_Resource', Buffer.from('newer'));
    writeFileSync(join(root, '._other'), FILE);
    assert.equal(await fork('other'), 'newer');
    assert.deepEqual(readFileSync(join(root, '._other')), FILE);
    // Nothing of it was made.
    await assert.rejects(tree.readFile('other:AFP_AfpInfo'));
    plant('open');
    const file = await tree.open('._open', { access: FILE_GENERIC_READ, disposition: FILE_OPEN });
    assert.equal(await fork('open'), 'none');
    assert.equal(packed('open'), true);
    await file.close();
    assert.equal(await fork('open'), 'a resource fork');
    const strange = Buffer.from(FILE);
    strange.writeUInt32BE(4, 38);
    plant('strange', strange);
    assert.equal(await fork('strange'), 'none');
    assert.equal(packed('strange'), true);
    plant('large', Buffer.concat([FILE, Buffer.alloc(2 * 1024 * 1024)]));
    assert.equal(await fork('large'), 'none');
    assert.equal(packed('large'), true);
    writeFileSync(join(root, '._alone'), FILE);
    assert.equal(await fork('alone'), 'none');
    assert.equal(packed('alone'), true);
  } finally {
    await server.close();
  }
});

test('streams that do not fit leave the file as it was', { skip }, async () => {
  const { server, root, plant, fork, packed } = await serving();
  try {
    // More than all attributes of a file have room for, on any disk.
    plant(
      'big',
      appleDouble({
        finderInfo: FINDER_INFO,
        fork: Buffer.alloc(1024 * 1024 + 1, 1),
        attributes: [],
      }),
    );
    assert.equal(await fork('big'), 'none');
    assert.equal(packed('big'), true);
    assert.equal(typeof getxattr(join(root, 'big'), 'user.DosStream.AFP_AfpInfo:$DATA'), 'number');
  } finally {
    await server.close();
  }
});

for (const [why, share] of [
  ['fruit:convert_adouble = no', { appleConvertsDouble: false }],
  ['without the module fruit', { vfsObjects: ['streams_xattr'] }],
  ['read only', { readOnly: true }],
] as const) {
  test(`${why}: nothing is done`, { skip }, async () => {
    const { server, plant, fork, packed } = await serving({ ...share } as Parameters<
      typeof serving
    >[0]);
    try {
      plant('file');
      assert.equal(await fork('file'), 'none');
      assert.equal(packed('file'), true);
    } finally {
      await server.close();
    }
  });
}
