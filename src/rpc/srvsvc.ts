/**
 * The Server Service interface (MS-SRVS 2.2.4, 3.1.4, chapter 6): what this server answers of it.
 */
import {
  conformantArray,
  conformantVaryingArray,
  counted,
  i32,
  leveled,
  type NdrType,
  type NdrValue,
  octets,
  struct,
  u16,
  u32,
  union,
  unique,
  varyingArray,
  wstring,
} from './ndr.ts';
import { operation } from './operation.ts';
import { NAME_OPERATIONS } from './srvsvc-names.ts';
import { SESSION_OPERATIONS } from './srvsvc-sessions.ts';
import { SHARE_OPERATIONS } from './srvsvc-shares.ts';

/** MS-SRVS 2.2.2.4. */
export const STYPE_DISKTREE = 0x0000_0000;
export const STYPE_IPC = 0x0000_0003;
export const STYPE_SPECIAL = 0x8000_0000;

/** MS-SRVS 2.2.2.6. */
export const PLATFORM_ID_NT = 500;

/** MS-SRVS 2.2.2.7. */
export const SV_TYPE_WORKSTATION = 0x0000_0001;
export const SV_TYPE_SERVER = 0x0000_0002;
export const SV_TYPE_XENIX_SERVER = 0x0000_0800;
export const SV_TYPE_NT = 0x0000_1000;
export const SV_TYPE_SERVER_NT = 0x0000_8000;

/** MS-SRVS 2.2.2.2. */
export const MAX_PREFERRED_LENGTH = 0xffff_ffff;

const text = unique(wstring);

const SERVER_INFO_100 = struct({ platformId: u32, name: text });
const SERVER_INFO_101 = struct({
  platformId: u32,
  name: text,
  versionMajor: u32,
  versionMinor: u32,
  type: u32,
  comment: text,
});
const SERVER_INFO_102 = struct({
  platformId: u32,
  name: text,
  versionMajor: u32,
  versionMinor: u32,
  type: u32,
  comment: text,
  users: u32,
  disc: i32,
  hidden: i32,
  announce: u32,
  anndelta: u32,
  licenses: u32,
  userpath: text,
});

/** A level that is refused: its pointer is null. */
const untold = unique(u32);

/** SERVER_INFO, 2.2.3.7. */
export const SERVER_INFO = union({
  100: unique(SERVER_INFO_100),
  101: unique(SERVER_INFO_101),
  102: unique(SERVER_INFO_102),
  103: untold,
  502: untold,
  503: untold,
  599: untold,
  1005: unique(struct({ comment: text })),
});
export type ServerInfo = NdrValue<typeof SERVER_INFO>;

/** 2.2.4.105. */
export const TIME_OF_DAY_INFO = struct({
  elapsedt: u32,
  msecs: u32,
  hours: u32,
  mins: u32,
  secs: u32,
  hunds: u32,
  timezone: i32,
  tinterval: u32,
  day: u32,
  month: u32,
  year: u32,
  weekday: u32,
});
export type TimeOfDayInfo = NdrValue<typeof TIME_OF_DAY_INFO>;

/** 2.2.4.39. */
const STAT_SERVER_0 = struct({
  start: u32,
  fopens: u32,
  devopens: u32,
  jobsqueued: u32,
  sopens: u32,
  stimedout: u32,
  serrorout: u32,
  pwerrors: u32,
  permerrors: u32,
  syserrors: u32,
  bytessentLow: u32,
  bytessentHigh: u32,
  bytesrcvdLow: u32,
  bytesrcvdHigh: u32,
  avresponse: u32,
  reqbufneed: u32,
  bigbufneed: u32,
});

/** DISK_ENUM_CONTAINER, 2.2.4.92: names of two characters and a NUL. */
const DISK_ENUM_CONTAINER = struct({
  entries: counted(conformantVaryingArray(varyingArray(u16, 3))),
});

/** 2.2.4.93 to 2.2.4.95; the address is that of LAN Manager's time. */
const SERVER_TRANSPORT_INFO_0 = struct({
  numberOfVcs: u32,
  transportName: text,
  transportAddress: unique(octets),
  transportAddressLength: u32,
  networkAddress: text,
});
const SERVER_TRANSPORT_INFO_1 = struct({
  numberOfVcs: u32,
  transportName: text,
  transportAddress: unique(octets),
  transportAddressLength: u32,
  networkAddress: text,
  domain: text,
});
const container = <T>(info: NdrType<T>) =>
  unique(struct({ entries: counted(conformantArray(info)) }));
const SERVER_XPORT_ENUM_STRUCT = leveled({
  0: container(SERVER_TRANSPORT_INFO_0),
  1: container(SERVER_TRANSPORT_INFO_1),
});

export const SRVSVC = {
  name: 'srvsvc',
  syntax: { uuid: '4b324fc8-1670-01d3-1278-5a47bf6ee188', major: 3, minor: 0 },
  operations: {
    ...NAME_OPERATIONS,
    ...SESSION_OPERATIONS,
    ...SHARE_OPERATIONS,
    NetrServerGetInfo: operation(
      21,
      { serverName: text, level: u32 },
      { infoStruct: SERVER_INFO, status: u32 },
    ),
    NetrServerSetInfo: operation(
      22,
      { serverName: text, level: u32, infoStruct: SERVER_INFO, parmErr: unique(u32) },
      { parmErr: unique(u32), status: u32 },
    ),
    NetrServerDiskEnum: operation(
      23,
      {
        serverName: text,
        level: u32,
        disks: DISK_ENUM_CONTAINER,
        preferedMaximumLength: u32,
        resumeHandle: unique(u32),
      },
      { disks: DISK_ENUM_CONTAINER, totalEntries: u32, resumeHandle: unique(u32), status: u32 },
    ),
    NetrServerStatisticsGet: operation(
      24,
      { serverName: text, service: text, level: u32, options: u32 },
      { infoStruct: unique(STAT_SERVER_0), status: u32 },
    ),
    NetrRemoteTOD: operation(
      28,
      { serverName: text },
      { bufferPtr: unique(TIME_OF_DAY_INFO), status: u32 },
    ),
    NetrServerTransportEnum: operation(
      26,
      {
        serverName: text,
        infoStruct: SERVER_XPORT_ENUM_STRUCT,
        preferedMaximumLength: u32,
        resumeHandle: unique(u32),
      },
      {
        infoStruct: SERVER_XPORT_ENUM_STRUCT,
        totalEntries: u32,
        resumeHandle: unique(u32),
        status: u32,
      },
    ),
  },
} as const;
