/**
 * What the control plane and the tools ask of the data plane (MS-SMB2 3.3.4.15 to 3.3.4.21 and the
 * tables of 3.3.1): who is connected and what they hold. Plain values; a listing comes in pages that
 * cost the server little each, so it shows each record as it is when its page is made, not all of one moment.
 */
import {
  MAX_TOLD_CHANNELS,
  MAX_TOLD_NAME_BYTES,
  MAX_TOLD_PATH_BYTES,
  MAX_TOLD_RANGES,
  MAX_TOLD_TREES,
} from '../base/limits.ts';
import type { MaybePromise } from './control-plane.ts';
import type { Value } from './fields.ts';
import {
  bytes,
  flag,
  list,
  maybe,
  oneOf,
  record,
  text,
  u16,
  u32,
  u64,
  variant,
  whole,
} from './fields.ts';

const path = text(MAX_TOLD_PATH_BYTES);
const name = text(MAX_TOLD_NAME_BYTES);

export const serverSummary = record({
  serverName: name,
  processId: u32,
  /** Unix time. */
  startedAtMs: whole,
  connections: u32,
  sessions: u32,
  treeConnects: u32,
  opens: u32,
  /** Of those opens: their client is gone, and may come back. */
  disconnectedOpens: u32,
  /** Files with at least one open. */
  files: u32,
  /** Byte-range locks, held and waited for. */
  locks: u32,
  /** Requests that wait for something, their clients told so. */
  waitingRequests: u32,
  /** Of the large buffers that connections share: in use now. */
  bufferBytes: whole,
  /** Since the start: CREATEs and SESSION_SETUPs that were done, pipes and logins anew among them. */
  opensCreated: whole,
  sessionsEstablished: whole,
  /** Of those that were refused: for the password, and anything for want of a right. */
  loginFailures: whole,
  accessesDenied: whole,
  /** Of files by READ and WRITE: what was sent, and received. */
  readBytes: whole,
  writtenBytes: whole,
});
export type ServerSummary = Value<typeof serverSummary>;

/** One transport connection, and what was negotiated on it. */
const endpoint = {
  connectionId: whole,
  address: name,
  /** 0 where the transport has no ports. */
  port: u16,
  /** 'SMB3_11'; undefined before NEGOTIATE. */
  dialect: maybe(name),
  /** ClientGuid; all zero where the client gave none. */
  clientGuid: bytes(16),
  signing: maybe(oneOf('HMAC-SHA256', 'AES-CMAC', 'AES-GMAC')),
  cipher: maybe(oneOf('AES-128-CCM', 'AES-128-GCM', 'AES-256-CCM', 'AES-256-GCM')),
  /** Algorithms of MS-SMB2 2.2.3.1.3 that messages may be compressed by: 'LZ77, Pattern_V1'. */
  compression: maybe(name),
  /** Since its last request. */
  idleMs: whole,
} as const;

/** MS-SMBD 3.1.1: what a connection by RDMA has done, and stands at. */
const rdmaRecord = record({
  sends: whole,
  receives: whole,
  /** Into the client's memory: data of its READs; and out of it: of its WRITEs. */
  writtenBytes: whole,
  readBytes: whole,
  /** WRITEs whose data are being fetched, or wait to be. */
  fetches: u32,
  /** Connection.SendCredits and Connection.ReceiveCredits. */
  sendCredits: u32,
  receiveCredits: u32,
  /** Of answers that wait for credits. */
  queuedBytes: whole,
});
export type RdmaRecord = Value<typeof rdmaRecord>;

export const connectionRecord = record({
  ...endpoint,
  sessions: u32,
  /** Credits that the client holds. */
  credits: u32,
  waitingRequests: u32,
  /** Undefined for TCP. */
  rdma: maybe(rdmaRecord),
});
export type ConnectionRecord = Value<typeof connectionRecord>;

const treeRecord = record({
  treeId: u32,
  share: name,
  readOnly: flag,
  /** Takes encrypted requests only. */
  encryptionRequired: flag,
  opens: u32,
});
export type TreeRecord = Value<typeof treeRecord>;

