/** MS-CIFS 2.2.4: one draft of every command of SMB1, of those that no server performs too, with what is legal in it and what is not. */
import { setAndX, writeBlock } from '../../../../src/smb1/block.ts';
import { Smb1Command, type Smb1CommandName, smb1CommandName } from '../../../../src/smb1/header.ts';
import {
  ASCII,
  type Draft,
  data,
  draft,
  FIRST_BLOCK_AT,
  flags,
  type Ground,
  length,
  NO_ANDX,
  NOTHING,
  name,
  offset,
  pack,
  u16,
  u32,
} from './ground.ts';
import { ntTransact, secondary, transaction, transaction2 } from './transactions.ts';

type Make = (ground: Ground, at: number) => Draft;

const none = NOTHING;
const ANDX = [NO_ANDX, 0, 0] as const;

/** Commands that name one path, behind words. */
const ofPath =
  (words: (g: Ground) => Buffer, ...more: readonly ((g: Ground) => Buffer)[]): Make =>
  (g, at) =>
    draft(g, at, words(g), ASCII, name(g), ...more.map((make) => make(g)));

const ofTwoPaths =
  (words: (g: Ground) => Buffer): Make =>
  (g, at) =>
    draft(g, at, words(g), ASCII, name(g), ASCII, name(g));

/** What nobody performs. */
const anything: Make = (g, at) =>
  draft(g, at, g.random.bytes(2 * g.random.below(20)), ASCII, name(g), data(g));

const resumeKey = (g: Ground): Buffer =>
  g.random.chance(0.6)
    ? Buffer.from([5, 0, 0])
    : Buffer.concat([pack('bh', 5, 21), pack('bhi', 0, g.random.below(6), u32(g)), data(g, 14)]);

const search: Make = (g, at) =>
  draft(g, at, pack('hh', u16(g) & 0xff, flags(g)), ASCII, name(g), resumeKey(g));

const written = (g: Ground): Buffer => {
  const some = data(g);
  return Buffer.concat([pack('bh', 1, some.length), some]);
};

const oldWrite: Make = (g, at) => {
  const bytes = written(g);
  return draft(g, at, pack('hhih', g.fid, bytes.length - 3, offset(g), 0), bytes);
};

function lockRanges(g: Ground): Draft {
  const isLarge = g.random.chance(0.5);
  const count = g.random.below(5);
  const unlocks = g.random.below(count + 1);
  const one = (): Buffer =>
    isLarge
      ? pack('hhiiii', 1, 0, g.random.pick([0, 0, u32(g)]), offset(g), 0, g.random.below(200))
      : pack('hii', 1, g.random.below(300), g.random.below(100));
  const type = (isLarge ? 0x10 : 0) | g.random.pick([0, 0, 1, 2, 4, 8]);
  const timeout = g.random.pick([0, 0, 0, 50, 0xffff_ffff]);
  const words = pack(
    'bbhhbbihh',
    ...ANDX,
    g.fid,
    type,
    g.random.below(3),
    timeout,
    unlocks,
    count - unlocks,
  );
  return { words, bytes: Buffer.concat(Array.from({ length: count }, one)) };
}

function writeAndX(g: Ground, at: number): Draft {
  const some = data(g, 500);
  const isLong = g.random.chance(0.7);
  const from = at + 1 + (isLong ? 28 : 24) + 2;
  const words = pack(
    'bbhhiihhhhh',
    ...ANDX,
    ...[g.fid, offset(g), 0, g.random.below(16), 0, 0, some.length, from],
  );
  const high = pack('i', g.random.pick([0, 0, 1, 0x7fff_ffff, 0xffff_ffff]));
  return { words: isLong ? Buffer.concat([words, high]) : words, bytes: some };
}

function sessionSetup(g: Ground, at: number): Draft {
  const token = data(g, 120);
  if (g.random.chance(0.5)) {
    const words = pack('bbhhhhihii', ...ANDX, 0xffff, 50, 1, 0, token.length, 0, flags(g));
    return draft(g, at, words, token, 'Fuzz', 'Fuzz');
  }
  const secret = data(g, 60);
  const words = pack(
    'bbhhhhihhii',
    ...ANDX,
    0xffff,
    50,
    1,
    0,
    token.length,
    secret.length,
    0,
    flags(g),
  );
  return draft(
    g,
    at,
    words,
    token,
    secret,
    g.random.pick(['', 'usmbd-t1', 'x']),
    '',
    'Fuzz',
    'Fuzz',
  );
}

const DIALECTS = ['NT LM 0.12', 'LANMAN1.0', 'PC NETWORK PROGRAM 1.0', 'SMB 2.???', ''];

