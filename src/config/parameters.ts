/**
 * Every parameter of ksmbd.conf, and those of smb.conf that a server of this kind needs: names, values,
 * defaults. Samba's other parameters are in samba-keys.ts. A default that differs from ksmbd's says why.
 */
import { availableParallelism } from 'node:os';
import { AUDIT_EVENTS, type AuditEvent } from '../base/audit-log.ts';
import {
  DEFAULT_BUFFER_BYTES,
  MAX_BUFFER_BYTES,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_ADDRESS,
  MAX_CREDITS,
  MAX_IO_SIZE,
  MAX_OPENS,
  MAX_SESSIONS,
  MAX_TRANSACT_SIZE,
  MAX_WORKERS,
  MIN_BUFFER_BYTES,
} from '../base/limits.ts';
import { aclParameters } from './acl-parameters.ts';
import { ENCODING_CAVEAT, METADATA_CAVEAT, RESOURCE_CAVEAT } from './apple-caveats.ts';
import { auditEvents } from './audit-values.ts';
import { cscPolicy } from './csc-policy.ts';
import { discoveryParameters } from './discovery-parameters.ts';
import { interfaceList } from './interfaces.ts';
import { kerberosMethod, keytab, serviceName } from './kerberos-values.ts';
import { netbiosParameters } from './netbios-parameters.ts';
import { nameIndex, parameter, type Table, unsupported, type Values } from './parameter.ts';
import { rpcParameters } from './rpc-parameters.ts';
import { SNAPSHOTS_MODULE, snapshotParameters } from './snapshots.ts';
import { SLOW_IF_FEW, SLOW_IF_SMALL } from './transfer-caveats.ts';
import {
  absolutePath,
  bool,
  choice,
  type HostList,
  hosts,
  integer,
  ipAddress,
  mode,
  optional,
  patterns,
  principals,
  size,
  text,
  type ValueType,
  words,
} from './value-types.ts';

/** Dialects under the names of `server min protocol`, with their numbers (MS-SMB2 2.2.3). */
const dialects = [
  ['SMB2_02', 0x0202],
  ['SMB2_10', 0x0210],
  ['SMB3_00', 0x0300],
  ['SMB3_02', 0x0302],
  ['SMB3_11', 0x0311],
  ['SMB2', 0x0210],
  ['SMB3', 0x0311],
] as const;
/** SMB1, which MS-SMB2 has no number for: spoken only where it is asked for by this name. */
export const NT1 = 0x0100;
/** As a lower limit these ask for older forms of SMB1, which are not there; the limit is then the oldest of SMB2. */
const olderDialects = ['LANMAN2', 'LANMAN1', 'CORE', 'COREPLUS', 'default'] as const;
const OLDER = 0;

const signing = choice<'auto' | 'mandatory' | 'disabled'>([
  ['auto', 'auto'],
  ['mandatory', 'mandatory'],
  ['disabled', 'disabled'],
  ...(['default', 'required', 'force', 'forced', 'enforced'] as const).map(
    (word) => [word, 'mandatory'] as const,
  ),
  ...(['enabled', 'yes', 'true', 'on', '1', 'if_required', 'desired'] as const).map(
    (word) => [word, 'auto'] as const,
  ),
  ...(['no', 'false', 'off', '0'] as const).map((word) => [word, 'disabled'] as const),
]);

const ntlmAuth = choice<'ntlmv2-only' | 'ntlmv1-permitted'>([
  ['ntlmv2-only', 'ntlmv2-only'],
  ['ntlmv1-permitted', 'ntlmv1-permitted'],
  ...(['no', 'false', '0', 'mschapv2-and-ntlmv2-only'] as const).map(
    (word) => [word, 'ntlmv2-only'] as const,
  ),
  ...(['yes', 'true', '1'] as const).map((word) => [word, 'ntlmv1-permitted'] as const),
]);

/** 'auto': whoever asks gets it; 'desired': whoever can. */
const encryption = choice<'off' | 'auto' | 'desired' | 'required'>([
  ['off', 'off'],
  ['auto', 'auto'],
  ['desired', 'desired'],
  ['required', 'required'],
  ...(['disabled', 'no', 'false', '0'] as const).map((word) => [word, 'off'] as const),
  ...(['default', 'if_required', 'enabled', 'yes', 'true', 'on', '1'] as const).map(
    (word) => [word, 'auto'] as const,
  ),
  ...(['mandatory', 'force', 'forced', 'enforced'] as const).map(
    (word) => [word, 'required'] as const,
  ),
]);

