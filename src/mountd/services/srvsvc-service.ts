/**
 * The Server Service (MS-SRVS 3.1.4): what clients ask before and while they browse a server.
 *
 * Paths, limits and descriptors (levels 2, 502, 503; 102 of the server) are for administrators, as on
 * Windows (notes 58-62 and 80); names, types and comments are for whoever may open the pipe.
 */
import { encodeNdr } from '../../rpc/ndr.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import {
  MAX_PREFERRED_LENGTH,
  PLATFORM_ID_NT,
  type ServerInfo,
  SHARE_ENUM_STRUCT,
  type ShareEnumStruct,
  type ShareInfo,
  SRVSVC,
  STYPE_DISKTREE,
  STYPE_IPC,
  STYPE_SPECIAL,
  SV_TYPE_NT,
  SV_TYPE_SERVER,
  SV_TYPE_SERVER_NT,
  SV_TYPE_WORKSTATION,
  SV_TYPE_XENIX_SERVER,
  type TimeOfDayInfo,
} from '../../rpc/srvsvc.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext, ShareEntry } from './share-catalogue.ts';
import { sessionHandlers } from './srvsvc-sessions.ts';

const {
  NERR_Success,
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_LEVEL,
  ERROR_INVALID_PARAMETER,
  ERROR_MORE_DATA,
  NERR_BufTooSmall,
  NERR_NetNameNotFound,
} = WIN32_ERROR;

type Operations = typeof SRVSVC.operations;
type EnumInput = InputOf<Operations['NetrShareEnum']>;
type EnumOutput = OutputOf<Operations['NetrShareEnum']>;

const SERVER_TYPE =
  SV_TYPE_WORKSTATION | SV_TYPE_SERVER | SV_TYPE_XENIX_SERVER | SV_TYPE_NT | SV_TYPE_SERVER_NT;

/** shi*_max_uses and sv102_users: no limit (MS-SRVS 2.2.4.26). */
const UNLIMITED = 0xffff_ffff;

/** MS-SRVS 3.1.4.17: a longer ServerName fails the call. */
const SERVER_NAME_UNITS_LIMIT = 1024;

/** Ten-thousandths of a second between ticks of the clock (tod_tinterval): 31 as Windows has it. */
const CLOCK_TICK = 310;

const ADMINISTRATOR_LEVELS = new Set([2, 502, 503]);

export function createSrvsvcService(context: ServiceContext): RpcService {
  return serveInterface(SRVSVC, {
    ...sessionHandlers(context),
    NetrShareEnum: (input) => shareEnum(input, context, () => true),
    NetrShareEnumSticky: (input) =>
      input.infoStruct.tag === 501
        ? enumFailed(input, ERROR_INVALID_LEVEL)
        : shareEnum(input, context, isSticky),
    NetrShareGetInfo: (input) => shareGetInfo(input, context),
    NetrServerGetInfo: (input) => serverGetInfo(input, context),
    NetrServerDiskEnum: (input) => serverDiskEnum(input, context),
    NetrRemoteTOD: () => ({ bufferPtr: timeOfDay(new Date()), status: NERR_Success }),
  });
}

// --- NetrShareEnum, 3.1.4.8 ----------------------------------------------------------------------

/** IPC$ is made at each start, not kept (3.1.4.9). */
const isSticky = (share: ShareEntry): boolean => share.kind !== 'ipc';

function shareEnum(
  input: EnumInput,
  { account, administrator, catalogue }: ServiceContext,
  wanted: (share: ShareEntry) => boolean,
): EnumOutput {
  const level = input.infoStruct.tag;
  if (level === 'other') return enumFailed(input, ERROR_INVALID_LEVEL);
  if (ADMINISTRATOR_LEVELS.has(level) && !administrator) {
    return enumFailed(input, ERROR_ACCESS_DENIED);
  }
  const shares = catalogue.shares(account).filter((share) => share.browseable && wanted(share));
  const start = input.resumeHandle ?? 0;
  const rest = shares.slice(start);
  const fitting = rest.slice(0, countThatFits(level, rest, input.preferedMaximumLength));
  const complete = fitting.length === rest.length;
  const next = complete ? 0 : start + fitting.length;
  return {
    infoStruct: enumStruct(level, fitting),
    totalEntries: rest.length,
    resumeHandle: input.resumeHandle === null ? null : next,
    status: complete ? NERR_Success : fitting.length > 0 ? ERROR_MORE_DATA : NERR_BufTooSmall,
  };
}

