/** What a directory permits is known from one removal to the next, and for no longer than it is so. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AT_EMPTY_PATH, AT_FDCWD } from '../../native/constants.ts';
import { missing } from '../../native/library.ts';
import { statx } from '../../native/stat.ts';
import { EACCES, EPERM, isErrno } from '../errno.ts';
import type { VfsHandle, VfsTree } from '../vfs.ts';
import { attributeCache, nextChangeTells } from './attribute-cache.ts';
import { createLocalVfs } from './local-vfs.ts';
import { NTACL } from './nt-acl.ts';

const isRoot = process.getuid?.() === 0;
const options = { skip: missing ?? (isRoot ? false : 'needs root, to be users') };
const UID = 4711;
const OTHER = 4712;

/** Whether the kernel tells each change of a directory apart. */
function tellsChanges(folder: string): boolean {
  const fd = openSync(folder, 'r');
  assert.equal(statx(fd, '', AT_EMPTY_PATH), 0);
  const tells = nextChangeTells(fd);
  closeSync(fd);
  return tells;
}

interface Kit {
  readonly folder: string;
  readonly user: VfsTree;
  readonly other: VfsTree;
  put(name: string): void;
  /** Looked up as whoever opens it to delete it does. */
  find(tree: VfsTree, path: string): Promise<VfsHandle>;
  /** How many are known to be permitted to change names in `docs`; undefined where nothing is known of it. */
  known(): number | undefined;
  skip(why: string): void;
}

function check(name: string, act: (kit: Kit) => Promise<void>): void {
  test(name, options, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'usmbd-parents-'));
    chmodSync(folder, 0o755);
    const docs = join(folder, 'docs');
    mkdirSync(docs);
    chownSync(docs, UID, UID);
    chmodSync(docs, 0o775);
    const vfs = createLocalVfs({ root: folder });
    const handles: VfsHandle[] = [];
    try {
      if (!tellsChanges(docs)) {
        context.skip('nothing is kept of directories here');
        return;
      }
      const attach = async (uid: number, groups: number[] = []) => {
        const tree = await vfs.attach({ uid, gid: uid, groups });
        assert.ok(!isErrno(tree));
        return tree;
      };
      await act({
        folder,
        user: await attach(UID),
        other: await attach(OTHER),
        skip: (why) => context.skip(why),
        put(path) {
          writeFileSync(join(folder, path), '');
          chownSync(join(folder, path), UID, UID);
        },
        async find(tree, path) {
          const handle = await tree.lookup(path.split('/'), 'open');
          assert.ok(!isErrno(handle));
          handles.push(handle);
          return handle;
        },
        known() {
          assert.equal(statx(AT_FDCWD, docs, 0), 0);
          const known = attributeCache.known();
          return known && (known.directory?.changers.length ?? 0);
        },
      });
    } finally {
      for (const handle of handles) handle.close();
      vfs.close();
      rmSync(folder, { recursive: true });
    }
  });
}

check('it is known through changes of our own', async ({ user, put, find, known }) => {
  for (const name of ['a', 'b', 'c']) put(`docs/${name}`);
  const a = await find(user, 'docs/a');
  assert.equal(a.removable(), 0);
  assert.equal(known(), 1);
  assert.equal(await a.remove(), 0);
  assert.equal(known(), 1);
  const made = await user.create(['docs', 'new'], { kind: 'file', attributes: 0 });
  assert.ok(!isErrno(made));
  assert.equal(await made.rename(['docs', 'newer'], false), 0);
  made.close();
  assert.equal(known(), 1);
  const b = await find(user, 'docs/b');
  assert.equal(b.removable(), 0);
  assert.equal(b.parentSecurity(), undefined);
  // A name that another program makes moves the times, and who made it did not say what else he did.
  put('docs/theirs');
  assert.equal(known(), undefined);
  assert.equal(b.removable(), 0);
  assert.equal(known(), 1);
});

check('a directory that is closed to its user is so at once', async (kit) => {
  const { folder, user, put, find } = kit;
  put('docs/a');
  put('docs/b');
  assert.equal((await find(user, 'docs/a')).removable(), 0);
  const b = await find(user, 'docs/b');
  assert.equal(b.removable(), 0);
  chmodSync(join(folder, 'docs'), 0o555);
  assert.equal(b.removable(), EACCES);
  chmodSync(join(folder, 'docs'), 0o755);
  assert.equal(b.removable(), 0);
  chownSync(join(folder, 'docs'), 0, 0);
  assert.equal(b.removable(), EACCES);
});

