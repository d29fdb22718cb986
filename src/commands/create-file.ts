/**
 * MS-SMB2 3.3.5.9 with MS-FSA 2.1.5.1: opening and making files and directories.
 *
 *     name → lookup ─┬─ found ──▶ create-existing.ts: type → disposition → access
 *                    │   └─ for a stream ▶ create-stream.ts: found, or made
 *                    └─ missing ▶ create-new.ts
 *                                 all ▶ register-open.ts: share mode, the open in its tables
 *
 * From the share-mode check to the registration of the open nothing is awaited, so no other open can
 * come between. Before it anything may have happened to the name, after it to the open: each step looks.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { after } from '../base/after.ts';
import {
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import { type NtStatus, STATUS_DELETE_PENDING, STATUS_PATH_NOT_COVERED } from '../dtyp/ntstatus.ts';
import { isRefusedName, parsePath } from '../fscc/names.ts';
import { parsePosixPath } from '../fscc/posix-names.ts';
import { SharedFiles } from '../objects/shared-file.ts';
import { vetoed } from '../objects/visibility.ts';
import { FILE_OPEN_REPARSE_POINT } from '../smb2/create-options.ts';
import {
  EACCES,
  EEXIST,
  ELOOP,
  ENOENT,
  ENOPATH,
  EROFS,
  type Errno,
  ESTALE,
  isErrno,
  type Result,
} from '../vfs/errno.ts';
import type { VfsHandle, VfsPurpose } from '../vfs/vfs.ts';
import { appInstanceOf, takeOver } from './app-instance.ts';
import type { MaybePromise, Outcome, TreeRequest } from './command.ts';
import { openExisting } from './create-existing.ts';
import { createNew } from './create-new.ts';
import { isQuotaStream, openQuotaStream } from './create-quota-stream.ts';
import { openStream } from './create-stream.ts';
import {
  createsIfMissing,
  filesFor,
  overwrites,
  refuseOnShare,
  type Wanted,
  want,
} from './create-wanted.ts';
import { isProxied, withoutDfsPrefix } from './dfs.ts';
import { arriving, isBelowDoomed } from './doomed.ts';
import type { CreateWish } from './durable.ts';
import { ended } from './ended.ts';
import { statusOfErrno } from './errno-status.ts';
import {
  follows,
  leadsToDirectory,
  linkedPath,
  MAX_LINKS,
  meansLink,
  pathThroughLink,
} from './follow-links.ts';
import { posixWish } from './posix.ts';
import { asOfThen, changesThePast } from './previous-versions.ts';
import { longPath } from './short-names.ts';
import { stoppedOnTheWay } from './symlinks.ts';

/** Another client may make or remove the name between lookup and open; then all starts anew. */
const MAX_ATTEMPTS = 4;

export function createFile(body: CreateWish, request: TreeRequest): MaybePromise<Outcome> {
  const posix = posixWish(body, request.tree);
  if (typeof posix === 'number') return posix;
  const name = withoutDfsPrefix(body.name, request);
  const path = posix === undefined ? parsePath(name) : parsePosixPath(name);
  if (isRefusedName(path)) return path;
  if (isProxied(request)) return STATUS_PATH_NOT_COVERED;
  if (isQuotaStream(path, request.tree)) return openQuotaStream(body, request);
  const wanted = want(body, path, request.tree.share.vfs!.features.namedStreams, posix);
  if (typeof wanted === 'number') return wanted;
  const refused = refuseOnShare(wanted, request);
  if (refused !== undefined) return refused;
  const past = asOfThen(wanted, request.tree);
  return past === undefined ? openNow(body, wanted, request) : openThen(body, past, request);
}

async function openThen(
  body: CreateWish,
  past: Promise<Wanted | NtStatus>,
  request: TreeRequest,
): Promise<Outcome> {
  const found = await past;
  if (typeof found === 'number') return found;
  if (found.then === undefined) return openNow(body, found, request);
  try {
    return await attempts(found, request);
  } finally {
    found.then.close();
  }
}

