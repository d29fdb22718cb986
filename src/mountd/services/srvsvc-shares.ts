/**
 * MS-SRVS 3.1.4.7 to 3.1.4.15: shares, told to whoever may open the pipe, and changed by administrators and who holds
 * SeDiskOperatorPrivilege. A change is one of the configuration's file.
 */
import { statSync } from 'node:fs';
import type { Setting } from '../../config/edit.ts';
import { normalizeName } from '../../config/smb-conf.ts';
import type { MaybePromise } from '../../ipc/control-plane.ts';
import { encodeNdr } from '../../rpc/ndr.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import {
  MAX_PREFERRED_LENGTH,
  STYPE_DISKTREE,
  STYPE_IPC,
  STYPE_SPECIAL,
} from '../../rpc/srvsvc.ts';
import {
  SHARE_ENUM_STRUCT,
  type SHARE_OPERATIONS,
  type ShareEnumStruct,
  type ShareInfo,
} from '../../rpc/srvsvc-shares.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import type { ShareChange } from '../share-editor.ts';
import { ContextHandles } from './context-handles.ts';
import type { Handlers } from './rpc-service.ts';
import type { ServiceContext, ShareEntry } from './share-catalogue.ts';
import { permissionsOf, shareDescriptor } from './share-security.ts';

const {
  NERR_Success,
  ERROR_ACCESS_DENIED,
  ERROR_BUSY,
  ERROR_INVALID_LEVEL,
  ERROR_INVALID_NAME,
  ERROR_INVALID_PARAMETER,
  ERROR_MORE_DATA,
  ERROR_NOT_SUPPORTED,
  NERR_BufTooSmall,
  NERR_DeviceNotShared,
  NERR_DuplicateShare,
  NERR_NetNameNotFound,
  NERR_UnknownDevDir,
} = WIN32_ERROR;

type Operations = typeof SHARE_OPERATIONS;
type EnumInput = InputOf<Operations['NetrShareEnum']>;
type EnumOutput = OutputOf<Operations['NetrShareEnum']>;

/** shi*_max_uses and sv102_users: no limit (MS-SRVS 2.2.4.26). */
export const UNLIMITED = 0xffff_ffff;

/** Notes 58-62: paths, limits and descriptors. */
const ADMINISTRATOR_LEVELS = new Set([2, 502, 503, 1006, 1501]);

export function shareHandlers(context: ServiceContext): Handlers<Operations> {
  const deletions = new ContextHandles<string>();
  const remove = async ({ netName }: { readonly netName: string }) => ({
    status: await removed(netName, context),
  });
  return {
    NetrShareEnum: (input) => shareEnum(input, context, () => true),
    NetrShareEnumSticky: (input) =>
      input.infoStruct.tag === 501
        ? enumFailed(input, ERROR_INVALID_LEVEL)
        : shareEnum(input, context, isSticky),
    NetrShareGetInfo: (input) => shareGetInfo(input, context),
    NetrShareAdd: (input) => shareAdd(input, context),
    NetrShareSetInfo: (input) => shareSetInfo(input, context),
    NetrShareDel: remove,
    NetrShareDelSticky: remove,
    NetrShareCheck: ({ device }) => shareCheck(device, context),
    // 3.1.4.14, 3.1.4.15: the same in two calls.
    NetrShareDelStart: ({ netName }) => {
      const failed = (status: number) => ({ handle: NO_HANDLE, status });
      if (!context.mayChangeShares) return failed(ERROR_ACCESS_DENIED);
      if (findShare(netName, context) === undefined) return failed(NERR_NetNameNotFound);
      const handle = deletions.open(netName);
      return handle === undefined ? failed(ERROR_BUSY) : { handle, status: NERR_Success };
    },
    NetrShareDelCommit: ({ handle }) => {
      const name = deletions.get(handle);
      return removed(name, context).then((status) => ({
        handle: deletions.close(handle),
        status,
      }));
    },
  };
}

// --- NetrShareEnum, 3.1.4.8 ----------------------------------------------------------------------

/** IPC$ is made at each start, not kept (3.1.4.9). */
const isSticky = (share: ShareEntry): boolean => share.kind !== 'ipc';

