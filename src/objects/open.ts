/**
 * MS-SMB2 3.3.1.10: an open. Files and directories have a VFS handle and a shared file; pipes have a
 * pipe. An open is in the server's table until it is closed, and in its session's while it is connected;
 * durability.ts draws its states.
 */
import type { VfsCursor, VfsDirectoryEntry, VfsHandle } from '../vfs/vfs.ts';
import type { AppInstance } from './app-instances.ts';
import type { ChangeWatch } from './change-watch.ts';
import { ChannelSequence } from './channel-sequence.ts';
import type { Durability, OpenState } from './durability.ts';
import { keyOfText, keyText, type Lease } from './lease.ts';
import { Lifetime } from './lifetime.ts';
import type { LockSequences } from './lock-sequences.ts';
import type { Pipe } from './pipe.ts';
import type { ProcessLocks } from './process-locks.ts';
import type { Session } from './session.ts';
import type { Share } from './share.ts';
import type { SharedFile } from './shared-file.ts';
import type { TreeConnect } from './tree-connect.ts';

/** 3.3.5.18: where an enumeration stands. */
export interface Enumeration {
  readonly cursor: VfsCursor;
  pattern: string;
  matches: (name: string) => boolean;
  /** The pattern is a plain name: one entry at most. */
  exact: boolean;
  /** Entries read from the cursor and not yet sent; `next` is the first of them. */
  batch: readonly VfsDirectoryEntry[];
  next: number;
  /** `.` and `..` come first: how many of them are sent. */
  dots: number;
  /** Something was sent since the start: decides NO_SUCH_FILE or NO_MORE_FILES. */
  started: boolean;
  ended: boolean;
}

export interface OpenValues {
  readonly persistentId: number;
  readonly volatileId: number;
  /** Both undefined of one that comes back with its record. */
  readonly session: Session | undefined;
  readonly tree: TreeConnect | undefined;
  /** Of such a one; otherwise the tree connect's. */
  readonly home?: Share;
  /** Open.GrantedAccess. */
  readonly access: number;
  readonly share: number;
  readonly createOptions: number;
  readonly handle?: VfsHandle;
  readonly file?: SharedFile;
  readonly pipe?: Pipe;
  /** Of the CREATE, at 3.x. */
  readonly channelSequence?: number | undefined;
  /** Of the lease that it asks for, granted or not yet. */
  readonly leaseId?: string | undefined;
  /** Open.ParentOplockKey, MS-FSA 2.1.1.6: the lease on the directory that its changes leave alone. */
  readonly parentLeaseKey?: Buffer | undefined;
  /** Made with the CREATE context of the SMB3 POSIX extensions. */
  readonly isPosix?: boolean;
  /** A link is open as itself that leads to a folder, where links are followed: it is told as one. */
  readonly isFolderLink?: boolean;
}

const NO_HANDLES: readonly VfsHandle[] = [];

export class Open {
  readonly persistentId: number;
  /** Another one after a reconnect. */
  volatileId: number;
  state: OpenState = 'connected';
  /** Both undefined while it is disconnected. */
  session: Session | undefined;
  tree: TreeConnect | undefined;
  /** The share that it was opened through. */
  readonly home: Share;
  readonly access: number;
  readonly share: number;
  readonly createOptions: number;
  /** Another one after `replaceHandle`. */
  handle: VfsHandle | undefined;
  /** Handles of objects that stood in its place before. */
  former: readonly VfsHandle[] = NO_HANDLES;
  readonly file: SharedFile | undefined;
  readonly pipe: Pipe | undefined;
  readonly leaseId: string | undefined;
  /** See OpenValues. */
  readonly isPosix: boolean;
  /** See OpenValues. */
  readonly isFolderLink: boolean;
  readonly #parentKey: string | undefined;
  /** FILE_DELETE_ON_CLOSE: the close of this open sets the file's delete-pending state. */
  deleteOnClose: boolean;
  /** Link.DeleteUsingPosixSemantics: what it deletes loses its name when it closes, whoever else has it open. */
  deletesAtOnce: boolean;
  /** The name that it has marked is being removed. */
  isDeleting = false;
  /** FileModeInformation's settable bits, MS-FSCC 2.4.31. */
  mode: number;
  /** FilePositionInformation, MS-FSCC 2.4.40. */
  position = 0;
  /** MS-FSA 2.1.1.6: LastWriteTime was set or frozen through this open, so its writes leave it. */
  userSetModificationTime = false;
  /** MS-FSA 2.1.1.6: the same of ChangeTime. */
  userSetChangeTime = false;
  /** Its next change sets FILE_ATTRIBUTE_ARCHIVE. */
  archives = false;
  /** Open.CurrentEaIndex, counted from 0: how many extended attributes were told. */
  nextEa = 0;
  /** Open.CurrentQuotaIndex: the first entry that has not been told. */
  nextQuota = 0;
  /** Of an open that may outlive its connection, or whose CREATE may be replayed. */
  durability: Durability | undefined;
  /** Open.AppInstanceId and what goes with it. */
  appInstance: AppInstance | undefined;
  /** The 8.3 name by which it was opened, if it was. */
  shortName: string | undefined;
  /** Of the tree connect whose files the handle is of, where the open has outlived it. */
  filesOf: Lifetime | undefined;
  /** At SMB1: those who have locked something through this open, by PID. */
  processLocks: Map<number, ProcessLocks> | undefined;
  /** Of an open that may outlive its connection, or has several channels. */
  lockSequences: LockSequences | undefined;
  /** At 3.x: Open.ChannelSequence and the counts that go with it. */
  sequence: ChannelSequence | undefined;
  enumeration: Enumeration | undefined;
  /** A QUERY_DIRECTORY under way. */
  enumerating: Promise<unknown> | undefined;
  /** Open.Lease. */
  lease: Lease | undefined;
  /** Has written: what the directory tells of the file is another when it closes. */
  wrote = false;
  /** There is one from the first CHANGE_NOTIFY to the close. */
  watch: ChangeWatch | undefined;
  /** Its CREATE has been answered, or nobody is there any more to hear the answer. */
  answered = false;
  /** Unix time. */
  readonly openedAtSeconds = Math.floor(Date.now() / 1000);
  /** Held by requests under way; the handle closes after them. */
  readonly lifetime = new Lifetime();

  constructor(values: OpenValues, modes: { deleteOnClose: boolean; mode: number }) {
    this.persistentId = values.persistentId;
    this.volatileId = values.volatileId;
    this.session = values.session;
    this.tree = values.tree;
    this.home = values.home ?? values.tree!.share;
    this.access = values.access;
    this.share = values.share;
    this.createOptions = values.createOptions;
    this.handle = values.handle;
    this.file = values.file;
    this.pipe = values.pipe;
    if (values.channelSequence !== undefined) {
      this.sequence = new ChannelSequence(values.channelSequence);
    }
    this.leaseId = values.leaseId;
    this.isPosix = values.isPosix === true;
    this.isFolderLink = values.isFolderLink === true;
    this.deletesAtOnce = this.isPosix;
    this.#parentKey = keyText(values.parentLeaseKey);
    this.deleteOnClose = modes.deleteOnClose;
    this.mode = modes.mode;
  }

  /** See OpenValues. */
  get parentLeaseKey(): Buffer | undefined {
    return keyOfText(this.#parentKey);
  }

  /** Another object has taken the place of the one that is open; who uses that still does. */
  replaceHandle(handle: VfsHandle): void {
    this.former = [...this.former, this.handle!];
    this.handle = handle;
  }

  get closed(): boolean {
    return this.state === 'closed';
  }
}
