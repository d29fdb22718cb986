/**
 * Which system calls this back end makes as root while it acts for a user. Whatever finds or changes something
 * by a path has to be the user's: every native call is traced together with the thread's identity, and
 * every method of trees and handles is driven. What is left is the closed list ALLOWED: a call that is not
 * in it fails the test, and so does an entry that nothing needs any more.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FILE_ALL_ACCESS } from '../../dtyp/access-mask.ts';
import { type Ace, allowedAce, makeAcl } from '../../dtyp/acl.ts';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { unixUserSid } from '../../dtyp/sid.ts';
import type { VfsHandle, VfsTree } from '../vfs.ts';

type Observe = (name: string, args: readonly unknown[]) => void;

interface Traced {
  observeNative?: Observe;
}

const traced = globalThis as Traced;

/** Puts a tracer behind the one door to C. */
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith('/src/native/library.ts')) return loaded;
    const source = String(loaded.source);
    const door = 'export function bind<F extends (...args: never[]) => number>(';
    assert.ok(source.includes(door));
    return {
      ...loaded,
      source: `${source.replace(door, door.replace('bind', 'untraced'))}\n${TRACER}`,
    };
  },
});

const TRACER = `
export function bind(name, result, signature) {
  const call = untraced(name, result, signature);
  return (...args) => {
    globalThis.observeNative?.(name, args);
    return call(...args);
  };
}
`;

const isRoot = process.geteuid?.() === 0;
const USER = { uid: 65534, gid: 65534, groups: [65534] };

const { createLocalVfs } = await import('./local-vfs.ts');
const { NO_POLICY } = await import('./making.ts');
const { fsuid } = await import('../../native/identity.ts');
const { SYS } = await import('../../native/constants.ts');

/** Calls that find something by a path or a name, or change it: the user's, but for these. */
const ALLOWED: Readonly<Record<string, string>> = {
  'openat by #openForReading name-cache.ts':
    'the names of a directory that the user may pass through but not list, to find one in another case',
  'fchmodat by #setMode local-tree.ts':
    'the mode of what the user has just made, with its set-group-id bit',
  'fchownat by #giveTo local-tree.ts':
    'what the user has just made, to the owner of its directory: `inherit owner`',
  'openat by #renewed local-vfs.ts': "the share's folder, whose path is the operator's",
  'openat by reopen reopen.ts':
    'whether a directory that is open already has entries; an open that has outlived its process, for what it was open; locks of a file that is open, for what it is open',
  'openat2 by exactDirectory resolver.ts':
    'the directory that the kernel says an open object is in',
  'fsetxattr by writeAs metadata.ts':
    "the attributes of a file of the user's own with a mode against it",
  'setxattr by write privileged.ts': 'the security descriptor, which the user has been asked for',
  'setxattr by setList privileged.ts': 'the POSIX ACL that the descriptor amounts to',
  'removexattr by setList privileged.ts': 'the POSIX ACL that the descriptor has no need of',
  'fchmodat by setAccess privileged.ts': 'the mode that the descriptor amounts to',
  'fchownat by giveAway privileged.ts': 'ownership that the user takes',
  'setxattr by storeObjectId privileged.ts':
    'the id of an object, which any client that reads it may have made',
  'removexattr by storeObjectId privileged.ts': 'the same, by who may change the object',
  'unlinkat by changing renaming.ts':
    'a name of an object whose descriptor permits its removal, where the kernel does not',
  'quotactlFd by hasQuotas quotas.ts': 'whether the file system keeps quotas',
  'quotactlFd by state quotas.ts': 'the same',
  'quotactlFd by quotaOf quotas.ts':
    "the user's own quota, or one that the user has been asked for: an administrator",
  'quotactlFd by from quotas.ts': 'the same',
  'quotactlFd by #limit quotas.ts': 'the same, set',
};

const FINDS_OR_CHANGES = new Set([
  ...['openat', 'openat2', 'mkdirat', 'unlinkat', 'renameat2', 'linkat', 'symlinkat', 'mknodat'],
  ...['fchmodat', 'fchownat', 'utimensat'],
  'quotactlFd',
  ...['setxattr', 'fsetxattr', 'lsetxattr', 'removexattr', 'fremovexattr'],
]);

/** They look at what is open, or use a descriptor that was opened as the user. */
const ON_WHAT_IS_OPEN = new Set([
  ...['statx', 'fstatfs', 'readlinkat', 'faccessat2', 'getdents64', 'lseek', 'dup3'],
  ...['getxattr', 'fgetxattr', 'lgetxattr', 'getxattrat'],
  ...['listxattr', 'flistxattr', 'listxattrat'],
  ...['read', 'pread', 'pwrite', 'preadv2', 'ftruncate', 'fallocate', 'ioctl', 'fcntl'],
]);

/** They tell or set who the thread is, or give back. */
const INNOCENT = new Set(['setfsuid', 'setfsgid', 'setgroups', 'getgroups', 'prctl', 'close']);

const SYSTEM_CALLS = new Map<unknown, string>(Object.entries(SYS).map(([name, nr]) => [nr, name]));

