/** From a configuration to what the data plane is given: its policy, and its shares with their folders open. */
import { AuditLog } from './base/audit-log.ts';
import type { Logger } from './base/log.ts';
import { SetupError } from './base/setup-error.ts';
import { type Configuration, hasPlaces, type ShareConfiguration } from './config/configuration.ts';
import { FRUIT_MODULE, NO_LIMIT } from './config/parameters.ts';
import { fileSystem, isPortable } from './file-system.ts';
import type { ControlPlane } from './ipc/control-plane.ts';
import { Lifetime } from './objects/lifetime.ts';
import type { ServerOptions as ObjectsOptions } from './objects/server-state.ts';
import type { Share } from './objects/share.ts';
import { visibilityOf } from './objects/visibility.ts';
import { OpenedPlaces } from './opened-places.ts';
import type { ShareOptions } from './server-interface.ts';
import type { Vfs } from './vfs/vfs.ts';

const IPC: Share = {
  name: 'IPC$',
  type: 'pipe',
  comment: 'IPC Service',
  vfs: undefined,
  encryption: 'auto',
  hideDotFiles: false,
  oplocks: false,
  volumeLabel: '',
  maxUses: Infinity,
};

export const vfsOf = (name: string, own: readonly ShareOptions[]): Vfs | undefined =>
  own.find((share) => share.name === name)?.vfs;

/** What goes wrong in `action` is the surroundings' fault. */
export function setUp<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new SetupError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Whose SIDs the users and groups of the disk are. */
type Sids = ControlPlane['sids'];

/** Opens the folders; none stays open when one cannot be. */
export function openShares(
  { shares, global }: Configuration,
  sids: Sids,
  own: readonly ShareOptions[] = [],
): Share[] {
  const opened: Share[] = [];
  try {
    for (const share of shares) {
      if (share.available) opened.push(openShare(share, global, { sids, own }));
    }
    return [...opened, IPC];
  } catch (error) {
    for (const share of opened) closeFiles(share);
    throw error;
  }
}

/** Where system ACLs are ignored, no mode says less than that everybody reads and writes. */
const defaultAclStyleOf = ({ defaultAclStyle, ignoresSystemAcls }: ShareConfiguration) =>
  ignoresSystemAcls && defaultAclStyle === 'posix' ? 'shared' : defaultAclStyle;

/** Throws SetupError where its folder cannot be served. */
export const openShare = (
  share: ShareConfiguration,
  global: Pick<Configuration['global'], 'hostMsdfs'>,
  { sids, own }: { readonly sids: Sids; readonly own: readonly ShareOptions[] },
): Share => {
  const fields = { ...shareFields(share, global), lifetime: new Lifetime() };
  const ownVfs = vfsOf(share.name, own);
  if (ownVfs !== undefined || !hasPlaces(share)) {
    return { ...fields, vfs: ownVfs ?? setUp(() => fileSystem(share, sids)) };
  }
  const places = new OpenedPlaces(share.path, (path) => fileSystem({ ...share, path }, sids));
  const offered: Share = { ...fields, vfs: undefined, places };
  places.origin = offered;
  return offered;
};

/** All that the share has open, whoever is in it. */
export function closeFiles({ vfs, places }: Share): void {
  vfs?.close();
  for (const place of places?.opened ?? []) place.vfs?.close();
}

/** Its back ends, one for each place that is open. */
export const fileSystemsOf = ({ vfs, places }: Share): Vfs[] =>
  [vfs, ...[...(places?.opened ?? [])].map((place) => place.vfs)].flatMap((one) => one ?? []);

/** All of a share but its files: what can change while they are open. */
export function shareFields(
  share: ShareConfiguration,
  global: Pick<Configuration['global'], 'hostMsdfs'>,
): Omit<Share, 'vfs' | 'lifetime'> {
  const isNamespace = global.hostMsdfs && share.msdfsRoot;
  return {
    name: share.name,
    isHomes: share.homes === true,
    type: 'disk',
    comment: share.comment,
    dfs: isNamespace ? { proxy: share.msdfsProxy } : undefined,
    encryption: share.encryption,
    hideDotFiles: share.hideDotFiles,
    canonicalInheritedFlag: share.canonicalInheritedFlag,
    defaultAclStyle: defaultAclStyleOf(share),
    appleStreams: share.vfsObjects.includes(FRUIT_MODULE),
    convertsAppleDouble: share.vfsObjects.includes(FRUIT_MODULE) && share.appleConvertsDouble,
    appleFileIds: !share.appleZeroFileIds,
    appleEmptyAcls: !share.appleIgnoresEmptyAcls,
    visibility: visibilityOf(share),
    shortNames: share.shortNames,
    listsEaSizes: share.listEaSizes,
    oplocks: share.oplocks,
    posixLocking: share.posixLocking,
    continuousAvailability: share.continuousAvailability,
    posixExtensions: share.posixExtensions,
    followsLinks: share.followSymlinks,
    compressData: share.compressData,
    offlineCaching: share.cscPolicy,
    changeNotify: share.changeNotify,
    hostChanges: share.kernelChangeNotify,
    volumeLabel: share.name,
    timeMachineBytes: share.timeMachine ? (share.timeMachineMaxSize ?? Infinity) : undefined,
    maxUses: share.maxConnections === NO_LIMIT ? Infinity : share.maxConnections,
  };
}

/** Undefined where it is not asked for. Throws SetupError. */
export function openAudit({ global }: Configuration, log: Logger): AuditLog | undefined {
  const { auditLog: file, auditEvents: events } = global;
  if (file === undefined) return undefined;
  return setUp(() => new AuditLog({ file, events }, log));
}

/** Its opens may be persistent. */
export const isKept = ({ continuousAvailability, available }: ShareConfiguration): boolean =>
  continuousAvailability && available;

export const policy = ({ global, shares }: Configuration): ObjectsOptions => ({
  serverName: global.netbiosName,
  workgroup: global.workgroup,
  minDialect: global.minProtocol,
  maxDialect: global.maxProtocol,
  requireSigning: global.signing === 'mandatory',
  encryption: global.encryption,
  durableHandles: global.durableHandles,
  persistentHandles: global.durableHandles && shares.some(isKept),
  leases: global.leases,
  directoryLeases: global.directoryLeases,
  multiChannel: global.multiChannel,
  compression: global.compression,
  // Nobody else knows modes and exact names.
  posixExtensions: global.posixExtensions && !isPortable(),
  rdmaTransforms: global.smbDirect && global.workers < 2,
  smb1UnixExtensions: global.smb1UnixExtensions && !isPortable(),
  apple: global.apple
    ? {
        model: global.appleModel,
        // As with the POSIX extensions: nobody else sets modes.
        nfsAces: global.appleNfsAces && !isPortable(),
        copiesFiles: global.appleCopyFile,
      }
    : undefined,
  fakeFsAttributes: global.fakeFscaps,
  maxReadSize: global.maxReadSize,
  maxWriteSize: global.maxWriteSize,
  maxTransactSize: global.maxTransactSize,
  maxCredits: global.maxCredits,
  maxConnections: global.maxConnections,
  maxConnectionsPerAddress: global.maxConnectionsPerAddress,
  maxSessions: global.maxSessions,
  deadtimeMs: global.deadtimeMinutes * 60_000,
  maxOpens: global.maxOpenFiles,
  bufferBytes: global.bufferMemory,
});
