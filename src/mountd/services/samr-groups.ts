/**
 * MS-SAMR 3.1.5.4.2, 3.1.5.4.3, 3.1.5.6.2, 3.1.5.6.3, 3.1.5.7.1, 3.1.5.7.2, 3.1.5.8: groups and aliases, who is in them,
 * and administrators who make, change, fill and remove them. Whoever was put into one has it in the token of the next
 * tree connect.
 */
import {
  STATUS_ACCESS_DENIED,
  STATUS_ALIAS_EXISTS,
  STATUS_GROUP_EXISTS,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_ACCOUNT_NAME,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_MEMBER,
  STATUS_MEMBER_IN_ALIAS,
  STATUS_MEMBER_IN_GROUP,
  STATUS_MEMBER_NOT_IN_ALIAS,
  STATUS_MEMBER_NOT_IN_GROUP,
  STATUS_NO_SUCH_ALIAS,
  STATUS_NO_SUCH_GROUP,
  STATUS_NO_SUCH_MEMBER,
  STATUS_NO_SUCH_USER,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SPECIAL_GROUP,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
  STATUS_USER_EXISTS,
} from '../../dtyp/ntstatus.ts';
import { BUILTIN_DOMAIN, type Sid, sidInDomain, splitSid } from '../../dtyp/sid.ts';
import { isLocalGroupRid } from '../../dtyp/unix-sids.ts';
import type { InputOf } from '../../rpc/operation.ts';
import type { GROUP_OPERATIONS } from '../../rpc/samr-groups.ts';
import { NO_HANDLE, SidNameUse } from '../../rpc/security-types.ts';
import type { GroupChange, GroupKind } from '../group-store.ts';
import { RID_NONE } from '../principals.ts';
import type { Handlers } from './rpc-service.ts';
import { aliasInformation, groupInformation } from './sam-information.ts';
import {
  GROUP_ATTRIBUTES,
  membersOf,
  type SamDomain,
  type SamGroup,
  type SamObject,
  samGroup,
} from './sam-objects.ts';
import type { Changes } from './samr-changes.ts';

type Operations = typeof GROUP_OPERATIONS;

const NOT_MADE = { handle: NO_HANDLE, relativeId: 0 };

/** What 'exists' and 'missing' are depends on what was to be done. */
const statusOf = (change: GroupChange, exists: number, missing: number): number => {
  switch (change) {
    case 'done':
      return STATUS_SUCCESS;
    case 'exists':
      return exists;
    case 'missing':
      return missing;
    case 'bad-name':
      return STATUS_INVALID_ACCOUNT_NAME;
    case 'too-many':
      return STATUS_INSUFFICIENT_RESOURCES;
    case 'unwritable':
      return STATUS_UNSUCCESSFUL;
  }
};

const EXISTS = { group: STATUS_GROUP_EXISTS, alias: STATUS_ALIAS_EXISTS };
const MISSING = { group: STATUS_NO_SUCH_GROUP, alias: STATUS_NO_SUCH_ALIAS };

/** A group as it is now: it may have been renamed, or be gone, since its handle was opened. */
interface OpenedGroup {
  readonly sid: Sid;
  readonly group: SamGroup;
  readonly domain: SamDomain;
}

class Groups {
  readonly #changes: Changes;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** The status where there is none. */
  find(handle: Buffer, kind: GroupKind): OpenedGroup | number {
    const object: SamObject = this.#changes.handles.get(handle);
    if ((object.kind !== 'group' && object.kind !== 'alias') || object.kind !== kind) {
      return STATUS_OBJECT_TYPE_MISMATCH;
    }
    const { domain, group } = object;
    const now = samGroup(domain, group.rid);
    return now === undefined
      ? MISSING[kind]
      : { sid: sidInDomain(domain.sid, group.rid), group: now, domain };
  }

  /** What an administrator does to it. */
  change(handle: Buffer, kind: GroupKind, work: (opened: OpenedGroup) => number): number {
    const opened = this.find(handle, kind);
    if (typeof opened === 'number') return opened;
    return this.#changes.context.administrator ? work(opened) : STATUS_ACCESS_DENIED;
  }
}

