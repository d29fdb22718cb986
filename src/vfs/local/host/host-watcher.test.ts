/**
 * fanotify(7), inotify(7) and MS-FSA 2.1.4.1: what other programs do in a share's folder is told once, in
 * order, and what the server does itself is not told here. By both methods; the other programs are a
 * shell, since what this process does is the server's own.
 */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SILENT_LOGGER } from '../../../base/log.ts';
import type { HostChange } from '../../host-changes.ts';
import type { Vfs, VfsHandle, VfsTree } from '../../vfs.ts';
import { cannotRun, now } from '../contract-scratch.ts';
import { createLocalVfs } from '../local-vfs.ts';
import { ForeignShell, hostDescriptors, scratchFolder } from './foreign.support.test.ts';
import { createHostWatcher, type HostMethod, type LocalHostWatcher } from './host-watcher.ts';

const folder = scratchFolder();
const shell = new ForeignShell();

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0).reverse()) one.close();
});

const shown = (root: string, changes: readonly HostChange[]): string[] =>
  changes.map((change) => {
    const short = (place: string): string => place.slice(root.length + 1);
    if (change.kind === 'lost') return 'lost';
    if (change.kind === 'renamed') return `${short(change.from)} > ${short(change.to)}`;
    if (change.kind === 'modified') return `${short(change.place)} ${change.what}`;
    const slash = change.isDirectory ? '/' : '';
    return `${change.kind === 'added' ? '+' : '-'} ${short(change.place)}${slash}`;
  });

class Host {
  readonly root: string;
  readonly vfs: Vfs;
  readonly tree: VfsTree;
  readonly watcher: LocalHostWatcher;
  readonly seen: string[] = [];

  constructor(method: HostMethod) {
    this.root = mkdtempSync(join(folder, `${method}-`));
    this.vfs = createLocalVfs({ root: this.root });
    this.tree = now(this.vfs.attach(undefined) as VfsTree);
    this.watcher = createHostWatcher({
      shares: [{ name: 'share', vfs: this.vfs }],
      tell: (changes) => this.seen.push(...shown(this.root, changes)),
      log: SILENT_LOGGER,
      ...(method === 'inotify' && { method }),
    });
    open.push(this.vfs, this.watcher);
    assert.equal(this.watcher.methodOf(this.vfs), method);
  }

  async watch(path: readonly string[] = [], tree = false): Promise<{ close(): void }> {
    const directory = now(this.tree.lookup(path) as VfsHandle);
    open.splice(1, 0, directory);
    const watch = this.watcher.watch(this.vfs, directory, tree);
    assert.ok(watch !== undefined);
    while (!this.watcher.isComplete) await sleep(1);
    return watch;
  }

  foreign(script: string): Promise<void> {
    return shell.run(this.root, script);
  }

  create(...path: string[]): void {
    now(this.tree.create(path, { kind: 'file', attributes: 0 }) as VfsHandle).close();
  }

  async told(): Promise<string[]> {
    await sleep(40);
    return this.seen.splice(0);
  }
}

const METHODS: readonly HostMethod[] = ['fanotify', 'inotify'];

for (const method of METHODS) {
  describe(`by ${method}`, { skip: cannotRun }, () => {
    test('what others make, rename and remove in a watched directory', async () => {
      const host = new Host(method);
      await host.watch();
      await host.foreign('mkdir d; : > f; mv f g; rm g; mv d e; rmdir e');
      const names = (await host.told()).filter((line) => !line.endsWith('data'));
      assert.deepEqual(names, ['+ d/', '+ f', 'f > g', '- g', 'd > e', '- e/']);
    });

    test('what the server does itself is not told', async () => {
      const host = new Host(method);
      await host.watch();
      host.create('own');
      await host.foreign(': > other');
      assert.deepEqual(await host.told(), ['+ other']);
    });

    test('nothing is told, and no descriptor is kept, once nobody watches', async () => {
      const host = new Host(method);
      const watch = await host.watch();
      assert.equal(hostDescriptors(), 1);
      watch.close();
      assert.equal(hostDescriptors(), 0);
      await host.foreign(': > f');
      assert.deepEqual(await host.told(), []);
    });
  });
}
