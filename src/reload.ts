/**
 * Another configuration for a server that runs (MS-SMB2 3.3.4.13 to 3.3.4.15 for its shares). What it allows as before
 * goes on undisturbed; what it does not allow any more ends:
 *
 *     connection   whose dialect is not spoken, or whose sessions sign or encrypt less than is asked: is ended, and its
 *                  client comes back with what is asked, to its durable opens, too
 *     session      of a guest, where there are none any more
 *     tree connect to a share that is no more, is somewhere else, or does not let its user in
 *     open         that may change something in a share that is read-only to its user now
 *
 * Whatever can fail is done first (`prepareReload`), and nothing has changed where it does.
 */
import { bufferPool } from './base/buffer-pool.ts';
import { maximalAccessTo, mustEncrypt, speaksPosix } from './commands/tree-connect.ts';
import type { Configuration, ShareConfiguration } from './config/configuration.ts';
import { shareChanges, shareOf } from './config/effects.ts';
import { NT1 } from './config/parameters.ts';
import { ACCESS_SYSTEM_SECURITY } from './dtyp/access-mask.ts';
import { reform } from './file-system.ts';
import type { Connection } from './objects/connection.ts';
import type { Open } from './objects/open.ts';
import type { ServerOptions, ServerState } from './objects/server-state.ts';
import type { Share } from './objects/share.ts';
import { closeOpen, endSession, endTree } from './objects/teardown.ts';
import type { TreeConnect } from './objects/tree-connect.ts';
import { openShare, policy, shareFields, vfsOf } from './open-shares.ts';
import { watchIdleness } from './server/serve-connection.ts';
import type { ShareOptions } from './server-interface.ts';
import { isErrno } from './vfs/errno.ts';
import type { Identity } from './vfs/vfs.ts';

export interface PreparedReload {
  /** Does it. Settles when what has to end has ended. */
  commit(): Promise<void>;
  /** Leaves everything as it was. */
  cancel(): void;
}

/** Throws SetupError where a share's folder cannot be served. */
export function prepareReload(
  server: ServerState,
  before: Configuration,
  after: Configuration,
  own: readonly ShareOptions[],
): PreparedReload {
  const opened = new Map<string, Share>();
  try {
    for (const share of after.shares) {
      const was = shareOf(before, share.name);
      if (!share.available || staysOpen(server, { was, share, own })) continue;
      const { sids } = server.controlPlane;
      opened.set(share.name.toLowerCase(), openShare(share, after.global, { sids, own }));
    }
  } catch (error) {
    for (const share of opened.values()) share.vfs?.close();
    throw error;
  }
  return {
    commit: () => commit(server, after, opened, own),
    cancel: () => {
      for (const share of opened.values()) share.vfs?.close();
    },
  };
}

/** Whether the back end that serves the share may go on with it. */
function staysOpen(
  server: ServerState,
  {
    was,
    share,
    own,
  }: {
    readonly was: ShareConfiguration | undefined;
    readonly share: ShareConfiguration;
    readonly own: readonly ShareOptions[];
  },
): boolean {
  const offered = server.shares.get(share.name.toLowerCase());
  if (was === undefined || offered === undefined) return false;
  if (vfsOf(share.name, own) !== undefined) return true;
  const changes = shareChanges(was, share);
  if (changes.some(({ effect }) => effect === 'share anew')) return false;
  // Modes of new files are the only thing that a back end has to be told of; some cannot be.
  const modes = ['createMask', 'directoryMask', 'forceCreateMode', 'forceDirectoryMode'] as const;
  const makes = [...modes, 'inheritPermissions', 'inheritOwner', 'mapArchive'] as const;
  const maps = [...makes, 'mapHidden', 'mapSystem', 'mapReadonly'] as const;
  return maps.every((field) => was[field] === share[field]) || reform(offered.vfs!, was);
}

async function commit(
  server: ServerState,
  after: Configuration,
  opened: ReadonlyMap<string, Share>,
  own: readonly ShareOptions[],
): Promise<void> {
  applyOptions(server, policy(after));
  const retired = [...server.shares.entries()].filter(([key, share]) => {
    const wanted = shareOf(after, share.name);
    return share.type === 'disk' && (wanted?.available !== true || opened.has(key));
  });
  for (const [key] of retired) server.shares.delete(key);
  const host = server.notifier.host;
  for (const [key, share] of opened) {
    server.shares.set(key, share);
    if (share.hostChanges !== false) host?.learn(share);
  }
  for (const share of after.shares) {
    const key = share.name.toLowerCase();
    const offered = server.shares.get(key);
    if (offered === undefined || opened.has(key)) continue;
    Object.assign(offered, shareFields(share, after.global));
    if (vfsOf(share.name, own) === undefined) reform(offered.vfs!, share);
  }
  server.sharesChanged();
  for (const connection of server.connections) {
    const fault = faultOf(connection, server.options);
    if (fault !== undefined) connection.transport.close(`the configuration has changed: ${fault}`);
  }
  await endGuests(server, after);
  await reviewTrees(server);
  for (const [, share] of retired) retire(server, share);
}

