/** Accounts of a machine called FILES, for the tests of its services. */
import type { Sid } from '../../dtyp/sid.ts';
import type { GroupStore } from '../group-store.ts';
import { Principals } from '../principals.ts';
import { systemAccounts } from '../system-accounts.ts';

export const MACHINE: Sid = 'S-1-5-21-1-2-3';

const PASSWD = ['anna:x:1000:100::/:', 'bob:x:1001:100::/:', 'daemon:x:1:1::/:'];
const GROUP = ['users:x:100:', 'daemon:x:1:', 'music:x:2000:anna'];

/** `groups` undefined: there are none but the system's. */
export const principalsWith = (
  groups: GroupStore | undefined,
  ...accounts: readonly (readonly [string, number])[]
): Principals =>
  new Principals({
    machineName: 'FILES',
    machineSid: MACHINE,
    guestName: 'nobody',
    accounts: () => accounts.map(([name, uid]) => ({ name, uid, gid: 100 })),
    groups: () => groups?.groups ?? [],
    systemNames: () => systemAccounts(PASSWD, GROUP),
  });

export const principalsOf = (...accounts: readonly (readonly [string, number])[]): Principals =>
  principalsWith(undefined, ...accounts);
