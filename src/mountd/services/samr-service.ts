/**
 * The Security Account Manager (MS-SAMR 3.1.5): who has an account here, for those that list or name users.
 * samr-changes.ts has what changes accounts, samr-groups.ts what concerns groups.
 */
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_ENTRIES,
  STATUS_NO_SUCH_ALIAS,
  STATUS_NO_SUCH_DOMAIN,
  STATUS_NO_SUCH_GROUP,
  STATUS_NO_SUCH_USER,
  STATUS_NONE_MAPPED,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SOME_NOT_MAPPED,
  STATUS_SUCCESS,
} from '../../dtyp/ntstatus.ts';
import { type Sid, sidInDomain } from '../../dtyp/sid.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { SAMR } from '../../rpc/samr.ts';
import { NO_HANDLE, SidNameUse } from '../../rpc/security-types.ts';
import { ContextHandles } from './context-handles.ts';
import {
  ALIAS_RIGHTS,
  DOMAIN_RIGHTS,
  descriptorOf,
  GROUP_RIGHTS,
  SERVER_RIGHTS,
  USER_RIGHTS,
} from './object-security.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import { type DisplayInput, displayBuffer, displayed, userInformation } from './sam-information.ts';
import {
  aliasesOf,
  entriesOf,
  GROUP_ATTRIBUTES,
  membersOf,
  type SamDomain,
  type SamObject,
  samDomains,
} from './sam-objects.ts';
import { changeHandlers } from './samr-changes.ts';
import { groupHandlers } from './samr-groups.ts';
import { domainInformation, grantedOf, setDomain, shortRulesOf } from './samr-policy.ts';
import type { ServiceContext } from './share-catalogue.ts';

type Operations = typeof SAMR.operations;
type Enumeration = OutputOf<Operations['SamrEnumerateGroupsInDomain']>;

/** 105: there is more to be had by the next call (2.2.1.15). */
const STATUS_MORE_ENTRIES = 0x0000_0105;
/** 3.1.5.11.1: "Count is greater than 1000". */
const MAX_LOOKUPS = 1000;
/** An entry of an enumeration beside its name, by which Windows reckons (3.1.5.2.1). */
const ENTRY_BYTES = 12;

