/** MS-SMB2 3.3.5.7: TREE_CONNECT. */
import { MAX_TREES_PER_SESSION } from '../base/limits.ts';
import { FILE_ALL_ACCESS, FILE_GENERIC_EXECUTE, FILE_GENERIC_READ } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_NETWORK_NAME,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_LOGON_SERVERS,
  STATUS_REQUEST_NOT_ACCEPTED,
  statusName,
} from '../dtyp/ntstatus.ts';
import type { ShareClient, SharePlace } from '../ipc/control-plane.ts';
import type { Connection } from '../objects/connection.ts';
import { Lifetime } from '../objects/lifetime.ts';
import type { Share } from '../objects/share.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import {
  SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY,
  SMB2_SHARE_CAP_DFS,
  SMB2_SHARE_TYPE_DISK,
  SMB2_SHARE_TYPE_PIPE,
  SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM,
  SMB2_SHAREFLAG_COMPRESS_DATA,
  SMB2_SHAREFLAG_DFS,
  SMB2_SHAREFLAG_DFS_ROOT,
  SMB2_SHAREFLAG_ENCRYPT_DATA,
  SMB2_SHAREFLAG_MANUAL_CACHING,
  SMB2_SHAREFLAG_NO_CACHING,
} from '../smb2/share-flags.ts';
import { encodeTreeConnectResponse, type TreeConnectRequest } from '../smb2/tree-connect.ts';
import { isErrno } from '../vfs/errno.ts';
import { auditRefusedShare } from './audited.ts';
import type { Outcome, SessionRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';

/** `\\server\share` and nothing behind it. */
const PATH = /^\\\\[^\\]+\\([^\\]+)$/;
/** MS-SRVS: share names are at most 80 characters. */
const MAX_SHARE_NAME = 80;

export async function treeConnect(
  body: TreeConnectRequest,
  request: SessionRequest,
): Promise<Outcome> {
  const { server, session, connection } = request;
  const name = PATH.exec(body.path)?.[1];
  if (name === undefined) return STATUS_INVALID_PARAMETER;
  const offered = name.length > MAX_SHARE_NAME ? undefined : server.offered(name);
  if (offered === undefined) {
    auditRefusedShare(request, name.slice(0, MAX_SHARE_NAME), 'no-such-share');
    return STATUS_BAD_NETWORK_NAME;
  }
  if (session.trees.size >= MAX_TREES_PER_SESSION) return STATUS_INSUFFICIENT_RESOURCES;
  const canEncrypt = session.isUser && session.canEncrypt;
  if (offered.encryption === 'required' && !canEncrypt) {
    auditRefusedShare(request, name, 'its messages are to be encrypted, and cannot be');
    return STATUS_ACCESS_DENIED;
  }
  const encryptData = mustEncrypt(offered, canEncrypt);
  const client = clientOf(connection);
  const asked = offered.places === undefined ? offered.name : name;
  const decision = await server.controlPlane.connectShare(session.account!, asked, client);
  if (decision.kind === 'no-such-share') return STATUS_BAD_NETWORK_NAME;
  if (decision.kind === 'denied') return STATUS_ACCESS_DENIED;
  if (decision.kind === 'unavailable') {
    auditRefusedShare(request, name, 'unavailable');
    return STATUS_NO_LOGON_SERVERS;
  }
  const share = shareAt(offered, decision.place, request);
  if (share === undefined) return STATUS_BAD_NETWORK_NAME;
  const files = await share.vfs?.attach(decision.identity);
  const refuse = (status: NtStatus): NtStatus => {
    if (files !== undefined && !isErrno(files)) files.close();
    share.lifetime?.release();
    return status;
  };
  if (files !== undefined && isErrno(files)) {
    auditRefusedShare(request, name, statusName(statusOfErrno(files)));
    return refuse(statusOfErrno(files));
  }
  // The session has ended, or the configuration was read again meanwhile.
  if (session.state === 'gone' || server.offered(name) !== offered) {
    return refuse(STATUS_BAD_NETWORK_NAME);
  }
  // "equal to or greater than Share.MaxUses", with nothing awaited between the count and the tree connect.
  if (!server.shareUses.take(share)) {
    connection.log.info('share refused: too many connections to it', { share: share.name });
    auditRefusedShare(request, name, 'max connections');
    return refuse(STATUS_REQUEST_NOT_ACCEPTED);
  }
  const { readOnly } = decision;
  const tree: TreeConnect = {
    treeId: session.newTreeId(),
    session,
    share,
    maximalAccess: maximalAccessTo(readOnly),
    readOnly,
    encryptData,
    identity: decision.identity,
    files,
    token: decision.token,
    posixFiles: speaksPosix(connection, share) ? files?.exactly?.() : undefined,
    openCount: 0,
    lifetime: new Lifetime(),
  };
  session.trees.set(tree.treeId, tree);
  request.tree = tree;
  return {
    body: encodeTreeConnectResponse({
      shareType: share.type === 'disk' ? SMB2_SHARE_TYPE_DISK : SMB2_SHARE_TYPE_PIPE,
      shareFlags: shareFlags(share, encryptData, connection),
      capabilities: shareCapabilities(share, request),
      maximalAccess: tree.maximalAccess,
    }),
  };
}

/** Whom the control plane is told of. */
export const clientOf = ({ transport, dialect }: Connection): ShareClient => ({
  address: transport.remoteAddress,
  localAddress: transport.localAddress,
  dialect: dialect?.name,
});

/** Held once; undefined: nothing is there. */
function shareAt(
  offered: Share,
  place: SharePlace | undefined,
  { server, session, connection }: SessionRequest,
): Share | undefined {
  const { places } = offered;
  // Both planes take another configuration a moment apart.
  if ((places === undefined) !== (place === undefined)) return undefined;
  if (places === undefined || place === undefined) {
    offered.lifetime?.hold();
    return offered;
  }
  const share = places.take(place, server);
  if (typeof share !== 'string') return share;
  const { name, path } = place;
  connection.log.warn('a share cannot be served where it is for this client', {
    ...{ share: name, path, account: session.account!.name, why: share },
  });
  return undefined;
}

export const mustEncrypt = ({ encryption }: Share, canEncrypt: boolean): boolean =>
  encryption === 'required' || (encryption === 'desired' && canEncrypt);

export const maximalAccessTo = (readOnly: boolean): number =>
  readOnly ? FILE_GENERIC_READ | FILE_GENERIC_EXECUTE : FILE_ALL_ACCESS;

/** Where the negotiation agreed upon them, and the share's files have what POSIX has. */
export const speaksPosix = ({ posixExtensions }: Connection, share: Share): boolean =>
  posixExtensions && share.posixExtensions !== false;

function shareCapabilities(share: Share, { connection, server }: SessionRequest): number {
  const isAvailable =
    share.continuousAvailability === true &&
    connection.dialect!.smb3 &&
    server.persistentOpens !== undefined;
  return (
    (share.dfs === undefined ? 0 : SMB2_SHARE_CAP_DFS) |
    (isAvailable ? SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY : 0)
  );
}

function shareFlags(share: Share, encryptData: boolean, { compression }: Connection): number {
  const caching =
    share.type === 'disk'
      ? (share.offlineCaching ?? SMB2_SHAREFLAG_MANUAL_CACHING)
      : SMB2_SHAREFLAG_NO_CACHING;
  const hides = share.visibility?.unreadable === true;
  return (
    caching |
    (hides ? SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM : 0) |
    (share.dfs === undefined ? 0 : SMB2_SHAREFLAG_DFS | SMB2_SHAREFLAG_DFS_ROOT) |
    (encryptData ? SMB2_SHAREFLAG_ENCRYPT_DATA : 0) |
    (share.compressData === true && compression !== undefined ? SMB2_SHAREFLAG_COMPRESS_DATA : 0)
  );
}