export function groupHandlers(changes: Changes): Handlers<Operations> {
  const { context, own } = changes;
  const { groups: store, principals, account } = context;
  const by = account.name;
  const opened = new Groups(changes);
  const create = (kind: GroupKind, handle: Buffer, name: string) => {
    const object = changes.handles.get(handle);
    if (object.kind !== 'domain') return { ...NOT_MADE, status: STATUS_OBJECT_TYPE_MISMATCH };
    const { domain } = object;
    // 3.1.5.4.1: nothing is made in the built-in domain.
    if (!context.administrator || domain.sid !== principals.machineSid) {
      return { ...NOT_MADE, status: STATUS_ACCESS_DENIED };
    }
    const taken = takenBy(changes, name);
    if (taken !== undefined) return { ...NOT_MADE, status: taken.status };
    const status = statusOf(store.create(kind, name, by), EXISTS[kind], MISSING[kind]);
    const made = status === STATUS_SUCCESS ? store.byName(name) : undefined;
    if (made === undefined) return { ...NOT_MADE, status };
    return { relativeId: made.rid, ...changes.open({ kind, group: made, domain }) };
  };
  const remove = (kind: GroupKind, handle: Buffer) => {
    const status = opened.change(handle, kind, ({ sid, group, domain }) => {
      // 3.1.5.7: those that are always there stay, and a group that is not empty.
      if (store.bySid(sid) === undefined) return STATUS_SPECIAL_GROUP;
      const isFilled = membersOf(domain, own, group.rid, store).length > 0;
      if (kind === 'group' && isFilled) return STATUS_MEMBER_IN_GROUP;
      return statusOf(store.remove(sid, by), EXISTS[kind], MISSING[kind]);
    });
    if (status !== STATUS_SUCCESS) return { handle, status };
    return { handle: changes.handles.close(handle), status };
  };
  const rename = (
    kind: GroupKind,
    { sid }: OpenedGroup,
    change: { readonly name?: string; readonly comment?: string },
  ): number => {
    if (store.bySid(sid) === undefined) return STATUS_SPECIAL_GROUP;
    const taken = change.name === undefined ? undefined : takenBy(changes, change.name);
    if (taken !== undefined && taken.sid !== sid) return taken.status;
    return statusOf(store.change(sid, change, by), EXISTS[kind], MISSING[kind]);
  };
  /** 3.1.5.8.1, 3.1.5.8.2: users of the same domain. */
  const ofGroup = (
    { handle, memberId }: InputOf<Operations['SamrRemoveMemberFromGroup']>,
    work: (opened: OpenedGroup, member: Sid) => number,
  ) => ({
    status: opened.change(handle, 'group', (one) => {
      if (!own.users().some(({ rid }) => rid === memberId)) return STATUS_NO_SUCH_USER;
      // Everybody is in it, and nobody can leave it.
      if (one.group.rid === RID_NONE) return STATUS_SPECIAL_GROUP;
      return work(one, sidInDomain(own.sid, memberId));
    }),
  });
  const addToAlias = ({ sid }: OpenedGroup, member: Sid): number => {
    const unfit = unfitForAlias(changes, member);
    if (unfit !== undefined) return unfit;
    const change = store.addMember(sid, member, by);
    return statusOf(change, STATUS_MEMBER_IN_ALIAS, STATUS_NO_SUCH_ALIAS);
  };
  const takeFromAlias = ({ sid }: OpenedGroup, member: Sid): number =>
    statusOf(store.removeMember(sid, member, by), EXISTS.alias, STATUS_MEMBER_NOT_IN_ALIAS);
  /** 3.1.5.8.8, 3.1.5.8.9: one after the other; `ignored` is no reason to stop. */
  const ofAll = (
    { handle, members }: InputOf<Operations['SamrAddMultipleMembersToAlias']>,
    work: (opened: OpenedGroup, member: Sid) => number,
    ignored: number,
  ) => ({
    status: opened.change(handle, 'alias', (one) => {
      for (const member of members.entries ?? []) {
        const status = member === null ? STATUS_NO_SUCH_MEMBER : work(one, member);
        if (status !== STATUS_SUCCESS && status !== ignored) return status;
      }
      return STATUS_SUCCESS;
    }),
  });
  return {
    SamrCreateGroupInDomain: ({ handle, name }) => create('group', handle, name ?? ''),
    SamrCreateAliasInDomain: ({ handle, name }) => create('alias', handle, name ?? ''),
    SamrDeleteGroup: ({ handle }) => remove('group', handle),
    SamrDeleteAlias: ({ handle }) => remove('alias', handle),
    SamrQueryInformationGroup: ({ handle, informationClass }) => {
      const found = opened.find(handle, 'group');
      if (typeof found === 'number') return { information: null, status: found };
      const count = membersOf(found.domain, own, found.group.rid, store).length;
      return told(groupInformation(informationClass, found.group, count));
    },
    SamrQueryInformationAlias: ({ handle, informationClass }) => {
      const found = opened.find(handle, 'alias');
      if (typeof found === 'number') return { information: null, status: found };
      const count = membersOf(found.domain, own, found.group.rid, store).length;
      return told(aliasInformation(informationClass, found.group, count));
    },
    SamrSetInformationGroup: ({ handle, information }) => ({
      status: opened.change(handle, 'group', (one) => {
        switch (information.tag) {
          case 2:
            return rename('group', one, { name: information.value.name ?? '' });
          case 3:
            // 3.1.5.14.7: what they always are.
            return STATUS_SUCCESS;
          case 4:
            return rename('group', one, { comment: information.value.adminComment ?? '' });
          default:
            return STATUS_INVALID_INFO_CLASS;
        }
      }),
    }),
    SamrSetInformationAlias: ({ handle, information }) => ({
      status: opened.change(handle, 'alias', (one) => {
        switch (information.tag) {
          case 2:
            return rename('alias', one, { name: information.value.name ?? '' });
          case 3:
            return rename('alias', one, { comment: information.value.adminComment ?? '' });
          default:
            return STATUS_INVALID_INFO_CLASS;
        }
      }),
    }),
    SamrAddMemberToGroup: (input) =>
      ofGroup(input, ({ sid }, member) =>
        statusOf(store.addMember(sid, member, by), STATUS_MEMBER_IN_GROUP, STATUS_NO_SUCH_GROUP),
      ),
    SamrRemoveMemberFromGroup: (input) =>
      ofGroup(input, ({ sid }, member) =>
        statusOf(store.removeMember(sid, member, by), EXISTS.group, STATUS_MEMBER_NOT_IN_GROUP),
      ),
    SamrGetMembersInGroup: ({ handle }) => {
      const found = opened.find(handle, 'group');
      if (typeof found === 'number') return { members: null, status: found };
      const sids = membersOf(found.domain, own, found.group.rid, store);
      const members = sids.map((sid) => splitSid(sid)!.rid);
      const attributes = members.map(() => GROUP_ATTRIBUTES);
      return { members: { count: members.length, members, attributes }, status: STATUS_SUCCESS };
    },
    // 3.1.5.13.2: of who is a member; there is one kind of membership.
    SamrSetMemberAttributesOfGroup: ({ handle, memberId }) => ({
      status: opened.change(handle, 'group', ({ group, domain }) => {
        const member = sidInDomain(own.sid, memberId);
        const isMember = membersOf(domain, own, group.rid, store).includes(member);
        return isMember ? STATUS_SUCCESS : STATUS_MEMBER_NOT_IN_GROUP;
      }),
    }),
    SamrAddMemberToAlias: ({ handle, memberId }) => ({
      status: opened.change(handle, 'alias', (one) => addToAlias(one, memberId)),
    }),
    SamrRemoveMemberFromAlias: ({ handle, memberId }) => ({
      status: opened.change(handle, 'alias', (one) => takeFromAlias(one, memberId)),
    }),
    SamrAddMultipleMembersToAlias: (input) => ofAll(input, addToAlias, STATUS_MEMBER_IN_ALIAS),
    SamrRemoveMultipleMembersFromAlias: (input) =>
      ofAll(input, takeFromAlias, STATUS_MEMBER_NOT_IN_ALIAS),
    SamrGetMembersInAlias: ({ handle }) => {
      const found = opened.find(handle, 'alias');
      if (typeof found === 'number') return { members: { entries: null }, status: found };
      const entries = membersOf(found.domain, own, found.group.rid, store);
      return { members: { entries }, status: STATUS_SUCCESS };
    },
    // 3.1.5.8.7: out of all aliases of the domain.
    SamrRemoveMemberFromForeignDomain: ({ handle, memberSid }) => {
      const object = changes.handles.get(handle);
      if (object.kind !== 'domain') return { status: STATUS_OBJECT_TYPE_MISMATCH };
      if (!context.administrator) return { status: STATUS_ACCESS_DENIED };
      const { domain } = object;
      const isItsAlias = (sid: Sid): boolean => {
        const split = splitSid(sid);
        return split?.domain === domain.sid && samGroup(domain, split.rid)?.kind === 'alias';
      };
      const change = store.removeEverywhere(memberSid, isItsAlias, by);
      return { status: statusOf(change, STATUS_SUCCESS, STATUS_SUCCESS) };
    },
  };
}

