/** MS-FSA 2.1.4.1 and 2.1.5.11, with handles that only know where they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeNotifyInformation } from '../fscc/notify-information.ts';
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_DIR_NAME,
  FILE_NOTIFY_CHANGE_FILE_NAME,
} from '../smb2/change-notify.ts';
import { ENOENT } from '../vfs/errno.ts';
import type { Vfs, VfsHandle, VfsKind } from '../vfs/vfs.ts';
import { ChangeNotifier } from './change-notifier.ts';
import { type ChangeWatch, type NotifyAnswer, ChangeWatch as Watch } from './change-watch.ts';
import type { Open } from './open.ts';
import type { Share } from './share.ts';

const NAMES = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME;
const never = new AbortController().signal;

const shareAt = (location?: string): Share => {
  const vfs = location === undefined ? {} : { location: () => location };
  return { vfs: vfs as Vfs } as Share;
};

const at = (path: string, kind: VfsKind = 'file'): VfsHandle =>
  ({ kind, path: () => (path === '' ? [] : path.split('/')) }) as unknown as VfsHandle;

const gone = { kind: 'file', path: () => ENOENT } as unknown as VfsHandle;

class Directory {
  readonly open: Open;
  readonly watch: ChangeWatch;

  constructor(
    notifier: ChangeNotifier,
    share: Share,
    path: string,
    over: { filter?: number; tree?: boolean; capacity?: number } = {},
  ) {
    const session = { watches: 0 };
    const handle = at(path, 'directory');
    this.open = { home: share, handle, session, watch: undefined } as unknown as Open;
    const watched = { filter: NAMES, tree: false, capacity: 65_536, ...over };
    this.watch = notifier.watch(this.open, watched)!;
  }

  get told(): string[] | NotifyAnswer | undefined {
    return shown(this.watch.takeNow(65_536));
  }
}

const shown = (answer: NotifyAnswer | undefined): string[] | NotifyAnswer | undefined =>
  Buffer.isBuffer(answer)
    ? decodeNotifyInformation(answer).map(({ action, fileName }) => `${action} ${fileName}`)
    : answer;

test('a change is told to who watches the directory, and above it to who watches the tree', () => {
  const notifier = new ChangeNotifier();
  const share = shareAt('/srv/share');
  const root = new Directory(notifier, share, '');
  const rootTree = new Directory(notifier, share, '', { tree: true });
  const below = new Directory(notifier, share, 'a');
  const beside = new Directory(notifier, share, 'ab', { tree: true });
  const deaf = new Directory(notifier, share, 'a', { filter: FILE_NOTIFY_CHANGE_DIR_NAME });
  notifier.added(share, at('a/b'), ['a', 'b']);
  assert.deepEqual(root.told, undefined);
  assert.deepEqual(rootTree.told, ['1 a\\b']);
  assert.deepEqual(below.told, ['1 b']);
  assert.deepEqual(beside.told, undefined);
  assert.deepEqual(deaf.told, undefined);
  notifier.modified(share, at('a', 'directory'), FILE_NOTIFY_CHANGE_ATTRIBUTES);
  notifier.removed(notifier.place(share, at('a', 'directory')), at('a', 'directory'));
  assert.deepEqual(root.told, ['2 a']);
  assert.deepEqual(below.told, undefined, 'nothing of the directory itself');
  notifier.modified(share, gone, FILE_NOTIFY_CHANGE_ATTRIBUTES);
  assert.deepEqual(rootTree.told, ['2 a']);
  notifier.added(share, gone, ['b']);
  assert.deepEqual(rootTree.told, ['1 b'], 'another program has taken it away again');
});

test('two shares over one folder, and one inside another, hear of each other', () => {
  const notifier = new ChangeNotifier();
  const [outer, inner] = [shareAt('/srv'), shareAt('/srv/inner')];
  const twin = shareAt('/srv/inner');
  const [elsewhere, memory] = [shareAt('/srv/innermost'), shareAt()];
  const watches = [outer, inner, twin, elsewhere, memory, shareAt('')].map(
    (share) => new Directory(notifier, share, '', { tree: true }),
  );
  notifier.added(inner, at('d/f'), ['d', 'f']);
  assert.deepEqual(
    watches.map(({ told }) => told),
    [['1 inner\\d\\f'], ['1 d\\f'], ['1 d\\f'], undefined, undefined, ['1 srv\\inner\\d\\f']],
  );
  notifier.added(outer, at('inner/g'), ['inner', 'g']);
  notifier.added(memory, at('m'), ['m']);
  assert.deepEqual(
    watches.map(({ told }) => told),
    [['1 inner\\g'], ['1 g'], ['1 g'], undefined, ['1 m'], ['1 srv\\inner\\g']],
  );
});

test('renames: pair, move, over another file, over one in another case', () => {
  const notifier = new ChangeNotifier();
  const watch = new Directory(notifier, shareAt('/s'), '', { tree: true, filter: 0xfff });
  const cases: [from: string, to: string, replaced: string | undefined, told: string[]][] = [
    ['/s/a', '/s/b', undefined, ['4 a', '5 b']],
    ['/s/a', '/s/d/a', undefined, ['2 a', '1 d\\a']],
    ['/s/a', '/s/b', '/s/b', ['2 a', '3 b']],
    ['/s/a', '/s/b', '/s/B', ['2 B', '4 a', '5 b']],
    ['/s/a', '/s/A', undefined, ['4 a', '5 A']],
  ];
  for (const [from, to, replaced, told] of cases) {
    notifier.renamed(from, to, 'file', replaced);
    assert.deepEqual(watch.told, told);
  }
  notifier.renamed('/s/a', '/s/a', 'file');
  assert.equal(watch.told, undefined);
  notifier.linked('/s/l');
  notifier.linked('/s/l', '/s/L');
  notifier.linked('/s/l', '/s/l');
  assert.deepEqual(watch.told, ['1 l', '2 L', '1 l', '3 l']);
});

test('a pair comes in one answer to a request that waits', async () => {
  const notifier = new ChangeNotifier();
  const { watch } = new Directory(notifier, shareAt('/s'), '');
  const answer = watch.wait(1000, never);
  notifier.renamed('/s/a', '/s/b', 'file');
  assert.deepEqual(shown(await answer), ['4 a', '5 b']);
});

test('watches follow their directory when it or one above is renamed', () => {
  const notifier = new ChangeNotifier();
  const share = shareAt('/s');
  const one = new Directory(notifier, share, 'a/b');
  const other = new Directory(notifier, share, 'ax');
  notifier.renamed('/s/a', '/s/z', 'directory');
  notifier.added(share, at('z/b/f'), ['z', 'b', 'f']);
  notifier.added(share, at('a/b/g'), ['a', 'b', 'g']);
  notifier.added(share, at('ax/h'), ['ax', 'h']);
  assert.deepEqual(one.told, ['1 f']);
  assert.deepEqual(other.told, ['1 h']);
});

test('the next request of an open looks where its directory is now', () => {
  const notifier = new ChangeNotifier();
  const share = shareAt('/s');
  const { open, watch } = new Directory(notifier, share, 'a');
  const moved = { ...open, handle: at('b', 'directory') } as Open;
  assert.equal(notifier.watch(moved, { filter: 1, tree: true, capacity: 1 }), watch);
  notifier.added(share, at('b/f'), ['b', 'f']);
  assert.deepEqual(shown(watch.takeNow(100)), ['1 f']);
  assert.equal(open.session!.watches, 1);
});

test('after the last watch nobody is asked for a path', () => {
  const notifier = new ChangeNotifier();
  const share = shareAt('/s');
  const { open } = new Directory(notifier, share, 'a');
  assert.ok(!notifier.isIdle);
  notifier.unwatch(open);
  notifier.unwatch(open);
  assert.ok(notifier.isIdle);
  assert.equal(open.session!.watches, 0);
  const fails = { kind: 'file', path: () => assert.fail('asked') } as unknown as VfsHandle;
  notifier.added(share, fails, []);
});

test('requests are answered in their order; an overflow is told once; the rest is CANCEL and the end', async () => {
  const watch = new Watch('/s', { filter: 1, tree: false, capacity: 40 });
  const cancel = new AbortController();
  const answers = [100, 100, 100].map((limit, i) =>
    watch.wait(limit, i === 1 ? cancel.signal : never),
  );
  cancel.abort();
  assert.equal(await answers[1], 'cancelled');
  for (const name of ['a', 'b']) {
    watch.add(1, name);
    watch.deliver();
  }
  assert.deepEqual(shown(await answers[0]!), ['1 a']);
  assert.deepEqual(shown(await answers[2]!), ['1 b']);
  for (const name of ['c', 'd', 'e', 'f']) watch.add(1, name);
  assert.equal(watch.takeNow(100), 'overflow');
  assert.equal(watch.takeNow(100), undefined);
  watch.add(1, 'g');
  assert.equal(watch.takeNow(10), 'overflow', 'the request has no room');
  const last = watch.wait(100, never);
  watch.end('cleanup');
  assert.equal(await last, 'cleanup');
  assert.equal(await watch.wait(100, AbortSignal.abort()), 'cancelled');
});

test('no change is lost, doubled or out of order, whatever comes between', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('change' as const), name: fc.string({ minLength: 1 }) }),
    fc.record({ kind: fc.constant('ask' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const watch = new Watch('/s', { filter: 1, tree: false, capacity: 65_536 });
      const answers: (NotifyAnswer | Promise<NotifyAnswer>)[] = [];
      const made: string[] = [];
      for (const one of steps) {
        if (one.kind === 'change') {
          made.push(`1 ${one.name}`);
          watch.add(1, one.name);
          watch.deliver();
        } else answers.push(watch.takeNow(65_536) ?? watch.wait(65_536, never));
      }
      const rest = watch.takeNow(65_536);
      watch.end('cleanup');
      const told: string[] = [];
      for (const answer of [...answers, ...(rest === undefined ? [] : [rest])]) {
        const one = shown(await answer);
        if (Array.isArray(one)) told.push(...one);
        else assert.equal(one, 'cleanup');
      }
      assert.deepEqual(told, made);
    }),
  );
});
