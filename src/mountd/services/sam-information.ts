/** MS-SAMR 3.1.5.5: what is told of users, groups and domains, by information class. */

import { MUST_CHANGE } from '../../config/password-history.ts';
import { type FileTime, fromUnixNanoseconds, NO_TIME } from '../../dtyp/filetime.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import type { SAMR } from '../../rpc/samr.ts';
import type { PasswordState } from '../account-guard.ts';
import { RID_NONE } from '../principals.ts';
import type { SamDomain, SamGroup, SamUser } from './sam-objects.ts';
import { GROUP_ATTRIBUTES } from './sam-objects.ts';

type Operations = typeof SAMR.operations;
export type UserInformation = OutputOf<Operations['SamrQueryInformationUser']>['information'];
export type GroupInformation = OutputOf<Operations['SamrQueryInformationGroup']>['information'];
export type AliasInformation = OutputOf<Operations['SamrQueryInformationAlias']>['information'];
export type DisplayBuffer = OutputOf<Operations['SamrQueryDisplayInformation']>['buffer'];
export type DisplayInput = InputOf<Operations['SamrQueryDisplayInformation']>;

/** 2.2.2.2: the end of time, which stands for never. */
const NTTIME_NEVER = 0x7fff_ffff_ffff_ffffn;
/** 2.2.6.1: every hour of the week. */
const HOURS_PER_WEEK = 168;
const LOGON_HOURS = {
  unitsPerWeek: HOURS_PER_WEEK,
  logonHours: new Array<number>(HOURS_PER_WEEK / 8).fill(0xff),
};
const NO_BLOB = { length: 0, maximumLength: 0, buffer: null };

/** A time that is not known is that of nothing; MUST_CHANGE is 0 in both. */
const timeOf = (ms: number | undefined, unknown: FileTime): FileTime => {
  if (ms === undefined) return unknown;
  return ms === MUST_CHANGE ? NO_TIME : fromUnixNanoseconds(BigInt(ms) * 1_000_000n);
};

/** Null: a class that nobody may query, or none. */
export function userInformation(
  informationClass: number,
  user: SamUser,
  state: PasswordState,
): UserInformation {
  const names = { userName: user.name, fullName: '' };
  const ids = { userId: user.rid, primaryGroupId: RID_NONE };
  const home = { homeDirectory: '', homeDirectoryDrive: '' };
  const logon = { lastLogon: 0n, lastLogoff: 0n };
  const counts = { badPasswordCount: Math.min(state.badPasswordCount, 0xffff), logonCount: 0 };
  const passwords = {
    passwordLastSet: timeOf(state.setAtMs, NO_TIME),
    passwordCanChange: timeOf(state.canChangeMs, NO_TIME),
    passwordMustChange: timeOf(state.mustChangeMs, NTTIME_NEVER),
  };
  const isExpired = state.mustChangeMs !== undefined && state.mustChangeMs <= Date.now();
  const texts = { scriptPath: '', profilePath: '', workStations: '' };
  const userAccountControl = user.control;
  const accountExpires = NTTIME_NEVER;
  const comment = { adminComment: '', userComment: '' };
  switch (informationClass) {
    case 1:
      return { tag: 1, value: { ...names, primaryGroupId: RID_NONE, ...comment } };
    case 2:
      return { tag: 2, value: { userComment: '', reserved: null, countryCode: 0, codePage: 0 } };
    case 3:
      return {
        tag: 3,
        value: {
          ...{ ...names, ...ids, ...home, ...texts, ...logon, ...passwords },
          ...{ logonHours: LOGON_HOURS, ...counts, userAccountControl },
        },
      };
    case 4:
      return { tag: 4, value: { logonHours: LOGON_HOURS } };
    case 5:
      return {
        tag: 5,
        value: {
          ...{ ...names, ...ids, ...home, ...texts, adminComment: '', ...logon },
          ...{ logonHours: LOGON_HOURS, ...counts },
          passwordLastSet: passwords.passwordLastSet,
          ...{ accountExpires, userAccountControl },
        },
      };
    case 6:
      return { tag: 6, value: names };
    case 7:
      return { tag: 7, value: { userName: user.name } };
    case 8:
      return { tag: 8, value: { fullName: '' } };
    case 9:
      return { tag: 9, value: { primaryGroupId: RID_NONE } };
    case 10:
      return { tag: 10, value: home };
    case 11:
      return { tag: 11, value: { scriptPath: '' } };
    case 12:
      return { tag: 12, value: { profilePath: '' } };
    case 13:
      return { tag: 13, value: { adminComment: '' } };
    case 14:
      return { tag: 14, value: { workStations: '' } };
    case 16:
      return { tag: 16, value: { userAccountControl } };
    case 17:
      return { tag: 17, value: { accountExpires } };
    case 20:
      return { tag: 20, value: { parameters: null } };
    case 21:
      return {
        tag: 21,
        value: {
          ...{ ...logon, ...passwords, accountExpires, ...names, ...home, ...texts, ...comment },
          ...{ parameters: null, lmOwfPassword: NO_BLOB, ntOwfPassword: NO_BLOB },
          ...{ privateData: null, securityDescriptor: null, ...ids, userAccountControl },
          ...{ whichFields: ALL_FIELDS, logonHours: LOGON_HOURS, ...counts },
          ...{ countryCode: 0, codePage: 0, lmPasswordPresent: 0, ntPasswordPresent: 0 },
          ...{ passwordExpired: isExpired ? 1 : 0, privateDataSensitive: 0 },
        },
      };
    default:
      return null;
  }
}