export function createSamrService(context: ServiceContext): RpcService {
  const { principals, groups: store, guard } = context;
  const [own, builtin] = samDomains(principals, store, guard);
  const domains = [own, builtin];
  const handles = new ContextHandles<SamObject>();
  const open = (object: SamObject) => {
    const handle = handles.open(object);
    return handle === undefined
      ? { handle: NO_HANDLE, status: STATUS_INSUFFICIENT_RESOURCES }
      : { handle, status: STATUS_SUCCESS };
  };
  const connect = () => open({ kind: 'server' });
  const on = new Opened(handles);
  const find = <T extends { readonly rid: number }>(
    handle: Buffer,
    rid: number,
    list: (domain: SamDomain) => readonly T[],
    make: (found: T, domain: SamDomain) => SamObject,
    missing: number,
  ) => {
    const domain = on.domain(handle);
    if (typeof domain === 'number') return { handle: NO_HANDLE, status: domain };
    const found = list(domain).find((one) => one.rid === rid);
    return found === undefined ? { handle: NO_HANDLE, status: missing } : open(make(found, domain));
  };
  const groupOf = (domain: SamDomain) => domain.groups();
  const aliasOf = (domain: SamDomain) => domain.aliases();
  const queryDomain = ({
    handle,
    informationClass,
  }: InputOf<Operations['SamrQueryInformationDomain']>) =>
    told(on.domain(handle), (domain) => domainInformation(informationClass, domain, guard.policy));
  const queryUser = ({
    handle,
    informationClass,
  }: InputOf<Operations['SamrQueryInformationUser']>) =>
    told(on.user(handle), ({ user }) =>
      userInformation(informationClass, user, guard.stateOf(user.name)),
    );
  const queryDisplay = (input: DisplayInput) => display(on.domain(input.handle), input);
  const findUser = (name: string) =>
    own.users().find((user) => user.name.toLowerCase() === name.toLowerCase());
  const changes = { context, own, handles, open, findUser };
  return serveInterface(SAMR, {
    ...changeHandlers(changes),
    ...groupHandlers(changes),
    SamrConnect: connect,
    SamrConnect2: connect,
    SamrConnect3: connect,
    SamrConnect4: connect,
    SamrConnect5: ({ inVersion }) =>
      inVersion === 1
        ? { ...REVISION, ...connect() }
        : { ...REVISION, handle: NO_HANDLE, status: STATUS_NOT_SUPPORTED },
    SamrCloseHandle: ({ handle }) => ({ handle: handles.close(handle), status: STATUS_SUCCESS }),
    SamrQuerySecurityObject: ({ handle, securityInformation }) => {
      const descriptor = descriptorOf(RIGHTS[handles.get(handle).kind], securityInformation);
      return { securityDescriptor: { descriptor }, status: STATUS_SUCCESS };
    },
    SamrLookupDomainInSamServer: ({ handle, name }) => {
      handles.get(handle);
      if (name === null) return { domainId: null, status: STATUS_INVALID_PARAMETER };
      const found = domains.find((one) => one.name.toLowerCase() === name.toLowerCase());
      return found === undefined
        ? { domainId: null, status: STATUS_NO_SUCH_DOMAIN }
        : { domainId: found.sid, status: STATUS_SUCCESS };
    },
    SamrEnumerateDomainsInSamServer: (input) => {
      handles.get(input.handle);
      return enumerate(
        domains.map(({ name }, rid) => ({ rid, name })),
        input,
      );
    },
    SamrOpenDomain: ({ handle, desiredAccess, domainId }) => {
      handles.get(handle);
      const domain = domains.find(({ sid }) => sid === domainId);
      return domain === undefined
        ? { handle: NO_HANDLE, status: STATUS_NO_SUCH_DOMAIN }
        : open({ kind: 'domain', domain, granted: grantedOf(desiredAccess, context) });
    },
    SamrQueryInformationDomain: queryDomain,
    SamrQueryInformationDomain2: queryDomain,
    SamrSetInformationDomain: (input) => ({ status: setDomain(context, handles, input) }),
    SamrEnumerateGroupsInDomain: (input) => listed(on.domain(input.handle), groupOf, input),
    SamrEnumerateAliasesInDomain: (input) => listed(on.domain(input.handle), aliasOf, input),
    SamrEnumerateUsersInDomain: (input) => {
      const { userAccountControl: wanted } = input;
      const users = (domain: SamDomain) =>
        domain.users().filter(({ control }) => wanted === 0 || (control & wanted) !== 0);
      return listed(on.domain(input.handle), users, input);
    },
    SamrGetAliasMembership: ({ handle, sidArray }) => {
      const domain = on.domain(handle);
      if (typeof domain === 'number') return { membership: { entries: null }, status: domain };
      const sids = (sidArray.entries ?? []).filter((sid): sid is Sid => sid !== null);
      const entries = aliasesOf(domain, own, sids, store);
      return { membership: { entries }, status: STATUS_SUCCESS };
    },
    SamrLookupNamesInDomain: ({ handle, names }) => lookupNames(on.domain(handle), names),
    SamrLookupIdsInDomain: ({ handle, relativeIds }) => lookupIds(on.domain(handle), relativeIds),
    SamrOpenUser: ({ handle, rid }) =>
      find(
        handle,
        rid,
        (domain) => domain.users(),
        (user, domain) => ({ kind: 'user', user, domain }),
        STATUS_NO_SUCH_USER,
      ),
    SamrOpenGroup: ({ handle, rid }) =>
      find(
        handle,
        rid,
        groupOf,
        (group, domain) => ({ kind: 'group', group, domain }),
        STATUS_NO_SUCH_GROUP,
      ),
    SamrOpenAlias: ({ handle, rid }) =>
      find(
        handle,
        rid,
        aliasOf,
        (group, domain) => ({ kind: 'alias', group, domain }),
        STATUS_NO_SUCH_ALIAS,
      ),
    SamrQueryInformationUser: queryUser,
    SamrQueryInformationUser2: queryUser,
    SamrGetGroupsForUser: ({ handle }) => {
      const object = on.user(handle);
      if (typeof object === 'number') return { groups: null, status: object };
      const sid = sidInDomain(own.sid, object.user.rid);
      const others = own
        .groups()
        .filter((group) => membersOf(own, own, group.rid, store).includes(sid));
      const entries = others.map(({ rid }) => ({ relativeId: rid, attributes: GROUP_ATTRIBUTES }));
      return { groups: { entries }, status: STATUS_SUCCESS };
    },
    SamrQueryDisplayInformation: queryDisplay,
    SamrQueryDisplayInformation2: queryDisplay,
    SamrQueryDisplayInformation3: queryDisplay,
    SamrGetUserDomainPasswordInformation: ({ handle }) => {
      const object = on.user(handle);
      return {
        information: shortRulesOf(guard.policy),
        status: typeof object === 'number' ? object : STATUS_SUCCESS,
      };
    },
    SamrGetDomainPasswordInformation: () => ({
      information: shortRulesOf(guard.policy),
      status: STATUS_SUCCESS,
    }),
    SamrRidToSid: ({ handle, rid }) => {
      const object = handles.get(handle);
      return object.kind === 'server'
        ? { sid: null, status: STATUS_OBJECT_TYPE_MISMATCH }
        : { sid: sidInDomain(object.domain.sid, rid), status: STATUS_SUCCESS };
    },
  });
}

