/**
 * MS-LSAD 3.1.4.5 and 3.1.4.7: which accounts have which rights here, for who logged in, and giving and taking them,
 * for administrators. What a privilege is good for here: policy-store.ts.
 */
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_ENTRIES,
  STATUS_NO_SUCH_PRIVILEGE,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../dtyp/ntstatus.ts';
import type { Sid } from '../../dtyp/sid.ts';
import type { ACCOUNT_OPERATIONS } from '../../rpc/lsarpc-accounts.ts';
import type { InputOf } from '../../rpc/operation.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import { privilegeByLuid, privilegeByName } from '../policy-store.ts';
import { type LsaObjects, statusOf } from './lsarpc-objects.ts';
import type { Handlers } from './rpc-service.ts';

type Operations = typeof ACCOUNT_OPERATIONS;

/** 2.2.1.2: everybody who has an account may come by network, and by nothing else. */
const POLICY_MODE_NETWORK = 0x2;
/** 2.2.5.4: the client must hold all of them. */
const NO_CONTROL = 0;

interface Luid {
  readonly luidLow: number;
  readonly luidHigh: number;
}

/** Undefined: one of them is none. */
function namesOf<T>(list: readonly T[], find: (one: T) => { readonly name: string } | undefined) {
  const found = list.map(find);
  return found.every((one) => one !== undefined) ? found.map(({ name }) => name) : undefined;
}

const byLuids = (list: readonly Luid[]): string[] | undefined =>
  namesOf(list, ({ luidLow, luidHigh }) => privilegeByLuid(luidLow, luidHigh));

export function accountHandlers(objects: LsaObjects): Handlers<Operations> {
  const { context } = objects;
  const { policy, account } = context;
  const by = account.name;
  const openAccount = (
    { policyHandle, sid }: InputOf<Operations['LsarOpenAccount']>,
    make: () => number,
  ) => {
    const denied = objects.denies(policyHandle, 'policy', 'administrator');
    const status = denied === STATUS_SUCCESS ? make() : denied;
    return status === STATUS_SUCCESS
      ? objects.open({ kind: 'account', sid })
      : { handle: NO_HANDLE, status };
  };
  /** What is done to the account of a handle, by an administrator. */
  const change = (handle: Buffer, work: (sid: Sid) => number) => {
    const denied = objects.denies(handle, 'account', 'administrator');
    return { status: denied === STATUS_SUCCESS ? work(objects.accountOf(handle)!) : denied };
  };
  return {
    LsarCreateAccount: (input) =>
      openAccount(input, () => statusOf(policy.createAccount(input.sid, by))),
    LsarOpenAccount: (input) =>
      openAccount(input, () =>
        policy.hasAccount(input.sid) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND,
      ),
    LsarEnumeratePrivilegesAccount: ({ accountHandle }) => {
      const status = objects.denies(accountHandle, 'account', 'user');
      if (status !== STATUS_SUCCESS) return { privileges: null, status };
      const privileges = policy
        .privilegesOf(objects.accountOf(accountHandle)!)
        .flatMap((name) => privilegeByName(name) ?? [])
        .map(({ luid }) => ({ luidLow: luid, luidHigh: 0, attributes: 0 }));
      return { privileges: { count: privileges.length, control: NO_CONTROL, privileges }, status };
    },
    LsarAddPrivilegesToAccount: ({ accountHandle, privileges }) =>
      change(accountHandle, (sid) => {
        const names = byLuids(privileges.privileges);
        return names === undefined
          ? STATUS_NO_SUCH_PRIVILEGE
          : statusOf(policy.addPrivileges(sid, names, by));
      }),
    LsarRemovePrivilegesFromAccount: ({ accountHandle, allPrivileges, privileges }) =>
      change(accountHandle, (sid) => {
        // 3.1.4.5.6: one of the two, and not both.
        if ((allPrivileges !== 0) === (privileges !== null)) return STATUS_INVALID_PARAMETER;
        const names =
          privileges === null ? policy.privilegesOf(sid) : byLuids(privileges.privileges);
        return names === undefined
          ? STATUS_NO_SUCH_PRIVILEGE
          : statusOf(policy.removePrivileges(sid, names, by));
      }),
    LsarGetSystemAccessAccount: ({ accountHandle }) => {
      const status = objects.denies(accountHandle, 'account', 'user');
      return { systemAccess: status === STATUS_SUCCESS ? POLICY_MODE_NETWORK : 0, status };
    },
    LsarSetSystemAccessAccount: ({ accountHandle, systemAccess }) =>
      change(accountHandle, () =>
        systemAccess === POLICY_MODE_NETWORK ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED,
      ),
    LsarEnumerateAccountsWithUserRight: ({ policyHandle, userRight }) => {
      const status = objects.denies(policyHandle, 'policy', 'user');
      const none = { entries: null };
      if (status !== STATUS_SUCCESS) return { accounts: none, status };
      const right = userRight === null ? undefined : privilegeByName(userRight);
      if (userRight !== null && right === undefined) {
        return { accounts: none, status: STATUS_NO_SUCH_PRIVILEGE };
      }
      const all = policy.accounts();
      const entries =
        right === undefined
          ? all
          : all.filter((sid) => policy.privilegesOf(sid).includes(right.name));
      return entries.length === 0
        ? { accounts: none, status: STATUS_NO_MORE_ENTRIES }
        : { accounts: { entries }, status };
    },
    LsarEnumerateAccountRights: ({ policyHandle, accountSid }) => {
      const denied = objects.denies(policyHandle, 'policy', 'user');
      const status =
        denied === STATUS_SUCCESS && !policy.hasAccount(accountSid)
          ? STATUS_OBJECT_NAME_NOT_FOUND
          : denied;
      const rights = status === STATUS_SUCCESS ? [...policy.privilegesOf(accountSid)] : null;
      return { userRights: { rights }, status };
    },
    LsarAddAccountRights: ({ policyHandle, accountSid, userRights }) => {
      const status = objects.denies(policyHandle, 'policy', 'administrator');
      if (status !== STATUS_SUCCESS) return { status };
      const names = namesOf(userRights.rights ?? [], privilegeByName);
      if (names === undefined) return { status: STATUS_NO_SUCH_PRIVILEGE };
      return { status: statusOf(policy.addPrivileges(accountSid, names, by)) };
    },
    LsarRemoveAccountRights: ({ policyHandle, accountSid, allRights, userRights }) => {
      const status = objects.denies(policyHandle, 'policy', 'administrator');
      if (status !== STATUS_SUCCESS) return { status };
      if (!policy.hasAccount(accountSid)) return { status: STATUS_OBJECT_NAME_NOT_FOUND };
      if (allRights !== 0) return { status: statusOf(policy.removeAccount(accountSid, by)) };
      const names = namesOf(userRights.rights ?? [], privilegeByName);
      if (names === undefined) return { status: STATUS_NO_SUCH_PRIVILEGE };
      // "If the resulting set of access rights and privileges is empty, the server MUST delete the account object".
      const isLast = policy.privilegesOf(accountSid).every((name) => names.includes(name));
      const change = isLast
        ? policy.removeAccount(accountSid, by)
        : policy.removePrivileges(accountSid, names, by);
      return { status: statusOf(change) };
    },
  };
}