/** The ways to walk a path, and arrow functions: who calls them says more. */
const NAMELESS = new Set(['openCalmly', '<anonymous>']);

/** The function of this back end that makes a call. */
function caller(): string {
  for (const frame of new Error().stack?.split('\n') ?? []) {
    const file = /\/src\/vfs\/local\/([\w-]+\.ts)/.exec(frame)?.[1];
    if (file === undefined || file === 'root-calls.test.ts') continue;
    const name = /at (?:async )?(?:new )?(\S+) \(/.exec(frame)?.[1]?.split('.').at(-1);
    if (name !== undefined && !NAMELESS.has(name)) return `${name} ${file}`;
  }
  return 'another folder';
}

/** What is done as root meanwhile, as "CALL by FUNCTION FILE". */
async function callsAsRoot(work: () => Promise<void>): Promise<Set<string>> {
  const found = new Set<string>();
  let isAsking = false;
  traced.observeNative = (name, args) => {
    const call = name === 'syscall' ? (SYSTEM_CALLS.get(args[0]) ?? `call ${args[0]}`) : name;
    if (isAsking || INNOCENT.has(call)) return;
    isAsking = true;
    if (fsuid() === 0 && !ON_WHAT_IS_OPEN.has(call)) found.add(`${call} by ${caller()}`);
    isAsking = false;
  };
  try {
    await work();
  } finally {
    delete traced.observeNative;
  }
  return found;
}

/** Notes which methods are called. */
function watched<T extends object>(object: T, called: Set<string>): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      called.add(String(name));
      return value.bind(target);
    },
  });
}

