/**
 * MS-SMB2 3.3.5.15.5: Open.ResumeKey, by which an open is named as the source of a copy. The open's id and a proof
 * that this server gave it out, so it is kept nowhere: nobody who was not told a key can make one,
 * and it ends with its open.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { RESUME_KEY_SIZE } from '../smb2/ioctl-structures.ts';
import { readId64, writeId64 } from '../wire/struct.ts';
import type { Open } from './open.ts';
import type { Session } from './session.ts';

const ID_BYTES = 8;
const SECRET_BYTES = 32;

export class ResumeKeys {
  readonly #secret = randomBytes(SECRET_BYTES);
  readonly #opens: ReadonlyMap<number, Open>;

  /** Of these opens, by persistent id. */
  constructor(opens: ReadonlyMap<number, Open>) {
    this.#opens = opens;
  }

  keyOf({ persistentId }: Open): Buffer {
    const key = Buffer.alloc(RESUME_KEY_SIZE);
    writeId64(key, persistentId, 0);
    const proof = createHmac('sha256', this.#secret).update(key.subarray(0, ID_BYTES)).digest();
    proof.copy(key, ID_BYTES);
    return key;
  }

  /** The open of that key, where it is this session's: 3.3.5.15.6. */
  find(key: Buffer, session: Session): Open | undefined {
    const open = this.#opens.get(readId64(key, 0));
    if (open === undefined || open.session !== session) return undefined;
    return timingSafeEqual(this.keyOf(open), key) ? open : undefined;
  }
}
