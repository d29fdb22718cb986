/** MS-SMB2 2.2.26 and 2.2.27: LOCK. */
import { id64, is, pad, struct, u16, u32, u64, type Wire } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import { HEADER_SIZE } from './header.ts';

export const SMB2_LOCKFLAG_SHARED_LOCK = 0x00000001;
export const SMB2_LOCKFLAG_EXCLUSIVE_LOCK = 0x00000002;
export const SMB2_LOCKFLAG_UNLOCK = 0x00000004;
export const SMB2_LOCKFLAG_FAIL_IMMEDIATELY = 0x00000010;

/** Elements of one request; Windows sends one, others a handful. Their work is linear at least. */
export const MAX_LOCK_ELEMENTS = 1024;

const Request = struct('SMB2 LOCK Request', '2.2.26', {
  structureSize: is(u16, 48),
  lockCount: u16,
  lockSequence: u32,
  persistentId: id64,
  volatileId: id64,
});
/** Exact: ranges may reach to 2^64. */
const Element = struct('SMB2_LOCK_ELEMENT', '2.2.26.1', {
  offset: u64,
  length: u64,
  flags: u32,
  reserved: pad(4),
});
export type LockElement = Wire<typeof Element>;

export interface LockRequest extends Omit<Wire<typeof Request>, 'lockCount' | 'lockSequence'> {
  /** 4 bits. */
  readonly lockSequenceNumber: number;
  /** 28 bits; 1 to 64 are valid, 0 says none. */
  readonly lockSequenceIndex: number;
  /** May be empty, which 3.3.5.14 forbids. */
  readonly locks: readonly LockElement[];
}

export function decodeLockRequest(message: Buffer): LockRequest {
  const { lockCount, lockSequence, ...rest } = Request.read(message, HEADER_SIZE);
  if (lockCount > MAX_LOCK_ELEMENTS) throw new WireError(Request.name, `lockCount is ${lockCount}`);
  const locks: LockElement[] = [];
  for (let i = 0; i < lockCount; i++) {
    locks.push(Element.read(message, HEADER_SIZE + Request.size + i * Element.size));
  }
  return {
    ...rest,
    lockSequenceNumber: lockSequence & 0xf,
    lockSequenceIndex: lockSequence >>> 4,
    locks,
  };
}

export function encodeLockRequest(v: LockRequest): Buffer {
  const body = Request.encode(
    {
      lockCount: v.locks.length,
      lockSequence: ((v.lockSequenceIndex << 4) | v.lockSequenceNumber) >>> 0,
      persistentId: v.persistentId,
      volatileId: v.volatileId,
    },
    v.locks.length * Element.size,
  );
  let at = Request.size;
  for (const lock of v.locks) at = Element.write(body, lock, at);
  return body;
}

const Response = struct('SMB2 LOCK Response', '2.2.27', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});
export type LockResponse = Record<string, never>;

export const decodeLockResponse = (message: Buffer): LockResponse =>
  Response.read(message, HEADER_SIZE);
export const encodeLockResponse = (): Buffer => Response.encode({});
