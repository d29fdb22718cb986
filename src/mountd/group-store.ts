/**
 * Groups of this server's own (MS-SAMR 3.1.1.1): groups and aliases that administrators make by management interfaces,
 * and who was put into them and into the built-in aliases. In `groups.json` of the state directory. The system knows
 * nothing of them: they count in security descriptors, rights and lists of shares.
 */
import type { Logger } from '../base/log.ts';
import { BUILTIN_DOMAIN, parseSid, type Sid, sidInDomain, splitSid } from '../dtyp/sid.ts';
import { FIRST_LOCAL_GROUP_RID, isLocalGroupRid } from '../dtyp/unix-sids.ts';
import { KeptRecord } from './kept-record.ts';

/** A group has users of its domain; an alias has whoever has a SID, groups among them. */
export type GroupKind = 'group' | 'alias';

export interface LocalGroup {
  readonly kind: GroupKind;
  readonly rid: number;
  readonly name: string;
  readonly comment: string;
}

export type GroupChange = 'done' | 'exists' | 'missing' | 'bad-name' | 'too-many' | 'unwritable';

/** In the state directory. */
export const GROUPS_FILE = 'groups.json';

/** Each login looks through all of them. */
const MAX_GROUPS = 1000;
/** Of one group; the whole file is written with each change. */
const MAX_MEMBERS = 5000;
/** MS-SAMR 3.1.1.6 allows 256 characters in a name; a comment is shown in one line. */
const MAX_NAME_LENGTH = 256;
const MAX_COMMENT_LENGTH = 1024;

