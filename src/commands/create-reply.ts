/** MS-SMB2 3.3.5.9, Response Construction: the CREATE response and its contexts. */
import { after } from '../base/after.ts';
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_NONE_MAPPED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { encodePosixOwnership } from '../fscc/posix-information.ts';
import type { Open } from '../objects/open.ts';
import { closeOpen } from '../objects/teardown.ts';
import { encodeCreateResponse } from '../smb2/create.ts';
import {
  decodeQueryMaximalAccessRequest,
  encodeQueryMaximalAccessResponse,
  encodeQueryOnDiskIdResponse,
} from '../smb2/create-context-values.ts';
import {
  type CreateContext,
  CreateContextName,
  findCreateContext,
} from '../smb2/create-contexts.ts';
import { FILE_CREATED } from '../smb2/create-options.ts';
import { type Errno, isErrno } from '../vfs/errno.ts';
import type { VfsStat } from '../vfs/vfs.ts';
import { maximalAccess } from './access.ts';
import { appInstanceOf } from './app-instance.ts';
import { appleReply } from './apple.ts';
import { expectArchiving } from './archive.ts';
import { grantCaching, heldCaching } from './caching.ts';
import type { FoundFile, MaybePromise, Outcome, TreeRequest } from './command.ts';
import { openAttributes } from './directory-entry.ts';
import { type CreateWish, durableReply, grantDurability, recorded } from './durable.ts';
import { ended } from './ended.ts';
import { statusOfErrno } from './errno-status.ts';
import { posixOwnership } from './posix.ts';
import { shownFileId } from './shown-attributes.ts';

/** How the request came by the open: 3.3.5.9.7 and 3.3.5.9.12 reclaim one, a replay finds its own. */
export type Origin = 'made' | 'reclaimed' | 'replayed';

export function createReply(
  body: CreateWish,
  request: TreeRequest,
  open: Open,
  createAction: number,
  origin: Origin = 'made',
  found?: FoundFile,
): MaybePromise<Outcome> {
  return after(found?.stat ?? open.handle!.stat(), (stat) => {
    if (isErrno(stat)) return untold(request, open, createAction, origin, stat);
    expectArchiving(open, stat);
    return after(contexts(body, request, open, stat), (createContexts) =>
      granted(body, request, open, {
        createAction,
        origin,
        stat,
        path: found?.path,
        createContexts,
      }),
    );
  });
}

/** What was made for this open alone goes again, and what was there stays, whatever was to become of it. */
async function untold(
  request: TreeRequest,
  open: Open,
  createAction: number,
  origin: Origin,
  errno: Errno,
): Promise<NtStatus> {
  if (origin === 'made') open.deleteOnClose = createAction === FILE_CREATED;
  await closeOpen(request.server, open);
  return statusOfErrno(errno);
}

interface Told {
  readonly createAction: number;
  readonly origin: Origin;
  readonly stat: VfsStat;
  readonly path: readonly string[] | undefined;
  readonly createContexts: CreateContext[];
}

function granted(
  body: CreateWish,
  request: TreeRequest,
  open: Open,
  { createAction, origin, stat, path, createContexts }: Told,
): MaybePromise<Outcome> {
  // What was reclaimed just now may have been lost again.
  if (open.session !== request.session) return ended(request) ?? STATUS_FILE_CLOSED;
  if (open.closed) return ended(request) ?? STATUS_FILE_CLOSED;
  // Last of all: what is told is what it holds when it is told.
  const caching =
    origin === 'made'
      ? grantCaching(body, request, open, Math.max(stat.size, stat.allocationSize))
      : heldCaching(body, request, open, origin);
  if (caching.lease !== undefined) {
    createContexts.unshift({ name: CreateContextName.LEASE, data: caching.lease });
  }
  if (origin === 'made') {
    grantDurability(body, request, open, { createAction, creationTime: stat.creationTime });
    const instance = appInstanceOf(body, request);
    if (instance !== undefined) request.server.appInstances.add(open, instance);
  }
  request.open = open;
  const told = { createAction, origin, stat, path, createContexts };
  const kept = origin === 'made' ? recorded(request, open) : undefined;
  return after(kept, () => answer(request, open, caching.oplockLevel, told));
}

function answer(
  request: TreeRequest,
  open: Open,
  oplockLevel: number,
  { createAction, origin, stat, path, createContexts }: Told,
): Outcome {
  const handle = open.handle!;
  const durable = origin === 'reclaimed' ? undefined : durableReply(open, oplockLevel);
  if (durable !== undefined) createContexts.push(durable);
  return {
    onSent: () => request.server.oplocks.answered(open),
    found: path && { stat, path },
    body: encodeCreateResponse({
      oplockLevel,
      flags: 0,
      createAction,
      creationTime: stat.creationTime,
      lastAccessTime: stat.lastAccessTime,
      lastWriteTime: stat.lastWriteTime,
      changeTime: stat.changeTime,
      allocationSize: stat.allocationSize,
      endOfFile: stat.size,
      fileAttributes: openAttributes(open, stat, path ?? handle.toldPath?.() ?? handle.path()),
      persistentId: open.persistentId,
      volatileId: open.volatileId,
      createContexts,
    }),
  };
}

/** Only what was asked for: macOS fails an open whose answer has more. */
function contexts(
  body: CreateWish,
  request: TreeRequest,
  open: Open,
  stat: VfsStat,
): MaybePromise<CreateContext[]> {
  if (body.createContexts.length === 0) return [];
  const access = findCreateContext(body.createContexts, CreateContextName.QUERY_MAXIMAL_ACCESS);
  if (access === undefined) return otherContexts([], body, request, open, stat);
  // 3.3.5.9.5: a client that has the access for this time stamp already need not be told again.
  const known = decodeQueryMaximalAccessRequest(access) === stat.lastWriteTime;
  return after(known ? 0 : maximalAccess(request.tree, open.handle!), (most) => {
    const data = encodeQueryMaximalAccessResponse({
      queryStatus: known ? STATUS_NONE_MAPPED : STATUS_SUCCESS,
      maximalAccess: most,
    });
    const answer = { name: CreateContextName.QUERY_MAXIMAL_ACCESS, data };
    return otherContexts([answer], body, request, open, stat);
  });
}

function otherContexts(
  answers: CreateContext[],
  body: CreateWish,
  request: TreeRequest,
  open: Open,
  stat: VfsStat,
): MaybePromise<CreateContext[]> {
  if (findCreateContext(body.createContexts, CreateContextName.QUERY_ON_DISK_ID) !== undefined) {
    answers.push({
      name: CreateContextName.QUERY_ON_DISK_ID,
      data: encodeQueryOnDiskIdResponse({
        diskFileId: shownFileId(open, stat),
        volumeId: BigInt(stat.volumeId),
      }),
    });
  }
  return after(appleReply(body.createContexts, request, open), (apple) => {
    if (apple !== undefined) answers.push(apple);
    const isPosix = findCreateContext(body.createContexts, CreateContextName.POSIX) !== undefined;
    if (isPosix && open.isPosix) {
      const data = encodePosixOwnership(posixOwnership(stat));
      answers.push({ name: CreateContextName.POSIX, data });
    }
    return answers;
  });
}
