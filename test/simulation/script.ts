/** What clients do next: a random choice of what real ones do, on few files, so that they meet. */
import {
  DELETE,
  FILE_EXECUTE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../../src/dtyp/access-mask.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_SUPERSEDE,
} from '../../src/smb2/create-options.ts';
import { CELL_BYTES, CELLS, type ClientOpen, H, R, W } from './cache.ts';
import { type Random, weighted } from './chance.ts';
import type { Client } from './client.ts';
import type { CreateWish, LeaseWish, LockRange } from './history.ts';

const FILES = ['a', 'b', 'd\\a', 'd\\b'] as const;
const FOLDERS = ['d', 'e'] as const;

const READS = FILE_READ_DATA | FILE_READ_ATTRIBUTES;
const ACCESS = [
  [6, READS | FILE_WRITE_DATA | DELETE],
  [5, READS | FILE_WRITE_DATA],
  [5, READS],
  [3, FILE_WRITE_DATA],
  [3, FILE_READ_ATTRIBUTES],
  [2, DELETE | FILE_READ_ATTRIBUTES],
  [1, FILE_EXECUTE],
] as const;
const SHARES = [
  [24, 7],
  [2, 3],
  [2, 1],
  [1, 0],
  [1, 5],
  [1, 6],
  [1, 2],
  [1, 4],
] as const;
const DISPOSITIONS = [
  [12, FILE_OPEN_IF],
  [8, FILE_OPEN],
  [2, FILE_CREATE],
  [1, FILE_OVERWRITE],
  [2, FILE_OVERWRITE_IF],
  [1, FILE_SUPERSEDE],
] as const;
const LEASES = [
  [6, R | W | H],
  [4, R | H],
  [2, R | W],
  [2, R],
  [1, 0],
] as const;
const LEVELS = [
  [3, 9],
  [2, 8],
  [2, 1],
] as const;

function leaseWish(client: Client, random: Random, path: string): LeaseWish {
  const known = [...client.leases.values()].find(
    (cache) => cache.path === path && cache.opens.size > 0,
  );
  const any = [...client.leases.values()];
  const cache = any.length > 0 && random.chance(0.03) ? random.pick(any) : known;
  return {
    key: cache?.key ?? client.newKey(),
    state: weighted(random, LEASES),
    version: client.version,
    epoch: client.version === 1 ? 0 : (cache?.epoch ?? random.pick([0, 7, 0xffff])),
  };
}

function openFile(client: Client, random: Random, { files, taste }: Script): void {
  const path = random.pick(files);
  // Who locks wants to come to it.
  const isPlain = (taste === 'locks' || taste === 'reconnects') && random.chance(0.85);
  const access = isPlain ? READS | FILE_WRITE_DATA : weighted(random, ACCESS);
  const caching = weighted(random, [
    [6, 'lease'],
    [3, 'oplock'],
    [taste === 'caches' ? 2 : 8, 'none'],
  ] as const);
  const lease = caching === 'lease' ? leaseWish(client, random, path) : undefined;
  const deletes = (access & DELETE) !== 0 && random.chance(0.15);
  const oplock = lease !== undefined ? 0xff : caching === 'oplock' ? weighted(random, LEVELS) : 0;
  const keepsHandle = lease === undefined ? oplock === 9 : (lease.state & H) !== 0;
  const isDurable = keepsHandle && random.chance(taste === 'reconnects' ? 0.95 : 0.5);
  const version2 = client.version === 2 && random.chance(0.8);
  const wish: CreateWish = {
    ...{ kind: 'create', path, access, lease },
    share: isPlain ? 7 : weighted(random, SHARES),
    disposition: isPlain ? FILE_OPEN_IF : weighted(random, DISPOSITIONS),
    options: deletes ? FILE_DELETE_ON_CLOSE : 0,
    oplock,
    durable: isDurable
      ? { version: version2 ? 2 : 1, createGuid: `${client.newKey().slice(0, 24)}77777777` }
      : undefined,
  };
  const dirty = lease === undefined ? 0 : (client.leases.get(lease.key)?.dirty.size ?? 0);
  const overwrites = wish.disposition === FILE_SUPERSEDE || wish.disposition >= FILE_OVERWRITE;
  if (dirty === 0 || !overwrites) client.create(wish);
}

function openFolder(client: Client, random: Random): void {
  client.create({
    ...{ kind: 'create', path: random.pick(FOLDERS), share: 7, oplock: 0, lease: undefined },
    access: READS | (random.chance(0.4) ? DELETE : 0),
    disposition: FILE_OPEN_IF,
    options: FILE_DIRECTORY_FILE,
  });
}

const ranges: readonly LockRange[] = [
  { offset: 0, length: 16 },
  { offset: 0, length: 4 },
  { offset: 4, length: 4 },
  { offset: 2, length: 8 },
  { offset: 6, length: 0 },
];

function lock(client: Client, open: ClientOpen, random: Random): void {
  const several = random.chance(0.15);
  const waits = !several && random.chance(0.5);
  const wanted = several ? [random.pick(ranges), random.pick(ranges)] : [random.pick(ranges)];
  // Each lock is an object of its own.
  client.lock(
    open,
    wanted.map((range) => ({ ...range })),
    random.chance(0.6),
    waits,
  );
}

type Deed = (client: Client, open: ClientOpen, random: Random) => unknown;

