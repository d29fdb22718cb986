/** The suites of Samba's smbtorture that usmbd answers for, in the order in which they run. */
import { FOLDERS, type MoreShares, type Settings } from '../support/target.ts';
import { SNAPSHOT_NAME } from './plant.ts';

/**
 * Some tests look at what is not signed, some log in again as anonymous; compound_find_close lists 8 MiB
 * in one answer.
 */
export const SETTINGS: Settings = [
  'restrict anonymous = 0',
  'server signing = auto',
  'smb2 max trans = 8388608',
];

/** Shares that a suite wants beside the usual one. */
export const SHARES: MoreShares = {
  nonotify: ['change notify = no'],
  /** What others do in the root is seen there. */
  watched: [],
  nostreams: ['vfs objects ='],
  /** What raw.samba3hide looks for in the usual share is hidden in these two. */
  hideunread: [`path = ${FOLDERS}/share`, 'hide unreadable = yes'],
  hideunwrite: [`path = ${FOLDERS}/share`, 'hide unwriteable files = yes'],
  noncanonical: ['acl flag inherited canonicalization = no'],
  dosmode: ['hide files = /hidefile/'],
  /** Listings with all that there is. */
  whole: ['mangled names = yes', 'list ea sizes = yes'],
  /** With one snapshot, which plant.ts lays down. */
  twrp: [
    'vfs objects = streams_xattr acl_xattr shadow_copy2',
    `shadow:mountpoint = ${FOLDERS}/twrp`,
    'shadow:snapsharepath = /',
  ],
  available: ['continuous availability = yes'],
  /** smb2.ioctl.bug14788 asks here what is about no file. */
  noperm: [],
  userntacl: ['acl_xattr:security_acl_name = user.NTACL'],
  /** By these names vfs.acl_xattr asks for them. */
  acl_xattr_ign_sysacl_posix: [
    'acl_xattr:ignore system acls = yes',
    'acl_xattr:default acl style = posix',
  ],
  acl_xattr_ign_sysacl_windows: [
    'acl_xattr:ignore system acls = yes',
    'acl_xattr:default acl style = windows',
  ],
  /** One folder, by macOS's rules and by nobody's; Samba's self-test has the same. */
  fruit: [
    'vfs objects = catia fruit streams_xattr acl_xattr',
    'fruit:resource = file',
    'fruit:metadata = netatalk',
    'fruit:locking = netatalk',
    'fruit:encoding = native',
    'fruit:veto_appledouble = no',
  ],
  wofruit: [`path = ${FOLDERS}/fruit`, 'vfs objects = streams_xattr acl_xattr'],
  fruit_timemachine: [
    `path = ${FOLDERS}/fruit`,
    'vfs objects = fruit streams_xattr acl_xattr',
    'fruit:time machine = yes',
    'fruit:time machine max size = 32K',
  ],
  fruit_zero_fileid: [`path = ${FOLDERS}/fruit`, 'vfs objects = fruit streams_xattr acl_xattr'],
};

export interface Suite {
  readonly name: string;
  /** For the whole suite; what it does not reach then runs one by one for as long again. */
  readonly limitSeconds: number;
  /** It waits for timers most of its time, so it runs beside the others. */
  readonly waits?: boolean;
  /** One of SHARES. */
  readonly share?: string;
  /** In place of SETTINGS: the suite has a server of its own. */
  readonly settings?: Settings;
  /** Its user is the system's root, who is an administrator on every server and has an administrator's privileges. */
  readonly administrator?: boolean;
  /** Its tests hold back what they send on one connection. */
  readonly cuts?: boolean;
  /** Its tests separate names by slashes as well: slashes.ts. */
  readonly slashes?: boolean;
  /** The newest that smbtorture speaks in it; SMB3 if absent. */
  readonly protocol?: 'NT1' | 'SMB3';
  /** RPC over TCP in place of a share: options of a binding, as Samba writes them. */
  readonly binding?: string;
  /** `name=value` of smbtorture's parameters (`torture:name=value`). */
  readonly options?: readonly string[];
}

const DEFAULT_LIMIT_SECONDS = 60;

type Special = Omit<Suite, 'name' | 'limitSeconds'>;

export const suite = (
  name: string,
  limitSeconds = DEFAULT_LIMIT_SECONDS,
  special: Special = {},
): Suite => ({
  name,
  limitSeconds,
  ...special,
});

const waiting = (name: string, limitSeconds: number): Suite =>
  suite(name, limitSeconds, { waits: true });

