/**
 * MS-SAMR 3.1.5.5.2, 3.1.5.6.1 and 3.1.5.13.3-4: what is told of a domain, and what an administrator sets of it. The rules of
 * passwords and the lockout are those by which accounts are changed and logins judged (domain-policy.ts).
 */
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../../dtyp/ntstatus.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import type { SAMR } from '../../rpc/samr.ts';
import type { DomainPolicy, PolicyProblem } from '../domain-policy.ts';
import type { ContextHandles } from './context-handles.ts';
import { DOMAIN_RIGHTS } from './object-security.ts';
import type { SamDomain, SamObject } from './sam-objects.ts';
import type { ServiceContext } from './share-catalogue.ts';

type Operations = typeof SAMR.operations;
type DomainInformation = OutputOf<Operations['SamrQueryInformationDomain']>['information'];
type DomainSettings = InputOf<Operations['SamrSetInformationDomain']>['information'];

/** 2.2.1.4. */
const DOMAIN_WRITE_PASSWORD_PARAMS = 0x0000_0002;
const DOMAIN_WRITE_OTHER_PARAMETERS = 0x0000_0008;
const DOMAIN_ADMINISTER_SERVER = 0x0000_0400;
/** MS-DTYP 2.4.3, and what each stands for: 2.2.1.4. */
const GENERIC: readonly (readonly [generic: number, rights: number])[] = [
  [0x8000_0000, 0x0002_0084],
  [0x4000_0000, 0x0002_047a],
  [0x2000_0000, 0x0002_0301],
  [0x1000_0000, 0x000f_07ff],
  // MAXIMUM_ALLOWED: whatever there is.
  [0x0200_0000, 0x000f_07ff],
];

/**
 * Rights of a handle (3.1.5.1.5): of what is asked for what the domain's descriptor gives. The built-in domain has no
 * policy of its own to be written.
 */
export function grantedOf(desiredAccess: number, { administrator }: ServiceContext): number {
  let desired = desiredAccess;
  for (const [generic, rights] of GENERIC) if ((desiredAccess & generic) !== 0) desired |= rights;
  return desired & (administrator ? DOMAIN_RIGHTS.all : DOMAIN_RIGHTS.everyone);
}

/** DomainServerRolePrimary and DomainServerEnabled, 2.2.3.2 and 2.2.3.4. */
const PRIMARY = 3;
const ENABLED = 1;

const lockoutOf = (policy: DomainPolicy) => ({
  lockoutDuration: policy.lockoutDuration,
  lockoutObservationWindow: policy.lockoutObservationWindow,
  lockoutThreshold: policy.lockoutThreshold,
});

/** SAMPR_DOMAIN_PASSWORD_INFORMATION, 2.2.3.5. */
export const passwordRulesOf = (policy: DomainPolicy) => ({
  minPasswordLength: policy.minPasswordLength,
  passwordHistoryLength: policy.passwordHistoryLength,
  passwordProperties: policy.passwordProperties,
  maxPasswordAge: policy.maxPasswordAge,
  minPasswordAge: policy.minPasswordAge,
});

/** USER_DOMAIN_PASSWORD_INFORMATION, 2.2.3.18: the same, for whoever asks. */
export const shortRulesOf = ({ minPasswordLength, passwordProperties }: DomainPolicy) => ({
  minPasswordLength,
  passwordProperties,
});

/** Null: a class that there is not. */
export function domainInformation(
  informationClass: number,
  domain: SamDomain,
  policy: DomainPolicy,
): DomainInformation {
  const modified = { domainModifiedCount: 1n, creationTime: 0n };
  const { forceLogoff, oemInformation, replicaSourceNodeName } = policy;
  switch (informationClass) {
    case 1:
      return { tag: 1, value: passwordRulesOf(policy) };
    case 2:
      return { tag: 2, value: generalInformation(domain, policy) };
    case 3:
      return { tag: 3, value: { forceLogoff } };
    case 4:
      return { tag: 4, value: { oemInformation } };
    case 5:
      return { tag: 5, value: { domainName: domain.name } };
    case 6:
      return { tag: 6, value: { replicaSourceNodeName } };
    case 7:
      return { tag: 7, value: { domainServerRole: PRIMARY } };
    case 8:
      return { tag: 8, value: modified };
    case 9:
      return { tag: 9, value: { domainServerState: ENABLED } };
    case 11: {
      const general = generalInformation(domain, policy);
      return { tag: 11, value: { general, ...lockoutOf(policy) } };
    }
    case 12:
      return { tag: 12, value: lockoutOf(policy) };
    case 13:
      return { tag: 13, value: { ...modified, modifiedCountAtLastPromotion: 0n } };
    default:
      return null;
  }
}

const generalInformation = (domain: SamDomain, policy: DomainPolicy) => ({
  forceLogoff: policy.forceLogoff,
  oemInformation: policy.oemInformation,
  domainName: domain.name,
  replicaSourceNodeName: policy.replicaSourceNodeName,
  domainModifiedCount: 1n,
  domainServerState: ENABLED,
  domainServerRole: PRIMARY,
  // No password is held to the fourteen characters of LAN Manager (3.1.1.6, minPwdLength).
  uasCompatibilityRequired: 0,
  userCount: domain.users().length,
  groupCount: domain.groups().length,
  aliasCount: domain.aliases().length,
});

const STATUS_OF: Readonly<Record<PolicyProblem, number>> = {
  'bad-value': STATUS_INVALID_PARAMETER,
  'not-supported': STATUS_NOT_SUPPORTED,
  unwritable: STATUS_UNSUCCESSFUL,
};

/** 3.1.2.2: what a handle needs for each class; undefined: nobody sets that one. */
function rightFor({ tag }: DomainSettings): number | undefined {
  switch (tag) {
    case 1:
    case 12:
      return DOMAIN_WRITE_PASSWORD_PARAMS;
    case 3:
    case 4:
      return DOMAIN_WRITE_OTHER_PARAMETERS;
    case 6:
    case 7:
    case 9:
      return DOMAIN_ADMINISTER_SERVER;
    default:
      return undefined;
  }
}

export function setDomain(
  { guard, principals, account }: ServiceContext,
  handles: ContextHandles<SamObject>,
  { handle, information }: InputOf<Operations['SamrSetInformationDomain']>,
): number {
  const object = handles.get(handle);
  if (object.kind !== 'domain') return STATUS_OBJECT_TYPE_MISMATCH;
  const right = rightFor(information);
  if (right === undefined) return STATUS_INVALID_INFO_CLASS;
  if ((object.granted & right) === 0) return STATUS_ACCESS_DENIED;
  // DomainStateInformation: "The server MUST return STATUS_SUCCESS."
  if (information.tag === 9) return STATUS_SUCCESS;
  const some = settingsOf(information);
  // DomainServerRoleInformation: "If the server is not a DC, an error status MUST be returned."
  if (some === undefined) return STATUS_NOT_SUPPORTED;
  if (object.domain.sid !== principals.machineSid) return STATUS_ACCESS_DENIED;
  const problem = guard.domainPolicy.change(some, account.name);
  return problem === undefined ? STATUS_SUCCESS : STATUS_OF[problem];
}

function settingsOf({ tag, value }: DomainSettings): Partial<DomainPolicy> | undefined {
  switch (tag) {
    case 1:
    case 3:
    case 12:
      return value;
    case 4:
      return { oemInformation: value.oemInformation ?? '' };
    case 6:
      return { replicaSourceNodeName: value.replicaSourceNodeName ?? '' };
    default:
      return undefined;
  }
}