const cell = (random: Random): number => random.below(CELLS);

function cancel(client: Client, open: ClientOpen, random: Random): void {
  if (open.waiting.size > 0) client.wire?.cancel(random.pick([...open.waiting]));
}

function unlock(client: Client, open: ClientOpen, random: Random): void {
  if (open.locks.length > 0) client.unlock(open, random.pick(open.locks));
}

function dispose(client: Client, open: ClientOpen, random: Random): void {
  client.ask({ kind: 'dispose', on: open.opened, doomed: random.chance(0.75) });
}

function watch(client: Client, open: ClientOpen, random: Random): void {
  if (open.waiting.size > 2) return;
  client.notify(open, NAMES, random.chance(0.5), random.chance(0.15) ? 40 : 4096);
}

/** FILE_NOTIFY_CHANGE_FILE_NAME and _DIR_NAME. */
const NAMES = 3;

type Deeds = readonly (readonly [weight: number, deed: Deed])[];

const onFile = (taste: Taste): Deeds => [
  [16, (client, open, random) => client.read(open, cell(random))],
  [16, (client, open, random) => client.write(open, cell(random))],
  [1, (client, open) => client.ask({ kind: 'flush', on: open.opened })],
  [2, (client, open, random) => client.resize(open, random.below(CELLS) * CELL_BYTES)],
  [taste === 'locks' ? 50 : taste === 'reconnects' ? 20 : 6, lock],
  [taste === 'locks' ? 30 : taste === 'reconnects' ? 20 : 5, unlock],
  [taste === 'locks' ? 10 : 3, cancel],
  [taste === 'names' ? 15 : 3, rename],
  [taste === 'names' ? 15 : 3, dispose],
  [taste === 'reconnects' ? 4 : 12, (client, open) => client.close(open)],
];

const onFolder = (taste: Taste): Deeds => [
  [taste === 'names' ? 24 : 10, watch],
  [2, cancel],
  [2, rename],
  [2, dispose],
  [3, (client, open) => client.close(open)],
];

/** What the clients of a run like to do most. */
export type Taste = 'caches' | 'locks' | 'names' | 'reconnects';

export interface Script {
  readonly taste: Taste;
  /** Names of files that they use. */
  readonly files: readonly string[];
  readonly onFile: Deeds;
  readonly onFolder: Deeds;
}

export function chooseScript(random: Random): Script {
  const taste = random.pick(['caches', 'caches', 'locks', 'names', 'reconnects'] as const);
  const count = taste === 'names' ? 4 : taste === 'locks' ? 1 : 1 + random.below(3);
  const files = random.chance(0.5) ? FILES.slice(0, count) : FILES.slice(-count);
  return { taste, files, onFile: onFile(taste), onFolder: onFolder(taste) };
}

function rename(client: Client, open: ClientOpen, random: Random): void {
  const path = random.pick(open.opened.isDirectory ? FOLDERS : FILES);
  client.ask({ kind: 'rename', on: open.opened, path, replace: random.chance(0.5) });
}

/** Asks for what another has lost, which it must not get. */
function steal(client: Client, random: Random, all: readonly Client[]): void {
  const others = all.filter((other) => other !== client).flatMap(({ lost }) => lost);
  if (others.length === 0) return;
  const { open, durable } = random.pick(others);
  const { lease, path } = open.opened.ask.wish;
  // Unknown to dialects before 3.0, which would open the file.
  if (durable.version > client.version) return;
  // A batch oplock is bound to its user only.
  if (lease === undefined && open.opened.ask.wire.user === client.wire!.user) return;
  client.ask({ kind: 'reclaim', of: open.opened, durable, path, lease });
}

/** One deed of a client. */
export function act(client: Client, random: Random, script: Script, all: readonly Client[]): void {
  const { wire, usable } = client;
  if (wire === undefined) return;
  if (!wire.hasTree) {
    if (!wire.isConnecting && random.chance(0.5)) client.ask({ kind: 'treeConnect' });
    return;
  }
  const what = weighted(random, [
    [usable.length < 5 ? 26 : 6, 'open'],
    [script.taste === 'names' ? 12 : 3, 'folder'],
    [60, 'deed'],
    [client.late.length > 0 ? 20 : 0, 'acknowledge'],
    [client.lost.length > 0 ? 50 : 0, 'reclaim'],
    [script.taste === 'reconnects' ? 12 : 0, 'steal'],
    [1, 'untree'],
    [1, 'logoff'],
  ] as const);
  if (what === 'open') openFile(client, random, script);
  else if (what === 'folder') openFolder(client, random);
  else if (what === 'acknowledge') client.late.shift()?.();
  else if (what === 'reclaim') {
    const lost = random.pick(client.lost);
    if (lost.ask === undefined) client.reclaim(lost);
  } else if (what === 'steal') steal(client, random, all);
  else if (what === 'untree') {
    if (random.chance(0.4) && client.ask({ kind: 'treeDisconnect' }) !== undefined) client.forget();
  } else if (what === 'logoff') {
    if (random.chance(0.4)) client.ask({ kind: 'logoff' });
  } else if (usable.length > 0) {
    const open = random.pick(usable);
    const deeds = open.opened.isDirectory ? script.onFolder : script.onFile;
    weighted(random, deeds)(client, open, random);
  }
}
