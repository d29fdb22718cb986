/**
 * What a change of each parameter does to a server that runs. There is no parameter without an answer: one that is
 * added to the tables of parameters.ts needs a line here to compile.
 */
import type { Configuration, ShareConfiguration } from './configuration.ts';
import { type IdmapOption, idmapSettings } from './idmap.ts';
import type { Table } from './parameter.ts';
import { globalParameters, shareParameters } from './parameters.ts';
import { normalizeName } from './smb-conf.ts';

export type Effect =
  /** At once, for those who are connected, too; what it does not allow any more ends. */
  | 'now'
  /** Connections that are there keep what was negotiated on them. */
  | 'new connections'
  /** At once: clients connect to the share anew, and what they have open in it is closed. */
  | 'share anew'
  /** Only a new server knows of it. */
  | 'restart'
  /** Nothing, now or later: it is not supported, as testparm says. */
  | 'none';

type Fields<T> = Exclude<keyof T & string, never>;

export const globalEffects: Readonly<Record<Fields<typeof globalParameters>, Effect>> = {
  workgroup: 'now',
  netbiosName: 'now',
  serverString: 'now',
  minProtocol: 'now',
  maxProtocol: 'now',
  signing: 'now',
  ntlmAuth: 'now',
  encryption: 'now',
  maxReadSize: 'new connections',
  maxWriteSize: 'new connections',
  maxTransactSize: 'new connections',
  maxCredits: 'new connections',
  tcpPort: 'restart',
  smbPorts: 'restart',
  disableNetbios: 'restart',
  nbtPort: 'restart',
  wsDiscovery: 'now',
  multicastDnsRegister: 'now',
  mdnsName: 'now',
  interfaces: 'restart',
  bindInterfacesOnly: 'restart',
  mapToGuest: 'now',
  guestAccount: 'now',
  restrictAnonymous: 'now',
  workers: 'restart',
  maxConnections: 'now',
  maxConnectionsPerAddress: 'now',
  maxSessions: 'now',
  maxOpenFiles: 'now',
  bufferMemory: 'now',
  deadtimeMinutes: 'now',
  ipcTimeoutSeconds: 'now',
  hostsAllow: 'now',
  hostsDeny: 'now',
  rootDirectory: 'share anew',
  fakeFscaps: 'now',
  durableHandles: 'now',
  leases: 'new connections',
  directoryLeases: 'new connections',
  multiChannel: 'new connections',
  compression: 'new connections',
  posixExtensions: 'new connections',
  smb1UnixExtensions: 'new connections',
  hostMsdfs: 'now',
  kerberos: 'now',
  kerberosServiceName: 'now',
  kerberosKeytab: 'now',
  kerberosMethod: 'now',
  realm: 'now',
  auditLog: 'now',
  auditEvents: 'now',
  usernameMap: 'now',
  smbDirect: 'restart',
  smbDirectPort: 'restart',
  smbDirectChecksums: 'restart',
  smbDirectMaxIoSize: 'restart',
  apple: 'new connections',
  appleModel: 'now',
  appleNfsAces: 'new connections',
  appleCopyFile: 'new connections',
  rpcOverTcp: 'restart',
  rpcServerPort: 'restart',
  rpcDynamicPorts: 'restart',
  rpcMapperPort: 'restart',
  metricsPort: 'restart',
  metricsAddress: 'restart',
};

export const shareEffects: Readonly<Record<Fields<typeof shareParameters>, Effect>> = {
  path: 'share anew',
  comment: 'now',
  available: 'now',
  browseable: 'now',
  readOnly: 'now',
  guestOk: 'now',
  guestOnly: 'now',
  guestAccount: 'now',
  validUsers: 'now',
  invalidUsers: 'now',
  readList: 'now',
  writeList: 'now',
  hostsAllow: 'now',
  hostsDeny: 'now',
  forceUser: 'now',
  forceGroup: 'now',
  createMask: 'now',
  directoryMask: 'now',
  forceCreateMode: 'now',
  forceDirectoryMode: 'now',
  inheritPermissions: 'now',
  inheritOwner: 'now',
  inheritAcls: 'now',
  mapArchive: 'now',
  mapHidden: 'now',
  mapSystem: 'now',
  mapReadonly: 'now',
  hideDotFiles: 'now',
  hideFiles: 'now',
  hideSpecialFiles: 'now',
  hideUnreadable: 'now',
  hideUnwriteable: 'now',
  vetoFiles: 'now',
  deleteVetoFiles: 'now',
  shortNames: 'now',
  listEaSizes: 'now',
  changeNotify: 'now',
  kernelChangeNotify: 'share anew',
  compressData: 'now',
  cscPolicy: 'now',
  posixExtensions: 'now',
  msdfsRoot: 'share anew',
  msdfsProxy: 'now',
  oplocks: 'now',
  posixLocking: 'now',
  storeDosAttributes: 'share anew',
  maxConnections: 'now',
  encryption: 'now',
  adminUsers: 'now',
  crossMounts: 'share anew',
  followSymlinks: 'now',
  wideLinks: 'none',
  appleZeroFileIds: 'now',
  appleConvertsDouble: 'now',
  appleIgnoresEmptyAcls: 'now',
  appleMetadata: 'none',
  appleResource: 'none',
  appleEncoding: 'none',
  timeMachine: 'now',
  timeMachineMaxSize: 'now',
  continuousAvailability: 'share anew',
  vfsObjects: 'share anew',
  ntAclName: 'share anew',
  ignoresSystemAcls: 'share anew',
  defaultAclStyle: 'now',
  canonicalInheritedFlag: 'now',
  streamFormat: 'share anew',
  snapshotFolder: 'share anew',
  snapshotBase: 'share anew',
  snapshotSharePath: 'share anew',
  snapshotMountPoint: 'share anew',
  snapshotFormat: 'share anew',
  snapshotNumbers: 'share anew',
  snapshotLocalTime: 'share anew',
  snapshotOrder: 'share anew',
  snapshotPrefix: 'share anew',
  snapshotDelimiter: 'share anew',
  snapshotFixInodes: 'none',
  snapshotsEverywhere: 'none',
  snapshotsCrossMounts: 'none',
};

