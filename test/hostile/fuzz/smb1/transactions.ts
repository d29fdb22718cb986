/** MS-CIFS 2.2.5 to 2.2.7: TRANSACTION, TRANSACTION2 and NT_TRANSACT with every subcommand and every level. */

import {
  FileInformationClass,
  FsInformationClass,
} from '../../../../src/fscc/information-class.ts';
import { RapFunction } from '../../../../src/rpc/rap.ts';
import { FindLevel } from '../../../../src/smb1/find.ts';
import { FsLevel, PASSTHROUGH, QueryLevel, SetLevel } from '../../../../src/smb1/information.ts';
import { NtTransact, Trans2 } from '../../../../src/smb1/transaction.ts';
import { UnixFindLevel, UnixFsLevel, UnixLevel } from '../../../../src/smb1/unix.ts';
import { Fsctl } from '../../../../src/smb2/fsctl.ts';
import {
  type Draft,
  data,
  draft,
  flags,
  type Ground,
  NOTHING,
  name,
  offset,
  pack,
  text,
  u16,
  u32,
} from './ground.ts';

interface Parts {
  readonly function: number;
  readonly setup?: Buffer;
  readonly parameters: Buffer;
  readonly data: Buffer;
}
type Make = (ground: Ground) => Parts;

const classes = Object.values(FileInformationClass).map((one) => PASSTHROUGH + one);
const fsClasses = Object.values(FsInformationClass).map((one) => PASSTHROUGH + one);

export const QUERY_LEVELS = [
  ...[...Object.values(QueryLevel), ...Object.values(UnixLevel)],
  ...classes,
];
/** Allocating is no mere number on a real disk: nobody is to fill it. */
const ALLOCATIONS: readonly number[] = [
  SetLevel.ALLOCATION,
  PASSTHROUGH + FileInformationClass.FileAllocationInformation,
];
export const SET_LEVELS = [
  ...[...Object.values(SetLevel), ...Object.values(UnixLevel)],
  ...classes,
].filter((level) => !ALLOCATIONS.includes(level));
const FIND_LEVELS = [...Object.values(FindLevel), ...Object.values(UnixFindLevel)];
const FS_LEVELS = [...Object.values(FsLevel), ...Object.values(UnixFsLevel), ...fsClasses];

/** Lists of access control entries as POSIX has them, right and wrong. */
function posixAcls({ random }: Ground): Buffer {
  const tags = random.chance(0.5) ? [1, 2, 4, 16, 32] : [1, 4, 32];
  const entry = (tag: number): Buffer => {
    const id = tag === 2 || tag === 8 ? random.pick([0, 1001, 2 ** 32 - 1]) : -1;
    return pack('bbq', random.chance(0.9) ? tag : random.below(256), random.below(9), id);
  };
  const own = random.chance(0.8) ? tags : [];
  const handedOn = random.chance(0.3) ? tags : [];
  const count = (list: readonly number[]): number =>
    list.length > 0 ? list.length : random.pick([0, 0xffff]);
  const head = pack('hhh', random.chance(0.9) ? 1 : 2, count(own), count(handedOn));
  return Buffer.concat([head, ...[...own, ...handedOn].map(entry)]);
}

function posixLock(ground: Ground): Buffer {
  const { random } = ground;
  // Waiting for ever is what the fuzzer's other messages end.
  const waits = random.chance(0.1) ? 1 : 0;
  const pid = random.below(4);
  const size = random.pick([1, 10, 100_000, -1, offset(ground)]);
  return pack('hhiqq', random.below(4), waits, pid, random.below(200), size);
}

const all = (bytes: number) => Buffer.alloc(bytes, 0xff);

/** UNIX_BASIC and INFO2: as it is, but for a field or two. */
function unixBasic({ random }: Ground, bytes: number): Buffer {
  const b = all(bytes);
  for (let i = random.below(3); i > 0; i--) {
    const at = 8 * random.below(Math.floor(bytes / 8));
    b.writeBigUInt64LE(BigInt(random.pick([0, 1, 0o644, 0o100644, 0o4777, 5, 1001])), at);
  }
  // A type: FIFOs, devices and sockets are made by it.
  if (random.chance(0.3)) b.writeUInt32LE(random.below(9), 56);
  return b;
}

function renaming(ground: Ground): Buffer {
  const target = text(ground, name(ground));
  return Buffer.concat([pack('iii', ground.random.below(3), 0, target.length), target]);
}