function shareEnum(
  input: EnumInput,
  context: ServiceContext,
  wanted: (share: ShareEntry) => boolean,
): EnumOutput {
  const { account, administrator, catalogue } = context;
  const level = input.infoStruct.tag;
  if (!isEnumLevel(level)) return enumFailed(input, ERROR_INVALID_LEVEL);
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

/** 3.1.4.8 */
const ENUM_LEVELS = [0, 1, 2, 501, 502, 503] as const;
type EnumLevel = (typeof ENUM_LEVELS)[number];
const isEnumLevel = (level: ShareEnumStruct['tag']): level is EnumLevel =>
  ENUM_LEVELS.some((one) => one === level);

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
  context: ServiceContext,
): OutputOf<Operations['NetrShareGetInfo']> {
  if (!isShareLevel(level)) {
    return { infoStruct: { tag: 'other', value: level }, status: ERROR_INVALID_LEVEL };
  }
  const failed = (status: number) => ({ infoStruct: { tag: level, value: null }, status }) as const;
  if (netName === '') return failed(ERROR_INVALID_PARAMETER);
  if (ADMINISTRATOR_LEVELS.has(level) && !context.administrator) return failed(ERROR_ACCESS_DENIED);
  const share = findShare(netName, context);
  if (share === undefined) return failed(NERR_NetNameNotFound);
  return { infoStruct: shareInfo(level, share), status: NERR_Success };
}

function findShare(name: string, { account, catalogue }: ServiceContext): ShareEntry | undefined {
  const key = name.toLowerCase();
  return catalogue.shares(account).find((one) => one.name.toLowerCase() === key);
}

type ShareLevel = Exclude<ShareInfo['tag'], 'other'>;

const SHARE_LEVELS: ReadonlySet<number> = new Set([
  0, 1, 2, 501, 502, 503, 1004, 1005, 1006, 1007, 1501,
]);
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
    case 1004:
      return { tag: 1004, value: { remark: share.comment } };
    case 1005:
      return { tag: 1005, value: { flags: share.flags } };
    case 1006:
      return { tag: 1006, value: { maxUses: share.maxUses ?? UNLIMITED } };
    case 1007:
      return { tag: 1007, value: { flags: share.flags, alternateDirectoryName: '' } };
    case 1501:
      return { tag: 1501, value: securityOf(share) };
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

const securityOf = ({ permissions }: ShareEntry) => ({
  securityDescriptor: permissions === undefined ? null : shareDescriptor(permissions),
});

const info502 = (share: ShareEntry) => ({ ...info2(share), ...securityOf(share) });

/** "*": there is no configured server name (2.2.4.27). */
const info503 = (share: ShareEntry) => ({ ...info502(share), servername: '*' });

/** Administration tools parse this as a path with a drive. */
const windowsPath = (path: string): string =>
  path === '' ? '' : `C:${path.replaceAll('/', '\\')}`;

/** Undefined: it is none of this machine's. */
const pathOf = (path: string | null): string | undefined => {
  const own = /^(?:[a-z]:)?(?<path>[\\/].*)$/i.exec(path ?? '')?.groups?.path;
  return own?.replaceAll('\\', '/');
};

// --- NetrShareAdd, NetrShareSetInfo, NetrShareDel: 3.1.4.7, 3.1.4.11, 3.1.4.12 -------------------

const STATUS_OF: Readonly<Record<ShareChange, number>> = {
  done: NERR_Success,
  unwritable: ERROR_NOT_SUPPORTED,
  'share-exists': NERR_DuplicateShare,
  'no-such-share': NERR_NetNameNotFound,
  busy: ERROR_BUSY,
  'bad-settings': ERROR_INVALID_PARAMETER,
};

