/**
 * MS-FSCC 2.1.11: tokens for what a file had when it was read by FSCTL_OFFLOAD_READ. Everything stands in the token,
 * with a proof that this server gave it out to this session, so none is kept: nobody can make one who was not
 * given it, and it ends with the open that it was read by, with its time, and with the next change of the file.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readId64, writeId64 } from '../wire/struct.ts';
import type { Open } from './open.ts';
import type { Session } from './session.ts';

/** What is copied by a token is there soon; Windows' own default, of its storage, is 30 seconds. */
export const TOKEN_LIFE_MS = 30_000;
/** However long a client wants one to be good. */
const MAX_TOKEN_LIFE_MS = 300_000;

const PROOF_BYTES = 32;
const SECRET_BYTES = 32;
/** Persistent id, start, length, end of life, size of the file; two times. */
const FIELDS_BYTES = 7 * 8;

/** By which a file's content is known to be the same. */
export interface ContentStamp {
  readonly size: number;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
}

export interface OffloadRange {
  readonly open: Open;
  readonly position: number;
  readonly length: number;
  readonly stamp: ContentStamp;
}

export const isSameContent = (one: ContentStamp, other: ContentStamp): boolean =>
  one.size === other.size &&
  one.lastWriteTime === other.lastWriteTime &&
  one.changeTime === other.changeTime;

export class OffloadTokens {
  readonly #secret = randomBytes(SECRET_BYTES);
  readonly #opens: ReadonlyMap<number, Open>;
  readonly #now: () => number;

  /** Of these opens, by persistent id. */
  constructor(opens: ReadonlyMap<number, Open>, now: () => number = Date.now) {
    this.#opens = opens;
    this.#now = now;
  }

  /** `lifeMs` 0: as long as is usual. */
  idOf({ open, position, length, stamp }: OffloadRange, session: Session, lifeMs: number): Buffer {
    const id = Buffer.alloc(FIELDS_BYTES + PROOF_BYTES);
    const life = Math.min(lifeMs === 0 ? TOKEN_LIFE_MS : lifeMs, MAX_TOKEN_LIFE_MS);
    const numbers = [open.persistentId, position, length, this.#now() + life, stamp.size];
    for (const [i, number] of numbers.entries()) writeId64(id, number, 8 * i);
    id.writeBigInt64LE(stamp.lastWriteTime, 40);
    id.writeBigInt64LE(stamp.changeTime, 48);
    this.#proofOf(id, session).copy(id, FIELDS_BYTES);
    return id;
  }

  /** What it stands for, as long as it does. */
  find(id: Buffer, session: Session): OffloadRange | undefined {
    const proof = id.subarray(FIELDS_BYTES, FIELDS_BYTES + PROOF_BYTES);
    if (proof.length < PROOF_BYTES || !timingSafeEqual(this.#proofOf(id, session), proof)) {
      return undefined;
    }
    if (readId64(id, 24) <= this.#now()) return undefined;
    const open = this.#opens.get(readId64(id, 0));
    if (open === undefined || open.session !== session) return undefined;
    const stamp = {
      size: readId64(id, 32),
      lastWriteTime: id.readBigInt64LE(40),
      changeTime: id.readBigInt64LE(48),
    };
    return { open, position: readId64(id, 8), length: readId64(id, 16), stamp };
  }

  #proofOf(id: Buffer, { sessionId }: Session): Buffer {
    const proof = createHmac('sha256', this.#secret).update(id.subarray(0, FIELDS_BYTES));
    return proof.update(`${sessionId}`).digest();
  }
}
