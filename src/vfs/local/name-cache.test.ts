/** The cache of names: what it may answer from, when it must look again, and what it may hold. */
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AT_EMPTY_PATH, AT_FDCWD, O_DIRECTORY, O_PATH } from '../../native/constants.ts';
import { close, openat } from '../../native/files.ts';
import { statx } from '../../native/stat.ts';
import { ENOENT } from '../errno.ts';
import { nextChangeTells } from './attribute-cache.ts';
import { MEMORY_DISK, cannotRun as skip } from './contract-scratch.ts';
import { ownCredentials } from './credentials.ts';
import { MAX_CACHED_BYTES, NameCache, type NameCacheOptions } from './name-cache.ts';

const root = mkdtempSync(join(MEMORY_DISK, 'usmbd-names-'));
after(() => rmSync(root, { recursive: true, force: true }));

const credentials = ownCredentials();
const procFd = openat(AT_FDCWD, '/proc/self/fd', O_PATH | O_DIRECTORY);

/** A clock that is this far ahead of the directory's last change. */
const LONG_AFTER_MS = 60_000;

interface Folder {
  readonly path: string;
  readonly fd: number;
  readonly cache: NameCache;
  find(name: string): string | number;
}

/** Lets the kernel's clock move on, so that the next change has another time than the last. */
const tick = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);

let made = 0;

function folder(names: readonly string[], options: NameCacheOptions, below = root): Folder {
  const path = join(below, `${++made}`);
  mkdirSync(path);
  for (const name of names) writeFileSync(join(path, name), '');
  const fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  after(() => close(fd));
  const cache = new NameCache(procFd, options);
  return { path, fd, cache, find: (name) => cache.find(fd, name, credentials) };
}

const later: NameCacheOptions = { now: () => Date.now() + LONG_AFTER_MS };

test('a directory at rest is read once', { skip }, () => {
  const { cache, find } = folder(['Name', 'ÄÖ', 'a:b'], later);
  for (let i = 0; i < 3; i++) {
    assert.equal(find('NAME'), 'Name');
    assert.equal(find('äö'), 'ÄÖ');
    // Clients know the name with its private character.
    assert.equal(find('A\uf022B'), 'a:b');
    assert.equal(find('none'), ENOENT);
  }
  assert.equal(cache.scans, 1);
});

test('where each change is told apart a directory that changed just now is read once', {
  skip,
}, (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'usmbd-names-'));
  after(() => rmSync(disk, { recursive: true, force: true }));
  const { cache, fd, find, path } = folder(['Name'], {}, disk);
  assert.equal(statx(fd, '', AT_EMPTY_PATH), 0);
  if (!nextChangeTells(fd)) {
    t.skip('the kernel, or the disk of the folder for temporary files, does not');
    return;
  }
  for (let i = 0; i < 200; i++) {
    assert.equal(find(`OTHER ${i}`), ENOENT);
    const { scans } = cache;
    assert.equal(find(`OTHER ${i}`), ENOENT);
    assert.equal(cache.scans, scans);
    writeFileSync(join(path, `Other ${i}`), '');
    assert.equal(find(`OTHER ${i}`), `Other ${i}`);
    unlinkSync(join(path, `Other ${i}`));
  }
});

test('a small directory that changed just now is read each time', { skip }, () => {
  // A clock that stands still: however long this machine takes, the change is a moment ago.
  const began = Date.now();
  const { cache, find, path } = folder(['Name'], {
    now: () => began,
    nextChangeTells: () => false,
  });
  for (let i = 0; i < 5; i++) assert.equal(find('none'), ENOENT);
  assert.equal(cache.scans, 5);
  // A change in the tick of the last one, which the directory's times may not tell.
  const before = statSync(path, { bigint: true });
  writeFileSync(join(path, 'Other'), '');
  utimesSync(path, Number(before.atimeMs) / 1000, Number(before.mtimeMs) / 1000);
  assert.equal(find('OTHER'), 'Other');
});