/** `idmap config`: whoever is logged in stays who it is. */
export const idmapEffects: Readonly<Record<IdmapOption, Effect>> = {
  backend: 'now',
  range: 'now',
  rangesize: 'now',
};

/** `after`, but for what only a new server takes from it. */
export function withoutRestart(before: Configuration, after: Configuration): Configuration {
  const old = new Map<string, unknown>(Object.entries(before.global));
  const kept = Object.entries(globalEffects).filter(([, effect]) => effect === 'restart');
  const fields = Object.fromEntries(kept.map(([field]) => [field, old.get(field)]));
  return { ...after, global: { ...after.global, ...fields } };
}

export interface Change {
  /** `global`, or a share's name. */
  readonly section: string;
  /** By its main name in smb.conf; undefined: all of the share has come or gone. */
  readonly parameter: string | undefined;
  /** As smb.conf has them; undefined: the share was not there, or is there no more. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly effect: Effect;
}

/** Every parameter whose effective value differs, in the order of the tables. */
export function changesBetween(before: Configuration, after: Configuration): Change[] {
  const changes = differences('global', before.global, after.global, {
    table: globalParameters,
    effects: globalEffects,
  });
  changes.push(...idmapChanges(before, after));
  for (const old of before.shares) {
    const now = shareOf(after, old.name);
    if (now === undefined) changes.push(comesOrGoes(old.name, { before: old.path }));
    else changes.push(...shareChanges(old, now));
  }
  for (const { name, path } of after.shares) {
    if (shareOf(before, name) === undefined) changes.push(comesOrGoes(name, { after: path }));
  }
  return changes;
}

function idmapChanges(before: Configuration, after: Configuration): Change[] {
  const old = new Map(idmapSettings(before.idmap ?? []));
  const now = new Map(idmapSettings(after.idmap ?? []));
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((parameter) => {
    const [was = '', is = ''] = [old.get(parameter), now.get(parameter)];
    if (was === is) return [];
    const effect = idmapEffects[parameter.split(' ').at(-1) as IdmapOption];
    return [{ section: 'global', parameter, before: was, after: is, effect }];
  });
}

export const shareOf = (
  { shares }: Pick<Configuration, 'shares'>,
  name: string,
): ShareConfiguration | undefined =>
  shares.find((share) => normalizeName(share.name) === normalizeName(name));

export const shareChanges = (before: ShareConfiguration, after: ShareConfiguration): Change[] =>
  differences(after.name, before, after, { table: shareParameters, effects: shareEffects });

const comesOrGoes = (
  section: string,
  { before, after }: { readonly before?: string; readonly after?: string },
): Change => ({ section, parameter: undefined, before, after, effect: 'now' });

function differences(
  section: string,
  before: object,
  after: object,
  { table, effects }: { readonly table: Table; readonly effects: Readonly<Record<string, Effect>> },
): Change[] {
  const old = new Map<string, unknown>(Object.entries(before));
  const now = new Map<string, unknown>(Object.entries(after));
  return Object.entries(table).flatMap(([field, { name, type }]) => {
    const was = type.print(old.get(field));
    const is = type.print(now.get(field));
    if (was === is) return [];
    return [{ section, parameter: name, before: was, after: is, effect: effects[field]! }];
  });
}

/** `[data] read only = yes (was no): now`. */
export function changeText({ section, parameter, before, after, effect }: Change): string {
  if (parameter === undefined) {
    return after === undefined ? `[${section}] is a share no more` : `[${section}] is a share now`;
  }
  const told: Record<Effect, string> = {
    now: 'counts now',
    'new connections': 'counts for new connections',
    'share anew': 'counts now: its clients connect to the share anew',
    restart: 'NEEDS A RESTART of the server',
    none: 'is not supported, and changes nothing',
  };
  return `[${section}] ${parameter} = ${after || 'empty'} (was ${before || 'empty'}): ${told[effect]}`;
}
