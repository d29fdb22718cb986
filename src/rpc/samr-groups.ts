/** MS-SAMR 2.2.4, 2.2.5, 3.1.5.4, 3.1.5.6, 3.1.5.7, 3.1.5.8: groups and aliases, what is told of them and what changes them. */
import {
  conformantArray,
  counted,
  enumUnion,
  type NdrType,
  struct,
  u16,
  u32,
  unique,
} from './ndr.ts';
import { operation } from './operation.ts';
import { contextHandle as handle, rpcSid, unicodeString } from './security-types.ts';

export const listOf = <T>(element: NdrType<T>) =>
  struct({ entries: counted(conformantArray(element)) });

/** 2.2.7.3. */
export const PSID_ARRAY = listOf(unique(rpcSid));

const GROUP_GENERAL = struct({
  name: unicodeString,
  attributes: u32,
  memberCount: u32,
  adminComment: unicodeString,
});
/** 2.2.4.7. */
const GROUP_INFORMATION = enumUnion({
  1: GROUP_GENERAL,
  2: struct({ name: unicodeString }),
  3: struct({ attributes: u32 }),
  4: struct({ adminComment: unicodeString }),
  5: GROUP_GENERAL,
});
/** 2.2.5.6. */
const ALIAS_INFORMATION = enumUnion({
  1: struct({ name: unicodeString, memberCount: u32, adminComment: unicodeString }),
  2: struct({ name: unicodeString }),
  3: struct({ adminComment: unicodeString }),
});

const done = { status: u32 };
const query = { handle, informationClass: u16 };

const creation = (opnum: number) =>
  operation(
    opnum,
    { handle, name: unicodeString, desiredAccess: u32 },
    { handle, relativeId: u32, status: u32 },
  );
const removal = (opnum: number) => operation(opnum, { handle }, { handle, status: u32 });
const ofMember = (opnum: number) => operation(opnum, { handle, memberId: rpcSid }, done);
const ofMembers = (opnum: number) => operation(opnum, { handle, members: PSID_ARRAY }, done);

export const GROUP_OPERATIONS = {
  SamrCreateGroupInDomain: creation(10),
  SamrCreateAliasInDomain: creation(14),
  SamrQueryInformationGroup: operation(20, query, {
    information: unique(GROUP_INFORMATION),
    status: u32,
  }),
  SamrSetInformationGroup: operation(21, { ...query, information: GROUP_INFORMATION }, done),
  SamrAddMemberToGroup: operation(22, { handle, memberId: u32, attributes: u32 }, done),
  SamrDeleteGroup: removal(23),
  SamrRemoveMemberFromGroup: operation(24, { handle, memberId: u32 }, done),
  SamrGetMembersInGroup: operation(
    25,
    { handle },
    {
      members: unique(
        struct({
          count: u32,
          members: unique(conformantArray(u32)),
          attributes: unique(conformantArray(u32)),
        }),
      ),
      status: u32,
    },
  ),
  SamrSetMemberAttributesOfGroup: operation(26, { handle, memberId: u32, attributes: u32 }, done),
  SamrQueryInformationAlias: operation(28, query, {
    information: unique(ALIAS_INFORMATION),
    status: u32,
  }),
  SamrSetInformationAlias: operation(29, { ...query, information: ALIAS_INFORMATION }, done),
  SamrDeleteAlias: removal(30),
  SamrAddMemberToAlias: ofMember(31),
  SamrRemoveMemberFromAlias: ofMember(32),
  SamrGetMembersInAlias: operation(33, { handle }, { members: PSID_ARRAY, status: u32 }),
  SamrRemoveMemberFromForeignDomain: operation(45, { handle, memberSid: rpcSid }, done),
  SamrAddMultipleMembersToAlias: ofMembers(52),
  SamrRemoveMultipleMembersFromAlias: ofMembers(53),
} as const;
