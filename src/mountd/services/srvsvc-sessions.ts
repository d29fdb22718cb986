/**
 * MS-SRVS 3.1.4.1 to 3.1.4.6: sessions, tree connects and open files of the server, and ending them, as
 * Computer Management asks. For administrators, as on Windows (notes 37 to 57).
 */
import type { MaybePromise } from '../../ipc/control-plane.ts';
import type { DataPlane, OpenRecord, SessionRecord } from '../../ipc/data-plane.ts';
import { type Collected, collect } from '../../ipc/status.ts';
import { encodeNdr, type NdrType } from '../../rpc/ndr.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { MAX_PREFERRED_LENGTH, STYPE_DISKTREE, STYPE_IPC } from '../../rpc/srvsvc.ts';
import {
  CONNECT_ENUM_STRUCT,
  type ConnectEnumStruct,
  FILE_ENUM_STRUCT,
  type FileEnumStruct,
  PERM_FILE_CREATE,
  PERM_FILE_READ,
  PERM_FILE_WRITE,
  SESS_GUEST,
  SESSION_ENUM_STRUCT,
  type SESSION_OPERATIONS,
  type SessionEnumStruct,
} from '../../rpc/srvsvc-sessions.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import type { Handlers } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

type Operations = typeof SESSION_OPERATIONS;

const {
  NERR_Success,
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_LEVEL,
  ERROR_INVALID_PARAMETER,
  ERROR_MORE_DATA,
  ERROR_NOT_SUPPORTED,
  NERR_BufTooSmall,
  NERR_ClientNameNotFound,
  NERR_FileIdNotFound,
} = WIN32_ERROR;

/** What every enumeration has; levels differ. */
interface EnumInput<S> {
  readonly infoStruct: S;
  readonly preferedMaximumLength: number;
  readonly resumeHandle: number | null;
}
interface EnumOutput<S> {
  readonly infoStruct: S;
  readonly totalEntries: number;
  readonly resumeHandle: number | null;
  readonly status: number;
}
type AnyEnumStruct = { readonly tag: number | 'other'; readonly value: unknown };

export function sessionHandlers(context: ServiceContext): Handlers<Operations> {
  const { dataPlane } = context;
  const asked = <T>(
    refused: (status: number) => T,
    answer: (server: DataPlane) => Promise<T>,
  ): MaybePromise<T> => {
    if (!context.administrator) return refused(ERROR_ACCESS_DENIED);
    const server = dataPlane?.();
    return server === undefined ? refused(ERROR_NOT_SUPPORTED) : answer(server);
  };
  const status = (status: number) => ({ status });
  return {
    NetrSessionEnum: (input) =>
      asked(
        (code) => failed(input, code),
        async (server) => sessionEnum(input, await all(server, input.userName)),
      ),
    NetrConnectionEnum: (input) =>
      asked(
        (code) => failed(input, code),
        async (server) => connectionEnum(input, await all(server, null)),
      ),
    NetrFileEnum: (input) =>
      asked(
        (code) => failed(input, code),
        async (server) => fileEnum(input, await all(server, input.userName)),
      ),
    NetrFileGetInfo: (input) =>
      asked(
        (code) => fileInfo(input.level, undefined, code),
        async (server) => {
          const open = (await openOf(server, input.fileId))[0];
          return fileInfo(input.level, open, NERR_Success);
        },
      ),
    NetrFileClose: ({ fileId }) =>
      asked(status, async (server) => {
        const found = await openOf(server, fileId);
        // Ids have 32 bits here: of two that share them neither is closed by mistake.
        if (found.length !== 1) return status(NERR_FileIdNotFound);
        const closed = await server.closeOpen(found[0]!.openId);
        return status(closed ? NERR_Success : NERR_FileIdNotFound);
      }),
    NetrSessionDel: (input) =>
      asked(status, async (server) => status(await endSessions(server, input))),
  };
}

const all = (server: DataPlane, user: string | null): Promise<Collected> =>
  collect(server, user === null || user === '' ? {} : { user });

function failed<S extends AnyEnumStruct>(input: EnumInput<S>, status: number): EnumOutput<S> {
  const { infoStruct, resumeHandle } = input;
  const isLevel = infoStruct.tag !== 'other';
  const empty = isLevel ? ({ tag: infoStruct.tag, value: { entries: null } } as S) : infoStruct;
  return { infoStruct: empty, totalEntries: 0, resumeHandle, status };
}

