/**
 * Does the jobs of jobs.ts, on a thread of the pool: synchronously and as the user, like the loop
 * (credentials.ts; identities belong to threads). Nothing of a job stays behind but caches.
 */

import { MAX_THREAD_CACHED_NAMES } from '../../../base/limits.ts';
import { unixSidMap } from '../../../dtyp/unix-sids.ts';
import { AT_EMPTY_PATH, O_RDONLY } from '../../../native/constants.ts';
import { cloneFileRange } from '../../../native/copy.ts';
import { close, fdatasync, fsync, preadAt, pwriteAt, rewind } from '../../../native/files.ts';
import { statx } from '../../../native/stat.ts';
import { voluntarySwitches } from '../../../native/usage.ts';
import { asSeen } from '../../apple-streams.ts';
import { EIO, type Errno, isErrno, type Result } from '../../errno.ts';
import type { SyncStreamObject } from '../../stream-handle.ts';
import type { Identity, VfsEa, VfsHandle } from '../../vfs.ts';
import { copyNow } from '../copying.ts';
import { type Credentials, canBecomeUsers, credentialsFor } from '../credentials.ts';
import { writeData } from '../file-data.ts';
import { type CursorState, LocalCursor } from '../local-cursor.ts';
import { LocalHandle } from '../local-handle.ts';
import { LocalStream, makeSeen, openSeen } from '../local-streams.ts';
import { LocalTree } from '../local-tree.ts';
import { actualChangeTime } from '../metadata.ts';
import { NameCache } from '../name-cache.ts';
import { OpenInodes } from '../open-inodes.ts';
import { OwnChanges } from '../own-changes.ts';
import { ownPath } from '../own-name.ts';
import { Resolver } from '../resolver.ts';
import type { HandleState, LocalShare } from '../share.ts';
import { fileSystemId, type VolumeIds } from '../volumes.ts';
import type {
  Acting,
  FoundObject,
  HandleMethods,
  Job,
  JobName,
  JobResult,
  Jobs,
  NamedStream,
  SeenDevices,
  ShareRecipe,
  StreamMethods,
} from './jobs.ts';
import { unhurried } from './pace.ts';

/** Leaves devices' numbers where the ids belong: those are the loop's to give. */
class DeviceNumbers implements VolumeIds {
  readonly #known = new Set<number>();
  #seen: (readonly [number, number])[] = [];

  idOf(device: number, fd: number): number {
    if (!this.#known.has(device)) {
      this.#known.add(device);
      this.#seen.push([device, fileSystemId(fd)]);
    }
    return device;
  }

  has(device: number): boolean {
    return this.#known.has(device);
  }

  take(): SeenDevices {
    const seen = this.#seen;
    if (seen.length > 0) this.#seen = [];
    return seen;
  }
}

const devices = new DeviceNumbers();
const inodes = new OpenInodes();
let cache: NameCache | undefined;

/** Of the shares that jobs were for; a few more than are open, where some were closed. */
const MAX_KNOWN_SHARES = 256;
const shares = new Map<number, LocalShare>();

function shareOf(recipe: ShareRecipe): LocalShare {
  const known = shares.get(recipe.id);
  if (known !== undefined) return known;
  cache ??= new NameCache(recipe.procFd, {
    maxNames: MAX_THREAD_CACHED_NAMES,
    readsAtOnce: true,
  });
  const share: LocalShare = {
    ...recipe,
    rootPath: { now: undefined },
    resolver: new Resolver(recipe.root, cache, recipe),
    ntAclName: undefined,
    sids: unixSidMap,
    inodes,
    own: new OwnChanges(),
    volumes: devices,
    dataSync: () => Promise.resolve(EIO),
    fullSync: () => Promise.resolve(EIO),
    readRest: () => Promise.resolve(EIO),
    closeSlowly: (fd) => void close(fd),
    ignoresSystemAcls: false,
    isRemote: true,
    pace: unhurried(),
    slowDevice: undefined,
    writeData,
  };
  if (shares.size >= MAX_KNOWN_SHARES) shares.clear();
  shares.set(recipe.id, share);
  return share;
}