test('who asks again at once, having waited for nothing, has it read once, unless it has changed', {
  skip,
}, () => {
  const { cache, fd, find, path } = folder(['Name'], {});
  const again = (name: string) => cache.find(fd, name, credentials, true);
  assert.equal(find('other'), ENOENT);
  assert.equal(again('other'), ENOENT);
  assert.equal(cache.scans, 1);
  tick();
  writeFileSync(join(path, 'Other'), '');
  assert.equal(again('other'), 'Other');
  assert.equal(cache.scans, 2);
  // A change of our own leaves nothing that could be taken for a scan.
  const change = cache.before(fd);
  unlinkSync(join(path, 'Other'));
  cache.after(change, fd, 'Other');
  assert.equal(again('other'), ENOENT);
  assert.equal(cache.scans, 3);
});

test('changes of others are seen', { skip }, () => {
  const { find, path } = folder(['Name'], later);
  assert.equal(find('NAME'), 'Name');
  tick();
  writeFileSync(join(path, 'Second'), '');
  assert.equal(find('SECOND'), 'Second');
  tick();
  renameSync(join(path, 'Name'), join(path, 'Third'));
  assert.equal(find('NAME'), ENOENT);
  assert.equal(find('THIRD'), 'Third');
  tick();
  unlinkSync(join(path, 'Third'));
  assert.equal(find('THIRD'), ENOENT);
});

test('a time set back does not hide a change', { skip }, () => {
  const { find, path } = folder(['Name'], later);
  const { atime, mtime } = statSync(path);
  utimesSync(path, atime, mtime);
  assert.equal(find('SECOND'), ENOENT);
  tick();
  writeFileSync(join(path, 'Second'), '');
  utimesSync(path, atime, mtime);
  assert.equal(find('SECOND'), 'Second');
});

test('of names that differ in case only one is found, until none is left', { skip }, () => {
  const { find, path, cache, fd } = folder(['twin', 'Twin'], later);
  const first = find('TWIN');
  assert.ok(first === 'twin' || first === 'Twin');
  const change = cache.before(fd);
  unlinkSync(join(path, first));
  cache.after(change, fd, first);
  const second = find('TWIN');
  assert.ok((second === 'twin' || second === 'Twin') && second !== first);
});

test('a burst of our own changes in a large directory is entered, not read again', { skip }, () => {
  const names = Array.from({ length: 3000 }, (_, i) => `entry${i}`);
  let clock = Date.now();
  const { cache, find, path, fd } = folder(names, { now: () => clock });
  assert.equal(find('new0'), ENOENT);
  for (let i = 0; i < 200; i++) {
    assert.equal(find(`NEW${i}`), ENOENT);
    const creating = cache.before(fd);
    writeFileSync(join(path, `new${i}`), '');
    cache.after(creating, fd, undefined, `new${i}`);
    assert.equal(find(`NEW${i}`), `new${i}`);
    const removing = cache.before(fd);
    unlinkSync(join(path, `entry${i}`));
    cache.after(removing, fd, `entry${i}`);
    assert.equal(find(`ENTRY${i}`), ENOENT);
  }
  assert.equal(cache.scans, 1);
  assert.equal(cache.names, 3000);
  // Once the scan has paid for itself, what was only believed is looked at.
  clock += LONG_AFTER_MS;
  assert.equal(find('none'), ENOENT);
  assert.equal(cache.scans, 2);
  assert.equal(find('none'), ENOENT);
  assert.equal(cache.scans, 2);
});

test('where each change is told apart our own leave a small directory known, for a second', {
  skip,
}, () => {
  let clock = Date.now();
  const options = { now: () => clock, nextChangeTells: () => true };
  const { cache, find, path, fd } = folder(['first'], options);
  for (let i = 0; i < 20; i++) {
    assert.equal(find(`NEW${i}`), ENOENT);
    const change = cache.before(fd);
    renameSync(join(path, i === 0 ? 'first' : `new${i - 1}`), join(path, `new${i}`));
    cache.after(change, fd, i === 0 ? 'first' : `new${i - 1}`, `new${i}`);
    assert.equal(find(`NEW${i}`), `new${i}`);
  }
  assert.equal(cache.scans, 1);
  // Another program's change is seen at once, but for one that came between our look and our change.
  tick();
  writeFileSync(join(path, 'foreign'), '');
  assert.equal(find('FOREIGN'), 'foreign');
  assert.equal(cache.scans, 2);
  const change = cache.before(fd);
  writeFileSync(join(path, 'between'), '');
  writeFileSync(join(path, 'own'), '');
  cache.after(change, fd, undefined, 'own');
  assert.equal(find('OWN'), 'own');
  assert.equal(find('BETWEEN'), ENOENT);
  clock += 1000;
  assert.equal(find('BETWEEN'), 'between');
  assert.equal(cache.scans, 3);
  clock += LONG_AFTER_MS;
  assert.equal(find('OWN'), 'own');
  assert.equal(cache.scans, 3);
});

