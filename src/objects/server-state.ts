/** MS-SMB2 3.3.1.5: what the whole server knows. */
import type { AuditLog } from '../base/audit-log.ts';
import { bufferPool } from '../base/buffer-pool.ts';
import type { Logger } from '../base/log.ts';
import type { ControlPlane } from '../ipc/control-plane.ts';
import { AppInstances } from './app-instances.ts';
import { ChangeNotifier } from './change-notifier.ts';
import type { Connection } from './connection.ts';
import { CreateReplays } from './create-replays.ts';
import { DirectoryChanges } from './directory-changes.ts';
import { DurableOpens } from './durable-opens.ts';
import type { KeptOpens } from './kept-opens.ts';
import { OffloadTokens } from './offload-tokens.ts';
import type { Open } from './open.ts';
import { Oplocks } from './oplocks.ts';
import type { Owner } from './owner.ts';
import type { PersistentOpens } from './persistent-opens.ts';
import { ResumeKeys } from './resume-keys.ts';
import type { Session } from './session.ts';
import type { Share } from './share.ts';
import { ShareUses } from './share-uses.ts';
import { SharedFiles } from './shared-file.ts';
import { closeOpen } from './teardown.ts';
import { Traffic } from './traffic.ts';
import { Tunnel } from './tunnel.ts';
import { Turns } from './turns.ts';

/** The policy, from smb.conf or from a library user; see config/parameters.ts for what each key means. */
export interface ServerOptions {
  /** NetBIOS name, also in NTLM's target information. */
  readonly serverName: string;
  /** Told at SMB1 only. */
  readonly workgroup?: string;
  /** Lowest and highest dialect revision spoken. */
  readonly minDialect: number;
  readonly maxDialect: number;
  /** RequireMessageSigning. */
  readonly requireSigning: boolean;
  /**
   * 'off': never; 'auto': clients that encrypt are answered encrypted; 'desired': every session that can
   * must encrypt; 'required': every session must.
   */
  readonly encryption: 'off' | 'auto' | 'desired' | 'required';
  /** Opens may outlive their connection. */
  readonly durableHandles: boolean;
  /** Some share is continuously available: SMB2_GLOBAL_CAP_PERSISTENT_HANDLES. */
  readonly persistentHandles?: boolean;
  /** Leases are granted, where the share has `oplocks`. */
  readonly leases: boolean;
  /** So are leases on directories, at 3.x. */
  readonly directoryLeases: boolean;
  /** IsMultiChannelCapable. */
  readonly multiChannel: boolean;
  /** Apple's extensions are answered; undefined: as if they were not known. */
  readonly apple:
    | {
        readonly model: string;
        readonly nfsAces: boolean;
        readonly copiesFiles: boolean;
      }
    | undefined;
  /** IsCompressionSupported. */
  readonly compression?: boolean;
  /** The SMB3 POSIX extensions are offered. */
  readonly posixExtensions?: boolean;
  /** IsRDMATransformSupported: where the process that reaches the client's memory has its keys, too. */
  readonly rdmaTransforms?: boolean;
  /** Those of SMB1, the CIFS Unix extensions. */
  readonly smb1UnixExtensions?: boolean;
  /** Attributes of a file system (MS-FSCC 2.5.1) that are told beside those that it has. */
  readonly fakeFsAttributes?: number;
  readonly maxReadSize: number;
  readonly maxWriteSize: number;
  readonly maxTransactSize: number;
  readonly maxCredits: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Sessions that have a user. */
  readonly maxSessions: number;
  /** Connections without open files end after so long without a request; 0: never. */
  readonly deadtimeMs: number;
  readonly maxOpens: number;
  /** Of buffers in use for data, of the whole process. */
  readonly bufferBytes?: number;
}

/** Where clients find the server, 3.3.5.15.11. */
export interface NetworkAddress {
  /** Not 0. */
  readonly ifIndex: number;
  /** RSS_CAPABLE. */
  readonly rss: boolean;
  /** RDMA_CAPABLE. */
  readonly rdma: boolean;
  /** Bits per second. */
  readonly linkSpeed: number;
  /** 4 bytes for IPv4, 16 for IPv6, in network order. */
  readonly address: Buffer;
}