function enumFailed(input: EnumInput, status: number): EnumOutput {
  const { infoStruct, resumeHandle } = input;
  const empty =
    infoStruct.tag === 'other' ? infoStruct : { tag: infoStruct.tag, value: { entries: null } };
  return { infoStruct: empty, totalEntries: 0, resumeHandle, status };
}

type EnumLevel = Exclude<ShareEnumStruct['tag'], 'other'>;

/** How many entries the client's buffer takes, reckoned as they lie on the wire. */
function countThatFits(
  level: EnumLevel,
  shares: readonly ShareEntry[],
  preferedMaximumLength: number,
): number {
  if (preferedMaximumLength === MAX_PREFERRED_LENGTH) return shares.length;
  const wireBytes = (list: readonly ShareEntry[]) =>
    encodeNdr(SHARE_ENUM_STRUCT, enumStruct(level, list)).length;
  const overhead = wireBytes([]);
  let room = preferedMaximumLength;
  let count = 0;
  for (const share of shares) {
    room -= wireBytes([share]) - overhead;
    if (room < 0) break;
    count++;
  }
  return count;
}

function enumStruct(level: EnumLevel, shares: readonly ShareEntry[]): ShareEnumStruct {
  const entriesOf = <T>(info: (share: ShareEntry) => T) => ({
    entries: shares.length === 0 ? null : shares.map(info),
  });
  switch (level) {
    case 0:
      return { tag: 0, value: entriesOf(info0) };
    case 1:
      return { tag: 1, value: entriesOf(info1) };
    case 2:
      return { tag: 2, value: entriesOf(info2) };
    case 501:
      return { tag: 501, value: entriesOf(info501) };
    case 502:
      return { tag: 502, value: entriesOf(info502) };
    case 503:
      return { tag: 503, value: entriesOf(info503) };
  }
}

// --- NetrShareGetInfo, 3.1.4.10 ------------------------------------------------------------------

function shareGetInfo(
  { netName, level }: InputOf<Operations['NetrShareGetInfo']>,
  { account, administrator, catalogue }: ServiceContext,
): OutputOf<Operations['NetrShareGetInfo']> {
  if (!isShareLevel(level)) {
    return { infoStruct: { tag: 'other', value: level }, status: ERROR_INVALID_LEVEL };
  }
  const failed = (status: number) => ({ infoStruct: { tag: level, value: null }, status }) as const;
  if (netName === '') return failed(ERROR_INVALID_PARAMETER);
  if (ADMINISTRATOR_LEVELS.has(level) && !administrator) return failed(ERROR_ACCESS_DENIED);
  const key = netName.toLowerCase();
  const share = catalogue.shares(account).find(({ name }) => name.toLowerCase() === key);
  if (share === undefined) return failed(NERR_NetNameNotFound);
  return { infoStruct: shareInfo(level, share), status: NERR_Success };
}

type ShareLevel = Exclude<ShareInfo['tag'], 'other'>;

const SHARE_LEVELS: ReadonlySet<number> = new Set([0, 1, 2, 501, 502, 503, 1005]);
const isShareLevel = (level: number): level is ShareLevel => SHARE_LEVELS.has(level);

function shareInfo(level: ShareLevel, share: ShareEntry): ShareInfo {
  switch (level) {
    case 0:
      return { tag: 0, value: info0(share) };
    case 1:
      return { tag: 1, value: info1(share) };
    case 2:
      return { tag: 2, value: info2(share) };
    case 501:
      return { tag: 501, value: info501(share) };
    case 502:
      return { tag: 502, value: info502(share) };
    case 503:
      return { tag: 503, value: info503(share) };
    case 1005:
      return { tag: 1005, value: { flags: share.flags } };
  }
}

const info0 = (share: ShareEntry) => ({ netname: share.name });

const info1 = (share: ShareEntry) => ({
  netname: share.name,
  type: share.kind === 'ipc' ? (STYPE_IPC | STYPE_SPECIAL) >>> 0 : STYPE_DISKTREE,
  remark: share.comment,
});

const info2 = (share: ShareEntry) => ({
  ...info1(share),
  permissions: 0,
  maxUses: share.maxUses ?? UNLIMITED,
  currentUses: share.currentUses,
  path: windowsPath(share.path),
  passwd: '',
});

const info501 = (share: ShareEntry) => ({ ...info1(share), flags: share.flags });

