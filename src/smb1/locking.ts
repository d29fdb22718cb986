/** MS-CIFS 2.2.4.32: LOCKING_ANDX; the same message tells a client of an oplock that it loses. */
import { pad, struct, u8, u16, u32 } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import { type Block, NO_ANDX, writeBlock } from './block.ts';
import { Smb1Command, Smb1Header } from './header.ts';

export const LOCKING_SHARED_LOCK = 0x01;
export const LOCKING_OPLOCK_RELEASE = 0x02;
export const LOCKING_CHANGE_LOCKTYPE = 0x04;
export const LOCKING_CANCEL_LOCK = 0x08;
export const LOCKING_LARGE_FILES = 0x10;

const Words = struct('SMB_COM_LOCKING_ANDX Request', 'MS-CIFS 2.2.4.32.1', {
  andXCommand: u8,
  andXReserved: pad(1),
  andXOffset: u16,
  fid: u16,
  typeOfLock: u8,
  newOpLockLevel: u8,
  timeout: u32,
  numberOfUnlocks: u16,
  numberOfLocks: u16,
});
const Range32 = struct('LOCKING_ANDX_RANGE32', 'MS-CIFS 2.2.4.32.1', {
  pid: u16,
  offset: u32,
  length: u32,
});
const Range64 = struct('LOCKING_ANDX_RANGE64', 'MS-CIFS 2.2.4.32.1', {
  pid: u16,
  pad: pad(2),
  offsetHigh: u32,
  offsetLow: u32,
  lengthHigh: u32,
  lengthLow: u32,
});

export interface Smb1LockRange {
  readonly pid: number;
  readonly offset: bigint;
  readonly length: bigint;
}

export interface LockingAndX {
  readonly fid: number;
  readonly typeOfLock: number;
  readonly newOplockLevel: number;
  /** 0: at once or not at all; all ones: for ever; else milliseconds. */
  readonly timeout: number;
  readonly unlocks: readonly Smb1LockRange[];
  readonly locks: readonly Smb1LockRange[];
}

export const NO_TIMEOUT = 0xffff_ffff;

export function decodeLocking({ words, bytes }: Block): LockingAndX {
  const v = Words.read(words);
  const large = (v.typeOfLock & LOCKING_LARGE_FILES) !== 0;
  const size = large ? Range64.size : Range32.size;
  const count = v.numberOfUnlocks + v.numberOfLocks;
  // So a count is bounded by the data that came with it.
  if (bytes.length < count * size) throw new WireError(Words.name, `${count} ranges are not there`);
  const ranges = Array.from({ length: count }, (_, i) => readRange(bytes, i * size, large));
  return {
    fid: v.fid,
    typeOfLock: v.typeOfLock,
    newOplockLevel: v.newOpLockLevel,
    timeout: v.timeout,
    unlocks: ranges.slice(0, v.numberOfUnlocks),
    locks: ranges.slice(v.numberOfUnlocks),
  };
}

function readRange(bytes: Buffer, at: number, large: boolean): Smb1LockRange {
  if (!large) {
    const { pid, offset, length } = Range32.read(bytes, at);
    return { pid, offset: BigInt(offset), length: BigInt(length) };
  }
  const r = Range64.read(bytes, at);
  return {
    pid: r.pid,
    offset: (BigInt(r.offsetHigh) << 32n) | BigInt(r.offsetLow),
    length: (BigInt(r.lengthHigh) << 32n) | BigInt(r.lengthLow),
  };
}

/** 2.2.4.32: "the server sends an OpLock break notification", of MID and PID 0xFFFF. */
const UNSOLICITED = 0xffff;

export function encodeOplockBreak(fid: number, tid: number, newOpLockLevel: number): Buffer {
  const words = Words.encode({
    andXCommand: NO_ANDX,
    andXOffset: 0,
    fid,
    typeOfLock: LOCKING_OPLOCK_RELEASE,
    newOpLockLevel,
    timeout: 0,
    numberOfUnlocks: 0,
    numberOfLocks: 0,
  });
  const header = Smb1Header.encode({
    command: Smb1Command.LOCKING_ANDX,
    status: 0,
    flags: 0,
    flags2: 0,
    pidHigh: 0,
    tid,
    pidLow: UNSOLICITED,
    uid: 0,
    mid: UNSOLICITED,
  });
  return Buffer.concat([header, writeBlock(words, Buffer.alloc(0))]);
}
