/**
 * Objects of MS-SMB2 3.3.1 as others are told of them (ipc/data-plane.ts). Names that clients chose are
 * cut to what a record holds.
 */
import {
  MAX_TOLD_CHANNELS,
  MAX_TOLD_NAME_BYTES,
  MAX_TOLD_PATH_BYTES,
  MAX_TOLD_RANGES,
  MAX_TOLD_TREES,
} from '../base/limits.ts';
import { CipherId } from '../crypto/cipher.ts';
import { SigningAlgorithm } from '../crypto/signing.ts';
import { DELETE } from '../dtyp/access-mask.ts';
import type {
  CachingRecord,
  CachingState,
  ChannelRecord,
  ConnectionRecord,
  Durability as DurabilityRecord,
  OpenRecord,
  Rights,
  SessionRecord,
  TreeRecord,
} from '../ipc/data-plane.ts';
import { FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE } from '../smb2/create-options.ts';
import { CompressionAlgorithm } from '../smb2/negotiate-contexts.ts';
import { isErrno } from '../vfs/errno.ts';
import { type Caching, H, R, W } from './caching.ts';
import type { Connection } from './connection.ts';
import type { Open } from './open.ts';
import type { FileGrant } from './oplocks.ts';
import type { Session } from './session.ts';
import { READS, WRITES } from './share-modes.ts';
import type { TreeConnect } from './tree-connect.ts';

const SIGNING = {
  [SigningAlgorithm.HMAC_SHA256]: 'HMAC-SHA256',
  [SigningAlgorithm.AES_CMAC]: 'AES-CMAC',
  [SigningAlgorithm.AES_GMAC]: 'AES-GMAC',
} as const;

const CIPHERS = {
  [CipherId.AES_128_CCM]: 'AES-128-CCM',
  [CipherId.AES_128_GCM]: 'AES-128-GCM',
  [CipherId.AES_256_CCM]: 'AES-256-CCM',
  [CipherId.AES_256_GCM]: 'AES-256-GCM',
} as const;

const COMPRESSION: Readonly<Record<number, string>> = {
  [CompressionAlgorithm.LZNT1]: 'LZNT1',
  [CompressionAlgorithm.LZ77]: 'LZ77',
  [CompressionAlgorithm.LZ77_HUFFMAN]: 'LZ77+Huffman',
  [CompressionAlgorithm.PATTERN_V1]: 'Pattern_V1',
};

/** As much of a text as fits. */
export function clip(text: string, maximumBytes: number): string {
  // No unit of UTF-16 takes more than three bytes.
  if (3 * text.length <= maximumBytes || Buffer.byteLength(text) <= maximumBytes) return text;
  const cut = Buffer.from(text).subarray(0, maximumBytes);
  return cut.toString().replace(/\uFFFD+$/u, '');
}

const clipName = (name: string): string => clip(name, MAX_TOLD_NAME_BYTES);

export function channelRecord(connection: Connection): ChannelRecord {
  const { dialect, transport } = connection;
  return {
    connectionId: connection.id,
    address: clipName(transport.remoteAddress),
    port: transport.remotePort ?? 0,
    dialect: dialect?.name,
    clientGuid: connection.clientGuid,
    signing:
      dialect === undefined ? undefined : SIGNING[connection.signingAlgorithm as SigningAlgorithm],
    cipher: connection.cipherId === 0 ? undefined : CIPHERS[connection.cipherId as CipherId],
    compression: connection.compression?.algorithms.map((one) => COMPRESSION[one]).join(', '),
    idleMs: Math.max(0, Math.round(performance.now() - connection.idleSinceMs)),
  };
}

export const connectionRecord = (connection: Connection): ConnectionRecord => ({
  ...channelRecord(connection),
  sessions: connection.sessions.size,
  credits: connection.window.available,
  waitingRequests: connection.asyncRequests.size,
  rdma: connection.transport.remoteMemory?.counts(),
});

const treeRecord = (tree: TreeConnect): TreeRecord => ({
  treeId: tree.treeId,
  share: clipName(tree.share.name),
  readOnly: tree.readOnly,
  encryptionRequired: tree.encryptData,
  opens: tree.openCount,
});

