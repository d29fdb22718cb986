/**
 * The Workstation Service interface (MS-WKST 2.2.5, 3.2.4, chapter 6): what this server answers of it.
 */
import {
  conformantArray,
  counted,
  hyper,
  leveled,
  type NdrType,
  type NdrValue,
  struct,
  u16,
  u32,
  union,
  unique,
  wstring,
} from './ndr.ts';
import { operation } from './operation.ts';
import { unicodeString } from './security-types.ts';

const text = unique(wstring);

const WKSTA_INFO_100 = struct({
  platformId: u32,
  computername: text,
  langroup: text,
  verMajor: u32,
  verMinor: u32,
});
const WKSTA_INFO_101 = struct({
  platformId: u32,
  computername: text,
  langroup: text,
  verMajor: u32,
  verMinor: u32,
  lanroot: text,
});
const WKSTA_INFO_102 = struct({
  platformId: u32,
  computername: text,
  langroup: text,
  verMajor: u32,
  verMinor: u32,
  lanroot: text,
  loggedOnUsers: u32,
});

/** WKSTA_INFO, 2.2.4.1. */
export const WKSTA_INFO = union({
  100: unique(WKSTA_INFO_100),
  101: unique(WKSTA_INFO_101),
  102: unique(WKSTA_INFO_102),
});
export type WkstaInfo = NdrValue<typeof WKSTA_INFO>;

/** 2.2.5.9 to 2.2.5.14. */
const container = <T>(info: NdrType<T>) =>
  unique(struct({ entries: counted(conformantArray(info)) }));
const WKSTA_USER_ENUM_STRUCT = leveled({
  0: container(struct({ username: text })),
  1: container(
    struct({ username: text, logonDomain: text, otherDomains: text, logonServer: text }),
  ),
});
export type WkstaUserEnumStruct = NdrValue<typeof WKSTA_USER_ENUM_STRUCT>;
/** 2.2.5.15 to 2.2.5.17. */
const WKSTA_TRANSPORT_ENUM_STRUCT = leveled({
  0: container(
    struct({
      qualityOfService: u32,
      numberOfVcs: u32,
      transportName: text,
      transportAddress: text,
      wanIsh: u32,
    }),
  ),
});
/** 2.2.5.21. */
const NET_COMPUTER_NAME_ARRAY = unique(struct({ names: counted(conformantArray(unicodeString)) }));

/** STAT_WORKSTATION_0, 2.2.5.11. */
const STAT_WORKSTATION_0 = struct({
  statisticsStartTime: hyper,
  bytesReceived: hyper,
  smbsReceived: hyper,
  pagingReadBytesRequested: hyper,
  nonPagingReadBytesRequested: hyper,
  cacheReadBytesRequested: hyper,
  networkReadBytesRequested: hyper,
  bytesTransmitted: hyper,
  smbsTransmitted: hyper,
  pagingWriteBytesRequested: hyper,
  nonPagingWriteBytesRequested: hyper,
  cacheWriteBytesRequested: hyper,
  networkWriteBytesRequested: hyper,
  initiallyFailedOperations: u32,
  failedCompletionOperations: u32,
  readOperations: u32,
  randomReadOperations: u32,
  readSmbs: u32,
  largeReadSmbs: u32,
  smallReadSmbs: u32,
  writeOperations: u32,
  randomWriteOperations: u32,
  writeSmbs: u32,
  largeWriteSmbs: u32,
  smallWriteSmbs: u32,
  rawReadsDenied: u32,
  rawWritesDenied: u32,
  networkErrors: u32,
  sessions: u32,
  failedSessions: u32,
  reconnects: u32,
  coreConnects: u32,
  lanman20Connects: u32,
  lanman21Connects: u32,
  lanmanNtConnects: u32,
  serverDisconnects: u32,
  hungSessions: u32,
  useCount: u32,
  failedUseCount: u32,
  currentCommands: u32,
});
export type WorkstationStatistics = NdrValue<typeof STAT_WORKSTATION_0>;

export const WKSSVC = {
  name: 'wkssvc',
  syntax: { uuid: '6bffd098-a112-3610-9833-46c3f87e345a', major: 1, minor: 0 },
  operations: {
    NetrWkstaGetInfo: operation(
      0,
      { serverName: text, level: u32 },
      { wkstaInfo: WKSTA_INFO, status: u32 },
    ),
    NetrWkstaUserEnum: operation(
      2,
      {
        serverName: text,
        userInfo: WKSTA_USER_ENUM_STRUCT,
        preferredMaximumLength: u32,
        resumeHandle: unique(u32),
      },
      {
        userInfo: WKSTA_USER_ENUM_STRUCT,
        totalEntries: u32,
        resumeHandle: unique(u32),
        status: u32,
      },
    ),
    NetrWkstaTransportEnum: operation(
      5,
      {
        serverName: text,
        transportInfo: WKSTA_TRANSPORT_ENUM_STRUCT,
        preferredMaximumLength: u32,
        resumeHandle: unique(u32),
      },
      {
        transportInfo: WKSTA_TRANSPORT_ENUM_STRUCT,
        totalEntries: u32,
        resumeHandle: unique(u32),
        status: u32,
      },
    ),
    NetrWorkstationStatisticsGet: operation(
      13,
      { serverName: text, serviceName: text, level: u32, options: u32 },
      { buffer: unique(STAT_WORKSTATION_0), status: u32 },
    ),
    NetrGetJoinInformation: operation(
      20,
      { serverName: text, nameBuffer: text },
      { nameBuffer: text, nameType: u16, status: u32 },
    ),
    NetrEnumerateComputerNames: operation(
      30,
      { serverName: text, nameType: u16, reserved: u32 },
      { computerNames: NET_COMPUTER_NAME_ARRAY, status: u32 },
    ),
  },
} as const;
