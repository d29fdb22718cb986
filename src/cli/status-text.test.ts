import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenRecord, SessionRecord } from '../ipc/data-plane.ts';
import { type Collected, statusOf } from '../ipc/status.ts';
import { cachingText, durabilityText, statusText, timeText } from './status-text.ts';

const START = Date.UTC(2026, 0, 2, 3, 4, 5);
const KEY = Buffer.alloc(16, 0xab);

const endpoint = {
  connectionId: 1,
  address: '192.0.2.7',
  port: 50_123,
  dialect: 'SMB3_11',
  clientGuid: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
  signing: 'AES-GMAC',
  cipher: 'AES-128-GCM',
  compression: 'LZ77',
  idleMs: 3_000,
} as const;

const session: SessionRecord = {
  sessionId: 0xabc,
  state: 'valid',
  user: 'ann',
  account: 'user',
  createdAtMs: START,
  signing: 'required',
  encryption: 'offered',
  channels: [
    endpoint,
    { ...endpoint, connectionId: 2, address: '2001:db8::7', port: 4, idleMs: 60_000 },
  ],
  trees: [
    { treeId: 1, share: 'photos', readOnly: false, encryptionRequired: false, opens: 2 },
    { treeId: 2, share: 'papers', readOnly: true, encryptionRequired: true, opens: 0 },
  ],
  opens: 2,
  watches: 0,
};

const open: OpenRecord = {
  openId: 0xdef,
  sessionId: 0xabc,
  user: 'ann',
  address: '192.0.2.7',
  share: 'photos',
  kind: 'file',
  path: '/2026/a.jpg',
  accessMask: 0x0012_0089,
  access: { read: true, write: false, delete: false },
  sharing: { read: true, write: false, delete: true },
  caching: {
    kind: 'lease',
    state: { read: true, write: true, handle: true },
    breakingTo: { read: true, write: false, handle: true },
    version: '2',
    epoch: 5,
    key: KEY,
    parentKey: undefined,
  },
  locks: 1,
  waitingLocks: 2,
  ranges: [{ offset: 0n, length: 2n ** 64n - 1n, exclusive: true, waiting: false }],
  watching: false,
  deletePending: false,
  durability: { kind: 'durable', disconnected: true, leftMs: 61_000 },
  openedAtMs: START,
};

const collected: Collected = {
  server: {
    serverName: 'NAS',
    processId: 77,
    startedAtMs: START,
    connections: 2,
    sessions: 1,
    treeConnects: 2,
    opens: 2,
    disconnectedOpens: 1,
    files: 2,
    locks: 3,
    waitingRequests: 1,
    bufferBytes: 0,
    opensCreated: 0,
    sessionsEstablished: 0,
    loginFailures: 0,
    accessesDenied: 0,
    readBytes: 0,
    writtenBytes: 0,
  },
  connections: [
    { ...endpoint, sessions: 1, credits: 128, waitingRequests: 1, rdma: undefined },
    {
      ...endpoint,
      ...{ connectionId: 2, port: 50_124, sessions: 1, credits: 1, waitingRequests: 0 },
      rdma: {
        ...{ sends: 12, receives: 13, writtenBytes: 1_000_000, readBytes: 2_000_000 },
        ...{ fetches: 1, sendCredits: 254, receiveCredits: 255, queuedBytes: 0 },
      },
    },
  ],
  sessions: [session],
  opens: [
    open,
    {
      ...open,
      openId: 0xd,
      kind: 'directory',
      path: '/2026',
      caching: { kind: 'oplock', level: 'batch', breakingTo: undefined },
      locks: 0,
      waitingLocks: 0,
      ranges: [],
      watching: true,
      durability: { kind: 'none', disconnected: false, leftMs: undefined },
    },
  ],
};

test('tables', () => {
  const text = statusText(collected, { connections: true, now: START + 7_500_000 });
  assert.equal(
    text,
    `NAS, process 77, up 2 h 5 min
2 connections, 1 session, 2 tree connects, 2 opens, 2 files, 3 locks, 1 request that waits, 1 disconnected

Sessions
  SESSION   USER       CLIENT           DIALECT  SIGNING   ENCRYPTION     SHARES              OPENS  IDLE
  00000abc  ann        192.0.2.7:50123  3.1.1    AES-GMAC  (AES-128-GCM)  photos (2), papers  2      3 s
              channel  [2001:db8::7]:4  3.1.1    AES-GMAC  (AES-128-GCM)                             1 min

Open files
  OPEN          USER  CLIENT     SHARE   ACCESS  SHARING  CACHING    LOCKS        DURABLE                        PATH
  000000000def  ann   192.0.2.7  photos  R       RD       RWH→RH #5  1+2 waiting  durable, gone, 1 min 1 s left  /2026/a.jpg
  00000000000d  ann   192.0.2.7  photos  R       RD       batch      -            -                              /2026/ (watched)

Locked ranges
  OPEN          USER  KIND       OFFSET  LENGTH                STATE  PATH
  000000000def  ann   exclusive  0       18446744073709551615  held   /2026/a.jpg

Connections
  CLIENT           TRANSPORT  DIALECT  SIGNING   CIPHER       COMPRESSION  SESSIONS  CREDITS  WAITING  IDLE
  192.0.2.7:50123  TCP        3.1.1    AES-GMAC  AES-128-GCM  LZ77         1         128      1        3 s
  192.0.2.7:50124  RDMA       3.1.1    AES-GMAC  AES-128-GCM  LZ77         1         1        0        3 s

RDMA
  CLIENT           SENDS  RECEIVES  BYTES WRITTEN  BYTES READ  FETCHES  CREDITS  PEER CREDITS  QUEUED
  192.0.2.7:50124  12     13        1000000        2000000     1        254      255           0
`,
  );
});

