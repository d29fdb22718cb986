/** Samba's unixinfo: numbers of users and groups for SIDs, and back, as descriptors of files have them. */
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_SUCH_USER,
  STATUS_NONE_MAPPED,
  STATUS_SUCCESS,
} from '../../dtyp/ntstatus.ts';
import {
  gidOf,
  NULL_SID,
  type Sid,
  splitSid,
  uidOf,
  unixGroupSid,
  unixUserSid,
} from '../../dtyp/sid.ts';
import { idOfRid } from '../../dtyp/unix-sids.ts';
import { MAX_UIDS, UNIXINFO } from '../../rpc/unixinfo.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

/** uid_t and gid_t; -1 is none. */
const MAX_ID = 0xffff_fffen;

export function createUnixinfoService(context: ServiceContext): RpcService {
  const { principals, administrator, loginOf } = context;
  const own = (sid: Sid, kind: 'user' | 'group'): number | undefined => {
    const split = splitSid(sid);
    const id = split?.domain === principals.machineSid ? idOfRid(split.rid) : undefined;
    return id?.kind === kind ? id.id : undefined;
  };
  const sidOf = (id: bigint, make: (id: number) => Sid) =>
    id > MAX_ID
      ? { sid: NULL_SID, status: STATUS_NONE_MAPPED }
      : { sid: make(Number(id)), status: STATUS_SUCCESS };
  const accountOf = (uid: number): Sid =>
    principals.accounts().find((one) => one.uid === uid)?.sid ?? unixUserSid(uid);
  return serveInterface(UNIXINFO, {
    SidToUid: ({ sid }) => {
      const uid = uidOf(sid) ?? own(sid, 'user');
      return uid === undefined
        ? { uid: 0n, status: STATUS_NONE_MAPPED }
        : { uid: BigInt(uid), status: STATUS_SUCCESS };
    },
    UidToSid: ({ uid }) => sidOf(uid, accountOf),
    SidToGid: ({ sid }) => {
      const gid = gidOf(sid) ?? own(sid, 'group');
      return gid === undefined
        ? { gid: 0n, status: STATUS_NONE_MAPPED }
        : { gid: BigInt(gid), status: STATUS_SUCCESS };
    },
    GidToSid: ({ gid }) => sidOf(gid, unixGroupSid),
    // Who lives where is for administrators.
    GetPWUid: ({ count, uids }) => {
      if (count > MAX_UIDS || uids.length !== count) {
        return { count: 0, infos: [], status: STATUS_INVALID_PARAMETER };
      }
      const infos = uids.map((uid) => {
        const found = administrator && uid <= MAX_ID ? loginOf?.(Number(uid)) : undefined;
        return found === undefined
          ? { status: STATUS_NO_SUCH_USER, homedir: '', shell: '' }
          : { status: STATUS_SUCCESS, homedir: found.home, shell: found.shell };
      });
      const status = administrator ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
      return { count, infos, status };
    },
  });
}