const channelRecord = record(endpoint);
export type ChannelRecord = Value<typeof channelRecord>;

export const sessionRecord = record({
  sessionId: whole,
  state: oneOf('inProgress', 'valid', 'expired'),
  /** Undefined before the login is done; empty for an anonymous one. */
  user: maybe(name),
  account: oneOf('none', 'user', 'guest', 'anonymous'),
  /** Unix time. */
  createdAtMs: whole,
  /** Guests have no keys: 'none'. */
  signing: oneOf('none', 'offered', 'required'),
  encryption: oneOf('none', 'offered', 'required'),
  /** Oldest first. */
  channels: list(channelRecord, MAX_TOLD_CHANNELS),
  trees: list(treeRecord, MAX_TOLD_TREES),
  opens: u32,
  /** Directories that it watches. */
  watches: u32,
});
export type SessionRecord = Value<typeof sessionRecord>;

/** What may be done with the data, and with the name. */
const rights = record({ read: flag, write: flag, delete: flag });
export type Rights = Value<typeof rights>;

/** What a client may cache: reads, writes, the handle. */
const cachingState = record({ read: flag, write: flag, handle: flag });
export type CachingState = Value<typeof cachingState>;

const caching = variant({
  none: record({}),
  oplock: record({
    level: oneOf('II', 'exclusive', 'batch'),
    /** A break that its holder has not acknowledged. */
    breakingTo: maybe(oneOf('none', 'II', 'exclusive')),
  }),
  lease: record({
    state: cachingState,
    breakingTo: maybe(cachingState),
    version: oneOf('1', '2'),
    /** Version 2; counts the changes of its state. */
    epoch: u16,
    key: bytes(16),
    parentKey: maybe(bytes(16)),
  }),
});
export type CachingRecord = Value<typeof caching>;

const byteRange = record({ offset: u64, length: u64, exclusive: flag, waiting: flag });
export type ByteRange = Value<typeof byteRange>;

const durability = record({
  /** How far the open survives its connection. */
  kind: oneOf('none', 'durable', 'resilient', 'persistent'),
  /** Its connection is gone. */
  disconnected: flag,
  /** Then: until it is closed. */
  leftMs: maybe(whole),
});
export type Durability = Value<typeof durability>;

export const openRecord = record({
  openId: whole,
  /** 0 where it is disconnected. */
  sessionId: whole,
  user: name,
  /** Of its client. */
  address: name,
  share: name,
  kind: oneOf('file', 'directory', 'pipe', 'symlink', 'other'),
  /** From the share's root on, `/` before each name; undefined where it has no name any more. */
  path: maybe(path),
  accessMask: u32,
  access: rights,
  sharing: rights,
  caching,
  locks: u32,
  waitingLocks: u32,
  /** The first of them, where they were asked for. */
  ranges: list(byteRange, MAX_TOLD_RANGES),
  /** It tells its client of changes in its directory. */
  watching: flag,
  deletePending: flag,
  durability,
  /** Unix time. */
  openedAtMs: whole,
});
export type OpenRecord = Value<typeof openRecord>;

/** Undefined members let everything through. Names are compared without case. */
export const filter = record({ user: maybe(name), share: maybe(name) });
export type Filter = Value<typeof filter>;

export const openQuery = record({ filter, ranges: flag });
export type OpenQuery = Value<typeof openQuery>;

export interface Listing<T> {
  /** The next records, perhaps none; undefined at the end. */
  next(): MaybePromise<readonly T[] | undefined>;
}

export interface DataPlane {
  summary(): MaybePromise<ServerSummary>;
  connections(): Listing<ConnectionRecord>;
  sessions(filter: Filter): Listing<SessionRecord>;
  opens(query: OpenQuery): Listing<OpenRecord>;
  /** MS-SMB2 3.3.4.17: an open by its openId, for its client to find closed. False: there is none. */
  closeOpen(openId: number): MaybePromise<boolean>;
  /** MS-SMB2 3.3.4.12: a session with all that it has open; nothing is kept for its client. */
  closeSession(sessionId: number): MaybePromise<boolean>;
}