/** 2.2.1.8: all that an account has but its secrets. */
const ALL_FIELDS = 0x00ff_ffff;

export function groupInformation(
  informationClass: number,
  { name, comment }: SamGroup,
  memberCount: number,
): GroupInformation {
  const general = { name, attributes: GROUP_ATTRIBUTES, memberCount, adminComment: comment };
  switch (informationClass) {
    case 1:
      return { tag: 1, value: general };
    case 2:
      return { tag: 2, value: { name } };
    case 3:
      return { tag: 3, value: { attributes: GROUP_ATTRIBUTES } };
    case 4:
      return { tag: 4, value: { adminComment: comment } };
    case 5:
      return { tag: 5, value: general };
    default:
      return null;
  }
}

export function aliasInformation(
  informationClass: number,
  { name, comment }: SamGroup,
  memberCount: number,
): AliasInformation {
  switch (informationClass) {
    case 1:
      return { tag: 1, value: { name, memberCount, adminComment: comment } };
    case 2:
      return { tag: 2, value: { name } };
    case 3:
      return { tag: 3, value: { adminComment: comment } };
    default:
      return null;
  }
}

/** Which of a domain's objects a display list is of; undefined for no such class. */
export function displayed(displayClass: number, domain: SamDomain) {
  if (displayClass === 1 || displayClass === 4) return domain.users();
  if (displayClass === 2) return [];
  if (displayClass === 3 || displayClass === 5) return domain.groups();
  return undefined;
}

/** Some of them, from the `first`-th on: 3.1.5.3. */
export function displayBuffer(
  displayClass: number,
  objects: readonly (SamUser | SamGroup)[],
  first: number,
): DisplayBuffer {
  const common = (object: SamUser | SamGroup, i: number) => ({
    index: first + i + 1,
    rid: object.rid,
    accountName: object.name,
    adminComment: object.kind === 'user' ? '' : object.comment,
  });
  const control = (object: SamUser | SamGroup) => (object.kind === 'user' ? object.control : 0);
  const oem = (object: SamUser | SamGroup, i: number) => ({
    index: first + i + 1,
    accountName: oemString(object.name),
  });
  switch (displayClass) {
    case 1: {
      const entries = objects.map((one, i) => ({
        ...common(one, i),
        accountControl: control(one),
        fullName: '',
      }));
      return { tag: 1, value: { entries } };
    }
    case 2:
      return { tag: 2, value: { entries: null } };
    case 3: {
      const entries = objects.map((one, i) => ({
        ...common(one, i),
        attributes: GROUP_ATTRIBUTES,
      }));
      return { tag: 3, value: { entries } };
    }
    case 4:
      return { tag: 4, value: { entries: objects.map(oem) } };
    case 5:
      return { tag: 5, value: { entries: objects.map(oem) } };
    default:
      return { tag: 'other', value: displayClass };
  }
}

/** Of the OEM code page only ASCII is known here; the rest is told as a question mark, as Windows does. */
function oemString(name: string) {
  const buffer = [...name].map((character) => {
    const code = character.codePointAt(0)!;
    return code < 0x80 ? code : 0x3f;
  });
  return { length: buffer.length, maximumLength: buffer.length, buffer };
}
