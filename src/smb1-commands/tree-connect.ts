/** MS-CIFS 3.3.5.45, MS-SMB 3.3.5.4: TREE_CONNECT_ANDX; MS-CIFS 3.3.5.40, 3.3.5.41: TREE_CONNECT, TREE_DISCONNECT. */
import { Disconnect } from '../commands/command.ts';
import { treeConnect } from '../commands/tree-connect.ts';
import {
  type NtStatus,
  STATUS_BAD_DEVICE_TYPE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_NETWORK_NAME_DELETED,
} from '../dtyp/ntstatus.ts';
import { endTree } from '../objects/teardown.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import {
  decodeOldTreeConnect,
  decodeTreeConnectAndX,
  encodeTreeConnectAndX,
  OldTreeConnectWords,
  Service,
  SMB_SUPPORT_SEARCH_BITS,
  type Smb1TreeConnect,
  TREE_CONNECT_ANDX_DISCONNECT_TID,
  TREE_CONNECT_ANDX_EXTENDED_RESPONSE,
} from '../smb1/tree-connect.ts';
import { EMPTY, type SessionCall, type Smb1Outcome } from './call.ts';
import type { Link, Numbering } from './link.ts';
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
  const tree = numbered.thing;
  const isPipe = tree.share.type === 'pipe';
  const extended = (body.flags & TREE_CONNECT_ANDX_EXTENDED_RESPONSE) !== 0;
  const answer = encodeTreeConnectAndX(
    {
      optionalSupport: SMB_SUPPORT_SEARCH_BITS,
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
  if (typeof numbered === 'number' || numbered instanceof Disconnect) return numbered;
  const tid = numbered.id;
  return { words: OldTreeConnectWords.encode({ maxBufferSize: MAX_BUFFER_BYTES, tid }), tid };
}

async function connect(
  { link, request }: SessionCall,
  { path, service }: Smb1TreeConnect,
): Promise<Numbering<TreeConnect> | NtStatus | Disconnect> {
  // Some clients leave the server out.
  const whole = path.startsWith('\\\\') ? path : `\\\\*\\${path.replace(/^\\/, '')}`;
  const outcome = await treeConnect({ flags: 0, path: whole }, request);
  if (typeof outcome === 'number' || outcome instanceof Disconnect) return outcome;
  const tree = request.tree!;
  const right = tree.share.type === 'pipe' ? Service.PIPE : Service.DISK;
  const wrong = service !== Service.ANY && service !== right;
  const numbered = wrong ? undefined : link.tids.add((id) => ({ id, thing: tree }));
  if (numbered !== undefined) return numbered;
  await endTree(link.server, tree);
  return wrong ? STATUS_BAD_DEVICE_TYPE : STATUS_INSUFFICIENT_RESOURCES;
}

async function disconnect(link: Link, { id, thing }: Numbering<TreeConnect>): Promise<void> {
  link.tids.delete(id);
  await endTree(link.server, thing);
}

export async function treeDisconnect({ link, header }: SessionCall): Promise<Smb1Outcome> {
  const numbered = link.tids.get(header.tid);
  if (numbered === undefined) return STATUS_NETWORK_NAME_DELETED;
  await disconnect(link, numbered);
  return EMPTY;
}