/** The entries from the resume handle on that the client's buffer takes, reckoned as on the wire. */
function part<S extends AnyEnumStruct, T>(
  input: EnumInput<S>,
  records: readonly T[],
  type: NdrType<S>,
  structOf: (list: readonly T[]) => S | undefined,
): EnumOutput<S> {
  const start = input.resumeHandle ?? 0;
  const rest = records.slice(start);
  let count = rest.length;
  const empty = structOf([]);
  if (empty === undefined) return failed(input, ERROR_INVALID_LEVEL);
  if (input.preferedMaximumLength !== MAX_PREFERRED_LENGTH) {
    let room = input.preferedMaximumLength;
    const overhead = encodeNdr(type, empty).length;
    for (count = 0; count < rest.length; count++) {
      room -= encodeNdr(type, structOf([rest[count]!])!).length - overhead;
      if (room < 0) break;
    }
  }
  const complete = count === rest.length;
  return {
    infoStruct: structOf(rest.slice(0, count))!,
    totalEntries: rest.length,
    resumeHandle: input.resumeHandle === null ? null : complete ? 0 : start + count,
    status: complete ? NERR_Success : count > 0 ? ERROR_MORE_DATA : NERR_BufTooSmall,
  };
}

const entries = <T, I>(list: readonly T[], info: (one: T) => I) => ({
  entries: list.length === 0 ? null : list.map(info),
});
const seconds = (ms: number): number => Math.max(0, Math.round(ms / 1000));
const sameText = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
/** With backslashes before it or without. */
const clientOf = (name: string): string => name.replace(/^\\+/, '');

// --- NetrSessionEnum, 3.1.4.5 --------------------------------------------------------------------

const addressOf = ({ channels }: SessionRecord): string => channels[0]?.address ?? '';

function sessionEnum(
  input: InputOf<Operations['NetrSessionEnum']>,
  { sessions }: Collected,
): OutputOf<Operations['NetrSessionEnum']> {
  const client = input.clientName === null ? '' : clientOf(input.clientName);
  const wanted = sessions.filter(
    (one) => one.user !== undefined && (client === '' || sameText(addressOf(one), client)),
  );
  return part(input, wanted, SESSION_ENUM_STRUCT, (list) =>
    sessionStruct(input.infoStruct.tag, list),
  );
}

const info10 = (one: SessionRecord) => ({
  cname: addressOf(one),
  username: one.user ?? '',
  time: seconds(Date.now() - one.createdAtMs),
  idleTime: seconds(Math.min(...one.channels.map(({ idleMs }) => idleMs))),
});
const info1 = (one: SessionRecord) => ({
  ...info10(one),
  numOpens: one.opens,
  userFlags: one.account === 'user' ? 0 : SESS_GUEST,
});
const info2 = (one: SessionRecord) => ({
  ...info1(one),
  cltypeName: one.channels[0]?.dialect ?? '',
});

function sessionStruct(
  level: SessionEnumStruct['tag'],
  list: readonly SessionRecord[],
): SessionEnumStruct | undefined {
  switch (level) {
    case 0:
      return { tag: 0, value: entries(list, (one) => ({ cname: addressOf(one) })) };
    case 1:
      return { tag: 1, value: entries(list, info1) };
    case 2:
      return { tag: 2, value: entries(list, info2) };
    case 10:
      return { tag: 10, value: entries(list, info10) };
    case 502:
      return { tag: 502, value: entries(list, (one) => ({ ...info2(one), transport: 'TCP' })) };
    case 'other':
      return undefined;
  }
}

/** 3.1.4.6: of a client, of a user, or of one at the other. */
async function endSessions(
  server: DataPlane,
  { clientName, userName }: InputOf<Operations['NetrSessionDel']>,
): Promise<number> {
  const client = clientName === null ? '' : clientOf(clientName);
  if (client === '' && (userName ?? '') === '') return ERROR_INVALID_PARAMETER;
  const { sessions } = await all(server, userName);
  const wanted = sessions.filter((one) => client === '' || sameText(addressOf(one), client));
  for (const { sessionId } of wanted) await server.closeSession(sessionId);
  return wanted.length === 0 ? NERR_ClientNameNotFound : NERR_Success;
}

// --- NetrConnectionEnum, 3.1.4.1 -----------------------------------------------------------------