const mayBecomeUsers = canBecomeUsers();
/** Users come again and again; each costs a few hundred bytes. */
const MAX_KNOWN_USERS = 256;
const users = new Map<string, Credentials>();

function credentialsOf(who: Identity | undefined): Credentials | Errno {
  const key = who === undefined ? '' : `${who.uid}/${who.gid}/${who.groups.join()}`;
  const known = users.get(key);
  if (known !== undefined) return known;
  const credentials = credentialsFor(who, mayBecomeUsers);
  if (isErrno(credentials)) return credentials;
  if (users.size >= MAX_KNOWN_USERS) users.clear();
  users.set(key, credentials);
  return credentials;
}

interface Place {
  readonly share: LocalShare;
  readonly credentials: Credentials;
}

function withHandle<T>(
  { share, credentials }: Place,
  state: HandleState,
  act: (handle: LocalHandle) => T,
): T {
  const handle = LocalHandle.borrow(share, credentials, state);
  try {
    return act(handle);
  } finally {
    handle.abandon();
  }
}

/** What was opened stays open for the loop. */
function found(share: LocalShare, handle: Result<VfsHandle>): Result<FoundObject> {
  if (isErrno(handle)) return handle;
  const local = handle as LocalHandle;
  const object = { state: local.state, path: ownPath(share, local), parent: local.parent() };
  local.abandon();
  return object;
}

/** Structured cloning makes plain arrays of bytes of buffers. */
const asBuffers = (eas: readonly VfsEa[]): VfsEa[] =>
  eas.map(({ name, value }) => ({ name, value: bufferOf(value) }));

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

type Performers = { readonly [N in JobName]: (what: Jobs[N][0], place: Place) => Jobs[N][1] };

function callHandle(
  handle: LocalHandle,
  method: keyof HandleMethods,
  args: readonly unknown[],
): unknown {
  if (method === 'setEas') return handle.setEas(asBuffers(args[0] as readonly VfsEa[]));
  const call = handle[method] as (this: LocalHandle, ...args: readonly unknown[]) => unknown;
  return call.apply(handle, [...args]);
}

function callStream(
  handle: LocalHandle,
  stream: Pick<NamedStream, 'name' | 'rules'>,
  method: keyof StreamMethods,
  args: readonly unknown[],
): unknown {
  return withStream(handle, stream, (stream) => {
    const call = stream[method] as (this: SyncStreamObject, ...args: readonly unknown[]) => unknown;
    return call.apply(stream, [...args]);
  });
}

function withStream<T>(
  handle: LocalHandle,
  { name, rules }: Pick<NamedStream, 'name' | 'rules'>,
  act: (stream: SyncStreamObject) => T,
): T {
  const stream = asSeen(name, new LocalStream(handle.streamBase, name), rules);
  try {
    return act(stream);
  } finally {
    stream.close();
  }
}

function nameOf(stream: Result<SyncStreamObject>): string | Errno {
  if (isErrno(stream)) return stream;
  const name = stream.name();
  stream.close();
  return name;
}

function withCursor<T>(
  { share, credentials }: Place,
  directory: CursorState,
  act: (cursor: LocalCursor) => T,
): T {
  return act(LocalCursor.from(share, credentials, directory));
}

