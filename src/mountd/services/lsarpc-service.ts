/**
 * The Local Security Authority: who has which SID (MS-LSAT 3.1.4), and what of the policies of a machine
 * without a domain can be told (MS-LSAD 3.1.4). A Security tab asks it for every name that it shows.
 */
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_ENTRIES,
  STATUS_NO_SUCH_PRIVILEGE,
  STATUS_NONE_MAPPED,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SOME_NOT_MAPPED,
  STATUS_SUCCESS,
} from '../../dtyp/ntstatus.ts';
import { type Sid, splitSid } from '../../dtyp/sid.ts';
import { LSARPC } from '../../rpc/lsarpc.ts';
import type { TRUST_OPERATIONS } from '../../rpc/lsarpc-accounts.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { NO_HANDLE, SidNameUse } from '../../rpc/security-types.ts';
import { PRIVILEGES, privilegeByLuid, privilegeByName } from '../policy-store.ts';
import { BUILTIN_NAME, type Principal, type Principals } from '../principals.ts';
import { accountHandlers } from './lsarpc-accounts.ts';
import { LsaObjects, objectHandlers } from './lsarpc-objects.ts';
import { secretHandlers } from './lsarpc-secrets.ts';
import { type Handlers, type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

type Operations = typeof LSARPC.operations;

/** MS-LSAT 3.1.4: "range(0,1000)" of names, 20480 SIDs. */
const MAX_NAMES = 1000;
const MAX_SIDS = 20_480;

/** The language of what is displayed: US English. */
const ENGLISH = 0x0409;

export function createLsarpcService(context: ServiceContext): RpcService {
  const { principals } = context;
  const objects = new LsaObjects(context);
  const { handles } = objects;
  const open = () => {
    const { handle, status } = objects.open({ kind: 'policy' });
    return { policyHandle: handle, status };
  };
  const within = <I extends { readonly policyHandle: Buffer }, O>(answer: (input: I) => O) => {
    return (input: I): O => {
      handles.get(input.policyHandle);
      return answer(input);
    };
  };
  return serveInterface(LSARPC, {
    ...objectHandlers(objects),
    ...accountHandlers(objects),
    ...secretHandlers(objects),
    ...trustHandlers(objects),
    LsarClose: ({ objectHandle }) => ({
      objectHandle: handles.close(objectHandle),
      status: STATUS_SUCCESS,
    }),
    LsarOpenPolicy: open,
    LsarOpenPolicy2: open,
    // Windows 11 asks it first; no feature more than LsarOpenPolicy2 has.
    LsarOpenPolicy3: ({ inVersion }) =>
      inVersion === 1
        ? { ...REVISION, ...open() }
        : { ...REVISION, policyHandle: NO_HANDLE, status: STATUS_NOT_SUPPORTED },
    LsarGetUserName: (input) => getUserName(input, context),
    LsarQueryInformationPolicy: within((input) => queryPolicy(input, context)),
    LsarQueryInformationPolicy2: within((input) => queryPolicy(input, context)),
    LsarEnumeratePrivileges: within(enumeratePrivileges),
    LsarLookupPrivilegeValue: within(({ name }) => {
      const found = privilegeByName(name);
      return found === undefined
        ? { luidLow: 0, luidHigh: 0, status: STATUS_NO_SUCH_PRIVILEGE }
        : { luidLow: found.luid, luidHigh: 0, status: STATUS_SUCCESS };
    }),
    LsarLookupPrivilegeName: within(({ luidLow, luidHigh }) => {
      const found = privilegeByLuid(luidLow, luidHigh);
      return found === undefined
        ? { name: null, status: STATUS_NO_SUCH_PRIVILEGE }
        : { name: found.name, status: STATUS_SUCCESS };
    }),
    LsarLookupPrivilegeDisplayName: within(({ name }) => {
      const found = privilegeByName(name);
      return found === undefined
        ? { displayName: null, languageReturned: 0, status: STATUS_NO_SUCH_PRIVILEGE }
        : { displayName: found.display, languageReturned: ENGLISH, status: STATUS_SUCCESS };
    }),
    LsarEnumerateAccounts: (input) => enumerateAccounts(objects, input),
    LsarEnumerateTrustedDomains: within(({ enumerationContext }) => ({
      enumerationContext,
      enumerationBuffer: NOTHING,
      status: STATUS_NO_MORE_ENTRIES,
    })),
    LsarLookupSids: within(({ sidEnumBuffer }) => {
      const found = lookupSids(principals, sidEnumBuffer.entries);
      return { ...found, translatedNames: { entries: found.names } };
    }),
    LsarLookupSids2: within(({ sidEnumBuffer }) =>
      withFlags(lookupSids(principals, sidEnumBuffer.entries)),
    ),
    // The same without a handle: they tell nothing more than the calls with one.
    LsarLookupSids3: ({ sidEnumBuffer }) =>
      withFlags(lookupSids(principals, sidEnumBuffer.entries)),
    LsarLookupNames4: ({ names }) =>
      translated(principals, names, (one) => ({ sid: one?.sid ?? null, flags: 0 })),
    LsarLookupNames: within(({ names }) => translated(principals, names, ridOf)),
    LsarLookupNames2: within(({ names }) =>
      translated(principals, names, (one) => ({ ...ridOf(one), flags: 0 })),
    ),
    LsarLookupNames3: within(({ names }) =>
      translated(principals, names, (one) => ({ sid: one?.sid ?? null, flags: 0 })),
    ),
  });
}

const NOTHING = { entries: null };

/** MS-LSAD 3.1.4.4.9. */
const REVISION = {
  outVersion: 1,
  outRevisionInfo: { tag: 1, value: { revision: 1, supportedFeatures: 0 } },
} as const;

function withFlags(found: ReturnType<typeof lookupSids>) {
  const entries = found.names?.map((one) => ({ ...one, flags: 0 })) ?? null;
  return { ...found, translatedNames: { entries } };
}

/** MS-LSAT 3.1.4.4. Who is nobody has the name that MS-DTYP 2.4.2.4 gives S-1-5-7. */
function getUserName(
  { domainName }: InputOf<Operations['LsarGetUserName']>,
  { account, server }: ServiceContext,
): OutputOf<Operations['LsarGetUserName']> {
  const [domain, user] =
    account.kind === 'anonymous'
      ? ['NT AUTHORITY', 'ANONYMOUS LOGON']
      : ofDomain(account.name, server.name);
  return {
    userName: user,
    domainName: domainName === null ? null : { string: domain },
    status: STATUS_SUCCESS,
  };
}

/** Who is known to another domain alone has its name before his own. */
function ofDomain(name: string, machine: string): readonly [domain: string, user: string] {
  const slash = name.indexOf('\\');
  return slash < 0 ? [machine, name] : [name.slice(0, slash), name.slice(slash + 1)];
}

function enumeratePrivileges({
  enumerationContext,
}: InputOf<Operations['LsarEnumeratePrivileges']>): OutputOf<
  Operations['LsarEnumeratePrivileges']
> {
  const rest = PRIVILEGES.slice(enumerationContext);
  return {
    enumerationContext: PRIVILEGES.length,
    enumerationBuffer: {
      entries: rest.map(({ name, luid }) => ({ name, luidLow: luid, luidHigh: 0 })),
    },
    status: rest.length === 0 ? STATUS_NO_MORE_ENTRIES : STATUS_SUCCESS,
  };
}

/** What one SID takes in an enumeration, by which the client's room is reckoned. */
const ENTRY_BYTES = 36;

/** 3.1.4.5.2: from the context on as many as there is room for, but one at least. */
function enumerateAccounts(
  objects: LsaObjects,
  {
    policyHandle,
    enumerationContext: from,
    preferedMaximumLength,
  }: InputOf<Operations['LsarEnumerateAccounts']>,
): OutputOf<Operations['LsarEnumerateAccounts']> {
  const denied = objects.denies(policyHandle, 'policy', 'user');
  const none = { enumerationContext: from, enumerationBuffer: NOTHING };
  if (denied !== STATUS_SUCCESS) return { ...none, status: denied };
  const room = Math.max(1, Math.floor(preferedMaximumLength / ENTRY_BYTES));
  const entries = objects.context.policy.accounts().slice(from, from + room);
  return entries.length === 0
    ? { ...none, status: STATUS_NO_MORE_ENTRIES }
    : {
        enumerationContext: from + entries.length,
        enumerationBuffer: { entries },
        status: STATUS_SUCCESS,
      };
}

/** There are no trusted domains, so none is found. */
function trustHandlers(objects: LsaObjects): Handlers<typeof TRUST_OPERATIONS> {
  const asked = (handle: Buffer): number => {
    const denied = objects.denies(handle, 'policy', 'user');
    return denied === STATUS_SUCCESS ? STATUS_OBJECT_NAME_NOT_FOUND : denied;
  };
  const query = ({ policyHandle }: { readonly policyHandle: Buffer }) => ({
    information: null,
    status: asked(policyHandle),
  });
  const openDomain = ({ policyHandle }: { readonly policyHandle: Buffer }) => ({
    handle: NO_HANDLE,
    status: asked(policyHandle),
  });
  return {
    LsarOpenTrustedDomain: openDomain,
    LsarOpenTrustedDomainByName: openDomain,
    LsarQueryTrustedDomainInfo: query,
    LsarQueryTrustedDomainInfoByName: query,
    LsarQueryDomainInformationPolicy: query,
    LsarEnumerateTrustedDomainsEx: ({ policyHandle, enumerationContext }) => {
      objects.handles.get(policyHandle);
      const status = STATUS_NO_MORE_ENTRIES;
      return { enumerationContext, enumerationBuffer: NOTHING, status };
    },
  };
}

/** POLICY_LSA_SERVER_ROLE: PolicyServerRolePrimary, as on every machine that is no domain controller. */
const PRIMARY = 3;

/** MS-LSAD 3.1.4.4.4. The account domain is the machine; there is no other. */
function queryPolicy(
  { informationClass }: InputOf<Operations['LsarQueryInformationPolicy']>,
  { server, principals }: ServiceContext,
): OutputOf<Operations['LsarQueryInformationPolicy']> {
  const status = STATUS_SUCCESS;
  const { machineName: name, machineSid: sid } = principals;
  switch (informationClass) {
    case 2: {
      const value = { auditingMode: 0, options: null, maximumCount: 0 };
      return { policyInformation: { tag: 2, value }, status };
    }
    case 3: {
      const value = { name: server.workgroup, sid: null };
      return { policyInformation: { tag: 3, value }, status };
    }
    case 4:
      return { policyInformation: { tag: 4, value: { name: '' } }, status };
    case 5:
      return { policyInformation: { tag: 5, value: { name, sid } }, status };
    case 6:
      return { policyInformation: { tag: 6, value: { role: PRIMARY } }, status };
    case 12: {
      const none = { dnsDomainName: '', dnsForestName: '', domainGuid: Buffer.alloc(16) };
      return {
        policyInformation: { tag: 12, value: { name: server.workgroup, ...none, sid: null } },
        status,
      };
    }
    default:
      return { policyInformation: null, status: STATUS_INVALID_PARAMETER };
  }
}

// --- Lookups, MS-LSAT 3.1.4.5 to 3.1.4.11 --------------------------------------------------------

/** LSAPR_REFERENCED_DOMAIN_LIST while it grows; entries name their domain by its index. */
class ReferencedDomains {
  readonly #domains: { readonly name: string; readonly sid: Sid }[] = [];

  indexOf({ domain, domainSid }: Pick<Principal, 'domain' | 'domainSid'>): number {
    const there = this.#domains.findIndex((one) => one.sid === domainSid && one.name === domain);
    if (there >= 0) return there;
    this.#domains.push({ name: domain, sid: domainSid });
    return this.#domains.length - 1;
  }

  get list() {
    return { domains: this.#domains, maxEntries: 32 };
  }
}

function outcome(asked: number, mapped: number): number {
  if (mapped === asked) return STATUS_SUCCESS;
  return mapped === 0 ? STATUS_NONE_MAPPED : STATUS_SOME_NOT_MAPPED;
}

const REFUSED = {
  referencedDomains: null,
  names: null,
  mappedCount: 0,
  status: STATUS_INVALID_PARAMETER,
};

/** 3.1.4.10: a SID that nobody has is told as text. */
function lookupSids(principals: Principals, sids: readonly (Sid | null)[] | null) {
  const asked = sids ?? [];
  if (asked.length > MAX_SIDS || asked.some((sid) => sid === null)) return REFUSED;
  const domains = new ReferencedDomains();
  let mappedCount = 0;
  const names = asked.map((sid) => {
    const found = principals.bySid(sid!);
    if (found === undefined) return unknownSid(principals, domains, sid!);
    mappedCount += 1;
    const name = found.use === SidNameUse.SidTypeDomain ? found.domain : found.name;
    return { use: found.use as number, name, domainIndex: domains.indexOf(found) };
  });
  const status = outcome(asked.length, mappedCount);
  return { referencedDomains: domains.list, names, mappedCount, status };
}

/** One of this domain that is not there has its RID for a name; of any other at most the domain is known. */
function unknownSid(principals: Principals, domains: ReferencedDomains, sid: Sid) {
  const { machineName, machineSid } = principals;
  const split = splitSid(sid);
  const isOurs = split?.domain === machineSid;
  const domain = isOurs ? { domain: machineName, domainSid: machineSid } : principals.domainOf(sid);
  return {
    use: SidNameUse.SidTypeUnknown as number,
    name: isOurs ? split.rid.toString(16).padStart(8, '0') : sid,
    domainIndex: domain === undefined ? -1 : domains.indexOf(domain),
  };
}

/** Windows since 2003 takes a null pointer for the built-in domain. */
const NO_NAME = BUILTIN_NAME;

function translated<T extends object>(
  principals: Principals,
  names: readonly (string | null)[],
  entry: (found: Principal | undefined) => T,
) {
  if (names.length > MAX_NAMES) {
    return {
      referencedDomains: null,
      translatedSids: NOTHING,
      mappedCount: 0,
      status: STATUS_INVALID_PARAMETER,
    };
  }
  const domains = new ReferencedDomains();
  let mappedCount = 0;
  const entries = names.map((name) => {
    const found = principals.byName(name ?? NO_NAME);
    if (found === undefined) {
      return { use: SidNameUse.SidTypeUnknown as number, domainIndex: -1, ...entry(undefined) };
    }
    mappedCount += 1;
    return { use: found.use as number, domainIndex: domains.indexOf(found), ...entry(found) };
  });
  return {
    referencedDomains: domains.list,
    translatedSids: { entries },
    mappedCount,
    status: outcome(names.length, mappedCount),
  };
}

/** Of a domain, and of who is nobody, there is none. */
const NO_RID = 0xffff_ffff;

const ridOf = (found: Principal | undefined) => ({
  relativeId:
    found === undefined
      ? 0
      : found.use === SidNameUse.SidTypeDomain
        ? NO_RID
        : (splitSid(found.sid)?.rid ?? NO_RID),
});