/** Samba's word for what depends on a cluster, which this server never is in. */
const boolOrAuto: ValueType<boolean> = {
  expects: 'yes, no or auto',
  parse: (word) => (word.toLowerCase() === 'auto' ? true : bool.parse(word)),
  print: bool.print,
};

/** Of Samba's modules those that are part of this server. */
export const STREAMS_MODULE = 'streams_xattr';
export const ACL_MODULE = 'acl_xattr';
/** What it does is done for clients of Apple's on every share; where it is named streams are so for all clients. */
export const FRUIT_MODULE = 'fruit';
const MODULES: readonly string[] = [STREAMS_MODULE, ACL_MODULE, FRUIT_MODULE, SNAPSHOTS_MODULE];

function otherModules(modules: readonly string[]): string | undefined {
  const others = modules.filter((name) => !MODULES.includes(name));
  return others.length === 0 ? undefined : `"vfs objects": not supported yet: ${others.join(', ')}`;
}

/** Samba's ways to keep something, of which one is this server's. */
const kept = (...ways: readonly string[]): ValueType<string> =>
  choice(ways.map((way) => [way, way] as const));
const streamFormat = choice<'samba' | 'ksmbd'>([
  ['samba', 'samba'],
  ['ksmbd', 'ksmbd'],
]);

