/**
 * MS-SMB2 3.3.5.9 and 3.3.5.9.10: the opens whose CREATE a client may send again, since it has not done
 * anything with them yet, and the CREATEs under way, both by the client's GUID and the CreateGuid.
 *
 *     CREATE with DH2Q ──▶ under way ── answered ──▶ eligible ── any other request, or closed ──▶ forgotten
 */
import type { Open } from './open.ts';

/** Names a CREATE of a client: both GUIDs, a character a byte. */
export const replayKey = (clientGuid: Buffer, createGuid: Buffer): string =>
  clientGuid.toString('latin1') + createGuid.toString('latin1');

export class CreateReplays {
  readonly #underWay = new Set<string>();
  readonly #eligible = new Map<string, Open>();

  isUnderWay(key: string): boolean {
    return this.#underWay.has(key);
  }

  /** Until `end`. */
  begin(key: string): void {
    this.#underWay.add(key);
  }

  end(key: string): void {
    this.#underWay.delete(key);
  }

  /** Open.IsReplayEligible is TRUE from now on. */
  offer(open: Open): void {
    this.#eligible.set(keyOf(open), open);
  }

  /** Open.IsReplayEligible is FALSE from now on, if it was not. */
  withdraw(open: Open): void {
    if (open.durability === undefined || this.#eligible.size === 0) return;
    const key = keyOf(open);
    if (this.#eligible.get(key) === open) this.#eligible.delete(key);
  }

  find(key: string): Open | undefined {
    return this.#eligible.get(key);
  }
}

const keyOf = ({ durability }: Open): string =>
  replayKey(durability!.clientGuid, durability!.createGuid);