/** Undefined for one that has ended. */
export function sessionRecord(session: Session): SessionRecord | undefined {
  const { account, state } = session;
  if (state === 'gone') return undefined;
  return {
    sessionId: session.sessionId,
    state,
    user: account === undefined ? undefined : clipName(account.name),
    account: account?.kind ?? 'none',
    createdAtMs: session.creationTimeMs,
    signing: !session.isUser ? 'none' : session.signingRequired ? 'required' : 'offered',
    encryption:
      !session.canEncrypt || !session.isUser
        ? 'none'
        : session.encryptData
          ? 'required'
          : 'offered',
    channels: [...session.channels.keys()].slice(0, MAX_TOLD_CHANNELS).map(channelRecord),
    trees: [...session.trees.values()].slice(0, MAX_TOLD_TREES).map(treeRecord),
    opens: session.opens.size,
    watches: session.watches,
  };
}

const accessOf = (mask: number): Rights => ({
  read: (mask & READS) !== 0,
  write: (mask & WRITES) !== 0,
  delete: (mask & DELETE) !== 0,
});

const sharingOf = (share: number): Rights => ({
  read: (share & FILE_SHARE_READ) !== 0,
  write: (share & FILE_SHARE_WRITE) !== 0,
  delete: (share & FILE_SHARE_DELETE) !== 0,
});

const stateOf = (caching: Caching): CachingState => ({
  read: (caching & R) !== 0,
  write: (caching & W) !== 0,
  handle: (caching & H) !== 0,
});

const levelOf = (caching: Caching): 'II' | 'exclusive' | 'batch' =>
  (caching & H) !== 0 ? 'batch' : (caching & W) !== 0 ? 'exclusive' : 'II';

function cachingOf({ lease, file }: Open, self: Open): CachingRecord {
  const owner = lease ?? self;
  const grant = file?.grants.find((one: FileGrant) => one.owner === owner);
  if (grant === undefined) return { kind: 'none' };
  const { state, breakingTo } = grant;
  if (lease === undefined) {
    if (state === 0) return { kind: 'none' };
    return {
      kind: 'oplock',
      level: levelOf(state),
      breakingTo: breakingTo === undefined ? undefined : breakingTo === 0 ? 'none' : 'II',
    };
  }
  return {
    kind: 'lease',
    state: stateOf(state),
    breakingTo: breakingTo === undefined ? undefined : stateOf(breakingTo),
    version: lease.version === 1 ? '1' : '2',
    epoch: lease.epoch,
    key: lease.leaseKey,
    parentKey: lease.parentLeaseKey,
  };
}

function pathOf({ pipe, handle }: Open): string | undefined {
  if (pipe !== undefined) return clip(`/${pipe.name}`, MAX_TOLD_PATH_BYTES);
  const path = handle?.path();
  if (path === undefined || isErrno(path)) return undefined;
  const stream = handle?.streamName();
  const suffix = typeof stream === 'string' ? `:${stream}` : '';
  return clip(`/${path.join('/')}${suffix}`, MAX_TOLD_PATH_BYTES);
}

export function addressOf({ channels }: Session): string {
  const [connection] = channels.keys();
  return connection?.transport.remoteAddress ?? '';
}

/** Of its session, or of the one that it had. */
export const userOf = ({ session, durability }: Open): string =>
  session?.account?.name ?? durability?.owner ?? '';

function durabilityOf({ state, durability }: Open): DurabilityRecord {
  if (durability === undefined) return { kind: 'none', disconnected: false, leftMs: undefined };
  const { isDurable, isResilient, persistent, deadlineMs } = durability;
  const kept = persistent === undefined ? (isDurable ? 'durable' : 'none') : 'persistent';
  const disconnected = state === 'disconnected';
  return {
    kind: isResilient ? 'resilient' : kept,
    disconnected,
    leftMs: disconnected ? Math.max(0, Math.round(deadlineMs - performance.now())) : undefined,
  };
}

/** With its byte ranges if they were asked for. */
export function openRecord(open: Open, withRanges: boolean): OpenRecord {
  const { session, file } = open;
  return {
    openId: open.persistentId,
    sessionId: session?.sessionId ?? 0,
    user: clipName(userOf(open)),
    address: session === undefined ? '' : clipName(addressOf(session)),
    share: clipName(open.home.name),
    kind: open.pipe === undefined ? (open.handle?.kind ?? 'other') : 'pipe',
    path: pathOf(open),
    accessMask: open.access >>> 0,
    access: accessOf(open.access),
    sharing: sharingOf(open.share),
    caching: cachingOf(open, open),
    locks: file?.locks.count(open) ?? 0,
    waitingLocks: file?.locks.waiting(open) ?? 0,
    ranges: withRanges ? (file?.locks.ranges(open, MAX_TOLD_RANGES) ?? []) : [],
    watching: open.watch !== undefined,
    deletePending: file?.deletePending ?? false,
    durability: durabilityOf(open),
    openedAtMs: open.openedAtSeconds * 1000,
  };
}
