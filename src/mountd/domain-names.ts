/**
 * Names of domains and of those of their users who have logged in here (MS-LSAT 3.1.1.1): what their tickets said. A server
 * asks no domain controller, so of who never came, and of domains' groups, which tickets name by number alone, nothing is
 * known but the domain. In `domain-names.json` of the state directory.
 */
import type { Logger } from '../base/log.ts';
import { parseSid, type Sid, splitSid } from '../dtyp/sid.ts';
import { KeptRecord } from './kept-record.ts';

export const DOMAIN_NAMES_FILE = 'domain-names.json';

/** A forest of Active Directory has a few domains. */
const MAX_DOMAINS = 64;
/** Who was named longest ago makes way; some 400 KiB. */
const MAX_USERS = 4096;
/** sAMAccountName has 20 characters, a NetBIOS name 15; a KDC that we trust may still say more. */
const MAX_NAME_CHARACTERS = 256;

interface Named {
  readonly sid: Sid;
  readonly name: string;
}

interface Kept {
  readonly domains: readonly Named[];
  readonly users: readonly Named[];
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export class DomainNames {
  readonly #kept: KeptRecord<Kept>;

  /** `path` undefined: nothing outlives the process. */
  constructor(path: string | undefined, log: Logger) {
    const initial = { domains: [], users: [] };
    this.#kept = new KeptRecord<Kept>({ path, initial, parse: parseKept, log });
  }

  /** Who logged in as `DOMAIN\name`, as a domain controller vouched for. */
  learn(domain: Named, user: Named): void {
    if (domain.name.length > MAX_NAME_CHARACTERS || user.name.length > MAX_NAME_CHARACTERS) return;
    const { domains, users } = this.#kept.value;
    const isKnown = (list: readonly Named[], one: Named) =>
      list.some(({ sid, name }) => sid === one.sid && name === one.name);
    if (isKnown(domains, domain) && isKnown(users, user)) return;
    this.#kept.replace({
      domains: added(domains, domain, MAX_DOMAINS),
      users: added(users, user, MAX_USERS),
    });
  }

  domainBySid(sid: Sid): string | undefined {
    return this.#kept.value.domains.find((one) => one.sid === sid)?.name;
  }

  domainByName(name: string): Named | undefined {
    return this.#kept.value.domains.find((one) => same(one.name, name));
  }

  userBySid(sid: Sid): string | undefined {
    return this.#kept.value.users.find((one) => one.sid === sid)?.name;
  }

  userByName(domain: Sid, name: string): Named | undefined {
    return this.#kept.value.users.find(
      (one) => same(one.name, name) && splitSid(one.sid)?.domain === domain,
    );
  }
}

/** Neither SID nor name is another's any more; the last one first. */
function added(list: readonly Named[], one: Named, maximum: number): readonly Named[] {
  const domain = splitSid(one.sid)?.domain;
  const others = list.filter(
    ({ sid, name }) =>
      sid !== one.sid && !(same(name, one.name) && splitSid(sid)?.domain === domain),
  );
  return [one, ...others].slice(0, maximum);
}

function parseKept(value: unknown): Kept | undefined {
  const { domains, users } = (value ?? {}) as Record<string, unknown>;
  const isList = (list: unknown): boolean =>
    Array.isArray(list) &&
    list.every(
      (one) =>
        typeof one?.name === 'string' &&
        typeof one.sid === 'string' &&
        parseSid(one.sid) !== undefined,
    );
  return isList(domains) && isList(users) ? (value as Kept) : undefined;
}