function applyOptions(server: ServerState, options: ServerOptions): void {
  const { deadtimeMs } = server.options;
  server.options = options;
  if (options.bufferBytes !== undefined) bufferPool.maxUsedBytes = options.bufferBytes;
  bufferPool.look();
  if (options.minDialect > NT1) server.smb1 = undefined;
  if (deadtimeMs === options.deadtimeMs) return;
  for (const connection of server.connections) watchIdleness(connection, options.deadtimeMs);
}

/** Why a connection may not stay. */
function faultOf(connection: Connection, options: ServerOptions): string | undefined {
  const { dialect } = connection;
  if (dialect === undefined) return undefined;
  if (dialect.revision < options.minDialect || dialect.revision > options.maxDialect) {
    return `${dialect.name} is not spoken any more`;
  }
  for (const session of connection.sessions.values()) {
    if (session.account === undefined) continue;
    const { isUser, signingRequired, encryptData, canEncrypt } = session;
    if (options.encryption === 'required' && !encryptData) return 'it is not encrypted';
    if (options.encryption === 'desired' && isUser && canEncrypt && !encryptData) {
      return 'it could be encrypted';
    }
    if (options.requireSigning && isUser && !signingRequired && !encryptData) {
      return 'it is not signed';
    }
  }
  return undefined;
}

/** As logins have it, see mountd/control-plane.ts. */
async function endGuests(server: ServerState, { global }: Configuration): Promise<void> {
  if (global.mapToGuest !== 'never') return;
  for (const session of [...server.sessions.values()]) {
    const kind = session.account?.kind;
    const ends = kind === 'guest' || (kind === 'anonymous' && global.restrictAnonymous !== 0);
    if (ends) await endSession(server, session, 'closed');
  }
}

async function reviewTrees(server: ServerState): Promise<void> {
  for (const session of [...server.sessions.values()]) {
    for (const tree of [...session.trees.values()]) await reviewTree(server, tree);
    await server.turns.next();
  }
}

/** A tree connect as it would be made now: MS-SMB2 3.3.5.7. */
async function reviewTree(server: ServerState, tree: TreeConnect): Promise<void> {
  const { session, share } = tree;
  const { account } = session;
  const connection = session.channels.keys().next().value;
  if (connection === undefined) return;
  const isOffered = server.shares.get(share.name.toLowerCase()) === share;
  if (account === undefined || !isOffered) return endTree(server, tree);
  const canEncrypt = session.isUser && session.canEncrypt;
  const encrypts = mustEncrypt(share, canEncrypt);
  // A client that is not told encrypts nothing.
  if (encrypts && !tree.encryptData && !session.encryptData) return endTree(server, tree);
  const client = { address: connection.transport.remoteAddress };
  const decision = await server.controlPlane.connectShare(account, share.name, client);
  if (decision.kind === 'unavailable' || !session.trees.has(tree.treeId)) return;
  if (decision.kind !== 'granted') return endTree(server, tree);
  if (!sameIdentity(tree.identity, decision.identity)) {
    const files = await share.vfs?.attach(decision.identity);
    if (files !== undefined && isErrno(files)) return endTree(server, tree);
    // What was opened keeps what it was opened by.
    tree.files = files;
    tree.identity = decision.identity;
  }
  tree.encryptData = encrypts;
  tree.token = decision.token;
  tree.posixFiles = speaksPosix(connection, share) ? tree.files?.exactly?.() : undefined;
  tree.readOnly = share.readOnly || decision.readOnly;
  tree.maximalAccess = maximalAccessTo(tree.readOnly);
  for (const open of [...session.opens.values()]) {
    if (open.tree === tree && exceeds(open, tree)) await closeOpen(server, open);
  }
}

const exceeds = ({ access }: Open, { maximalAccess }: TreeConnect): boolean =>
  (access & ~ACCESS_SYSTEM_SECURITY & ~maximalAccess) !== 0;

function sameIdentity(a: Identity | undefined, b: Identity | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const groups = a.groups.length === b.groups.length && a.groups.every((g) => b.groups.includes(g));
  return a.uid === b.uid && a.gid === b.gid && groups;
}

/** What its clients may still come back for is closed, and its folder when nobody is in it. */
function retire(server: ServerState, share: Share): void {
  for (const open of [...server.opens.values()]) {
    if (open.home === share) void closeOpen(server, open);
  }
  const { vfs, lifetime } = share;
  if (vfs === undefined) return;
  server.notifier.host?.forget(vfs);
  lifetime?.end(() => vfs.close());
}
