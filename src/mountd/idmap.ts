/**
 * The uids and gids of domains' users and groups, by `idmap config` of smb.conf: given once, when somebody who has the SID
 * logs in, kept in `idmap.json` of the state directory, and never given to another.
 */
import type { Logger } from '../base/log.ts';
import type { IdmapDomain } from '../config/idmap.ts';
import { DomainIds, type IdBlock } from '../dtyp/id-blocks.ts';
import { parseSid, type Sid, splitSid } from '../dtyp/sid.ts';
import type { MappedUser } from '../ipc/control-plane.ts';
import { MAX_ID_BLOCKS } from '../ipc/mountd-events.ts';
import { KeptRecord } from './kept-record.ts';

/** What a ticket tells of a user (MS-PAC 2.5). */
export interface UserOfDomain {
  /** NetBIOS's. */
  readonly domainName: string;
  readonly domainSid: Sid | undefined;
  readonly user: Sid | undefined;
  readonly primaryGroup: Sid | undefined;
  /** All that are of a domain, those two among them. */
  readonly sids: readonly Sid[];
}

export class Idmap {
  readonly ids = new DomainIds();
  readonly #kept: KeptRecord<readonly IdBlock[]>;
  readonly #log: Logger;
  #domains: readonly IdmapDomain[] = [];
  #isFullTold = false;

  constructor(path: string | undefined, log: Logger) {
    this.#log = log;
    this.#kept = new KeptRecord<readonly IdBlock[]>({ path, initial: [], parse: parseBlocks, log });
  }

  /** Numbers that are in no range any more count for nobody until they are again. */
  configure(domains: readonly IdmapDomain[]): void {
    this.#domains = domains;
    if (domains.length > 0) this.ids.set(this.#kept.value.filter((block) => isIn(domains, block)));
    else this.ids.set([]);
  }

  /** Undefined: domains have no numbers here. */
  mapped({
    domainName,
    domainSid,
    user,
    primaryGroup,
    sids,
  }: UserOfDomain): MappedUser | undefined {
    if (this.#domains.length === 0) return undefined;
    const numbers = new Map<Sid, number>();
    for (const sid of sids) {
      const split = splitSid(sid);
      if (split === undefined) continue;
      const name = split.domain === domainSid ? domainName : '';
      const id = this.ids.idOf(sid) ?? this.#give(split.domain, split.rid, name);
      if (id !== undefined) numbers.set(sid, id);
    }
    const uid = user && numbers.get(user);
    const gid = primaryGroup && numbers.get(primaryGroup);
    const groups = [...numbers].flatMap(([sid, id]) => (sid === user ? [] : [id]));
    const blocks = [...numbers.keys()].flatMap((sid) => this.ids.blockOf(sid) ?? []);
    return { uid, gid, groups, blocks: [...new Set(blocks)] };
  }

  #give(domain: Sid, rid: number, name: string): number | undefined {
    const rule =
      this.#domains.find((one) => name !== '' && one.domain === name.toUpperCase()) ??
      this.#domains.find((one) => one.domain === '*');
    if (rule === undefined) return undefined;
    const { backend, rangeSize: size } = rule;
    const firstRid = backend === 'rid' ? 0 : rid - (rid % size);
    const low = this.#freeIn(rule);
    if (rid >= firstRid + size || low === undefined) {
      this.#tellFull(rule, domain);
      return undefined;
    }
    const block: IdBlock = { domain, firstRid, low, size };
    if (!this.#kept.replace([...this.#kept.value, block])) return undefined;
    this.ids.add([block]);
    this.#log.info('a domain has got uids and gids', { domain, name, low, size });
    return this.ids.idOf(`${domain}-${rid}` as Sid);
  }

  /** Behind all that were ever given in the range. */
  #freeIn({ low, high, rangeSize }: IdmapDomain): number | undefined {
    const given = this.#kept.value;
    if (given.length >= MAX_ID_BLOCKS) return undefined;
    let next = low;
    for (const block of given) {
      const end = block.low + block.size;
      if (block.low <= high && end > next) next = end;
    }
    return next + rangeSize - 1 <= high ? next : undefined;
  }

  #tellFull({ domain, low, high }: IdmapDomain, of: Sid): void {
    if (this.#isFullTold) return;
    this.#isFullTold = true;
    const advice = `"idmap config ${domain} : range" in smb.conf has to reach further`;
    this.#log.error('no uid or gid is left for a domain', { of, low, high, advice });
  }
}

const isIn = (domains: readonly IdmapDomain[], { low, size }: IdBlock): boolean =>
  domains.some((one) => low >= one.low && low + size - 1 <= one.high);

function parseBlocks(value: unknown): readonly IdBlock[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_ID_BLOCKS) return undefined;
  const blocks = value.map((each: Record<string, unknown> | null) => {
    const { domain, firstRid, low, size } = each ?? {};
    const isWhole = (n: unknown): n is number => Number.isInteger(n) && Number(n) >= 0;
    if (typeof domain !== 'string' || !isWhole(firstRid) || !isWhole(low) || !isWhole(size)) {
      return undefined;
    }
    const sid = parseSid(domain);
    return sid === undefined || size < 1 ? undefined : { domain: sid, firstRid, low, size };
  });
  return blocks.every((one) => one !== undefined) ? blocks : undefined;
}