const performers: Performers = {
  lookup: ({ path }, { share, credentials }) =>
    found(share, new LocalTree(share, credentials).lookupNow(path)),
  warm: ({ path }, { share, credentials }) => {
    const handle = new LocalTree(share, credentials).lookupNow(path);
    if (isErrno(handle)) return handle;
    const stat = (handle as LocalHandle).stat();
    handle.close();
    return isErrno(stat) ? stat : 0;
  },
  create: ({ path, what }, { share, credentials }) =>
    found(share, new LocalTree(share, credentials).createNow(path, what)),
  volume: (_what, { share, credentials }) => new LocalTree(share, credentials).volume(),
  handle: ({ state, method, args }, place) =>
    withHandle(place, state, (handle) => {
      const value = callHandle(handle, method, args);
      return { value, state: handle.state };
    }),
  set: ({ state, changes: { changeTime, ...changes } }, place) =>
    withHandle(place, state, (handle) => {
      const value = handle.set(changes);
      const isAsked = value === 0 && changeTime !== undefined;
      const isKnown = isAsked && statx(state.fd, '', AT_EMPTY_PATH) === 0;
      return { value, changeTime: isKnown ? actualChangeTime() : undefined };
    }),
  rename: ({ state, path, replace }, place) =>
    withHandle(place, state, (handle) => {
      // Nothing is read in pieces on a thread.
      const value = handle.rename(path, replace) as Errno | 0;
      return { value, parent: handle.parent(), path: ownPath(place.share, handle) };
    }),
  findStream: ({ state, name, rules }, place) =>
    withHandle(place, state, (handle) => nameOf(openSeen(handle.streamBase, name, rules))),
  makeStream: ({ state, name, rules }, place) =>
    withHandle(place, state, ({ streamBase }) => nameOf(makeSeen(streamBase, name, rules))),
  stream: ({ state, method, args, ...stream }, place) =>
    withHandle(place, state, (handle) => callStream(handle, stream, method, args)),
  readStream: ({ state, length, position, ...seen }, place) =>
    withHandle(place, state, (handle) =>
      withStream(handle, seen, (stream) => {
        const bytes = new Uint8Array(length);
        const count = stream.read(bytes, position);
        return isErrno(count) ? count : bytes.slice(0, count);
      }),
    ),
  openCursor: ({ state }, place) =>
    withHandle(place, state, (handle) => {
      const cursor = handle.cursor();
      return isErrno(cursor) ? cursor : (cursor as LocalCursor).state;
    }),
  entries: ({ directory, rewinds }, place) =>
    withCursor(place, directory, (cursor) => {
      if (rewinds) rewind(directory.fd);
      return cursor.next();
    }),
  stats: ({ directory, entries }, place) =>
    withCursor(place, directory, (cursor) => entries.map((entry) => cursor.stat(entry))),
  read: ({ fd, address, length, position }) => preadAt(fd, address, length, position),
  write: ({ state, address, length, position }, place) =>
    withHandle(place, state, (handle) =>
      handle.writing(() => writeAll(state.fd, address, length, position)),
    ),
  copy: ({ state, ...range }, place) =>
    withHandle(place, state, (handle) =>
      handle.writing(() => copyNow({ ...range, target: state.fd })),
    ),
  clone: ({ state, ...range }, place) =>
    withHandle(place, state, (handle) =>
      handle.writing(() => cloneFileRange({ ...range, target: state.fd })),
    ),
  sync: ({ fd, isFull }) => (isFull ? fsync(fd) : fdatasync(fd)),
  syncObject: ({ state }, place) =>
    withHandle(place, state, (handle) => {
      const fd = handle.reopen(O_RDONLY);
      if (fd < 0) return fd;
      const result = fsync(fd);
      close(fd);
      return result;
    }),
  close: ({ fd }) => {
    close(fd);
    return 0;
  },
};

/** All of it, or an errno. */
function writeAll(fd: number, address: number, length: number, position: number): number {
  for (let done = 0; done < length; ) {
    const count = pwriteAt(fd, address + done, length - done, position + done);
    if (count <= 0) return count < 0 ? count : EIO;
    done += count;
  }
  return length;
}

export function perform<N extends JobName>({ share, who, name, what }: Job<N> & Acting): JobResult {
  const [begun, sleeps] = [performance.now(), voluntarySwitches()];
  const credentials = credentialsOf(who);
  const result: unknown = isErrno(credentials)
    ? credentials
    : performers[name](what, { share: shareOf(share), credentials });
  const waitedMs = voluntarySwitches() === sleeps ? 0 : performance.now() - begun;
  return { result, seen: devices.take(), waitedMs };
}