test('a change of another before ours is not entered over', { skip }, () => {
  const { cache, find, path, fd } = folder(
    Array.from({ length: 100 }, (_, i) => `entry${i}`),
    later,
  );
  assert.equal(find('none'), ENOENT);
  tick();
  writeFileSync(join(path, 'foreign'), '');
  const change = cache.before(fd);
  writeFileSync(join(path, 'own'), '');
  cache.after(change, fd, undefined, 'own');
  assert.equal(find('FOREIGN'), 'foreign');
  assert.equal(find('OWN'), 'own');
});

test('the bounds hold: the directory that was used last stays', { skip }, () => {
  const some = (prefix: string): string[] => Array.from({ length: 40 }, (_, i) => `${prefix}${i}`);
  const first = folder(some('a'), later);
  const { cache } = folder([], { ...later, maxNames: 100 });
  const second = folder(some('b'), later);
  const third = folder(some('c'), later);
  const find = (fd: number, name: string) => cache.find(fd, name, credentials);
  assert.equal(find(first.fd, 'A1'), 'a1');
  assert.equal(find(second.fd, 'B1'), 'b1');
  assert.equal(find(first.fd, 'A2'), 'a2');
  assert.equal(find(third.fd, 'C1'), 'c1');
  assert.equal(cache.names, 80);
  assert.equal(cache.scans, 3);
  assert.equal(find(first.fd, 'A3'), 'a3');
  assert.equal(cache.scans, 3);
  assert.equal(find(second.fd, 'B3'), 'b3');
  assert.equal(cache.scans, 4);
});

test('a directory beyond the bounds is searched and not kept', { skip }, () => {
  const names = Array.from({ length: 60 }, (_, i) => `entry${i}`);
  for (const options of [{ maxNames: 10 }, { maxBytes: 1000 }]) {
    const { cache, find } = folder(names, { ...later, ...options });
    for (const name of names) assert.equal(find(name.toUpperCase()), name);
    assert.equal(find('none'), ENOENT);
    assert.equal(cache.names, 0);
  }
});

test('a directory that was removed holds nothing', { skip }, () => {
  const { find, path } = folder([], later);
  rmSync(path, { recursive: true });
  assert.equal(find('x'), ENOENT);
});

test('ASCII counts one byte a letter, so that a million names of a usual length fit', {
  skip,
}, () => {
  const names = Array.from({ length: 100 }, (_, i) => `a name of some thirty letters ${i}`);
  const bytes = names.reduce((sum, name) => sum + 96 + 2 * name.length, 0);
  for (const [maxBytes, scans] of [
    [bytes, 1],
    [bytes - 1, 2],
  ] as const) {
    const { cache, find } = folder(names, { ...later, maxBytes });
    assert.equal(find(names[1]!.toUpperCase()), names[1]);
    assert.equal(find(names[2]!.toUpperCase()), names[2]);
    assert.equal(cache.scans, scans);
  }
  assert.ok((bytes / names.length) * 1_000_000 < MAX_CACHED_BYTES);
});

/** More than is read at once: three batches of 64 KiB of such names and some. */
const LARGE = Array.from({ length: 6000 }, (_, i) => `a name of some thirty letters ${i}`);

