/**
 * MS-SMB2 3.3.1.4 with a disk that other programs change as well: a directory that a client caches is given up
 * when somebody on the host changes it. By both of the kernel's methods.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { leased, RH, stateAndEpoch, takeBreaks, told } from '../test/support/leases.ts';
import { connect } from './client/connect.ts';
import type { ClientFile } from './client/file.ts';
import type { ClientTree } from './client/tree.ts';
import { createServer } from './create-server.ts';
import { DELETE, FILE_READ_DATA } from './dtyp/access-mask.ts';
import { FileInformationClass } from './fscc/information-class.ts';
import { encodeRenameInformation } from './fscc/rename-information.ts';
import { nativeSupport } from './native/support.ts';
import {
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_GLOBAL_CAP_LARGE_MTU,
} from './smb2/capabilities.ts';
import { FILE_DIRECTORY_FILE } from './smb2/create-options.ts';
import {
  ForeignShell,
  hostDescriptors,
  scratchFolder,
} from './vfs/local/host/foreign.support.test.ts';

const folder = scratchFolder();
const shell = new ForeignShell();
const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const capabilities = SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;

interface Scene {
  readonly root: string;
  readonly tree: ClientTree;
}

const ends: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
  assert.equal(hostDescriptors(), 0, 'no descriptor is left behind');
});

async function setScene(hostChanges: 'auto' | 'inotify'): Promise<Scene> {
  const root = mkdtempSync(join(folder, 'share-'));
  const server = createServer({
    shares: [{ name: 'files', path: root }],
    users: [{ name: 'ann', password: 'tiger', identity }],
    hostChanges,
  });
  ends.push(() => server.close());
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const client = await connect({ host: '127.0.0.1', port, capabilities, timeoutMs: 5_000 });
  ends.push(() => client.close());
  const session = await client.login({ user: 'ann', secret: 'tiger' });
  return { root, tree: await session.treeConnect('files') };
}

/** Opens the directory with a lease of this key. */
const hold = (tree: ClientTree, name: string, key: number): Promise<ClientFile> => {
  const how = { access: FILE_READ_DATA | DELETE, options: FILE_DIRECTORY_FILE };
  return tree.open(name, leased(key, { state: RH }, how));
};

async function breaksOf({ root, tree }: Scene, script: string): Promise<(number | undefined)[]> {
  await shell.run(root, script);
  await sleep(50);
  return (await takeBreaks(tree)).map(({ leaseKey }) => leaseKey[0]).sort();
}

for (const method of ['auto', 'inotify'] as const) {
  describe(`host leases, ${method}`, { skip: nativeSupport().unavailable ?? false }, () => {
    test('each change of another program takes the lease of its directory, and no other', async () => {
      const scene = await setScene(method);
      const { tree } = scene;
      for (const name of ['a', 'a\\b', 'c']) await tree.makeDirectory(name);
      await shell.run(scene.root, ': > a/f; : > a/b/f; : > f');
      const keys = { '': 1, a: 2, 'a\\b': 3, c: 4 };
      for (const [script, broken] of [
        [': > a/g', [2]],
        ['rm a/g', [2]],
        ['echo more >> a/b/f', [3]],
        ['chmod 600 f', [1]],
        ['mv a/f c/f', [2, 4]],
        ['mkdir c/d', [4]],
      ] as const) {
        const held: ClientFile[] = [];
        for (const [name, key] of Object.entries(keys)) held.push(await hold(tree, name, key));
        assert.deepEqual(
          held.map(stateAndEpoch),
          held.map(() => [RH, 1]),
        );
        assert.deepEqual(await breaksOf(scene, script), broken, script);
        for (const directory of held) await directory.close();
        await takeBreaks(tree);
      }
    });

    test('a directory that has been renamed, by us and by others, and what is below it', async () => {
      const scene = await setScene(method);
      const { tree } = scene;
      for (const name of ['a', 'a\\b']) await tree.makeDirectory(name);
      const directory = await hold(tree, 'a', 1);
      const to = { fileName: 'x', replaceIfExists: false, rootDirectory: 0 };
      await directory.setInfo(
        FileInformationClass.FileRenameInformation,
        encodeRenameInformation(to),
      );
      const below = await hold(tree, 'x\\b', 2);
      assert.deepEqual(await breaksOf(scene, 'mv x y'), []);
      assert.deepEqual(await breaksOf(scene, ': > y/b/f'), [2]);
      assert.deepEqual(await breaksOf(scene, ': > y/f'), [1]);
      await directory.close();
      await below.close();
    });

    test('what others do elsewhere on the disk, however much it is, takes no lease', async () => {
      const scene = await setScene(method);
      const { root, tree } = scene;
      for (const name of ['a', 'beside']) await tree.makeDirectory(name);
      const directory = await hold(tree, 'a', 1);
      // This thread is busy meanwhile, and takes nothing of what the kernel keeps, which is 16,384 events.
      const { status } = spawnSync(process.execPath, ['-e', MANY, join(root, 'beside')]);
      assert.equal(status, 0);
      assert.deepEqual(await breaksOf(scene, ': > beside/f'), []);
      assert.deepEqual(await breaksOf(scene, ': > a/f'), [1]);
      await directory.close();
    });

    test('two who cache one directory, of which one gives it up, then both, then one again', async () => {
      const scene = await setScene(method);
      const { tree } = scene;
      await tree.makeDirectory('a');
      const [first, second] = [await hold(tree, 'a', 1), await hold(tree, 'a', 2)];
      await first.close();
      assert.deepEqual(await breaksOf(scene, ': > a/f'), [2]);
      await second.close();
      assert.deepEqual(await breaksOf(scene, 'rm a/f'), []);
      const third = await hold(tree, 'a', 3);
      assert.deepEqual(await breaksOf(scene, 'mkdir a/d'), [3]);
      await third.close();
      await takeBreaks(tree);
    });

    test('what the server does is not taken for another program’s', async () => {
      const scene = await setScene(method);
      const { tree } = scene;
      await tree.makeDirectory('a');
      const directory = await hold(tree, 'a', 1);
      const made = leased(7, { parent: 1 }, { access: FILE_READ_DATA | DELETE, disposition: 2 });
      await (await tree.open('a\\f', made)).close();
      await sleep(100);
      assert.deepEqual((await takeBreaks(tree)).map(told), []);
      await directory.close();
    });
  });
}

const MANY = `
  const { renameSync, writeFileSync } = require('node:fs');
  process.chdir(process.argv[1]);
  writeFileSync('0', '');
  for (let i = 0; i < 20000; i++) renameSync(i + '', i + 1 + '');
`;
