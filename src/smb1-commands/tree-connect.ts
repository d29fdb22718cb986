/** MS-CIFS 3.3.5.45, MS-SMB 3.3.5.4: TREE_CONNECT_ANDX; MS-CIFS 3.3.5.40, 3.3.5.41: TREE_CONNECT, TREE_DISCONNECT. */
import { Disconnect } from '../commands/command.ts';
import { treeConnect } from '../commands/tree-connect.ts';
import {
  type NtStatus,
  STATUS_BAD_DEVICE_TYPE,
  STATUS_BAD_NETWORK_NAME,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_OBJECT_PATH_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import type { Session } from '../objects/session.ts';
import { endTree } from '../objects/teardown.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { STATUS_SMB_BAD_TID } from '../smb1/dos-errors.ts';
import {
  decodeOldTreeConnect,
  decodeTreeConnectAndX,
  encodeTreeConnectAndX,
  OldTreeConnectWords,
  Service,
  SMB_SHARE_IS_IN_DFS,
  SMB_SUPPORT_SEARCH_BITS,
  type Smb1TreeConnect,
  TREE_CONNECT_ANDX_DISCONNECT_TID,
  TREE_CONNECT_ANDX_EXTENDED_RESPONSE,
} from '../smb1/tree-connect.ts';
import { EMPTY, type SessionCall, type Smb1Outcome } from './call.ts';
import type { Link, ShareConnect } from './link.ts';
import { MAX_BUFFER_BYTES } from './negotiate.ts';

export async function treeConnectAndX(call: SessionCall): Promise<Smb1Outcome> {
  const { link, header, unicode } = call;
  const body = decodeTreeConnectAndX(call.block, unicode);
  if ((body.flags & TREE_CONNECT_ANDX_DISCONNECT_TID) !== 0) {
    const old = link.tids.get(header.tid);
    if (old !== undefined) await disconnect(link, old);
  }
  const numbered = await connect(call, body);
  if (typeof numbered === 'number' || numbered instanceof Disconnect) return numbered;
  const tree = call.request.tree!;
  const isPipe = tree.share.type === 'pipe';
  const extended = (body.flags & TREE_CONNECT_ANDX_EXTENDED_RESPONSE) !== 0;
  const answer = encodeTreeConnectAndX(
    {
      optionalSupport:
        SMB_SUPPORT_SEARCH_BITS | (tree.share.dfs === undefined ? 0 : SMB_SHARE_IS_IN_DFS),
      service: isPipe ? Service.PIPE : Service.DISK,
      nativeFileSystem: isPipe ? '' : tree.share.vfs!.features.fileSystemName,
      maximalAccess: extended ? tree.maximalAccess : undefined,
    },
    unicode,
  );
  return { ...answer, tid: numbered.id };
}

export async function oldTreeConnect(call: SessionCall): Promise<Smb1Outcome> {
  const body = decodeOldTreeConnect(call.block, call.unicode);
  const numbered = await connect(call, body);
  // 3.3.5.40: "STATUS_OBJECT_PATH_NOT_FOUND (ERRDOS/ERRbadpath)", unlike TREE_CONNECT_ANDX.
  if (numbered === STATUS_BAD_NETWORK_NAME) return STATUS_OBJECT_PATH_NOT_FOUND;
  if (typeof numbered === 'number' || numbered instanceof Disconnect) return numbered;
  const tid = numbered.id;
  return { words: OldTreeConnectWords.encode({ maxBufferSize: MAX_BUFFER_BYTES, tid }), tid };
}

async function connect(
  { link, request }: SessionCall,
  { path, service }: Smb1TreeConnect,
): Promise<ShareConnect | NtStatus | Disconnect> {
  // Some clients leave the server out.
  const whole = path.startsWith('\\\\') ? path : `\\\\*\\${path.replace(/^\\/, '')}`;
  const outcome = await treeConnect({ flags: 0, path: whole }, request);
  if (typeof outcome === 'number' || outcome instanceof Disconnect) return outcome;
  const tree = request.tree!;
  const right = tree.share.type === 'pipe' ? Service.PIPE : Service.DISK;
  const wrong = service !== Service.ANY && service !== right;
  const numbered = wrong
    ? undefined
    : link.tids.add((id) => ({
        id,
        path: whole,
        trees: new Map([[request.session, tree]]),
      }));
  if (numbered !== undefined) return numbered;
  await endTree(link.server, tree);
  return wrong ? STATUS_BAD_DEVICE_TYPE : STATUS_INSUFFICIENT_RESOURCES;
}

async function disconnect(link: Link, { id, trees }: ShareConnect): Promise<void> {
  link.tids.delete(id);
  await Promise.all([...trees.values()].map((tree) => endTree(link.server, tree)));
}

/** The tree connect of this user to what the TID names, which another user may have made. */
export async function treeFor(
  { link, header, request }: SessionCall,
  session: Session,
): Promise<TreeConnect | NtStatus> {
  const connected = link.tids.get(header.tid);
  if (connected === undefined) return STATUS_NETWORK_NAME_DELETED;
  request.session = session;
  const outcome = await treeConnect({ flags: 0, path: connected.path }, request);
  if (typeof outcome === 'number') return outcome;
  if (outcome instanceof Disconnect) return STATUS_NETWORK_NAME_DELETED;
  const tree = request.tree!;
  // Another request of the user was faster, or the TID has gone.
  const known = connected.trees.get(session);
  const isGone = link.tids.get(header.tid) !== connected;
  if (!isGone && (known === undefined || !session.trees.has(known.treeId))) {
    connected.trees.set(session, tree);
    return tree;
  }
  await endTree(link.server, tree);
  return isGone ? STATUS_NETWORK_NAME_DELETED : known!;
}

export async function treeDisconnect({ link, header }: SessionCall): Promise<Smb1Outcome> {
  const numbered = link.tids.get(header.tid);
  if (numbered === undefined) return STATUS_SMB_BAD_TID;
  await disconnect(link, numbered);
  return EMPTY;
}
