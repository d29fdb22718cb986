/** What a server is asked for, and what it can be asked: the types of the package's entry. */
import type { Logger } from './base/log.ts';
import type { StateDirectory } from './base/state-directory.ts';
import type { Configuration, ConfigurationInput } from './config/configuration.ts';
import type { Change } from './config/effects.ts';
import type { LoginFailure, WhoseFailures } from './ipc/administration.ts';
import type { ControlPlane } from './ipc/control-plane.ts';
import type { DataPlane } from './ipc/data-plane.ts';
import type { ServerStatus, StatusQuery } from './ipc/status.ts';
import type { UserDatabaseInput } from './mountd/account-directory.ts';
import type { Identity, Vfs } from './vfs/vfs.ts';

/** A share: a folder of this machine, or a file system of the program's own. */
export interface ShareOptions {
  readonly name: string;
  /** Absolute; needed unless `vfs` is given. */
  readonly path?: string;
  readonly vfs?: Vfs;
  readonly comment?: string;
  /** False unless said otherwise. */
  readonly readOnly?: boolean;
}

export interface UserOptions {
  readonly name: string;
  readonly password?: string;
  /** MD4 of the password in UTF-16LE, instead of the password. */
  readonly ntHash?: Buffer;
  /** Whom the user is on this machine; a process that is not root acts as itself for everybody. */
  readonly identity?: Identity;
}

export interface ServerOptions {
  readonly shares?: readonly ShareOptions[];
  readonly users?: readonly UserOptions[];
  /** A file of accounts beside `users`, as "usmbd adduser" keeps it; changes to it count at once. */
  readonly userDatabase?: UserDatabaseInput;
  /** Global parameters under the names of config/parameters.ts, for instance `signing: 'auto'`. */
  readonly global?: ConfigurationInput['global'];
  /** A whole configuration, as read from smb.conf, instead of `shares` and `global`. */
  readonly configuration?: Configuration;
  /** Where the server's identity is kept; without it every start is a new server to its clients. */
  readonly stateDirectory?: string;
  /**
   * Without native support a process of root's serves only if it may become, for good, the one `force user` of
   * all shares, once its first port is bound. That is the whole program's affair, so it has to say so.
   */
  readonly dropPrivileges?: boolean;
  /**
   * How clients that watch a folder get to know of changes by other programs on this machine: 'auto' by
   * fanotify where the process may, else by inotify; 'off' not at all.
   */
  readonly hostChanges?: 'auto' | 'inotify' | 'off';
  readonly log?: Logger;
}

/** SMB over TCP, MS-SMBD, or docs/metrics.md. */
export type SocketUse = 'smb' | 'smb-direct' | 'metrics';

/** A TCP socket that listens already, and is the server's from now on. */
export interface ServedSocket {
  readonly fd: number;
  readonly use: SocketUse;
}

export interface ListenOptions {
  /** 0 lets the system choose. The configuration's `tcp port` if absent, else 445. */
  readonly port?: number;
  /** If absent those of `interfaces` with `bind interfaces only`, else all. */
  readonly address?: string;
  /**
   * Instead of ports of this use: those for 'smb' stand for `port`, `address`, and all that the configuration says of
   * either. The others count at the first call.
   */
  readonly sockets?: readonly ServedSocket[];
}

export interface Listening {
  readonly port: number;
  /** The first of `addresses`. */
  readonly address: string;
  readonly addresses: readonly string[];
  /** Where SMB Direct is spoken too, if it is. */
  readonly smbDirectPort?: number;
  /** Where `metrics port` has been asked for. */
  readonly metricsPort?: number;
}

export interface Server {
  /** May be called several times. Rejects with the system's error, EADDRINUSE for instance. */
  listen(where: ListenOptions): Promise<Listening>;
  /** Who is connected, and what they have open: what `usmbd status --json` tells. */
  status(query?: StatusQuery): Promise<ServerStatus>;
  /**
   * Takes another configuration, for those who are connected as well; what it does not allow any more ends.
   * Tells of each parameter that differs what becomes of it. Rejects where it cannot be served, and goes on as before.
   */
  reload(configuration: Configuration): Promise<readonly Change[]>;
  /** The switches of the log have changed: worker processes follow. */
  debugChanged(): Promise<void>;
  /** Logins that failed since the last good one of the same user from the same address; the last one first. */
  loginFailures(): Promise<readonly LoginFailure[]>;
  /** Of a user, from an address, or all: they count no more, and delay nobody. How many records there were. */
  forgetLoginFailures(whose?: Partial<WhoseFailures>): Promise<number>;
  /** Ends all connections and gives everything back; the server cannot listen again. */
  close(): Promise<void>;
}

/** A control plane that is a process of its own; it knows the accounts. */
export interface RemotePlane {
  readonly controlPlane: ControlPlane;
  readonly state: StateDirectory;
  /** What it may ask. */
  dataPlane: (() => DataPlane | undefined) | undefined;
  reload(configuration: Configuration): Promise<void>;
}
