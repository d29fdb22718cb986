/** MS-SRVS 2.2.4 and 3.1.4: who is connected to a server, what they have open, and ending it. */
import {
  conformantArray,
  counted,
  leveled,
  type NdrType,
  type NdrValue,
  struct,
  u32,
  union,
  unique,
  wstring,
} from './ndr.ts';
import { operation } from './operation.ts';

const text = unique(wstring);

const container = <T>(info: NdrType<T>) =>
  unique(struct({ entries: counted(conformantArray(info)) }));

/** CONNECTION_INFO_0 and _1, 2.2.4.1 and 2.2.4.2: a tree connect. */
const CONNECTION_INFO_1 = struct({
  id: u32,
  type: u32,
  numOpens: u32,
  numUsers: u32,
  time: u32,
  username: text,
  netname: text,
});
export const CONNECT_ENUM_STRUCT = leveled({
  0: container(struct({ id: u32 })),
  1: container(CONNECTION_INFO_1),
});
export type ConnectEnumStruct = NdrValue<typeof CONNECT_ENUM_STRUCT>;

/** FILE_INFO_2 and _3, 2.2.4.6 and 2.2.4.7. */
const FILE_INFO_2 = struct({ id: u32 });
const FILE_INFO_3 = struct({
  id: u32,
  permissions: u32,
  numLocks: u32,
  pathName: text,
  userName: text,
});
export const FILE_ENUM_STRUCT = leveled({
  2: container(FILE_INFO_2),
  3: container(FILE_INFO_3),
});
export type FileEnumStruct = NdrValue<typeof FILE_ENUM_STRUCT>;
const FILE_INFO = union({ 2: unique(FILE_INFO_2), 3: unique(FILE_INFO_3) });

/** fi3_permissions, 2.2.4.7. */
export const PERM_FILE_READ = 0x1;
export const PERM_FILE_WRITE = 0x2;
export const PERM_FILE_CREATE = 0x4;

/** SESSION_INFO_*, 2.2.4.11 to 2.2.4.15. */
const session1 = {
  cname: text,
  username: text,
  numOpens: u32,
  time: u32,
  idleTime: u32,
  userFlags: u32,
};
export const SESSION_ENUM_STRUCT = leveled({
  0: container(struct({ cname: text })),
  1: container(struct(session1)),
  2: container(struct({ ...session1, cltypeName: text })),
  10: container(struct({ cname: text, username: text, time: u32, idleTime: u32 })),
  502: container(struct({ ...session1, cltypeName: text, transport: text })),
});
export type SessionEnumStruct = NdrValue<typeof SESSION_ENUM_STRUCT>;

/** sesi1_user_flags, 2.2.4.12. */
export const SESS_GUEST = 0x1;

const enumeration = <F extends Readonly<Record<string, NdrType<unknown>>>, T>(
  opnum: number,
  names: F,
  infoStruct: NdrType<T>,
) =>
  operation(
    opnum,
    {
      serverName: text,
      ...names,
      infoStruct,
      preferedMaximumLength: u32,
      resumeHandle: unique(u32),
    },
    { infoStruct, totalEntries: u32, resumeHandle: unique(u32), status: u32 },
  );

export const SESSION_OPERATIONS = {
  NetrConnectionEnum: enumeration(8, { qualifier: text }, CONNECT_ENUM_STRUCT),
  NetrFileEnum: enumeration(9, { basePath: text, userName: text }, FILE_ENUM_STRUCT),
  NetrFileGetInfo: operation(
    10,
    { serverName: text, fileId: u32, level: u32 },
    { infoStruct: FILE_INFO, status: u32 },
  ),
  NetrFileClose: operation(11, { serverName: text, fileId: u32 }, { status: u32 }),
  NetrSessionEnum: enumeration(12, { clientName: text, userName: text }, SESSION_ENUM_STRUCT),
  NetrSessionDel: operation(
    13,
    { serverName: text, clientName: text, userName: text },
    { status: u32 },
  ),
} as const;
