/**
 * Whom a Kerberos principal is here: its local name by `username map`, by the rules of krb5.conf (auth_to_local) and
 * by `realm`, in this order, and the SIDs that its domain's controller vouches for (MS-PAC).
 */
import type { KerberosPeer } from '../auth/kerberos.ts';
import type { Logger } from '../base/log.ts';
import { type Sid, sidInDomain } from '../dtyp/sid.ts';
import { decodePac, sidsOfPac } from '../rpc/pac.ts';
import { WireError } from '../wire/wire-error.ts';
import type { UserOfDomain } from './idmap.ts';

export interface PrincipalRules {
  /** Empty: none is set. */
  readonly realm: string;
  /** By `username map`, of a user who is known by any of these names. */
  mapped(names: readonly string[]): string | undefined;
}

/** Undefined: nobody's. */
export function localNameOf(
  { principal, localName }: Pick<KerberosPeer, 'principal' | 'localName'>,
  { realm, mapped }: PrincipalRules,
): string | undefined {
  const { user, of } = split(principal);
  // With a slash it is a service or an instance, which is not the user of its first part.
  const own = sameRealm(of, realm) && !/[/\\@]/.test(user) ? user : undefined;
  const short = of.split('.')[0]!;
  const names = [principal, `${of}\\${user}`, `${short}\\${user}`, ...(own ? [own] : [])];
  return mapped(names) ?? localName ?? own;
}

const sameRealm = (a: string, b: string): boolean =>
  b !== '' && a.toLowerCase() === b.toLowerCase();

function split(principal: string): { readonly user: string; readonly of: string } {
  const at = principal.lastIndexOf('@');
  if (at < 0) return { user: principal, of: '' };
  return { user: principal.slice(0, at), of: principal.slice(at + 1) };
}

/** Domains' own users and groups, and what MS-DTYP 2.4.2.4 has of how the user proved itself. */
const OF_A_DOMAIN = /^S-1-5-21(-\d+){4}$/;
const ASSERTED_IDENTITY = /^S-1-18-\d+$/;

/**
 * Of the SIDs in a PAC those that a domain may give: none of this machine's own accounts, of the built-in groups
 * or of Unix users, which would make whoever holds a KDC that this server trusts its administrator.
 */
export function sidsOfDomain(sids: readonly Sid[], machineSid: Sid): Sid[] {
  return sids.filter(
    (sid) =>
      (OF_A_DOMAIN.test(sid) && !sid.startsWith(`${machineSid}-`)) || ASSERTED_IDENTITY.test(sid),
  );
}

/** Who a ticket says that its user is. */
export interface TicketUser extends UserOfDomain {
  readonly principal: string;
  /** All SIDs that count, those of how it proved itself among them. */
  readonly claims: readonly Sid[];
  /** `DOMAIN\\name` of Active Directory; undefined elsewhere. */
  readonly domainAccount: string | undefined;
}

export function ticketUserOf(peer: KerberosPeer, machineSid: Sid, log: Logger): TicketUser {
  const { principal, pac } = peer;
  const info = pac && logonInfoIn(pac, principal, log);
  const sids = info === undefined ? [] : sidsOfDomain(info.sids, machineSid);
  const domainSid = info?.domain ?? undefined;
  const domainName = info?.domainName ?? '';
  const of = (rid: number | undefined): Sid | undefined => {
    const sid = domainSid && rid ? sidInDomain(domainSid, rid) : undefined;
    return sid && sids.includes(sid) ? sid : undefined;
  };
  const name = split(principal).user;
  const isNamed = domainName !== '' && !/[/\\@]/.test(name);
  return {
    ...{
      principal,
      sids: sids.filter((sid) => !ASSERTED_IDENTITY.test(sid)),
      domainName,
      domainSid,
    },
    claims: sids,
    user: of(info?.userId),
    primaryGroup: of(info?.primaryGroupId),
    domainAccount: isNamed ? `${domainName}\\${name}` : undefined,
  };
}

function logonInfoIn(pac: Buffer, principal: string, log: Logger) {
  try {
    const info = decodePac(pac);
    if (info === undefined) return undefined;
    const { userId, primaryGroupId, logonDomainId: domain, logonDomainName } = info;
    const domainName = logonDomainName ?? '';
    return { sids: sidsOfPac(info), userId, primaryGroupId, domain, domainName };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    // The user is who it is; what the domain says of its groups does not count.
    log.warn('a PAC cannot be read: its groups do not count', {
      principal,
      problem: error.message,
    });
    return undefined;
  }
}
