/**
 * Which uids and gids stand for the users and groups of domains (MS-DTYP 2.4.2.4: a domain's SID and a RID): blocks of
 * RIDs that follow each other, each on as many numbers that do. A SID does not tell whether it is a user's or a group's,
 * so its number is both, as with idmap_autorid and idmap_rid of Samba's.
 */
import { type Sid, sidInDomain, splitSid } from './sid.ts';

export interface IdBlock {
  readonly domain: Sid;
  readonly firstRid: number;
  readonly low: number;
  readonly size: number;
}

interface UnixIdentity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Users of domains whose groups are remembered. */
const MAX_USERS = 4096;

const NO_BLOCKS: readonly IdBlock[] = [];

export class DomainIds {
  /** By `low`. */
  #byId: readonly IdBlock[] = [];
  /** Each by `firstRid`. */
  #byDomain: ReadonlyMap<Sid, readonly IdBlock[]> = new Map();
  readonly #groups = new Map<number, readonly number[]>();

  constructor(blocks: readonly IdBlock[] = []) {
    this.set(blocks);
  }

  get blocks(): readonly IdBlock[] {
    return this.#byId;
  }

  set(blocks: readonly IdBlock[]): void {
    this.#byId = [...blocks].sort((a, b) => a.low - b.low);
    const byDomain = new Map<Sid, IdBlock[]>();
    for (const block of blocks) {
      byDomain.set(block.domain, [...(byDomain.get(block.domain) ?? []), block]);
    }
    for (const each of byDomain.values()) each.sort((a, b) => a.firstRid - b.firstRid);
    this.#byDomain = byDomain;
  }

  /** What a login tells: where the user's numbers come from, and the user itself, with the groups that it has then. */
  learn(blocks: readonly IdBlock[], user: UnixIdentity | undefined): void {
    this.add(blocks);
    if (user === undefined) return;
    if (this.#groups.size >= MAX_USERS) this.#groups.clear();
    this.#groups.set(user.uid, [user.gid, ...user.groups]);
  }

  /** Those that are not known yet. */
  add(blocks: readonly IdBlock[]): void {
    const known = new Set(this.#byId.map(({ low }) => low));
    const fresh = blocks.filter(({ low }) => !known.has(low));
    if (fresh.length > 0) this.set([...this.#byId, ...fresh]);
  }

  /** Of who has logged in by a domain, as they were then. */
  groupsOf(uid: number): readonly number[] | undefined {
    return this.#groups.get(uid);
  }

  blockOf(sid: Sid): IdBlock | undefined {
    const split = splitSid(sid);
    return split && this.#block(split.domain, split.rid);
  }

  idOf(sid: Sid): number | undefined {
    if (this.#byId.length === 0) return undefined;
    const split = splitSid(sid);
    const block = split && this.#block(split.domain, split.rid);
    return block && block.low + (split.rid - block.firstRid);
  }

  sidOf(id: number): Sid | undefined {
    const block = this.#byId[countAtMost(this.#byId, id, ({ low }) => low) - 1];
    if (block === undefined || id >= block.low + block.size) return undefined;
    return sidInDomain(block.domain, block.firstRid + (id - block.low));
  }

  #block(domain: Sid, rid: number): IdBlock | undefined {
    const blocks = this.#byDomain.get(domain) ?? NO_BLOCKS;
    // Blocks of another size, from before the configuration changed, may begin between.
    for (let i = countAtMost(blocks, rid, ({ firstRid }) => firstRid) - 1; i >= 0; i--) {
      const block = blocks[i]!;
      if (rid < block.firstRid + block.size) return block;
    }
    return undefined;
  }
}

/** How many have keys that are not above `value`; they are in the order of their keys. */
function countAtMost(
  blocks: readonly IdBlock[],
  value: number,
  key: (block: IdBlock) => number,
): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (key(blocks[middle]!) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
