/**
 * fanotify(7), inotify(7) and MS-FSA 2.1.4.1: what other programs do in a share's folder is told once, in
 * order, and what the server does itself is not told here. By both methods; the other programs are a
 * shell, since what this process does is the server's own.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
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

  readonly warnings: string[] = [];

  constructor(method: HostMethod, over: { maxDirectories?: number } = {}) {
    this.root = mkdtempSync(join(folder, `${method}-`));
    this.vfs = createLocalVfs({ root: this.root });
    this.tree = now(this.vfs.attach(undefined) as VfsTree);
    this.watcher = createHostWatcher({
      shares: [{ name: 'share', vfs: this.vfs }],
      tell: (changes) => this.seen.push(...shown(this.root, changes)),
      log: { ...SILENT_LOGGER, warn: (text) => this.warnings.push(text) },
      ...over,
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

  async after(script: string): Promise<string[]> {
    await this.foreign(script);
    return this.told();
  }

  foreign(script: string): Promise<void> {
    return shell.run(this.root, script);
  }

  create(...path: string[]): void {
    now(this.tree.create(path, { kind: 'file', attributes: 0 }) as VfsHandle).close();
  }

  async told(): Promise<string[]> {
    this.watcher.catchUp();
    // Half of a rename may have to wait for the other.
    await sleep(30);
    this.watcher.catchUp();
    return this.seen.splice(0);
  }
}

const METHODS: readonly HostMethod[] = ['fanotify', 'inotify'];

/** fanotify on a file system is root's, and not everywhere root's either. */
function whyNot(method: HostMethod): string | false {
  if (cannotRun !== false || method === 'inotify') return cannotRun;
  const vfs = createLocalVfs({ root: folder });
  const shares = [{ name: 'share', vfs }];
  const watcher = createHostWatcher({ shares, tell: () => {}, log: SILENT_LOGGER });
  const best = watcher.methodOf(vfs);
  watcher.close();
  vfs.close();
  return best === method ? false : `this process may only use ${best}`;
}

