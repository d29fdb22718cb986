/** The Security Account Manager (MS-SAMR 2.2, 3.1.5): what this server answers of it. Others have parts of it: samr-domains.ts, samr-groups.ts, samr-users.ts, samr-passwords.ts. */
import {
  conformantVaryingArray,
  counted,
  enumUnion,
  octets,
  struct,
  u8,
  u16,
  u32,
  union,
  unique,
  wstring,
} from './ndr.ts';
import { operation } from './operation.ts';
import { DOMAIN_INFORMATION, DOMAIN_INFORMATION_BUFFER } from './samr-domains.ts';
import { GROUP_OPERATIONS, listOf, PSID_ARRAY } from './samr-groups.ts';
import { PASSWORD_OPERATIONS } from './samr-passwords.ts';
import { USER_INFORMATION } from './samr-users.ts';
import { contextHandle as handle, rpcSid, unicodeString } from './security-types.ts';

const serverName = unique(wstring);

/** 2.2.7.4. */
const ULONG_ARRAY = listOf(u32);
const RETURNED_USTRING_ARRAY = listOf(unicodeString);
/** 2.2.7.9. */
const ENUMERATION_BUFFER = unique(listOf(struct({ relativeId: u32, name: unicodeString })));
const SR_SECURITY_DESCRIPTOR = struct({ descriptor: counted(octets) });

const USER_DOMAIN_PASSWORD_INFORMATION = struct({
  minPasswordLength: u16,
  passwordProperties: u32,
});

// --- 2.2.8: display lists ------------------------------------------------------------------------

const OEM_STRING = struct({
  length: u16,
  maximumLength: u16,
  buffer: unique(conformantVaryingArray(u8)),
});
const DISPLAY_INFO = enumUnion({
  1: listOf(
    struct({
      index: u32,
      rid: u32,
      accountControl: u32,
      accountName: unicodeString,
      adminComment: unicodeString,
      fullName: unicodeString,
    }),
  ),
  2: listOf(
    struct({
      index: u32,
      rid: u32,
      accountControl: u32,
      accountName: unicodeString,
      adminComment: unicodeString,
    }),
  ),
  3: listOf(
    struct({
      index: u32,
      rid: u32,
      attributes: u32,
      accountName: unicodeString,
      adminComment: unicodeString,
    }),
  ),
  4: listOf(struct({ index: u32, accountName: OEM_STRING })),
  5: listOf(struct({ index: u32, accountName: OEM_STRING })),
});

// --- 3.1.5 ---------------------------------------------------------------------------------------

const opened = { handle, status: u32 };

const enumeration = (opnum: number) =>
  operation(
    opnum,
    { handle, enumerationContext: u32, preferedMaximumLength: u32 },
    { enumerationContext: u32, buffer: ENUMERATION_BUFFER, countReturned: u32, status: u32 },
  );

const openObject = (opnum: number) =>
  operation(opnum, { handle, desiredAccess: u32, rid: u32 }, opened);

const queryDomain = (opnum: number) =>
  operation(
    opnum,
    { handle, informationClass: u16 },
    { information: DOMAIN_INFORMATION, status: u32 },
  );

const queryUser = (opnum: number) =>
  operation(
    opnum,
    { handle, informationClass: u16 },
    { information: USER_INFORMATION, status: u32 },
  );

const queryDisplay = (opnum: number) =>
  operation(
    opnum,
    { handle, displayClass: u16, index: u32, entryCount: u32, preferredMaximumLength: u32 },
    { totalAvailable: u32, totalReturned: u32, buffer: DISPLAY_INFO, status: u32 },
  );

const REVISION_INFO = union({ 1: struct({ revision: u32, supportedFeatures: u32 }) });

