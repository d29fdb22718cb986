/**
 * MS-RAP 3.2.5.13: accounts of this server, and (as LAN Manager and Samba have it, MS-RAP does not) their sessions.
 * Who is no administrator is told of his own sessions only.
 */

import { sidInDomain } from '../../dtyp/sid.ts';
import type { RapAnswer } from '../../ipc/control-plane.ts';
import type { SessionRecord } from '../../ipc/data-plane.ts';
import { collect } from '../../ipc/status.ts';
import { name, number, type RapEntry, type RapRequest, RapStatus, string } from '../../rpc/rap.ts';
import { NONE_NAME } from '../principals.ts';
import { one, refuse, refuseOne, several } from './rap-answers.ts';
import type { ServiceContext } from './share-catalogue.ts';

const SESSION_LEVEL = 2;
const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
const SESS_GUEST = 1;

const seconds = (ms: number): number => Math.min(Math.max(0, Math.round(ms / 1000)), U32_MAX);
const addressOf = ({ channels }: SessionRecord): string => channels[0]?.address ?? '';

/** SESSION_INFO_2 of LAN Manager: "zzWWWDDDz". */
const sessionEntry = (session: SessionRecord): RapEntry => [
  string(addressOf(session)),
  string(session.user ?? ''),
  number(Math.min(session.trees.length, U16_MAX), 2),
  number(Math.min(session.opens, U16_MAX), 2),
  number(1, 2),
  number(seconds(Date.now() - session.createdAtMs), 4),
  number(seconds(Math.min(...session.channels.map(({ idleMs }) => idleMs))), 4),
  number(session.account === 'user' ? 0 : SESS_GUEST, 4),
  string(session.channels[0]?.dialect ?? ''),
];

/** Undefined where nobody can tell. */
async function sessionsFor({ account, administrator, dataPlane }: ServiceContext) {
  const server = dataPlane?.();
  if (server === undefined) return undefined;
  const { sessions } = await collect(server, administrator ? {} : { user: account.name });
  return sessions.filter(({ user }) => user !== undefined);
}

export async function sessionEnum(
  request: RapRequest,
  context: ServiceContext,
): Promise<RapAnswer> {
  if (request.numbers[0] !== SESSION_LEVEL) return refuse(RapStatus.ERROR_INVALID_LEVEL);
  const sessions = await sessionsFor(context);
  if (sessions === undefined) return refuse(RapStatus.ERROR_NOT_SUPPORTED);
  return several(request, sessions.map(sessionEntry));
}

/** By the client's name, which is its address here; with backslashes before it or without. */
export async function sessionGetInfo(
  request: RapRequest,
  context: ServiceContext,
): Promise<RapAnswer> {
  if (request.numbers[0] !== SESSION_LEVEL) return refuseOne(RapStatus.ERROR_INVALID_LEVEL);
  const sessions = await sessionsFor(context);
  if (sessions === undefined) return refuseOne(RapStatus.ERROR_NOT_SUPPORTED);
  const wanted = request.strings[0]?.replace(/^\\+/, '').toLowerCase();
  const found = sessions.find((session) => addressOf(session).toLowerCase() === wanted);
  if (found === undefined) return refuseOne(RapStatus.NERR_ClientNameNotFound);
  return one(request, sessionEntry(found));
}

const USER_NAME_BYTES = 21;
const GROUP_NAME_BYTES = 21;
const PASSWORD_BYTES = 16;
const PAD = number(0, 1);
/** USER_PRIV_USER: administrators are named in the configuration, not by their accounts. */
const PRIVILEGE = number(1, 2);
/** UF_SCRIPT, which LAN Manager wants of every account. */
const USER_FLAGS = 1;
const NOTHING = string('');
const NEVER = number(0, 4);
/** -1 tells that it is not known. */
const UNKNOWN = number(U16_MAX, 2);
const HOURS_A_WEEK = number(168, 2);
/** No hour in which the user may not log in. */
const LOGON_HOURS = string('\xff'.repeat(21));
const LOGON_SERVER = string('\\\\*');