const TIMESTAMPS = suite('smb2.timestamps', 120, { waits: true, slashes: true });
const NOTIFY = suite('smb2.notify', 180, { share: 'watched', waits: true });
const CHANGE_NOTIFY_DISABLED = suite('smb2.change_notify_disabled', DEFAULT_LIMIT_SECONDS, {
  share: 'nonotify',
});
const SESSION_REQUIRE_SIGNING = suite('smb2.session-require-signing', DEFAULT_LIMIT_SECONDS, {
  settings: ['server signing = mandatory'],
});

const CREATE_NO_STREAMS = suite('smb2.create_no_streams', DEFAULT_LIMIT_SECONDS, {
  share: 'nostreams',
});

const REPLAY = suite('smb2.replay', 300, { waits: true, cuts: true, share: 'available' });

/** Of Samba 4.25 and later. */
const PERSISTENT = suite('smb2.persistent-open', 180, { waits: true, share: 'available' });

/** They want a file to work on, which the first makes. */
const SET_SPARSE = suite('smb2.set-sparse-ioctl', DEFAULT_LIMIT_SECONDS, {
  options: ['filename=sparse'],
});
const ZERO_DATA = suite('smb2.zero-data-ioctl', DEFAULT_LIMIT_SECONDS, {
  options: ['filename=sparse', 'offset=0', 'beyond_final_zero=4096'],
});

const ACLS_NON_CANONICAL = suite('smb2.acls_non_canonical', DEFAULT_LIMIT_SECONDS, {
  share: 'noncanonical',
});

/** See plant.ts. */
const SNAPSHOT = [`twrp_snapshot=${SNAPSHOT_NAME}`, 'twrp_file=foo'];
const TWRP = suite('smb2.twrp', DEFAULT_LIMIT_SECONDS, {
  share: 'twrp',
  slashes: true,
  options: [...SNAPSHOT, 'twrp_stream=bar', 'twrp_stream_size=3'],
});

/** Where sequences of locks are checked for resilient and durable opens only: 3.3.5.14. */
const LOCK_REPLAY = suite('smb2.lock.replay_broken_windows', DEFAULT_LIMIT_SECONDS, {
  settings: [...SETTINGS, 'server multi channel support = no'],
});

/** Whoever may write a file may not write its descriptor as an extended attribute. */
const EA = suite('smb2.ea', DEFAULT_LIMIT_SECONDS, {
  share: 'userntacl',
  options: ['acl_xattr_name=NTACL'],
});

/** The program locks files itself, in the folder of the share. */
const SHARE_DIR = `localdir=${FOLDERS}/share`;
const SAMBA3MISC = suite('smb2.samba3misc', DEFAULT_LIMIT_SECONDS, { options: [SHARE_DIR] });

const LOCALDIR = `localdir=${FOLDERS}/fruit`;
/** The tests compare what AAPL says with what Samba's self-test has it say. */
const FRUIT_SETTINGS = [...SETTINGS, 'fruit:copyfile = yes', 'fruit:model = MacSamba'];
const fruit = (name: string, share: string, ...options: readonly string[]): Suite =>
  suite(name, 120, { share, settings: FRUIT_SETTINGS, options, slashes: true });

const FRUIT: readonly Suite[] = [
  fruit('vfs.fruit', 'fruit', 'share2=wofruit', LOCALDIR),
  fruit('vfs.fruit_netatalk', 'fruit', LOCALDIR),
  fruit('vfs.fruit_file_id', 'fruit_zero_fileid'),
  fruit('vfs.fruit_timemachine', 'fruit_timemachine', LOCALDIR),
  fruit('vfs.fruit_conversion', 'wofruit', 'share2=fruit', 'delete_empty_adfiles=true'),
  suite('vfs.streams_xattr'),
];

/** Which rights MS-FSA 2.1.5.1 refuses: SYNCHRONIZE alone was one of them before Windows 7. */
const CREATE = suite('smb2.create', DEFAULT_LIMIT_SECONDS, { options: ['win7=true'] });

