/** Directory Services Setup (MS-DSSP 2.2, 3.2.5, chapter 6): whether a machine is in a domain. */
import { enumUnion, struct, u16, u32, unique, wstring } from './ndr.ts';
import { operation } from './operation.ts';
import { fixedOctets } from './security-types.ts';

/** DSROLE_MACHINE_ROLE, MS-DSSP 2.2.1. */
export const DsRole_RoleStandaloneServer = 2;

/** DSROLER_PRIMARY_DOMAIN_INFORMATION, MS-DSSP 2.2.6, by DSROLE_PRIMARY_DOMAIN_INFO_LEVEL. */
const INFORMATION = unique(
  enumUnion({
    1: struct({
      machineRole: u16,
      flags: u32,
      domainNameFlat: unique(wstring),
      domainNameDns: unique(wstring),
      domainForestName: unique(wstring),
      domainGuid: fixedOctets(16, 4),
    }),
    2: struct({ operationState: u32, previousServerState: u16 }),
    3: struct({ operationState: u16 }),
  }),
);

export const DSSETUP = {
  name: 'lsarpc',
  syntax: { uuid: '3919286a-b10c-11d0-9ba8-00c04fd92ef5', major: 0, minor: 0 },
  operations: {
    DsRolerGetPrimaryDomainInformation: operation(
      0,
      { infoLevel: u16 },
      { domainInfo: INFORMATION, status: u32 },
    ),
  },
} as const;
