/** ksmbd.conf `crossmnt = no`: what is mounted within a share is none of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { missing } from '../../native/library.ts';
import { nativeSupport } from '../../native/support.ts';
import { EACCES, EEXIST, isErrno } from '../errno.ts';
import type { VfsTree } from '../vfs.ts';
import { createLocalVfs } from './local-vfs.ts';

const options = { skip: missing ?? (nativeSupport().openat2 ? false : 'needs openat2') };
const NEW = { kind: 'file', attributes: 0 } as const;

/** A folder in which `Mounted` is another file system, with a file. */
async function withMount(
  context: TestContext,
  crosses: boolean,
  act: (tree: VfsTree) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-crossing-'));
  const mounted = join(folder, 'Mounted');
  mkdirSync(mounted);
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'usmbd-test', mounted], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    context.skip('nothing can be mounted here');
    return;
  }
  const vfs = createLocalVfs({ root: folder, crossMounts: crosses });
  try {
    writeFileSync(join(mounted, 'file'), 'x');
    writeFileSync(join(folder, 'own'), 'x');
    const tree = await vfs.attach(undefined);
    assert.ok(!isErrno(tree));
    await act(tree);
  } finally {
    vfs.close();
    execFileSync('umount', [mounted]);
    rmSync(folder, { recursive: true });
  }
}

const BEYOND = [['Mounted'], ['mounted'], ['Mounted', 'file'], ['mounted', 'FILE']];

test(
  'crossmnt = no: nobody gets there by any spelling, and makes nothing',
  options,
  async (context) => {
    await withMount(context, false, async (tree) => {
      for (const path of BEYOND) {
        for (const purpose of [undefined, 'look', 'open', 'read', 'write'] as const) {
          assert.equal(await tree.lookup(path, purpose), EACCES, path.join('/'));
        }
      }
      assert.equal(await tree.create(['Mounted', 'new'], NEW), EACCES);
      assert.equal(await tree.create(['mounted', 'new'], NEW), EACCES);
      assert.equal(await tree.create(['mounted'], NEW), EEXIST);
      const own = await tree.lookup(['OWN'], 'write');
      assert.ok(!isErrno(own));
      assert.equal(await own.rename(['Mounted', 'own'], false), EACCES);
      own.close();
    });
  },
);

test('unless told, it belongs to the share', options, async (context) => {
  await withMount(context, true, async (tree) => {
    for (const path of BEYOND) {
      const handle = await tree.lookup(path);
      assert.ok(!isErrno(handle), path.join('/'));
      handle.close();
    }
  });
});

test('without openat2 it is no share', { skip: missing ?? false }, () => {
  const root = tmpdir();
  assert.throws(
    () => createLocalVfs({ root, openat2: false, crossMounts: false }),
    /crossmnt = no/,
  );
});
