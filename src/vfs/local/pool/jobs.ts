/**
 * What a thread of the pool is asked to do, in values that can be sent to it. A thread does the same as the
 * loop would, with the same code: it makes the handle anew from its state, which has the descriptor's
 * number (one table for all threads of a process), acts as the user, and answers what came of it.
 */
import type { Errno, Result } from '../../errno.ts';
import type {
  FileTime,
  Identity,
  VfsChanges,
  VfsDirectoryEntry,
  VfsEa,
  VfsFeatures,
  VfsKept,
  VfsObjectId,
  VfsPermissions,
  VfsRange,
  VfsStat,
  VfsStream,
  VfsStreamRules,
  VfsVolume,
} from '../../vfs.ts';
import type { CursorState } from '../local-cursor.ts';
import type { NewObject } from '../local-tree.ts';
import type { MakingPolicy } from '../making.ts';
import type { Ways } from '../resolver.ts';
import type { HandleState } from '../share.ts';
import type { StreamFormat } from '../stream-value.ts';

/** All that a share is, as far as a thread needs it. */
export interface ShareRecipe extends Ways {
  /** Of this share alone, as long as the process lives. */
  readonly id: number;
  readonly root: number;
  readonly procFd: number;
  readonly features: VfsFeatures;
  readonly fileMode: number;
  readonly directoryMode: number;
  readonly making: MakingPolicy;
  readonly umask: number;
  readonly streamFormat: StreamFormat;
}

/** On which share, and for whom. */
export interface Acting {
  readonly share: ShareRecipe;
  readonly who: Identity | undefined;
}

/** The operations of a handle that a thread does as they are: arguments and result. */
export interface HandleMethods {
  stat: [[], Result<VfsStat>];
  permissions: [[], Result<VfsPermissions>];
  readLink: [[], string | Errno];
  kept: [[what: VfsKept], Uint8Array | Errno];
  eas: [[], Result<readonly VfsEa[]>];
  setEas: [[changes: readonly VfsEa[]], Errno | 0];
  streams: [[rules?: VfsStreamRules], Result<readonly VfsStream[]>];
  removeStream: [[name: string], Errno | 0];
  removable: [[], Errno | 0];
  open: [[access: { read: boolean; write: boolean }], Errno | 0];
  truncate: [[length: number], Errno | 0];
  allocate: [[length: number], Errno | 0];
  zero: [[range: VfsRange, keepsSpace: boolean], Errno | 0];
  dataRanges: [[range: VfsRange, max: number], Result<readonly VfsRange[]>];
  child: [[name: string], Result<{ name: string; stat: VfsStat }>];
  isEmpty: [[], boolean | Errno];
  link: [[path: readonly string[], replace: boolean], Errno | 0];
  remove: [[], Errno | 0];
}

/** The same of a named stream. */
export interface StreamMethods {
  sizes: [[], Result<{ size: number; allocationSize: number }>];
  write: [[bytes: Uint8Array, position: number], number];
  truncate: [[length: number], Errno | 0];
  rename: [[name: string, replace: boolean], Errno | 0];
  remove: [[], Errno | 0];
}

export interface FoundObject {
  readonly state: HandleState;
  /** On disk. */
  readonly path: readonly string[] | Errno;
  readonly parent: VfsObjectId | Errno;
}

/** A stream, as whoever has it open sees it. */
export interface NamedStream {
  readonly state: HandleState;
  readonly name: string;
  readonly rules: VfsStreamRules | undefined;
}

/** Each job with its result. */
export interface Jobs {
  lookup: [{ path: readonly string[] }, Result<FoundObject>];
  /** As lookup, and what is found is let go again. */
  warm: [{ path: readonly string[] }, Errno | 0];
  create: [{ path: readonly string[]; what: NewObject }, Result<FoundObject>];
  volume: [object, Result<VfsVolume>];
  handle: [
    { state: HandleState; method: keyof HandleMethods; args: readonly unknown[] },
    { value: unknown; state: HandleState },
  ];
  /** The st_ctime that the object has then. */
  set: [
    { state: HandleState; changes: VfsChanges },
    { value: Errno | 0; changeTime: FileTime | undefined },
  ];
  /** Parent and path on disk are those of the new name. */
  rename: [
    { state: HandleState; path: readonly string[]; replace: boolean },
    { value: Errno | 0; parent: VfsObjectId | Errno; path: readonly string[] | Errno },
  ];
  /** The name on disk. */
  findStream: [NamedStream, string | Errno];
  makeStream: [NamedStream, string | Errno];
  stream: [
    NamedStream & {
      method: keyof StreamMethods;
      args: readonly unknown[];
    },
    unknown,
  ];
  readStream: [NamedStream & { length: number; position: number }, Uint8Array | Errno];
  openCursor: [{ state: HandleState }, Result<CursorState>];
  entries: [{ directory: CursorState; rewinds: boolean }, Result<readonly VfsDirectoryEntry[]>];
  stats: [
    { directory: CursorState; entries: readonly VfsDirectoryEntry[] },
    readonly Result<VfsStat>[],
  ];
  read: [{ fd: number; address: number; length: number; position: number }, number];
  write: [{ state: HandleState; address: number; length: number; position: number }, number];
  copy: [
    { state: HandleState; source: number; from: number; position: number; length: number },
    number,
  ];
  clone: [
    { state: HandleState; source: number; from: number; position: number; length: number },
    Errno | 0,
  ];
  sync: [{ fd: number; isFull: boolean }, Errno | 0];
  syncObject: [{ state: HandleState }, Errno | 0];
  close: [{ fd: number }, 0];
}

export type JobName = keyof Jobs;

export interface Job<N extends JobName = JobName> extends Acting {
  readonly name: N;
  readonly what: Jobs[N][0];
}

/** What a thread saw for the first time: devices, each with its file system's own id. */
export type SeenDevices = readonly (readonly [device: number, fsid: number])[];

export interface JobResult {
  /** Device numbers stand where the volume's id belongs. */
  readonly result: unknown;
  readonly seen: SeenDevices;
  /** For the device. */
  readonly waitedMs: number;
}