export class ServerState {
  readonly guid: Buffer;
  /** Others once the configuration was read again. */
  options: ServerOptions;
  readonly controlPlane: ControlPlane;
  readonly log: Logger;
  readonly connections = new Set<Connection>();
  /** GlobalSessionTable. */
  readonly sessions = new Map<number, Session>();
  /** GlobalOpenTable, by persistent id. */
  readonly opens = new Map<number, Open>();
  readonly resumeKeys = new ResumeKeys(this.opens);
  readonly offloadTokens = new OffloadTokens(this.opens);
  readonly turns = new Turns();
  readonly files = new SharedFiles();
  readonly oplocks = new Oplocks(this.connections, (open) => this.#close(open));
  /** Those that are disconnected. */
  readonly durables = new DurableOpens((open) => this.#close(open));
  /** Where records of opens can be kept; undefined: no share is continuously available. */
  persistentOpens: PersistentOpens | undefined;
  /** Where opens outlive this process; undefined: it is the only one. */
  keptOpens: KeptOpens | undefined;
  readonly replays = new CreateReplays();
  readonly traffic = new Traffic();
  /** Undefined: nobody wants to know who did what. */
  audit: AuditLog | undefined;
  readonly tunnel = new Tunnel();
  readonly appInstances = new AppInstances();
  readonly notifier = new ChangeNotifier();
  readonly changes = new DirectoryChanges(this.notifier, this.oplocks);
  /** ShareList, by name in lower case. */
  readonly shares = new Map<string, Share>();
  readonly shareUses: ShareUses;
  /** IsDfsCapable: some share is a namespace. */
  get isDfsCapable(): boolean {
    return this.#isDfsCapable;
  }
  /** ServerStartTime, as Unix time. */
  readonly startedAtMs = Date.now();
  /** 3.3.5.15.11: where a client of this local address finds the server; set by whoever listens. */
  networkAddresses: (localAddress: string) => readonly NetworkAddress[] = () => [];
  /** MS-CIFS, where the server is set to speak it: true where the message was SMB1's to take. */
  smb1: ((connection: Connection, message: Buffer) => boolean) | undefined;
  /** Of a worker's: whom it asks. */
  owner: Owner | undefined;
  #nextConnectionId = 1;
  #isDfsCapable = false;
  #homes: Share | undefined;

  constructor(
    guid: Buffer,
    options: ServerOptions,
    controlPlane: ControlPlane,
    shares: readonly Share[],
    log: Logger,
  ) {
    this.guid = guid;
    this.options = options;
    if (options.bufferBytes !== undefined) bufferPool.maxUsedBytes = options.bufferBytes;
    this.controlPlane = controlPlane;
    this.log = log;
    this.shareUses = new ShareUses((share, uses) => controlPlane.shareUsed(share.name, uses));
    for (const share of shares) this.shares.set(share.name.toLowerCase(), share);
    this.sharesChanged();
  }

  /** What a client means by a share's name; who has no share of that name may have a home. */
  offered(name: string): Share | undefined {
    return this.shares.get(name.toLowerCase()) ?? this.#homes;
  }

  /** To be called when `shares` has changed. */
  sharesChanged(): void {
    const shares = [...this.shares.values()];
    this.#isDfsCapable = shares.some(({ dfs }) => dfs !== undefined);
    this.#homes = shares.find(({ isHomes }) => isHomes === true);
  }

  newConnectionId(): number {
    return this.#nextConnectionId++;
  }

  /** For those who close what nobody asks for any more: a bug in there is only told. */
  #close(open: Open): Promise<void> | undefined {
    return closeOpen(this, open)?.catch((error: unknown) => {
      const told = error instanceof Error ? error.stack : String(error);
      this.log.error('an open did not close as it should', { error: told });
    });
  }
}