test('an empty server, and sessions of other kinds', () => {
  const empty = statusText(
    { ...collected, connections: [], sessions: [], opens: [] },
    { connections: false, now: START },
  );
  assert.match(empty, /\n\nSessions: none\n\nOpen files: none\n$/);
  const others = statusText(
    {
      ...collected,
      opens: [],
      sessions: [
        { ...session, account: 'guest', signing: 'none', encryption: 'none', channels: [] },
        { ...session, account: 'anonymous', user: '' },
        { ...session, account: 'none', user: undefined, state: 'inProgress' },
        { ...session, state: 'expired', encryption: 'required' },
      ],
    },
    { connections: false, now: START },
  );
  assert.match(others, /ann \(guest\) +- +- +no +no +photos \(2\)/);
  assert.match(others, /\(anonymous\)/);
  assert.match(others, /\(logging in\)/);
  assert.match(others, /ann \(expired\).* AES-128-GCM /);
});

test('a name cannot drive the terminal, and wide ones keep the columns', () => {
  const named = (path: string): OpenRecord => ({ ...open, path, user: '安' });
  const text = statusText(
    { ...collected, sessions: [], opens: [named('/\u001b[2J\u202egpj.exe'), open] },
    { connections: false, now: START },
  );
  assert.ok(text.includes('/\\u001b[2J\\u202egpj.exe'));
  assert.ok(!text.includes('\u001b') && !text.includes('\u202e'));
  assert.match(text, /\n {2}000000000def {2}安 {4}192/);
});

test('times, caching and durability', () => {
  assert.deepEqual([0, 999, 59_400, 60_000, 3_661_000, 90_061_000].map(timeText), [
    '0 s',
    '1 s',
    '59 s',
    '1 min',
    '1 h 1 min',
    '1 d 1 h',
  ]);
  const none = { read: false, write: false, handle: false };
  const lease = { kind: 'lease', version: '1', epoch: 0, key: KEY, parentKey: undefined } as const;
  assert.equal(cachingText({ ...lease, state: none, breakingTo: undefined }), 'none');
  assert.equal(
    cachingText({ ...lease, state: { ...none, read: true }, breakingTo: none }),
    'R→none',
  );
  assert.equal(
    cachingText({ kind: 'oplock', level: 'exclusive', breakingTo: 'II' }),
    'exclusive→II',
  );
  assert.equal(
    durabilityText({ kind: 'resilient', disconnected: false, leftMs: undefined }),
    'resilient',
  );
});

test('JSON: ids as text, what is absent as null', () => {
  const status = JSON.parse(JSON.stringify(statusOf(collected)));
  assert.deepEqual(Object.keys(status), ['version', 'server', 'connections', 'sessions', 'opens']);
  assert.equal(status.version, 1);
  assert.equal(status.server.startedAt, '2026-01-02T03:04:05.000Z');
  assert.deepEqual(status.sessions[0].channels[0], {
    ...endpoint,
    clientGuid: '33221100-5544-7766-8899-aabbccddeeff',
  });
  assert.equal(status.sessions[0].sessionId, '00000abc');
  const [first, second] = status.opens;
  assert.deepEqual(first, {
    openId: '000000000def',
    sessionId: '00000abc',
    user: 'ann',
    address: '192.0.2.7',
    share: 'photos',
    kind: 'file',
    path: '/2026/a.jpg',
    access: ['read'],
    accessMask: '0x00120089',
    sharing: ['read', 'delete'],
    caching: {
      kind: 'lease',
      state: 'RWH',
      breakingTo: 'RH',
      version: 2,
      epoch: 5,
      key: 'ab'.repeat(16),
      parentKey: null,
    },
    locks: 1,
    waitingLocks: 2,
    ranges: [{ offset: '0', length: '18446744073709551615', exclusive: true, waiting: false }],
    watching: false,
    deletePending: false,
    durability: { kind: 'durable', disconnected: true, leftMs: 61_000 },
    openedAt: '2026-01-02T03:04:05.000Z',
  });
  assert.deepEqual(second.caching, { kind: 'oplock', level: 'batch', breakingTo: null });
});
