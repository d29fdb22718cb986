/** MS-LSAD 3.1.4.5, 3.1.4.6, 3.1.4.7, 3.1.4.9: accounts and their rights, secrets, trusted domains, and objects of each. */
import {
  conformantArray,
  counted,
  hyper,
  i32,
  octets,
  struct,
  u8,
  u16,
  u32,
  unique,
  varyingOctets,
} from './ndr.ts';
import { operation } from './operation.ts';
import { contextHandle as handle, rpcSid, unicodeString } from './security-types.ts';

/** 2.2.5.3, 2.2.5.4. */
const PRIVILEGE_SET = struct({
  count: u32,
  control: u32,
  privileges: conformantArray(struct({ luidLow: u32, luidHigh: i32, attributes: u32 })),
});
/** 2.2.5.1. */
const USER_RIGHT_SET = struct({ rights: counted(conformantArray(unicodeString)) });
const SIDS = struct({ entries: counted(conformantArray(unique(rpcSid))) });
/** 2.2.6.1: what 5.1.2 makes of a secret. */
const CIPHER_VALUE = struct({
  length: u32,
  maximumLength: u32,
  buffer: unique(varyingOctets),
});
/** Whether it is asked for, and then what it is. */
const ASKED_VALUE = unique(struct({ cipher: unique(CIPHER_VALUE) }));
const SECRET_VALUES = {
  current: ASKED_VALUE,
  currentSetTime: unique(hyper),
  old: ASKED_VALUE,
  oldSetTime: unique(hyper),
};
/** There is no trusted domain to tell of. */
const NO_INFORMATION = unique(u32);
const NO_DOMAINS = struct({ entries: counted(conformantArray(u32)) });

const openByName = (opnum: number) =>
  operation(
    opnum,
    { policyHandle: handle, name: unicodeString, desiredAccess: u32 },
    { handle, status: u32 },
  );
const openBySid = (opnum: number) =>
  operation(
    opnum,
    { policyHandle: handle, sid: rpcSid, desiredAccess: u32 },
    { handle, status: u32 },
  );

export const ACCOUNT_OPERATIONS = {
  LsarCreateAccount: openBySid(10),
  LsarOpenAccount: openBySid(17),
  LsarEnumeratePrivilegesAccount: operation(
    18,
    { accountHandle: handle },
    { privileges: unique(PRIVILEGE_SET), status: u32 },
  ),
  LsarAddPrivilegesToAccount: operation(
    19,
    { accountHandle: handle, privileges: PRIVILEGE_SET },
    { status: u32 },
  ),
  LsarRemovePrivilegesFromAccount: operation(
    20,
    { accountHandle: handle, allPrivileges: u8, privileges: unique(PRIVILEGE_SET) },
    { status: u32 },
  ),
  LsarGetSystemAccessAccount: operation(
    23,
    { accountHandle: handle },
    { systemAccess: u32, status: u32 },
  ),
  LsarSetSystemAccessAccount: operation(
    24,
    { accountHandle: handle, systemAccess: u32 },
    { status: u32 },
  ),
  LsarEnumerateAccountsWithUserRight: operation(
    35,
    { policyHandle: handle, userRight: unique(unicodeString) },
    { accounts: SIDS, status: u32 },
  ),
  LsarEnumerateAccountRights: operation(
    36,
    { policyHandle: handle, accountSid: rpcSid },
    { userRights: USER_RIGHT_SET, status: u32 },
  ),
  LsarAddAccountRights: operation(
    37,
    { policyHandle: handle, accountSid: rpcSid, userRights: USER_RIGHT_SET },
    { status: u32 },
  ),
  LsarRemoveAccountRights: operation(
    38,
    { policyHandle: handle, accountSid: rpcSid, allRights: u8, userRights: USER_RIGHT_SET },
    { status: u32 },
  ),
} as const;

export const SECRET_OPERATIONS = {
  LsarCreateSecret: openByName(16),
  LsarOpenSecret: openByName(28),
  LsarSetSecret: operation(
    29,
    { secretHandle: handle, current: unique(CIPHER_VALUE), old: unique(CIPHER_VALUE) },
    { status: u32 },
  ),
  LsarQuerySecret: operation(
    30,
    { secretHandle: handle, ...SECRET_VALUES },
    { ...SECRET_VALUES, status: u32 },
  ),
  LsarStorePrivateData: operation(
    42,
    { policyHandle: handle, keyName: unicodeString, data: unique(CIPHER_VALUE) },
    { status: u32 },
  ),
  LsarRetrievePrivateData: operation(
    43,
    { policyHandle: handle, keyName: unicodeString, data: unique(CIPHER_VALUE) },
    { data: unique(CIPHER_VALUE), status: u32 },
  ),
} as const;

export const TRUST_OPERATIONS = {
  LsarOpenTrustedDomain: openBySid(25),
  LsarQueryTrustedDomainInfo: operation(
    39,
    { policyHandle: handle, sid: rpcSid, informationClass: u16 },
    { information: NO_INFORMATION, status: u32 },
  ),
  LsarQueryTrustedDomainInfoByName: operation(
    48,
    { policyHandle: handle, name: unicodeString, informationClass: u16 },
    { information: NO_INFORMATION, status: u32 },
  ),
  LsarEnumerateTrustedDomainsEx: operation(
    50,
    { policyHandle: handle, enumerationContext: u32, preferedMaximumLength: u32 },
    { enumerationContext: u32, enumerationBuffer: NO_DOMAINS, status: u32 },
  ),
  LsarQueryDomainInformationPolicy: operation(
    53,
    { policyHandle: handle, informationClass: u16 },
    { information: NO_INFORMATION, status: u32 },
  ),
  LsarOpenTrustedDomainByName: openByName(55),
} as const;

export const OBJECT_OPERATIONS = {
  LsarDelete: operation(1, { objectHandle: handle }, { status: u32 }),
  LsarQuerySecurityObject: operation(
    3,
    { objectHandle: handle, securityInformation: u32 },
    { descriptor: unique(struct({ descriptor: counted(octets) })), status: u32 },
  ),
  LsarDeleteObject: operation(34, { objectHandle: handle }, { objectHandle: handle, status: u32 }),
} as const;