/** Of Debian 12's smbtorture, 4.17. */
const LISTED_SUITES: readonly Suite[] = [
  suite('smb2.connect'),
  suite('smb2.tcon'),
  suite('smb2.read'),
  suite('smb2.rw'),
  suite('smb2.mkdir'),
  suite('smb2.credits'),
  suite('smb2.compound'),
  waiting('smb2.compound_async', 60),
  suite('smb2.compound_find', 180),
  suite('smb2.fileid', 120),
  suite('smb2.openattr'),
  suite('smb2.winattr'),
  suite('smb2.getinfo'),
  suite('smb2.setinfo'),
  suite('smb2.sharemode'),
  suite('smb2.deny'),
  CREATE,
  TIMESTAMPS,
  suite('smb2.streams'),
  CREATE_NO_STREAMS,
  suite('smb2.delete-on-close-perms'),
  suite('smb2.acls'),
  ACLS_NON_CANONICAL,
  suite('smb2.sdread'),
  suite('smb2.maximum_allowed'),
  suite('smb2.rename'),
  LOCK_REPLAY,
  suite('smb2.lock'),
  suite('smb2.ioctl', 120),
  suite('smb2.ioctl-on-stream'),
  SET_SPARSE,
  ZERO_DATA,
  suite('smb2.secleak'),
  suite('smb2.dir', 180, { share: 'whole' }),
  suite('smb2.mangle', DEFAULT_LIMIT_SECONDS, { share: 'whole' }),
  suite('smb2.dosmode', DEFAULT_LIMIT_SECONDS, { share: 'dosmode' }),
  EA,
  suite('smb2.charset'),
  TWRP,
  SAMBA3MISC,
  NOTIFY,
  suite('smb2.notify-inotify'),
  CHANGE_NOTIFY_DISABLED,
  waiting('smb2.durable-open', 120),
  suite('smb2.durable-open-disconnect'),
  waiting('smb2.durable-v2-open', 120),
  waiting('smb2.durable-v2-delay', 90),
  suite('smb2.session', 240),
  suite('smb2.session-id'),
  SESSION_REQUIRE_SIGNING,
  waiting('smb2.multichannel', 120),
  waiting('smb2.oplock', 240),
  waiting('smb2.lease', 300),
  REPLAY,
  suite('smb2.scan', 120),
  suite('smb2.maxfid', 300),
  suite('vfs.acl_xattr'),
  ...FRUIT,
];

/** Of later releases: what issues name, since the rest is as in 4.17. */
const NEWER_SUITES: readonly Suite[] = [
  TWRP,
  suite('smb2.credits'),
  suite('smb2.compound'),
  // Otherwise it expects READ and WRITE to be answered late, as Samba does where its disk is slowed down.
  suite('smb2.compound_async', DEFAULT_LIMIT_SECONDS, { options: ['smbd=no'], waits: true }),
  suite('smb2.sharemode'),
  TIMESTAMPS,
  suite('smb2.streams'),
  CREATE_NO_STREAMS,
  suite('smb2.delete-on-close-perms'),
  suite('smb2.acls-with-sysacl'),
  suite('smb2.acls-ignore-sysacl'),
  ACLS_NON_CANONICAL,
  suite('smb2.sdread'),
  suite('smb2.maximum_allowed'),
  suite('smb2.stream-inherit-perms'),
  suite('smb2.rename', 180),
  suite('smb2.rw'),
  suite('smb2.winattr2'),
  suite('smb2.mkdir-long-name'),
  CREATE,
  suite('smb2.dir', 180, { share: 'whole' }),
  suite('smb2.name-mangling', DEFAULT_LIMIT_SECONDS, { share: 'whole' }),
  LOCK_REPLAY,
  // Seconds after which it calls a deadlock what has not been answered; without it a test is skipped.
  suite('smb2.lock', 180, { options: ['open_brlock_deadlock_timemout=5'] }),
  suite('smb2.ioctl', 120),
  suite('smb2.ioctl-on-stream'),
  SET_SPARSE,
  ZERO_DATA,
  NOTIFY,
  CHANGE_NOTIFY_DISABLED,
  suite('smb2.session', 240),
  SESSION_REQUIRE_SIGNING,
  waiting('smb2.multichannel', 120),
  waiting('smb2.durable-open', 120),
  suite('smb2.durable-open-disconnect'),
  waiting('smb2.durable-v2-open', 180),
  PERSISTENT,
  waiting('smb2.durable-v2-delay', 90),
  waiting('smb2.oplock', 240),
  waiting('smb2.lease', 300),
  waiting('smb2.dirlease', 180),
  REPLAY,
  suite('vfs.acl_xattr'),
  suite('smb2.getinfo'),
  EA,
  suite('smb2.charset'),
  suite('smb2.dosmode', DEFAULT_LIMIT_SECONDS, { share: 'dosmode' }),
  SAMBA3MISC,
  ...FRUIT,
  fruit('vfs.fruit_validate_afpinfo', 'fruit', 'share2=wofruit', LOCALDIR),
];

