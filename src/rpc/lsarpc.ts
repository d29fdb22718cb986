/** The Local Security Authority (MS-LSAT 2.2, 3.1.4; MS-LSAD 2.2, 3.1.4): what this server answers of it. */
import {
  ACCOUNT_OPERATIONS,
  OBJECT_OPERATIONS,
  SECRET_OPERATIONS,
  TRUST_OPERATIONS,
} from './lsarpc-accounts.ts';
import {
  conformantArray,
  counted,
  enumUnion,
  i32,
  type NdrType,
  struct,
  u16,
  u32,
  union,
  unique,
  wstring,
} from './ndr.ts';
import { operation } from './operation.ts';
import { contextHandle, fixedOctets, rpcSid, unicodeString } from './security-types.ts';

const pointer = unique(unicodeString);

/** Not null: who asks wants it, and sends what it has, which is nothing. */
const wanted = unique(struct({ string: pointer }));

/** MS-LSAD 2.2.2.4. Clients fill in nothing but the lengths; other pointers than the last are null. */
const OBJECT_ATTRIBUTES = struct({
  length: u32,
  rootDirectory: unique(fixedOctets(1)),
  objectName: u32,
  attributes: u32,
  securityDescriptor: u32,
  securityQualityOfService: unique(
    struct({
      length: u32,
      impersonationLevel: u16,
      contextTrackingMode: fixedOctets(1),
      effectiveOnly: fixedOctets(1),
    }),
  ),
});

const TRUST_INFORMATION = struct({ name: unicodeString, sid: unique(rpcSid) });
/** MS-LSAT 2.2.12. */
const REFERENCED_DOMAIN_LIST = unique(
  struct({ domains: counted(conformantArray(TRUST_INFORMATION)), maxEntries: u32 }),
);

/** MS-LSAT 2.2.13 to 2.2.25; a domain index of -1 is none. */
const TRANSLATED_SID = struct({ use: u16, relativeId: u32, domainIndex: i32 });
const TRANSLATED_SID_EX = struct({ use: u16, relativeId: u32, domainIndex: i32, flags: u32 });
const TRANSLATED_SID_EX2 = struct({ use: u16, sid: unique(rpcSid), domainIndex: i32, flags: u32 });
const TRANSLATED_NAME = struct({ use: u16, name: unicodeString, domainIndex: i32 });
const TRANSLATED_NAME_EX = struct({
  use: u16,
  name: unicodeString,
  domainIndex: i32,
  flags: u32,
});

const listOf = <T>(element: NdrType<T>) => struct({ entries: counted(conformantArray(element)) });
const SIDS = listOf(unique(rpcSid));

/** POLICY_INFORMATION_CLASS, MS-LSAD 2.2.4.1. */
export const PolicyInformation = {
  PolicyAuditEventsInformation: 2,
  PolicyPrimaryDomainInformation: 3,
  PolicyPdAccountInformation: 4,
  PolicyAccountDomainInformation: 5,
  PolicyLsaServerRoleInformation: 6,
  PolicyDnsDomainInformation: 12,
} as const;

const DOMAIN_INFORMATION = struct({ name: unicodeString, sid: unique(rpcSid) });
const POLICY_INFORMATION = unique(
  enumUnion({
    2: struct({ auditingMode: u32, options: unique(conformantArray(u32)), maximumCount: u32 }),
    3: DOMAIN_INFORMATION,
    4: struct({ name: unicodeString }),
    5: DOMAIN_INFORMATION,
    6: struct({ role: u32 }),
    12: struct({
      name: unicodeString,
      dnsDomainName: unicodeString,
      dnsForestName: unicodeString,
      domainGuid: fixedOctets(16, 4),
      sid: unique(rpcSid),
    }),
  }),
);

const PRIVILEGE = struct({ name: unicodeString, luidLow: u32, luidHigh: i32 });

const NAMES = { count: u32, names: conformantArray(unicodeString) };
const handle = contextHandle;
const LOOKUP = { lookupLevel: u16, mappedCount: u32, lookupOptions: u32, clientRevision: u32 };
/** MS-LSAD 2.2.2.7. */
const REVISION_INFO = union({ 1: struct({ revision: u32, supportedFeatures: u32 }) });

const queryPolicy = (opnum: number) =>
  operation(
    opnum,
    { policyHandle: handle, informationClass: u16 },
    { policyInformation: POLICY_INFORMATION, status: u32 },
  );

const lookupNames = <T>(opnum: number, translated: NdrType<T>) =>
  operation(
    opnum,
    {
      policyHandle: handle,
      ...NAMES,
      translatedSids: translated,
      lookupLevel: u16,
      mappedCount: u32,
      lookupOptions: u32,
      clientRevision: u32,
    },
    {
      referencedDomains: REFERENCED_DOMAIN_LIST,
      translatedSids: translated,
      mappedCount: u32,
      status: u32,
    },
  );

