/** The system's users and groups, as far as passwd(5) and group(5) hold them. */
import { readFileSync } from 'node:fs';
import type { Account } from '../ipc/control-plane.ts';

type Identity = NonNullable<Account['identity']>;

export interface SystemUser {
  readonly name: string;
  readonly identity: Identity;
}

export interface SystemAccounts {
  userByName(name: string): SystemUser | undefined;
  userById(uid: number): SystemUser | undefined;
  /** The user's home folder; undefined where there is none. */
  homeOf(name: string): string | undefined;
  /** Where the user is at home, and by which program; undefined: nobody has that number. */
  loginOf(uid: number): { readonly home: string; readonly shell: string } | undefined;
  groupId(name: string): number | undefined;
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
  uidByName(name: string): number | undefined;
  gidByName(name: string): number | undefined;
  /** By the primary group or as a member; names compare without case, as share lists do. */
  isMember(user: string, group: string): boolean;
}

interface PasswdLine {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

interface GroupLine {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** As the files are now. A file that cannot be read has no entries. */
export function readSystemAccounts(etc = '/etc'): SystemAccounts {
  return systemAccounts(linesOf(`${etc}/passwd`), linesOf(`${etc}/group`));
}

export function systemAccounts(
  passwdLines: readonly string[],
  groupLines: readonly string[],
): SystemAccounts {
  const users = passwdLines.flatMap(parsePasswd);
  const groups = groupLines.flatMap(parseGroup);
  const identify = (user: PasswdLine | undefined): SystemUser | undefined => {
    if (user === undefined) return undefined;
    const { name, uid, gid } = user;
    const others = groups.filter((group) => group.gid !== gid && group.members.includes(name));
    return { name, identity: { uid, gid, groups: others.map((group) => group.gid) } };
  };
  return {
    userByName: (name) => identify(users.find((user) => user.name === name)),
    userById: (uid) => identify(users.find((user) => user.uid === uid)),
    homeOf: (name) => users.find((user) => user.name === name)?.home || undefined,
    loginOf: (uid) => users.find((user) => user.uid === uid),
    groupId: (name) => groups.find((group) => group.name === name)?.gid,
    userName: (uid) => users.find((user) => user.uid === uid)?.name,
    groupName: (gid) => groups.find((group) => group.gid === gid)?.name,
    uidByName: (name) => users.find((user) => sameName(user.name, name))?.uid,
    gidByName: (name) => groups.find((group) => sameName(group.name, name))?.gid,
    isMember(user, group) {
      const found = groups.find(({ name }) => sameName(name, group));
      if (found === undefined) return false;
      if (found.members.some((member) => sameName(member, user))) return true;
      return users.some(({ name, gid }) => gid === found.gid && sameName(name, user));
    },
  };
}

export const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** 2^32-1 means "no change" to the kernel and is nobody's. */
const MAXIMUM_ID = 0xffff_fffe;

function id(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  return Number(text) <= MAXIMUM_ID ? Number(text) : undefined;
}

function parsePasswd(line: string): PasswdLine[] {
  const [name, , uidText, gidText, , home = '', shell = ''] = line.split(':');
  const uid = id(uidText);
  const gid = id(gidText);
  return name && uid !== undefined && gid !== undefined ? [{ name, uid, gid, home, shell }] : [];
}

function parseGroup(line: string): GroupLine[] {
  const [name, , gidText, members] = line.split(':');
  const gid = id(gidText);
  if (!name || gid === undefined) return [];
  return [{ name, gid, members: (members ?? '').split(',').filter((member) => member !== '') }];
}
