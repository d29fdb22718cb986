/**
 * The whole of a data plane at about one time: what `usmbd status --json` prints and a library gets. Ids
 * are hexadecimal text; 64-bit offsets are decimal text, since JSON's numbers end at 2^53 for most.
 */
import type {
  ByteRange,
  CachingRecord,
  CachingState,
  ChannelRecord,
  ConnectionRecord,
  DataPlane,
  Filter,
  Listing,
  OpenRecord,
  Rights,
  ServerSummary,
  SessionRecord,
  TreeRecord,
} from './data-plane.ts';

/** Members are added in time; one that is there keeps its meaning while this number stays. */
export const STATUS_VERSION = 1;

export interface StatusQuery {
  /** Only what this user has; without regard to case. */
  readonly user?: string;
  /** Only sessions that are connected to this share, and what is open in it. */
  readonly share?: string;
  /** Byte ranges that are locked, beside their number. */
  readonly ranges?: boolean;
}

/** The collected records, as they came. */
export interface Collected {
  readonly server: ServerSummary;
  readonly connections: readonly ConnectionRecord[];
  readonly sessions: readonly SessionRecord[];
  readonly opens: readonly OpenRecord[];
}

export async function collect(plane: DataPlane, query: StatusQuery): Promise<Collected> {
  const { user, share, ranges = false } = query;
  const filter: Filter = { user, share };
  const everybody = user === undefined && share === undefined;
  return {
    server: await plane.summary(),
    // A connection may bear several users' sessions, or none.
    connections: everybody ? await all(plane.connections()) : [],
    sessions: await all(plane.sessions(filter)),
    opens: await all(plane.opens({ filter, ranges })),
  };
}

async function all<T>(listing: Listing<T>): Promise<T[]> {
  const records: T[] = [];
  for (;;) {
    const page = await listing.next();
    if (page === undefined) return records;
    for (const one of page) records.push(one);
    // In-process a page is there at once; others want their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export type ServerStatus = ReturnType<typeof statusOf>;

export const collectStatus = async (plane: DataPlane, query: StatusQuery): Promise<ServerStatus> =>
  statusOf(await collect(plane, query));

export const statusOf = ({ server, connections, sessions, opens }: Collected) => ({
  version: STATUS_VERSION,
  server: serverOf(server),
  connections: connections.map(connectionOf),
  sessions: sessions.map(sessionOf),
  opens: opens.map(openOf),
});

const serverOf = ({ startedAtMs, ...counts }: ServerSummary) => ({
  ...counts,
  startedAt: new Date(startedAtMs).toISOString(),
});

/** As `usmbd status` shows them. */
export const sessionIdText = (id: number): string => id.toString(16).padStart(8, '0');
export const openIdText = (id: number): string => id.toString(16).padStart(12, '0');

/** MS-DTYP 2.3.4.3; null where the client gave none (SMB 2.0.2). */
function guidText(guid: Buffer): string | null {
  if (guid.every((byte) => byte === 0)) return null;
  const swapped = Buffer.concat([
    Buffer.from(guid.subarray(0, 4)).reverse(),
    Buffer.from(guid.subarray(4, 6)).reverse(),
    Buffer.from(guid.subarray(6, 8)).reverse(),
    guid.subarray(8),
  ]).toString('hex');
  return swapped.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const endpointOf = (one: ChannelRecord) => ({
  connectionId: one.connectionId,
  address: one.address,
  port: one.port,
  dialect: one.dialect ?? null,
  clientGuid: guidText(one.clientGuid),
  signing: one.signing ?? null,
  cipher: one.cipher ?? null,
  compression: one.compression ?? null,
  idleMs: one.idleMs,
});

const connectionOf = (one: ConnectionRecord) => ({
  ...endpointOf(one),
  sessions: one.sessions,
  credits: one.credits,
  waitingRequests: one.waitingRequests,
  rdma: one.rdma ?? null,
});

const treeOf = ({ treeId, share, readOnly, encryptionRequired, opens }: TreeRecord) => ({
  treeId,
  share,
  readOnly,
  encryptionRequired,
  opens,
});

const sessionOf = (one: SessionRecord) => ({
  sessionId: sessionIdText(one.sessionId),
  state: one.state,
  user: one.user ?? null,
  account: one.account,
  createdAt: new Date(one.createdAtMs).toISOString(),
  signing: one.signing,
  encryption: one.encryption,
  channels: one.channels.map(endpointOf),
  trees: one.trees.map(treeOf),
  opens: one.opens,
  watches: one.watches,
});

export function rightsOf(rights: Rights): ('read' | 'write' | 'delete')[] {
  return (['read', 'write', 'delete'] as const).filter((right) => rights[right]);
}

/** `RWH`; `none` where nothing may be cached. */
export function leaseStateText({ read, write, handle }: CachingState): string {
  return `${read ? 'R' : ''}${write ? 'W' : ''}${handle ? 'H' : ''}` || 'none';
}

function cachingOf(caching: CachingRecord) {
  switch (caching.kind) {
    case 'none':
      return null;
    case 'oplock':
      return { kind: caching.kind, level: caching.level, breakingTo: caching.breakingTo ?? null };
    case 'lease':
      return {
        kind: caching.kind,
        state: leaseStateText(caching.state),
        breakingTo: caching.breakingTo === undefined ? null : leaseStateText(caching.breakingTo),
        version: Number(caching.version),
        epoch: caching.epoch,
        key: caching.key.toString('hex'),
        parentKey: caching.parentKey?.toString('hex') ?? null,
      };
  }
}

const rangeOf = ({ offset, length, exclusive, waiting }: ByteRange) => ({
  offset: `${offset}`,
  length: `${length}`,
  exclusive,
  waiting,
});

const openOf = (one: OpenRecord) => ({
  openId: openIdText(one.openId),
  sessionId: one.sessionId === 0 ? null : sessionIdText(one.sessionId),
  user: one.user,
  address: one.address,
  share: one.share,
  kind: one.kind,
  path: one.path ?? null,
  access: rightsOf(one.access),
  accessMask: `0x${one.accessMask.toString(16).padStart(8, '0')}`,
  sharing: rightsOf(one.sharing),
  caching: cachingOf(one.caching),
  locks: one.locks,
  waitingLocks: one.waitingLocks,
  ranges: one.ranges.map(rangeOf),
  watching: one.watching,
  deletePending: one.deletePending,
  durability: {
    kind: one.durability.kind,
    disconnected: one.durability.disconnected,
    leftMs: one.durability.leftMs ?? null,
  },
  openedAt: new Date(one.openedAtMs).toISOString(),
});
