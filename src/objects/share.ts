/** MS-SMB2 3.3.1.6: a share, as the server offers it. */
import type { SharePlace } from '../ipc/control-plane.ts';
import type { Vfs } from '../vfs/vfs.ts';
import type { Lifetime } from './lifetime.ts';
import type { Visibility } from './visibility.ts';

/** A share whose links lead to other servers (MS-DFSC). */
export interface DfsNamespace {
  /** All of it is there: `server\share,server\share`. */
  readonly proxy: string | undefined;
}

/** Where a share is for one client or another: each place a share of its own, while somebody is in it. */
export interface SharePlaces {
  /** The share at `place`, held once (`lifetime`) for who asks; a text says why there is none. */
  take(place: SharePlace, server: PlaceServer): Share | string;
  /** Those that are open. */
  readonly opened: ReadonlySet<Share>;
}

/** Who looks after what is open. */
export interface PlaceServer {
  readonly notifier: {
    readonly host: { learn(share: Share): void; forget(vfs: Vfs): void } | undefined;
  };
}

export interface Share {
  readonly name: string;
  readonly type: 'disk' | 'pipe';
  readonly comment: string;
  /** Undefined for IPC$, and where there are `places`. */
  readonly vfs: Vfs | undefined;
  /** Share.EncryptData for 'required', and for 'desired' where the client can encrypt. */
  readonly encryption: 'off' | 'auto' | 'desired' | 'required';
  /** Show names that begin with a dot as FILE_ATTRIBUTE_HIDDEN. */
  readonly hideDotFiles: boolean;
  /**
   * 8.3 names: none; for who asks for one or opens a file by it; in listings as well, which compute them for
   * every file. 'asked' if absent.
   */
  readonly shortNames?: 'none' | 'asked' | 'listed';
  /** Listings tell the size of extended attributes. */
  readonly listsEaSizes?: boolean;
  /** What it does not show; undefined: everything is shown. */
  readonly visibility?: Visibility | undefined;
  /** False: SE_DACL_AUTO_INHERITED is stored as a client says, also without its asking for it. */
  readonly canonicalInheritedFlag?: boolean;
  /**
   * What a new object permits whose directory hands on nothing: 'windows' if absent. 'posix': what its mode says;
   * 'shared': what a mode says that everybody reads and writes by.
   */
  readonly defaultAclStyle?: 'windows' | 'posix' | 'shared' | 'everyone';
  /** Streams of Apple's are as macOS has them for all clients, not for those of Apple's alone. */
  readonly appleStreams?: boolean;
  /** What is in `._NAME` becomes streams of NAME. */
  readonly convertsAppleDouble?: boolean;
  /** Clients of Apple's are told file ids, not 0: inode numbers come back, and they take the new file for the old one. */
  readonly appleFileIds?: boolean;
  /** An ACL without entries is set though a client of Apple's sends it. */
  readonly appleEmptyAcls?: boolean;
  /** False: CHANGE_NOTIFY is refused. */
  readonly changeNotify?: boolean;
  /** False: changes by other programs on the host are not told. */
  readonly hostChanges?: boolean;
  /** False: the SMB3 POSIX extensions are not for this share. */
  readonly posixExtensions?: boolean;
  /** Share.CompressData: clients are asked to compress what they write here, and to ask for what they read compressed. */
  readonly compressData?: boolean;
  /** Share.CscFlags: what clients may keep for when the server is away; SMB2_SHAREFLAG_MANUAL_CACHING unless told. */
  readonly offlineCaching?: number;
  /** The server goes where symbolic links within the share lead, for its clients. */
  readonly followsLinks?: boolean;
  /** Undefined: no namespace. */
  readonly dfs?: DfsNamespace | undefined;
  /** Share.IsCA: its opens may be persistent. */
  readonly continuousAvailability?: boolean;
  /** Byte-range locks are laid on the disk for other programs of the host. */
  readonly posixLocking?: boolean;
  /** Grants oplocks and leases. */
  readonly oplocks: boolean;
  /** FileFsVolumeInformation's label. */
  readonly volumeLabel: string;
  /** Of a disk for Time Machine: bytes of backups that it has room for, Infinity for what the disk has. */
  readonly timeMachineBytes?: number | undefined;
  /** Share.MaxUses; Infinity for no limit. */
  readonly maxUses: number;
  /** It is one for each user, by the user's name. */
  readonly isHomes?: boolean;
  /** It is somewhere else for each client. */
  readonly places?: SharePlaces | undefined;
  /** Of one in such a place: the share as it is offered. */
  readonly origin?: Share | undefined;
  readonly path?: string | undefined;
  /** Held by its tree connects; `vfs` closes after them where the share is offered no more. */
  readonly lifetime?: Lifetime;
}

/** As the configuration knows it. */
export const offeredAs = (share: Share): Share => share.origin ?? share;

/** Whether it, or a place of it, is `offered`. */
export const isPartOf = (share: Share, offered: Share): boolean => offeredAs(share) === offered;
