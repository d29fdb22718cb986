/**
 * Who is connected when a server takes another configuration (src/reload.ts): what would not come about any more ends,
 * the rest goes on, tree connects as they would be made now (MS-SMB2 3.3.5.7).
 */
import { bufferPool } from '../base/buffer-pool.ts';
import { clientOf, maximalAccessTo, mustEncrypt, speaksPosix } from '../commands/tree-connect.ts';
import { ACCESS_SYSTEM_SECURITY } from '../dtyp/access-mask.ts';
import type { Connection } from '../objects/connection.ts';
import type { Open } from '../objects/open.ts';
import type { ServerOptions, ServerState } from '../objects/server-state.ts';
import { offeredAs } from '../objects/share.ts';
import { closeOpen, endSession, endTree } from '../objects/teardown.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { Dialect } from '../smb2/dialect.ts';
import { isErrno } from '../vfs/errno.ts';
import type { Identity } from '../vfs/vfs.ts';
import { watchIdleness } from './serve-connection.ts';

export function applyOptions(server: ServerState, options: ServerOptions): void {
  const { deadtimeMs } = server.options;
  server.options = options;
  if (options.bufferBytes !== undefined) bufferPool.maxUsedBytes = options.bufferBytes;
  bufferPool.look();
  if (options.minDialect >= Dialect.SMB2_02) server.smb1 = undefined;
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

/** What logins allow of those without an account. */
export interface Strangers {
  readonly guests: boolean;
  readonly anonymous: boolean;
}

/** Ends what the server's options and the control plane do not allow any more. */
export async function review(server: ServerState, allowed: Strangers): Promise<void> {
  for (const connection of server.connections) {
    const fault = faultOf(connection, server.options);
    if (fault !== undefined) connection.transport.close(`the configuration has changed: ${fault}`);
  }
  await endStrangers(server, allowed);
  await reviewTrees(server);
}

async function endStrangers(server: ServerState, allowed: Strangers): Promise<void> {
  for (const session of [...server.sessions.values()]) {
    const kind = session.account?.kind;
    const ends =
      (kind === 'guest' && !allowed.guests) || (kind === 'anonymous' && !allowed.anonymous);
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
  const offered = offeredAs(share);
  const isOffered = server.shares.get(offered.name.toLowerCase()) === offered;
  if (account === undefined || !isOffered) return endTree(server, tree);
  const canEncrypt = session.isUser && session.canEncrypt;
  const encrypts = mustEncrypt(share, canEncrypt);
  // A client that is not told encrypts nothing.
  if (encrypts && !tree.encryptData && !session.encryptData) return endTree(server, tree);
  const decision = await server.controlPlane.connectShare(
    account,
    share.name,
    clientOf(connection),
  );
  if (decision.kind === 'unavailable' || !session.trees.has(tree.treeId)) return;
  if (decision.kind !== 'granted' || decision.place?.path !== share.path) {
    return endTree(server, tree);
  }
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
  tree.readOnly = decision.readOnly;
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