check('what one may do another may not', async ({ user, other, put, find, known }) => {
  put('docs/a');
  assert.equal((await find(user, 'docs/a')).removable(), 0);
  assert.equal((await find(other, 'docs/a')).removable(), EACCES);
  assert.equal(known(), 1);
});

check('in a sticky directory every file is asked of', async (kit) => {
  const { folder, user, other, put, find, known } = kit;
  chmodSync(join(folder, 'docs'), 0o1777);
  put('docs/a');
  writeFileSync(join(folder, 'docs/root'), '');
  chownSync(join(folder, 'docs'), 0, 0);
  assert.equal((await find(user, 'docs/a')).removable(), 0);
  assert.equal((await find(user, 'docs/root')).removable(), EPERM);
  assert.equal((await find(other, 'docs/a')).removable(), EPERM);
  assert.equal(known() ?? 0, 0);
});

check('what was moved out of the directory is asked of where it is', async (kit) => {
  const { folder, user, put, find } = kit;
  put('docs/a');
  put('docs/b');
  assert.equal((await find(user, 'docs/a')).removable(), 0);
  const b = await find(user, 'docs/b');
  mkdirSync(join(folder, 'closed'));
  renameSync(join(folder, 'docs/b'), join(folder, 'closed/b'));
  // The kernel says where it is: from then on nothing else counts.
  assert.deepEqual(b.path(), ['closed', 'b']);
  assert.equal(b.removable(), EACCES);
  assert.equal(await b.remove(), EACCES);
});

check('another directory in its place is asked anew', async ({ folder, user, put, find }) => {
  put('docs/a');
  const a = await find(user, 'docs/a');
  assert.equal(a.removable(), 0);
  renameSync(join(folder, 'docs'), join(folder, 'former'));
  mkdirSync(join(folder, 'docs'));
  put('docs/a');
  assert.equal((await find(user, 'docs/a')).removable(), EACCES);
});

check('a file that is not to change stays', async ({ folder, user, put, find, skip }) => {
  put('docs/a');
  put('docs/b');
  assert.equal((await find(user, 'docs/a')).removable(), 0);
  const path = join(folder, 'docs/b');
  try {
    execFileSync('chattr', ['+i', path], { stdio: 'ignore' });
  } catch {
    skip('chattr does nothing here');
    return;
  }
  try {
    assert.equal((await find(user, 'docs/b')).removable(), EPERM);
  } finally {
    execFileSync('chattr', ['-i', path]);
  }
});

check('a descriptor that another program gives the directory is seen at once', async (kit) => {
  const { user, put, find } = kit;
  put('docs/a');
  const a = await find(user, 'docs/a');
  assert.equal(a.removable(), 0);
  assert.equal(a.parentSecurity(), undefined);
  const docs = await find(user, 'docs');
  assert.equal(
    docs.setSecurity((current) => ({ ...current, dacl: { revision: 2, aces: [] } })),
    0,
  );
  assert.notEqual(a.removable(), 0);
  const parent = await a.parentSecurity();
  assert.ok(parent !== undefined && !isErrno(parent));
  assert.deepEqual(parent.dacl?.aces, []);
});

test('what was carried over a change is read again a second later', options, (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-parents-'));
  try {
    if (!tellsChanges(folder)) {
      context.skip('nothing is kept of directories here');
      return;
    }
    const stat = () => assert.equal(statx(AT_FDCWD, folder, 0), 0);
    stat();
    const known = attributeCache.ofStat(undefined)!;
    known.noNtAcl = NTACL;
    writeFileSync(join(folder, 'a'), '');
    stat();
    assert.equal(attributeCache.known(), undefined);
    attributeCache.carry(known);
    assert.equal(attributeCache.known(), known);
    const now = Date.now();
    context.mock.method(Date, 'now', () => now + 1_500);
    assert.equal(attributeCache.known(), undefined);
    assert.equal(attributeCache.ofStat(undefined)?.noNtAcl, undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
