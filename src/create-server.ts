/** The public entry: puts configuration, control plane, file systems and transport together. */
import { randomBytes } from 'node:crypto';
import { type Logger, SILENT_LOGGER } from './base/log.ts';
import { openStateDirectory, type StateDirectory } from './base/state-directory.ts';
import {
  type Configuration,
  type ConfigurationInput,
  configure,
  type ShareConfiguration,
} from './config/configuration.ts';
import { createControlPlane } from './mountd/control-plane.ts';
import { nativeSupport } from './native/support.ts';
import type { ServerOptions as ObjectsOptions } from './objects/server-state.ts';
import { ServerState } from './objects/server-state.ts';
import type { Share } from './objects/share.ts';
import { type Listener, listenTcp } from './transport/tcp.ts';
import { createLocalVfs } from './vfs/local/local-vfs.ts';
import { createPortableVfs } from './vfs/portable/portable.ts';
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
  /** Global parameters under the names of config/parameters.ts, for instance `signing: 'auto'`. */
  readonly global?: ConfigurationInput['global'];
  /** A whole configuration, as read from smb.conf, instead of `shares` and `global`. */
  readonly configuration?: Configuration;
  /** Where the server's identity is kept; without it every start is a new server to its clients. */
  readonly stateDirectory?: string;
  readonly log?: Logger;
}

export interface ListenOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  /** All addresses if absent. */
  readonly address?: string;
}

export interface Server {
  /** May be called for several addresses. Rejects with the system's error, EADDRINUSE for instance. */
  listen(where: ListenOptions): Promise<{ readonly port: number; readonly address: string }>;
  /** Ends all connections and gives everything back; the server cannot listen again. */
  close(): Promise<void>;
}

/** Throws where a share's folder cannot be served or the state directory is another server's. */
export function createServer(options: ServerOptions): Server {
  const log = options.log ?? SILENT_LOGGER;
  const configuration = options.configuration ?? configurationOf(options);
  const state =
    options.stateDirectory === undefined ? undefined : openStateDirectory(options.stateDirectory);
  const shares: Share[] = [];
  try {
    for (const share of configuration.shares) {
      if (share.available) shares.push(diskShare(share, options.shares));
    }
    shares.push(IPC);
    const controlPlane = createControlPlane({ configuration, users: options.users ?? [], log });
    const guid = state?.serverGuid ?? randomBytes(16);
    const objects = new ServerState(guid, policy(configuration), controlPlane, shares, log);
    return new UsmbdServer(objects, state);
  } catch (error) {
    for (const share of shares) share.vfs?.close();
    state?.close();
    throw error;
  }
}

const IPC: Share = {
  name: 'IPC$',
  type: 'pipe',
  comment: 'IPC Service',
  vfs: undefined,
  readOnly: false,
  encryption: 'auto',
  hideDotFiles: false,
  volumeLabel: '',
};

const configurationOf = ({ shares = [], global = {} }: ServerOptions): Configuration =>
  configure({
    global,
    shares: shares.map(({ vfs: _, path = '/', readOnly = false, ...rest }) => ({
      ...rest,
      path,
      readOnly,
    })),
  });

function diskShare(share: ShareConfiguration, own: readonly ShareOptions[] = []): Share {
  return {
    name: share.name,
    type: 'disk',
    comment: share.comment,
    vfs: own.find(({ name }) => name === share.name)?.vfs ?? fileSystem(share),
    readOnly: share.readOnly,
    encryption: share.encryption,
    hideDotFiles: share.hideDotFiles,
    volumeLabel: share.name,
  };
}

function fileSystem(share: ShareConfiguration): Vfs {
  if (nativeSupport().unavailable !== undefined) return createPortableVfs({ root: share.path });
  return createLocalVfs({
    root: share.path,
    fileMode: (0o666 & share.createMask) | share.forceCreateMode,
    directoryMode: (0o777 & share.directoryMask) | share.forceDirectoryMode,
  });
}

const policy = ({ global }: Configuration): ObjectsOptions => ({
  serverName: global.netbiosName,
  minDialect: global.minProtocol,
  maxDialect: global.maxProtocol,
  requireSigning: global.signing === 'mandatory',
  encryption: global.encryption,
  maxReadSize: global.maxReadSize,
  maxWriteSize: global.maxWriteSize,
  maxTransactSize: global.maxTransactSize,
  maxCredits: global.maxCredits,
  maxConnections: global.maxConnections,
  maxOpens: global.maxOpenFiles,
});

class UsmbdServer implements Server {
  readonly #objects: ServerState;
  readonly #state: StateDirectory | undefined;
  readonly #listeners = new Set<Listener>();
  #closing: Promise<void> | undefined;

  constructor(objects: ServerState, state: StateDirectory | undefined) {
    this.#objects = objects;
    this.#state = state;
  }

  async listen({ port, address }: ListenOptions): Promise<{ port: number; address: string }> {
    if (this.#closing !== undefined) throw new Error('the server is closed');
    const listener = await listenTcp(this.#objects, { port, address });
    this.#listeners.add(listener);
    return { port: listener.port, address: listener.address };
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    for (const share of this.#objects.shares.values()) share.vfs?.close();
    this.#state?.close();
  }
}