export const LSARPC = {
  name: 'lsarpc',
  syntax: { uuid: '12345778-1234-abcd-ef00-0123456789ab', major: 0, minor: 0 },
  operations: {
    ...ACCOUNT_OPERATIONS,
    ...SECRET_OPERATIONS,
    ...TRUST_OPERATIONS,
    ...OBJECT_OPERATIONS,
    LsarClose: operation(0, { objectHandle: handle }, { objectHandle: handle, status: u32 }),
    LsarEnumeratePrivileges: operation(
      2,
      { policyHandle: handle, enumerationContext: u32, preferedMaximumLength: u32 },
      { enumerationContext: u32, enumerationBuffer: listOf(PRIVILEGE), status: u32 },
    ),
    LsarOpenPolicy: operation(
      6,
      { systemName: unique(u16), objectAttributes: OBJECT_ATTRIBUTES, desiredAccess: u32 },
      { policyHandle: handle, status: u32 },
    ),
    LsarQueryInformationPolicy: queryPolicy(7),
    LsarEnumerateAccounts: operation(
      11,
      { policyHandle: handle, enumerationContext: u32, preferedMaximumLength: u32 },
      { enumerationContext: u32, enumerationBuffer: SIDS, status: u32 },
    ),
    LsarEnumerateTrustedDomains: operation(
      13,
      { policyHandle: handle, enumerationContext: u32, preferedMaximumLength: u32 },
      { enumerationContext: u32, enumerationBuffer: listOf(TRUST_INFORMATION), status: u32 },
    ),
    LsarLookupNames: operation(
      14,
      {
        policyHandle: handle,
        ...NAMES,
        translatedSids: listOf(TRANSLATED_SID),
        lookupLevel: u16,
        mappedCount: u32,
      },
      {
        referencedDomains: REFERENCED_DOMAIN_LIST,
        translatedSids: listOf(TRANSLATED_SID),
        mappedCount: u32,
        status: u32,
      },
    ),
    LsarLookupSids: operation(
      15,
      {
        policyHandle: handle,
        sidEnumBuffer: SIDS,
        translatedNames: listOf(TRANSLATED_NAME),
        lookupLevel: u16,
        mappedCount: u32,
      },
      {
        referencedDomains: REFERENCED_DOMAIN_LIST,
        translatedNames: listOf(TRANSLATED_NAME),
        mappedCount: u32,
        status: u32,
      },
    ),
    LsarLookupPrivilegeValue: operation(
      31,
      { policyHandle: handle, name: unicodeString },
      { luidLow: u32, luidHigh: i32, status: u32 },
    ),
    LsarLookupPrivilegeName: operation(
      32,
      { policyHandle: handle, luidLow: u32, luidHigh: i32 },
      { name: pointer, status: u32 },
    ),
    LsarLookupPrivilegeDisplayName: operation(
      33,
      { policyHandle: handle, name: unicodeString, language: u16, defaultLanguage: u16 },
      { displayName: pointer, languageReturned: u16, status: u32 },
    ),
    LsarOpenPolicy2: operation(
      44,
      { systemName: unique(wstring), objectAttributes: OBJECT_ATTRIBUTES, desiredAccess: u32 },
      { policyHandle: handle, status: u32 },
    ),
    LsarGetUserName: operation(
      45,
      { systemName: unique(wstring), userName: pointer, domainName: wanted },
      { userName: pointer, domainName: wanted, status: u32 },
    ),
    LsarQueryInformationPolicy2: queryPolicy(46),
    LsarLookupSids2: operation(
      57,
      {
        policyHandle: handle,
        sidEnumBuffer: SIDS,
        translatedNames: listOf(TRANSLATED_NAME_EX),
        lookupLevel: u16,
        mappedCount: u32,
        lookupOptions: u32,
        clientRevision: u32,
      },
      {
        referencedDomains: REFERENCED_DOMAIN_LIST,
        translatedNames: listOf(TRANSLATED_NAME_EX),
        mappedCount: u32,
        status: u32,
      },
    ),
    LsarLookupNames2: lookupNames(58, listOf(TRANSLATED_SID_EX)),
    LsarLookupNames3: lookupNames(68, listOf(TRANSLATED_SID_EX2)),
    LsarLookupSids3: operation(
      76,
      { sidEnumBuffer: SIDS, translatedNames: listOf(TRANSLATED_NAME_EX), ...LOOKUP },
      {
        referencedDomains: REFERENCED_DOMAIN_LIST,
        translatedNames: listOf(TRANSLATED_NAME_EX),
        mappedCount: u32,
        status: u32,
      },
    ),
    LsarLookupNames4: operation(
      77,
      { ...NAMES, translatedSids: listOf(TRANSLATED_SID_EX2), ...LOOKUP },
      {
        referencedDomains: REFERENCED_DOMAIN_LIST,
        translatedSids: listOf(TRANSLATED_SID_EX2),
        mappedCount: u32,
        status: u32,
      },
    ),
    LsarOpenPolicy3: operation(
      130,
      {
        systemName: unique(wstring),
        objectAttributes: OBJECT_ATTRIBUTES,
        desiredAccess: u32,
        inVersion: u32,
        inRevisionInfo: REVISION_INFO,
      },
      { outVersion: u32, outRevisionInfo: REVISION_INFO, policyHandle: handle, status: u32 },
    ),
  },
} as const;
