/**
 * The Server Service (MS-SRVS 3.1.4): what clients ask before and while they browse a server.
 *
 * Paths, limits and descriptors (levels 2, 502, 503; 102 of the server) are for administrators, as on
 * Windows (notes 58-62 and 80); names, types and comments are for whoever may open the pipe.
 */
import { after } from '../../base/after.ts';
import type { MaybePromise } from '../../ipc/control-plane.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import {
  PLATFORM_ID_NT,
  type ServerInfo,
  SRVSVC,
  SV_TYPE_NT,
  SV_TYPE_SERVER,
  SV_TYPE_SERVER_NT,
  SV_TYPE_WORKSTATION,
  SV_TYPE_XENIX_SERVER,
  type TimeOfDayInfo,
} from '../../rpc/srvsvc.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';
import { nameHandlers } from './srvsvc-names.ts';
import { sessionHandlers } from './srvsvc-sessions.ts';
import { changed, shareHandlers, UNLIMITED } from './srvsvc-shares.ts';

const {
  NERR_Success,
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_LEVEL,
  ERROR_INVALID_PARAMETER,
  ERROR_NOT_SUPPORTED,
} = WIN32_ERROR;

type Operations = typeof SRVSVC.operations;

const SERVER_TYPE =
  SV_TYPE_WORKSTATION | SV_TYPE_SERVER | SV_TYPE_XENIX_SERVER | SV_TYPE_NT | SV_TYPE_SERVER_NT;

/** MS-SRVS 3.1.4.17: a longer ServerName fails the call. */
const SERVER_NAME_UNITS_LIMIT = 1024;

/** Ten-thousandths of a second between ticks of the clock (tod_tinterval): 31 as Windows has it. */
const CLOCK_TICK = 310;

export function createSrvsvcService(context: ServiceContext): RpcService {
  return serveInterface(SRVSVC, {
    ...nameHandlers(),
    ...sessionHandlers(context),
    ...shareHandlers(context),
    NetrServerGetInfo: (input) => serverGetInfo(input, context),
    NetrServerSetInfo: (input) => serverSetInfo(input, context),
    NetrServerDiskEnum: (input) => serverDiskEnum(input, context),
    NetrServerTransportEnum: (input) => transportEnum(input, context),
    NetrServerStatisticsGet: (input) => serverStatistics(input, context),
    NetrRemoteTOD: () => ({ bufferPtr: timeOfDay(new Date()), status: NERR_Success }),
  });
}

// --- NetrServerGetInfo, 3.1.4.17 -----------------------------------------------------------------

