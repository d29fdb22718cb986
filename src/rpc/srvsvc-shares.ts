/** MS-SRVS 2.2.4.22 to 2.2.4.38, 3.1.4.7 to 3.1.4.15: shares, told and changed. */
import {
  conformantArray,
  counted,
  leveled,
  type NdrType,
  type NdrValue,
  octets,
  struct,
  u32,
  union,
  unique,
  wstring,
} from './ndr.ts';
import { operation } from './operation.ts';
import { contextHandle as handle } from './security-types.ts';

const text = unique(wstring);

const share1 = { netname: text, type: u32, remark: text };
const share2 = {
  ...share1,
  permissions: u32,
  maxUses: u32,
  currentUses: u32,
  path: text,
  passwd: text,
};
const SHARE_INFO_0 = struct({ netname: text });
const SHARE_INFO_1 = struct(share1);
const SHARE_INFO_2 = struct(share2);
const SHARE_INFO_501 = struct({ ...share1, flags: u32 });
const SHARE_INFO_502 = struct({ ...share2, securityDescriptor: counted(octets) });
const SHARE_INFO_503 = struct({
  ...share2,
  servername: text,
  securityDescriptor: counted(octets),
});
const SHARE_INFO_1004 = struct({ remark: text });
const SHARE_INFO_1005 = struct({ flags: u32 });
const SHARE_INFO_1006 = struct({ maxUses: u32 });
/** Of LAN Manager; MS-SRVS has it no more. */
const SHARE_INFO_1007 = struct({ flags: u32, alternateDirectoryName: text });
const SHARE_INFO_1501 = struct({ securityDescriptor: counted(octets) });

/** SHARE_INFO_*_CONTAINER: EntriesRead and Buffer (2.2.4.32-37). */
const container = <T>(info: NdrType<T>) =>
  unique(struct({ entries: counted(conformantArray(info)) }));

/**
 * SHARE_ENUM_STRUCT, 2.2.4.38. Its default arm carries a level that is none of these. Of the four last ones nothing is
 * listed; clients that ask have a container for them.
 */
export const SHARE_ENUM_STRUCT = leveled({
  0: container(SHARE_INFO_0),
  1: container(SHARE_INFO_1),
  2: container(SHARE_INFO_2),
  501: container(SHARE_INFO_501),
  502: container(SHARE_INFO_502),
  503: container(SHARE_INFO_503),
  1004: container(SHARE_INFO_1004),
  1005: container(SHARE_INFO_1005),
  1006: container(SHARE_INFO_1006),
  1007: container(SHARE_INFO_1007),
});
export type ShareEnumStruct = NdrValue<typeof SHARE_ENUM_STRUCT>;

/** SHARE_INFO, 2.2.3.6. */
const shareInfos = {
  0: unique(SHARE_INFO_0),
  1: unique(SHARE_INFO_1),
  2: unique(SHARE_INFO_2),
  501: unique(SHARE_INFO_501),
  502: unique(SHARE_INFO_502),
  503: unique(SHARE_INFO_503),
  1004: unique(SHARE_INFO_1004),
  1005: unique(SHARE_INFO_1005),
  1006: unique(SHARE_INFO_1006),
  1007: unique(SHARE_INFO_1007),
  1501: unique(SHARE_INFO_1501),
};
export const SHARE_INFO = union(shareInfos);
export type ShareInfo = NdrValue<typeof SHARE_INFO>;
/** The same behind its level. */
const LEVELED_SHARE_INFO = leveled(shareInfos);

const enumeration = (opnum: number) =>
  operation(
    opnum,
    {
      serverName: text,
      infoStruct: SHARE_ENUM_STRUCT,
      preferedMaximumLength: u32,
      resumeHandle: unique(u32),
    },
    {
      infoStruct: SHARE_ENUM_STRUCT,
      totalEntries: u32,
      resumeHandle: unique(u32),
      status: u32,
    },
  );

const removal = (opnum: number) =>
  operation(opnum, { serverName: text, netName: wstring, reserved: u32 }, { status: u32 });

export const SHARE_OPERATIONS = {
  NetrShareAdd: operation(
    14,
    { serverName: text, infoStruct: LEVELED_SHARE_INFO, parmErr: unique(u32) },
    { parmErr: unique(u32), status: u32 },
  ),
  NetrShareEnum: enumeration(15),
  NetrShareGetInfo: operation(
    16,
    { serverName: text, netName: wstring, level: u32 },
    { infoStruct: SHARE_INFO, status: u32 },
  ),
  NetrShareSetInfo: operation(
    17,
    { serverName: text, netName: wstring, infoStruct: LEVELED_SHARE_INFO, parmErr: unique(u32) },
    { parmErr: unique(u32), status: u32 },
  ),
  NetrShareDel: removal(18),
  NetrShareDelSticky: removal(19),
  NetrShareCheck: operation(20, { serverName: text, device: wstring }, { type: u32, status: u32 }),
  NetrShareEnumSticky: enumeration(36),
  NetrShareDelStart: operation(
    37,
    { serverName: text, netName: wstring, reserved: u32 },
    { handle, status: u32 },
  ),
  NetrShareDelCommit: operation(38, { handle }, { handle, status: u32 }),
} as const;