/** Samba's values; which owner Windows is told follows that of the disk. */
const inheritOwner: ValueType<boolean> = {
  expects: 'no, yes, "windows and unix" or "unix only"',
  parse: (word) =>
    ['windowsandunix', 'unixonly'].includes(word.toLowerCase().replace(/["\s]/g, ''))
      ? true
      : bool.parse(word),
  print: bool.print,
};

const mapReadonly = choice<'no' | 'mode' | 'permissions'>([
  ['no', 'no'],
  ['yes', 'mode'],
  ['permissions', 'permissions'],
  ...(['true', 'on', '1'] as const).map((word) => [word, 'mode'] as const),
  ...(['false', 'off', '0'] as const).map((word) => [word, 'no'] as const),
]);

/** Samba's `illegal` gives few names a short one; here nobody is told of one who does not ask. */
const shortNames = choice<'none' | 'asked' | 'listed'>([
  ['illegal', 'asked'],
  ['yes', 'listed'],
  ['no', 'none'],
  ...(['true', 'on', '1'] as const).map((word) => [word, 'listed'] as const),
  ...(['false', 'off', '0'] as const).map((word) => [word, 'none'] as const),
]);

const workerNumber = integer({ minimum: 1, maximum: MAX_WORKERS });
/** Cores that are not the owner's; one worker beside it has nothing to share with. */
const workersOfCores = (cores: number): number =>
  cores < 3 ? 1 : Math.min(cores - 1, MAX_WORKERS);

const workerCount: ValueType<number> = {
  expects: `auto, or a number from 1 to ${MAX_WORKERS}`,
  parse: (word) =>
    word.toLowerCase() === 'auto'
      ? workersOfCores(availableParallelism())
      : workerNumber.parse(word),
  print: (count) => workerNumber.print(count),
};

const KiB = 1024;
const MiB = 1024 * KiB;
/** ksmbd's greatest value where a number is a limit, which 0 stands for. */
export const NO_LIMIT = 65_536;
const limit = integer({ minimum: 1, maximum: NO_LIMIT, zero: NO_LIMIT });
const credits = size({ minimum: 128, maximum: 65_535 });
const ioSize = size({ minimum: 64 * KiB, maximum: 8 * MiB });
const account = text({ minimumBytes: 1, maximumBytes: 47, expects: 'the name of an account' });
const NO_HOSTS: HostList = { rules: [], except: [] };
const hostsAllow = () => parameter('hosts allow', hosts, NO_HOSTS, { aliases: ['allow hosts'] });
const hostsDeny = () => parameter('hosts deny', hosts, NO_HOSTS, { aliases: ['deny hosts'] });

export const globalParameters = {
  workgroup: parameter(
    'workgroup',
    text({ minimumBytes: 1, maximumBytes: 63, form: /^[^\\/:*?"<>|]+$/ }),
    'WORKGROUP',
  ),
  /** Undefined: made from the host's name, since two servers of one name confuse clients. */
  netbiosName: parameter(
    'netbios name',
    optional(
      text({
        minimumBytes: 1,
        maximumBytes: 15,
        form: /^[^\\/:*?"<>|]+$/,
        expects: 'a name of at most 15 bytes without \\ / : * ? " < > |',
      }),
    ),
    undefined as string | undefined,
  ),
  serverString: parameter('server string', text({ maximumBytes: 63 }), 'usmbd'),
  minProtocol: parameter<number>(
    'server min protocol',
    choice<number>([
      ...dialects,
      ['NT1', NT1],
      ...olderDialects.map((word) => [word, OLDER] as const),
    ]),
    0x0202,
    {
      aliases: ['min protocol'],
      caveat: (value) => {
        if (value === OLDER) return 'not supported: SMB2_02 is the oldest, but for NT1 by its name';
        return value === NT1
          ? 'SMB1 has no encryption and weak signatures; remove it when you can'
          : undefined;
      },
    },
  ),
  maxProtocol: parameter<number>(
    'server max protocol',
    choice<number>([...dialects, ['NT1', NT1], ['default', 0x0311]]),
    0x0311,
    { aliases: ['max protocol', 'protocol'] },
  ),
  /** ksmbd: auto. A client that is not asked can be talked out of signing by whoever sits between. */
  signing: parameter('server signing', signing, 'mandatory', {
    caveat: (value) =>
      value === 'disabled' ? '"disabled" acts as "auto": who asks for signing gets it' : undefined,
  }),
  /** Of logins at SMB1 without extended security; everywhere else it is NTLMv2 whatever this says. */
  ntlmAuth: parameter('ntlm auth', ntlmAuth, 'ntlmv2-only', {
    caveat: (value) =>
      value === 'ntlmv1-permitted'
        ? 'NTLMv1 gives passwords away to who listens; remove it when you can'
        : undefined,
  }),
  encryption: parameter('smb3 encryption', encryption, 'auto', {
    aliases: ['server smb encrypt', 'smb encrypt'],
  }),
  /** ksmbd: 4 MiB. */
  maxReadSize: parameter('smb2 max read', ioSize, MAX_IO_SIZE, SLOW_IF_SMALL),
  maxWriteSize: parameter('smb2 max write', ioSize, MAX_IO_SIZE, SLOW_IF_SMALL),
  maxTransactSize: parameter('smb2 max trans', ioSize, MAX_TRANSACT_SIZE),
  maxCredits: parameter('smb2 max credits', credits, MAX_CREDITS, SLOW_IF_FEW),
  /** Undefined: 445. */
  tcpPort: parameter(
    'tcp port',
    optional(integer({ minimum: 1, maximum: 65_535 })),
    undefined as number | undefined,
  ),
  ...netbiosParameters,
  ...discoveryParameters,
  ...rpcParameters,
  /** Told to clients that look for more channels, and listened on where `bind interfaces only` is set. */
  interfaces: parameter('interfaces', interfaceList, []),
  bindInterfacesOnly: parameter('bind interfaces only', bool, false),
  mapToGuest: parameter(
    'map to guest',
    choice([
      ['never', 'never'],
      ['bad user', 'bad user'],
      ['bad password', 'bad password'],
    ]),
    'never',
  ),
  guestAccount: parameter('guest account', account, 'nobody'),
  /** Undefined: 0 where guests are welcome, else 2 (ksmbd and Samba: 0). */
  restrictAnonymous: parameter(
    'restrict anonymous',
    optional(integer({ minimum: 0, maximum: 2 })),
    undefined as number | undefined,
  ),
  /** Processes that serve connections for the one that owns the files; 1: that one does it itself. */
  workers: parameter('workers', workerCount, 1),
  maxConnections: parameter('max connections', limit, MAX_CONNECTIONS),
  maxConnectionsPerAddress: parameter('max ip connections', limit, MAX_CONNECTIONS_PER_ADDRESS),
  maxSessions: parameter('max active sessions', limit, MAX_SESSIONS),
  maxOpenFiles: parameter(
    'max open files',
    integer({ minimum: 1, maximum: 1_000_000, zero: 1_000_000 }),
    MAX_OPENS,
  ),
  /** Of what is read, written and sent, of the whole process. ksmbd has no such bound. */
  bufferMemory: parameter(
    'buffer memory',
    size({ minimum: MIN_BUFFER_BYTES, maximum: MAX_BUFFER_BYTES }),
    DEFAULT_BUFFER_BYTES,
  ),
  /** 0: idle connections stay. */
  deadtimeMinutes: parameter('deadtime', integer({ minimum: 0, maximum: 1_000_000 }), 0),
  /** Without a sign of life for so long the control plane's process is replaced; 0: HEARTBEAT_LIMIT_MS. */
  ipcTimeoutSeconds: parameter('ipc timeout', integer({ minimum: 0, maximum: 3600 }), 0),
  /** For every share, whatever its own lists say. */
  hostsAllow: hostsAllow(),
  hostsDeny: hostsDeny(),
  rootDirectory: parameter(
    'root directory',
    optional(absolutePath),
    undefined as string | undefined,
    { aliases: ['root', 'root dir'] },
  ),
  /** ksmbd: 64, which says that files can be sparse. Here clients are told what is true, and these beside it. */
  fakeFscaps: parameter('share:fake_fscaps', integer({ minimum: 0, maximum: 0x7fffffff }), 0),
  /** ksmbd: no. Without them a connection that is lost costs a client its open files and its locks. */
  durableHandles: parameter('durable handles', bool, true),
  /** ksmbd: no. Without them a client caches by oplocks, if at all. */
  leases: parameter('smb2 leases', bool, true),
  /** Samba: auto, which is yes but in a cluster. Only where there are leases at all. */
  directoryLeases: parameter('smb3 directory leases', boolOrAuto, true),
  /** ksmbd: no. Samba's is yes: a client takes further connections only if it wants to. */
  multiChannel: parameter('server multi channel support', bool, true),
  /** Neither Samba's nor ksmbd's. Off: a stranger reaches its decoders, and who compresses is told to. */
  compression: parameter('smb3 compression', bool, false),
  /** For clients that ask for them: what may be done, the kernel decides by the user's identity all the same. */
  posixExtensions: parameter('smb3 unix extensions', bool, true),
  /** The same of SMB1, which is another set of them: Linux' client of old, and smbclient's `posix`. */
  smb1UnixExtensions: parameter('smb1 unix extensions', bool, true, {
    aliases: ['unix extensions'],
  }),
  /** Whether there are namespaces at all: shares with `msdfs root`. */
  hostMsdfs: parameter('host msdfs', bool, true),
  /** ksmbd: no. Undefined: where `kerberos method` names a keytab. */
  kerberos: parameter('kerberos support', optional(bool), undefined as boolean | undefined),
  /** ksmbd: cifs/FQDN. Undefined: whatever key the keytab has, as in Samba. */
  kerberosServiceName: parameter(
    'kerberos service name',
    optional(serviceName),
    undefined as string | undefined,
  ),
  /** Undefined: that of krb5.conf. The two names are ksmbd's and Samba's. */
  kerberosKeytab: parameter(
    'kerberos keytab file',
    optional(keytab),
    undefined as string | undefined,
    { aliases: ['dedicated keytab file'] },
  ),
  kerberosMethod: parameter('kerberos method', kerberosMethod, 'none'),
  /** Whose users are those here of the same name, beside what krb5.conf says. */
  realm: parameter('realm', text({ maximumBytes: 255 }), ''),
  /** Who did what, a JSON object a line; undefined: nobody asks. Neither Samba's nor ksmbd's (Samba: full_audit). */
  auditLog: parameter('audit log', optional(absolutePath), undefined as string | undefined),
  auditEvents: parameter('audit events', auditEvents, AUDIT_EVENTS as readonly AuditEvent[]),
  usernameMap: parameter('username map', optional(absolutePath), undefined as string | undefined),
  /** SMB Direct over iWARP, beside TCP; ksmbd has it where the kernel was built so. */
  smbDirect: parameter('smb direct', bool, false),
  smbDirectPort: parameter('smb direct port', integer({ minimum: 1, maximum: 65_535 }), 5445),
  /** Checksums of iWARP also for clients that do not ask for them: TCP has one of its own, a weak one. */
  smbDirectChecksums: parameter('smb direct checksums', bool, false),
  smbDirectMaxIoSize: parameter(
    'smbd max io size',
    size({ minimum: 512 * KiB, maximum: 16 * MiB }),
    8 * MiB,
  ),
  /** Undefined: what the server counts is told to nobody by HTTP. */
  metricsPort: parameter(
    'metrics port',
    optional(integer({ minimum: 1, maximum: 65_535 })),
    undefined as number | undefined,
  ),
  /** This machine alone, unless another address of it is named. */
  metricsAddress: parameter('metrics address', ipAddress, '127.0.0.1'),
  /** Samba: a share's, by its module fruit. A client counts on it for the whole server, so it is the server's. */
  apple: parameter('fruit:aapl', bool, true),
  /** Apple's name of a machine, whose picture the Finder shows. */
  appleModel: parameter('aapl model', text({ minimumBytes: 1, maximumBytes: 31 }), 'Xserve', {
    aliases: ['fruit:model'],
  }),
  /** Owner, group and mode stand in the ACLs that macOS reads and sets. */
  appleNfsAces: parameter('fruit:nfs_aces', bool, true),
  /** One request copies a whole file with its streams; Samba: no, since the Finder shows no progress then. */
  appleCopyFile: parameter('fruit:copyfile', bool, false),
} satisfies Table;

export const shareParameters = {
  /** Empty: missing, which is an error for a share of its own. */
  path: parameter('path', absolutePath, '', { aliases: ['directory'] }),
  comment: parameter('comment', text({ maximumBytes: 255 }), ''),
  available: parameter('available', bool, true),
  browseable: parameter('browseable', bool, true, { aliases: ['browsable'] }),
  readOnly: parameter('read only', bool, true, { inverses: ['writeable', 'writable', 'write ok'] }),
  guestOk: parameter('guest ok', bool, false, { aliases: ['public'] }),
  /** Whoever comes is a guest, where guests are welcome. */
  guestOnly: parameter('guest only', bool, false, { aliases: ['only guest'] }),
  guestAccount: parameter('guest account', optional(account), undefined as string | undefined),
  validUsers: parameter('valid users', principals, []),
  invalidUsers: parameter('invalid users', principals, []),
  readList: parameter('read list', principals, []),
  writeList: parameter('write list', principals, []),
  hostsAllow: hostsAllow(),
  hostsDeny: hostsDeny(),
  forceUser: parameter('force user', optional(account), undefined as string | undefined),
  forceGroup: parameter(
    'force group',
    optional(text({ minimumBytes: 1, maximumBytes: 255, expects: 'the name of a group' })),
    undefined as string | undefined,
    { aliases: ['group'] },
  ),
  createMask: parameter('create mask', mode, 0o744, { aliases: ['create mode'] }),
  directoryMask: parameter('directory mask', mode, 0o755, { aliases: ['directory mode'] }),
  forceCreateMode: parameter('force create mode', mode, 0),
  forceDirectoryMode: parameter('force directory mode', mode, 0),
  inheritPermissions: parameter('inherit permissions', bool, false),
  inheritOwner: parameter('inherit owner', inheritOwner, false),
  /** Samba's default is yes. They do something only with `store dos attributes = no`. */
  mapArchive: parameter('map archive', bool, false),
  mapHidden: parameter('map hidden', bool, false),
  mapSystem: parameter('map system', bool, false),
  mapReadonly: parameter('map readonly', mapReadonly, 'no'),
  hideDotFiles: parameter('hide dot files', bool, true),
  hideFiles: parameter('hide files', patterns, []),
  /** Of Samba's alone; to leave something out of a listing is asked for by name there, too. */
  hideSpecialFiles: parameter('hide special files', bool, false),
  hideUnreadable: parameter('hide unreadable', bool, false),
  hideUnwriteable: parameter('hide unwriteable files', bool, false),
  vetoFiles: parameter('veto files', patterns, []),
  deleteVetoFiles: parameter('delete veto files', bool, false),
  /** In listings only where it is asked for: no client of today needs them, and each costs a hash. */
  shortNames: parameter('mangled names', shortNames, 'asked', { aliases: ['short names'] }),
  /** Neither Samba's nor ksmbd's: one look at each file of a listing, for programs that go by EaSize. */
  listEaSizes: parameter('list ea sizes', bool, false),
  changeNotify: parameter('change notify', bool, true),
  /** Changes by other programs on the host are told, too. */
  kernelChangeNotify: parameter('kernel change notify', bool, true),
  /** Windows' -CompressData: without it clients compress what their users ask for alone. */
  compressData: parameter('compress data', bool, false),
  cscPolicy: parameter('csc policy', cscPolicy, 0),
  /** A share may do without what the server offers. */
  posixExtensions: parameter('smb3 unix extensions', bool, true),
  /** Its symbolic links `msdfs:server\share` lead to other servers. */
  msdfsRoot: parameter('msdfs root', bool, false, { aliases: ['msdfs'] }),
  /** All of the share is there. */
  msdfsProxy: parameter(
    'msdfs proxy',
    optional(text({ minimumBytes: 3, maximumBytes: 4096, expects: '\\\\server\\share' })),
    undefined as string | undefined,
  ),
  /** Oplocks and leases of its files. */
  oplocks: parameter('oplocks', bool, true),
  /** Samba's default. What is locked by SMB is locked for other programs of the host too, and the other way round. */
  posixLocking: parameter('posix locking', bool, true),
  storeDosAttributes: parameter('store dos attributes', bool, true),
  maxConnections: parameter('max connections', limit, NO_LIMIT),
  /** What a connection to this share must have beyond what the server asks of all. */
  encryption: parameter('smb encrypt', encryption, 'auto', { aliases: ['server smb encrypt'] }),
  /** They act as root, in a server of root's. */
  adminUsers: parameter('admin users', principals, []),
  crossMounts: parameter('crossmnt', bool, true),
  /** Samba's default is yes, ksmbd's no. */
  followSymlinks: parameter('follow symlinks', bool, false),
  wideLinks: unsupported('wide links', bool, false, 'no link leads out of a share'),
  /** Inode numbers come back with new files, which macOS takes for the old ones then. */
  appleZeroFileIds: parameter('fruit:zero_file_id', bool, true),
  /** macOS has been seen to set ACLs without an entry, which would keep everybody out. */
  appleIgnoresEmptyAcls: parameter('fruit:ignore_zero_aces', bool, true),
  /** In shares with the module fruit, as Samba: what is in `._NAME` files becomes streams, and they go. */
  appleConvertsDouble: parameter('fruit:convert_adouble', bool, true),
  /** Where Samba keeps what the Finder knows of a file, its resource fork, and names that Windows has not. */
  appleMetadata: parameter('fruit:metadata', kept('stream', 'netatalk'), 'stream', {
    caveat: METADATA_CAVEAT,
  }),
  appleResource: parameter('fruit:resource', kept('stream', 'file', 'xattr'), 'stream', {
    aliases: ['fruit:ressource'],
    caveat: RESOURCE_CAVEAT,
  }),
  appleEncoding: parameter('fruit:encoding', kept('private', 'native'), 'private', {
    caveat: ENCODING_CAVEAT,
  }),
  timeMachine: parameter('time machine', bool, false, { aliases: ['fruit:time machine'] }),
  /** Bytes of backups that the share has room for; undefined: what the disk has. */
  timeMachineMaxSize: parameter(
    'fruit:time machine max size',
    optional(size({ minimum: KiB, maximum: Number.MAX_SAFE_INTEGER })),
    undefined as number | undefined,
    { aliases: ['time machine max size'] },
  ),
  /** Persistent handles: what clients have open outlives the server. Each open, lock and write waits for the disk. */
  continuousAvailability: parameter('continuous availability', bool, false),
  /**
   * streams_xattr: named streams; acl_xattr: security descriptors; shadow_copy2: previous versions. Samba and
   * ksmbd have neither of the first two without them; Windows and macOS lose what belongs to their files then,
   * so here they are what goes without saying, and a list without one turns it off.
   */
  vfsObjects: parameter('vfs objects', words, [STREAMS_MODULE, ACL_MODULE] as readonly string[], {
    aliases: ['vfs object'],
    caveat: otherModules,
  }),
  /** Whose streams those on the disk are: their bytes differ, see docs/adr/0004-named-streams.md. */
  streamFormat: parameter('streams_xattr:format', streamFormat, 'samba'),
  ...aclParameters,
  ...snapshotParameters,
} satisfies Table;

export type GlobalValues = Values<typeof globalParameters>;
export type ShareValues = Values<typeof shareParameters>;

export const globalNames = nameIndex(globalParameters);
export const shareNames = nameIndex(shareParameters);