export const DRAFTS: Readonly<Record<Smb1CommandName, Make>> = {
  CREATE_DIRECTORY: ofPath(() => none),
  DELETE_DIRECTORY: ofPath(() => none),
  OPEN: ofPath((g) => pack('hh', u16(g), u16(g))),
  CREATE: ofPath((g) => pack('hi', u16(g), u32(g))),
  CLOSE: (g, at) => draft(g, at, pack('hi', g.fid, u32(g))),
  FLUSH: (g, at) => draft(g, at, pack('h', g.random.chance(0.2) ? 0xffff : g.fid)),
  DELETE: ofPath((g) => pack('h', u16(g))),
  RENAME: ofTwoPaths((g) => pack('h', u16(g))),
  QUERY_INFORMATION: ofPath(() => none),
  SET_INFORMATION: ofPath((g) => pack('hihhhhh', u16(g), u32(g), 0, 0, 0, 0, 0)),
  READ: (g, at) => draft(g, at, pack('hhih', g.fid, length(g), offset(g), 0)),
  WRITE: oldWrite,
  LOCK_BYTE_RANGE: (g, at) =>
    draft(g, at, pack('hii', g.fid, g.random.below(300), g.random.below(300))),
  UNLOCK_BYTE_RANGE: (g, at) =>
    draft(g, at, pack('hii', g.fid, g.random.below(300), g.random.below(300))),
  CREATE_TEMPORARY: ofPath((g) => pack('hi', u16(g), u32(g))),
  CREATE_NEW: ofPath((g) => pack('hi', u16(g), u32(g))),
  CHECK_DIRECTORY: ofPath(() => none),
  PROCESS_EXIT: (g, at) => draft(g, at, none),
  SEEK: (g, at) => draft(g, at, pack('hhi', g.fid, g.random.below(4), u32(g))),
  LOCK_AND_READ: (g, at) => draft(g, at, pack('hhih', g.fid, length(g), g.random.below(300), 0)),
  WRITE_AND_UNLOCK: oldWrite,
  READ_RAW: (g, at) => draft(g, at, pack('hihhih', g.fid, offset(g), u16(g), 0, 0, 0)),
  ...{ READ_MPX: anything, READ_MPX_SECONDARY: anything, WRITE_RAW: anything, WRITE_MPX: anything },
  ...{ WRITE_MPX_SECONDARY: anything, WRITE_COMPLETE: anything, QUERY_SERVER: anything },
  SET_INFORMATION2: (g, at) => draft(g, at, Buffer.concat([pack('h', g.fid), g.random.bytes(12)])),
  QUERY_INFORMATION2: (g, at) => draft(g, at, pack('h', g.fid)),
  LOCKING_ANDX: lockRanges,
  TRANSACTION: transaction,
  TRANSACTION_SECONDARY: secondary(false),
  ...{ IOCTL: anything, IOCTL_SECONDARY: anything, COPY: anything, MOVE: anything },
  ECHO: (g, at) => draft(g, at, pack('h', g.random.pick([0, 1, 3, 64, u16(g)])), data(g, 50)),
  WRITE_AND_CLOSE: (g, at) => {
    const some = data(g);
    const words = pack('hhiiiii', g.fid, some.length, offset(g), u32(g), 0, 0, 0);
    return draft(
      g,
      at,
      g.random.chance(0.5) ? words : words.subarray(0, 12),
      Buffer.alloc(1),
      some,
    );
  },
  OPEN_ANDX: (g, at) => {
    const size = g.random.below(100_000);
    const words = pack(
      'bbhhhhhihiii',
      ...[...ANDX, u16(g), u16(g), u16(g), u16(g), u32(g), g.random.below(0x14), size, 0, 0],
    );
    return draft(g, at, words, name(g));
  },
  READ_ANDX: (g, at) => {
    const words = pack(
      'bbhhihhhhh',
      ...ANDX,
      g.fid,
      offset(g),
      length(g),
      u16(g),
      g.random.below(2),
      0,
      0,
    );
    const high = pack('i', g.random.pick([0, 0, 1, 0x7fff_ffff, 0xffff_ffff]));
    return draft(g, at, g.random.chance(0.7) ? Buffer.concat([words, high]) : words);
  },
  WRITE_ANDX: writeAndX,
  ...{ NEW_FILE_SIZE: anything, CLOSE_AND_TREE_DISC: anything },
  TRANSACTION2: transaction2,
  TRANSACTION2_SECONDARY: secondary(false),
  FIND_CLOSE2: (g, at) => draft(g, at, pack('h', g.random.below(8))),
  FIND_NOTIFY_CLOSE: anything,
  TREE_CONNECT: (g, at) =>
    draft(g, at, none, ASCII, `\\\\server${name(g)}`, ASCII, '', ASCII, 'A:'),
  TREE_DISCONNECT: (g, at) => draft(g, at, none),
  NEGOTIATE: (g, at) =>
    draft(
      { ...g, unicode: false },
      at,
      none,
      ...DIALECTS.flatMap((one) => [Buffer.from([2]), one]),
    ),
  SESSION_SETUP_ANDX: sessionSetup,
  LOGOFF_ANDX: (g, at) => draft(g, at, pack('bbh', ...ANDX)),
  TREE_CONNECT_ANDX: (g, at) => {
    const path = `\\\\server\\${g.random.pick(['share', 'IPC$', 'encrypted', 'none', ''])}`;
    const service = Buffer.from(`${g.random.pick(['?????', 'A:', 'IPC', 'LPT1:'])}\0`);
    return draft(g, at, pack('bbhhh', ...ANDX, flags(g), 1), Buffer.alloc(1), path, service);
  },
  SECURITY_PACKAGE_ANDX: anything,
  QUERY_INFORMATION_DISK: (g, at) => draft(g, at, none),
  ...{ SEARCH: search, FIND: search, FIND_UNIQUE: search, FIND_CLOSE: search },
  NT_TRANSACT: ntTransact,
  NT_TRANSACT_SECONDARY: secondary(true),
  NT_CREATE_ANDX: (g, at) => {
    const path = name(g);
    const named = path.length * (g.unicode ? 2 : 1);
    const access = g.random.chance(0.6) ? 0x0012_019f : flags(g);
    const options = g.random.chance(0.6) ? g.random.below(2) : flags(g);
    const words = pack(
      'bbhbhiiiqiiiiib',
      ...[...ANDX, 0, named, g.random.below(32), 0, access, g.random.below(1 << 16)],
      ...[g.random.chance(0.7) ? 0 : flags(g), u32(g) & 7, g.random.below(6), options],
      ...[g.random.below(4), 0],
    );
    return draft(g, at, words, path);
  },
  NT_CANCEL: (g, at) => draft(g, at, none),
  NT_RENAME: ofTwoPaths((g) =>
    pack('hhi', u16(g), g.random.pick([0x102, 0x103, 0x104, 0x105, 0]), 0),
  ),
  OPEN_PRINT_FILE: ofPath((g) => pack('hh', u16(g), u16(g))),
  WRITE_PRINT_FILE: (g, at) => draft(g, at, pack('h', g.fid), written(g)),
  CLOSE_PRINT_FILE: (g, at) => draft(g, at, pack('h', g.fid)),
  ...{ GET_PRINT_QUEUE: anything, READ_BULK: anything, WRITE_BULK: anything },
  WRITE_BULK_DATA: anything,
};

