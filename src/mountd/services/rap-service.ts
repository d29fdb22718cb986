/**
 * MS-RAP 3.2.5: what the server answers of the Remote Administration Protocol: its shares, itself, the servers that it
 * knows (which is itself), its users and their sessions, printers (there are none) and the time. Loaded with SMB1 only.
 */
import type { MaybePromise, RapAnswer } from '../../ipc/control-plane.ts';
import {
  decodeRapRequest,
  encodeRapParameters,
  name,
  number,
  type RapEntry,
  RapFunction,
  type RapRequest,
  RapStatus,
  string,
} from '../../rpc/rap.ts';
import { one, refuse, several } from './rap-answers.ts';
import { answerAboutPrinters } from './rap-printers.ts';
import { sessionEnum, sessionGetInfo, userEnum, userGetGroups, userGetInfo } from './rap-users.ts';
import type { ServiceContext, ShareEntry } from './share-catalogue.ts';

/** 2.5.6.3: names have 12 characters at most; what is longer such a client cannot use. */
const MAX_SHARE_NAME = 12;
const SERVER_NAME_BYTES = 16;
const STYPE_DISK = 0;
const STYPE_IPC = 3;
/** 2.5.5.3.2: workstation, server, NT, as srvsvc tells it. */
const SERVER_TYPE = 0x0000_9803;
const SV_TYPE_LOCAL_LIST_ONLY = 0x4000_0000;
const SV_TYPE_DOMAIN_ENUM = 0x8000_0000;
const SV_TYPE_ALL = 0xffff_ffff;
const NO_LIMIT = 0xffff;

export function answerRap(parameters: Buffer, context: ServiceContext): MaybePromise<RapAnswer> {
  const request = decodeRapRequest(parameters);
  switch (request.function) {
    case RapFunction.NetShareEnum:
      return shareEnum(request, context);
    case RapFunction.NetShareGetInfo:
      return shareGetInfo(request, context);
    case RapFunction.NetServerGetInfo:
      return one(request, serverEntry(request.numbers[0] ?? 0, context, context.server.name));
    case RapFunction.NetWkstaGetInfo:
      return one(request, workstationEntry(request.numbers[0] ?? 0, context));
    case RapFunction.NetServerEnum2:
    case RapFunction.NetServerEnum3:
      return serverEnum(request, context);
    case RapFunction.NetSessionEnum:
      return sessionEnum(request, context);
    case RapFunction.NetSessionGetInfo:
      return sessionGetInfo(request, context);
    case RapFunction.NetUserEnum:
      return userEnum(request, context);
    case RapFunction.NetUserGetInfo:
      return userGetInfo(request, context);
    case RapFunction.NetUserGetGroups:
      return userGetGroups(request, context);
    case RapFunction.NetRemoteTOD:
      return { ...one(request, timeOfDay(new Date())), parameters: encodeRapParameters(0) };
    default:
      return answerAboutPrinters(request) ?? refuse(RapStatus.ERROR_NOT_SUPPORTED);
  }
}

/** 2.5.6.3.1 to 2.5.6.3.3; undefined at another level. */
function shareEntry(
  level: number,
  share: ShareEntry,
  administrator: boolean,
): RapEntry | undefined {
  const basic = [name(share.name, MAX_SHARE_NAME + 1)];
  const type = share.kind === 'ipc' ? STYPE_IPC : STYPE_DISK;
  const more = [...basic, number(0, 1), number(type, 2), string(share.comment)];
  switch (level) {
    case 0:
      return basic;
    case 1:
      return more;
    case 2:
      return [
        ...more,
        number(0, 2),
        number(share.maxUses ?? NO_LIMIT, 2),
        number(Math.min(share.currentUses, NO_LIMIT), 2),
        string(administrator ? share.path : ''),
        name('', 9),
        number(0, 1),
      ];
    default:
      return undefined;
  }
}

