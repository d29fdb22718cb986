/** The groups of a state folder, for those who list them without asking a server. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SILENT_LOGGER } from '../base/log.ts';
import { readIdentity } from '../base/state-directory.ts';
import { BUILTIN_DOMAIN, type Sid, sidInDomain } from '../dtyp/sid.ts';
import { idOfRid } from '../dtyp/unix-sids.ts';
import { GROUPS_FILE, type GroupKind, GroupStore } from './group-store.ts';
import { BUILTIN_ALIASES } from './principals.ts';
import { readSystemAccounts } from './system-accounts.ts';

export interface ListedGroup {
  readonly name: string;
  readonly kind: GroupKind;
  readonly sid: Sid;
  readonly comment: string;
  /** By their names here, or their SIDs. */
  readonly members: readonly string[];
}

export function groupsIn(statePath: string): ListedGroup[] {
  const file = join(statePath, GROUPS_FILE);
  // Nothing is made by looking: a server that never ran has no SID yet.
  if (!existsSync(file)) return [];
  const { machineSid } = readIdentity(statePath);
  const store = new GroupStore(file, machineSid, SILENT_LOGGER);
  const system = readSystemAccounts();
  const told = (sid: Sid): string => {
    const group = store.bySid(sid);
    if (group !== undefined) return group.name;
    const id = sid.startsWith(`${machineSid}-`)
      ? idOfRid(Number(sid.split('-').at(-1)))
      : undefined;
    if (id === undefined) return sid;
    return (id.kind === 'user' ? system.userName(id.id) : system.groupName(id.id)) ?? sid;
  };
  const own = store.groups.map(({ kind, name, rid, comment }) => {
    const sid = sidInDomain(machineSid, rid);
    return { name, kind, sid, comment, members: store.membersOf(sid).map(told) };
  });
  const builtin = BUILTIN_ALIASES.map(([rid, name, comment]) => {
    const sid = sidInDomain(BUILTIN_DOMAIN, rid);
    return { name, kind: 'alias' as const, sid, comment, members: store.membersOf(sid).map(told) };
  });
  return [...own, ...builtin.filter(({ members }) => members.length > 0)];
}
