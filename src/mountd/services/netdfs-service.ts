/** MS-DFSNM 3.1.4: the namespaces of this server and their links; administrators add and remove them. */

import { NETDFS } from '../../rpc/netdfs.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { addTarget, type DfsLink, readLinks, removeLink } from '../dfs-links.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

type Operations = typeof NETDFS.operations;
type Enumeration = OutputOf<Operations['NetrDfsEnum']>;

const { NERR_Success, ERROR_ACCESS_DENIED, ERROR_INVALID_LEVEL } = WIN32_ERROR;
const ERROR_INVALID_PARAMETER = 87;
const ERROR_NO_MORE_ITEMS = 259;
const NERR_DfsNoSuchVolume = 2662;
const NERR_DfsVolumeAlreadyExists = 2663;
/** 2.2.2.1: of Windows NT 4.0, whose namespaces have a server each, as here. */
const MANAGER_VERSION = 1;
const DFS_VOLUME_STATE_OK = 1;
const DFS_STORAGE_STATE_ONLINE = 2;

interface Entry {
  readonly path: string;
  readonly link: DfsLink;
}

export function createNetdfsService(context: ServiceContext): RpcService {
  const { server, account, catalogue, administrator } = context;
  const namespaces = () => catalogue.shares(account).filter(({ isNamespace }) => isNamespace);
  /** The roots, then the links of each. */
  const entries = (): Entry[] =>
    namespaces().flatMap(({ name, path }) => {
      const root = `\\\\${server.name}\\${name}`;
      const own = { name: '', targets: [{ server: server.name, share: name }] };
      return [
        { path: root, link: own },
        ...readLinks(path).map((link) => ({ path: `${root}\\${link.name}`, link })),
      ];
    });
  /** `\server\share\link` of a namespace here. */
  const placeOf = (entryPath: string) => {
    const [, shareName = '', ...rest] = entryPath.replace(/^\\+/, '').split('\\');
    const share = namespaces().find(({ name }) => name.toLowerCase() === shareName.toLowerCase());
    return share && rest.length === 1 ? { folder: share.path, name: rest[0]! } : undefined;
  };
  return serveInterface(NETDFS, {
    NetrDfsManagerGetVersion: () => ({ version: MANAGER_VERSION }),
    NetrDfsAdd: ({ entryPath, serverName, shareName }) => {
      if (!administrator) return { status: ERROR_ACCESS_DENIED };
      const place = placeOf(entryPath);
      if (place === undefined) return { status: NERR_DfsNoSuchVolume };
      if (shareName === null) return { status: ERROR_INVALID_PARAMETER };
      return changed(
        () => addTarget(place.folder, place.name, serverName, shareName),
        NERR_DfsVolumeAlreadyExists,
      );
    },
    NetrDfsRemove: ({ entryPath }) => {
      if (!administrator) return { status: ERROR_ACCESS_DENIED };
      const place = placeOf(entryPath);
      if (place === undefined) return { status: NERR_DfsNoSuchVolume };
      return changed(() => removeLink(place.folder, place.name), NERR_DfsNoSuchVolume);
    },
    NetrDfsGetInfo: (input) => getInfo(input, entries()),
    NetrDfsEnum: (input) => enumerate(input, entries()),
  });
}

function getInfo(
  { entryPath, level }: InputOf<Operations['NetrDfsGetInfo']>,
  all: readonly Entry[],
): OutputOf<Operations['NetrDfsGetInfo']> {
  if (level !== 1 && level !== 2 && level !== 3) {
    return { info: { tag: 'other', value: level }, status: ERROR_INVALID_LEVEL };
  }
  const wanted = entryPath.replace(/^\\+/, '').toLowerCase();
  const found = all.find(({ path }) => path.slice(2).toLowerCase() === wanted);
  if (found === undefined) {
    return { info: { tag: level, value: null }, status: NERR_DfsNoSuchVolume };
  }
  return { info: infoOf(level, found), status: NERR_Success };
}

/** The disk may refuse: then so does this. */
function changed(change: () => boolean, otherwise: number): { status: number } {
  try {
    return { status: change() ? NERR_Success : otherwise };
  } catch {
    return { status: ERROR_ACCESS_DENIED };
  }
}

const storagesOf = ({ targets }: DfsLink) =>
  targets.map(({ server, share }) => ({
    state: DFS_STORAGE_STATE_ONLINE,
    serverName: server,
    shareName: share,
  }));

const info1 = ({ path }: Entry) => ({ entryPath: path });
const info2 = (entry: Entry) => ({
  ...{ ...info1(entry), comment: '', state: DFS_VOLUME_STATE_OK },
  numberOfStorages: entry.link.targets.length,
});
const info3 = (entry: Entry) => ({
  ...{ ...info1(entry), comment: '', state: DFS_VOLUME_STATE_OK },
  storages: storagesOf(entry.link),
});

function infoOf(level: 1 | 2 | 3, entry: Entry): OutputOf<Operations['NetrDfsGetInfo']>['info'] {
  switch (level) {
    case 1:
      return { tag: 1, value: info1(entry) };
    case 2:
      return { tag: 2, value: info2(entry) };
    case 3:
      return { tag: 3, value: info3(entry) };
  }
}

/** All that are left behind the resume handle. */
function enumerate(
  { level, resumeHandle }: InputOf<Operations['NetrDfsEnum']>,
  all: readonly Entry[],
): Enumeration {
  const rest = all.slice(resumeHandle ?? 0);
  const next = resumeHandle === null ? null : all.length;
  const status = rest.length === 0 ? ERROR_NO_MORE_ITEMS : NERR_Success;
  switch (level) {
    case 1:
      return { info: { tag: 1, value: { entries: rest.map(info1) } }, resumeHandle: next, status };
    case 2:
      return { info: { tag: 2, value: { entries: rest.map(info2) } }, resumeHandle: next, status };
    case 3:
      return { info: { tag: 3, value: { entries: rest.map(info3) } }, resumeHandle: next, status };
    default:
      return { info: null, resumeHandle, status: ERROR_INVALID_LEVEL };
  }
}