function openNow(body: CreateWish, wanted: Wanted, request: TreeRequest): MaybePromise<Outcome> {
  const instance = appInstanceOf(body, request);
  if (instance === undefined) return attempts(wanted, request);
  return takeOver(instance, wanted.path, request).then(
    (outdated) => outdated ?? attempts(wanted, request),
  );
}

function attempts(wanted: Wanted, request: TreeRequest, attempt = 1): MaybePromise<Outcome> {
  return after(openOrCreate(wanted, request), (outcome) => {
    if ((outcome === EEXIST || outcome === ESTALE) && attempt < MAX_ATTEMPTS) {
      return attempts(wanted, request, attempt + 1);
    }
    return isErrno(outcome) ? statusOfErrno(outcome) : outcome;
  });
}

/** What of the file's data the open will be for, if it comes to that. */
function purposeOf(wanted: Wanted): VfsPurpose {
  if (wanted.stream !== undefined || overwrites(wanted) || wanted.maximum) return 'open';
  if ((wanted.access & (FILE_READ_DATA | FILE_EXECUTE)) === 0) return 'open';
  return (wanted.access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0 ? 'read' : 'write';
}

/** EEXIST where the name has come meanwhile, ESTALE where it has gone. */
function openOrCreate(wanted: Wanted, request: TreeRequest): MaybePromise<Outcome | Errno> {
  const hidden = vetoed(request.tree.share.visibility, wanted.path);
  if (hidden !== undefined) return hidden === 'path' ? ENOPATH : ENOENT;
  const { doomed } = request.server.files;
  if (wanted.then !== undefined || doomed.size === 0 || wanted.path.length < 2) {
    return lookUp(wanted, request);
  }
  return isBelowDoomed(wanted.path, request).then((isBelow) =>
    isBelow ? STATUS_DELETE_PENDING : lookUp(wanted, request),
  );
}

function lookUp(wanted: Wanted, request: TreeRequest): MaybePromise<Outcome | Errno> {
  const files = filesFor(wanted, request.tree);
  const found = files.lookup(wanted.path, purposeOf(wanted));
  return found instanceof Promise
    ? found.then((later) => lookedUp(wanted, request, later, false))
    : lookedUp(wanted, request, found, true);
}

/** `isFresh`: nothing has been waited for since it was looked up. */
function lookedUp(
  wanted: Wanted,
  request: TreeRequest,
  handle: Result<VfsHandle>,
  isFresh: boolean,
): MaybePromise<Outcome | Errno> {
  if (isErrno(handle)) return missing(wanted, request, handle, isFresh);
  if (changesThePast(wanted)) {
    handle.close();
    return EROFS;
  }
  if (handle.kind === 'symlink' && follows(wanted, request.tree.share)) {
    return meansLink(wanted)
      ? openAsLink(wanted, request, handle)
      : follow(wanted, request, handle);
  }
  return wanted.stream === undefined
    ? openExisting(wanted, request, handle, isFresh)
    : openStream(wanted, request, handle, wanted.stream);
}

/** One that leads to a folder is told as one, as in listings. Takes over its handle. */
async function openAsLink(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
): Promise<Outcome | Errno> {
  const files = filesFor(wanted, request.tree);
  let isFolder = false;
  try {
    isFolder = await leadsToDirectory(handle, wanted.path, files, request.tree.share);
  } catch (error) {
    handle.close();
    throw error;
  }
  const createOptions = wanted.createOptions | FILE_OPEN_REPARSE_POINT;
  return openExisting({ ...wanted, createOptions, isFolderLink: isFolder }, request, handle);
}

/** Opens what the link leads to. Takes over its handle. */
async function follow(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
): Promise<Outcome | Errno> {
  let path: readonly string[] | undefined;
  try {
    path = await linkedPath(
      handle,
      wanted.path,
      filesFor(wanted, request.tree),
      request.tree.share,
    );
  } catch (error) {
    handle.close();
    throw error;
  }
  // Where it leads is its client's affair, if that has named it.
  if (path === undefined && wanted.links === undefined) {
    return openExisting(wanted, request, handle);
  }
  handle.close();
  return path === undefined ? EACCES : openLinked(wanted, path, request);
}

async function openLinked(
  wanted: Wanted,
  path: readonly string[],
  request: TreeRequest,
): Promise<Outcome | Errno> {
  const { links = 0 } = wanted;
  if (links >= MAX_LINKS) return ELOOP;
  // One or two are usual; whoever has a chain of them lets others go between.
  if (links > 1) await nextTurn();
  return ended(request) ?? openOrCreate({ ...wanted, path, links: links + 1 }, request);
}

/** A directory on the way is none. */
async function onTheWay(wanted: Wanted, request: TreeRequest): Promise<Outcome | Errno> {
  const files = filesFor(wanted, request.tree);
  const { share } = request.tree;
  const path = follows(wanted, share)
    ? await pathThroughLink(wanted.path, files, share)
    : undefined;
  if (path !== undefined) return openLinked(wanted, path, request);
  return wanted.links === undefined ? stoppedOnTheWay(wanted, request, files) : ENOPATH;
}

/**
 * A promise even where nothing is waited for: the compiler would make one piece of the lookup and of all that makes a
 * file, and what opens a file that is there was 5 to 7 % slower in most runs. No part of it runs later for that.
 */
async function missing(
  wanted: Wanted,
  request: TreeRequest,
  handle: Errno,
  isFresh: boolean,
): Promise<Outcome | Errno> {
  const files = filesFor(wanted, request.tree);
  if ((handle !== ENOENT && handle !== ENOPATH) || wanted.posix !== undefined) {
    return missingWhole(wanted, request, handle, isFresh);
  }
  const path = longPath({ share: request.tree.share, files }, wanted.path);
  if (path === wanted.path) return missingWhole(wanted, request, handle, isFresh);
  return after(path, (long) =>
    long === wanted.path
      ? missingWhole(wanted, request, handle, false)
      : openOrCreate(byLongName(wanted, long), request),
  );
}

/** No short name is in its path. */
function missingWhole(
  wanted: Wanted,
  request: TreeRequest,
  handle: Errno,
  isFresh: boolean,
): MaybePromise<Outcome | Errno> {
  if (handle === ENOPATH) return onTheWay(wanted, request);
  if (handle !== ENOENT || !createsIfMissing(wanted)) return handle;
  if (wanted.then !== undefined) return EROFS;
  const named = byTunnel(wanted, request);
  return named instanceof Promise
    ? named.then((later) => make(later, request, false))
    : make(named, request, isFresh);
}

function make(
  wanted: Wanted,
  request: TreeRequest,
  isFresh: boolean,
): MaybePromise<Outcome | Errno> {
  const made = arriving(wanted.path, request, (isStillFresh) =>
    createNew(wanted, request, isFresh && isStillFresh),
  );
  return after(made, (outcome) => (outcome === ENOPATH ? onTheWay(wanted, request) : outcome));
}

/** The short name is kept: whoever deletes a file by it may make it anew by it. */
function byLongName(wanted: Wanted, path: readonly string[]): Wanted {
  const name = wanted.path.at(-1);
  return name === path.at(-1) ? { ...wanted, path } : { ...wanted, path, shortName: name };
}

/** MS-FSA 2.1.5.1.1: what was deleted by this short name a moment ago gets its names and its time back. */
function byTunnel(wanted: Wanted, request: TreeRequest): MaybePromise<Wanted> {
  const isPosix = wanted.posix !== undefined;
  const isEmpty = request.server.tunnel.size === 0;
  return isEmpty || isPosix || wanted.directoryOnly || request.tree.readOnly
    ? wanted
    : fromTunnel(wanted, request);
}

async function fromTunnel(wanted: Wanted, { server, tree }: TreeRequest): Promise<Wanted> {
  const short = wanted.path.at(-1)!;
  const parent = await tree.files!.lookup(wanted.path.slice(0, -1));
  if (isErrno(parent)) return wanted;
  const found = server.tunnel.take(SharedFiles.key(parent.volumeId, parent.fileId), short);
  parent.close();
  if (found === undefined) return wanted;
  const { name, creationTime } = found;
  return { ...wanted, path: wanted.path.with(-1, name), shortName: short, creationTime };
}
