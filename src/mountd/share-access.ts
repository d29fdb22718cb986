/**
 * Who may connect to a share, and how: the lists of smb.conf. ksmbd lets whoever is in `read list` or
 * `write list` past `valid users`; here those two say how one may connect, and only the other two
 * whether. As in ksmbd, `invalid users` goes before `valid users` and `read list` before `write list`.
 */
import type { ShareConfiguration } from '../config/configuration.ts';
import type { Principal } from '../config/value-types.ts';
import { type SystemAccounts, sameName } from './system-accounts.ts';

export type ShareAccess = 'denied' | 'read-only' | 'read-write';

/** `name` is the account's, a guest's that of the guest account. */
export function shareAccess(
  share: ShareConfiguration,
  client: { readonly name: string; readonly isGuest: boolean },
  accounts: SystemAccounts,
): ShareAccess {
  const { validUsers, invalidUsers, readList, writeList, readOnly, guestOk } = share;
  const listed = (list: readonly Principal[]): boolean => isListed(list, client.name, accounts);
  if (client.isGuest && !guestOk) return 'denied';
  if (listed(invalidUsers)) return 'denied';
  if (validUsers.length > 0 && !listed(validUsers)) return 'denied';
  if (listed(readList)) return 'read-only';
  return readOnly && !listed(writeList) ? 'read-only' : 'read-write';
}

/** Whether an account does on the share whatever root may. */
export const isAdministrator = (
  { adminUsers }: Pick<ShareConfiguration, 'adminUsers'>,
  client: { readonly name: string; readonly isGuest: boolean },
  accounts: SystemAccounts,
): boolean => !client.isGuest && isListed(adminUsers, client.name, accounts);

function isListed(list: readonly Principal[], user: string, accounts: SystemAccounts): boolean {
  return list.some(({ kind, name }) =>
    kind === 'user' ? sameName(name, user) : accounts.isMember(user, name),
  );
}
