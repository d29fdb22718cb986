/**
 * MS-FSA 2.1.5.1.2.2 and MS-SMB2 3.3.5.9: what others have to give up before an open, whether share modes
 * and lease keys let it be, and its entry in all tables.
 */
import {
  type NtStatus,
  STATUS_DELETE_PENDING,
  STATUS_SHARING_VIOLATION,
} from '../dtyp/ntstatus.ts';
import { unusedId } from '../objects/ids.ts';
import { Open } from '../objects/open.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_NO_INTERMEDIATE_BUFFERING,
  FILE_SEQUENTIAL_ONLY,
  FILE_WRITE_THROUGH,
} from '../smb2/create-options.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import { leaseIdOf, makeWay, parentLeaseKeyOf, refuseLeaseKey } from './caching.ts';
import { sequenceOf } from './channel-sequence.ts';
import type { MaybePromise, TreeRequest } from './command.ts';
import { impliedAccess, overwrites, type Wanted } from './create-wanted.ts';

/** Open.Mode, MS-FSA 2.1.5.1 phase 3: what FileModeInformation shows. */
const MODE_BITS =
  FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | FILE_NO_INTERMEDIATE_BUFFERING | FILE_DELETE_ON_CLOSE;

/** Oplocks and leases of others that this open breaks; undefined where nothing is to be waited for. */
export function standsInTheWay(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  access: number,
): MaybePromise<NtStatus | undefined> {
  const file = request.server.files.findOf(handle);
  if (file === undefined || file.isDoomed(handle)) return undefined;
  const mode = { access: access | impliedAccess(wanted), share: wanted.shareAccess };
  return makeWay(wanted, request, file, mode, overwrites(wanted));
}

/** Share modes, then the open in all its tables, held for the CREATE. */
export function register(
  wanted: Wanted,
  request: TreeRequest,
  handle: VfsHandle,
  access: number,
): Open | NtStatus {
  const { server, session, tree } = request;
  const file = server.files.getOf(handle);
  const mode = { access: access | impliedAccess(wanted), share: wanted.shareAccess };
  const whole = file.base ?? file;
  const refused =
    file.isDoomed(handle) || server.files.replaced.has(whole.key)
      ? STATUS_DELETE_PENDING
      : file.sharingViolation(mode)
        ? STATUS_SHARING_VIOLATION
        : refuseLeaseKey(wanted, request, file);
  if (refused !== undefined) {
    if (!file.deletePending) server.files.release(file);
    return refused;
  }
  const open = new Open(
    {
      persistentId: unusedId(server.opens),
      volatileId: unusedId(session.opens),
      session,
      tree,
      access,
      share: wanted.shareAccess,
      createOptions: wanted.createOptions,
      handle,
      file,
      leaseId: leaseIdOf(wanted, request),
      parentLeaseKey: parentLeaseKeyOf(wanted, request),
      channelSequence: sequenceOf(request),
      isPosix: wanted.posix !== undefined,
      isFolderLink: wanted.isFolderLink === true,
    },
    {
      deleteOnClose: (wanted.createOptions & FILE_DELETE_ON_CLOSE) !== 0,
      mode: wanted.createOptions & MODE_BITS,
    },
  );
  if (wanted.shortName !== undefined) open.shortName = wanted.shortName;
  open.lifetime.hold();
  file.opens.add(open);
  server.opens.set(open.persistentId, open);
  session.opens.set(open.volatileId, open);
  tree.openCount += 1;
  return open;
}