export function userEnum(request: RapRequest, { account, principals }: ServiceContext): RapAnswer {
  if (account.kind !== 'user') return refuse(RapStatus.ERROR_NOT_SUPPORTED);
  if (request.numbers[0] !== 0) return refuse(RapStatus.ERROR_INVALID_LEVEL);
  // A longer name is cut, and then nobody's.
  const names = principals.accounts().filter((one) => one.name.length < USER_NAME_BYTES);
  return several(
    request,
    names.map((one) => [name(one.name, USER_NAME_BYTES)]),
  );
}

export function userGetInfo(request: RapRequest, context: ServiceContext): RapAnswer {
  const { account, principals } = context;
  const wanted = request.strings[0]?.toLowerCase();
  const found = principals.accounts().find((one) => one.name.toLowerCase() === wanted);
  if (found === undefined || account.kind !== 'user') {
    return refuseOne(RapStatus.NERR_UserNotFound);
  }
  return one(request, userEntry(request.numbers[0] ?? 0, found.name));
}

/** Of LAN Manager: the groups that samr tells of the user as well. */
export function userGetGroups(request: RapRequest, context: ServiceContext): RapAnswer {
  const { account, principals, groups } = context;
  if (request.numbers[0] !== 0) return refuse(RapStatus.ERROR_INVALID_LEVEL);
  const wanted = request.strings[0]?.toLowerCase();
  const found = principals.accounts().find((one) => one.name.toLowerCase() === wanted);
  if (found === undefined || account.kind !== 'user') return refuse(RapStatus.NERR_UserNotFound);
  const others = groups.groups.filter(
    ({ kind, rid }) =>
      kind === 'group' &&
      groups.membersOf(sidInDomain(principals.machineSid, rid)).includes(found.sid),
  );
  // A longer name is cut, and then another group's.
  const names = [NONE_NAME, ...others.map((group) => group.name)].filter(
    (one) => one.length < GROUP_NAME_BYTES,
  );
  return several(
    request,
    names.map((one) => [name(one, GROUP_NAME_BYTES)]),
  );
}

/** 2.5.8.3: what this server does not keep of an account is empty. */
function userEntry(level: number, user: string): RapEntry | undefined {
  const basic = [name(user, USER_NAME_BYTES)];
  const withPassword = [...basic, PAD, name('', PASSWORD_BYTES), NEVER, PRIVILEGE];
  const homeCommentFlagsScript = [NOTHING, NOTHING, number(USER_FLAGS, 2), NOTHING];
  const commentsAndFullName = [NOTHING, NOTHING, string(user)];
  const logons = [NEVER, NEVER];
  switch (level) {
    case 0:
      return basic;
    case 1:
      return [...withPassword, ...homeCommentFlagsScript];
    case 2:
      return [
        ...[...withPassword, ...homeCommentFlagsScript],
        // AuthFlags, FullName, UsrComment, Parms, WorkStations.
        ...[number(0, 4), string(user), NOTHING, NOTHING, NOTHING],
        // AcctExpires, MaxStorage.
        ...[...logons, number(U32_MAX, 4), number(U32_MAX, 4), HOURS_A_WEEK, LOGON_HOURS],
        // BadPwCount, CountryCode, CodePage.
        ...[number(0, 2), UNKNOWN, LOGON_SERVER, number(0, 2), number(0, 2)],
      ];
    case 10:
      return [...basic, PAD, ...commentsAndFullName];
    case 11:
      return [
        ...[...basic, PAD, ...commentsAndFullName, PRIVILEGE],
        // AuthFlags, PasswordAge, HomeDir, Parms.
        ...[number(0, 4), NEVER, NOTHING, NOTHING, ...logons, number(0, 2), UNKNOWN],
        // CountryCode, Workstations, MaxStorage.
        ...[LOGON_SERVER, number(0, 2), NOTHING, number(U32_MAX, 4), HOURS_A_WEEK, LOGON_HOURS],
        number(0, 2),
      ];
    default:
      return undefined;
  }
}
