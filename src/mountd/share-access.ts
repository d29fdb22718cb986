/**
 * Who may connect to a share, and how: the lists of smb.conf. ksmbd lets whoever is in `read list` or
 * `write list` past `valid users`; here those two say how one may connect, and only the other two
 * whether. As in ksmbd, `invalid users` goes before `valid users` and `read list` before `write list`.
 */
import type { ShareConfiguration } from '../config/configuration.ts';
import type { Principal } from '../config/value-types.ts';
import { parseSid, type Sid } from '../dtyp/sid.ts';
import { type SystemAccounts, sameName } from './system-accounts.ts';

export type ShareAccess = 'denied' | 'read-only' | 'read-write';

export interface Visitor {
  /** The account's, a guest's that of the guest account. */
  readonly name: string;
  readonly isGuest: boolean;
  /** Of its domain, and of groups of this server's own: they are listed as `S-1-5-21-…`. */
  readonly sids?: readonly Sid[] | undefined;
  /** Whether it is in a group of this server's own of this name; absent: in none. */
  isIn?(group: string): boolean;
}

export function shareAccess(
  share: ShareConfiguration,
  client: Visitor,
  accounts: SystemAccounts,
): ShareAccess {
  const { validUsers, invalidUsers, readList, writeList, readOnly, guestOk } = share;
  const listed = (list: readonly Principal[]): boolean => isListed(list, client, accounts);
  if (client.isGuest && !guestOk) return 'denied';
  if (listed(invalidUsers)) return 'denied';
  if (validUsers.length > 0 && !listed(validUsers)) return 'denied';
  if (listed(readList)) return 'read-only';
  return readOnly && !listed(writeList) ? 'read-only' : 'read-write';
}

/** Whether an account does on the share whatever root may. */
export const isAdministrator = (
  { adminUsers }: Pick<ShareConfiguration, 'adminUsers'>,
  client: Visitor,
  accounts: SystemAccounts,
): boolean => !client.isGuest && isListed(adminUsers, client, accounts);

function isListed(list: readonly Principal[], visitor: Visitor, accounts: SystemAccounts): boolean {
  const { name: user, sids = [] } = visitor;
  return list.some(({ kind, name }) => {
    const sid = parseSid(name);
    if (sid !== undefined) return sids.includes(sid);
    if (kind === 'user') return sameName(name, user);
    return accounts.isMember(user, name) || visitor.isIn?.(name) === true;
  });
}