interface Kept {
  /** RIDs are never used twice: descriptors of files may name one that is gone. */
  readonly nextRid: number;
  readonly groups: readonly LocalGroup[];
  /** Of groups here and of built-in aliases, by SID. */
  readonly members: Readonly<Record<Sid, readonly Sid[]>>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isLocalGroup = (value: unknown): boolean =>
  isObject(value) &&
  (value.kind === 'group' || value.kind === 'alias') &&
  typeof value.rid === 'number' &&
  isLocalGroupRid(value.rid) &&
  typeof value.name === 'string' &&
  typeof value.comment === 'string';

const isSid = (value: unknown): boolean =>
  typeof value === 'string' && parseSid(value) !== undefined;

export function parseGroups(value: unknown): Kept | undefined {
  if (!isObject(value) || !Array.isArray(value.groups) || !isObject(value.members)) {
    return undefined;
  }
  const { nextRid, groups, members } = value;
  const good =
    typeof nextRid === 'number' &&
    groups.every(isLocalGroup) &&
    Object.entries(members).every(
      ([sid, list]) => isSid(sid) && Array.isArray(list) && list.every(isSid),
    );
  return good ? (value as unknown as Kept) : undefined;
}

/** MS-SAMR 3.1.1.6: of a sAMAccountName, what Windows takes for groups. */
export const isGroupName = (name: string): boolean =>
  name.length > 0 &&
  name.length <= MAX_NAME_LENGTH &&
  !/["/\\[\]:|<>+=;?,*@\p{Cc}\p{Cs}\u2028\u2029]/u.test(name) &&
  name === name.trim() &&
  !name.endsWith('.');

export class GroupStore {
  readonly #kept: KeptRecord<Kept>;
  readonly #log: Logger;
  readonly #machineSid: Sid;

  /** `path` undefined: nothing outlives the process. */
  constructor(path: string | undefined, machineSid: Sid, log: Logger) {
    this.#log = log;
    this.#machineSid = machineSid;
    const initial = { nextRid: FIRST_LOCAL_GROUP_RID, groups: [], members: {} };
    this.#kept = new KeptRecord<Kept>({ path, initial, parse: parseGroups, log });
  }

  /** In the order in which they were made. */
  get groups(): readonly LocalGroup[] {
    return this.#kept.value.groups;
  }

  sidOf({ rid }: Pick<LocalGroup, 'rid'>): Sid {
    return sidInDomain(this.#machineSid, rid);
  }

  bySid(sid: Sid): LocalGroup | undefined {
    const split = splitSid(sid);
    if (split?.domain !== this.#machineSid) return undefined;
    return this.groups.find(({ rid }) => rid === split.rid);
  }

  byName(name: string): LocalGroup | undefined {
    const wanted = name.toLowerCase();
    return this.groups.find((group) => group.name.toLowerCase() === wanted);
  }

  /** Those that were put into it: a built-in alias has others by what they are. */
  membersOf(sid: Sid): readonly Sid[] {
    const { members } = this.#kept.value;
    return Object.hasOwn(members, sid) ? members[sid]! : [];
  }

  /** The groups that whoever is all of these is in: of groups here first, of aliases by those, too. */
  groupsOf(sids: readonly Sid[]): Sid[] {
    const { members } = this.#kept.value;
    const lists = Object.entries(members) as [Sid, readonly Sid[]][];
    if (lists.length === 0) return [];
    const all = new Set(sids);
    const found: Sid[] = [];
    const isGroup = (sid: Sid): boolean => this.bySid(sid)?.kind === 'group';
    for (const groupsOnly of [true, false]) {
      for (const [sid, list] of lists) {
        if (isGroup(sid) !== groupsOnly || !list.some((member) => all.has(member))) continue;
        found.push(sid);
        if (groupsOnly) all.add(sid);
      }
    }
    return found;
  }

  create(kind: GroupKind, name: string, by: string): GroupChange {
    if (!isGroupName(name)) return 'bad-name';
    if (this.byName(name) !== undefined) return 'exists';
    const { nextRid, groups, members } = this.#kept.value;
    if (groups.length >= MAX_GROUPS || !isLocalGroupRid(nextRid)) return 'too-many';
    const made = { kind, rid: nextRid, name, comment: '' };
    const next = { nextRid: nextRid + 1, groups: [...groups, made], members };
    return this.#replace(next, 'a group was made', { group: name, by });
  }

  /** With all that name it as a member. */
  remove(sid: Sid, by: string): GroupChange {
    const group = this.bySid(sid);
    if (group === undefined) return 'missing';
    const { nextRid, groups, members } = this.#kept.value;
    const rest = withoutMember(members, sid);
    delete rest[sid];
    const next = { nextRid, groups: groups.filter((one) => one !== group), members: rest };
    return this.#replace(next, 'a group was removed', { group: group.name, by });
  }

  change(sid: Sid, change: Partial<Pick<LocalGroup, 'name' | 'comment'>>, by: string): GroupChange {
    const group = this.bySid(sid);
    if (group === undefined) return 'missing';
    const { name, comment = '' } = change;
    if (name !== undefined && !isGroupName(name)) return 'bad-name';
    if (comment.length > MAX_COMMENT_LENGTH) return 'too-many';
    const holder = name === undefined ? undefined : this.byName(name);
    if (holder !== undefined && holder !== group) return 'exists';
    const kept = this.#kept.value;
    const groups = kept.groups.map((one) => (one === group ? { ...group, ...change } : one));
    return this.#replace({ ...kept, groups }, 'a group was changed', {
      group: group.name,
      ...change,
      by,
    });
  }

  /** To a group here or a built-in alias. */
  addMember(sid: Sid, member: Sid, by: string): GroupChange {
    if (!this.#mayHaveMembers(sid)) return 'missing';
    const list = this.membersOf(sid);
    if (list.includes(member)) return 'exists';
    if (list.length >= MAX_MEMBERS) return 'too-many';
    return this.#setMembers(sid, [...list, member], 'a group has a new member', { member, by });
  }

  removeMember(sid: Sid, member: Sid, by: string): GroupChange {
    const list = this.membersOf(sid);
    if (!list.includes(member)) return 'missing';
    const rest = list.filter((one) => one !== member);
    return this.#setMembers(sid, rest, 'a group has lost a member', { member, by });
  }

  /** From all that `isOf` says. */
  removeEverywhere(member: Sid, isOf: (sid: Sid) => boolean, by: string): GroupChange {
    const kept = this.#kept.value;
    const rest = withoutMember(kept.members, member, isOf);
    if (Object.entries(kept.members).every(([sid, list]) => rest[sid as Sid] === list)) {
      return 'done';
    }
    return this.#replace({ ...kept, members: rest }, 'groups have lost a member', { member, by });
  }

  #mayHaveMembers(sid: Sid): boolean {
    return splitSid(sid)?.domain === BUILTIN_DOMAIN || this.bySid(sid) !== undefined;
  }

  #setMembers(sid: Sid, list: readonly Sid[], what: string, details: object): GroupChange {
    const kept = this.#kept.value;
    const members: Record<Sid, readonly Sid[]> = { ...kept.members, [sid]: list };
    if (list.length === 0) delete members[sid];
    const group = this.bySid(sid)?.name ?? sid;
    return this.#replace({ ...kept, members }, what, { group, ...details });
  }

  #replace(kept: Kept, what: string, details: Record<string, unknown>): GroupChange {
    if (!this.#kept.replace(kept)) return 'unwritable';
    this.#log.info(what, details);
    return 'done';
  }
}

function withoutMember(
  members: Kept['members'],
  member: Sid,
  isOf: (sid: Sid) => boolean = () => true,
): Record<Sid, readonly Sid[]> {
  const rest: Record<Sid, readonly Sid[]> = {};
  for (const [sid, list] of Object.entries(members) as [Sid, readonly Sid[]][]) {
    const left = isOf(sid) && list.includes(member) ? list.filter((one) => one !== member) : list;
    if (left.length > 0) rest[sid] = left;
  }
  return rest;
}