function shareEnum(request: RapRequest, { catalogue, account, administrator }: ServiceContext) {
  const entries = catalogue
    .shares(account)
    .filter(({ browseable, name: own }) => browseable && own.length <= MAX_SHARE_NAME)
    .map((share) => shareEntry(request.numbers[0] ?? 0, share, administrator));
  const known = entries.filter((entry) => entry !== undefined);
  if (known.length < entries.length) return refuse(RapStatus.ERROR_INVALID_LEVEL);
  return several(request, known);
}

function shareGetInfo(request: RapRequest, { catalogue, account, administrator }: ServiceContext) {
  const wanted = request.strings[0]?.toLowerCase();
  const share = catalogue.shares(account).find((one) => one.name.toLowerCase() === wanted);
  if (share === undefined) return refuse(RapStatus.NERR_NetNameNotFound);
  return one(request, shareEntry(request.numbers[0] ?? 0, share, administrator));
}

/** 2.5.5.3 */
function serverEntry(
  level: number,
  { server }: ServiceContext,
  serverName: string,
): RapEntry | undefined {
  const basic = [name(serverName, SERVER_NAME_BYTES)];
  if (level === 0) return basic;
  if (level !== 1) return undefined;
  return [
    ...basic,
    number(server.versionMajor, 1),
    number(server.versionMinor, 1),
    number(SERVER_TYPE, 4),
    string(server.comment),
  ];
}

/**
 * 3.2.5.12, 3.2.5.15 and MS-BRWS 3.3.5.6: of servers it knows itself, of domains its own workgroup. Of another domain it
 * knows none, which is no error to those who ask by RAP.
 */
function serverEnum(request: RapRequest, context: ServiceContext): RapAnswer {
  const [level = 0, serverType = 0] = request.numbers;
  const [domain = '', first = ''] = request.strings;
  const { server } = context;
  // This is the list of its own subnet.
  const types = serverType === SV_TYPE_ALL ? serverType : serverType & ~SV_TYPE_LOCAL_LIST_ONLY;
  const domains = types >>> 0 === SV_TYPE_DOMAIN_ENUM;
  if (!domains && types !== SV_TYPE_ALL && (types & SV_TYPE_DOMAIN_ENUM) !== 0) {
    return refuse(RapStatus.ERROR_INVALID_FUNCTION);
  }
  const isAsked = domains || types === 0 || (types & SERVER_TYPE) !== 0;
  const own = domains ? server.workgroup : server.name;
  const entry = serverEntry(level, context, own);
  if (entry === undefined) return refuse(RapStatus.ERROR_INVALID_LEVEL);
  const isOf = (wanted: string, name: string): boolean =>
    wanted === '' || wanted.toLowerCase() === name.toLowerCase();
  const isTold = isAsked && (domains || isOf(domain, server.workgroup)) && isOf(first, own);
  return several(request, isTold ? [entry] : []);
}

/** 2.5.7.1: level 10. */
function workstationEntry(
  level: number,
  { server, account }: ServiceContext,
): RapEntry | undefined {
  if (level !== 10) return undefined;
  return [
    string(server.name),
    string(account.name),
    string(server.workgroup),
    number(server.versionMajor, 1),
    number(server.versionMinor, 1),
    string(server.workgroup),
    string(''),
  ];
}

/** 2.5.9.1: local time is UTC here. */
function timeOfDay(now: Date): RapEntry {
  const ms = now.getTime();
  return [
    number(Math.floor(ms / 1000) % 2 ** 32, 4),
    number(ms % 2 ** 32, 4),
    number(now.getUTCHours(), 1),
    number(now.getUTCMinutes(), 1),
    number(now.getUTCSeconds(), 1),
    number(Math.floor(now.getUTCMilliseconds() / 10), 1),
    number(0, 2),
    number(310, 2),
    number(now.getUTCDate(), 1),
    number(now.getUTCMonth() + 1, 1),
    number(now.getUTCFullYear(), 2),
    number(now.getUTCDay(), 1),
  ];
}
