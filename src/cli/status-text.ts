/** The status of a server as tables for people. */
import { printable } from '../base/printable.ts';
import type {
  CachingRecord,
  ChannelRecord,
  ConnectionRecord,
  Durability,
  OpenRecord,
  Rights,
  ServerSummary,
  SessionRecord,
} from '../ipc/data-plane.ts';
import { type Collected, leaseStateText, openIdText, sessionIdText } from '../ipc/status.ts';

export interface StatusTextOptions {
  readonly connections: boolean;
  /** Unix time. */
  readonly now: number;
}

export function statusText(
  { server, connections, sessions, opens }: Collected,
  options: StatusTextOptions,
): string {
  const parts = [
    summaryText(server, options.now),
    table('Sessions', SESSION_COLUMNS, sessions.flatMap(sessionRows)),
    table('Open files', OPEN_COLUMNS, opens.map(openRow)),
  ];
  const ranges = opens.flatMap(rangeRows);
  if (ranges.length > 0) parts.push(table('Locked ranges', RANGE_COLUMNS, ranges));
  if (options.connections) {
    parts.push(table('Connections', CONNECTION_COLUMNS, connections.map(connectionRow)));
    const direct = connections.flatMap(rdmaRows);
    if (direct.length > 0) parts.push(table('RDMA', RDMA_COLUMNS, direct));
  }
  return parts.join('\n');
}

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

function summaryText(server: ServerSummary, now: number): string {
  const counts = [
    count(server.connections, 'connection'),
    count(server.sessions, 'session'),
    count(server.treeConnects, 'tree connect'),
    count(server.opens, 'open'),
    count(server.files, 'file'),
    count(server.locks, 'lock'),
    count(server.waitingRequests, 'request that waits', 'requests that wait'),
  ];
  if (server.disconnectedOpens > 0) counts.push(`${server.disconnectedOpens} disconnected`);
  const up = timeText(now - server.startedAtMs);
  return `${printable(server.serverName)}, process ${server.processId}, up ${up}\n${counts.join(', ')}\n`;
}

/** Two units at most: `3 d 4 h`, `59 s`. */
export function timeText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units = [
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3600) % 24],
    ['min', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ] as const;
  const first = units.findIndex(([, n]) => n > 0);
  if (first < 0) return '0 s';
  return units
    .slice(first, first + 2)
    .filter(([, n]) => n > 0)
    .map(([unit, n]) => `${n} ${unit}`)
    .join(' ');
}

const SESSION_COLUMNS = [
  'SESSION',
  'USER',
  'CLIENT',
  'DIALECT',
  'SIGNING',
  'ENCRYPTION',
  'SHARES',
  'OPENS',
  'IDLE',
];

const clientOf = ({ address, port }: Pick<ChannelRecord, 'address' | 'port'>): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

const dialectOf = ({ dialect }: ChannelRecord): string =>
  dialect === undefined
    ? '-'
    : dialect.replace(/^SMB/, '').replace('_0', '.0.').replace('_1', '.1.');

/** A session has a line for each channel; what is the same for all stands in the first. */
function sessionRows(session: SessionRecord): string[][] {
  const [first, ...others] = session.channels;
  const shares = session.trees.map(({ share, opens }) =>
    opens === 0 ? share : `${share} (${opens})`,
  );
  const row = (id: string, user: string, channel: ChannelRecord | undefined, rest: string[]) => [
    ...[id, user],
    channel === undefined ? '-' : clientOf(channel),
    channel === undefined ? '-' : dialectOf(channel),
    protection(session.signing, channel?.signing),
    protection(session.encryption, channel?.cipher),
    ...rest,
    channel === undefined ? '-' : timeText(channel.idleMs),
  ];
  return [
    row(sessionIdText(session.sessionId), userOf(session), first, [
      shares.join(', ') || '-',
      `${session.opens}`,
    ]),
    ...others.map((channel) => row('', '  channel', channel, ['', ''])),
  ];
}

function userOf({ user, account, state }: SessionRecord): string {
  const name = account === 'anonymous' ? '(anonymous)' : (user ?? '(logging in)');
  const kind = account === 'guest' ? `${name} (guest)` : name;
  return state === 'expired' ? `${kind} (expired)` : kind;
}

function protection(state: SessionRecord['signing'], algorithm: string | undefined): string {
  if (state === 'none' || algorithm === undefined) return 'no';
  return state === 'required' ? algorithm : `(${algorithm})`;
}