function eaList({ random }: Ground): Buffer {
  const value = random.bytes(random.below(60));
  const ea = random.pick(['ONE', 'NÄME', '', 'user.DOSATTRIB', 'A'.repeat(255)]);
  const entry = Buffer.concat([
    pack('bbh', 0, ea.length, value.length),
    Buffer.from(`${ea}\0`, 'latin1'),
    value,
  ]);
  return Buffer.concat([pack('i', entry.length + 4), entry]);
}

/** Data that are near to what a level of setting wants. */
function setData(ground: Ground, level: number): Buffer {
  const { random } = ground;
  switch (level) {
    case UnixLevel.ACL:
      return posixAcls(ground);
    case UnixLevel.LOCK:
      return posixLock(ground);
    case UnixLevel.OPEN:
      return pack(
        'iiqh',
        0,
        flags(ground),
        random.below(0o10000),
        random.pick([0xffff, 0x200, 0x20b]),
      );
    case UnixLevel.UNLINK:
      return pack('h', random.below(3));
    case UnixLevel.LINK:
    case UnixLevel.HARD_LINK:
      return text(ground, name(ground));
    case UnixLevel.BASIC:
      return unixBasic(ground, 100);
    case UnixLevel.INFO2:
      return unixBasic(ground, 116);
    case SetLevel.EAS:
      return eaList(ground);
    case SetLevel.END_OF_FILE:
    case PASSTHROUGH + FileInformationClass.FileEndOfFileInformation:
      return pack('q', offset(ground));
    case SetLevel.DISPOSITION:
    case PASSTHROUGH + FileInformationClass.FileDispositionInformation:
      return pack('b', random.chance(0.9) ? 0 : 1);
    case PASSTHROUGH + FileInformationClass.FileRenameInformation:
    case PASSTHROUGH + FileInformationClass.FileLinkInformation:
      return renaming(ground);
    default:
      return random.bytes(random.pick([0, 4, 8, 12, 36, 40, random.below(120)]));
  }
}

const queryData = (ground: Ground, level: number): Buffer =>
  level === UnixLevel.LOCK
    ? posixLock(ground)
    : level === QueryLevel.QUERY_EAS_FROM_LIST
      ? Buffer.from('09000000034f4e4500', 'hex')
      : data(ground, 20);

const byPath = (ground: Ground, level: number): Buffer =>
  Buffer.concat([pack('hi', level, 0), text(ground, name(ground))]);

const levelOf = ({ random }: Ground, levels: readonly number[]): number =>
  random.chance(0.95) ? random.pick(levels) : random.below(0x10000);

/** Each of TRANSACTION2, those of nobody among them. */
export const TWO: Readonly<Record<keyof typeof Trans2, Make>> = {
  OPEN2: (g) => ({
    function: Trans2.OPEN2,
    parameters: Buffer.concat([
      pack('hhhhihi', u16(g), g.random.below(256), 0x16, u16(g), u32(g), g.random.below(0x14), 0),
      Buffer.alloc(10),
      text(g, name(g)),
    ]),
    data: g.random.chance(0.5) ? eaList(g) : NOTHING,
  }),
  FIND_FIRST2: (g) => ({
    function: Trans2.FIND_FIRST2,
    parameters: Buffer.concat([
      pack('hhhhi', u16(g), u16(g), g.random.below(32), levelOf(g, FIND_LEVELS), 0),
      text(g, name(g)),
    ]),
    data: g.random.chance(0.3) ? Buffer.from('09000000034f4e4500', 'hex') : NOTHING,
  }),
  FIND_NEXT2: (g) => ({
    function: Trans2.FIND_NEXT2,
    parameters: Buffer.concat([
      pack('hhhih', g.random.below(8), u16(g), levelOf(g, FIND_LEVELS), u32(g), g.random.below(32)),
      text(g, name(g)),
    ]),
    data: NOTHING,
  }),
  QUERY_FS_INFORMATION: (g) => ({
    function: Trans2.QUERY_FS_INFORMATION,
    parameters: pack('h', levelOf(g, FS_LEVELS)),
    data: NOTHING,
  }),
  SET_FS_INFORMATION: (g) => ({
    function: Trans2.SET_FS_INFORMATION,
    parameters: pack('hh', g.fid, g.random.pick([UnixFsLevel.CIFS_UNIX, u16(g)])),
    data: pack('hhq', g.random.below(3), 0, flags(g)),
  }),
  QUERY_PATH_INFORMATION: (g) => {
    const level = levelOf(g, QUERY_LEVELS);
    const parameters = byPath(g, level);
    return { function: Trans2.QUERY_PATH_INFORMATION, parameters, data: queryData(g, level) };
  },
  SET_PATH_INFORMATION: (g) => {
    const level = levelOf(g, SET_LEVELS);
    return {
      function: Trans2.SET_PATH_INFORMATION,
      parameters: byPath(g, level),
      data: setData(g, level),
    };
  },
  QUERY_FILE_INFORMATION: (g) => {
    const level = levelOf(g, QUERY_LEVELS);
    const parameters = pack('hh', g.fid, level);
    return { function: Trans2.QUERY_FILE_INFORMATION, parameters, data: queryData(g, level) };
  },
  SET_FILE_INFORMATION: (g) => {
    const level = levelOf(g, SET_LEVELS);
    const parameters = pack('hhh', g.fid, level, 0);
    return { function: Trans2.SET_FILE_INFORMATION, parameters, data: setData(g, level) };
  },
  CREATE_DIRECTORY: (g) => ({
    function: Trans2.CREATE_DIRECTORY,
    parameters: Buffer.concat([pack('i', 0), text(g, name(g))]),
    data: g.random.chance(0.3) ? eaList(g) : NOTHING,
  }),
  GET_DFS_REFERRAL: (g) => ({
    function: Trans2.GET_DFS_REFERRAL,
    parameters: Buffer.concat([pack('h', g.random.below(6)), text(g, name(g))]),
    data: NOTHING,
  }),
};