/** Of an interface in vfs.ts, unless told. */
function methodsOf(name: string, file = '../vfs.ts'): string[] {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8');
  const [, body = ''] =
    new RegExp(`^export interface ${name}\\b.*?\\{\n(.*?)^\\}`, 'ms').exec(source) ?? [];
  return [...body.matchAll(/^ {2}(\w+)\??\(/gm)].map((match) => match[1]!);
}

const must = <T>(value: T): Exclude<T, number> => {
  assert.ok(typeof value !== 'number', `errno ${value}`);
  return value as Exclude<T, number>;
};

function lockOnHost(file: VfsHandle): void {
  const locks = must(file.hostLocks!());
  assert.equal(locks.set(0n, 9n, 'exclusive'), 0);
  locks.close();
}

/** Every method of the tree, of a file's handle and of a directory's. */
async function everything(plain: VfsTree, root: string): Promise<void> {
  const called = new Set<string>();
  const tree = watched(plain, called);
  must(await tree.volume());
  const made = must(await tree.create(['d'], { kind: 'directory', attributes: 2 }));
  const directory = watched(made, called);
  const file = watched(must(await tree.create(['d', 'f'], FILE)), called);
  const open = must(await tree.create(['d', 'open'], { ...FILE, mode: 0o666 }));
  await open.write(Buffer.from('x'), 0);
  await file.copyRange(open, 0, 0, 1);
  await file.cloneRange(open, 0, 0, 1);
  await file.zero({ position: 0, length: 1 }, false);
  await file.dataRanges({ position: 0, length: 1 }, 1);
  open.close();
  await dataOf(file);
  await file.set({ attributes: 3, creationTime: 1n, lastWriteTime: 132_223_104_000_000_000n });
  await file.set({ changeTime: 132_223_104_000_000_000n });
  chmodSync(join(root, 'd', 'f'), 0o444);
  await file.set({ attributes: 2 });
  chmodSync(join(root, 'd', 'f'), 0o644);
  await file.setEas([{ name: 'A', value: Buffer.from('x') }]);
  await file.eas();
  must(await file.createStream('s')).close();
  chmodSync(root, 0o711);
  must(await tree.lookup(['D'])).close();
  chmodSync(root, 0o777);
  await streamsOf(tree, called);
  const exact = tree.exactly?.();
  if (exact !== undefined) must(await exact.lookup(['d', 'f'])).close();
  must(tree.adopt!(openSync(join(root, 'd', 'f'), 'r'), ['d', 'f'], READ_AND_WRITE)).close();
  const again = watched(must(await tree.lookup(['D', 'F'])), called);
  await again.open({ read: true, write: false });
  await again.link(['d', 'g'], false);
  await again.rename(['d', 'h'], false);
  await again.removable();
  const cursor = must(await directory.cursor());
  for (const entry of must(await cursor.next())) await cursor.stat(entry);
  cursor.close();
  await directory.child('H');
  await directory.isEmpty();
  await reparseOf(tree, called);
  await securityOf(tree, again, root);
  await quotasOf(tree);
  await again.remove();
  const methods = [...methodsOf('VfsTree'), ...methodsOf('VfsHandle')];
  assert.ok(methods.length > 30, `only ${methods.length} methods were found in vfs.ts`);
  for (const handle of [again, directory]) handle.close();
  tree.close();
  const missed = methods.filter((name) => !called.has(name) && !UNDRIVEN.has(name));
  assert.deepEqual(missed, [], 'new methods: call them in everything()');
}

const READ_AND_WRITE = { read: true, write: true };
const FILE = { kind: 'file', attributes: 2 } as const;
/** Of a stream's handle only. */
const UNDRIVEN = new Set(['renameStream', 'streamName']);

async function dataOf(file: VfsHandle): Promise<void> {
  await file.write(Buffer.from('x'), 0);
  await file.read(Buffer.alloc(1), 0);
  await file.flush();
  await file.truncate(0);
  await file.allocate(4096);
  file.path();
  file.toldPath?.();
  file.takeFound?.();
  file.plainPermissions?.();
  await file.posixAcls?.();
  lockOnHost(file);
  await file.setPosixAcls?.({ access: [], default: [] });
  file.parent();
  await file.stat();
  await file.permissions();
  await file.readLink();
}

/** Descriptors that need a mode, an ACL, an owner, and a removal that the kernel refuses. */
async function securityOf(tree: VfsTree, file: VfsHandle, root: string): Promise<void> {
  const owner = unixUserSid(USER.uid);
  const descriptor = (...aces: readonly Ace[]): SecurityDescriptor => ({
    control: 0,
    owner,
    group: undefined,
    sacl: undefined,
    dacl: makeAcl(aces),
  });
  const all = allowedAce(owner, FILE_ALL_ACCESS);
  assert.equal(await file.setSecurity(() => descriptor(all)), 0);
  const more = allowedAce(unixUserSid(1), FILE_ALL_ACCESS);
  assert.equal(await file.setSecurity(() => descriptor(all, more)), 0);
  must((await file.security()) as object);
  await file.storedSecurity();
  await file.parentSecurity();
  writeFileSync(join(root, 'theirs'), '');
  const theirs = must(await tree.lookup(['theirs']));
  assert.equal(await theirs.setSecurity(() => descriptor(all)), 0);
  chmodSync(root, 0o755);
  file.permitRemoval();
  theirs.permitRemoval();
  assert.equal(await theirs.remove(), 0);
  chmodSync(root, 0o777);
  theirs.close();
}

async function reparseOf(tree: VfsTree, called: Set<string>): Promise<void> {
  const file = watched(must(await tree.create(['d', 'reparse'], FILE)), called);
  assert.equal(await file.keep('reparse', Buffer.from('2400008000000000', 'hex')), 0);
  await file.kept('reparse');
  await file.keep('reparse', undefined);
  assert.equal(await file.keep('objectId', Buffer.alloc(64, 1)), 0);
  await file.keep('objectId', undefined);
  const link = must(await file.replaceBy({ kind: 'symlink', target: 'h' }));
  assert.equal(await link.remove(), 0);
  link.close();
  file.close();
}

async function quotasOf({ quotas }: VfsTree): Promise<void> {
  assert.ok(quotas !== undefined);
  const called = new Set<string>();
  const all = watched(quotas, called);
  const none = { threshold: undefined, limit: undefined };
  const user = unixUserSid(USER.uid);
  await all.state();
  await all.own();
  await all.of(user);
  await all.from(0);
  await all.set(user, none);
  await all.setDefaults(none);
  const methods = methodsOf('VfsQuotas', '../quotas.ts');
  assert.ok(methods.length > 5, `only ${methods.length} methods were found in quotas.ts`);
  assert.deepEqual(
    methods.filter((name) => !called.has(name)),
    [],
  );
}

async function streamsOf(tree: VfsTree, called: Set<string>): Promise<void> {
  const file = watched(must(await tree.lookup(['d', 'f'])), called);
  await file.streams();
  const stream = must(await file.stream('S'));
  await stream.open({ read: true, write: true });
  await stream.write(Buffer.from('x'), 0);
  await stream.stat();
  await stream.renameStream('t', false);
  stream.close();
  const again = watched(must(await tree.lookup(['d', 'f'])), called);
  await again.removeStream('t');
  again.close();
}

test('as root nothing is found or changed but what the list allows', {
  skip: isRoot ? false : 'needs root',
}, async () => {
  const root = mkdtempSync(join(tmpdir(), 'usmbd-root-'));
  chmodSync(root, 0o777);
  const vfs = createLocalVfs({ root });
  after(() => {
    vfs.close();
    rmSync(root, { recursive: true });
  });
  const tree = must(await vfs.attach(USER));
  const found = await callsAsRoot(() => everything(tree, root));
  const inheriting = createLocalVfs({ root, making: { ...NO_POLICY, inheritsOwner: true } });
  const more = await callsAsRoot(async () => {
    const heirs = must(await inheriting.attach(USER));
    must(await heirs.create(['heir'], { kind: 'file', attributes: 0 })).close();
  });
  for (const call of more) found.add(call);
  inheriting.close();
  const unknown = [...found].filter((call) => !FINDS_OR_CHANGES.has(call.split(' by ')[0]!));
  assert.deepEqual(unknown, [], 'calls that this test does not know: say what they are');
  assert.deepEqual([...found].sort(), Object.keys(ALLOWED).sort());
});
