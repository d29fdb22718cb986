/** Where a share is on the host, and that the paths of its objects go on from there. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { must } from '../contract-kit.ts';
import { cannotRun } from './contract-scratch.ts';
import { createLocalVfs } from './local-vfs.ts';

test('the location of a share is that of its folder, by whatever name and wherever it goes', {
  skip: cannotRun,
}, async () => {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'usmbd-location-')));
  try {
    mkdirSync(join(scratch, 'share', 'inner', 'd'), { recursive: true });
    symlinkSync('share', join(scratch, 'link'));
    const outer = createLocalVfs({ root: join(scratch, 'link') });
    const inner = createLocalVfs({ root: join(scratch, 'share', 'inner') });
    assert.equal(outer.location!(), join(scratch, 'share'));
    const tree = await must(outer.attach(undefined));
    const handle = await must(tree.lookup(['INNER', 'd']));
    const path = await must(handle.path());
    assert.equal([outer.location!(), ...path].join('/'), `${inner.location!()}/d`);
    renameSync(join(scratch, 'share'), join(scratch, 'renamed'));
    assert.equal(inner.location!(), join(scratch, 'renamed', 'inner'));
    const everything = createLocalVfs({ root: '/' });
    assert.equal(everything.location!(), '');
    handle.close();
    tree.close();
    for (const share of [outer, inner, everything]) share.close();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