interface Connected {
  readonly session: SessionRecord;
  readonly tree: SessionRecord['trees'][number];
}

/** The qualifier is a share's name, or a client's after two backslashes. */
function connectionEnum(
  input: InputOf<Operations['NetrConnectionEnum']>,
  { sessions }: Collected,
): OutputOf<Operations['NetrConnectionEnum']> {
  const qualifier = input.qualifier ?? '';
  if (qualifier === '') return failed(input, ERROR_INVALID_PARAMETER);
  const client = qualifier.startsWith('\\\\') ? clientOf(qualifier) : undefined;
  const connected = sessions.flatMap((session) =>
    session.trees.map((tree): Connected => ({ session, tree })),
  );
  const wanted = connected.filter(({ session, tree }) =>
    client === undefined ? sameText(tree.share, qualifier) : sameText(addressOf(session), client),
  );
  return part(input, wanted, CONNECT_ENUM_STRUCT, (list) =>
    connectionStruct(input.infoStruct.tag, list, client !== undefined),
  );
}

function connectionStruct(
  level: ConnectEnumStruct['tag'],
  list: readonly Connected[],
  ofClient: boolean,
): ConnectEnumStruct | undefined {
  const info = ({ session, tree }: Connected) => ({
    id: tree.treeId,
    type: sameText(tree.share, 'IPC$') ? STYPE_IPC : STYPE_DISKTREE,
    numOpens: tree.opens,
    numUsers: 1,
    time: seconds(Date.now() - session.createdAtMs),
    username: session.user ?? '',
    netname: ofClient ? tree.share : addressOf(session),
  });
  if (level === 0) return { tag: 0, value: entries(list, ({ tree }) => ({ id: tree.treeId })) };
  return level === 1 ? { tag: 1, value: entries(list, info) } : undefined;
}

// --- NetrFileEnum, 3.1.4.2 -----------------------------------------------------------------------

/** An id of 32 bits for an open. */
const fileIdOf = ({ openId }: OpenRecord): number => openId % 0x1_0000_0000;

const openOf = async (server: DataPlane, fileId: number): Promise<OpenRecord[]> =>
  (await all(server, null)).opens.filter((one) => fileIdOf(one) === fileId);

function fileEnum(
  input: InputOf<Operations['NetrFileEnum']>,
  { opens }: Collected,
): OutputOf<Operations['NetrFileEnum']> {
  const base = (input.basePath ?? '').toLowerCase();
  const wanted = opens.filter((one) => pathOf(one).toLowerCase().startsWith(base));
  return part(input, wanted, FILE_ENUM_STRUCT, (list) => fileStruct(input.infoStruct.tag, list));
}

/** From the server's root on: its shares stand there, since folders of the host are nobody's business. */
const pathOf = ({ share, path, kind }: OpenRecord): string =>
  kind === 'pipe'
    ? `\\PIPE${(path ?? '').replaceAll('/', '\\')}`
    : `\\${share}${(path ?? '').replaceAll('/', '\\')}`;

const file3 = (one: OpenRecord) => ({
  id: fileIdOf(one),
  permissions:
    (one.access.read ? PERM_FILE_READ : 0) |
    (one.access.write ? PERM_FILE_WRITE : 0) |
    (one.access.write && one.kind === 'directory' ? PERM_FILE_CREATE : 0),
  numLocks: one.locks,
  pathName: pathOf(one),
  userName: one.user,
});

function fileStruct(
  level: FileEnumStruct['tag'],
  list: readonly OpenRecord[],
): FileEnumStruct | undefined {
  if (level === 2) return { tag: 2, value: entries(list, (one) => ({ id: fileIdOf(one) })) };
  return level === 3 ? { tag: 3, value: entries(list, file3) } : undefined;
}

function fileInfo(
  level: number,
  open: OpenRecord | undefined,
  status: number,
): OutputOf<Operations['NetrFileGetInfo']> {
  if (level !== 2 && level !== 3) {
    return { infoStruct: { tag: 'other', value: level }, status: ERROR_INVALID_LEVEL };
  }
  if (open === undefined) {
    const missing = status === NERR_Success ? NERR_FileIdNotFound : status;
    return { infoStruct: { tag: level, value: null }, status: missing };
  }
  return level === 2
    ? { infoStruct: { tag: 2, value: { id: fileIdOf(open) } }, status }
    : { infoStruct: { tag: 3, value: file3(open) }, status };
}