const CHAINED: readonly Smb1CommandName[] = [
  ...(['OPEN_ANDX', 'READ_ANDX', 'WRITE_ANDX', 'LOCKING_ANDX'] as const),
  ...(['TREE_CONNECT_ANDX', 'NT_CREATE_ANDX', 'LOGOFF_ANDX', 'SESSION_SETUP_ANDX'] as const),
];
/** What ends all that follows comes seldom. */
const ENDS: readonly Smb1CommandName[] = [
  ...(['CLOSE', 'WRITE_AND_CLOSE', 'TREE_DISCONNECT', 'LOGOFF_ANDX'] as const),
  ...(['NEGOTIATE', 'PROCESS_EXIT', 'SESSION_SETUP_ANDX'] as const),
];
/** These carry more than all the others. */
const MANIFOLD = ['TRANSACTION', 'TRANSACTION2', 'TRANSACTION2', 'NT_TRANSACT'] as const;
const ALL = Object.keys(DRAFTS) as Smb1CommandName[];

function choose({ random }: Ground): Smb1CommandName {
  for (;;) {
    const chosen = random.chance(0.45) ? random.pick(MANIFOLD) : random.pick(ALL);
    if (!ENDS.includes(chosen) || random.chance(0.05)) return chosen;
  }
}

export interface Blocks {
  readonly command: number;
  readonly blocks: Buffer;
}

/** One command, or a chain of them by AndX; `chosen`: its first one. */
export function draftBlocks(ground: Ground, chosen: Smb1CommandName = choose(ground)): Blocks {
  const { random } = ground;
  const names = [chosen];
  while (CHAINED.includes(names.at(-1)!) && random.chance(0.3) && names.length < 6) {
    const next = random.chance(0.6) ? random.pick(CHAINED) : choose(ground);
    names.push(ENDS.includes(next) && random.chance(0.9) ? 'READ_ANDX' : next);
  }
  let at = FIRST_BLOCK_AT;
  const blocks: Buffer[] = [];
  for (const [i, one] of names.entries()) {
    const { words, bytes } = DRAFTS[one](ground, at);
    const next = names[i + 1];
    const end = at + 1 + words.length + 2 + bytes.length;
    if (next !== undefined) setAndX(words, { command: Smb1Command[next], offset: end });
    blocks.push(writeBlock(words, bytes));
    at = end;
  }
  return { command: Smb1Command[chosen], blocks: Buffer.concat(blocks) };
}

export const nameOf = (message: Buffer): string =>
  message.length > 4 ? smb1CommandName(message[4]!) : 'a cut message';
