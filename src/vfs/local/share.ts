/** What all trees and handles of one share have in common. */
import type { SidMap } from '../../dtyp/unix-sids.ts';
import type { Errno } from '../errno.ts';
import type { MaybePromise, VfsFeatures, VfsKind, VfsObjectId } from '../vfs.ts';
import type { ReadRest } from './file-data.ts';
import type { MakingPolicy } from './making.ts';
import type { NtAclName } from './nt-acl.ts';
import type { OpenInodes } from './open-inodes.ts';
import type { OwnChanges } from './own-changes.ts';
import type { Pace } from './pool/pace.ts';
import type { SlowDevice } from './pool/slow-device.ts';
import type { Resolver } from './resolver.ts';
import type { Snapshots } from './snapshots.ts';
import type { StreamFormat } from './stream-value.ts';
import type { VolumeIds } from './volumes.ts';

/** What may wait for the disk, off the thread. */
export interface SlowCalls {
  /** Makes a file's data durable. */
  readonly dataSync: (fd: number) => Promise<Errno | 0>;
  /** The same with all that the inode has: extended attributes are none of its data. */
  readonly fullSync: (fd: number) => Promise<Errno | 0>;
  readonly readRest: ReadRest;
  /** Closes what takes its time to close. */
  readonly closeSlowly: (fd: number) => void;
  /** Whether the loop's calls on the device keep their budget. */
  readonly pace: Pace;
  /** While they do not; undefined on threads. */
  readonly slowDevice: SlowDevice | undefined;
  /** All of the buffer, or an errno. */
  readonly writeData: (fd: number, buffer: Uint8Array, position: number) => number;
}

export interface LocalShare extends SlowCalls {
  /** Of the share's root, O_PATH. */
  readonly root: number;
  /** Where the kernel says the root is, as it was last asked. */
  readonly rootPath: { now: Buffer | undefined };
  /** /proc/self/fd, O_PATH: leads from a descriptor to its object. */
  readonly procFd: number;
  readonly resolver: Resolver;
  readonly inodes: OpenInodes;
  readonly own: OwnChanges;
  readonly volumes: VolumeIds;
  readonly features: VfsFeatures;
  /** Of new objects; others once the configuration was read again. */
  fileMode: number;
  directoryMode: number;
  making: MakingPolicy;
  /** Descriptors hold whatever mode and POSIX ACL are, and change neither. */
  readonly ignoresSystemAcls: boolean;
  /** Of the process, when the share was made. */
  readonly umask: number;
  readonly streamFormat: StreamFormat;
  /** Whatever is asked of the storage may take any time: nothing of it is done on the loop's thread. */
  readonly isRemote: boolean;
  /** Where security descriptors are; undefined: none are kept. */
  readonly ntAclName: NtAclName | undefined;
  /** Whose SIDs the users and groups of the disk are. */
  readonly sids: SidMap;
  /** Previous versions, where there is a folder of them. */
  readonly snapshots?: Snapshots;
}

/** An object that is held open, as the functions on names see it. */
export interface LocalObject {
  readonly fd: number;
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly inodeKey: string;
  /** The path on disk that it was opened by, where that is one that the kernel may not be able to tell. */
  readonly openedAs: readonly string[];
}

export interface Access {
  readonly read: boolean;
  readonly write: boolean;
}

export const NO_ACCESS: Access = { read: false, write: false };

/** All that a handle is, in plain values: what a thread of the pool needs to act for it. */
export interface HandleState extends VfsObjectId {
  readonly fd: number;
  readonly openedAs: readonly string[];
  readonly kind: VfsKind;
  readonly inodeKey: string;
  readonly access: Access;
  readonly losesPrivilege: boolean;
}

/** What keeps its descriptor until an operation has ended. */
export interface Running {
  whileRunning<T>(operation: Promise<T>): Promise<T>;
}

/** Runs what needs a name of a directory, which is read in pieces if it is large (name-cache.ts), on an open object. */
export function whenNamed<T>(share: LocalShare, object: Running, work: () => T): MaybePromise<T> {
  const result = share.resolver.cache.inPieces(work);
  return result instanceof Promise ? object.whileRunning(result) : result;
}