const RIGHTS = {
  server: SERVER_RIGHTS,
  domain: DOMAIN_RIGHTS,
  group: GROUP_RIGHTS,
  alias: ALIAS_RIGHTS,
  user: USER_RIGHTS,
};

/** 2.2.7.15: passwords are to come encrypted by AES. */
const USES_AES = 0x10;
/** The client may send what the last revision has. */
const REVISION = {
  outVersion: 1,
  outRevisionInfo: { tag: 1, value: { revision: 3, supportedFeatures: USES_AES } },
} as const;

/** A handle of the wrong kind is OBJECT_TYPE_MISMATCH; one that is none faults. */
class Opened {
  readonly #handles: ContextHandles<SamObject>;

  constructor(handles: ContextHandles<SamObject>) {
    this.#handles = handles;
  }

  domain(handle: Buffer): SamDomain | number {
    const object = this.#handles.get(handle);
    return object.kind === 'domain' ? object.domain : STATUS_OBJECT_TYPE_MISMATCH;
  }

  user(handle: Buffer) {
    const object = this.#handles.get(handle);
    return object.kind === 'user' ? object : STATUS_OBJECT_TYPE_MISMATCH;
  }
}

function told<O, T>(object: O | number, answer: (object: O) => T | null) {
  if (typeof object === 'number') return { information: null, status: object };
  const information = answer(object);
  return { information, status: information === null ? STATUS_INVALID_INFO_CLASS : STATUS_SUCCESS };
}

interface Named {
  readonly rid: number;
  readonly name: string;
}

interface Range {
  readonly enumerationContext: number;
  readonly preferedMaximumLength: number;
}

function listed(
  domain: SamDomain | number,
  list: (domain: SamDomain) => readonly Named[],
  range: Range,
): Enumeration {
  if (typeof domain !== 'number') return enumerate(list(domain), range);
  return { ...range, buffer: null, countReturned: 0, status: domain };
}