const STYPE_TEMPORARY = 0x4000_0000;
/** 3.1.4.7: no control characters, none that a path or a list would take for its own. */
const BAD_SHARE_NAME = /["/\\[\]:|<>+;,?*=\p{Cc}]/u;
const SHARE_NAME_UNITS = 80;
/** Sections of smb.conf that are no share of this name: [homes] would open every user's folder. */
const SPECIAL_SECTIONS: ReadonlySet<string> = new Set(['global', 'homes', 'printers']);

type AddedInfo = Extract<ShareInfo, { tag: 2 | 502 | 503 }>['value'];

function shareAdd(
  { infoStruct, parmErr }: InputOf<Operations['NetrShareAdd']>,
  context: ServiceContext,
): MaybePromise<OutputOf<Operations['NetrShareAdd']>> {
  const failed = (status: number) => ({ parmErr, status });
  if (!context.mayChangeShares) return failed(ERROR_ACCESS_DENIED);
  if (infoStruct.tag !== 2 && infoStruct.tag !== 502 && infoStruct.tag !== 503) {
    return failed(ERROR_INVALID_LEVEL);
  }
  const info: AddedInfo = infoStruct.value;
  const name = info?.netname ?? '';
  if (info === null || name === '') return failed(ERROR_INVALID_PARAMETER);
  if (name.length > SHARE_NAME_UNITS || BAD_SHARE_NAME.test(name)) {
    return failed(ERROR_INVALID_NAME);
  }
  if (SPECIAL_SECTIONS.has(normalizeName(name))) return failed(ERROR_INVALID_NAME);
  if ((info.type & ~STYPE_TEMPORARY) !== STYPE_DISKTREE) return failed(ERROR_INVALID_PARAMETER);
  if (findShare(name, context) !== undefined) return failed(NERR_DuplicateShare);
  const path = pathOf(info.path);
  if (path === undefined || !isFolder(path)) return failed(NERR_UnknownDevDir);
  const security = 'securityDescriptor' in info ? securitySettings(info.securityDescriptor) : [];
  if (security === undefined) return failed(ERROR_NOT_SUPPORTED);
  const settings = [
    { key: 'path', value: path },
    ...commentSettings(info.remark),
    ...limitSettings(info.maxUses),
    ...security,
  ];
  return changed(context.shareEditor?.add(name, settings), failed);
}

/** Where this process cannot see it, the server will tell. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EACCES';
  }
}

export async function changed<T>(
  change: Promise<ShareChange> | undefined,
  answer: (status: number) => T,
): Promise<T> {
  return answer(STATUS_OF[(await change) ?? 'unwritable']);
}

/** What the comment is already stays as it is written, macros and all. */
const commentSettings = (remark: string | null, share?: ShareEntry): Setting[] =>
  remark === share?.comment
    ? []
    : [{ key: 'comment', value: remark ? remark.replaceAll('%', '%%') : undefined }];

const limitSettings = (maxUses: number): Setting[] => [
  { key: 'max connections', value: maxUses === UNLIMITED ? undefined : `${maxUses}` },
];

/** Undefined: the parameters of a share cannot say it. */
function securitySettings(descriptor: Buffer | null): Setting[] | undefined {
  if (descriptor === null || descriptor.length === 0) return [];
  const permissions = permissionsOf(descriptor);
  return (
    permissions && [
      { key: 'read only', value: permissions.readOnly ? 'yes' : 'no' },
      { key: 'valid users', value: undefined },
    ]
  );
}

function shareSetInfo(
  { netName, infoStruct, parmErr }: InputOf<Operations['NetrShareSetInfo']>,
  context: ServiceContext,
): MaybePromise<OutputOf<Operations['NetrShareSetInfo']>> {
  const failed = (status: number) => ({ parmErr, status });
  if (!context.mayChangeShares) return failed(ERROR_ACCESS_DENIED);
  const share = findShare(netName, context);
  if (share === undefined) return failed(NERR_NetNameNotFound);
  const settings = settingsOf(infoStruct, share);
  if (typeof settings === 'number') return failed(settings);
  if (settings.length === 0) return failed(NERR_Success);
  // IPC$ is not one of the configuration.
  if (share.kind === 'ipc') return failed(ERROR_NOT_SUPPORTED);
  return changed(context.shareEditor?.update(share.name, settings), failed);
}

/** "Settable" are the comment, the limit and the descriptor; a path that differs is passed over. */
function settingsOf(info: ShareInfo, share: ShareEntry): Setting[] | number {
  if (info.tag !== 'other' && info.value === null) return ERROR_INVALID_PARAMETER;
  switch (info.tag) {
    case 1:
    case 1004:
      return commentSettings(info.value!.remark, share);
    case 2:
      return [...commentSettings(info.value!.remark, share), ...limitSettings(info.value!.maxUses)];
    case 502:
    case 503: {
      const { remark, maxUses, securityDescriptor } = info.value!;
      const security = securitySettings(securityDescriptor);
      if (security === undefined) return ERROR_NOT_SUPPORTED;
      return [...commentSettings(remark, share), ...limitSettings(maxUses), ...security];
    }
    case 1005:
      // What a client may keep is not set here; what is so already may be said again.
      return info.value!.flags === share.flags ? [] : ERROR_NOT_SUPPORTED;
    case 1006:
      return limitSettings(info.value!.maxUses);
    case 1501:
      return securitySettings(info.value!.securityDescriptor) ?? ERROR_NOT_SUPPORTED;
    default:
      return ERROR_INVALID_LEVEL;
  }
}

async function removed(netName: string, context: ServiceContext): Promise<number> {
  if (!context.mayChangeShares) return ERROR_ACCESS_DENIED;
  const share = findShare(netName, context);
  if (share === undefined) return NERR_NetNameNotFound;
  if (share.kind === 'ipc') return ERROR_ACCESS_DENIED;
  return STATUS_OF[(await context.shareEditor?.remove(share.name)) ?? 'unwritable'];
}

// --- NetrShareCheck, 3.1.4.13 --------------------------------------------------------------------

function shareCheck(
  device: string,
  context: ServiceContext,
): OutputOf<Operations['NetrShareCheck']> {
  const failed = (status: number) => ({ type: 0, status });
  if (!context.administrator) return failed(ERROR_ACCESS_DENIED);
  const share = context.catalogue
    .shares(context.account)
    .find(({ path }) => windowsPath(path).toLowerCase() === device.toLowerCase());
  return share === undefined
    ? failed(NERR_DeviceNotShared)
    : { type: info1(share).type, status: NERR_Success };
}