const OPEN_COLUMNS = [
  'OPEN',
  'USER',
  'CLIENT',
  'SHARE',
  'ACCESS',
  'SHARING',
  'CACHING',
  'LOCKS',
  'DURABLE',
  'PATH',
];

const openRow = (open: OpenRecord): string[] => [
  openIdText(open.openId),
  open.user || '(anonymous)',
  open.address,
  open.share,
  rightsText(open.access),
  rightsText(open.sharing),
  cachingText(open.caching),
  open.waitingLocks === 0 ? `${open.locks || '-'}` : `${open.locks}+${open.waitingLocks} waiting`,
  durabilityText(open.durability),
  `${pathText(open)}${open.deletePending ? ' (delete pending)' : ''}${open.watching ? ' (watched)' : ''}`,
];

function pathText({ path, kind }: OpenRecord): string {
  if (path === undefined) return '(removed)';
  return kind === 'directory' && path !== '/' ? `${path}/` : path;
}

const rightsText = (rights: Rights): string =>
  `${rights.read ? 'R' : ''}${rights.write ? 'W' : ''}${rights.delete ? 'D' : ''}` || '-';

export function cachingText(caching: CachingRecord): string {
  switch (caching.kind) {
    case 'none':
      return '-';
    case 'oplock':
      return caching.breakingTo === undefined
        ? caching.level
        : `${caching.level}→${caching.breakingTo}`;
    case 'lease': {
      const { state, breakingTo, version, epoch } = caching;
      const to = breakingTo === undefined ? '' : `→${leaseStateText(breakingTo)}`;
      return `${leaseStateText(state)}${to}${version === '2' ? ` #${epoch}` : ''}`;
    }
  }
}

export function durabilityText({ kind, disconnected, leftMs }: Durability): string {
  if (kind === 'none' && !disconnected) return '-';
  if (!disconnected) return kind;
  return leftMs === undefined ? `${kind}, gone` : `${kind}, gone, ${timeText(leftMs)} left`;
}

const RANGE_COLUMNS = ['OPEN', 'USER', 'KIND', 'OFFSET', 'LENGTH', 'STATE', 'PATH'];

const rangeRows = (open: OpenRecord): string[][] =>
  open.ranges.map(({ offset, length, exclusive, waiting }) => [
    openIdText(open.openId),
    open.user || '(anonymous)',
    exclusive ? 'exclusive' : 'shared',
    `${offset}`,
    `${length}`,
    waiting ? 'waiting' : 'held',
    pathText(open),
  ]);

const CONNECTION_COLUMNS = [
  'CLIENT',
  'TRANSPORT',
  'DIALECT',
  'SIGNING',
  'CIPHER',
  'COMPRESSION',
  'SESSIONS',
  'CREDITS',
  'WAITING',
  'IDLE',
];

const connectionRow = (connection: ConnectionRecord): string[] => [
  clientOf(connection),
  connection.rdma === undefined ? 'TCP' : 'RDMA',
  dialectOf(connection),
  connection.signing ?? '-',
  connection.cipher ?? '-',
  connection.compression ?? '-',
  `${connection.sessions}`,
  `${connection.credits}`,
  `${connection.waitingRequests}`,
  timeText(connection.idleMs),
];

const RDMA_COLUMNS = [
  'CLIENT',
  'SENDS',
  'RECEIVES',
  'BYTES WRITTEN',
  'BYTES READ',
  'FETCHES',
  'CREDITS',
  'PEER CREDITS',
  'QUEUED',
];

const rdmaRows = ({ rdma, ...connection }: ConnectionRecord): string[][] =>
  rdma === undefined
    ? []
    : [
        [
          clientOf(connection),
          ...[rdma.sends, rdma.receives, rdma.writtenBytes, rdma.readBytes, rdma.fetches],
          ...[rdma.sendCredits, rdma.receiveCredits, rdma.queuedBytes],
        ].map(String),
      ];

/** A title, and columns as wide as what they hold; the last one is never padded. */
function table(title: string, columns: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return `${title}: none\n`;
  const cells = rows.map((row) => row.map(printable));
  const widths = columns.map((name) => name.length);
  for (const row of cells) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i]!, widthOf(cell));
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell + ' '.repeat(Math.max(0, widths[i]! - widthOf(cell))))
      .join('  ')
      .trimEnd();
  return `${[title, ...[columns, ...cells].map((row) => `  ${line(row)}`)].join('\n')}\n`;
}

/** Columns of a terminal, as far as the code points tell. */
function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += WIDE.test(char) ? 2 : COMBINING.test(char) ? 0 : 1;
  return width;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{M}/u;
