/**
 * How things end: opens (MS-SMB2 3.3.4.17), tree connects, sessions (3.3.4.12) and connections
 * (3.3.7.1), each with all that hangs on it. Every function may be called for something that has
 * ended already.
 */
import { getSystemErrorMap } from 'node:util';
import { MAX_OPENS_ENDED_AT_ONCE } from '../base/limits.ts';
import { sessionIdText } from '../ipc/status.ts';
import { ENOENT, isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import type { Connection } from './connection.ts';
import type { Author, Whereabouts } from './directory-changes.ts';
import { isPreserved, nextState } from './durability.ts';
import type { Open } from './open.ts';
import { leaveProcesses, type ProcessLocks } from './process-locks.ts';
import { addressOf, userOf } from './records.ts';
import type { ServerState } from './server-state.ts';
import type { Session } from './session.ts';
import { type SharedFile, SharedFiles } from './shared-file.ts';
import type { TreeConnect } from './tree-connect.ts';
import type { Tunnelled } from './tunnel.ts';
import { isEmptyToClients, removeWithVetoed } from './vetoed-files.ts';

/** Closes an open; the promise is there only where a deletion takes its time. */
export function closeOpen(server: ServerState, open: Open): Promise<void> | undefined {
  if (open.closed) return undefined;
  open.state = nextState(open.state, 'ended', false);
  server.opens.delete(open.persistentId);
  detach(server, open);
  server.durables.release(open);
  server.persistentOpens?.forget(open);
  server.keptOpens?.forget(open);
  server.replays.withdraw(open);
  server.appInstances.remove(open);
  open.pipe?.close();
  return open.file === undefined ? undefined : closeFile(server, open, open.file);
}

/** Takes an open from its session and its tree connect, if it has them. */
function detach(server: ServerState, open: Open): void {
  if (open.session?.opens.delete(open.volatileId) !== true) return;
  open.tree!.openCount -= 1;
  server.notifier.unwatch(open);
}

/** 3.3.7.1: keeps an open for its client, or closes it. */
function loseOpen(server: ServerState, open: Open): Promise<void> | undefined {
  const grant = server.oplocks.heldBy(open);
  const preserved = isPreserved(open.durability, {
    state: grant?.state ?? 0,
    breaking: grant?.breakingTo !== undefined,
    locks: open.file?.locks.count(open) ?? 0,
  });
  if (!preserved) return closeOpen(server, open);
  open.state = nextState(open.state, 'lost', true);
  detach(server, open);
  if (open.filesOf === undefined) {
    open.filesOf = open.tree!.lifetime;
    open.filesOf.hold();
  }
  open.session = undefined;
  open.tree = undefined;
  // An answer to its CREATE that has not left yet never will.
  server.oplocks.answered(open);
  return server.durables.keep(open);
}

/** Gives back what a closed open holds of the file system. */
export function releaseHandle(open: Open): void {
  open.lifetime.end(() => {
    open.enumeration?.cursor.close();
    open.enumeration = undefined;
    open.handle?.close();
    for (const handle of open.former) handle.close();
    open.filesOf?.release();
  });
}

function closeFile(server: ServerState, open: Open, file: SharedFile): Promise<void> | undefined {
  if (open.deleteOnClose) giveUpHandles(server, open, file);
  file.opens.delete(open);
  file.locks.releaseAll(open);
  if (open.processLocks !== undefined) releaseProcesses(open.processLocks, file);
  leaveProcesses(open);
  if (file.opens.size === 0) file.locks.leaveHost();
  server.oplocks.closed(file, open);
  if (open.deleteOnClose) {
    if (file.isOpen && open.handle!.kind === 'directory') return closeDeleter(server, open);
    file.markDeletePending(open);
    // Whoever is the last of them, in whatever process, deletes it.
    server.keptOpens?.fileChanged(file);
  }
  return leaveFile(server, open, file);
}

/** What one of them gives back is not for another, whose wait is over as well. */
function releaseProcesses(owners: ReadonlyMap<number, ProcessLocks>, { locks }: SharedFile): void {
  for (const owner of owners.values()) locks.giveUp(owner);
  for (const owner of owners.values()) locks.releaseAll(owner);
}

/** MS-FSA 2.1.5.5, phase 1: a directory that others have open as well is marked only when it is empty. */
async function closeDeleter(server: ServerState, open: Open): Promise<void> {
  const handle = open.handle!;
  const empty = await isEmptyToClients(handle, open.home.visibility);
  const path = handle.path();
  // The others may have closed meanwhile.
  const file = server.files.getOf(handle);
  const arrived = !isErrno(path) && server.files.isArrivedIn(open.home, path);
  if (empty === true && !arrived) file.markDeletePending(open);
  await leaveFile(server, open, file);
}

/** What follows from an open of the file being there no more. */
function leaveFile(server: ServerState, open: Open, file: SharedFile): Promise<void> | undefined {
  tellChanges(server, open, file);
  if (open.wrote && !file.isDoomed(open.handle!)) server.changes.described(open.handle!, open);
  const { base } = file;
  if (file.deletePending) {
    if (base?.deletePending === true) forgetDeletions(file, open);
    const due = file.dueDeletions();
    if (due.length > 0) return remove(server, file, due, open);
  }
  server.files.release(file);
  const due = base?.dueDeletions() ?? [];
  if (due.length > 0) return remove(server, base!, due, open);
  if (!file.deleters.includes(open)) releaseHandle(open);
  return undefined;
}

/** Of a stream that nobody has open: it goes with its file. */
function forgetDeletions(stream: SharedFile, closing: Open): void {
  if (stream.opens.size > 0) return;
  for (const deleter of stream.deleters) {
    stream.unmark(deleter);
    if (deleter !== closing) releaseHandle(deleter);
  }
}

/**
 * Cached handles would keep the file; whoever closes does not wait for them (smb2.lease.unlink). While
 * this open counts, none that is disconnected is the last.
 */
function giveUpHandles(server: ServerState, open: Open, file: SharedFile): void {
  const actor = { open, leaseId: open.lease?.id };
  for (const each of [file, ...(file.streams?.values() ?? [])]) {
    void server.oplocks.before(each, { kind: 'delete' }, actor);
  }
}

/** MS-FSA 2.1.5.5, phase 5: of a file that goes away nothing more is told. */
function tellChanges(server: ServerState, open: Open, file: SharedFile): void {
  if (file.isDoomed(open.handle!)) return;
  const { base } = file;
  if (base !== undefined && base.untold !== 0) {
    server.changes.modified(open.home, open.handle!.base!, base.untold);
    base.untold = 0;
  }
  if (file.untold === 0) return;
  server.changes.modified(open.home, open.handle!, file.untold);
  file.untold = 0;
}

/** Who asked for the deletion and who closed last have to agree on whose lease may stay. */
function authorOfRemoval(deleter: Open, closing: Open): Author {
  const { parentLeaseKey } = deleter;
  if (parentLeaseKey === undefined || closing.parentLeaseKey === undefined) return undefined;
  return parentLeaseKey.equals(closing.parentLeaseKey) ? { parentLeaseKey } : undefined;
}

/** MS-FSA 2.1.5.5, phase 7: of a file that is deleted by its short name; undefined for anything else. */
async function toTunnel(
  handle: VfsHandle,
  { base }: SharedFile,
  shortName: string,
): Promise<[string, string, Tunnelled] | undefined> {
  if (base !== undefined || handle.kind !== 'file') return undefined;
  const parent = handle.parent();
  const path = handle.path();
  const stat = await handle.stat();
  if (isErrno(parent) || isErrno(path) || isErrno(stat)) return undefined;
  const { creationTime } = stat;
  const key = SharedFiles.key(parent.volumeId, parent.fileId);
  return [key, shortName, { name: path.at(-1)!, creationTime }];
}

/** Who opens one of these names meanwhile waits for it: as on Windows, where it goes with the last handle. */
function remove(
  server: ServerState,
  file: SharedFile,
  due: readonly Open[],
  closing: Open,
): Promise<void> {
  const removal = removeNames(server, file, due, closing);
  file.removal = removal;
  return removal;
}

async function removeNames(
  server: ServerState,
  file: SharedFile,
  due: readonly Open[],
  closing: Open,
): Promise<void> {
  for (const deleter of due) deleter.isDeleting = true;
  try {
    for (const deleter of due) {
      const where = server.changes.whereRemoved(deleter.home, deleter.handle!);
      try {
        await removeName(server, file, where, deleter, closing);
      } finally {
        server.changes.removalEnded(where);
      }
    }
  } finally {
    for (const deleter of due) {
      file.unmark(deleter);
      if (deleter !== closing) releaseHandle(deleter);
    }
    server.files.release(file);
    if (!file.deleters.includes(closing)) releaseHandle(closing);
  }
  // Meanwhile the last open may have closed of another link, or of a stream's file.
  for (const next of [file, file.base]) {
    const more = next?.dueDeletions() ?? [];
    if (more.length > 0) await removeNames(server, next!, more, more[0]!);
  }
}

async function removeName(
  server: ServerState,
  file: SharedFile,
  where: Whereabouts,
  deleter: Open,
  closing: Open,
): Promise<void> {
  const handle = deleter.handle!;
  const { home, tree, shortName } = deleter;
  const tunnelled = shortName === undefined ? undefined : await toTunnel(handle, file, shortName);
  const isHeard = server.audit?.notes('delete') === true || server.log.debugs('vfs');
  const path = isHeard ? handle.path() : undefined;
  const result = await removeWithVetoed(handle, tree?.files, home.visibility);
  if (path !== undefined) {
    const told = isErrno(result) ? (getSystemErrorMap().get(result)?.[0] ?? '') : 'ok';
    const details = {
      user: userOf(deleter),
      address: deleter.session === undefined ? '' : addressOf(deleter.session),
      session: deleter.session === undefined ? null : sessionIdText(deleter.session.sessionId),
      share: home.name,
      path: isErrno(path) ? null : path.join('/'),
    };
    server.audit?.note('delete', told, details);
    server.log.debug('vfs', 'delete', { result: told, ...details });
  }
  if (isErrno(result)) {
    // Removed already, by another deleter of the name or by a program on the host.
    if (result === ENOENT) {
      server.log.debug('smb', 'a file marked for deletion was gone already');
      return;
    }
    server.log.warn('a file marked for deletion stays', { errno: result });
    return;
  }
  if (tunnelled !== undefined) server.tunnel.remember(...tunnelled);
  server.changes.removed(where, handle, authorOfRemoval(deleter, closing));
}

/** 3.3.5.8: a tree connect with its opens; `preserves`: those may stay for their client. */
export async function endTree(
  server: ServerState,
  tree: TreeConnect,
  preserves = false,
): Promise<void> {
  if (!tree.session.trees.delete(tree.treeId)) return;
  const closing: Promise<void>[] = [];
  let left = MAX_OPENS_ENDED_AT_ONCE;
  for (const open of tree.session.opens.values()) {
    if (open.tree !== tree) continue;
    if (left === 0) {
      await server.turns.next();
      left = MAX_OPENS_ENDED_AT_ONCE;
      if (open.closed) continue;
    }
    left -= 1;
    const pending = preserves ? loseOpen(server, open) : closeOpen(server, open);
    if (pending !== undefined) closing.push(pending);
  }
  await Promise.all(closing);
  const { files, share } = tree;
  tree.lifetime.end(() => {
    files?.close();
    share.lifetime?.release();
  });
  server.shareUses.release(tree.share);
}

/**
 * Why a session ends. 'lost': its last connection is gone; 'replaced': its user is back with a new one
 * (PreviousSessionId); 'loggedOff' by its client, 3.3.5.6: after these an open may be preserved for its
 * reconnect, 3.3.7.1. 'refused': a reauthentication failed, 3.3.5.5.3; 'closed' by an administrator,
 * 3.3.4.12: these close whatever is open.
 */
export type SessionEnd = 'lost' | 'replaced' | 'loggedOff' | 'refused' | 'closed';

/** 3.3.4.12: a session with its tree connects, on every connection. */
export async function endSession(
  server: ServerState,
  session: Session,
  end: SessionEnd,
): Promise<void> {
  if (session.state === 'gone') return;
  session.state = 'gone';
  server.sessions.delete(session.sessionId);
  for (const { connection } of session.channels.values()) {
    connection.sessions.delete(session.sessionId);
    endLogin(connection, session.sessionId);
    cancelRequests(connection, session.sessionId);
    // Of one that its connection is lost with its worker knows; of the others one of its workers may.
    if (end !== 'lost') connection.transport.worker?.sessionEnded(session.sessionId);
  }
  for (const request of session.orphans) request.cancel();
  const trees: Promise<void>[] = [];
  const preserves = end !== 'refused' && end !== 'closed';
  for (const tree of session.trees.values()) trees.push(endTree(server, tree, preserves));
  if (end === 'refused') await server.owner?.refused(session);
  await Promise.all(trees);
}

function cancelRequests(connection: Connection, sessionId: number): void {
  for (const request of connection.requests.values()) {
    if (request.sessionId === sessionId) request.cancel();
  }
}

/** The login of this session that is under way on the connection, if there is one. */
export function endLogin(connection: Connection, sessionId: number): void {
  connection.logins.get(sessionId)?.close();
  connection.logins.delete(sessionId);
}

/** 3.3.7.1: the connection is lost. Settles when no request of it is under way any more. */
export async function endConnection(server: ServerState, connection: Connection): Promise<void> {
  if (!server.connections.delete(connection)) return;
  connection.state = 'closed';
  for (const request of connection.requests.values()) {
    const session = connection.sessions.get(request.sessionId);
    if (request.outlivesConnection && session !== undefined && session.channels.size > 1) {
      session.orphans.add(request);
    } else request.cancel();
  }
  for (const sessionId of connection.logins.keys()) endLogin(connection, sessionId);
  const sessions: Promise<void>[] = [];
  for (const session of connection.sessions.values()) {
    // Of several channels one is lost: session, trees, opens and locks are not its own.
    if (session.channels.size > 1) session.channels.delete(connection);
    else sessions.push(endSession(server, session, 'lost'));
  }
  connection.sessions.clear();
  server.oplocks.deliveries.connectionLost(connection);
  await Promise.all(sessions);
  await new Promise<void>((resolve) => connection.lifetime.end(resolve));
}