/** SMB1 has lists of its own, in expected/smb1; Debian 12's smbtorture. */
export const SMB1_SETTINGS: Settings = [
  ...SETTINGS,
  'server min protocol = NT1',
  'ntlm auth = ntlmv1-permitted',
];

const smb1 = (name: string, limitSeconds = DEFAULT_LIMIT_SECONDS, special: Special = {}): Suite =>
  suite(name, limitSeconds, { settings: SMB1_SETTINGS, protocol: 'NT1', ...special });

export const SMB1_SUITES: readonly Suite[] = [
  smb1('base.aliases', 180),
  smb1('base.attr'),
  smb1('base.birthtime'),
  smb1('base.charset'),
  smb1('base.chkpath'),
  // ACCESS_SYSTEM_SECURITY is for SeSecurityPrivilege.
  smb1('base.createx_access', DEFAULT_LIMIT_SECONDS, { administrator: true }),
  smb1('base.createx_sharemodes_dir', 300),
  smb1('base.createx_sharemodes_file', 300),
  smb1('base.defer_open', 240, { waits: true }),
  smb1('base.delaywrite', 600),
  smb1('base.delete', 180),
  smb1('base.deny1', 900, { waits: true }),
  smb1('base.deny2', 900, { waits: true }),
  smb1('base.deny3'),
  smb1('base.denydos'),
  smb1('base.dir1', 120),
  smb1('base.dir2', 120),
  smb1('base.disconnect'),
  smb1('base.fdpass'),
  smb1('base.lock', 120),
  smb1('base.mangle', 120),
  smb1('base.negnowait'),
  smb1('base.ntdeny1', 600, { waits: true }),
  smb1('base.ntdeny2', 600, { waits: true }),
  smb1('base.nttrans', 400),
  smb1('base.open', 120),
  smb1('base.openattr', 120),
  smb1('base.properties'),
  smb1('base.rename'),
  smb1('base.rw1', 120),
  smb1('base.samba3error'),
  smb1('base.scan-ioctl', 180),
  smb1('base.secleak'),
  smb1('base.smb1-twrp-openroot', DEFAULT_LIMIT_SECONDS, { share: 'twrp', options: SNAPSHOT }),
  smb1('base.tcon'),
  smb1('base.tcondev'),
  smb1('base.trans2'),
  smb1('base.trans2-scan', 120),
  smb1('base.unlink'),
  smb1('base.vuid'),
  smb1('base.winattr', 120),
  smb1('base.xcopy'),
  smb1('rap.basic'),
  smb1('rap.printing'),
  smb1('rap.rpc'),
  smb1('rap.scan', 300),
  smb1('raw.acls', 120),
  smb1('raw.chkpath'),
  smb1('raw.close'),
  smb1('raw.composite', 120),
  smb1('raw.context', 120),
  smb1('raw.eas'),
  smb1('raw.lock', 300, { waits: true }),
  smb1('raw.mkdir'),
  smb1('raw.mux', 120),
  smb1('raw.notify', 300, { waits: true }),
  smb1('raw.offline', 120),
  smb1('raw.open', 180),
  smb1('raw.oplock', 300),
  smb1('raw.read'),
  smb1('raw.rename', 120),
  smb1('raw.samba3badnameblob'),
  smb1('raw.samba3badpath'),
  smb1('raw.samba3caseinsensitive'),
  smb1('raw.samba3checkfsp'),
  smb1('raw.samba3hide'),
  smb1('raw.samba3oplocklogoff'),
  smb1('raw.samba3posixtimedlock', DEFAULT_LIMIT_SECONDS, { options: [SHARE_DIR] }),
  smb1('raw.samba3rootdirfid'),
  smb1('raw.samba3rootdirfid2'),
  smb1('raw.scan-eamax'),
  smb1('raw.search', 180, { share: 'whole' }),
  smb1('raw.seek'),
  smb1('raw.session'),
  smb1('raw.sfileinfo', 180),
  smb1('raw.streams', 120),
  smb1('raw.unlink'),
  smb1('raw.write', 120),
  smb1('unix.info2'),
  smb1('unix.whoami'),
];

/** Whether a suite or test of this name speaks SMB1. */
export const isSmb1 = (name: string): boolean => /^(base|raw|rap|unix)\./.test(name);

export const suitesOf = (newer: boolean): readonly Suite[] =>
  newer ? NEWER_SUITES : LISTED_SUITES;
