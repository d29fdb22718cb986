/** Who asks for a share, as its lists are asked (share-access.ts): with the groups of this server's own. */
import type { Account } from '../ipc/control-plane.ts';
import type { GroupStore } from './group-store.ts';
import type { Principals } from './principals.ts';
import type { SecurityTokens } from './security-tokens.ts';
import type { Visitor } from './share-access.ts';

export interface VisitorFacts {
  readonly groups: GroupStore;
  readonly principals: Principals;
  readonly tokens: SecurityTokens;
}

/** `name`: the account's, a guest's that of the guest account. */
export function visitorOf(
  { identity, kind, domain }: Account,
  { name, isGuest }: Pick<Visitor, 'name' | 'isGuest'>,
  { groups, principals, tokens }: VisitorFacts,
): Visitor {
  const ofDomain = domain?.sids;
  if (isGuest) return { name, isGuest, sids: ofDomain };
  const memberOf = groups.groupsOf(tokens.of(identity, kind, ofDomain).sids);
  if (memberOf.length === 0) return { name, isGuest, sids: ofDomain };
  return {
    ...{ name, isGuest },
    sids: [...(ofDomain ?? []), ...memberOf],
    isIn(group) {
      const sid = principals.ownByName(group)?.sid;
      return sid !== undefined && memberOf.includes(sid);
    },
  };
}