/** The trailing parts: a security descriptor of no owner and an empty list. */
const DESCRIPTOR = Buffer.from(
  '0100048000000000000000000000000014000000' + '0200080000000000',
  'hex',
);

export const NT: Readonly<Record<keyof typeof NtTransact, Make>> = {
  CREATE: (g) => {
    const sd = g.random.chance(0.5) ? DESCRIPTOR : NOTHING;
    const path = text(g, name(g));
    const eas = g.random.chance(0.3) ? data(g, 60) : NOTHING;
    return {
      function: NtTransact.CREATE,
      parameters: Buffer.concat([
        pack('iiiqii', flags(g), 0, flags(g), g.random.below(1 << 16), flags(g), u32(g) & 7),
        pack('iiiii', g.random.below(6), flags(g), sd.length, eas.length, path.length),
        pack('ib', 2, 0),
        path,
      ]),
      data: Buffer.concat([sd, eas]),
    };
  },
  IOCTL: (g) => ({
    function: NtTransact.IOCTL,
    setup: pack(
      'ihbb',
      g.random.chance(0.9) ? g.random.pick(Object.values(Fsctl)) : u32(g),
      ...[g.fid, g.random.chance(0.9) ? 1 : 0, 0],
    ),
    parameters: NOTHING,
    data: data(g, 100),
  }),
  SET_SECURITY_DESC: (g) => ({
    function: NtTransact.SET_SECURITY_DESC,
    parameters: pack('hhi', g.fid, 0, flags(g)),
    data: g.random.chance(0.7) ? DESCRIPTOR : data(g),
  }),
  NOTIFY_CHANGE: (g) => ({
    function: NtTransact.NOTIFY_CHANGE,
    setup: pack('ihbb', flags(g), g.fid, g.random.below(2), 0),
    parameters: NOTHING,
    data: NOTHING,
  }),
  RENAME: (g) => ({
    function: NtTransact.RENAME,
    parameters: Buffer.concat([pack('hh', g.fid, 0), text(g, name(g))]),
    data: NOTHING,
  }),
  QUERY_SECURITY_DESC: (g) => ({
    function: NtTransact.QUERY_SECURITY_DESC,
    parameters: pack('hhi', g.fid, 0, flags(g)),
    data: NOTHING,
  }),
  QUERY_QUOTA: (g) => ({
    function: NtTransact.QUERY_QUOTA,
    parameters: pack('hbbiii', g.fid, g.random.below(2), g.random.below(2), u32(g), 0, 0),
    data: data(g, 60),
  }),
  SET_QUOTA: (g) => ({
    function: NtTransact.SET_QUOTA,
    parameters: pack('h', g.fid),
    data: data(g, 90),
  }),
};

const RAP_DESCRIPTORS = [
  'WrLeh',
  'zWrLh',
  'WrLehDO',
  'WrLehDz',
  '',
  'W',
  'zzzz',
  'LDTWz',
  'WrLeh'.repeat(20),
];

