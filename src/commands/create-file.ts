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
import {
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import { STATUS_DELETE_PENDING, STATUS_PATH_NOT_COVERED } from '../dtyp/ntstatus.ts';
import { isRefusedName, parsePath } from '../fscc/names.ts';
import { parsePosixPath } from '../fscc/posix-names.ts';
import { SharedFiles } from '../objects/shared-file.ts';
import { vetoed } from '../objects/visibility.ts';
import {
  EACCES,
  EEXIST,
  ENOENT,
  ENOPATH,
  EROFS,
  type Errno,
  ESTALE,
  isErrno,
} from '../vfs/errno.ts';
import { appInstanceOf, takeOver } from './app-instance.ts';
import type { Outcome, TreeRequest } from './command.ts';
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
import { statusOfErrno } from './errno-status.ts';
import { posixWish } from './posix.ts';
import { asOfThen, changesThePast } from './previous-versions.ts';
import { longPath } from './short-names.ts';
import { stoppedOnTheWay } from './symlinks.ts';

/** Another client may make or remove the name between lookup and open; then all starts anew. */
const MAX_ATTEMPTS = 4;

export async function createFile(body: CreateWish, request: TreeRequest): Promise<Outcome> {
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
  if (past === undefined) return openNow(body, wanted, request);
  const found = await past;
  if (typeof found === 'number') return found;
  if (found.then === undefined) return openNow(body, wanted, request);
  try {
    return await attempts(found, request);
  } finally {
    found.then.close();
  }
}

async function openNow(body: CreateWish, wanted: Wanted, request: TreeRequest): Promise<Outcome> {
  const instance = appInstanceOf(body, request);
  const outdated = instance && (await takeOver(instance, wanted.path, request));
  return outdated ?? attempts(wanted, request);
}

async function attempts(wanted: Wanted, request: TreeRequest): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await openOrCreate(wanted, request);
    if ((outcome !== EEXIST && outcome !== ESTALE) || attempt === MAX_ATTEMPTS) {
      return isErrno(outcome) ? statusOfErrno(outcome) : outcome;
    }
  }
}

/** The open will be for reading and nothing else; one for writing is made when nothing forbids it any more. */
const readsOnly = (wanted: Wanted): boolean =>
  wanted.stream === undefined &&
  !overwrites(wanted) &&
  !wanted.maximum &&
  (wanted.access & (FILE_READ_DATA | FILE_EXECUTE)) !== 0 &&
  (wanted.access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0;

/** EEXIST where the name has come meanwhile, ESTALE where it has gone. */
async function openOrCreate(wanted: Wanted, request: TreeRequest): Promise<Outcome | Errno> {
  const files = filesFor(wanted, request.tree);
  const hidden = vetoed(request.tree.share.visibility, wanted.path);
  if (hidden !== undefined) return refuseVetoed(wanted, hidden);
  const { doomed } = request.server.files;
  const isNow = wanted.then === undefined;
  if (isNow && doomed.size > 0 && (await isBelowDoomed(wanted.path, request)))
    return STATUS_DELETE_PENDING;
  const handle = await files.lookup(wanted.path, readsOnly(wanted));
  if (!isErrno(handle)) {
    if (changesThePast(wanted)) {
      handle.close();
      return EROFS;
    }
    return wanted.stream === undefined
      ? openExisting(wanted, request, handle)
      : openStream(wanted, request, handle, wanted.stream);
  }
  if ((handle === ENOENT || handle === ENOPATH) && wanted.posix === undefined) {
    const path = await longPath({ share: request.tree.share, files }, wanted.path);
    if (path !== wanted.path) return openOrCreate(byLongName(wanted, path), request);
  }
  if (handle === ENOPATH) return stoppedOnTheWay(wanted, request, files);
  if (handle !== ENOENT || !createsIfMissing(wanted)) return handle;
  if (!isNow) return EROFS;
  const named = await byTunnel(wanted, request);
  return arriving(named.path, request, () => createNew(named, request));
}

/** As if it were not there; but it is not made either, and whoever tries is told so. */
function refuseVetoed(wanted: Wanted, which: 'name' | 'path'): Errno {
  if (which === 'path') return ENOPATH;
  return createsIfMissing(wanted) ? EACCES : ENOENT;
}

/** The short name is kept: whoever deletes a file by it may make it anew by it. */
function byLongName(wanted: Wanted, path: readonly string[]): Wanted {
  const name = wanted.path.at(-1);
  return name === path.at(-1) ? { ...wanted, path } : { ...wanted, path, shortName: name };
}

/** MS-FSA 2.1.5.1.1: what was deleted by this short name a moment ago gets its names and its time back. */
async function byTunnel(wanted: Wanted, { server, tree }: TreeRequest): Promise<Wanted> {
  const short = wanted.path.at(-1)!;
  const isPosix = wanted.posix !== undefined;
  if (server.tunnel.size === 0 || isPosix || wanted.directoryOnly || tree.readOnly) return wanted;
  const parent = await tree.files!.lookup(wanted.path.slice(0, -1));
  if (isErrno(parent)) return wanted;
  const found = server.tunnel.take(SharedFiles.key(parent.volumeId, parent.fileId), short);
  parent.close();
  if (found === undefined) return wanted;
  const { name, creationTime } = found;
  return { ...wanted, path: wanted.path.with(-1, name), shortName: short, creationTime };
}