for (const method of METHODS) {
  describe(`by ${method}`, { skip: whyNot(method) }, () => {
    test('what the server does to named streams is its own', async () => {
      const host = new Host(method);
      host.create('f');
      await host.watch();
      const file = now(host.tree.lookup(['f']) as VfsHandle);
      const stream = now(file.createStream('s') as VfsHandle);
      stream.write(Buffer.from('bytes'), 0);
      stream.truncate(2);
      assert.equal(stream.renameStream('t', false), 0);
      assert.equal(stream.remove(), 0);
      stream.close();
      assert.deepEqual(await host.told(), []);
      assert.deepEqual(await host.after('touch g'), ['+ g', 'g metadata']);
    });

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

    test('a directory that others rename, and what is in it, is followed', async () => {
      const host = new Host(method);
      await host.foreign('mkdir -p a/b c');
      await host.watch(['a', 'b']);
      // A name is told as it is when the kernel's word is read.
      await host.foreign('mv a/b c/b; : > c/b/f; sleep 0.3; mv c e; : > e/b/g');
      // Others may be told as well of what is beside.
      const told = (await host.told()).filter((line) => /^\+|>/.test(line));
      assert.deepEqual(told, ['a/b > c/b', '+ c/b/f', 'c > e', '+ e/b/g'].slice(0, told.length));
      assert.ok(told.includes('+ e/b/g') || told.includes('+ c/b/g'));
    });

    test('WATCH_TREE: new directories with what is made in them at once', async () => {
      const host = new Host(method);
      await host.foreign('mkdir -p old/deep');
      await host.watch([], true);
      await host.foreign(
        'mkdir -p n/m; : > n/m/f; : > old/deep/g; sleep 0.1; mv n old/n; : > old/n/m/h',
      );
      const names = (await host.told()).filter((line) => !line.endsWith('data'));
      assert.deepEqual(names, [
        ...['+ n/', '+ n/m/', '+ n/m/f', '+ old/deep/g'],
        ...['n > old/n', '+ old/n/m/h'],
      ]);
      await host.foreign('rm -r old');
      const gone = await host.told();
      assert.deepEqual(gone.toSorted(), [
        ...['- old/', '- old/deep/', '- old/deep/g'],
        ...['- old/n/', '- old/n/m/', '- old/n/m/f', '- old/n/m/h'],
      ]);
    });

    test('WATCH_TREE: a thousand directories made and filled as fast as can be', async () => {
      const host = new Host(method);
      await host.watch([], true);
      await once(spawn(process.execPath, ['-e', TREES, host.root]), 'exit');
      for (let tries = 0; tries < 200 && host.seen.length < 3000; tries++) await sleep(10);
      const names = (await host.told()).filter((line) => !line.endsWith('data'));
      const expected = Array.from({ length: 1000 }, (_, i) => i + 1).flatMap((i) => [
        ...[`+ ${i}/`, `+ ${i}/a/`, `+ ${i}/a/f`],
      ]);
      assert.deepEqual(names.toSorted(), expected.toSorted(), 'each once');
    });

    test('moved in and out of what is watched', async () => {
      const host = new Host(method);
      await host.foreign('mkdir -p in out/d out/e; : > out/f; : > out/d/deep');
      await host.watch(['in'], true);
      const first = await host.after('mv out/f in/f; mv out/d in/d');
      // What is made in it before inotify watches it may be as old as the rest of it.
      const second = await host.after(': > in/d/x; mv in/f out/f; mv in/d out/d');
      const within = [...first, ...second].map((line) => line.replace(/out\/\S+/g, 'out'));
      const expected = {
        fanotify: ['out > in/f', 'out > in/d', '+ in/d/x', 'in/f > out', 'in/d > out'],
        inotify: ['+ in/f', '+ in/d/', '+ in/d/x', '- in/f', '- in/d/'],
      }[method];
      assert.deepEqual(
        within.filter((line) => !line.endsWith('data')),
        expected,
      );
      await host.foreign(': > out/d/y');
      assert.ok(!(await host.told()).some((line) => line.includes('in/')));
    });

    test('what is written is told when it is closed; of a file that stays open once a second', async () => {
      const host = new Host(method);
      await host.foreign('echo > f');
      await host.watch();
      await host.foreign('echo more >> f');
      assert.deepEqual(await host.told(), ['f data']);
      await host.foreign('exec 9>> f; echo 1 >&9; echo 2 >&9; sleep 0.05; echo 3 >&9');
      assert.deepEqual(await host.told(), []);
      await sleep(1000);
      assert.deepEqual(await host.told(), ['f data']);
      await host.foreign('exec 9>&-');
      assert.deepEqual(await host.told(), []);
      await host.foreign('exec 9>> f; exec 9>&-; cat f > /dev/null');
      assert.deepEqual(await host.told(), [], 'nothing was written');
    });

    test('mode, owner and times', async () => {
      const host = new Host(method);
      await host.foreign(': > f; mkdir d');
      await host.watch();
      await host.foreign('chmod 600 f; chmod 700 d');
      assert.deepEqual(await host.told(), ['f metadata', 'd metadata']);
      await host.foreign('touch -d 2001-01-01 f');
      assert.deepEqual(await host.told(), ['f metadata']);
    });

    test('names that clients see otherwise', async () => {
      const host = new Host(method);
      await host.watch([], true);
      await host.foreign(`mkdir 'a:b'; : > 'a:b/c '; : > "$(printf 'no\\377')"`);
      const names = (await host.told()).filter((line) => !line.endsWith('data'));
      assert.deepEqual(names, ['+ a\uf022b/', '+ a\uf022b/c\uf028', '+ no\uefff']);
    });

    test('what the server writes and sets is not told, what others do to the same file is', async () => {
      const host = new Host(method);
      await host.foreign('echo > f');
      await host.watch();
      const file = now(host.tree.lookup(['f']) as VfsHandle);
      file.open({ read: true, write: true });
      for (let round = 0; round < 20; round++) {
        file.write(Buffer.from('ours'), 4 * round);
        file.set({ attributes: round % 2 === 0 ? 2 : 0 });
      }
      file.truncate(3);
      assert.deepEqual(await host.told(), []);
      file.write(Buffer.from('ours'), 0);
      await sleep(10);
      await host.foreign('echo theirs >> f');
      file.write(Buffer.from('ours'), 0);
      await host.foreign('chmod 600 f');
      file.set({ lastWriteTime: 0x1d0_0000_0000_0000n });
      assert.deepEqual(await host.told(), ['f data', 'f metadata']);
      file.close();
      await sleep(20);
      assert.deepEqual(await host.told(), []);
    });

    test('renames, links and removals of the server, in the midst of others’', async () => {
      const host = new Host(method);
      await host.foreign('mkdir d; : > a; : > b');
      await host.watch([], true);
      const a = now(host.tree.lookup(['a']) as VfsHandle);
      const d = now(host.tree.lookup(['d']) as VfsHandle);
      await host.foreign('mv b c');
      assert.equal(a.rename(['d', 'A'], false), 0);
      assert.equal(a.link(['a2'], false), 0);
      await host.foreign('mv a2 b');
      assert.equal(d.rename(['D2'], false), 0);
      await host.foreign(': > D2/x; mv D2/A D2/B');
      assert.equal(a.remove(), 0);
      const names = (await host.told()).filter((line) => !line.endsWith('data'));
      assert.deepEqual(names, ['b > c', 'a2 > b', '+ D2/x', 'D2/A > D2/B']);
      a.close();
      d.close();
    });

    test('too many at once: everything may have changed, and watching goes on', async () => {
      const host = new Host(method);
      await host.watch([], true);
      const many = spawn(process.execPath, ['-e', MANY, host.root]);
      const ended = once(many, 'exit');
      // This thread is busy meanwhile, and nobody takes what the kernel keeps.
      const flag = join(host.root, 'done');
      while (!existsSync(flag));
      await ended;
      await sleep(50);
      assert.ok((await host.told()).includes('lost'));
      assert.deepEqual(host.warnings, [
        'changes by other programs came too fast: clients look at their folders again',
      ]);
      await host.foreign('mkdir after; : > after/f');
      const names = (await host.told()).filter((line) => !line.endsWith('data'));
      assert.deepEqual(names, ['+ after/', '+ after/f']);
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

test('inotify: as many directories as are allowed, and a warning, once', {
  skip: cannotRun,
}, async () => {
  const host = new Host('inotify', { maxDirectories: 5 });
  await host.foreign('mkdir -p a b c d e f');
  const watch = await host.watch([], true);
  assert.equal(host.warnings.length, 1);
  await host.foreign(': > x; for d in a b c d e f; do : > $d/y; done');
  const names = (await host.told()).filter((line) => !line.endsWith('data'));
  assert.equal(names.length, 1 + 4, 'the folder, and four below it');
  const isWatched = (name: string): boolean => names.includes(`+ ${name}/y`);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const directory = now(host.tree.lookup([name]) as VfsHandle);
    const one = host.watcher.watch(host.vfs, directory, false);
    assert.equal(one !== undefined, isWatched(name));
    one?.close();
    directory.close();
  }
  watch.close();
  assert.equal(hostDescriptors(), 0);
});

const TREES = `
  const { mkdirSync, writeFileSync } = require('node:fs');
  process.chdir(process.argv[1]);
  for (let i = 1; i <= 1000; i++) {
    mkdirSync(i + '/a', { recursive: true });
    writeFileSync(i + '/a/f', '');
  }
`;

/** More than fs.inotify.max_queued_events and its fanotify kin hold. */
const MANY = `
  const { renameSync, writeFileSync } = require('node:fs');
  process.chdir(process.argv[1]);
  writeFileSync('0', '');
  for (let i = 0; i < 20000; i++) renameSync(i + '', i + 1 + '');
  writeFileSync('done', '');
`;