/** MS-RAP 2.5.1: a request with descriptors that fit it, or do not. */
function rap(g: Ground): Buffer {
  const descriptor = g.random.pick(RAP_DESCRIPTORS);
  const values = [...descriptor].map((letter) => {
    if (letter === 'W' || letter === 'T')
      return pack('h', g.random.chance(0.7) ? g.random.below(4) : u16(g));
    if (letter === 'L') return pack('h', u16(g));
    if (letter === 'D') return pack('i', flags(g));
    return letter === 'z' ? Buffer.from(`${g.random.pick(['share', 'IPC$', '', 'x'])}\0`) : NOTHING;
  });
  const code = g.random.chance(0.95) ? g.random.pick(Object.values(RapFunction)) : u16(g);
  const fields = g.random.pick(['B13BWz', 'B16BBDz', 'B21BB16B10zWWzDDDDDDDWz', '']);
  const head = Buffer.from(`${descriptor}\0${fields}\0`, 'latin1');
  return Buffer.concat([pack('h', code), head, ...values]);
}

const PIPE_SUBCOMMANDS = [0x01, 0x11, 0x21, 0x22, 0x23, 0x26, 0x31, 0x36, 0x53, 0x54];
const BIND = Buffer.from(
  '05000b03100000004800000001000000b810b8100000000001000000000001' +
    '00c84f324b7016d30112785a47bf6ee18803000000045d888aeb1cc9119fe808002b10486002000000',
  'hex',
);

/** On a pipe, or on \PIPE\LANMAN, or on what there is not. */
function named(g: Ground): Parts & { name: string } {
  if (g.random.chance(0.5)) {
    return {
      name: '\\PIPE\\LANMAN',
      function: 0,
      setup: NOTHING,
      parameters: rap(g),
      data: data(g, 50),
    };
  }
  const code = g.random.pick(PIPE_SUBCOMMANDS);
  return {
    name: g.random.pick(['\\PIPE\\', '\\PIPE\\srvsvc', '\\MAILSLOT\\BROWSE', '']),
    ...{ function: code, setup: pack('hh', code, g.fid) },
    parameters: data(g, 10),
    data: g.random.chance(0.7) ? BIND : data(g),
  };
}

/** What is wanted of the answer: seldom so little that it is cut. */
const room = (g: Ground): number => (g.random.chance(0.8) ? 0xf000 : u16(g));

/** The primary message. A part of what it announces may be left to a secondary. */
function primary(g: Ground, at: number, parts: Parts & { name?: string }, nt: boolean): Draft {
  const { parameters, data: tail, setup = nt ? NOTHING : pack('h', parts.function) } = parts;
  const missing = g.random.chance(0.1) ? g.random.below(100) : 0;
  const size = nt ? 38 : 28;
  const bytesAt = at + 1 + size + setup.length + 2;
  const head = parts.name === undefined ? NOTHING : text(g, parts.name);
  const padding = Buffer.alloc((g.unicode ? bytesAt % 2 : 0) + 3);
  const from = bytesAt + padding.length + head.length;
  const counts = [parameters.length, from, tail.length, from + parameters.length];
  const totals = [parameters.length, tail.length + missing];
  const fixed = nt
    ? [pack('bh', 4, 0), pack('iiii', ...totals, 100, room(g)), pack('iiii', ...counts)]
    : [pack('hhhhbbh', ...totals, 100, room(g), 4, 0, g.random.chance(0.05) ? u16(g) : 0)];
  const rest = nt
    ? [pack('bh', setup.length / 2, parts.function)]
    : [pack('ih', 0, 0), pack('hhhh', ...counts), pack('bb', setup.length / 2, 0)];
  const words = Buffer.concat([...fixed, ...rest, setup]);
  const odd = g.unicode && head.length > 0 ? bytesAt % 2 : 0;
  const bytes = Buffer.concat([
    ...[padding.subarray(0, odd), head, padding.subarray(odd), parameters, tail],
  ]);
  return { words, bytes };
}

export const transaction = (g: Ground, at: number): Draft => primary(g, at, named(g), false);
export const transaction2 = (g: Ground, at: number): Draft =>
  primary(g, at, g.random.pick(Object.values(TWO))(g), false);
export const ntTransact = (g: Ground, at: number): Draft =>
  primary(g, at, g.random.pick(Object.values(NT))(g), true);

/** A later part, of a transaction that has one to come or of none. */
export function secondary(nt: boolean) {
  return (g: Ground, at: number): Draft => {
    const tail = data(g, 100);
    const size = nt ? 36 : 18;
    const from = at + 1 + size + 2;
    const counts = [100, u16(g) & 0xff, 0, from, 0, tail.length, from, g.random.below(100)];
    const words = nt
      ? Buffer.concat([Buffer.alloc(3), pack('iiiiiiiib', ...counts, 0)])
      : pack('hhhhhhhhh', ...counts, 0xffff);
    return draft(g, at, words, tail);
  };
}
