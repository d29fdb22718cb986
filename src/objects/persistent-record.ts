/**
 * MS-SMB2 3.3.1.10: what is kept of a persistent open, or beside a descriptor of a durable one, so that another process
 * can make it again: which file it is of and how it was opened, who may reclaim it, and what it holds of the file. Pure
 * but for reading the open.
 */
import {
  MAX_JOURNAL_VALUE_BYTES,
  MAX_KEPT_VALUE_BYTES,
  MAX_PERSISTENT_LOCKS,
} from '../base/limits.ts';
import {
  bytes,
  decode,
  encode,
  flag,
  list,
  maybe,
  oneOf,
  record,
  text,
  u8,
  u16,
  u32,
  u64,
  type Value,
  whole,
} from '../ipc/fields.ts';
import { isErrno } from '../vfs/errno.ts';
import type { Identity } from '../vfs/vfs.ts';
import type { Persistence } from './durability.ts';
import { LOCK_SEQUENCES_BYTES } from './lock-sequences.ts';
import type { Open } from './open.ts';
import type { FileGrant } from './oplocks.ts';

/** A name of 255 UTF-16 units; a user's, a share's. */
const name = text(1024);
/** MS-SMB2 2.2.13: NameLength is 16 bits. */
const MAX_PATH_BYTES = 256 * 1024;
const MAX_COMPONENTS = 32_768;
/** NGROUPS_MAX of Linux. */
const MAX_GROUPS = 65_536;
const guid = bytes(16);

const identity = record({ uid: u32, gid: u32, groups: list(u32, MAX_GROUPS) });

const lease = record({
  leaseKey: guid,
  version: oneOf('1', '2'),
  epoch: u16,
  parentLeaseKey: maybe(guid),
});

const lock = record({ offset: u64, length: u64, exclusive: flag });

const appInstance = record({
  id: guid,
  /** High and low. */
  version: maybe(record({ high: u64, low: u64 })),
  fileName: text(MAX_PATH_BYTES),
});

const openField = record({
  share: name,
  /** As on disk, and in which object it led to. */
  path: list(name, MAX_COMPONENTS),
  stream: maybe(name),
  volumeId: whole,
  fileId: u64,
  identity: maybe(identity),
  access: u32,
  desiredAccess: u32,
  shareAccess: u32,
  createOptions: u32,
  mode: u32,
  isPosix: flag,
  deleteOnClose: flag,
  deletesAtOnce: flag,
  /** The open has marked the file for deletion. */
  deletePending: flag,
  creationTime: u64,
  parentLeaseKey: maybe(guid),
  owner: name,
  clientGuid: guid,
  createGuid: guid,
  fileName: text(MAX_PATH_BYTES),
  createAction: u32,
  timeoutMs: u32,
  channelSequence: u16,
  /** Of its lease or its oplock. */
  caching: u8,
  lease: maybe(lease),
  locks: list(lock, MAX_PERSISTENT_LOCKS),
  lockSequences: maybe(bytes(LOCK_SEQUENCES_BYTES)),
  appInstance: maybe(appInstance),
});

export type OpenRecord = Value<typeof openField>;

export const encodeRecord = (value: OpenRecord): Buffer => Buffer.from(encode(openField, value));

/** Throws WireError. */
export const decodeRecord = (value: Buffer): OpenRecord =>
  decode(openField, value, 'record of a persistent open');

/** Undefined where it cannot be made again: its name is gone, or there is more of it than a record holds. */
export function recordOf(open: Open, grant: FileGrant | undefined): Buffer | undefined {
  const path = open.handle!.path();
  const values = isErrno(path)
    ? undefined
    : valuesOf(open, grant, open.durability!.persistent!, path);
  if (values === undefined) return undefined;
  const value = encodeRecord(values);
  return value.length > MAX_JOURNAL_VALUE_BYTES ? undefined : value;
}

const keptField = record({
  open: openField,
  version: oneOf('1', '2'),
  isResilient: flag,
  /** What it caches has been asked for, and not given up. */
  isBreaking: flag,
});

export type KeptRecord = Value<typeof keptField>;

/** Throws WireError. */
export const decodeKept = (value: Buffer): KeptRecord =>
  decode(keptField, value, 'record of a durable open');

/** The same of an open whose file is kept with the record: it needs no name. */
export function keptRecordOf(
  open: Open,
  grant: FileGrant | undefined,
  identity: Identity | undefined,
): Buffer | undefined {
  const path = open.handle!.path();
  // Nothing is deleted but through the descriptor.
  const persistence = { identity, desiredAccess: open.access, creationTime: 0n };
  const values = valuesOf(open, grant, persistence, isErrno(path) ? [] : path);
  if (values === undefined) return undefined;
  const { version, isResilient } = open.durability!;
  const value = encode(keptField, {
    // Whoever has marked it may be closed, and this one the last that holds it.
    open: { ...values, deletePending: isMarked(open) },
    version: version === 1 ? '1' : '2',
    isResilient,
    isBreaking: grant?.breakingTo !== undefined,
  });
  return value.length > MAX_KEPT_VALUE_BYTES ? undefined : value;
}

function isMarked({ file, handle }: Open): boolean {
  return file!.base === undefined ? file!.isDoomed(handle!) : file!.deletePending;
}

function valuesOf(
  open: Open,
  grant: FileGrant | undefined,
  persistent: Persistence,
  path: readonly string[],
): OpenRecord | undefined {
  const durability = open.durability!;
  const handle = open.handle!;
  const stream = handle.streamName();
  const locks = open.file!.locks.held(open, MAX_PERSISTENT_LOCKS);
  if (isErrno(stream) || locks === undefined) return undefined;
  return {
    share: open.home.name,
    path,
    stream,
    volumeId: handle.volumeId,
    fileId: handle.fileId,
    identity: persistent.identity,
    access: open.access >>> 0,
    desiredAccess: persistent.desiredAccess,
    shareAccess: open.share,
    createOptions: open.createOptions,
    mode: open.mode,
    isPosix: open.isPosix,
    deleteOnClose: open.deleteOnClose,
    deletesAtOnce: open.deletesAtOnce,
    deletePending: open.file!.deleters.includes(open),
    creationTime: persistent.creationTime,
    parentLeaseKey: open.parentLeaseKey,
    owner: durability.owner,
    clientGuid: durability.clientGuid,
    createGuid: durability.createGuid,
    fileName: durability.fileName,
    createAction: durability.createAction,
    timeoutMs: durability.timeoutMs,
    channelSequence: open.sequence?.current ?? 0,
    caching: grant?.state ?? 0,
    lease: leaseOf(open),
    locks,
    lockSequences: open.lockSequences?.bytes,
    appInstance: instanceOf(open),
  };
}

function leaseOf({ lease }: Open): OpenRecord['lease'] {
  if (lease === undefined) return undefined;
  const { leaseKey, version, epoch, parentLeaseKey } = lease;
  return { leaseKey, version: version === 1 ? '1' : '2', epoch, parentLeaseKey };
}

const LOW = 0xffff_ffff_ffff_ffffn;

function instanceOf({ appInstance }: Open): OpenRecord['appInstance'] {
  if (appInstance === undefined) return undefined;
  const { id, version, fileName } = appInstance;
  return {
    id: Buffer.from(id, 'latin1'),
    version: version === undefined ? undefined : { high: version >> 64n, low: version & LOW },
    fileName,
  };
}