/** 3.1.5.4.1: a name is one object's in this domain and the built-in one. */
function takenBy(
  { context: { principals } }: Changes,
  name: string,
): { readonly sid: Sid; readonly status: number } | undefined {
  const own = principals.byName(`${principals.machineName}\\${name}`);
  const found = own ?? principals.byName(`BUILTIN\\${name}`);
  switch (found?.use) {
    case SidNameUse.SidTypeUser:
      return { sid: found.sid, status: STATUS_USER_EXISTS };
    case SidNameUse.SidTypeGroup:
      return { sid: found.sid, status: STATUS_GROUP_EXISTS };
    case SidNameUse.SidTypeAlias:
      return { sid: found.sid, status: STATUS_ALIAS_EXISTS };
    default:
      return undefined;
  }
}

/** 3.1.5.8.4: who is of this domain has to be there; as on Windows, no alias is in another. */
function unfitForAlias({ context: { principals } }: Changes, member: Sid): number | undefined {
  const domain = splitSid(member)?.domain;
  if (domain === undefined || domain === BUILTIN_DOMAIN) return STATUS_INVALID_MEMBER;
  const found = principals.bySid(member);
  if (found?.use === SidNameUse.SidTypeDomain) return STATUS_INVALID_MEMBER;
  if (domain !== principals.machineSid) return undefined;
  if (found === undefined) return STATUS_NO_SUCH_MEMBER;
  // The system's groups are called aliases, too, but have nothing of these in them.
  const isAlias = found.use === SidNameUse.SidTypeAlias && isLocalGroupRid(splitSid(member)!.rid);
  return isAlias ? STATUS_INVALID_MEMBER : undefined;
}

const told = <T>(information: T | null) => ({
  information,
  status: information === null ? STATUS_INVALID_INFO_CLASS : STATUS_SUCCESS,
});