test('a large directory is read in pieces, between which others are served', {
  skip,
}, async () => {
  const { cache, find } = folder(LARGE, later);
  let turns = 0;
  let isDone = false;
  const turn = (): void => {
    turns++;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const missing = cache.inPieces(() => find('none'));
  assert.ok(missing instanceof Promise);
  const other = cache.inPieces(() => find('A NAME OF SOME THIRTY LETTERS 5999'));
  assert.equal(await missing, ENOENT);
  assert.equal(await other, 'a name of some thirty letters 5999');
  isDone = true;
  assert.ok(turns >= 2, `others had ${turns} turns`);
  assert.equal(cache.scans, 1);
  assert.equal(cache.names, LARGE.length);
  // Known from now on.
  assert.equal(
    cache.inPieces(() => find('none')),
    ENOENT,
  );
});

test('what the server itself does while a directory is read is in what was read', {
  skip,
}, async () => {
  const { cache, find, path, fd } = folder(LARGE, later);
  const waiting = [
    cache.inPieces(() => find('NEW')),
    cache.inPieces(() => find('A NAME OF SOME THIRTY LETTERS 1')),
    cache.inPieces(() => find('A NAME OF SOME THIRTY LETTERS 5999')),
  ];
  const creating = cache.before(fd);
  writeFileSync(join(path, 'new'), '');
  cache.after(creating, fd, undefined, 'new');
  for (const gone of [LARGE[1]!, LARGE[5999]!]) {
    const removing = cache.before(fd);
    unlinkSync(join(path, gone));
    cache.after(removing, fd, gone);
  }
  assert.deepEqual(await Promise.all(waiting), ['new', ENOENT, ENOENT]);
  assert.equal(cache.scans, 1);
  assert.equal(cache.names, LARGE.length - 1);
});

test('of two who wait for one name the second finds what the first has made', {
  skip,
}, async () => {
  const { cache, find, path, fd } = folder(LARGE, later);
  const make = (name: string) => () => {
    const found = find(name);
    if (found !== ENOENT) return found;
    const creating = cache.before(fd);
    writeFileSync(join(path, name), '');
    cache.after(creating, fd, undefined, name);
    return 'made';
  };
  const both = [cache.inPieces(make('Twin')), cache.inPieces(make('TWIN'))];
  // Others change it as well, so that nothing of it is kept.
  tick();
  writeFileSync(join(path, 'foreign'), '');
  const made = await Promise.all(both);
  assert.deepEqual(made, ['made', 'Twin']);
});

test('what others did while a directory is read is found by whoever asks after that', {
  skip,
}, async () => {
  const { cache, find, path } = folder(LARGE, later);
  const first = cache.inPieces(() => find('none'));
  tick();
  writeFileSync(join(path, 'foreign'), '');
  const second = cache.inPieces(() => find('FOREIGN'));
  assert.equal(await first, ENOENT);
  assert.equal(await second, 'foreign');
});

test('two large directories are read one after the other', { skip }, async () => {
  const [one, two] = [folder(LARGE, later), folder(LARGE, later)];
  const { cache } = one;
  const find = (dir: number, name: string) =>
    cache.inPieces(() => cache.find(dir, name, credentials));
  const found = await Promise.all([
    find(one.fd, LARGE[7]!.toUpperCase()),
    find(two.fd, LARGE[8]!.toUpperCase()),
    find(one.fd, LARGE[9]!.toUpperCase()),
  ]);
  assert.deepEqual(found, [LARGE[7], LARGE[8], LARGE[9]]);
  assert.equal(cache.names, 2 * LARGE.length);
});

test('of a large directory beyond the bounds those who wait learn what they asked', {
  skip,
}, async () => {
  const { cache, find } = folder(LARGE, { ...later, maxNames: 100 });
  const asked = [LARGE[0]!, LARGE[3000]!, LARGE[5999]!, 'none'];
  const found = await Promise.all(
    asked.map((name) => cache.inPieces(() => find(name.toUpperCase()))),
  );
  assert.deepEqual(found, [LARGE[0], LARGE[3000], LARGE[5999], ENOENT]);
  assert.equal(cache.names, 0);
});

test('on a thread of its own a large directory is read at once', { skip }, () => {
  const { cache, find } = folder(LARGE, { ...later, readsAtOnce: true });
  assert.equal(
    cache.inPieces(() => find('none')),
    ENOENT,
  );
});