function serverGetInfo(
  { serverName, level }: InputOf<Operations['NetrServerGetInfo']>,
  { administrator, server }: ServiceContext,
): OutputOf<Operations['NetrServerGetInfo']> {
  if (level === 103 || level === 502 || level === 503 || level === 599 || level === 1005) {
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

// --- NetrServerSetInfo, 3.1.4.18 -----------------------------------------------------------------

/** What a server of CIFS was tuned by; there is nothing of it here. */
const OTHER_LEVELS: ReadonlySet<number> = new Set([
  ...[502, 503, 599, 1010, 1016, 1017, 1018, 1107, 1501, 1502, 1503, 1506, 1510, 1511, 1512, 1513],
  ...[1514, 1515, 1516, 1518, 1523, 1528, 1529, 1530, 1533, 1534, 1535, 1536, 1538, 1539, 1540],
  ...[1541, 1542, 1543, 1544, 1545, 1546, 1547, 1548, 1549, 1550, 1552, 1553, 1554, 1555, 1556],
]);
/** 2.2.2.12. */
const SV_COMMENT_PARMNUM = 5;

/** The comment is set, as `server string` of the configuration's file; what else is so already may be said again. */
function serverSetInfo(
  { infoStruct, parmErr }: InputOf<Operations['NetrServerSetInfo']>,
  { administrator, server, shareEditor }: ServiceContext,
): MaybePromise<OutputOf<Operations['NetrServerSetInfo']>> {
  const failed = (status: number) => ({
    parmErr: parmErr !== null && status === ERROR_INVALID_PARAMETER ? SV_COMMENT_PARMNUM : parmErr,
    status,
  });
  if (!administrator) return failed(ERROR_ACCESS_DENIED);
  const { tag, value } = infoStruct;
  if (tag === 'other' || (tag !== 101 && tag !== 102 && tag !== 1005)) {
    const isOther = OTHER_LEVELS.has(Number(tag === 'other' ? value : tag));
    return failed(isOther ? ERROR_NOT_SUPPORTED : ERROR_INVALID_LEVEL);
  }
  if (value === null) return failed(ERROR_INVALID_PARAMETER);
  if (tag === 102 && !isAsTold(value)) return failed(ERROR_NOT_SUPPORTED);
  const comment = value.comment ?? '';
  if (comment === server.comment) return failed(NERR_Success);
  // A macro would be read in it.
  const settings = [{ key: 'server string', value: comment.replaceAll('%', '%%') }];
  return changed(shareEditor?.update('global', settings), failed);
}

type Info102 = NonNullable<Extract<ServerInfo, { tag: 102 }>['value']>;

/** Of the members that 2.2.4.43 does not have ignored. */
const isAsTold = ({ users, disc, hidden, announce, anndelta }: Info102): boolean =>
  users === UNLIMITED &&
  disc === NOT_DISCONNECTED.disc &&
  hidden === NOT_DISCONNECTED.hidden &&
  announce === NOT_DISCONNECTED.announce &&
  anndelta === NOT_DISCONNECTED.anndelta;

// --- NetrServerStatisticsGet, 3.1.4.20 -----------------------------------------------------------

const low = (value: number): number => value % 2 ** 32;
const high = (value: number): number => Math.min(Math.floor(value / 2 ** 32), 0xffff_ffff);

/** For administrators, as on Windows (note 88). Bytes are those of files; what is 0 has to be, or there is none of it. */
function serverStatistics(
  { level, options }: InputOf<Operations['NetrServerStatisticsGet']>,
  { administrator, dataPlane }: ServiceContext,
): MaybePromise<OutputOf<Operations['NetrServerStatisticsGet']>> {
  const failed = (status: number) => ({ infoStruct: null, status });
  if (level !== 0) return failed(ERROR_INVALID_LEVEL);
  if (options !== 0) return failed(ERROR_INVALID_PARAMETER);
  if (!administrator) return failed(ERROR_ACCESS_DENIED);
  const asked = dataPlane?.();
  if (asked === undefined) return failed(ERROR_NOT_SUPPORTED);
  return after(asked.summary(), (told) => {
    const infoStruct = {
      ...{ start: low(Math.floor(told.startedAtMs / 1000)), fopens: low(told.opensCreated) },
      ...{ devopens: 0, jobsqueued: 0, sopens: low(told.sessionsEstablished), stimedout: 0 },
      ...{ serrorout: 0, pwerrors: low(told.loginFailures), permerrors: low(told.accessesDenied) },
      ...{ syserrors: 0, bytessentLow: low(told.readBytes), bytessentHigh: high(told.readBytes) },
      ...{ bytesrcvdLow: low(told.writtenBytes), bytesrcvdHigh: high(told.writtenBytes) },
      ...{ avresponse: 0, reqbufneed: 0, bigbufneed: 0 },
    };
    return { infoStruct, status: NERR_Success };
  });
}

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

// --- NetrServerTransportEnum, 3.1.4.23 -----------------------------------------------------------

/** Direct TCP, as Windows calls it; its address is no MAC. */
const TRANSPORT_NAME = '\\Device\\NetbiosSmb';
const NO_ADDRESS = '000000000000';

function transportEnum(
  { infoStruct, resumeHandle }: InputOf<Operations['NetrServerTransportEnum']>,
  { administrator, server }: ServiceContext,
): OutputOf<Operations['NetrServerTransportEnum']> {
  const level = infoStruct.tag;
  if (level === 'other') {
    return { infoStruct, totalEntries: 0, resumeHandle, status: ERROR_INVALID_LEVEL };
  }
  const none = { tag: level, value: { entries: null } } as const;
  if (!administrator) {
    return { infoStruct: none, totalEntries: 0, resumeHandle, status: ERROR_ACCESS_DENIED };
  }
  const transport = {
    numberOfVcs: 0,
    transportName: TRANSPORT_NAME,
    transportAddress: Buffer.from(server.name),
    transportAddressLength: server.name.length,
    networkAddress: NO_ADDRESS,
  };
  const told =
    level === 0
      ? ({ tag: 0, value: { entries: [transport] } } as const)
      : ({ tag: 1, value: { entries: [{ ...transport, domain: server.workgroup }] } } as const);
  return { infoStruct: told, totalEntries: 1, resumeHandle, status: NERR_Success };
}