export const SAMR = {
  name: 'samr',
  syntax: { uuid: '12345778-1234-abcd-ef00-0123456789ac', major: 1, minor: 0 },
  operations: {
    ...PASSWORD_OPERATIONS,
    ...GROUP_OPERATIONS,
    SamrConnect: operation(0, { serverName: unique(u16), desiredAccess: u32 }, opened),
    SamrCloseHandle: operation(1, { handle }, opened),
    SamrQuerySecurityObject: operation(
      3,
      { handle, securityInformation: u32 },
      { securityDescriptor: unique(SR_SECURITY_DESCRIPTOR), status: u32 },
    ),
    SamrLookupDomainInSamServer: operation(
      5,
      { handle, name: unicodeString },
      { domainId: unique(rpcSid), status: u32 },
    ),
    SamrEnumerateDomainsInSamServer: enumeration(6),
    SamrOpenDomain: operation(7, { handle, desiredAccess: u32, domainId: rpcSid }, opened),
    SamrQueryInformationDomain: queryDomain(8),
    SamrSetInformationDomain: operation(
      9,
      { handle, informationClass: u16, information: DOMAIN_INFORMATION_BUFFER },
      { status: u32 },
    ),
    SamrEnumerateGroupsInDomain: enumeration(11),
    SamrEnumerateUsersInDomain: operation(
      13,
      { handle, enumerationContext: u32, userAccountControl: u32, preferedMaximumLength: u32 },
      { enumerationContext: u32, buffer: ENUMERATION_BUFFER, countReturned: u32, status: u32 },
    ),
    SamrEnumerateAliasesInDomain: enumeration(15),
    SamrGetAliasMembership: operation(
      16,
      { handle, sidArray: PSID_ARRAY },
      { membership: ULONG_ARRAY, status: u32 },
    ),
    SamrLookupNamesInDomain: operation(
      17,
      { handle, count: u32, names: conformantVaryingArray(unicodeString) },
      { relativeIds: ULONG_ARRAY, use: ULONG_ARRAY, status: u32 },
    ),
    SamrLookupIdsInDomain: operation(
      18,
      { handle, count: u32, relativeIds: conformantVaryingArray(u32) },
      { names: RETURNED_USTRING_ARRAY, use: ULONG_ARRAY, status: u32 },
    ),
    SamrOpenGroup: openObject(19),
    SamrOpenAlias: openObject(27),
    SamrOpenUser: openObject(34),
    SamrQueryInformationUser: queryUser(36),
    SamrGetGroupsForUser: operation(
      39,
      { handle },
      { groups: unique(listOf(struct({ relativeId: u32, attributes: u32 }))), status: u32 },
    ),
    SamrQueryDisplayInformation: queryDisplay(40),
    SamrGetUserDomainPasswordInformation: operation(
      44,
      { handle },
      { information: USER_DOMAIN_PASSWORD_INFORMATION, status: u32 },
    ),
    SamrQueryInformationDomain2: queryDomain(46),
    SamrQueryInformationUser2: queryUser(47),
    SamrQueryDisplayInformation2: queryDisplay(48),
    SamrQueryDisplayInformation3: queryDisplay(51),
    SamrGetDomainPasswordInformation: operation(
      56,
      { unused: unique(unicodeString) },
      { information: USER_DOMAIN_PASSWORD_INFORMATION, status: u32 },
    ),
    SamrConnect2: operation(57, { serverName, desiredAccess: u32 }, opened),
    /** Of NT 4 with service packs; MS-SAMR leaves its number out. */
    SamrConnect3: operation(61, { serverName, unknown: u32, desiredAccess: u32 }, opened),
    SamrConnect4: operation(62, { serverName, clientRevision: u32, desiredAccess: u32 }, opened),
    SamrConnect5: operation(
      64,
      { serverName, desiredAccess: u32, inVersion: u32, inRevisionInfo: REVISION_INFO },
      { outVersion: u32, outRevisionInfo: REVISION_INFO, ...opened },
    ),
    SamrRidToSid: operation(65, { handle, rid: u32 }, { sid: unique(rpcSid), status: u32 }),
  },
} as const;