/** 3.1.5.2: from the context on as much as the client has room for, but one entry at least. */
function enumerate(all: readonly Named[], range: Range): Enumeration {
  const { enumerationContext: from, preferedMaximumLength } = range;
  let room = preferedMaximumLength;
  let to = from;
  for (; to < all.length; to++) {
    room -= ENTRY_BYTES + 2 * all[to]!.name.length;
    if (room < 0 && to > from) break;
  }
  const entries = all.slice(from, to).map(({ rid, name }) => ({ relativeId: rid, name }));
  return {
    enumerationContext: to,
    buffer: { entries },
    countReturned: entries.length,
    status: to < all.length ? STATUS_MORE_ENTRIES : STATUS_SUCCESS,
  };
}

function display(domain: SamDomain | number, { displayClass, index, ...most }: DisplayInput) {
  const objects = typeof domain === 'number' ? undefined : displayed(displayClass, domain);
  if (objects === undefined) {
    const status = typeof domain === 'number' ? domain : STATUS_INVALID_INFO_CLASS;
    const buffer = displayBuffer(displayClass, [], 0);
    return { totalAvailable: 0, totalReturned: 0, buffer, status };
  }
  let room = most.preferredMaximumLength;
  let to = index;
  for (; to < objects.length && to - index < most.entryCount; to++) {
    room -= ENTRY_BYTES + 2 * objects[to]!.name.length;
    if (room < 0 && to > index) break;
  }
  const part = objects.slice(index, to);
  const bytes = (list: typeof part) =>
    list.reduce((sum, { name }) => sum + ENTRY_BYTES + 2 * name.length, 0);
  return {
    totalAvailable: bytes(objects as typeof part),
    totalReturned: bytes(part),
    buffer: displayBuffer(displayClass, part, index),
    status: status(index, to, objects.length),
  };
}

function status(from: number, to: number, count: number): number {
  if (to < count) return STATUS_MORE_ENTRIES;
  return from > 0 && from >= count ? STATUS_NO_MORE_ENTRIES : STATUS_SUCCESS;
}

const outcome = (asked: number, mapped: number): number => {
  if (mapped === asked) return STATUS_SUCCESS;
  return mapped === 0 ? STATUS_NONE_MAPPED : STATUS_SOME_NOT_MAPPED;
};

function lookupNames(domain: SamDomain | number, names: readonly (string | null)[]) {
  const none = { relativeIds: { entries: null }, use: { entries: null } };
  if (typeof domain === 'number') return { ...none, status: domain };
  if (names.length > MAX_LOOKUPS) return { ...none, status: STATUS_INVALID_PARAMETER };
  const byName = new Map(entriesOf(domain).map((one) => [one.name.toLowerCase(), one]));
  const found = names.map((name) => byName.get((name ?? '').toLowerCase()));
  const mapped = found.filter((one) => one !== undefined).length;
  if (mapped === 0) return { ...none, status: outcome(names.length, mapped) };
  return {
    relativeIds: { entries: found.map((one) => one?.rid ?? 0) },
    use: { entries: found.map((one) => one?.use ?? SidNameUse.SidTypeUnknown) },
    status: outcome(names.length, mapped),
  };
}

function lookupIds(domain: SamDomain | number, rids: readonly number[]) {
  const none = { names: { entries: null }, use: { entries: null } };
  if (typeof domain === 'number') return { ...none, status: domain };
  if (rids.length > MAX_LOOKUPS) return { ...none, status: STATUS_INVALID_PARAMETER };
  const byRid = new Map(entriesOf(domain).map((one) => [one.rid, one]));
  const found = rids.map((rid) => byRid.get(rid));
  const mapped = found.filter((one) => one !== undefined).length;
  return {
    names: { entries: found.map((one) => one?.name ?? null) },
    use: { entries: found.map((one) => one?.use ?? SidNameUse.SidTypeUnknown) },
    status: outcome(rids.length, mapped),
  };
}