/** Share permissions are the configuration's user lists, which no descriptor is kept for. */
const info502 = (share: ShareEntry) => ({ ...info2(share), securityDescriptor: null });

/** "*": there is no configured server name (2.2.4.27). */
const info503 = (share: ShareEntry) => ({ ...info502(share), servername: '*' });

/** Administration tools parse this as a path with a drive. */
const windowsPath = (path: string): string =>
  path === '' ? '' : `C:${path.replaceAll('/', '\\')}`;

// --- NetrServerGetInfo, 3.1.4.17 -----------------------------------------------------------------

function serverGetInfo(
  { serverName, level }: InputOf<Operations['NetrServerGetInfo']>,
  { administrator, server }: ServiceContext,
): OutputOf<Operations['NetrServerGetInfo']> {
  if (level === 103 || level === 502 || level === 503 || level === 599) {
    return { infoStruct: { tag: level, value: null }, status: ERROR_INVALID_LEVEL };
  }
  if (level !== 100 && level !== 101 && level !== 102) {
    return { infoStruct: { tag: 'other', value: level }, status: ERROR_INVALID_LEVEL };
  }
  const failed = (status: number) => ({ infoStruct: { tag: level, value: null }, status }) as const;
  if (serverName !== null && serverName.length >= SERVER_NAME_UNITS_LIMIT) {
    return failed(ERROR_INVALID_PARAMETER);
  }
  if (level === 102 && !administrator) return failed(ERROR_ACCESS_DENIED);
  // "If the ServerName parameter is NULL, ... Otherwise, ... the value of ServerName."
  const name = serverName?.replace(/^\\\\/, '') || server.name;
  const info100 = { platformId: PLATFORM_ID_NT, name };
  const { versionMajor, versionMinor, comment } = server;
  const info101 = { ...info100, versionMajor, versionMinor, type: SERVER_TYPE, comment };
  return { infoStruct: serverInfo(level, info100, info101), status: NERR_Success };
}

function serverInfo(
  level: 100 | 101 | 102,
  info100: NonNullable<Extract<ServerInfo, { tag: 100 }>['value']>,
  info101: NonNullable<Extract<ServerInfo, { tag: 101 }>['value']>,
): ServerInfo {
  switch (level) {
    case 100:
      return { tag: 100, value: info100 };
    case 101:
      return { tag: 101, value: info101 };
    case 102:
      return { tag: 102, value: { ...info101, ...NOT_DISCONNECTED, users: UNLIMITED } };
  }
}

/** sv102: idle sessions are kept, the server is announced by no browser protocol. */
const NOT_DISCONNECTED = {
  disc: -1,
  hidden: 0,
  announce: 0,
  anndelta: 0,
  licenses: 0,
  userpath: '',
} as const;

// --- NetrRemoteTOD, 3.1.4.21 ---------------------------------------------------------------------

/** UTC; the zone says how far local time is behind it (2.2.4.105). */
export function timeOfDay(now: Date): TimeOfDayInfo {
  return {
    elapsedt: Math.floor(now.getTime() / 1000) >>> 0,
    msecs: now.getTime() % 0x1_0000_0000,
    hours: now.getUTCHours(),
    mins: now.getUTCMinutes(),
    secs: now.getUTCSeconds(),
    hunds: Math.floor(now.getUTCMilliseconds() / 10),
    timezone: now.getTimezoneOffset(),
    tinterval: CLOCK_TICK,
    day: now.getUTCDate(),
    month: now.getUTCMonth() + 1,
    year: now.getUTCFullYear(),
    weekday: now.getUTCDay(),
  };
}

// --- NetrServerDiskEnum, 3.1.4.19 ----------------------------------------------------------------

/** Paths of shares are told as on a drive C, see windowsPath. */
const DRIVE = [...'C:'].map((character) => character.charCodeAt(0));

function serverDiskEnum(
  { level, resumeHandle }: InputOf<Operations['NetrServerDiskEnum']>,
  { administrator }: ServiceContext,
): OutputOf<Operations['NetrServerDiskEnum']> {
  const none = { disks: { entries: null }, totalEntries: 0, resumeHandle };
  if (level !== 0) return { ...none, status: ERROR_INVALID_LEVEL };
  if (!administrator) return { ...none, status: ERROR_ACCESS_DENIED };
  const disks = { entries: [[...DRIVE, 0]] };
  return { disks, totalEntries: 1, resumeHandle, status: NERR_Success };
}
